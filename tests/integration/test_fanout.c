/*
 * Fan-outs through the real daemon: a run for each element of an array, each with a state, a key
 * and tries of its own; what fails, what is retried, what a kill -9 in the middle leaves, and how
 * much of it core holds in memory.
 */
#include <check.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "assent/base/json.h"
#include "integration/harness.h"
#include "support/http_server.h"
#include "support/suite.h"
#include "support/tool.h"

static struct house *house;

static void set_up(void)
{
    house = house_new();
}

static void tear_down(void)
{
    house_free(house);
}

#define SEND                             \
    "[action send]\non_granted = each\n" \
    "[hook each]\nfor_each = context.to\n"

static void start(const char *sections)
{
    house_configure(house, sections);
    house_start(house);
}

/* Registers a `send` with that context, and approves it. */
static void send_out(const char *id, const char *context)
{
    char *body = house_format(house, "{\"requestId\":\"%s\",\"action\":\"send\",\"context\":%s}",
                              id, context);

    house_register(house, body);
    house_approve(house, id);
    free(body);
}

static void send_numbers(const char *id, int count)
{
    json_t *to = json_array();
    json_t *context = json_pack("{s:o}", "to", to);
    char *text;

    for (int i = 0; i < count; i++) {
        (void)json_array_append_new(to, json_integer(i));
    }
    text = json_dumps(context, JSON_COMPACT);
    send_out(id, text);
    free(text);
    json_decref(context);
}

static json_t *job_1(void)
{
    return house_get(house, "/v1/jobs/1");
}

static json_t *post(const char *path)
{
    return answer_take(house_control(house, "POST", path, NULL), 200);
}

/* Every item of job 1 with that state ("": with any), in pages of `limit`; json_decref. */
static json_t *items_of_job_1(const char *state, int limit)
{
    json_t *all = json_array();
    char *path = house_format(house, "/v1/jobs/1/items?limit=%d%s%s", limit,
                              state[0] ? "&state=" : "", state);
    char *first = strdup(path);

    while (path) {
        json_t *page = house_get(house, path);
        const char *cursor = json_string_value(json_object_get(page, "cursor"));

        ck_assert_int_le((int)json_array_size(json_object_get(page, "items")), limit);
        (void)json_array_extend(all, json_object_get(page, "items"));
        free(path);
        path = cursor ? house_format(house, "%s&cursor=%s", first, cursor) : NULL;
        json_decref(page);
    }
    free(first);
    return all;
}

/* Without asking for the request, whose context may be large. */
static void await_job_1(const char *state)
{
    int64_t deadline = house_now_ms() + HOUSE_PATIENCE_MS;
    bool there = false;

    while (!there) {
        json_t *job = job_1();

        there = strcmp(text_at(job, "/state"), state) == 0;
        ck_assert_msg(there || house_now_ms() < deadline, "job 1 is %s", text_at(job, "/state"));
        json_decref(job);
        (void)poll(NULL, 0, there ? 0 : 20);
    }
}

static void expect_counts(int total, int succeeded, int failed, int canceled)
{
    json_t *job = job_1();

    ck_assert_int_eq(number_at(job, "/items/total"), total);
    ck_assert_int_eq(number_at(job, "/items/succeeded"), succeeded);
    ck_assert_int_eq(number_at(job, "/items/failed"), failed);
    ck_assert_int_eq(number_at(job, "/items/canceled"), canceled);
    ck_assert_int_eq(number_at(job, "/items/queued"), 0);
    ck_assert_int_eq(number_at(job, "/items/running"), 0);
    ck_assert(json_is_null(json_at_pointer(job, "/items/estimatedEnd")));
    json_decref(job);
}

/* Fails if a line stands in the file twice, or if there are less. */
static void expect_no_line_twice(const char *name, int least)
{
    char *text = house_read(house, name);
    json_t *seen = json_object();

    for (char *rest = text, *line; (line = strtok_r(rest, "\n", &rest));) {
        ck_assert_msg(!json_object_get(seen, line), "%s has %s twice", name, line);
        (void)json_object_set_new(seen, line, json_true());
    }
    ck_assert_int_ge((int)json_object_size(seen), least);
    json_decref(seen);
    free(text);
}

