#include "assent/ctl/webhook.h"

#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "assent/base/json.h"
#include "assent/base/text.h"

/* --- bodies ----------------------------------------------------------------------------------- */

/* What the fields of a decision are called. `at` is for each of WEBHOOK_STATUSES. */
struct names {
    const char *request_id, *by, *reason;
    const char *approved_at, *denied_at;
};

static const struct names camel_case = {"requestId", "approvedBy", "denialReason", "approvedAt",
                                        "deniedAt"};
static const struct names snake_case = {"request_id", "approved_by", "denial_reason", "approved_at",
                                        "denied_at"};

static int set_text(json_t *object, const char *name, const char *value)
{
    return value ? json_object_set_new(object, name, json_string(value)) : 0;
}

static int set_decision(json_t *object, const struct webhook *webhook, const struct names *names)
{
    bool granted = strcmp(webhook->status, "approved") == 0;
    bool denied = strcmp(webhook->status, "denied") == 0;
    char at[TEXT_TIME_SIZE];

    text_from_time(webhook->at, at);
    if (set_text(object, names->request_id, webhook->request_id) < 0 ||
        set_text(object, "status", webhook->status) < 0 ||
        set_text(object, names->approved_at, granted ? at : NULL) < 0 ||
        set_text(object, names->denied_at, denied ? at : NULL) < 0 ||
        set_text(object, names->by, webhook->by) < 0) {
        return -ENOMEM;
    }
    return set_text(object, names->reason, webhook->reason) < 0 ? -ENOMEM : 0;
}

static const char *event_name(const char *status)
{
    if (strcmp(status, "approved") == 0) {
        return "approval.granted";
    }
    return strcmp(status, "denied") == 0 ? "approval.denied" : "approval.expired";
}

/* {"event", "event_id", "timestamp", ...} */
static int set_event(json_t *body, const struct webhook *webhook, const char *id_name,
                     const char *prefix)
{
    char id[128];
    char at[TEXT_TIME_SIZE];

    text_from_time(webhook->at, at);
    (void)snprintf(id, sizeof id, "%s%s", prefix, webhook->random);
    if (set_text(body, "event", event_name(webhook->status)) < 0 ||
        set_text(body, id_name, id) < 0 || set_text(body, "timestamp", at) < 0) {
        return -ENOMEM;
    }
    return 0;
}

static int set_envelope(json_t *body, const struct webhook *webhook)
{
    json_t *data = json_object();
    int r = set_event(body, webhook, "webhook_id", "wh_");

    if (r == 0) {
        r = data ? set_decision(data, webhook, &camel_case) : -ENOMEM;
    }
    /* Sets the reference to `data`, or drops it. */
    return json_object_set_new(body, "data", data) < 0 ? -ENOMEM : r;
}

static int set_body(json_t *body, const struct webhook *webhook)
{
    int r;

    if (strcmp(webhook->form, "envelope") == 0) {
        r = set_envelope(body, webhook);
    } else if (strcmp(webhook->form, "event") == 0) {
        r = set_event(body, webhook, "event_id", "evt_");
        r = r == 0 ? set_decision(body, webhook, &camel_case) : r;
    } else {
        r = set_decision(body, webhook,
                         strcmp(webhook->form, "python") == 0 ? &snake_case : &camel_case);
    }
    if (r == 0 && set_text(body, "event_id", webhook->event_id) < 0) {
        r = -ENOMEM;
    }
    return r;
}

/* The key that a token of a pointer stands for; to be freed. */
static char *key_of(const char *token, size_t length)
{
    char *key = strndup(token, length);
    char *out = key;

    for (const char *in = key; in && *in; in++) {
        *out++ = *in != '~' ? *in : *++in == '1' ? '/' : '~';
    }
    if (key) {
        *out = '\0';
    }
    return key;
}

/* The object of that name, which is made if there is none. */
static json_t *object_in(json_t *parent, const char *key)
{
    json_t *object = json_object_get(parent, key);

    if (!json_is_object(object)) {
        object = json_object();
        object = json_object_set_new(parent, key, object) < 0 ? NULL : object;
    }
    return object;
}

/* What the pointer leads through are objects, also where a number would be good for an array. */
static int set_at(json_t *body, const char *pointer, const char *value)
{
    json_t *parent = body;
    int r = 0;

    while (r == 0 && pointer && *pointer == '/' && value) {
        size_t length = strcspn(pointer + 1, "/");
        char *key = key_of(pointer + 1, length);

        pointer += 1 + length;
        if (!key || !parent) {
            r = -ENOMEM;
        } else if (*pointer == '\0') {
            r = set_text(parent, key, value) < 0 ? -ENOMEM : 0;
        } else {
            parent = object_in(parent, key);
        }
        free(key);
    }
    return r;
}

static int set_at_pointers(json_t *body, const struct webhook *webhook)
{
    const struct event_pointers *pointers = &webhook->pointers;
    char at[TEXT_TIME_SIZE];
    const char *const fields[][2] = {
        {pointers->request_id, webhook->request_id}, {pointers->decision, webhook->status},
        {pointers->decided_by, webhook->by},         {pointers->decided_at, at},
        {pointers->reason, webhook->reason},         {pointers->event_id, webhook->event_id},
    };
    int r = 0;

    text_from_time(webhook->at, at);
    for (size_t i = 0; i < sizeof fields / sizeof fields[0] && r == 0; i++) {
        r = set_at(body, fields[i][0], fields[i][1]);
    }
    return r;
}

int webhook_body(const struct webhook *webhook, struct buffer *out)
{
    json_t *body = json_object();
    int r = body ? set_body(body, webhook) : -ENOMEM;
    char *text;

    r = r == 0 ? set_at_pointers(body, webhook) : r;
    text = r == 0 ? json_text(body) : NULL;

    r = text ? buffer_append_text(out, text) : -ENOMEM;
    free(text);
    json_decref(body);
    return r;
}

/* --- where to --------------------------------------------------------------------------------- */

/* What reaches a listener on every address. */
static const char *reachable_host(const char *host, size_t length)
{
    static const char *const any[][2] = {{"0.0.0.0", "127.0.0.1"}, {"[::]", "[::1]"}};

    for (size_t i = 0; i < sizeof any / sizeof any[0]; i++) {
        if (strlen(any[i][0]) == length && strncmp(any[i][0], host, length) == 0) {
            return any[i][1];
        }
    }
    return NULL;
}

int webhook_target(const char *listen, const char *path, struct webhook_target *ret_target,
                   struct problem *ret_problem)
{
    struct webhook_target target = {.unix_socket = ""};
    bool is_unix = strncmp(listen, "unix:", 5) == 0;
    const char *colon = strrchr(listen, ':');
    const char *host = is_unix ? "localhost" : listen;
    size_t length = is_unix || !colon ? strlen(host) : (size_t)(colon - listen);
    const char *reachable = reachable_host(host, length);
    int written;

    if (is_unix) {
        written = snprintf(target.unix_socket, sizeof target.unix_socket, "%s", listen + 5);
        if (written >= (int)sizeof target.unix_socket) {
            problem_set(ret_problem, "the socket's path is too long: %.200s", listen + 5);
            return -EINVAL;
        }
    }
    written = snprintf(target.url, sizeof target.url, "http://%.*s%s%s",
                       reachable ? (int)strlen(reachable) : (int)length,
                       reachable ? reachable : host, is_unix || !colon ? "" : colon, path);
    if (written < 0 || written >= (int)sizeof target.url) {
        problem_set(ret_problem, "the URL is too long: %.200s", path);
        return -EINVAL;
    }
    *ret_target = target;
    return 0;
}
