/*
 * Late, conflicting, simultaneous: whatever happens to a request in whatever order, one of it counts, and
 * what follows from that is done once.
 *
 * Seven events: the service says approved, denied, expired; assentd's own clock says expired; somebody
 * cancels; something comes twice; and the request is registered, before which all else is early. All 5040
 * orders of them are driven through one daemon, for a request each, and so is every pair of them at once.
 * (Of the orders only some where sanitizers or a tool make all slow.)
 */
#include <check.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "assent/base/clock.h"
#include "integration/course_drive.h"
#include "integration/course_marks.h"
#include "integration/harness.h"
#include "support/jail_setting.h"
#include "support/permutation.h"
#include "support/suite.h"

#define ORDERS         5040
#define TOLD_AT_ALL    5
#define PROGRAM_STRIDE 13
/* Of so many orders one, where it is slow. */
#define SLOW_STRIDE 29

#define TOGETHER 12 /* requests, each with two connections, of the 64 that an address may have */
#define GROUPS   2
#define NO_PAIR  COURSE_LIMIT

static struct house *house;
static struct http_server *server;

static void begin(void)
{
    server = http_server_start();
    house = house_new();
    char *sections = course_marks_sections(server);

    house_configure(house, sections);
    free(sections);
    house_start(house);
    house_await_ready(house);
}

static void end(void)
{
    house_free(house);
    http_server_stop(server);
}

/* With sanitizers and under a tool, where the daemon has no jail either. */
static bool is_slow(void)
{
    return !jail_possible();
}

/* --- what is expected ------------------------------------------------------------------------- */

/* Two that came at once count in one order or in the other. */
static bool is_right(struct course *course, size_t pair, const json_t *record, const char *marks)
{
    char *predicted = course_predict(course);
    char *observed = course_observe(course, record, marks);
    bool right = strcmp(predicted, observed) == 0;

    if (!right && pair != NO_PAIR) {
        course_swap(course, pair, pair + 1);
        right = is_right(course, NO_PAIR, record, marks);
    } else if (!right) {
        (void)fprintf(stderr, "%s\nexpected %s\nis       %s\n", course->id, predicted, observed);
    }
    free(predicted);
    free(observed);
    return right;
}

static bool has_jobs(const char *path)
{
    json_t *page = house_get(house, path);
    bool has = json_array_size(json_object_get(page, "jobs")) > 0;

    json_decref(page);
    return has;
}

static void await_runs(void)
{
    int64_t deadline = house_now_ms() + HOUSE_PATIENCE_MS;

    while (has_jobs("/v1/jobs?state=queued&limit=1") ||
           has_jobs("/v1/jobs?state=running&limit=1")) {
        ck_assert_msg(house_now_ms() < deadline, "hooks do not end");
        (void)poll(NULL, 0, 10);
    }
}

/* `pairs` says for each where two came at once, or is NULL. */
static void expect_all(struct course *courses, size_t count, const size_t *pairs)
{
    json_t **records = calloc(count, sizeof *records);
    struct course_marks *marks;
    int wrong = 0;

    ck_assert_ptr_nonnull(records);
    await_runs();
    courses_show(house, courses, count, records);
    ck_assert_int_eq(house_stop(house), 0);
    marks = course_marks_read(house, server, count);
    for (size_t i = 0; i < count && wrong < TOLD_AT_ALL; i++) {
        wrong += !is_right(&courses[i], pairs ? pairs[i] : NO_PAIR, records[i],
                           course_marks_of(marks, i));
    }
    for (size_t i = 0; i < count; i++) {
        json_decref(records[i]);
    }
    free(records);
    course_marks_free(marks);
    ck_assert_int_eq(wrong, 0);
}

/* A program costs ten times what a call costs, so of so many only one is a program. */
static const char *action_of(size_t index)
{
    return index % PROGRAM_STRIDE == 0 ? "program" : "call";
}

