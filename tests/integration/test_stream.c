/*
 * GET /v1/stream: whoever follows is told all that happened, once, in order, whatever dies meanwhile;
 * and costs nothing while it does not read, and nothing any more when it has left.
 */
#include <check.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "integration/harness.h"
#include "support/audience.h"
#include "support/listener.h"
#include "support/suite.h"
#include "support/tool.h"

#define EVENT_SIZE 4096
#define AUDIENCE   500
/* What 5,000 may cost, for so many. */
#define AUDIENCE_LIMIT_KB (100 * 1024 * AUDIENCE / 5000)
#define ALICE             70001
#define BOB               70002

static struct house *house;

static void begin(void)
{
    house = house_new();
    /* So that others than root come to the socket of agents. */
    ck_assert_int_eq(chmod(house_directory(house), 0711), 0);
    house_configure(house, "[agent]\nsocket = %DIR%/agent.sock\nsocket_mode = 0666\n"
                           "[action *]\naccept = register\n");
    house_start(house);
    house_await_ready(house);
}

static void end(void)
{
    house_free(house);
}

/* Registers, and again where a role that died did not answer. */
static void register_surely(int number)
{
    int64_t deadline = house_now_ms() + HOUSE_PATIENCE_MS;
    char body[128];
    int status = 0;

    (void)snprintf(body, sizeof body,
                   "{\"requestId\":\"req_%d\",\"service\":\"daimon\",\"action\":\"other\","
                   "\"context\":{}}",
                   number);
    while (status != 200 && status != 201) {
        struct answer answer = house_control(house, "POST", "/v1/requests", body);

        status = answer.status;
        answer_clear(&answer);
        ck_assert_msg(house_now_ms() < deadline, "req_%d is not registered: %d", number, status);
        if (status != 200 && status != 201) {
            (void)poll(NULL, 0, 20);
        }
    }
}

/* A client as browsers are one: it comes again, and says what it had last. */
struct reader {
    struct listener listener;
    int64_t last;
};

static void come_again(struct reader *reader)
{
    int64_t deadline = house_now_ms() + HOUSE_PATIENCE_MS;

    listener_close(&reader->listener);
    listener_open(&reader->listener, house_socket(house), reader->last);
    while (listener_status(&reader->listener) != 200) {
        ck_assert_msg(house_now_ms() < deadline, "the stream can't be had");
        (void)poll(NULL, 0, 20);
        listener_close(&reader->listener);
        listener_open(&reader->listener, house_socket(house), reader->last);
    }
}

/* The next event must be the registration of that request. */
static void expect_registered(struct reader *reader, int number)
{
    char event[EVENT_SIZE];
    char expected[64];
    int64_t id;

    while ((id = listener_next(&reader->listener, event, sizeof event)) == 0) {
        come_again(reader);
    }
    (void)snprintf(expected, sizeof expected, "\"requestId\":\"req_%d\"", number);
    ck_assert_int_gt(id, reader->last);
    ck_assert_ptr_nonnull(strstr(event, "\nevent: request.registered\ndata: {"));
    ck_assert_msg(strstr(event, expected) != NULL, "not %s: %s", expected, event);
    reader->last = id;
}

START_TEST(a_follower_misses_nothing_and_sees_nothing_twice_whatever_dies)
{
    static const char *const roles[] = {"assentd: core", "assentd: gate control"};
    struct reader reader = {.listener = {.fd = -1}};
    int registered = 0;
    int seen = 0;

    listener_open(&reader.listener, house_socket(house), 0);
    ck_assert_int_eq(listener_status(&reader.listener), 200);
    for (int round = 0; round < 8; round++) {
        for (int i = 0; i < 5; i++) {
            register_surely(registered++);
        }
        (void)house_kill_role(house, roles[round % 2]);
        for (int i = 0; i < 5; i++) {
            register_surely(registered++);
        }
        while (seen < registered) {
            expect_registered(&reader, seen++);
        }
    }
    listener_close(&reader.listener);
}
END_TEST