/* --- items ------------------------------------------------------------------------------------ */

START_TEST(every_item_gets_its_key_its_index_and_itself_in_place_of_the_array)
{
    json_t *items;
    json_t *item;
    size_t i;

    start(SEND "shell = cat >%DIR%/record.$ASSENT_JOB_KEY\n");
    send_out("req_1", "{\"to\":[{\"a\":1},\"two\",null],\"text\":\"t\"}");
    house_await_jobs(house, "req_1", 1, "succeeded");
    expect_counts(3, 3, 0, 0);
    items = items_of_job_1("", 2);
    ck_assert_int_eq(json_array_size(items), 3);
    json_array_foreach(items, i, item) {
        const char *key = text_at(item, "/key");
        char *name = house_format(house, "record.%s", key);
        char *text = house_read(house, name);
        json_t *record = json_loads(text, 0, NULL);

        ck_assert_msg(record != NULL, "%s: no JSON: %s", name, text);
        ck_assert_int_eq(number_at(item, "/index"), (int64_t)i);
        ck_assert_int_eq(number_at(item, "/attempt"), 1);
        ck_assert_int_eq(number_at(record, "/index"), (int64_t)i);
        ck_assert(json_equal(json_object_get(record, "item"), json_object_get(item, "item")));
        ck_assert_str_eq(text_at(record, "/job/key"), key);
        ck_assert_str_eq(text_at(record, "/context/text"), "t");
        ck_assert_ptr_null(json_at_pointer(record, "/context/to"));
        json_decref(record);
        free(text);
        free(name);
    }
    json_decref(items);
}
END_TEST

START_TEST(the_words_of_a_program_take_the_item_and_its_index)
{
    json_t *output;
    json_t *items;

    start(SEND "exec = /bin/echo -- {index} {item.name} {item.n}\n");
    send_out("req_1", "{\"to\":[{\"name\":\"a b\",\"n\":1},{\"name\":\"$(id)\",\"n\":2.5},"
                      "{\"name\":{\"no\":\"text\"},\"n\":3}]}");
    house_await_jobs(house, "req_1", 1, "failed");
    expect_counts(3, 2, 1, 0);
    output = house_get(house, "/v1/jobs/1/output?item=1");
    ck_assert_msg(strstr(text_at(output, "/stdout/head"), "1 $(id) 2.5\n") != NULL, "%s",
                  text_at(output, "/stdout/head"));
    json_decref(output);
    items = items_of_job_1("failed", 500);
    ck_assert_int_eq(json_array_size(items), 1);
    ck_assert_int_eq(number_at(items, "/0/index"), 2);
    ck_assert_msg(strstr(text_at(items, "/0/error"), "item.name") != NULL, "%s",
                  text_at(items, "/0/error"));
    json_decref(items);
}
END_TEST

START_TEST(an_empty_array_succeeds_and_no_array_fails)
{
    json_t *job;

    start("[action send]\non_granted = each\non_failed = tell\n"
          "[hook each]\nfor_each = context.to\nshell = echo >>%DIR%/runs\n"
          "[hook tell]\nshell = true\n");
    send_out("empty", "{\"to\":[]}");
    house_await_jobs(house, "empty", 1, "succeeded");
    send_out("missing", "{\"too\":[1]}");
    house_await_settled(house, "missing", 2);
    send_out("none", "{\"to\":{\"0\":1}}");
    house_await_settled(house, "none", 2);
    job = house_get(house, "/v1/jobs/2");
    ck_assert_str_eq(text_at(job, "/state"), "failed");
    ck_assert_msg(strstr(text_at(job, "/error"), "context.to") != NULL, "%s",
                  text_at(job, "/error"));
    ck_assert_int_eq(number_at(job, "/attempt"), 0);
    json_decref(job);
    ck_assert_int_eq(house_count_lines(house, "runs"), 0);
}
END_TEST