/* --- every order ------------------------------------------------------------------------------ */

static struct course orders[ORDERS];

/* Returns how many there are. Those in which the clock comes first come first. */
static size_t make_orders(void)
{
    size_t stride = is_slow() ? SLOW_STRIDE : 1;
    size_t number = 0;
    size_t count = 0;
    int items[COURSE_EVENTS];

    permutation_first(items, COURSE_EVENTS);
    do {
        if (number++ % stride == 0) {
            struct course *course = &orders[count];

            *course = (struct course){.action = action_of(count), .count = COURSE_EVENTS};
            (void)snprintf(course->id, sizeof course->id, "o%zu", count++);
            for (size_t i = 0; i < COURSE_EVENTS; i++) {
                course->events[i] = (enum course_event)items[i];
            }
        }
    } while (permutation_next(items, COURSE_EVENTS));
    ck_assert_uint_eq(number, ORDERS);
    return count;
}

static void set_expiry(struct course *courses, size_t count, int64_t at)
{
    for (size_t i = 0; i < count; i++) {
        text_from_time(at, courses[i].expires_at);
    }
}

/* There is one request more, whose only event is that its time is over. */
static void await_clock(const char *expires_at)
{
    char *body = house_format(
        house, "{\"requestId\":\"clock\",\"action\":\"other\",\"expiresAt\":\"%s\"}", expires_at);

    house_register(house, body);
    house_await_status(house, "clock", "expired");
    free(body);
}

/* Those whose time is over before anything else need no waiting, and show how fast it goes here: what the
 * others have before the clock takes three times as long. Their time is over at one moment, `patience`
 * times as long away. Returns false if not all was answered by then: nothing is known in that case. */
static bool drive(size_t count, int64_t patience)
{
    size_t over = 0;
    int64_t began = house_now_ms();
    int64_t moment;

    while (over < count && orders[over].events[0] == COURSE_CLOCK) {
        over++;
    }
    set_expiry(orders, over, clock_now_ms() - 1000);
    courses_go_on(house, orders, over);
    moment = clock_now_ms() + patience * (house_now_ms() - began) + 500;
    set_expiry(orders + over, count - over, moment);
    courses_go_to_clock(house, orders + over, count - over);
    if (clock_now_ms() >= moment) {
        return false;
    }
    await_clock(orders[count - 1].expires_at);
    courses_go_on(house, orders + over, count - over);
    return true;
}

START_TEST(in_every_order_exactly_one_counts)
{
    size_t count = make_orders();
    int64_t patience = 4;

    while (!drive(count, patience)) {
        end();
        begin();
        patience *= 2;
        (void)make_orders();
    }
    expect_all(orders, count, NULL);
}
END_TEST

/* --- at once ---------------------------------------------------------------------------------- */

/* Where two come at once: while the request is open; before it is there; when it was decided. */
enum context { OPEN, EARLY, DECIDED, CONTEXTS };

#define PAIRS_LIMIT ((size_t)CONTEXTS * 21 * GROUPS * TOGETHER)

static struct course pairs[PAIRS_LIMIT];
static size_t pair_places[PAIRS_LIMIT];

/* The time of those in which the clock takes part is over a little before, at, or after the other event. */
static void make_group(struct course *group, size_t index, enum context context,
                       const enum course_event *both)
{
    bool timed = both[0] == COURSE_CLOCK;

    for (size_t i = 0; i < TOGETHER; i++) {
        int64_t end = clock_now_ms() + (timed ? 3 * ((int64_t)i - TOGETHER / 2) : 3600 * 1000);
        struct course *course = &group[i];
        size_t pair = context == OPEN ? 1 : context == EARLY ? 0 : 2;

        *course = (struct course){.action = action_of(i), .count = 3};
        course->events[pair] = both[0];
        course->events[pair + 1] = both[1];
        course->events[context == EARLY ? 2 : 0] = COURSE_REGISTER;
        if (context == DECIDED) {
            course->events[1] = COURSE_DENIED;
            course->count = 4;
        }
        (void)snprintf(course->id, sizeof course->id, "p%zu", index + i);
        text_from_time(end, course->expires_at);
        pair_places[index + i] = pair;
    }
}

