/* The caller's life: many calls at once, a new configuration, the stop, the supervisor's death. */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "assent/base/clock.h"
#include "integration/caller_rig.h"
#include "integration/harness.h"
#include "support/http_server.h"
#include "support/jail_setting.h"
#include "support/patience.h"
#include "support/suite.h"

#define RECORD  "{\"request_id\":\"req_1\",\"context\":{},\"job\":{\"id\":17,\"key\":\"k-1\"}}"
#define MANY    40
#define SLOW_MS 300

static struct caller_rig rig;
static struct http_server *server;
static struct protocol_result result;

static void start(void)
{
    caller_rig_start(&rig);
    server = http_server_start();
    rig.port = http_server_port(server);
    http_server_script(server, &(struct http_server_script){.path = "/slow", .delay_ms = SLOW_MS});
    http_server_script(server,
                       &(struct http_server_script){.path = "/held", .manner = HTTP_SERVER_HOLDS});
    http_server_script(server, &(struct http_server_script){.path = "/never",
                                                            .manner = HTTP_SERVER_NEVER_ANSWERS});
    caller_rig_begin(&rig, "[hook fast]\nhttp = POST http://127.0.0.1:PORT/fast\n"
                           "[hook slow]\nhttp = POST http://127.0.0.1:PORT/slow\n"
                           "[hook held]\nhttp = POST http://127.0.0.1:PORT/held\ntimeout = 5m\n"
                           "[hook never]\nhttp = POST http://127.0.0.1:PORT/never\n");
}

static void stop(void)
{
    caller_rig_free(&rig);
    http_server_stop(server);
}

static void start_open_to_view(void)
{
    jail_allow_looking_inside();
    start();
}

static void assert_result(const char *key, enum protocol_ending ending)
{
    caller_rig_receive_result(&rig, &result);
    ck_assert_str_eq(result.attempt.key, key);
    ck_assert_msg(result.ending == ending, "%d: %s", (int)result.ending,
                  result.error ? result.error : "-");
    caller_rig_ack(&rig, key);
}

START_TEST(calls_do_not_wait_for_each_other)
{
    char key[16];

    caller_rig_send_start(&rig, "never", "never", RECORD);
    for (int i = 0; i < MANY; i++) {
        (void)snprintf(key, sizeof key, "held-%d", i);
        caller_rig_send_start(&rig, "held", key, RECORD);
    }
    ck_assert_uint_eq(http_server_wait(server, MANY + 1), MANY + 1);
    caller_rig_send_start(&rig, "fast", "fast", RECORD);
    assert_result("fast", ENDING_SUCCEEDED);
    http_server_release(server);
    for (int i = 0; i < MANY; i++) {
        caller_rig_receive_result(&rig, &result);
        ck_assert_int_eq(result.ending, ENDING_SUCCEEDED);
        ck_assert_int_eq(strncmp(result.attempt.key, "held-", 5), 0);
    }
}
END_TEST

START_TEST(calls_leave_nothing_open)
{
    size_t before;

    caller_rig_run(&rig, "fast", RECORD, &result);
    before = process_descriptors(rig.pid);
    for (int i = 0; i < MANY; i++) {
        caller_rig_run(&rig, "fast", RECORD, &result);
        ck_assert_int_eq(result.ending, ENDING_SUCCEEDED);
    }
    ck_assert_uint_eq(process_descriptors(rig.pid), before);
    ck_assert_uint_eq(http_server_connections(server), MANY + 1);
}
END_TEST

START_TEST(a_reload_changes_what_is_called_next_but_nothing_under_way)
{
    caller_rig_send_start(&rig, "held", "old", RECORD);
    ck_assert_uint_eq(http_server_wait(server, 1), 1);
    caller_rig_configure(&rig, "[hook held]\nhttp = POST http://127.0.0.1:PORT/new\n");
    ck_assert_uint_eq(caller_rig_reloaded(&rig), 0);
    ck_assert_uint_eq(caller_rig_receive(&rig), FRAME_DIGESTS);
    caller_rig_send_start(&rig, "held", "new", RECORD);
    assert_result("new", ENDING_SUCCEEDED);
    http_server_release(server);
    assert_result("old", ENDING_SUCCEEDED);
    ck_assert_str_eq(http_server_request(server, 0)->url, "/held");
    ck_assert_str_eq(http_server_request(server, 1)->url, "/new");
}
END_TEST

