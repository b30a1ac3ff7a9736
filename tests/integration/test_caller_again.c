/* Which calls may be made again, and when; and those that are ended before their time. */
#include <check.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "caller_rig.h"
#include "support/http_server.h"
#include "support/suite.h"

#define RECORD  "{\"request_id\":\"req_1\",\"context\":{},\"job\":{\"id\":17,\"key\":\"k-1\"}}"
#define HOUR_MS INT64_C(3600000)
#define LARGE   (16u << 20)

/* The same call, with the key and without. */
#define HOOKS                                            \
    "[hook keyed]\nhttp = POST http://127.0.0.1:PORT/\n" \
    "header = Idempotency-Key: {job.key}\n"              \
    "timeout = 1s\nredirects = 3\noutput_limit = 1K\n"   \
    "[hook plain]\nhttp = POST http://127.0.0.1:PORT/\n" \
    "timeout = 1s\nredirects = 3\noutput_limit = 0\n"

static struct caller_rig rig;
static struct http_server *server;
static struct protocol_result result;

static void start(void)
{
    caller_rig_start(&rig);
    server = http_server_start();
    rig.port = http_server_port(server);
}

static void stop(void)
{
    caller_rig_free(&rig);
    http_server_stop(server);
}

static void assert_ended(enum protocol_ending ending, enum protocol_again again)
{
    ck_assert_msg(result.ending == ending && result.again == again, "%d, %d, HTTP %d: %s",
                  (int)result.ending, (int)result.again, result.http_status,
                  result.error ? result.error : "-");
}

static void run(const char *hook, enum protocol_ending ending, enum protocol_again again)
{
    caller_rig_run(&rig, hook, RECORD, &result);
    assert_ended(ending, again);
}

static void answer(int status, const char *headers, const char *body)
{
    http_server_script(server,
                       &(struct http_server_script){
                           .path = "/", .status = status, .headers = headers, .body = body});
}

/* --- what may be made again ------------------------------------------------------------------- */

START_TEST(what_is_refused_for_now_may_be_made_again)
{
    static const int statuses[] = {425, 429, 503};

    caller_rig_begin(&rig, HOOKS);
    for (size_t i = 0; i < sizeof statuses / sizeof *statuses; i++) {
        answer(statuses[i], NULL, "later");
        run("keyed", ENDING_FAILED, AGAIN_COUNTED);
        run("plain", ENDING_FAILED, AGAIN_COUNTED);
        ck_assert_int_eq(result.http_status, statuses[i]);
        ck_assert_int_eq(result.again_after_ms, 0);
    }
}
END_TEST

START_TEST(a_broken_server_is_asked_again_only_with_a_key)
{
    caller_rig_begin(&rig, HOOKS);
    answer(500, NULL, "oops");
    run("keyed", ENDING_FAILED, AGAIN_COUNTED);
    run("plain", ENDING_INTERRUPTED, AGAIN_NEVER);
    ck_assert_int_eq(result.http_status, 500);
    ck_assert_str_eq(result.error, "HTTP 500 OK, expected 200-299; it may have been done");
}
END_TEST

START_TEST(other_answers_are_final)
{
    caller_rig_begin(&rig, HOOKS);
    answer(400, "Retry-After: 5\r\n", "{\"retry_after\": 5}");
    run("keyed", ENDING_FAILED, AGAIN_NEVER);
    ck_assert_int_eq(result.again_after_ms, 0);
    run("plain", ENDING_FAILED, AGAIN_NEVER);
    answer(304, NULL, NULL);
    run("keyed", ENDING_FAILED, AGAIN_NEVER);
}
END_TEST

START_TEST(what_is_expected_succeeds_whatever_it_is)
{
    caller_rig_begin(&rig, "[hook tell]\nhttp = POST http://127.0.0.1:PORT/\n"
                           "expect = 429, 500\n");
    answer(429, "Retry-After: 5\r\n", NULL);
    run("tell", ENDING_SUCCEEDED, AGAIN_NEVER);
    ck_assert_int_eq(result.again_after_ms, 0);
    answer(500, NULL, NULL);
    run("tell", ENDING_SUCCEEDED, AGAIN_NEVER);
    answer(200, NULL, NULL);
    run("tell", ENDING_FAILED, AGAIN_NEVER);
}
END_TEST

START_TEST(what_was_never_sent_may_be_made_again)
{
    rig.port = 1;
    caller_rig_begin(&rig, HOOKS "[hook nowhere]\nhttp = POST http://nowhere.invalid/\n"
                                 "[hook tls]\nhttp = POST https://127.0.0.1:PORT/\n");
    run("keyed", ENDING_FAILED, AGAIN_COUNTED);
    run("plain", ENDING_FAILED, AGAIN_COUNTED);
    run("nowhere", ENDING_FAILED, AGAIN_COUNTED);
    run("tls", ENDING_FAILED, AGAIN_COUNTED);
}
END_TEST