/* --- failures --------------------------------------------------------------------------------- */

START_TEST(what_failed_is_listed_in_pages_and_only_that_runs_again)
{
    json_t *items;
    json_t *item;
    json_t *job;
    size_t i;

    start("[action send]\non_granted = each\non_failed = tell\n"
          "[hook each]\nfor_each = context.to\nretries = 1\nbackoff = 1ms\n"
          "shell = echo ${ASSENT_JOB_KEY##*-} >>%DIR%/runs; test -e %DIR%/mended || "
          "case $ASSENT_JOB_KEY in *-*3) exit 1;; esac\n"
          "[hook tell]\nshell = cat >%DIR%/record\n");
    send_numbers("req_1", 50);
    house_await_settled(house, "req_1", 2);
    expect_counts(50, 45, 5, 0);
    job = job_1();
    ck_assert_str_eq(text_at(job, "/state"), "failed");
    ck_assert_str_eq(text_at(job, "/error"), "5 of 50 items failed");
    json_decref(job);
    items = items_of_job_1("failed", 2);
    ck_assert_int_eq(json_array_size(items), 5);
    json_array_foreach(items, i, item) {
        ck_assert_int_eq(number_at(item, "/index"), (int64_t)(10 * i + 3));
        ck_assert_int_eq(number_at(item, "/attempt"), 2);
        ck_assert_int_eq(number_at(item, "/retries"), 1);
        ck_assert_str_ne(text_at(item, "/error"), "");
    }
    json_decref(items);
    ck_assert_int_eq(house_count_lines(house, "runs"), 55);
    house_write(house, "mended", "");
    house_write(house, "runs", "");
    json_decref(post("/v1/jobs/1/retry"));
    house_await_jobs(house, "req_1", 2, "succeeded");
    expect_counts(50, 50, 0, 0);
    expect_no_line_twice("runs", 5);
    ck_assert_int_eq(house_count_lines(house, "runs"), 5);
    job = job_1();
    ck_assert_str_eq(text_at(job, "/state"), "succeeded");
    ck_assert(json_is_null(json_object_get(job, "error")));
    json_decref(job);
}
END_TEST

/* --- in the middle ---------------------------------------------------------------------------- */

START_TEST(a_cancel_in_the_middle_leaves_the_rest_undone)
{
    json_t *job;
    json_t *items;

    start(SEND "shell = echo >>%DIR%/runs; sleep 1000\nconcurrency = 3\nkill_after = 1s\n");
    send_numbers("req_1", 5000);
    house_await_lines(house, "runs", 3);
    json_decref(post("/v1/jobs/1/cancel"));
    house_await_jobs(house, "req_1", 1, "canceled");
    job = job_1();
    ck_assert_int_eq(number_at(job, "/items/running"), 0);
    ck_assert_int_eq(number_at(job, "/items/succeeded"), 0);
    ck_assert_int_eq(number_at(job, "/items/queued"), 0);
    ck_assert_int_ge(number_at(job, "/items/canceled"), 5000 - 3);
    json_decref(job);
    items = items_of_job_1("running", 500);
    ck_assert_int_eq(json_array_size(items), 0);
    json_decref(items);
    ck_assert_int_eq(house_stop(house), 0);
    house_start(house);
    house_await_jobs(house, "req_1", 1, "canceled");
    ck_assert_int_eq(house_count_lines(house, "runs"), 3);
}
END_TEST

/* None is queued any more that the cancel could keep from running. */
START_TEST(a_cancel_of_the_last_items_cancels_the_whole)
{
    json_t *job;

    start("[action send]\non_granted = each\non_failed = tell\n"
          "[hook each]\nfor_each = context.to\nkill_after = 1s\n"
          "shell = echo >>%DIR%/runs; sleep 1000\n"
          "[hook tell]\nshell = echo >>%DIR%/told\n");
    send_numbers("req_1", 2);
    house_await_lines(house, "runs", 2);
    json_decref(post("/v1/jobs/1/cancel"));
    house_await_settled(house, "req_1", 1);
    job = job_1();
    ck_assert_str_eq(text_at(job, "/state"), "canceled");
    json_decref(job);
    ck_assert_int_eq(house_count_lines(house, "told"), 0);
}
END_TEST

