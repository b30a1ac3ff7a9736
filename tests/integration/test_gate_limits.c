/*
 * How many may come, how often, and how long they may take; and for whom a proxy speaks.
 */
#include <arpa/inet.h>
#include <check.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "assent/base/clock.h"
#include "integration/gate_rig.h"
#include "support/patience.h"
#include "support/suite.h"

#define GET_HEALTH "GET /healthz HTTP/1.1\r\nHost: x\r\n"

static const char *const services[] = {HOOK, NULL};
static struct rig rig;

static void start_with(const char *settings)
{
    rig_start_with(&rig, ROLE_GATE_PUBLIC, services, settings);
}

/* All of 127.0.0.0/8 is this machine. */
static void open_from(struct client *client, const char *address)
{
    struct sockaddr_in from = {.sin_family = AF_INET};
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(rig.port)};

    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    ck_assert_int_eq(inet_pton(AF_INET, address, &from.sin_addr), 1);
    *client = (struct client){.fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)};
    ck_assert_int_eq(bind(client->fd, (struct sockaddr *)&from, sizeof from), 0);
    ck_assert_int_eq(connect(client->fd, (struct sockaddr *)&to, sizeof to), 0);
}

/* Whatever it sends meanwhile; returns after how many milliseconds its connection was ended. */
static int64_t time_to_end(struct client *client, const char *drip)
{
    int64_t begin = clock_monotonic_ms();
    struct pollfd ended = {.fd = client->fd, .events = POLLIN};

    while (poll(&ended, 1, 20) == 0) {
        ck_assert_int_lt(clock_monotonic_ms() - begin, RIG_PATIENCE_MS);
        if (*drip) {
            (void)send(client->fd, drip, 1, MSG_NOSIGNAL);
            drip++;
        }
    }
    return clock_monotonic_ms() - begin;
}

static void expect_ended_in_time(const char *at_once, const char *drip)
{
    struct client client;

    client_open(&rig, &client);
    client_send(&client, at_once);
    int64_t time = time_to_end(&client, drip);

    ck_assert_int_ge(time, 450);
    ck_assert_int_lt(time, patience_ms(3000));
    client_expect_end(&client);
    client_close(&client);
}

static void exchange_health(struct client *client)
{
    client_send(client, GET_HEALTH "\r\n");
    core_answer_text(&rig, core_receive_id(&rig), 200, "{}");
    ck_assert_int_eq(client_status(client), 200);
}

/* --- time ------------------------------------------------------------------------------------- */

START_TEST(a_request_that_drips_has_only_so_much_time)
{
    char *drip = filled(4000);

    start_with("request_timeout = 500ms\n");
    expect_ended_in_time("", drip);
    expect_ended_in_time("POST " HOOK HEAD "X: ", drip);
    expect_ended_in_time("POST " HOOK HEAD JSON_TYPE "Content-Length: 4000\r\n\r\n", drip);
    expect_ended_in_time("", "");
    rig_stop(&rig);
    free(drip);
}
END_TEST

START_TEST(a_later_request_of_a_connection_has_no_more_time)
{
    struct client client;
    char *drip = filled(4000);

    start_with("request_timeout = 500ms\n");
    client_open(&rig, &client);
    exchange_health(&client);
    client_send(&client, "POST " HOOK HEAD "X: ");
    ck_assert_int_lt(time_to_end(&client, drip), patience_ms(3000));
    client_close(&client);
    rig_stop(&rig);
    free(drip);
}
END_TEST

START_TEST(who_waits_for_core_is_not_ended)
{
    struct client client;

    start_with("request_timeout = 100ms\n");
    client_open(&rig, &client);
    client_post(&client, HOOK, "{}");
    uint64_t id = core_receive_id(&rig);

    /* Others come and are ended meanwhile. */
    for (int i = 0; i < 3; i++) {
        struct client other;

        client_open(&rig, &other);
        (void)time_to_end(&other, "");
        client_close(&other);
    }
    core_answer_text(&rig, id, 200, "{}");
    ck_assert_int_eq(client_status(&client), 200);
    client_close(&client);
    rig_stop(&rig);
}
END_TEST

