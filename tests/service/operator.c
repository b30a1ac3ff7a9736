#include "operator.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "approvals.h"
#include "assent/base/clock.h"
#include "assent/base/digest.h"
#include "assent/base/json.h"
#include "assent/base/text.h"
#include "service.h"

#define TIMES_LIMIT    1000
#define PAUSE_LIMIT    60000
#define PATIENCE_LIMIT 600000
#define EVENT_RANDOM   8

/* --- scripting -------------------------------------------------------------------------------- */

static struct reply change_settings(struct service *service, json_t *body)
{
    struct problem problem;
    const char *name;
    json_t *value;

    json_object_foreach(body, name, value) {
        if (setting_check(service, name, value, &problem) < 0) {
            return reply_error(400, problem.text, name);
        }
    }
    (void)json_object_update(service->settings, body);
    (void)pthread_cond_broadcast(&service->changed);
    return reply_result(json_incref(service->settings));
}

static struct reply fail(struct service *service, json_t *body)
{
    struct problem problem;

    if (faults_add(&service->faults, body, &problem) < 0) {
        return reply_error(400, problem.text, NULL);
    }
    return reply_result(json_pack("{s:I}", "faults", (json_int_t)service->faults.count));
}

/* Without the lock, which the calls that are under way may need to end. Only one thread of the
 * operator's does it at a time, by a lock of its own. */
static struct reply listen_or_not(struct service *service, const json_t *body)
{
    static pthread_mutex_t one = PTHREAD_MUTEX_INITIALIZER;
    const json_t *listening = json_object_get(body, "listening");
    bool open;

    if (!json_is_boolean(listening)) {
        return reply_error(400, "listening: expected true or false", "listening");
    }
    (void)pthread_mutex_lock(&one);
    if (json_is_true(listening)) {
        (void)web_open(service->front);
    } else {
        web_close(service->front);
    }
    open = web_is_open(service->front);
    (void)pthread_mutex_unlock(&one);
    return open == json_is_true(listening) ? reply_result(json_pack("{s:b}", "listening", open))
                                           : reply_error(500, "the port cannot be had", NULL);
}

/* --- deciding --------------------------------------------------------------------------------- */

/* How a decision shall be told. */
struct telling {
    struct decision decision;
    char event_id[2 * EVENT_RANDOM + 5];
    const char *form;
    const char *signature;
    const char *text; /* the body as it stands; NULL: made from the decision */
    const char *url;
    int deliver;
    json_int_t times;
    json_int_t tries;
    json_int_t pause_ms;
};

static bool is_status(const char *status)
{
    return strcmp(status, "approved") == 0 || strcmp(status, "denied") == 0 ||
           strcmp(status, "expired") == 0;
}

static int check_form(const struct service *service, const json_t *body, struct problem *problem)
{
    static const char *const names[] = {"form", "signature"};

    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        const json_t *value = json_object_get(body, names[i]);

        if (value && setting_check(service, names[i], value, problem) < 0) {
            return -EINVAL;
        }
    }
    return 0;
}

static int read_telling(const struct service *service, json_t *body, struct telling *telling,
                        struct problem *problem)
{
    struct decision *decision = &telling->decision;
    unsigned char random[EVENT_RANDOM] = {0};

    *telling = (struct telling){
        .event_id = "evt_",
        .form = setting_text(service, "form"),
        .signature = setting_text(service, "signature"),
        .deliver = true,
        .times = 1,
        .tries = 1,
        .pause_ms = 100,
    };
    (void)digest_random(random, sizeof random);
    text_to_hex(random, sizeof random, telling->event_id + 4);
    decision->event_id = telling->event_id;
    decision->at = clock_now_ms();
    if (json_unpack(body, "{s:s, s:s, s?s, s?s, s?s, s?s, s?s, s?s, s?s, s?b, s?I, s?I, s?I !}",
                    "id", &decision->id, "status", &decision->status, "by", &decision->by, "reason",
                    &decision->reason, "event_id", &decision->event_id, "form", &telling->form,
                    "signature", &telling->signature, "body", &telling->text, "url", &telling->url,
                    "deliver", &telling->deliver, "times", &telling->times, "tries",
                    &telling->tries, "pause_ms", &telling->pause_ms) < 0 ||
        !is_status(decision->status) || telling->times < 1 || telling->times > TIMES_LIMIT ||
        telling->tries < 1 || telling->tries > TIMES_LIMIT || telling->pause_ms < 0 ||
        telling->pause_ms > PAUSE_LIMIT) {
        problem_set(problem, "expected id, status (approved, denied, expired), by, reason, "
                             "event_id, form, signature, body, url, deliver, times, tries, "
                             "pause_ms");
        return -EINVAL;
    }
    return check_form(service, body, problem);
}