START_TEST(a_cancel_ends_the_calls_of_items)
{
    struct http_server *server = http_server_start();
    char *sections =
        house_format(house,
                     SEND "http = POST http://127.0.0.1:%d/slow\nbody = {\"key\": \"{job.key}\"}\n"
                          "concurrency = 3\ntimeout = 1h\nretries = 5\n",
                     http_server_port(server));

    http_server_script(
        server, &(struct http_server_script){.path = "/slow", .manner = HTTP_SERVER_NEVER_ANSWERS});
    start(sections);
    send_numbers("req_1", 50);
    ck_assert_int_eq(http_server_wait(server, 3), 3);
    json_decref(post("/v1/jobs/1/cancel"));
    house_await_jobs(house, "req_1", 1, "canceled");
    ck_assert_int_eq(http_server_wait(server, 3), 3);
    free(sections);
    http_server_stop(server);
}
END_TEST

START_TEST(a_kill_in_the_middle_is_gone_on_from_there)
{
    int held = 0;
    json_t *items;
    json_t *item;
    json_t *job;
    size_t i;

    start(SEND "shell = echo ${ASSENT_JOB_KEY##*-} >>%DIR%/runs; sleep 0.02\nconcurrency = 4\n");
    send_numbers("req_1", 150);
    for (int n = 1; n <= 3; n++) {
        house_await_lines(house, "runs", 30 * n);
        house_kill(house);
        house_start(house);
    }
    house_await_settled(house, "req_1", 1);
    /* None was begun twice, and what was cut off is held: that is 4 at most each time. */
    items = items_of_job_1("", 500);
    ck_assert_int_eq(json_array_size(items), 150);
    json_array_foreach(items, i, item) {
        bool interrupted = strcmp(text_at(item, "/state"), "interrupted") == 0;

        ck_assert_msg(interrupted || strcmp(text_at(item, "/state"), "succeeded") == 0, "%s",
                      text_at(item, "/state"));
        ck_assert_int_eq(number_at(item, "/attempt"), 1);
        held += interrupted;
    }
    json_decref(items);
    ck_assert_int_le(held, 3 * 4);
    job = job_1();
    ck_assert_int_eq(number_at(job, "/items/interrupted"), held);
    ck_assert_str_eq(text_at(job, "/state"), held > 0 ? "interrupted" : "succeeded");
    json_decref(job);
    expect_no_line_twice("runs", 150 - held);
    if (held > 0) {
        json_decref(post("/v1/jobs/1/retry"));
        house_await_jobs(house, "req_1", 1, "succeeded");
    }
    expect_counts(150, 150, 0, 0);
}
END_TEST

START_TEST(a_hook_that_goes_in_the_middle_fails_the_rest)
{
    json_t *items;

    start(SEND "shell = echo >>%DIR%/runs; until [ -e %DIR%/enough ]; do sleep 0.05; done\n"
               "concurrency = 2\n");
    send_numbers("req_1", 100);
    house_await_lines(house, "runs", 2);
    house_configure(house, "");
    house_reload(house);
    house_write(house, "enough", "");
    house_await_jobs(house, "req_1", 1, "failed");
    expect_counts(100, 2, 98, 0);
    items = items_of_job_1("failed", 500);
    ck_assert_int_eq(json_array_size(items), 98);
    ck_assert_str_eq(text_at(items, "/97/error"), "its hook is not in the configuration any more");
    json_decref(items);
    ck_assert_int_eq(house_count_lines(house, "runs"), 2);
}
END_TEST