/* --- numbers ---------------------------------------------------------------------------------- */

static void expect_refusal(struct client *client, int status, const char *code)
{
    struct reply reply;

    client_send(client, GET_HEALTH "\r\n");
    client_receive(client, &reply);
    ck_assert_int_eq(reply.status, status);
    ck_assert_ptr_nonnull(strstr(reply.body, code));
    ck_assert_ptr_nonnull(reply_header(&reply, "Retry-After"));
    client_expect_end(client);
    reply_free(&reply);
    client_close(client);
}

/* A client may see the end of its connection a little before the gate counts its place as free. */
static void take_free_place(struct client *client, const char *address)
{
    int64_t deadline = clock_monotonic_ms() + RIG_PATIENCE_MS;
    struct pollfd heard[2] = {{.fd = rig.core, .events = POLLIN}, {.events = POLLIN}};

    for (;;) {
        open_from(client, address);
        client_send(client, GET_HEALTH "\r\n");
        heard[1].fd = client->fd;
        ck_assert_int_gt(poll(heard, 2, RIG_PATIENCE_MS), 0);
        if (heard[0].revents) {
            break;
        }
        ck_assert_int_lt(clock_monotonic_ms(), deadline);
        client_close(client);
    }
    core_answer_text(&rig, core_receive_id(&rig), 200, "{}");
    ck_assert_int_eq(client_status(client), 200);
}

START_TEST(an_address_has_so_many_connections_and_others_theirs)
{
    struct client first;
    struct client second;
    struct client third;
    struct client other;

    start_with("max_connections_per_address = 2\n");
    open_from(&first, "127.0.0.2");
    exchange_health(&first);
    open_from(&second, "127.0.0.2");
    exchange_health(&second);
    open_from(&third, "127.0.0.2");
    expect_refusal(&third, 429, "too_many_connections");
    open_from(&other, "127.0.0.3");
    exchange_health(&other);

    /* A place that is free again is taken again. */
    client_send(&first, "GET /none HTTP/1.1\r\nHost: x\r\n\r\n");
    ck_assert_int_eq(client_status(&first), 404);
    client_expect_end(&first);
    client_close(&first);
    take_free_place(&first, "127.0.0.2");
    client_close(&first);
    client_close(&second);
    client_close(&other);
    rig_stop(&rig);
}
END_TEST

START_TEST(connections_of_a_trusted_proxy_are_not_counted)
{
    struct client clients[4];

    start_with("max_connections_per_address = 2\ntrusted_proxy = 127.0.0.2\n");
    for (int i = 0; i < 4; i++) {
        open_from(&clients[i], "127.0.0.2");
        exchange_health(&clients[i]);
    }
    for (int i = 0; i < 4; i++) {
        client_close(&clients[i]);
    }
    rig_stop(&rig);
}
END_TEST

START_TEST(who_comes_when_all_places_work_is_told_to_come_again)
{
    struct client clients[3];
    uint64_t ids[2];

    start_with("max_connections = 2\n");
    for (int i = 0; i < 2; i++) {
        client_open(&rig, &clients[i]);
        client_post(&clients[i], HOOK, "{}");
        ids[i] = core_receive_id(&rig);
    }
    client_open(&rig, &clients[2]);
    expect_refusal(&clients[2], 503, "too_many_connections");
    for (int i = 0; i < 2; i++) {
        core_answer_text(&rig, ids[i], 200, "{}");
        ck_assert_int_eq(client_status(&clients[i]), 200);
        client_close(&clients[i]);
    }
    rig_stop(&rig);
}
END_TEST

