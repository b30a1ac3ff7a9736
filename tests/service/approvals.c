#include "approvals.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "assent/base/clock.h"
#include "assent/base/digest.h"
#include "assent/base/json.h"
#include "assent/base/text.h"

#define ISSUE_LIMIT 1000
#define ID_RANDOM   12

static const char *const callback_names[] = {"callbackUrl", "callback_url", NULL};
static const char *const expires_names[] = {"expiresIn", "expires_in", NULL};
static const char *const client_names[] = {"clientId", "client_id", NULL};
static const char *const label_names[] = {"action_label", "actionLabel", NULL};

/* --- validation ------------------------------------------------------------------------------- */

static size_t characters(const char *text)
{
    size_t count = 0;

    for (; *text; text++) {
        count += ((unsigned char)*text & 0xc0) != 0x80;
    }
    return count;
}

static bool is_url(const json_t *value)
{
    const char *text = json_string_value(value);

    return text && (strncmp(text, "http://", 7) == 0 || strncmp(text, "https://", 8) == 0);
}

static bool is_one_of(const json_t *value, const char *const *texts)
{
    const char *text = json_string_value(value);

    while (text && *texts && strcmp(*texts, text) != 0) {
        texts++;
    }
    return text && *texts;
}

/* What is wrong with a body, and where; NULL if nothing is. */
static const char *fault_of_notice(const json_t *body, const char **ret_field)
{
    const char *issue = json_string_value(json_object_get(body, "issue"));
    const json_t *label = json_first_of(body, label_names);

    *ret_field = "issue";
    if (!issue || characters(issue) < 1 || characters(issue) > ISSUE_LIMIT) {
        return "issue: expected a text of 1 to 1000 characters";
    }
    *ret_field = "action_label";
    return label && !json_is_string(label) ? "action_label: expected a text" : NULL;
}

static const char *fault_of_request(const json_t *body, const char **ret_field)
{
    static const char *const types[] = {"approval_request", NULL};
    static const char *const urgencies[] = {"low", "medium", "high", NULL};
    const json_t *context = json_object_get(body, "context");
    const json_t *reason = json_object_get(body, "reason");
    const json_t *urgency = json_object_get(body, "urgency");
    const json_t *callback = json_first_of(body, callback_names);
    const json_t *expires = json_first_of(body, expires_names);
    const struct {
        const char *field;
        bool right;
        const char *fault;
    } checks[] = {
        {"type", is_one_of(json_object_get(body, "type"), types),
         "type: expected approval_request, or an issue instead"},
        {"action", json_string_length(json_object_get(body, "action")) > 0,
         "action: expected a text"},
        {"context", !context || json_is_object(context), "context: expected an object"},
        {"reason", !reason || json_is_string(reason), "reason: expected a text"},
        {"urgency", !urgency || is_one_of(urgency, urgencies),
         "urgency: expected low, medium or high"},
        {"callbackUrl", !callback || is_url(callback), "callbackUrl: expected a URL"},
        {"expiresIn", !expires || json_integer_value(expires) > 0,
         "expiresIn: expected a whole number of seconds"},
    };

    for (size_t i = 0; i < sizeof checks / sizeof checks[0]; i++) {
        if (!checks[i].right) {
            *ret_field = checks[i].field;
            return checks[i].fault;
        }
    }
    return NULL;
}

/* --- asking ----------------------------------------------------------------------------------- */

static void set_time(json_t *object, const char *key, int64_t at)
{
    char text[TEXT_TIME_SIZE];

    if (at > 0) {
        text_from_time(at, text);
        (void)json_object_set_new(object, key, json_string(text));
    }
}

static int64_t number_of(const json_t *record, const char *key)
{
    return json_integer_value(json_object_get(record, key));
}

static const char *text_of(const json_t *record, const char *key)
{
    return json_string_value(json_object_get(record, key));
}

static struct reply answer_asked(const struct service *service, const json_t *record,
                                 const char *outcome)
{
    const char *name = setting_text(service, "id_as");
    bool snake_case = !setting_is(service, "id_as", "requestId");
    json_t *result = json_pack("{s:O}", "status", json_object_get(record, "status"));
    struct reply reply;

    set_time(result, snake_case ? "expires_at" : "expiresAt", number_of(record, "expires_at"));
    if (!setting_is(service, "id_in", "top")) {
        (void)json_object_set(result, name, json_object_get(record, "id"));
    }
    reply = reply_result(result);
    if (!setting_is(service, "id_in", "result")) {
        (void)json_object_set(reply.body, name, json_object_get(record, "id"));
    }
    reply.outcome = outcome;
    reply.id = text_of(record, "id");
    return reply;
}

static json_t *new_record(json_t *body, bool notice)
{
    unsigned char random[ID_RANDOM] = {0};
    char id[2 * ID_RANDOM + 5] = "req_";
    int64_t now = clock_now_ms();
    const json_t *expires = json_first_of(body, expires_names);

    (void)digest_random(random, sizeof random);
    text_to_hex(random, sizeof random, id + 4);
    return json_pack("{s:s, s:b, s:O, s:s, s:I, s:I, s:i, s:[]}", "id", id, "notice", notice,
                     "body", body, "status", notice ? "delivered" : "pending", "created_at",
                     (json_int_t)now, "expires_at",
                     (json_int_t)(expires ? now + json_integer_value(expires) * 1000 : 0), "polls",
                     0, "deliveries");
}