START_TEST(the_output_of_an_item_is_seen_while_it_runs)
{
    int64_t deadline = house_now_ms() + HOUSE_PATIENCE_MS;
    bool seen = false;

    start(SEND "shell = echo early; until [ -e %DIR%/enough ]; do sleep 0.05; done; echo late\n");
    send_numbers("req_1", 2);
    while (!seen) {
        struct answer answer = house_control(house, "GET", "/v1/jobs/1/output?item=1", NULL);

        seen = strcmp(text_at(answer.json, "/result/stdout/head"), "early\n") == 0;
        ck_assert_msg(seen || house_now_ms() < deadline, "%d %s", answer.status, answer.body);
        answer_clear(&answer);
    }
    house_write(house, "enough", "");
    house_await_jobs(house, "req_1", 1, "succeeded");
    {
        json_t *output = house_get(house, "/v1/jobs/1/output?item=1");

        ck_assert_str_eq(text_at(output, "/stdout/head"), "early\nlate\n");
        json_decref(output);
    }
}
END_TEST

/* --- many ------------------------------------------------------------------------------------- */

static long core_memory_kb(const char *what)
{
    return house_status(house, "assentd: core", what);
}

/* The array is there once (100 KB), a chunk of items in the store's cache, and no more as they run:
 * 1 KB for each item would be 20 MB. */
#define MANY     20000
#define MANY_RUN 400
/* KiB; the second where what was freed is kept. */
#define GROWTH_LIMIT      12000
#define GROWTH_LIMIT_KEPT 400000

START_TEST(very_many_items_cost_core_no_memory)
{
    json_t *job;
    long before;

    start(SEND "shell = echo >>%DIR%/runs\noutput_limit = 0\nconcurrency = 4\n");
    before = core_memory_kb("VmRSS:");
    send_numbers("req_1", MANY);
    house_await_lines(house, "runs", MANY_RUN);
    ck_assert_int_lt(core_memory_kb("VmRSS:") - before,
                     memory_counts() ? GROWTH_LIMIT : GROWTH_LIMIT_KEPT);
    job = job_1();
    ck_assert_int_eq(number_at(job, "/items/total"), MANY);
    ck_assert_str_ne(text_at(job, "/items/estimatedEnd"), "");
    json_decref(job);
    json_decref(post("/v1/jobs/1/cancel"));
    house_await_jobs(house, "req_1", 1, "canceled");
}
END_TEST

/* The text of so many has 7 MiB, its JSON several times that; what stays is the store's cache, of 6 MiB,
 * and little more. KiB. */
#define LARGE_COUNT 60000
#define LARGE_ITEM  100
#define LARGE_LEFT  11000

static void await_core_memory(long most)
{
    int64_t deadline = house_now_ms() + patience_ms(20000);
    long memory;

    while ((memory = core_memory_kb("RssAnon:")) > most && memory_counts()) {
        ck_assert_msg(house_now_ms() < deadline, "core still has %ld KiB, not %ld", memory, most);
        (void)poll(NULL, 0, 50);
    }
}

START_TEST(the_memory_of_a_large_array_is_given_back)
{
    char text[LARGE_ITEM + 1];
    json_t *to = json_array();
    json_t *body = json_pack("{s:s, s:s, s:{s:o}}", "requestId", "req_1", "action", "send",
                             "context", "to", to);
    char *all;
    long most;

    memset(text, 'x', LARGE_ITEM);
    text[LARGE_ITEM] = '\0';
    for (int i = 0; i < LARGE_COUNT; i++) {
        (void)json_array_append_new(to, json_pack("[s, i]", text, i));
    }
    all = json_dumps(body, JSON_COMPACT);
    json_decref(body);
    start(SEND "shell = echo >>%DIR%/runs; sleep 1000\nconcurrency = 1\n");
    most = core_memory_kb("RssAnon:") + LARGE_LEFT;
    house_register(house, all);
    free(all);
    await_core_memory(most);
    house_approve(house, "req_1");
    house_await_lines(house, "runs", 1);
    await_core_memory(most);
    json_decref(post("/v1/jobs/1/cancel"));
    await_job_1("canceled");
}
END_TEST

/* Nobody listens there: a call fails at once. */
#define REFUSED "http = POST http://127.0.0.1:1/\nbody = {\"n\": \"{item}\"}\nconcurrency = 8\n"

/* More than one commit adds. */
#define SEVERAL_CHUNKS 5000