START_TEST(the_slowest_gives_its_place_to_who_comes)
{
    struct client slow;
    struct client honest;
    struct pollfd over = {.events = POLLIN};

    start_with("max_connections = 1\nrequest_timeout = 1m\n");
    client_open(&rig, &slow);
    client_send(&slow, "POST ");
    over.fd = slow.fd;
    ck_assert_int_eq(poll(&over, 1, 1200), 0);
    client_open(&rig, &honest);
    exchange_health(&honest);
    client_expect_end(&slow);
    client_close(&slow);
    client_close(&honest);
    rig_stop(&rig);
}
END_TEST

/* --- rates and proxies ------------------------------------------------------------------------ */

START_TEST(an_address_may_send_so_many_requests)
{
    struct client client;
    struct client other;
    struct reply reply;

    start_with("request_rate = 3/h\n");
    open_from(&client, "127.0.0.2");
    for (int i = 0; i < 3; i++) {
        exchange_health(&client);
    }
    client_send(&client, GET_HEALTH "\r\n");
    client_receive(&client, &reply);
    ck_assert_int_eq(reply.status, 429);
    ck_assert_ptr_nonnull(strstr(reply.body, "too_many_requests"));
    ck_assert_int_ge(atol(reply_header(&reply, "Retry-After")), 1100);
    ck_assert_int_le(atol(reply_header(&reply, "Retry-After")), 1200);
    client_expect_end(&client);
    reply_free(&reply);
    client_close(&client);

    open_from(&other, "127.0.0.3");
    exchange_health(&other);
    client_close(&other);
    rig_stop(&rig);
}
END_TEST

/* Sends the headers from the address, and expects core to hear of that peer. */
static void expect_peer(const char *from, const char *headers, const char *peer)
{
    struct client client;
    struct core_frame frame;

    open_from(&client, from);
    client_send(&client, GET_HEALTH);
    client_send(&client, headers);
    client_send(&client, "\r\n");
    core_receive(&rig, &frame);
    ck_assert_str_eq(frame.request.peer, peer);
    core_answer_text(&rig, frame.request.id, 200, "{}");
    ck_assert_int_eq(client_status(&client), 200);
    core_frame_free(&frame);
    client_close(&client);
}

START_TEST(a_proxy_is_believed_whom_it_heard_from_and_nobody_else_is)
{
    start_with("trusted_proxy = 127.0.0.2\ntrusted_proxy = 10.0.0.0/8\n");
    expect_peer("127.0.0.3", "X-Forwarded-For: 192.0.2.1\r\n", "127.0.0.3");
    expect_peer("127.0.0.2", "", "127.0.0.2");
    expect_peer("127.0.0.2", "X-Forwarded-For: 192.0.2.1\r\n", "192.0.2.1");
    expect_peer("127.0.0.2", "x-forwarded-for: 6.6.6.6, 192.0.2.1 , 10.1.2.3\r\n", "192.0.2.1");
    expect_peer("127.0.0.2", "X-Forwarded-For: 6.6.6.6\r\nX-Forwarded-For: 192.0.2.1\r\n",
                "192.0.2.1");
    expect_peer("127.0.0.2", "X-Forwarded-For: 10.0.0.1, 10.0.0.2\r\n", "10.0.0.1");
    expect_peer("127.0.0.2", "X-Forwarded-For: 192.0.2.1, unknown\r\n", "127.0.0.2");
    expect_peer("127.0.0.2", "X-Forwarded-For: 192.0.2.1, unknown, 10.0.0.1\r\n", "10.0.0.1");
    expect_peer("127.0.0.2", "X-Forwarded-For:\r\n", "127.0.0.2");
    expect_peer("127.0.0.2", "X-Forwarded-For: 192.0.2.1:4711\r\n", "192.0.2.1");
    expect_peer("127.0.0.2", "X-Forwarded-For: [2001:db8::1]:4711\r\n", "2001:db8::1");
    expect_peer("127.0.0.2", "X-Forwarded-For: 2001:db8::1\r\n", "2001:db8::1");
    rig_stop(&rig);
}
END_TEST

