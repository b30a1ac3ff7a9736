/*
 * Kills core, caller and runner again and again while a fan-out sends e-mails to a service that
 * fails in every way, and counts what the service has seen.
 *
 *   fanout [CASE...]      keyed, keyless; both without a name
 *
 * Environment: SECONDS_EACH. Less than 10 means a short run: 300 items and 10 kills, not 2,000 and
 * 50.
 */
#include <check.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "integration/service_rig.h"
#include "support/suite.h"

#define PAGE         500
#define LOOK_MS      50
#define REST_MS      500
#define PATIENCE_MS  120000
#define LIMIT        2000
#define SHORT_BELOW  10
#define LOOKS_INTO   5 /* strikes between two looks at what was recorded */
#define CASE_SECONDS 900

/* What the service has seen of each item's key, when its item was recorded as sent already; -1
 * before that. */
struct records {
    int64_t seen[LIMIT];
    int count;
};

static struct house *house;
static struct service_rig *service;
static struct records records;

static bool is_short(void)
{
    const char *text = getenv("SECONDS_EACH");

    return text && strtol(text, NULL, 10) < SHORT_BELOW;
}

static int item_count(void)
{
    return is_short() ? 300 : LIMIT;
}

static int kill_count(void)
{
    return is_short() ? 10 : 50;
}

/* The rate makes it last long enough for every role to be forgiven its deaths. */
static const char sections[] =
    "[action send]\n"
    "on_granted = each\n"
    "[hook each]\n"
    "http = POST %s/v1/inboxes/inb_1/send\n"
    "bearer_file = %s/inbox-key\n"
    "for_each = context.to\n"
    "body = {\"to\": \"{item}\", \"subject\": \"s\", \"body\": \"b\"%s}\n"
    "rate = 25/s\n"
    "concurrency = 8\n"
    "retries = 1000\n"
    "backoff = 50ms\n"
    "backoff_max = 1s\n";

static const char *const faults[] = {
    "{\"on\":\"emails\",\"what\":429,\"chance\":0.05,\"times\":1000000,\"retry_after\":1}",
    "{\"on\":\"emails\",\"what\":500,\"chance\":0.04,\"times\":1000000}",
    "{\"on\":\"emails\",\"what\":500,\"chance\":0.02,\"times\":1000000,\"done\":true}",
    "{\"on\":\"emails\",\"what\":\"close\",\"chance\":0.02,\"times\":1000000}",
    "{\"on\":\"emails\",\"what\":\"take\",\"chance\":0.02,\"times\":1000000}",
    "{\"on\":\"emails\",\"what\":\"cut\",\"chance\":0.02,\"times\":1000000}",
    "{\"on\":\"emails\",\"what\":\"slow\",\"chance\":0.5,\"times\":1000000,\"ms\":100}",
};

static void begin(bool keyed)
{
    char *text = NULL;

    house = house_new();
    service = service_start();
    records = (struct records){.count = item_count()};
    for (int i = 0; i < LIMIT; i++) {
        records.seen[i] = -1;
    }
    ck_assert_int_ge(asprintf(&text, sections, service_url(service), house_directory(house),
                              keyed ? ", \"client_id\": \"{job.key}\"" : ""),
                     0);
    house_write(house, "inbox-key", SERVICE_KEY "\n");
    house_configure(house, text);
    free(text);
    for (size_t i = 0; i < sizeof faults / sizeof faults[0]; i++) {
        service_fail_as(service, faults[i]);
    }
    srandom((unsigned)house_now_ms());
    house_start(house);
}

static void start_fan_out(void)
{
    json_t *to = json_array();
    json_t *body = json_pack("{s:s, s:s, s:{s:o}}", "requestId", "req_1", "action", "send",
                             "context", "to", to);
    char *text;

    for (int i = 0; i < item_count(); i++) {
        (void)json_array_append_new(to, json_sprintf("r%d@example.com", i));
    }
    text = json_dumps(body, JSON_COMPACT);
    house_register(house, text);
    house_approve(house, "req_1");
    free(text);
    json_decref(body);
}

/* --- looking ---------------------------------------------------------------------------------- */

/* How many items have ended; -1 if nobody answers. */
static int64_t ended_items(char ret_state[16])
{
    struct answer answer = house_control(house, "GET", "/v1/jobs/1", NULL);
    const json_t *items = json_object_get(json_object_get(answer.json, "result"), "items");
    int64_t ended = -1;

    (void)snprintf(ret_state, 16, "%s", text_at(answer.json, "/result/state"));
    if (answer.status == 200) {
        ended = json_is_object(items)
                    ? number_at(items, "/succeeded") + number_at(items, "/failed") +
                          number_at(items, "/interrupted")
                    : 0;
    }
    answer_clear(&answer);
    return ended;
}