/* One delivery, tried until it is answered with 200. */
static json_t *deliver_once(struct service *service, const struct telling *telling,
                            const char *signature, const char *body)
{
    const struct timespec pause = {.tv_sec = (time_t)(telling->pause_ms / 1000),
                                   .tv_nsec = (long)(telling->pause_ms % 1000) * 1000000L};
    json_t *delivery = NULL;

    for (json_int_t i = 0; i < telling->tries && !atomic_load(&service->stopping); i++) {
        if (i > 0) {
            (void)nanosleep(&pause, NULL);
        }
        json_decref(delivery);
        delivery = webhook_post(telling->url, signature, body, &service->stopping);
        (void)json_object_set_new(delivery, "tries", json_integer(i + 1));
        if (json_integer_value(json_object_get(delivery, "status")) == 200) {
            break;
        }
    }
    return delivery;
}

/* With the lock held, which is released while posting. */
static json_t *deliver(struct service *service, struct telling *telling)
{
    char *body =
        telling->text ? strdup(telling->text) : webhook_body(&telling->decision, telling->form);
    char *signature = webhook_signature(telling->signature, service->secret, body);
    json_t *deliveries = json_array();

    for (json_int_t i = 0; i < telling->times && !atomic_load(&service->stopping); i++) {
        json_t *delivery;

        (void)pthread_mutex_unlock(&service->lock);
        delivery = deliver_once(service, telling, signature, body);
        (void)pthread_mutex_lock(&service->lock);
        approvals_note_delivery(service, telling->decision.id, delivery);
        (void)json_array_append_new(deliveries, delivery);
    }
    free(body);
    free(signature);
    return deliveries;
}

static const char *callback_of(const struct service *service, const char *id)
{
    static const char *const names[] = {"callbackUrl", "callback_url", NULL};
    const json_t *record = json_object_get(service->requests, id);

    return json_string_value(json_first_of(json_object_get(record, "body"), names));
}

static struct reply decide(struct service *service, json_t *body)
{
    struct telling telling;
    struct problem problem;
    json_t *deliveries;

    if (read_telling(service, body, &telling, &problem) < 0) {
        return reply_error(400, problem.text, NULL);
    }
    if (!approvals_decide(service, &telling.decision) && !telling.url) {
        return reply_error(404, "there is no such request, and no url", "id");
    }
    if (!telling.url) {
        telling.url = callback_of(service, telling.decision.id);
    }
    deliveries = telling.deliver && telling.url ? deliver(service, &telling) : json_array();
    return reply_result(json_pack("{s:s, s:s, s:o}", "id", telling.decision.id, "status",
                                  telling.decision.status, "deliveries", deliveries));
}

/* --- looking ---------------------------------------------------------------------------------- */

/* How much there is of each thing that one can wait for. */
static int64_t amount(const struct service *service, const struct web_call *call, const char *what)
{
    const char *id = web_call_query(call, "id");
    const json_t *record = id ? json_object_get(service->requests, id) : NULL;

    if (strcmp(what, "asked") == 0) {
        return (int64_t)json_array_size(service->asked);
    }
    if (strcmp(what, "polls") == 0) {
        return json_integer_value(json_object_get(record, "polls"));
    }
    if (strcmp(what, "deliveries") == 0) {
        return (int64_t)json_array_size(json_object_get(record, "deliveries"));
    }
    return strcmp(what, "created") == 0 ? (int64_t)json_array_size(service->emails.sent)
                                        : service->emails.seen;
}