START_TEST(a_tls_handshake_that_fails_may_be_made_again)
{
    caller_rig_begin(&rig, "[hook tls]\nhttp = POST https://127.0.0.1:PORT/\n");
    http_server_script(server,
                       &(struct http_server_script){.path = "", .manner = HTTP_SERVER_HANGS_UP});
    run("tls", ENDING_FAILED, AGAIN_COUNTED);
}
END_TEST

START_TEST(what_can_not_be_rendered_never_can)
{
    caller_rig_begin(&rig, "[hook tell]\nhttp = POST http://127.0.0.1:PORT/{context.missing}\n"
                           "header = Idempotency-Key: {job.key}\n");
    run("tell", ENDING_FAILED, AGAIN_NEVER);
    ck_assert_uint_eq(http_server_connections(server), 0);
}
END_TEST

START_TEST(what_is_not_answered_is_left_to_the_hook)
{
    static const enum http_server_manner manners[] = {
        HTTP_SERVER_NEVER_ANSWERS, HTTP_SERVER_CUTS,    HTTP_SERVER_CUTS_HEADER,
        HTTP_SERVER_CONTINUES,     HTTP_SERVER_BABBLES,
    };

    caller_rig_begin(&rig, HOOKS);
    for (size_t i = 0; i < sizeof manners / sizeof *manners; i++) {
        http_server_script(server, &(struct http_server_script){
                                       .path = "/", .manner = manners[i], .body = "0123456789"});
        run("keyed", ENDING_INTERRUPTED, AGAIN_NEVER);
        run("plain", ENDING_INTERRUPTED, AGAIN_NEVER);
    }
}
END_TEST

/* --- when ------------------------------------------------------------------------------------- */

static void assert_pause(const char *headers, const char *body, int64_t least, int64_t most)
{
    answer(429, headers, body);
    for (int key = 0; key <= 1; key++) {
        run(key ? "keyed" : "plain", ENDING_FAILED, AGAIN_COUNTED);
        ck_assert_msg(result.again_after_ms >= least && result.again_after_ms <= most,
                      "%s, %s: %jd", headers, body, (intmax_t)result.again_after_ms);
    }
}

START_TEST(the_other_end_says_when)
{
    char date[64];
    time_t then = time(NULL) + 1800;
    struct tm parts;

    caller_rig_begin(&rig, HOOKS);
    assert_pause("Retry-After: 0\r\n", NULL, 0, 0);
    assert_pause("Retry-After: 30\r\n", NULL, 30000, 30000);
    assert_pause("Retry-After: soon\r\n", NULL, 0, 0);
    assert_pause("Retry-After: -5\r\n", NULL, 0, 0);
    assert_pause("Retry-After: 99999999999999999999\r\n", NULL, 0, 24 * HOUR_MS);
    assert_pause("Retry-After: 9999999\r\n", NULL, 24 * HOUR_MS, 24 * HOUR_MS);
    ck_assert_uint_gt(strftime(date, sizeof date, "Retry-After: %a, %d %b %Y %H:%M:%S GMT\r\n",
                               gmtime_r(&then, &parts)),
                      0);
    assert_pause(date, NULL, 1700000, 1801000);
    assert_pause("Retry-After: Wed, 21 Oct 2015 07:28:00 GMT\r\n", NULL, 0, 0);
    assert_pause(NULL, "{\"error\": \"rate_limited\", \"retry_after\": 2.5}", 2500, 2500);
    assert_pause("Retry-After: 30\r\n", "{\"error\": {\"retry_after\": 2}}", 30000, 30000);
    assert_pause("Retry-After: 3\r\n", "{\"result\": {\"retry_after\": 7}}", 7000, 7000);
}
END_TEST

/* More than output_limit keeps. */
START_TEST(the_pause_is_found_in_a_body_that_is_not_kept)
{
    char body[8192];

    (void)snprintf(body, sizeof body, "{\"message\": \"%06000d\", \"retry_after\": 40}", 1);
    caller_rig_begin(&rig, HOOKS);
    assert_pause(NULL, body, 40000, 40000);
}
END_TEST

/* --- redirects -------------------------------------------------------------------------------- */

static void redirect(int status)
{
    answer(status, "Location: /there\r\nRetry-After: 600\r\n", NULL);
    http_server_script(server, &(struct http_server_script){.path = "/there", .status = 503});
}

