/*
 * Ten thousand jobs that wait for another try: they cost no processor time while they wait, none is
 * started before its time by a daemon that was killed and comes back, and those whose time is over by
 * then start in no greater number at once than their hook allows.
 */
#include <check.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "assent/base/clock.h"
#include "integration/harness.h"
#include "support/suite.h"
#include "support/tool.h"

#define MANY       10000
#define UNDER_TOOL 500 /* valgrind takes long enough for these */
#define DUE        60
#define AT_ONCE    3
#define PAGE       500

/* Nobody listens there: a call fails at once. The pause before the next is anything from 0 to nine years:
 * once in two thousand times one of ten thousand ends during this test. */
#define LONGEST_H 80000
#define SECTIONS                                                                     \
    "[runner]\nconcurrency = 64\n"                                                   \
    "[action go]\non_granted = soon\n[action other]\non_granted = good\n"            \
    "[hook good]\nshell = true\n"                                                    \
    "[hook later]\nhttp = POST http://127.0.0.1:1/\nbody = {}\n"                     \
    "retries = 5\nbackoff = 80000h\nbackoff_max = 80000h\n"                          \
    "[hook soon]\n"                                                                  \
    "shell = [ -e %DIR%/mended ] || exit 1; echo $ASSENT_REQUEST_ID >>%DIR%/runs; "  \
    "mkdir %DIR%/now/$ASSENT_JOB; ls %DIR%/now | wc -l >>%DIR%/counts; sleep 0.02; " \
    "rmdir %DIR%/now/$ASSENT_JOB\n"                                                  \
    "concurrency = 3\nretries = 1000\nbackoff = 2s\nbackoff_max = 2s\non_interrupt = retry\n"

static struct house *house;

static void set_up(void)
{
    house = house_new();
    house_configure(house, SECTIONS);
}

static void tear_down(void)
{
    house_free(house);
}

static int many(void)
{
    return under_wrapper() ? UNDER_TOOL : MANY;
}

static void make_directory(const char *name)
{
    char *path = house_file(house, name);

    ck_assert_int_eq(mkdir(path, 0700), 0);
    free(path);
}

/* A queue of `many` jobs of the hook `later`, in a store that no daemon has opened yet. */
static void make_queue(void)
{
    char *store = house_format(house, "%%DIR%%/state/assentd.db");
    char *count = house_format(house, "%d", many());
    char *arguments[] = {store, count, (char *)(uintptr_t) "later", NULL};
    int status = -1;
    pid_t maker;

    make_directory("state");
    maker = fork();
    if (maker == 0) {
        become_built("tests/bench/make_jobs", arguments);
    }
    ck_assert_int_eq(waitpid(maker, &status, 0), maker);
    ck_assert_int_eq(status, 0);
    free(store);
    free(count);
}

/* --- looking ---------------------------------------------------------------------------------- */

/* A time as it is told, in milliseconds since 1970. */
static int64_t time_ms(const char *text)
{
    struct tm tm = {0};
    const char *rest = strptime(text, "%Y-%m-%dT%H:%M:%S", &tm);

    ck_assert_msg(rest != NULL && rest[0] == '.', "not a time: %s", text);
    return timegm(&tm) * INT64_C(1000) + strtol(rest + 1, NULL, 10);
}

/* Calls `each` for every job of that hook and state; how many there are. */
static int for_each_job(const char *hook, const char *state,
                        void (*each)(const json_t *job, void *userdata), void *userdata)
{
    char *first = house_format(house, "/v1/jobs?limit=%d&hook=%s&state=%s", PAGE, hook, state);
    char *path = strdup(first);
    int count = 0;

    while (path) {
        json_t *page = house_get(house, path);
        const char *cursor = json_string_value(json_object_get(page, "cursor"));
        json_t *job;
        size_t i;

        json_array_foreach(json_object_get(page, "jobs"), i, job) {
            count++;
            each(job, userdata);
        }
        free(path);
        path = cursor ? house_format(house, "%s&cursor=%s", first, cursor) : NULL;
        json_decref(page);
    }
    free(first);
    return count;
}

static void count_tried(const json_t *job, void *userdata)
{
    *(int *)userdata += number_at(job, "/attempt") > 0;
}

/* Until so many of that hook have been tried, and no more than some are being tried. */
static void await_tried(const char *hook, int count, int running)
{
    int64_t deadline = house_now_ms() + 2 * HOUSE_PATIENCE_MS;
    int tried = 0;
    int queued = 0;

    while (tried < count || queued < count - running) {
        ck_assert_msg(house_now_ms() < deadline, "%d of %d %s were tried", tried, count, hook);
        (void)poll(NULL, 0, 100);
        tried = 0;
        queued = for_each_job(hook, "queued", count_tried, &tried);
        (void)for_each_job(hook, "running", count_tried, &tried);
    }
}

/* --- at rest ---------------------------------------------------------------------------------- */

#define ROUNDS   10
#define ROUND_MS 1000

