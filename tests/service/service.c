#include "service.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "approvals.h"
#include "assent/base/clock.h"
#include "assent/base/json.h"

#define ASKED_LIMIT 200000

int service_init(struct service *service, const char *key, const char *secret)
{
    pthread_condattr_t attributes;

    *service = (struct service){.key = key, .secret = secret};
    (void)pthread_mutex_init(&service->lock, NULL);
    (void)pthread_condattr_init(&attributes);
    (void)pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    (void)pthread_cond_init(&service->changed, &attributes);
    (void)pthread_condattr_destroy(&attributes);
    service->settings = json_pack(
        "{s:b, s:s, s:s, s:s, s:s, s:s, s:b, s:I, s:I, s:I}", "honour_client_id", 1, "id_as",
        "requestId", "id_in", "result", "form", "javascript", "signature", "prefixed", "expiry",
        "never", "deduplicate_emails", 1, "email_rate", (json_int_t)0, "email_period_ms",
        (json_int_t)60000, "email_at_once", (json_int_t)0);
    service->requests = json_object();
    service->client_ids = json_object();
    service->asked = json_array();
    return service->settings && service->requests && service->client_ids && service->asked
               ? emails_init(&service->emails)
               : -ENOMEM;
}

void service_clear(struct service *service)
{
    json_decref(service->settings);
    json_decref(service->requests);
    json_decref(service->client_ids);
    json_decref(service->asked);
    emails_clear(&service->emails);
    (void)pthread_cond_destroy(&service->changed);
    (void)pthread_mutex_destroy(&service->lock);
}

/* --- settings --------------------------------------------------------------------------------- */

static const struct {
    const char *name;
    const char *values[5];
} choices[] = {
    {"id_as", {"requestId", "request_id", "approval_id"}},
    {"id_in", {"result", "top", "both"}},
    {"form", {"javascript", "python", "flat", "envelope"}},
    {"signature", {"prefixed", "bare", "none", "wrong"}},
    {"expiry", {"never", "silent", "posted"}},
};

static bool may_be(const char *name, const char *value)
{
    for (size_t i = 0; i < sizeof choices / sizeof choices[0]; i++) {
        for (size_t j = 0; strcmp(choices[i].name, name) == 0 && choices[i].values[j]; j++) {
            if (strcmp(choices[i].values[j], value) == 0) {
                return true;
            }
        }
    }
    return false;
}

int setting_check(const struct service *service, const char *name, const json_t *value,
                  struct problem *ret_problem)
{
    const json_t *now = json_object_get(service->settings, name);
    bool right;

    if (!now) {
        problem_set(ret_problem, "%.100s: there is no such setting", name);
        return -EINVAL;
    }
    if (json_is_boolean(now)) {
        right = json_is_boolean(value);
    } else if (json_is_integer(now)) {
        right = json_is_integer(value) && json_integer_value(value) >= 0;
    } else {
        right = json_is_string(value) && may_be(name, json_string_value(value));
    }
    if (!right) {
        problem_set(ret_problem, "%s: it cannot have that value", name);
        return -EINVAL;
    }
    return 0;
}

bool setting_on(const struct service *service, const char *name)
{
    return json_is_true(json_object_get(service->settings, name));
}

int64_t setting_number(const struct service *service, const char *name)
{
    return json_integer_value(json_object_get(service->settings, name));
}

const char *setting_text(const struct service *service, const char *name)
{
    return json_string_value(json_object_get(service->settings, name));
}

bool setting_is(const struct service *service, const char *name, const char *value)
{
    return strcmp(setting_text(service, name), value) == 0;
}

/* --- answers ---------------------------------------------------------------------------------- */

struct reply reply_result(json_t *result)
{
    return (struct reply){.status = 200,
                          .body = json_pack("{s:o, s:[]}", "result", result, "next_steps")};
}

static const char *code_of(unsigned status)
{
    static const struct {
        unsigned status;
        const char *code;
    } codes[] = {
        {400, "invalid_request"},  {401, "unauthorized"},        {403, "forbidden"},
        {404, "not_found"},        {405, "method_not_allowed"},  {409, "conflict"},
        {422, "validation_error"}, {429, "rate_limit_exceeded"}, {500, "internal_error"},
        {502, "bad_gateway"},      {503, "service_unavailable"}, {504, "gateway_timeout"},
    };

    for (size_t i = 0; i < sizeof codes / sizeof codes[0]; i++) {
        if (codes[i].status == status) {
            return codes[i].code;
        }
    }
    return status < 500 ? "client_error" : "server_error";
}

struct reply reply_error(unsigned status, const char *message, const char *field)
{
    return (struct reply){
        .status = status,
        .outcome = "refused",
        .body = json_pack("{s:s, s:s, s:s*, s:[s]}", "error", code_of(status), "message", message,
                          "field", field, "next_steps", "see the documentation"),
    };
}

struct web_reply reply_whole(struct reply reply)
{
    struct web_reply whole = {
        .status = reply.status, .text = json_text(reply.body), .retry_after = -1};

    json_decref(reply.body);
    return whole;
}

/* --- calls ------------------------------------------------------------------------------------ */

struct call {
    const struct web_call *web;
    enum fault_place place;
    char *subject; /* the request or inbox that its path names */
    json_t *body;  /* NULL: none, or no JSON */
    bool authorized;
};