struct reply approvals_ask(struct service *service, json_t *body)
{
    bool notice = json_object_get(body, "issue") != NULL;
    const char *field;
    const char *fault = notice ? fault_of_notice(body, &field) : fault_of_request(body, &field);
    const char *client_id = json_string_value(json_first_of(body, client_names));
    const char *known = client_id && setting_on(service, "honour_client_id")
                            ? text_of(service->client_ids, client_id)
                            : NULL;
    json_t *record;

    if (fault) {
        return reply_error(400, fault, field);
    }
    if (known) {
        return answer_asked(service, json_object_get(service->requests, known), "repeated");
    }
    record = new_record(body, notice);
    (void)json_object_set_new(service->requests, text_of(record, "id"), record);
    if (client_id) {
        (void)json_object_set(service->client_ids, client_id, json_object_get(record, "id"));
    }
    return answer_asked(service, record, "created");
}

/* --- showing ---------------------------------------------------------------------------------- */

void approvals_note_poll(struct service *service, const char *id)
{
    json_t *record = json_object_get(service->requests, id);

    if (record) {
        (void)json_object_set_new(record, "polls", json_integer(number_of(record, "polls") + 1));
    }
}

struct reply approvals_show(struct service *service, const char *id)
{
    const json_t *record = json_object_get(service->requests, id);
    bool snake_case = !setting_is(service, "id_as", "requestId");
    struct decision decision = {.id = id};
    json_t *result;

    if (!record) {
        return reply_error(404, "there is no such request", NULL);
    }
    decision.status = text_of(record, "status");
    decision.by = text_of(record, "decided_by");
    decision.reason = text_of(record, "reason");
    decision.at = number_of(record, "decided_at");
    result = webhook_fields(&decision, snake_case);
    (void)json_object_set(result, "action",
                          json_object_get(json_object_get(record, "body"), "action"));
    set_time(result, snake_case ? "expires_at" : "expiresAt", number_of(record, "expires_at"));
    set_time(result, snake_case ? "decided_at" : "decidedAt", decision.at);
    if (decision.by) {
        (void)json_object_set_new(result, snake_case ? "decided_by" : "decidedBy",
                                  json_string(decision.by));
    }
    return reply_result(result);
}

/* --- deciding --------------------------------------------------------------------------------- */

bool approvals_decide(struct service *service, const struct decision *decision)
{
    json_t *record = json_object_get(service->requests, decision->id);

    if (!record) {
        return false;
    }
    (void)json_object_set_new(record, "status", json_string(decision->status));
    (void)json_object_set_new(record, "decided_at", json_integer(decision->at));
    (void)json_object_del(record, "decided_by");
    (void)json_object_del(record, "reason");
    if (decision->by) {
        (void)json_object_set_new(record, "decided_by", json_string(decision->by));
    }
    if (decision->reason) {
        (void)json_object_set_new(record, "reason", json_string(decision->reason));
    }
    (void)pthread_cond_broadcast(&service->changed);
    return true;
}

void approvals_note_delivery(struct service *service, const char *id, json_t *delivery)
{
    json_t *record = json_object_get(service->requests, id);

    (void)json_array_append(json_object_get(record, "deliveries"), delivery);
    (void)pthread_cond_broadcast(&service->changed);
}

/* --- expiring --------------------------------------------------------------------------------- */

static bool is_pending(const json_t *record)
{
    return strcmp(text_of(record, "status"), "pending") == 0 && number_of(record, "expires_at") > 0;
}

/* The pending request that expires first; NULL if there is none, or none may expire. */
static json_t *next_to_expire(const struct service *service)
{
    json_t *next = NULL;
    json_t *record;
    const char *id;

    if (setting_is(service, "expiry", "never")) {
        return NULL;
    }
    json_object_foreach(service->requests, id, record) {
        if (is_pending(record) &&
            (!next || number_of(record, "expires_at") < number_of(next, "expires_at"))) {
            next = record;
        }
    }
    return next;
}

static void post_expiry(struct service *service, const struct decision *decision, const char *url)
{
    char *body = webhook_body(decision, setting_text(service, "form"));
    char *signature = webhook_signature(setting_text(service, "signature"), service->secret, body);
    json_t *delivery;

    (void)pthread_mutex_unlock(&service->lock);
    delivery = webhook_post(url, signature, body, &service->stopping);
    (void)pthread_mutex_lock(&service->lock);
    approvals_note_delivery(service, decision->id, delivery);
    json_decref(delivery);
    free(body);
    free(signature);
}

static void expire(struct service *service, const json_t *record)
{
    const char *url =
        json_string_value(json_first_of(json_object_get(record, "body"), callback_names));
    const char *id = text_of(record, "id");
    const struct decision decision = {
        .id = id, .status = "expired", .event_id = id, .at = clock_now_ms()};

    (void)approvals_decide(service, &decision);
    if (url && setting_is(service, "expiry", "posted")) {
        post_expiry(service, &decision, url);
    }
}

void *approvals_run_clock(void *userdata)
{
    struct service *service = userdata;

    (void)pthread_mutex_lock(&service->lock);
    while (!atomic_load(&service->stopping)) {
        const json_t *next = next_to_expire(service);
        int64_t left = next ? number_of(next, "expires_at") - clock_now_ms() : 0;

        if (!next) {
            (void)pthread_cond_wait(&service->changed, &service->lock);
        } else if (left > 0) {
            int64_t until = clock_monotonic_ms() + left;
            const struct timespec when = {.tv_sec = (time_t)(until / 1000),
                                          .tv_nsec = (long)(until % 1000) * 1000000L};

            (void)pthread_cond_timedwait(&service->changed, &service->lock, &when);
        } else {
            expire(service, next);
        }
    }
    (void)pthread_mutex_unlock(&service->lock);
    return NULL;
}