START_TEST(a_call_under_way_survives_a_new_stream)
{
    caller_rig_send_start(&rig, "held", "kept", RECORD);
    ck_assert_uint_eq(http_server_wait(server, 1), 1);
    caller_rig_new_core(&rig);
    http_server_release(server);
    assert_result("kept", ENDING_SUCCEEDED);
}
END_TEST

START_TEST(with_nothing_under_way_it_stops_at_once)
{
    int64_t began = clock_monotonic_ms();

    caller_rig_run(&rig, "fast", RECORD, &result);
    caller_rig_order_stop(&rig);
    ck_assert_int_eq(caller_rig_wait(&rig), 0);
    ck_assert_int_lt(clock_monotonic_ms() - began, patience_ms(1000));
}
END_TEST

START_TEST(a_stop_lets_short_calls_end)
{
    caller_rig_send_start(&rig, "slow", "slow", RECORD);
    ck_assert_uint_eq(http_server_wait(server, 1), 1);
    caller_rig_order_stop(&rig);
    assert_result("slow", ENDING_SUCCEEDED);
    ck_assert_int_eq(caller_rig_wait(&rig), 0);
}
END_TEST

START_TEST(a_stop_cuts_long_calls_off)
{
    int64_t began = clock_monotonic_ms();

    caller_rig_send_start(&rig, "never", "never", RECORD);
    ck_assert_uint_eq(http_server_wait(server, 1), 1);
    caller_rig_order_stop(&rig);
    assert_result("never", ENDING_INTERRUPTED);
    ck_assert_str_eq(result.error, "cut off by the stop; it may have been done");
    ck_assert_int_eq(caller_rig_wait(&rig), 0);
    ck_assert_int_lt(clock_monotonic_ms() - began, patience_ms(4000));
}
END_TEST

START_TEST(a_stop_does_not_wait_for_core_for_ever)
{
    int64_t began = clock_monotonic_ms();

    caller_rig_send_start(&rig, "fast", "unheard", RECORD);
    caller_rig_receive_result(&rig, &result);
    caller_rig_order_stop(&rig);
    ck_assert_int_eq(caller_rig_wait(&rig), 0);
    ck_assert_int_lt(clock_monotonic_ms() - began, patience_ms(5000));
}
END_TEST

START_TEST(without_its_supervisor_it_ends_at_once)
{
    int64_t began = clock_monotonic_ms();

    caller_rig_send_start(&rig, "never", "never", RECORD);
    ck_assert_uint_eq(http_server_wait(server, 1), 1);
    caller_rig_orphan(&rig);
    ck_assert_int_ge(caller_rig_wait(&rig), 0);
    ck_assert_int_lt(clock_monotonic_ms() - began, patience_ms(2000));
}
END_TEST

static Suite *suite(void)
{
    Suite *caller = suite_create("caller: life");
    TCase *life = suite_case(caller, "life", start, stop);
    TCase *descriptors = suite_case(caller, "descriptors", start_open_to_view, stop);

    tcase_add_test(life, calls_do_not_wait_for_each_other);
    tcase_add_test(life, a_reload_changes_what_is_called_next_but_nothing_under_way);
    tcase_add_test(life, a_call_under_way_survives_a_new_stream);
    tcase_add_test(life, with_nothing_under_way_it_stops_at_once);
    tcase_add_test(life, a_stop_lets_short_calls_end);
    tcase_add_test(life, a_stop_cuts_long_calls_off);
    tcase_add_test(life, a_stop_does_not_wait_for_core_for_ever);
    tcase_add_test(life, without_its_supervisor_it_ends_at_once);

    tcase_add_test(descriptors, calls_leave_nothing_open);
    return caller;
}

int main(void)
{
    return suite_run(suite());
}
