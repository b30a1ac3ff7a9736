/*
 * What a gate lives through: core and clients that go, reloads, and its own end.
 */
#include <check.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "integration/gate_rig.h"

#include "assent/base/clock.h"
#include "support/patience.h"
#include "support/suite.h"

static const char *const services[] = {HOOK, "/webhook/second", NULL};
static struct rig rig;

static void start(void)
{
    rig_start(&rig, ROLE_GATE_PUBLIC, services);
}

static void stop(void)
{
    rig_stop(&rig);
}

/* --- core and clients that go away ------------------------------------------------------------ */

START_TEST(when_core_goes_all_who_wait_get_503_and_a_new_core_goes_on)
{
    enum { COUNT = 20 };
    struct client clients[COUNT];
    struct client client;
    struct reply reply;

    for (int i = 0; i < COUNT; i++) {
        client_open(&rig, &clients[i]);
        client_post(&clients[i], HOOK, "{}");
        (void)core_receive_id(&rig);
    }
    rig_end_core(&rig);
    for (int i = 0; i < COUNT; i++) {
        client_receive(&clients[i], &reply);
        ck_assert_int_eq(reply.status, 503);
        ck_assert_str_eq(reply_header(&reply, "Retry-After"), "1");
        ck_assert_ptr_nonnull(strstr(reply.body, "\"error\":\"unavailable\""));
        client_expect_end(&clients[i]);
        reply_free(&reply);
        client_close(&clients[i]);
    }
    client_expect_error(&rig, "POST " HOOK HEAD JSON_TYPE "Content-Length: 2\r\n\r\n{}", 503,
                        "unavailable", NULL);
    client_expect_error(&rig, "GET /healthz" HEAD "\r\n", 503, "unavailable", NULL);
    client_expect_error(&rig, "GET /other" HEAD "\r\n", 404, "not_found", NULL);

    rig_new_core(&rig);
    ck_assert_int_eq(rig_reload(&rig, services), 0);
    client_open(&rig, &client);
    client_expect_service(&rig, &client, HOOK);
    client_close(&client);
}
END_TEST

START_TEST(what_core_said_before_it_went_is_still_delivered)
{
    struct client first;
    struct client second;

    client_open(&rig, &first);
    client_open(&rig, &second);
    client_post(&first, HOOK, "{}");
    uint64_t id = core_receive_id(&rig);

    client_post(&second, HOOK, "{}");
    (void)core_receive_id(&rig);
    core_answer_text(&rig, id, 200, "{}");
    rig_end_core(&rig);
    ck_assert_int_eq(client_status(&first), 200);
    ck_assert_int_eq(client_status(&second), 503);
    client_close(&first);
    client_close(&second);
}
END_TEST

START_TEST(core_is_told_that_a_client_left)
{
    struct client leaving;
    struct client staying;
    struct core_frame frame;

    client_open(&rig, &staying);
    client_post(&staying, HOOK, "1");
    uint64_t stays = core_receive_id(&rig);

    client_open(&rig, &leaving);
    client_post(&leaving, HOOK, "2");
    uint64_t leaves = core_receive_id(&rig);

    client_close(&leaving);
    core_receive(&rig, &frame);
    ck_assert_int_eq(frame.type, FRAME_GONE);
    ck_assert_uint_eq(frame.gone, leaves);
    core_frame_free(&frame);

    core_answer_text(&rig, leaves, 200, "{}");
    core_answer_text(&rig, stays, 200, "{}");
    ck_assert_int_eq(client_status(&staying), 200);
    client_close(&staying);
}
END_TEST

START_TEST(a_frame_that_is_no_answer_ends_the_stream)
{
    struct client client;

    client_open(&rig, &client);
    client_post(&client, HOOK, "{}");
    (void)core_receive_id(&rig);
    ck_assert_int_eq(send(rig.core, "\2\0\0\0\3\0", 6, 0), 6);
    ck_assert_int_eq(client_status(&client), 503);
    client_close(&client);
}
END_TEST

/* --- reload ----------------------------------------------------------------------------------- */

START_TEST(a_reload_changes_paths_and_loses_no_connection)
{
    static const char *const others[] = {"/elsewhere", NULL};
    struct client waiting;
    struct client kept;

    client_open(&rig, &waiting);
    client_post(&waiting, HOOK, "{}");
    uint64_t id = core_receive_id(&rig);

    client_open(&rig, &kept);
    client_expect_service(&rig, &kept, HOOK);

    ck_assert_int_eq(rig_reload(&rig, others), 0);
    client_expect_service(&rig, &kept, "/elsewhere");
    client_post(&kept, HOOK, "{}");
    ck_assert_int_eq(client_status(&kept), 404);
    core_answer_text(&rig, id, 200, "{}");
    ck_assert_int_eq(client_status(&waiting), 200);
    client_close(&waiting);
    client_close(&kept);
}
END_TEST

START_TEST(a_configuration_that_makes_no_sense_changes_nothing)
{
    struct client client;

    ck_assert_int_lt(rig_reload_bytes(&rig, "nonsense", 8), 0);
    client_open(&rig, &client);
    client_expect_service(&rig, &client, HOOK);
    client_close(&client);
}
END_TEST

/* --- the end ---------------------------------------------------------------------------------- */

static void expect_drain(void)
{
    struct core_frame frame;

    core_receive(&rig, &frame);
    ck_assert_int_eq(frame.type, FRAME_DRAIN);
    core_frame_free(&frame);
}