START_TEST(one_that_says_nothing_begins_now_and_is_told_that_nothing_happens)
{
    struct reader reader = {0};

    register_surely(0);
    listener_open(&reader.listener, house_socket(house), LISTENER_FROM_NOW);
    ck_assert_int_eq(listener_status(&reader.listener), 200);
    ck_assert(listener_beats(&reader.listener));
    register_surely(1);
    expect_registered(&reader, 1);
    listener_close(&reader.listener);
}
END_TEST

static void open_as(struct listener *listener, uid_t uid)
{
    char *socket = house_file(house, "agent.sock");

    ck_assert_int_eq(seteuid(uid), 0);
    listener_open(listener, socket, 0);
    ck_assert_int_eq(seteuid(0), 0);
    free(socket);
    ck_assert_int_eq(listener_status(listener), 200);
}

static void register_as(uid_t uid, const char *id)
{
    char *socket = house_file(house, "agent.sock");
    char body[128];

    (void)snprintf(body, sizeof body,
                   "{\"requestId\":\"%s\",\"service\":\"daimon\",\"action\":\"other\","
                   "\"context\":{}}",
                   id);
    ck_assert_int_eq(seteuid(uid), 0);
    struct exchange *exchange = house_begin_at(socket, "POST", "/v1/requests", body);

    ck_assert_int_eq(seteuid(0), 0);
    json_decref(answer_take(exchange_end(exchange), 201));
    free(socket);
}

static void expect_next(struct listener *listener, const char *id)
{
    char event[EVENT_SIZE];

    ck_assert_int_gt(listener_next(listener, event, sizeof event), 0);
    ck_assert_ptr_nonnull(strstr(event, id));
}

static void expect_events_of(uid_t uid, const char *id)
{
    char *socket = house_file(house, "agent.sock");

    ck_assert_int_eq(seteuid(uid), 0);
    struct exchange *exchange = house_begin_at(socket, "GET", "/v1/events", NULL);

    ck_assert_int_eq(seteuid(0), 0);
    json_t *page = answer_take(exchange_end(exchange), 200);

    ck_assert_uint_eq(json_array_size(json_object_get(page, "events")), 2);
    ck_assert_str_eq(text_at(page, "/events/0/requestId"), id);
    ck_assert_str_eq(text_at(page, "/events/1/requestId"), id);
    ck_assert_str_eq(text_at(page, "/cursor"), "6");
    json_decref(page);
    free(socket);
}

START_TEST(an_agent_is_told_of_its_own_requests_only)
{
    struct listener alice;
    struct listener bob;

    if (geteuid() != 0) {
        (void)fprintf(stderr, "skipped: only root can be two agents\n");
        return;
    }
    register_surely(0);
    register_as(ALICE, "req_alice");
    open_as(&alice, ALICE);
    open_as(&bob, BOB);
    register_as(BOB, "req_bob");
    expect_next(&bob, "\"req_bob\"");
    expect_next(&alice, "\"req_alice\"");
    house_decide_as(house, "req_0", "denied", "matched");
    house_decide_as(house, "req_bob", "denied", "matched");
    house_decide_as(house, "req_alice", "denied", "matched");
    expect_next(&bob, "\"req_bob\"");
    expect_next(&alice, "\"req_alice\"");
    expect_events_of(ALICE, "req_alice");
    expect_events_of(BOB, "req_bob");
    listener_close(&alice);
    listener_close(&bob);
}
END_TEST

/* A denial whose event has 24,000 bytes. */
static void deny_at_length(int number)
{
    static const char character[] = "\\u0001";
    struct buffer body = {0};

    ck_assert_int_eq(
        buffer_append_format(&body, "{\"requestId\":\"req_%d\",\"status\":\"denied\",\"reason\":\"",
                             number),
        0);
    for (int i = 0; i < 4000; i++) {
        ck_assert_int_eq(buffer_append_text(&body, character), 0);
    }
    ck_assert_int_eq(buffer_append_text(&body, "\"}"), 0);
    house_decide(house, buffer_text(&body), "matched");
    buffer_free(&body);
}