START_TEST(a_kill_while_items_are_added_loses_none)
{
    json_t *items;
    json_t *item;
    size_t i;

    start(SEND REFUSED "retries = 0\n");
    send_numbers("req_1", SEVERAL_CHUNKS);
    for (int n = 0; n < 3; n++) {
        (void)house_kill_role(house, "assentd: core");
        house_await_ready(house);
    }
    house_await_jobs(house, "req_1", 1, "failed");
    expect_counts(SEVERAL_CHUNKS, 0, SEVERAL_CHUNKS, 0);
    items = items_of_job_1("failed", 500);
    ck_assert_int_eq(json_array_size(items), SEVERAL_CHUNKS);
    json_array_foreach(items, i, item) {
        ck_assert_int_eq(number_at(item, "/index"), (int64_t)i);
        ck_assert_int_eq(number_at(item, "/item"), (int64_t)i);
        ck_assert_int_eq(number_at(item, "/attempt"), 1);
    }
    json_decref(items);
}
END_TEST

#define MANY_CHUNKS 20000

/* What is not a row yet can't become one: the job ends, and goes on with its own array only. */
START_TEST(an_array_that_is_another_after_a_kill_fails_the_rest)
{
    json_t *job;
    json_t *items;

    start(SEND REFUSED "retries = 0\n");
    send_numbers("req_1", MANY_CHUNKS);
    house_kill(house);
    house_configure(house, "[action send]\non_granted = each\n"
                           "[hook each]\nfor_each = context.others\n" REFUSED "retries = 0\n");
    house_start(house);
    house_await_settled(house, "req_1", 1);
    job = job_1();
    /* All but those that the kill cut off. */
    ck_assert_int_ge(number_at(job, "/items/failed"), MANY_CHUNKS - 8);
    json_decref(job);
    house_configure(house, SEND REFUSED "retries = 0\n");
    house_reload(house);
    json_decref(post("/v1/jobs/1/retry"));
    house_await_jobs(house, "req_1", 1, "failed");
    expect_counts(MANY_CHUNKS, 0, MANY_CHUNKS, 0);
    items = house_get(house, "/v1/jobs/1/items?cursor=19999");
    ck_assert_int_eq(number_at(items, "/items/0/item"), MANY_CHUNKS - 1);
    json_decref(items);
}
END_TEST

static void await_succeeded(int count)
{
    int64_t deadline = house_now_ms() + HOUSE_PATIENCE_MS;
    bool there = false;

    while (!there) {
        json_t *job = job_1();

        there = number_at(job, "/items/succeeded") == count;
        ck_assert_msg(there || house_now_ms() < deadline, "waited in vain for %d items", count);
        json_decref(job);
        (void)poll(NULL, 0, there ? 0 : 20);
    }
}

#define VERY_MANY_CHUNKS 100000

#define STUBBORN                                                  \
    SEND "concurrency = 2\n"                                      \
         "shell = n=${ASSENT_JOB_KEY##*-}; echo $n >>%DIR%/runs;" \
         " until [ -e %DIR%/enough-$n ]; do sleep 0.05; done\n"

/* Those that were no rows yet have failed with the rest: that the hook comes back, while some still
 * run, brings them no sooner than a retry does. */
START_TEST(a_hook_that_goes_while_items_are_added_fails_those_too)
{
    start(STUBBORN);
    send_numbers("req_1", VERY_MANY_CHUNKS);
    house_await_lines(house, "runs", 2);
    /* Adds no more while none can be started. */
    (void)house_kill_role(house, "assentd: core");
    house_await_ready(house);
    house_configure(house, "");
    house_reload(house);
    house_configure(house, STUBBORN);
    house_reload(house);
    house_write(house, "enough-0", "");
    await_succeeded(1);
    house_write(house, "enough-1", "");
    await_job_1("failed");
    expect_counts(VERY_MANY_CHUNKS, 2, VERY_MANY_CHUNKS - 2, 0);
    ck_assert_int_eq(house_count_lines(house, "runs"), 2);
    json_decref(post("/v1/jobs/1/retry"));
    house_await_lines(house, "runs", 4);
    json_decref(post("/v1/jobs/1/cancel"));
    await_job_1("canceled");
}
END_TEST