/* Calls `each` for every item. A page that nobody answers, as core was killed, is asked for again. */
static void read_items(void (*each)(const json_t *item, const json_t *emails), const json_t *emails)
{
    int64_t deadline = house_now_ms() + PATIENCE_MS;
    char path[96] = "/v1/jobs/1/items?limit=500";

    while (path[0]) {
        struct answer answer = house_control(house, "GET", path, NULL);
        const json_t *result = json_object_get(answer.json, "result");
        const char *cursor = json_string_value(json_object_get(result, "cursor"));
        json_t *item;
        size_t i;

        ck_assert_msg(answer.status == 200 || house_now_ms() < deadline, "%s: %d %s", path,
                      answer.status, answer.body);
        if (answer.status == 200) {
            json_array_foreach(json_object_get(result, "items"), i, item) {
                each(item, emails);
            }
            (void)snprintf(path, sizeof path, "/v1/jobs/1/items?limit=%d&cursor=%s", PAGE,
                           cursor ? cursor : "");
            path[0] = cursor ? path[0] : '\0';
        } else {
            (void)poll(NULL, 0, LOOK_MS);
        }
        answer_clear(&answer);
    }
}

static int64_t seen_of(const json_t *emails, const json_t *item, const char *what)
{
    const json_t *tally =
        json_object_get(json_object_get(emails, "by_recipient"), text_at(item, "/item"));

    return tally ? json_integer_value(json_object_get(tally, what)) : 0;
}

static void check_not_sent_again(const json_t *item, const json_t *emails)
{
    int64_t index = number_at(item, "/index");

    ck_assert_msg(records.seen[index] < 0 ||
                      (seen_of(emails, item, "seen") == records.seen[index] &&
                       strcmp(text_at(item, "/state"), "succeeded") == 0),
                  "item %d was recorded as sent, and was sent again", (int)index);
}

/* Marks an item that is recorded as sent with nothing seen yet, to be counted afterwards. */
static void note_sent(const json_t *item, const json_t *emails)
{
    int64_t index = number_at(item, "/index");

    (void)emails;
    ck_assert(index >= 0 && index < records.count);
    if (strcmp(text_at(item, "/state"), "succeeded") == 0 && records.seen[index] < 0) {
        records.seen[index] = 0;
    }
}

static void note_seen(void)
{
    json_t *emails = service_emails(service, true);

    for (int i = 0; i < records.count; i++) {
        char to[32];
        const json_t *tally;

        (void)snprintf(to, sizeof to, "r%d@example.com", i);
        tally = json_object_get(json_object_get(emails, "by_recipient"), to);
        if (records.seen[i] == 0) {
            records.seen[i] = json_integer_value(json_object_get(tally, "seen"));
            ck_assert_msg(records.seen[i] > 0, "%s is recorded as sent, and nobody saw it", to);
        }
    }
    json_decref(emails);
}

/* What is recorded as sent by now is not seen once more from now on. */
static void take_records(void)
{
    read_items(note_sent, NULL);
    note_seen();
}

/* --- striking --------------------------------------------------------------------------------- */

static void strike(void)
{
    static const char *const victims[] = {"assentd: core", "assentd: caller", "assentd: runner"};

    (void)house_kill_role(house, victims[(size_t)random() % 3]);
}

/* Waits until so many items have ended; false if the job has. */
static bool await_ended(int64_t count)
{
    int64_t deadline = house_now_ms() + PATIENCE_MS;
    char state[16];
    int64_t ended;

    while ((ended = ended_items(state)) < count) {
        ck_assert_msg(house_now_ms() < deadline, "no more than %d items end", (int)ended);
        (void)poll(NULL, 0, LOOK_MS);
    }
    return strcmp(state, "running") == 0;
}

/* Evenly among the items, and not so fast that a role has to wait long before it starts anew. */
static void strike_all(void)
{
    for (int i = 0; i < kill_count(); i++) {
        int64_t share = item_count() / (kill_count() + 1);

        ck_assert_msg(await_ended(i * share + random() % share), "it ended after %d strikes", i);
        strike();
        if (i % LOOKS_INTO == 0) {
            take_records();
        }
        (void)poll(NULL, 0, REST_MS);
    }
}