static bool satisfied(const struct service *service, const struct web_call *call)
{
    static const char *const amounts[] = {"asked", "polls", "deliveries", "created", "seen"};

    for (size_t i = 0; i < sizeof amounts / sizeof amounts[0]; i++) {
        if (amount(service, call, amounts[i]) < web_call_number(call, amounts[i], 0)) {
            return false;
        }
    }
    return true;
}

static void wait_until_satisfied(struct service *service, const struct web_call *call)
{
    int64_t patience = web_call_number(call, "patience_ms", 0);
    int64_t until = clock_monotonic_ms() + (patience < PATIENCE_LIMIT ? patience : PATIENCE_LIMIT);
    const struct timespec when = {.tv_sec = (time_t)(until / 1000),
                                  .tv_nsec = (long)(until % 1000) * 1000000L};
    int r = 0;

    while (r != ETIMEDOUT && !satisfied(service, call) && !atomic_load(&service->stopping)) {
        r = pthread_cond_timedwait(&service->changed, &service->lock, &when);
    }
}

static struct reply show_requests(struct service *service, const struct web_call *call)
{
    const char *id = web_call_query(call, "id");
    size_t asked = json_array_size(service->asked);
    size_t from = (size_t)web_call_number(call, "from", 0);
    size_t count = (size_t)web_call_number(call, "count", (int64_t)asked);
    json_t *items;

    if (id) {
        json_t *record = json_object_get(service->requests, id);

        return record ? reply_result(json_incref(record))
                      : reply_error(404, "there is no such request", "id");
    }
    items = json_array();
    for (size_t i = from; i < asked && i - from < count; i++) {
        (void)json_array_append(items, json_array_get(service->asked, i));
    }
    return reply_result(json_pack("{s:I, s:I, s:o}", "asked", (json_int_t)asked, "requests",
                                  (json_int_t)json_object_size(service->requests), "items", items));
}

/* --- calls ------------------------------------------------------------------------------------ */

static struct reply look(struct service *service, const struct web_call *call)
{
    if (strcmp(call->path, "/_operator/requests") == 0) {
        wait_until_satisfied(service, call);
        return show_requests(service, call);
    }
    if (strcmp(call->path, "/_operator/emails") == 0) {
        wait_until_satisfied(service, call);
        return reply_result(emails_summary(&service->emails, web_call_number(call, "full", 0) > 0));
    }
    return reply_error(404, "there is nothing here", NULL);
}

static struct reply script(struct service *service, const struct web_call *call, json_t *body)
{
    static const struct {
        const char *path;
        struct reply (*run)(struct service *service, json_t *body);
    } calls[] = {
        {"/_operator/settings", change_settings},
        {"/_operator/fail", fail},
        {"/_operator/decide", decide},
    };

    for (size_t i = 0; i < sizeof calls / sizeof calls[0]; i++) {
        if (strcmp(calls[i].path, call->path) == 0) {
            return calls[i].run(service, body);
        }
    }
    return reply_error(404, "there is nothing here", NULL);
}

static struct reply answer(struct service *service, const struct web_call *call, json_t *body,
                           const struct problem *problem)
{
    if (strcmp(call->method, "GET") == 0) {
        return look(service, call);
    }
    if (!json_is_object(body)) {
        return reply_error(400, body ? "expected a JSON object" : problem->text, "body");
    }
    return script(service, call, body);
}

struct web_reply operator_serve(void *userdata, const struct web_call *call)
{
    struct service *service = userdata;
    struct problem problem = {"expected a body"};
    struct web_reply told;
    json_t *body = NULL;

    if (call->length > 0) {
        (void)json_parse(call->body, call->length, &body, &problem);
    }
    if (strcmp(call->path, "/_operator/listen") == 0) {
        told = reply_whole(listen_or_not(service, body));
        json_decref(body);
        return told;
    }
    (void)pthread_mutex_lock(&service->lock);
    told = reply_whole(answer(service, call, body, &problem));
    json_decref(body);
    (void)pthread_mutex_unlock(&service->lock);
    return told;
}