static const char *const workers[] = {"assentd: core", "assentd: runner", "assentd: caller"};

struct effort {
    long ticks; /* of processor time */
    long wakes; /* so often a process has gone to sleep */
};

static struct effort effort_so_far(void)
{
    struct effort effort = {0};

    for (size_t i = 0; i < sizeof workers / sizeof workers[0]; i++) {
        effort.ticks += house_processor_ticks(house, workers[i]);
        effort.wakes += house_status(house, workers[i], "voluntary_ctxt_switches:");
    }
    return effort;
}

static bool is_rest(const struct effort *before, const struct effort *after)
{
    return after->ticks - before->ticks <= 2 && after->wakes - before->wakes <= 4;
}

/* What they cost would be seen in every round; upkeep, and what a test asked for before, is in few. */
static void expect_rest(void)
{
    bool rest = false;

    for (int i = 0; i < ROUNDS && !rest; i++) {
        struct effort before = effort_so_far();
        struct effort after;

        (void)poll(NULL, 0, ROUND_MS);
        after = effort_so_far();
        rest = is_rest(&before, &after);
        ck_assert_msg(rest || i + 1 < ROUNDS, "at rest they take %ld ticks and wake %ld times",
                      after.ticks - before.ticks, after.wakes - before.wakes);
    }
}

/* --- their times ------------------------------------------------------------------------------ */

#define PARTS     10
#define BY_CHANCE 2

struct times {
    int64_t now;
    int again;        /* of those that were started a second time, or are to be */
    int count[PARTS]; /* of those whose time is in that part of the longest pause */
};

static void take_time(const json_t *job, void *userdata)
{
    const int64_t part = LONGEST_H * INT64_C(3600000) / PARTS;
    struct times *times = userdata;
    const char *text = text_at(job, "/notBefore");
    int64_t pause = text[0] ? time_ms(text) - times->now : 0;

    ck_assert_int_lt(pause, part * PARTS);
    times->again += number_at(job, "/attempt") > 1 || pause <= 0;
    times->count[(pause > 0 ? pause : 0) / part]++;
}

/* None has been started again, and no part of the time has much more or less of them than another: seven
 * standard deviations of what chance does. */
static void expect_untouched_and_spread(void)
{
    struct times times = {.now = clock_now_ms()};
    int share = many() / PARTS;
    int margin = many() == MANY ? 210 : 50;

    ck_assert_int_eq(for_each_job("later", "queued", take_time, &times), many());
    ck_assert_int_le(times.again, BY_CHANCE);
    for (int i = 0; i < PARTS; i++) {
        ck_assert_msg(abs(times.count[i] - share) <= margin, "%d of %d in part %d of %d",
                      times.count[i], many(), i, PARTS);
    }
}

static void take_latest(const json_t *job, void *userdata)
{
    const char *text = text_at(job, "/notBefore");
    int64_t time = text[0] ? time_ms(text) : 0;
    int64_t *latest = userdata;

    *latest = time > *latest ? time : *latest;
}

/* --- the hook that has something to do -------------------------------------------------------- */

static void for_each_due(void (*each)(const char *id))
{
    for (int i = 0; i < DUE; i++) {
        char *id = house_format(house, "soon_%d", i);

        each(id);
        free(id);
    }
}

static void approve_soon(const char *id)
{
    house_register_as(house, id, "go");
    house_approve(house, id);
}

static void await_success(const char *id)
{
    house_await_jobs(house, id, 1, "succeeded");
}

static void expect_no_more_at_once(void)
{
    char *counts = house_read(house, "counts");
    int lines = 0;

    for (char *rest = counts, *line; (line = strtok_r(rest, "\n", &rest)); lines++) {
        ck_assert_int_le(strtol(line, NULL, 10), AT_ONCE);
    }
    ck_assert_int_eq(lines, DUE);
    free(counts);
}

START_TEST(they_cost_nothing_at_rest_and_make_no_storm_after_a_restart)
{
    int64_t latest = 0;

    make_queue();
    make_directory("now");
    house_start(house);
    await_tried("later", many(), 0);
    expect_rest();
    for_each_due(approve_soon);
    await_tried("soon", DUE, AT_ONCE);
    (void)for_each_job("soon", "queued", take_latest, &latest);
    house_kill(house);
    house_write(house, "mended", "");
    /* Their time ends while no daemon is there. */
    while (clock_now_ms() < latest) {
        (void)poll(NULL, 0, 20);
    }
    house_start(house);
    for_each_due(await_success);
    ck_assert_int_eq(house_count_lines(house, "runs"), DUE);
    expect_no_more_at_once();
    house_register_as(house, "last", "other");
    house_approve(house, "last");
    house_await_jobs(house, "last", 1, "succeeded");
    expect_untouched_and_spread();
    expect_rest();
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("many retries");
    TCase *tests = house_scenarios(suite, "retries", set_up, tear_down);

    tcase_add_test(tests, they_cost_nothing_at_rest_and_make_no_storm_after_a_restart);
    return suite_run(suite);
}