static void await_job_end(void)
{
    int64_t deadline = house_now_ms() + PATIENCE_MS;
    char state[16] = "running";

    while (ended_items(state) < 0 || strcmp(state, "running") == 0 ||
           strcmp(state, "queued") == 0) {
        ck_assert_msg(house_now_ms() < deadline, "the fan-out does not end");
        (void)poll(NULL, 0, LOOK_MS);
    }
}

/* --- the verdict ------------------------------------------------------------------------------ */

static void judge_keyed(const json_t *item, const json_t *emails)
{
    const json_t *tally =
        json_object_get(json_object_get(emails, "by_client_id"), text_at(item, "/key"));

    check_not_sent_again(item, emails);
    ck_assert_msg(strcmp(text_at(item, "/state"), "succeeded") == 0, "item %d is %s: %s",
                  (int)number_at(item, "/index"), text_at(item, "/state"), text_at(item, "/error"));
    ck_assert_msg(tally && json_integer_value(json_object_get(tally, "seen")) >= 1,
                  "the key of item %d was never seen", (int)number_at(item, "/index"));
    ck_assert_int_eq(json_integer_value(json_object_get(tally, "created")), 1);
    ck_assert_int_eq(seen_of(emails, item, "created"), 1);
}

static int interrupted;

static void judge_keyless(const json_t *item, const json_t *emails)
{
    const char *state = text_at(item, "/state");
    int64_t created = seen_of(emails, item, "created");
    bool held = strcmp(state, "interrupted") == 0;

    check_not_sent_again(item, emails);
    ck_assert_msg(held || strcmp(state, "succeeded") == 0, "item %d is %s: %s",
                  (int)number_at(item, "/index"), state, text_at(item, "/error"));
    ck_assert_msg(held ? created <= 1 : created == 1, "item %d is %s, and sent %d times",
                  (int)number_at(item, "/index"), state, (int)created);
    ck_assert_msg(seen_of(emails, item, "seen") <= number_at(item, "/attempt"),
                  "item %d was seen %d times in %d attempts", (int)number_at(item, "/index"),
                  (int)seen_of(emails, item, "seen"), (int)number_at(item, "/attempt"));
    interrupted += held;
}

static void end(const char *name, void (*judge)(const json_t *item, const json_t *emails))
{
    json_t *emails;

    await_job_end();
    emails = service_emails(service, true);
    read_items(judge, emails);
    ck_assert_int_eq(number_at(emails, "/sent_twice"), 0);
    ck_assert_int_eq(number_at(emails, "/created_twice"), 0);
    (void)printf("  %-14s %3d strikes %6d items %6d calls %5d interrupted  ok\n", name,
                 kill_count(), item_count(), (int)number_at(emails, "/seen"), interrupted);
    (void)fflush(stdout);
    json_decref(emails);
    house_free(house);
    service_free(service);
}

START_TEST(every_email_exists_exactly_once)
{
    json_t *emails;

    begin(true);
    start_fan_out();
    strike_all();
    await_job_end();
    emails = service_emails(service, false);
    ck_assert_int_eq(number_at(emails, "/created"), item_count());
    ck_assert_int_eq(number_at(emails, "/client_ids"), item_count());
    json_decref(emails);
    house_await_jobs(house, "req_1", 1, "succeeded");
    end("keyed", judge_keyed);
}
END_TEST

START_TEST(without_a_key_every_item_is_sent_once_or_interrupted)
{
    begin(false);
    start_fan_out();
    strike_all();
    end("keyless", judge_keyless);
    ck_assert_int_gt(interrupted, 0);
}
END_TEST

static void add(Suite *suite, const char *name, const TTest *test)
{
    TCase *tcase = tcase_create(name);

    tcase_set_timeout(tcase, CASE_SECONDS);
    tcase_add_test(tcase, test);
    suite_add_tcase(suite, tcase);
}

int main(int argc, char **argv)
{
    Suite *suite = suite_create("fanout");
    SRunner *runner = srunner_create(suite);
    int failed;

    if (suite_wants("keyed", argc, argv)) {
        add(suite, "keyed", every_email_exists_exactly_once);
    }
    if (suite_wants("keyless", argc, argv)) {
        add(suite, "keyless", without_a_key_every_item_is_sent_once_or_interrupted);
    }
    srunner_set_fork_status(runner, CK_FORK);
    srunner_run_all(runner, CK_NORMAL);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