START_TEST(rates_are_those_of_the_clients_behind_a_proxy)
{
    struct client client;

    start_with("request_rate = 1/h\ntrusted_proxy = 127.0.0.2\n");
    expect_peer("127.0.0.2", "X-Forwarded-For: 192.0.2.1\r\n", "192.0.2.1");
    expect_peer("127.0.0.2", "X-Forwarded-For: 192.0.2.2\r\n", "192.0.2.2");
    open_from(&client, "127.0.0.2");
    client_send(&client, GET_HEALTH "X-Forwarded-For: 192.0.2.1\r\n\r\n");
    ck_assert_int_eq(client_status(&client), 429);
    client_close(&client);
    rig_stop(&rig);
}
END_TEST

START_TEST(a_unix_socket_may_be_a_proxys)
{
    struct client client;
    struct core_frame frame;

    start_with("trusted_proxy = unix\n");
    client_open_unix(&rig, &client);
    client_send(&client, GET_HEALTH "X-Forwarded-For: 192.0.2.1\r\n\r\n");
    core_receive(&rig, &frame);
    ck_assert_str_eq(frame.request.peer, "192.0.2.1");
    core_answer_text(&rig, frame.request.id, 200, "{}");
    core_frame_free(&frame);
    client_close(&client);
    rig_stop(&rig);
}
END_TEST

/* --- early answers ---------------------------------------------------------------------------- */

/* The answer and the connection's end are there already, but the client looks only when it has written
 * all: a reset would fail its writing. */
START_TEST(an_early_answer_is_read_by_who_writes_all_before)
{
    char *body = filled(100000);
    struct client client;
    struct pollfd answered = {.events = POLLRDHUP};

    start_with("");
    client_open(&rig, &client);
    client_send(&client, "POST " HOOK HEAD JSON_TYPE "Content-Length: 100000\r\n\r\n");
    answered.fd = client.fd;
    ck_assert_int_eq(poll(&answered, 1, RIG_PATIENCE_MS), 1);
    for (size_t i = 0; i < 100; i++) {
        client_send_bytes(&client, body + i * 1000, 1000);
    }
    ck_assert_int_eq(client_status(&client), 413);
    client_close(&client);
    rig_stop(&rig);
    free(body);
}
END_TEST

START_TEST(limits_change_with_a_reload)
{
    struct client client;

    start_with("request_timeout = 1m\n");
    client_open(&rig, &client);
    rig.settings = "request_timeout = 200ms\n";
    ck_assert_int_eq(rig_reload(&rig, services), 0);
    ck_assert_int_lt(time_to_end(&client, ""), patience_ms(9000));
    client_close(&client);
    rig_stop(&rig);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("gate_limits");
    TCase *tests = tcase_create("limits");

    tcase_set_timeout(tests, 60);
    tcase_add_test(tests, a_request_that_drips_has_only_so_much_time);
    tcase_add_test(tests, a_later_request_of_a_connection_has_no_more_time);
    tcase_add_test(tests, who_waits_for_core_is_not_ended);
    tcase_add_test(tests, an_address_has_so_many_connections_and_others_theirs);
    tcase_add_test(tests, connections_of_a_trusted_proxy_are_not_counted);
    tcase_add_test(tests, who_comes_when_all_places_work_is_told_to_come_again);
    tcase_add_test(tests, the_slowest_gives_its_place_to_who_comes);
    tcase_add_test(tests, an_address_may_send_so_many_requests);
    tcase_add_test(tests, a_proxy_is_believed_whom_it_heard_from_and_nobody_else_is);
    tcase_add_test(tests, rates_are_those_of_the_clients_behind_a_proxy);
    tcase_add_test(tests, a_unix_socket_may_be_a_proxys);
    tcase_add_test(tests, an_early_answer_is_read_by_who_writes_all_before);
    tcase_add_test(tests, limits_change_with_a_reload);
    suite_add_tcase(suite, tests);
    return suite_run(suite);
}
