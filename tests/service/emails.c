#include "emails.h"

#include <errno.h>
#include <string.h>

#include "assent/base/clock.h"
#include "assent/base/json.h"
#include "service.h"

int emails_init(struct emails *emails)
{
    *emails = (struct emails){
        .by_client_id = json_object(), .by_recipient = json_object(), .sent = json_array()};
    return emails->by_client_id && emails->by_recipient && emails->sent ? 0 : -ENOMEM;
}

void emails_clear(struct emails *emails)
{
    json_decref(emails->by_client_id);
    json_decref(emails->by_recipient);
    json_decref(emails->sent);
}

/* --- counting --------------------------------------------------------------------------------- */

static json_t *tally_of(json_t *table, const char *key)
{
    json_t *tally = json_object_get(table, key);

    if (!tally) {
        tally = json_pack("{s:i, s:i, s:i}", "seen", 0, "acknowledged", 0, "created", 0);
        (void)json_object_set_new(table, key, tally);
    }
    return tally;
}

static json_int_t count_of(const json_t *tally, const char *what)
{
    return json_integer_value(json_object_get(tally, what));
}

static void count(json_t *table, const json_t *key, const char *what)
{
    const char *text = json_string_value(key);
    json_t *tally = text ? tally_of(table, text) : NULL;

    (void)json_integer_set(json_object_get(tally, what), count_of(tally, what) + 1);
}

static const json_t *client_id_of(const json_t *body)
{
    static const char *const names[] = {"client_id", "clientId", NULL};

    return json_first_of(body, names);
}

static void count_call(struct emails *emails, const json_t *body, const char *what)
{
    json_t *to = json_object_get(body, "to");
    json_t *recipient;
    size_t i;

    count(emails->by_client_id, client_id_of(body), what);
    count(emails->by_recipient, to, what);
    json_array_foreach(to, i, recipient) {
        count(emails->by_recipient, recipient, what);
    }
}

static json_t *known_tally(const struct emails *emails, const json_t *body)
{
    const char *client_id = json_string_value(client_id_of(body));

    return client_id ? json_object_get(emails->by_client_id, client_id) : NULL;
}

void emails_note_arrival(struct emails *emails, const json_t *body)
{
    emails->seen++;
    emails->seen_again += count_of(known_tally(emails, body), "acknowledged") > 0;
    count_call(emails, body, "seen");
}

void emails_note_answer(struct emails *emails, const json_t *body, unsigned status)
{
    if (status == 200) {
        emails->acknowledged++;
        count_call(emails, body, "acknowledged");
    }
}

/* --- sending ---------------------------------------------------------------------------------- */

/* Milliseconds until one more is allowed, 0 for now. A window of the period slides over the latest
 * `rate` ones. */
static int64_t wait_for_rate(struct service *service)
{
    struct emails *emails = &service->emails;
    int64_t now = clock_monotonic_ms();
    size_t rate = (size_t)setting_number(service, "email_rate");
    int64_t at_once = setting_number(service, "email_at_once");

    if (emails->at_once > emails->most_at_once) {
        emails->most_at_once = emails->at_once;
    }
    if (at_once > 0 && emails->at_once > at_once) {
        return 1000;
    }
    if (rate > 0 && rate <= EMAILS_RATE_LIMIT && emails->allowed >= rate) {
        int64_t oldest = emails->times[(emails->allowed - rate) % EMAILS_RATE_LIMIT];
        int64_t until = oldest + setting_number(service, "email_period_ms");

        if (until > now) {
            return until - now;
        }
    }
    emails->times[emails->allowed++ % EMAILS_RATE_LIMIT] = now;
    return 0;
}

static struct reply too_many(struct emails *emails, int64_t wait_ms)
{
    struct reply reply = reply_error(429, "more sends than the plan allows", NULL);

    emails->limited++;
    (void)json_object_set_new(reply.body, "retry_after", json_integer((wait_ms + 999) / 1000));
    return reply;
}

static const char *fault_of(const json_t *body, const char **ret_field)
{
    static const char *const texts[] = {"subject", "body"};
    const json_t *to = json_object_get(body, "to");
    const json_t *client_id = client_id_of(body);

    *ret_field = "to";
    if (json_string_length(to) == 0 && json_array_size(to) == 0) {
        return "to: expected an address, or a list of them";
    }
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        *ret_field = texts[i];
        if (!json_is_string(json_object_get(body, texts[i]))) {
            return "subject, body: expected a text";
        }
    }
    *ret_field = "client_id";
    return client_id && !json_is_string(client_id) ? "client_id: expected a text" : NULL;
}

/* The id of the new message; borrowed. */
static json_t *create(struct emails *emails, const char *inbox, json_t *body)
{
    json_t *sent = json_copy(body);
    json_t *id = json_sprintf("msg_%zu", json_array_size(emails->sent) + 1);

    (void)json_object_set_new(sent, "inbox_id", json_string(inbox));
    (void)json_object_set_new(sent, "message_id", id);
    (void)json_array_append_new(emails->sent, sent);
    count_call(emails, body, "created");
    (void)json_object_set(known_tally(emails, body), "message_id", id);
    return id;
}

struct reply emails_send(struct service *service, const char *inbox, json_t *body)
{
    struct emails *emails = &service->emails;
    const char *field;
    const char *fault = fault_of(body, &field);
    json_t *id = json_object_get(known_tally(emails, body), "message_id");
    int64_t wait_ms;

    if (fault) {
        return reply_error(400, fault, field);
    }
    wait_ms = wait_for_rate(service);
    if (wait_ms > 0) {
        return too_many(emails, wait_ms);
    }
    if (!id || !setting_on(service, "deduplicate_emails")) {
        id = create(emails, inbox, body);
    }
    return reply_result(json_pack("{s:O, s:s}", "message_id", id, "status", "sent"));
}

/* --- telling ---------------------------------------------------------------------------------- */

static json_int_t created_twice(json_t *table)
{
    json_int_t twice = 0;
    const char *key;
    json_t *tally;

    json_object_foreach(table, key, tally) {
        twice += count_of(tally, "created") > 1;
    }
    return twice;
}

json_t *emails_summary(const struct emails *emails, bool full)
{
    json_t *summary = json_pack(
        "{s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I}", "seen", (json_int_t)emails->seen,
        "acknowledged", (json_int_t)emails->acknowledged, "created",
        (json_int_t)json_array_size(emails->sent), "client_ids",
        (json_int_t)json_object_size(emails->by_client_id), "recipients",
        (json_int_t)json_object_size(emails->by_recipient), "created_twice",
        created_twice(emails->by_client_id), "sent_twice", created_twice(emails->by_recipient),
        "seen_again", (json_int_t)emails->seen_again, "limited", (json_int_t)emails->limited,
        "most_at_once", (json_int_t)emails->most_at_once);

    if (full) {
        (void)json_object_set(summary, "by_client_id", emails->by_client_id);
        (void)json_object_set(summary, "by_recipient", emails->by_recipient);
        (void)json_object_set(summary, "emails", emails->sent);
    }
    return summary;
}
