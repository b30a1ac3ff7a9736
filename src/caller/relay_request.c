#include "assent/caller/relay_request.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "assent/base/clock.h"
#include "assent/domain/standard_webhooks.h"
#include "assent/domain/url.h"

#define ID_CHARACTERS "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._:-"

/* What is passed on: views into the record. */
struct relay {
    const char *url;
    const char *event_id;
    const char *body;
    size_t body_length;
};

static int read_relay(const json_t *record, struct relay *ret_relay, struct problem *ret_problem)
{
    const json_t *object = json_object_get(record, "relay");
    const json_t *body = json_object_get(object, "body");
    struct relay relay = {
        .url = json_string_value(json_object_get(object, "url")),
        .event_id = json_string_value(json_object_get(object, "event_id")),
        .body = json_string_value(body),
        .body_length = json_string_length(body),
    };

    if (!relay.url || !relay.event_id || !relay.body || relay.event_id[0] == '\0' ||
        relay.event_id[strspn(relay.event_id, ID_CHARACTERS)] != '\0') {
        problem_set(ret_problem, "the record has nothing to pass on");
        return -EINVAL;
    }
    *ret_relay = relay;
    return 0;
}

static int add_header(struct hook_request *request, const char *name, const char *value)
{
    struct buffer header = {0};
    int r = value ? buffer_append_format(&header, "%s: %s", name, value) : -ENOMEM;
    char *text = r == 0 ? buffer_take_text(&header) : NULL;

    buffer_free(&header);
    return hook_request_add_header(request, text);
}

/* As Standard Webhooks has it. */
static int sign(struct hook_request *request, const struct signature_secret *secret,
                const struct relay *relay)
{
    struct buffer value = {0};
    char timestamp[24];
    int64_t now = clock_now_ms() / 1000;
    int r = standard_webhooks_sign(secret, relay->event_id, now, relay->body, relay->body_length,
                                   &value);

    (void)snprintf(timestamp, sizeof timestamp, "%" PRId64, now);
    if (r == 0) {
        r = add_header(request, "webhook-id", relay->event_id);
    }
    if (r == 0) {
        r = add_header(request, "webhook-timestamp", timestamp);
    }
    if (r == 0) {
        r = add_header(request, "webhook-signature", buffer_text(&value));
    }
    buffer_free(&value);
    return r;
}

/* As the service does it. */
static int sign_like_service(struct hook_request *request, const struct signature_secret *secret,
                             const struct relay *relay)
{
    struct buffer value = {0};
    const char *name;
    int r =
        signature_sign(SIGNATURE_DAIMON, secret, relay->body, relay->body_length, &name, &value);

    if (r == 0) {
        r = add_header(request, name, buffer_text(&value));
    }
    buffer_free(&value);
    return r;
}

int relay_request_make(const struct config *config, const struct config_hook *hook,
                       const json_t *record, struct hook_request *request,
                       struct problem *ret_problem)
{
    struct relay relay;
    int r = read_relay(record, &relay, ret_problem);

    if (r < 0) {
        return r;
    }
    if (config->relay_secret.length == 0 ||
        !url_is_allowed(config->relay_allow.items, config->relay_allow.count, relay.url)) {
        problem_set(ret_problem, "[relay] allow has nothing for this URL");
        return -EINVAL;
    }
    request->method = strdup(hook->method);
    request->url = strdup(relay.url);
    request->has_body = true;
    if (!request->method || !request->url) {
        return -ENOMEM;
    }
    r = buffer_append(&request->body, relay.body, relay.body_length);
    if (r == 0) {
        r = add_header(request, "Content-Type", "application/json");
    }
    if (r == 0) {
        r = sign(request, &config->relay_secret, &relay);
    }
    if (r == 0) {
        r = sign_like_service(request, &config->relay_secret, &relay);
    }
    return r;
}