static long core_time(void)
{
    return house_processor_ticks(house, "assentd: core");
}

static bool all_wait(int count)
{
    json_t *job = job_1();
    char *path = house_format(house, "/v1/jobs/1/items?cursor=%d", count - 1);
    json_t *last = house_get(house, path);
    bool all = number_at(job, "/items/running") == 0 && number_at(last, "/items/0/attempt") == 1;

    free(path);
    json_decref(last);
    json_decref(job);
    return all;
}

#define WAITING 3000
#define REST_MS 2000

/* Pauses are random from 0: of so many that are up to nine years, none ends during this test. */
START_TEST(many_that_wait_for_another_try_cost_nothing_and_make_no_storm)
{
    int64_t deadline = house_now_ms() + HOUSE_PATIENCE_MS;
    json_t *items;
    json_t *item;
    size_t i;
    long before;

    start(SEND REFUSED "retries = 5\nbackoff = 80000h\nbackoff_max = 80000h\n"
                       "[action other]\non_granted = good\n[hook good]\nshell = true\n");
    send_numbers("req_1", WAITING);
    while (!all_wait(WAITING)) {
        ck_assert_msg(house_now_ms() < deadline, "they are not all tried once");
        (void)poll(NULL, 0, 50);
    }
    before = core_time();
    (void)poll(NULL, 0, REST_MS);
    ck_assert_int_le(core_time() - before, REST_MS / 10 / 20);
    house_kill(house);
    house_start(house);
    house_register_as(house, "req_2", "other");
    house_approve(house, "req_2");
    house_await_jobs(house, "req_2", 1, "succeeded");
    before = core_time();
    (void)poll(NULL, 0, REST_MS);
    ck_assert_int_le(core_time() - before, REST_MS / 10 / 20);
    items = items_of_job_1("queued", 500);
    ck_assert_int_eq(json_array_size(items), WAITING);
    json_array_foreach(items, i, item) {
        ck_assert_int_eq(number_at(item, "/attempt"), 1);
        ck_assert_str_ne(text_at(item, "/notBefore"), "");
    }
    json_decref(items);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("fan-out");
    TCase *items = house_scenarios(suite, "items", set_up, tear_down);
    TCase *failures = house_scenarios(suite, "failures", set_up, tear_down);
    TCase *middle = house_scenarios(suite, "middle", set_up, tear_down);
    TCase *many = house_scenarios(suite, "many", set_up, tear_down);

    tcase_add_test(items, every_item_gets_its_key_its_index_and_itself_in_place_of_the_array);
    tcase_add_test(items, the_words_of_a_program_take_the_item_and_its_index);
    tcase_add_test(items, an_empty_array_succeeds_and_no_array_fails);
    tcase_add_test(failures, what_failed_is_listed_in_pages_and_only_that_runs_again);
    tcase_add_test(middle, a_cancel_in_the_middle_leaves_the_rest_undone);
    tcase_add_test(middle, a_cancel_of_the_last_items_cancels_the_whole);
    tcase_add_test(middle, a_cancel_ends_the_calls_of_items);
    tcase_add_test(middle, a_kill_in_the_middle_is_gone_on_from_there);
    tcase_add_test(middle, a_hook_that_goes_in_the_middle_fails_the_rest);
    tcase_add_test(middle, the_output_of_an_item_is_seen_while_it_runs);
    tcase_add_test(many, very_many_items_cost_core_no_memory);
    tcase_add_test(many, the_memory_of_a_large_array_is_given_back);
    tcase_add_test(many, a_kill_while_items_are_added_loses_none);
    tcase_add_test(many, an_array_that_is_another_after_a_kill_fails_the_rest);
    tcase_add_test(many, a_hook_that_goes_while_items_are_added_fails_those_too);
    tcase_add_test(many, many_that_wait_for_another_try_cost_nothing_and_make_no_storm);
    return suite_run(suite);
}