/* NULL where there is nothing to send. */
static struct exchange *begin_event(const struct course *course, size_t place)
{
    struct course_call call;

    if (!course_compose(course, place, &call)) {
        return NULL;
    }
    return call.webhook ? house_begin_webhook(house, call.body)
                        : house_begin_control(house, "POST", call.path, call.body);
}

static void end_event(struct course *course, size_t place, struct exchange *exchange)
{
    if (exchange) {
        struct answer answer = exchange_end(exchange);

        course_note_answer(course, place, answer.status, answer.json);
        answer_clear(&answer);
    }
}

/* One event of each, or two: then the one first or the other. */
static void go_together(struct course *group, size_t place, bool both)
{
    struct exchange *exchanges[TOGETHER][2] = {{NULL}};

    for (size_t i = 0; i < TOGETHER; i++) {
        size_t first = both ? i % 2 : 0;

        exchanges[i][first] = begin_event(&group[i], place + first);
        if (both) {
            exchanges[i][1 - first] = begin_event(&group[i], place + 1 - first);
        }
    }
    for (size_t i = 0; i < TOGETHER; i++) {
        end_event(&group[i], place, exchanges[i][0]);
        end_event(&group[i], place + 1, exchanges[i][1]);
    }
}

static void await_ends(struct course *group, size_t clock)
{
    struct exchange *exchanges[TOGETHER];

    for (size_t i = 0; i < TOGETHER; i++) {
        char *path = house_format(house, "/v1/approvals/%s?wait=55", group[i].id);

        exchanges[i] = house_begin_control(house, "GET", path, NULL);
        free(path);
    }
    for (size_t i = 0; i < TOGETHER; i++) {
        end_event(&group[i], clock, exchanges[i]);
    }
}

/* The clock's answer is had as soon as the clock has come and the request is there. */
static void go(struct course *group, size_t pair)
{
    bool registered = false;
    size_t clock = NO_PAIR;
    size_t place = 0;

    while (place < group->count) {
        size_t next = place + (place == pair ? 2 : 1);

        go_together(group, place, place == pair);
        for (; place < next; place++) {
            registered = registered || group->events[place] == COURSE_REGISTER;
            clock = group->events[place] == COURSE_CLOCK ? place : clock;
        }
        if (registered && clock != NO_PAIR) {
            await_ends(group, clock);
            clock = NO_PAIR;
        }
    }
}

/* One that comes twice is a pair of its own; the clock does not. */
START_TEST(of_two_at_once_exactly_one_counts)
{
    size_t groups = is_slow() ? 1 : GROUPS;
    enum course_event both[2];
    size_t count = 0;

    for (both[0] = COURSE_CLOCK; both[0] <= COURSE_REGISTER; both[0]++) {
        for (both[1] = both[0] == COURSE_CLOCK ? COURSE_APPROVED : both[0];
             both[1] <= COURSE_REGISTER; both[1]++) {
            for (size_t i = 0; i < CONTEXTS * groups; i++) {
                enum context context = (enum context)(i / groups);

                if (context != DECIDED || both[0] != COURSE_CLOCK) {
                    make_group(&pairs[count], count, context, both);
                    go(&pairs[count], pair_places[count]);
                    count += TOGETHER;
                }
            }
        }
    }
    expect_all(pairs, count, pair_places);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("orders");
    TCase *tests = house_scenarios(suite, "orders", begin, end);

    tcase_add_test(tests, in_every_order_exactly_one_counts);
    tcase_add_test(tests, of_two_at_once_exactly_one_counts);
    return suite_run(suite);
}