/* What lies between the two in the path; NULL if it does not begin and end so. */
static char *between(const char *path, const char *before, const char *after)
{
    size_t length = strlen(path);
    size_t around = strlen(before) + strlen(after);

    if (length <= around || strncmp(path, before, strlen(before)) != 0 ||
        strcmp(path + length - strlen(after), after) != 0) {
        return NULL;
    }
    return strndup(path + strlen(before), length - around);
}

static void find_place(struct call *call)
{
    const char *path = call->web->path;
    bool post = strcmp(call->web->method, "POST") == 0;

    call->place = FAULT_PLACES;
    if (post && strcmp(path, "/v1/notify-operator") == 0) {
        call->place = FAULT_AT_NOTIFY;
    } else if (post && (call->subject = between(path, "/v1/inboxes/", "/send"))) {
        call->place = FAULT_AT_EMAILS;
    } else if (strcmp(call->web->method, "GET") == 0 &&
               (call->subject = between(path, "/v1/approvals/", ""))) {
        call->place = FAULT_AT_APPROVALS;
    }
}

static bool authorized(const struct service *service, const struct web_call *call)
{
    static const char scheme[] = "Bearer ";
    const char *given = web_call_header(call, "Authorization");

    return given && strncasecmp(given, scheme, strlen(scheme)) == 0 &&
           strcmp(given + strlen(scheme), service->key) == 0;
}

static struct reply carry_out(struct service *service, const struct call *call,
                              const struct problem *problem)
{
    if (!call->authorized) {
        return reply_error(401, "expected Authorization: Bearer and a key that is known", NULL);
    }
    if (call->place == FAULT_AT_APPROVALS) {
        return approvals_show(service, call->subject);
    }
    if (!json_is_object(call->body)) {
        return reply_error(400, call->body ? "expected a JSON object" : problem->text, "body");
    }
    return call->place == FAULT_AT_NOTIFY ? approvals_ask(service, call->body)
                                          : emails_send(service, call->subject, call->body);
}

static void note_arrival(struct service *service, const struct call *call)
{
    if (call->authorized && call->place == FAULT_AT_APPROVALS) {
        approvals_note_poll(service, call->subject);
    } else if (call->authorized && call->place == FAULT_AT_EMAILS) {
        emails_note_arrival(&service->emails, call->body);
    }
}

static void note_asked(struct service *service, const struct call *call, const struct reply *reply,
                       unsigned answered)
{
    json_t *entry = json_pack(
        "{s:I, s:i, s:s, s:s*, s:O*}", "at", (json_int_t)clock_now_ms(), "status", (int)answered,
        "outcome", reply->outcome ? reply->outcome : "failed", "id", reply->id, "body", call->body);

    if (!call->body && call->web->length > 0) {
        (void)json_object_set_new(entry, "text", json_stringn(call->web->body, call->web->length));
    }
    if (json_array_size(service->asked) < ASKED_LIMIT) {
        (void)json_array_append_new(service->asked, entry);
    } else {
        json_decref(entry);
    }
}

static void note_answer(struct service *service, const struct call *call, const struct reply *reply,
                        const struct web_reply *answer)
{
    unsigned answered = answer->manner == WEB_WHOLE ? answer->status : 0;

    if (call->place == FAULT_AT_NOTIFY) {
        note_asked(service, call, reply, answered);
    } else if (call->place == FAULT_AT_EMAILS && call->authorized) {
        emails_note_answer(&service->emails, call->body, answered);
    }
    (void)pthread_cond_broadcast(&service->changed);
}

static struct web_reply serve_locked(struct service *service, struct call *call,
                                     const struct fault *fault)
{
    struct reply reply = {0};
    struct problem problem = {"expected a body"};
    struct web_reply answer;

    if (call->web->length > 0) {
        (void)json_parse(call->web->body, call->web->length, &call->body, &problem);
    }
    note_arrival(service, call);
    if (!fault || fault->done || !call->authorized) {
        reply = carry_out(service, call, &problem);
    }
    answer = fault && call->authorized ? fault_answer(fault, &reply) : reply_whole(reply);
    note_answer(service, call, &reply, &answer);
    json_decref(call->body);
    return answer;
}

struct web_reply service_serve(void *userdata, const struct web_call *web)
{
    struct service *service = userdata;
    struct call call = {.web = web, .authorized = authorized(service, web)};
    struct fault fault;
    struct web_reply answer;
    bool faulty;

    find_place(&call);
    (void)pthread_mutex_lock(&service->lock);
    if (call.place == FAULT_PLACES) {
        answer = reply_whole(reply_error(404, "there is nothing here", NULL));
        (void)pthread_mutex_unlock(&service->lock);
        return answer;
    }
    faulty = call.authorized && faults_take(&service->faults, call.place, &fault);
    service->emails.at_once += call.place == FAULT_AT_EMAILS;
    if (faulty && fault.delay_ms > 0) {
        (void)pthread_mutex_unlock(&service->lock);
        (void)web_pause(web, fault.delay_ms);
        (void)pthread_mutex_lock(&service->lock);
    }
    answer = serve_locked(service, &call, faulty ? &fault : NULL);
    service->emails.at_once -= call.place == FAULT_AT_EMAILS;
    (void)pthread_mutex_unlock(&service->lock);
    if (faulty && fault.kind == FAULT_SILENT) {
        (void)web_pause(web, -1);
    }
    free(call.subject);
    return answer;
}