START_TEST(a_stop_waits_for_the_answers_in_flight)
{
    enum { COUNT = 10 };
    struct client clients[COUNT];
    uint64_t ids[COUNT];
    struct reply reply;

    for (int i = 0; i < COUNT; i++) {
        client_open(&rig, &clients[i]);
        client_post(&clients[i], HOOK, "{}");
        ids[i] = core_receive_id(&rig);
    }
    rig_order_stop(&rig);
    expect_drain();
    for (int i = 0; i < COUNT; i++) {
        core_answer_text(&rig, ids[i], 200, "{}");
    }
    for (int i = 0; i < COUNT; i++) {
        client_receive(&clients[i], &reply);
        ck_assert_int_eq(reply.status, 200);
        ck_assert_str_eq(reply_header(&reply, "Connection"), "close");
        client_expect_end(&clients[i]);
        reply_free(&reply);
        client_close(&clients[i]);
    }
    ck_assert_int_eq(rig_wait(&rig), 0);
}
END_TEST

START_TEST(a_request_that_arrives_during_the_stop_is_answered_too)
{
    struct client slow;
    struct client waiting;

    client_open(&rig, &waiting);
    client_post(&waiting, HOOK, "{}");
    uint64_t id = core_receive_id(&rig);

    client_open(&rig, &slow);
    client_send(&slow, "POST " HOOK HEAD JSON_TYPE "Expect: 100-continue\r\n"
                       "Content-Length: 2\r\n\r\n");
    struct reply reply;

    client_receive_head(&slow, &reply);
    rig_order_stop(&rig);
    expect_drain();
    client_send(&slow, "{}");
    core_answer_text(&rig, core_receive_id(&rig), 200, "{}");
    expect_drain();
    ck_assert_int_eq(client_status(&slow), 200);
    core_answer_text(&rig, id, 200, "{}");
    ck_assert_int_eq(client_status(&waiting), 200);
    client_close(&slow);
    client_close(&waiting);
    ck_assert_int_eq(rig_wait(&rig), 0);
}
END_TEST

START_TEST(a_stop_does_not_wait_for_idle_connections)
{
    struct client idle;
    struct client used;
    int64_t before;

    client_open(&rig, &idle);
    client_open(&rig, &used);
    client_expect_service(&rig, &used, HOOK);
    before = clock_monotonic_ms();
    rig_order_stop(&rig);
    client_expect_end(&used);
    client_expect_end(&idle);
    ck_assert_int_eq(rig_wait(&rig), 0);
    ck_assert_int_lt(clock_monotonic_ms() - before, patience_ms(2000));
    client_close(&idle);
    client_close(&used);
}
END_TEST

START_TEST(who_gets_no_answer_from_core_by_the_end_gets_503)
{
    struct client client;
    int64_t before;

    client_open(&rig, &client);
    client_post(&client, HOOK, "{}");
    (void)core_receive_id(&rig);
    before = clock_monotonic_ms();
    rig_order_stop(&rig);
    ck_assert_int_eq(client_status(&client), 503);
    ck_assert_int_eq(rig_wait(&rig), 0);
    ck_assert_int_lt(clock_monotonic_ms() - before, patience_ms(4500));
    client_close(&client);
}
END_TEST

START_TEST(a_stop_with_core_gone_ends_well)
{
    struct client client;

    client_open(&rig, &client);
    client_post(&client, HOOK, "{}");
    (void)core_receive_id(&rig);
    rig_order_stop(&rig);
    expect_drain();
    rig_end_core(&rig);
    ck_assert_int_eq(client_status(&client), 503);
    ck_assert_int_eq(rig_wait(&rig), 0);
    client_close(&client);
}
END_TEST

START_TEST(the_listening_socket_outlives_the_gate)
{
    struct client client;
    struct pollfd listener = {.fd = rig.listener, .events = POLLIN};
    int kept = dup(rig.listener);

    rig_stop(&rig);
    listener.fd = kept;
    client_open(&rig, &client);
    ck_assert_int_eq(poll(&listener, 1, RIG_PATIENCE_MS), 1);
    ck_assert_int_eq(listener.revents, POLLIN);
    client_close(&client);
    close(kept);
}
END_TEST

START_TEST(a_gate_without_its_supervisor_ends_at_once)
{
    struct client client;

    client_open(&rig, &client);
    client_post(&client, HOOK, "{}");
    (void)core_receive_id(&rig);
    ck_assert_int_eq(shutdown(rig.channel, SHUT_RDWR), 0);
    ck_assert_int_eq(rig_wait(&rig), EXIT_FAILURE);
    client_close(&client);
}
END_TEST

/* ---------------------------------------------------------------------------------------------- */

int main(void)
{
    Suite *suite = suite_create("gate life");
    TCase *tests;

    tests = suite_case(suite, "core and clients that go away", start, stop);
    tcase_add_test(tests, when_core_goes_all_who_wait_get_503_and_a_new_core_goes_on);
    tcase_add_test(tests, what_core_said_before_it_went_is_still_delivered);
    tcase_add_test(tests, core_is_told_that_a_client_left);
    tcase_add_test(tests, a_frame_that_is_no_answer_ends_the_stream);

    tests = suite_case(suite, "reload", start, stop);
    tcase_add_test(tests, a_reload_changes_paths_and_loses_no_connection);
    tcase_add_test(tests, a_configuration_that_makes_no_sense_changes_nothing);

    tests = suite_case(suite, "the end", start, NULL);
    tcase_add_test(tests, a_stop_waits_for_the_answers_in_flight);
    tcase_add_test(tests, a_request_that_arrives_during_the_stop_is_answered_too);
    tcase_add_test(tests, a_stop_does_not_wait_for_idle_connections);
    tcase_add_test(tests, who_gets_no_answer_from_core_by_the_end_gets_503);
    tcase_add_test(tests, a_stop_with_core_gone_ends_well);
    tcase_add_test(tests, the_listening_socket_outlives_the_gate);
    tcase_add_test(tests, a_gate_without_its_supervisor_ends_at_once);
    return suite_run(suite);
}