/* The first answer says "done, look there", of which the second knows nothing. */
START_TEST(behind_a_redirect_to_look_at_nothing_is_known)
{
    static const int statuses[] = {301, 302, 303};

    caller_rig_begin(&rig, HOOKS);
    for (size_t i = 0; i < sizeof statuses / sizeof *statuses; i++) {
        redirect(statuses[i]);
        run("plain", ENDING_INTERRUPTED, AGAIN_NEVER);
        ck_assert_int_eq(result.http_status, 503);
        run("keyed", ENDING_FAILED, AGAIN_COUNTED);
    }
}
END_TEST

START_TEST(behind_a_redirect_of_the_call_itself_it_counts_as_its_answer)
{
    caller_rig_begin(&rig, HOOKS);
    redirect(307);
    run("plain", ENDING_FAILED, AGAIN_COUNTED);
    redirect(308);
    run("plain", ENDING_FAILED, AGAIN_COUNTED);
    /* The pause that the redirect spoke of is not this answer's. */
    ck_assert_int_eq(result.again_after_ms, 0);
    ck_assert_str_eq(http_server_request(server, 1)->method, "POST");
}
END_TEST

/* --- ended before their time ------------------------------------------------------------------ */

static void cancel(const char *key, const char *error)
{
    caller_rig_cancel(&rig, key);
    caller_rig_receive_result(&rig, &result);
    ck_assert_str_eq(result.attempt.key, key);
    assert_ended(ENDING_INTERRUPTED, AGAIN_NEVER);
    ck_assert_str_eq(result.error, error);
    caller_rig_ack(&rig, key);
}

/* With a full backlog further connections are never accepted, nor refused. */
START_TEST(a_call_that_has_no_connection_yet_can_be_canceled)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof address;
    int fillers[4];
    int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    ck_assert_int_eq(bind(listener, (struct sockaddr *)&address, size), 0);
    ck_assert_int_eq(listen(listener, 0), 0);
    ck_assert_int_eq(getsockname(listener, (struct sockaddr *)&address, &size), 0);
    for (size_t i = 0; i < 4; i++) {
        fillers[i] = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
        (void)connect(fillers[i], (struct sockaddr *)&address, size);
    }
    rig.port = ntohs(address.sin_port);
    caller_rig_begin(&rig, "[hook tell]\nhttp = POST http://127.0.0.1:PORT/\n");
    caller_rig_send_start(&rig, "tell", "unsent", RECORD);
    cancel("unsent", "canceled; nothing of it was sent");
    for (size_t i = 0; i < 4; i++) {
        (void)close(fillers[i]);
    }
    (void)close(listener);
}
END_TEST

/* The server has taken the connection, and what its buffers hold, when it says that it is there. */
START_TEST(a_call_that_is_being_sent_can_be_canceled)
{
    struct protocol_peeked peeked;
    struct buffer record = {0};
    char *big = calloc(1, LARGE + 1);

    ck_assert_ptr_nonnull(big);
    memset(big, 'x', LARGE);
    ck_assert_int_eq(buffer_append_format(&record, "{\"context\":{\"big\":\"%s\"}}", big), 0);
    free(big);
    http_server_script(server,
                       &(struct http_server_script){.path = "", .manner = HTTP_SERVER_NEVER_READS});
    caller_rig_begin(&rig, "[hook tell]\nhttp = POST http://127.0.0.1:PORT/\n"
                           "body = [\"{context.big}\"]\n");
    caller_rig_send_start(&rig, "tell", "sending", buffer_text(&record));
    buffer_free(&record);
    while (http_server_connections(server) == 0) {
        caller_rig_peek(&rig, "sending", &peeked);
    }
    caller_rig_peek(&rig, "sending", &peeked);
    ck_assert_uint_eq(peeked.standard_output.head_length, 0);
    cancel("sending", "canceled; it may have been done");
}
END_TEST

START_TEST(a_call_that_waits_for_its_answer_can_be_canceled)
{
    http_server_script(
        server, &(struct http_server_script){.path = "/", .manner = HTTP_SERVER_NEVER_ANSWERS});
    caller_rig_begin(&rig, "[hook tell]\nhttp = POST http://127.0.0.1:PORT/\n");
    caller_rig_send_start(&rig, "tell", "waiting", RECORD);
    ck_assert_uint_eq(http_server_wait(server, 1), 1);
    cancel("waiting", "canceled; it may have been done");
    ck_assert_int_eq(result.http_status, 0);
    caller_rig_cancel(&rig, "waiting");
    caller_rig_cancel(&rig, "never-heard-of");
    answer(200, NULL, NULL);
    run("tell", ENDING_SUCCEEDED, AGAIN_NEVER);
}
END_TEST