/* How many events there were until the stream ended. */
static int read_to_end(struct listener *listener, int64_t *last)
{
    static char event[1 << 20];
    int count = 0;
    int64_t id;

    while ((id = listener_next(listener, event, sizeof event)) != 0) {
        ck_assert_int_gt(id, *last);
        *last = id;
        count++;
    }
    return count;
}

START_TEST(who_does_not_read_is_left_and_can_go_on_where_it_was)
{
    enum { REQUESTS = 30 };
    struct listener listener;
    int64_t last = 0;

    for (int i = 0; i < REQUESTS; i++) {
        register_surely(i);
        deny_at_length(i);
    }
    listener_open(&listener, house_socket(house), 0);
    ck_assert_int_eq(listener_status(&listener), 200);
    audience_await_none(house);
    int count = read_to_end(&listener, &last);

    ck_assert_int_lt(count, 2 * REQUESTS);
    listener_close(&listener);
    listener_open(&listener, house_socket(house), last);
    ck_assert_int_eq(listener_status(&listener), 200);
    while (count < 2 * REQUESTS) {
        static char event[1 << 20];
        int64_t id = listener_next(&listener, event, sizeof event);

        ck_assert_int_gt(id, last);
        last = id;
        count++;
    }
    listener_close(&listener);
}
END_TEST

START_TEST(a_stop_ends_streams_and_does_not_wait_for_them)
{
    struct listener listener;
    int64_t last = 0;

    listener_open(&listener, house_socket(house), LISTENER_FROM_NOW);
    ck_assert_int_eq(listener_status(&listener), 200);
    ck_assert_int_eq(house_stop(house), 0);
    ck_assert_int_eq(read_to_end(&listener, &last), 0);
    listener_close(&listener);
}
END_TEST

START_TEST(an_id_that_is_none_is_refused)
{
    static const char *const headers[] = {"Last-Event-ID: x", NULL};
    struct answer answer =
        house_call(house_socket(house), "GET", "http://localhost/v1/stream", headers, NULL);

    answer_expect_error(answer, 400, "invalid_request", "Last-Event-ID");
    answer_expect_error(house_control(house, "GET", "/v1/stream?cursor=-1", NULL), 400,
                        "invalid_request", "cursor");
    answer = house_control(house, "HEAD", "/v1/stream", NULL);
    ck_assert_int_eq(answer.status, 200);
    answer_clear(&answer);
    audience_await_none(house);
}
END_TEST

/* At once: the events are told to 250 while as many are answered. */
START_TEST(hundreds_cost_little_are_told_and_are_gone_when_they_leave)
{
    if (!audience_fits(AUDIENCE)) {
        (void)fprintf(stderr, "skipped: this needs %d descriptors\n", AUDIENCE);
        return;
    }
    struct audience *audience = audience_open(house, AUDIENCE, false);
    struct audience_cost cost = audience_cost(audience);

    (void)printf("measured: %d wait or follow: core grew by %ld KiB, the gate by %ld KiB\n",
                 AUDIENCE, cost.core_kb, cost.gate_kb);
    ck_assert(!memory_counts() || cost.core_kb + cost.gate_kb < AUDIENCE_LIMIT_KB);
    register_surely(1);
    audience_expect_event(audience, "\"req_1\"");
    audience_close(audience);
    audience_await_none(house);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("stream");
    TCase *tests = house_scenarios(suite, "stream", begin, end);

    tcase_add_test(tests, a_follower_misses_nothing_and_sees_nothing_twice_whatever_dies);
    tcase_add_test(tests, one_that_says_nothing_begins_now_and_is_told_that_nothing_happens);
    tcase_add_test(tests, an_agent_is_told_of_its_own_requests_only);
    tcase_add_test(tests, who_does_not_read_is_left_and_can_go_on_where_it_was);
    tcase_add_test(tests, a_stop_ends_streams_and_does_not_wait_for_them);
    tcase_add_test(tests, an_id_that_is_none_is_refused);
    tcase_add_test(tests, hundreds_cost_little_are_told_and_are_gone_when_they_leave);
    return suite_run(suite);
}