/* Half of the body comes, and then nothing more. */
static void stall(int status, const char *key)
{
    struct protocol_peeked peeked = {0};

    http_server_script(server, &(struct http_server_script){.path = "/",
                                                            .status = status,
                                                            .manner = HTTP_SERVER_STALLS,
                                                            .body = "0123456789"});
    caller_rig_send_start(&rig, "tell", key, RECORD);
    while (peeked.standard_output.head_length < 5) {
        caller_rig_peek(&rig, key, &peeked);
    }
    ck_assert_uint_eq(peeked.standard_output.head_length, 5);
    ck_assert_mem_eq(peeked.standard_output.head, "01234", 5);
    ck_assert_uint_eq(peeked.standard_output.dropped, 0);
}

START_TEST(an_answer_can_be_looked_at_while_it_comes)
{
    caller_rig_begin(&rig, "[hook tell]\nhttp = POST http://127.0.0.1:PORT/\n");
    stall(200, "slow");
}
END_TEST

START_TEST(a_call_that_has_succeeded_is_not_canceled)
{
    caller_rig_begin(&rig, "[hook tell]\nhttp = POST http://127.0.0.1:PORT/\n");
    stall(201, "slow");
    caller_rig_cancel(&rig, "slow");
    caller_rig_receive_result(&rig, &result);
    assert_ended(ENDING_SUCCEEDED, AGAIN_NEVER);
    ck_assert_int_eq(result.http_status, 201);
    ck_assert_uint_eq(result.standard_output.head_length, 5);
}
END_TEST

START_TEST(what_a_canceled_call_was_told_is_kept)
{
    caller_rig_begin(&rig, "[hook tell]\nhttp = POST http://127.0.0.1:PORT/\n");
    stall(503, "slow");
    cancel("slow", "canceled; it may have been done");
    ck_assert_int_eq(result.http_status, 503);
    ck_assert_uint_eq(result.standard_output.head_length, 5);
}
END_TEST

START_TEST(the_stop_leaves_an_answer_its_status)
{
    caller_rig_begin(&rig, "[hook tell]\nhttp = POST http://127.0.0.1:PORT/\n");
    stall(200, "done");
    stall(503, "refused");
    caller_rig_order_stop(&rig);
    for (int i = 0; i < 2; i++) {
        caller_rig_receive_result(&rig, &result);
        if (strcmp(result.attempt.key, "done") == 0) {
            assert_ended(ENDING_SUCCEEDED, AGAIN_NEVER);
        } else {
            assert_ended(ENDING_FAILED, AGAIN_COUNTED);
        }
        ck_assert_uint_eq(result.standard_output.head_length, 5);
    }
}
END_TEST

static Suite *suite(void)
{
    Suite *caller = suite_create("caller: again");
    TCase *again = suite_case(caller, "again", start, stop);
    TCase *ended = suite_case(caller, "ended", start, stop);

    tcase_add_test(again, what_is_refused_for_now_may_be_made_again);
    tcase_add_test(again, a_broken_server_is_asked_again_only_with_a_key);
    tcase_add_test(again, other_answers_are_final);
    tcase_add_test(again, what_is_expected_succeeds_whatever_it_is);
    tcase_add_test(again, what_was_never_sent_may_be_made_again);
    tcase_add_test(again, a_tls_handshake_that_fails_may_be_made_again);
    tcase_add_test(again, what_can_not_be_rendered_never_can);
    tcase_add_test(again, what_is_not_answered_is_left_to_the_hook);
    tcase_add_test(again, the_other_end_says_when);
    tcase_add_test(again, the_pause_is_found_in_a_body_that_is_not_kept);
    tcase_add_test(again, behind_a_redirect_to_look_at_nothing_is_known);
    tcase_add_test(again, behind_a_redirect_of_the_call_itself_it_counts_as_its_answer);

    tcase_add_test(ended, a_call_that_has_no_connection_yet_can_be_canceled);
    tcase_add_test(ended, a_call_that_is_being_sent_can_be_canceled);
    tcase_add_test(ended, a_call_that_waits_for_its_answer_can_be_canceled);
    tcase_add_test(ended, an_answer_can_be_looked_at_while_it_comes);
    tcase_add_test(ended, a_call_that_has_succeeded_is_not_canceled);
    tcase_add_test(ended, what_a_canceled_call_was_told_is_kept);
    tcase_add_test(ended, the_stop_leaves_an_answer_its_status);
    return caller;
}

int main(void)
{
    return suite_run(suite());
}
