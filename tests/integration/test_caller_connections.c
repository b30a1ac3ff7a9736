/* Connections: which are kept, what goes over them, and what becomes of calls when they end. */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "caller_rig.h"
#include "harness.h"
#include "support/http2_server.h"
#include "support/http_server.h"
#include "support/suite.h"

#define RECORD "{\"request_id\":\"req_1\",\"context\":{},\"job\":{\"id\":17,\"key\":\"k-1\"}}"
#define MANY   20
#define KEYED  "header = Idempotency-Key: {job.key}\n"
#define LARGE  (16u << 20)

static struct caller_rig rig;
static struct http_server *server;
static struct http_server *other;
static struct tls_server certified;
static struct http2_server http2;
static struct protocol_result result;

static void start(void)
{
    caller_rig_start(&rig);
    server = http_server_start();
    other = http_server_start();
    rig.port = http_server_port(server);
    rig.other_port = http_server_port(other);
    http_server_script(server, &(struct http_server_script){.path = "/", .keeps = true});
    http_server_script(server,
                       &(struct http_server_script){.path = "/cut", .manner = HTTP_SERVER_CUTS});
    http_server_script(server, &(struct http_server_script){.path = "/never",
                                                            .manner = HTTP_SERVER_NEVER_ANSWERS});
}

static void stop(void)
{
    caller_rig_free(&rig);
    http_server_stop(server);
    http_server_stop(other);
}

static void run(const char *hook, enum protocol_ending ending)
{
    caller_rig_run(&rig, hook, RECORD, &result);
    ck_assert_msg(result.ending == ending, "%s: %d, HTTP %d: %s", hook, (int)result.ending,
                  result.http_status, result.error ? result.error : "-");
}

/* --- kept connections ------------------------------------------------------------------------- */

#define HOOKS                                                   \
    "[hook keyed]\nhttp = POST http://127.0.0.1:PORT/\n" KEYED  \
    "[hook plain]\nhttp = POST http://127.0.0.1:PORT/\n"        \
    "[hook cut]\nhttp = POST http://127.0.0.1:PORT/cut\n" KEYED \
    "[hook plain-cut]\nhttp = POST http://127.0.0.1:PORT/cut\n" \
    "[hook never]\nhttp = POST http://127.0.0.1:PORT/never\n" KEYED

START_TEST(calls_with_a_key_share_a_connection)
{
    caller_rig_begin(&rig, HOOKS);
    for (int i = 0; i < MANY; i++) {
        run("keyed", ENDING_SUCCEEDED);
    }
    ck_assert_uint_eq(http_server_wait(server, MANY), MANY);
    ck_assert_uint_eq(http_server_connections(server), 1);
}
END_TEST

START_TEST(calls_without_a_key_have_one_each)
{
    caller_rig_begin(&rig, HOOKS);
    run("keyed", ENDING_SUCCEEDED);
    for (size_t i = 1; i <= MANY; i++) {
        run("plain", ENDING_SUCCEEDED);
        ck_assert_uint_eq(http_server_connections(server), i + 1);
        run("keyed", ENDING_SUCCEEDED);
        ck_assert_uint_eq(http_server_connections(server), i + 1);
    }
}
END_TEST

/* It was on the kept connection and on a new one. */
START_TEST(a_call_with_a_key_that_a_kept_connection_lost_is_made_again)
{
    caller_rig_begin(&rig, HOOKS);
    run("keyed", ENDING_SUCCEEDED);
    run("cut", ENDING_INTERRUPTED);
    ck_assert_uint_eq(http_server_wait(server, 3), 3);
    ck_assert_uint_eq(http_server_connections(server), 2);
}
END_TEST

START_TEST(a_call_without_a_key_is_never_made_again)
{
    caller_rig_begin(&rig, HOOKS);
    run("keyed", ENDING_SUCCEEDED);
    run("plain-cut", ENDING_INTERRUPTED);
    run("keyed", ENDING_SUCCEEDED);
    ck_assert_uint_eq(http_server_wait(server, 3), 3);
    ck_assert_str_eq(http_server_request(server, 1)->url, "/cut");
    ck_assert_str_eq(http_server_request(server, 2)->url, "/");
}
END_TEST

/* Where a redirect leads, there may be a connection that calls with a key have kept. */
START_TEST(a_call_without_a_key_is_not_made_again_behind_a_redirect)
{
    char location[64];

    (void)snprintf(location, sizeof location, "Location: http://127.0.0.1:%d/cut\r\n", rig.port);
    http_server_script(
        other, &(struct http_server_script){.path = "/", .status = 307, .headers = location});
    caller_rig_begin(&rig, HOOKS "[hook away]\nhttp = POST http://127.0.0.1:OTHER/\nbody = x\n"
                                 "redirects = 1\n");
    run("keyed", ENDING_SUCCEEDED);
    run("away", ENDING_INTERRUPTED);
    ck_assert_ptr_nonnull(strstr(result.error, "; it may have been done"));
    run("keyed", ENDING_SUCCEEDED);
    ck_assert_uint_eq(http_server_wait(server, 3), 3);
    ck_assert_str_eq(http_server_request(server, 1)->url, "/cut");
    ck_assert_str_eq(http_server_request(server, 2)->url, "/");
}
END_TEST

/* The repeat finds nobody, but the call itself had arrived. */
START_TEST(a_call_whose_repeat_can_not_be_sent_may_have_been_done)
{
    caller_rig_begin(&rig, HOOKS);
    run("keyed", ENDING_SUCCEEDED);
    caller_rig_send_start(&rig, "never", "lost", RECORD);
    ck_assert_uint_eq(http_server_wait(server, 2), 2);
    http_server_stop(server);
    server = NULL;
    caller_rig_receive_result(&rig, &result);
    ck_assert_int_eq(result.ending, ENDING_INTERRUPTED);
    ck_assert_ptr_nonnull(strstr(result.error, "; it may have been done"));
}
END_TEST

START_TEST(a_kept_connection_that_was_closed_is_not_used)
{
    caller_rig_begin(&rig, HOOKS);
    http_server_script(server, &(struct http_server_script){.path = "/"});
    for (size_t i = 0; i < MANY; i++) {
        run("keyed", ENDING_SUCCEEDED);
        ck_assert_uint_eq(http_server_connections(server), i + 1);
    }
    ck_assert_uint_eq(http_server_wait(server, MANY), MANY);
}
END_TEST

/* One that is dead would lose every repeat as well. */
START_TEST(a_repeat_does_not_use_what_was_kept)
{
    caller_rig_begin(&rig, HOOKS);
    run("keyed", ENDING_SUCCEEDED);
    rig.repeats = 1;
    run("keyed", ENDING_SUCCEEDED);
    ck_assert_uint_eq(http_server_connections(server), 2);
    rig.repeats = 0;
    run("keyed", ENDING_SUCCEEDED);
    ck_assert_uint_eq(http_server_connections(server), 2);
}
END_TEST

/* It would be taken as the answer to the next call. */
START_TEST(what_comes_unasked_on_a_kept_connection_answers_no_call)
{
    caller_rig_begin(&rig, HOOKS);
    http_server_script(server, &(struct http_server_script){
                                   .path = "/", .manner = HTTP_SERVER_SAYS_MORE, .keeps = true});
    run("keyed", ENDING_SUCCEEDED);
    http_server_release(server);
    ck_assert_uint_eq(http_server_wait_closed(server), 0);
    http_server_script(server,
                       &(struct http_server_script){.path = "/", .status = 201, .keeps = true});
    run("keyed", ENDING_SUCCEEDED);
    ck_assert_int_eq(result.http_status, 201);
    ck_assert_uint_eq(http_server_wait(server, 2), 2);
    ck_assert_uint_eq(http_server_connections(server), 2);
}
END_TEST

START_TEST(every_call_has_its_own_token)
{
    static const char *const hooks[] = {"one", "two", "none", "one"};
    static const char *const tokens[] = {"Bearer t-one", "Bearer t-two", "", "Bearer t-one"};
    char value[64];

    caller_rig_file(&rig, "token-one", "t-one\n");
    caller_rig_file(&rig, "token-two", "t-two\n");
    caller_rig_begin(
        &rig, "[hook one]\nhttp = POST http://127.0.0.1:PORT/\nbearer_file = token-one\n" KEYED
              "[hook two]\nhttp = POST http://127.0.0.1:PORT/\nbearer_file = token-two\n" KEYED
              "[hook none]\nhttp = POST http://127.0.0.1:PORT/\n" KEYED);
    for (size_t i = 0; i < sizeof hooks / sizeof *hooks; i++) {
        run(hooks[i], ENDING_SUCCEEDED);
        value[0] = '\0';
        (void)http_server_header(http_server_request(server, i), "Authorization", value,
                                 sizeof value);
        ck_assert_str_eq(value, tokens[i]);
    }
    ck_assert_uint_eq(http_server_connections(server), 1);
}
END_TEST

/* --- what is not heard ------------------------------------------------------------------------ */

START_TEST(passwords_of_the_user_are_not_used)
{
    char value[64];

    caller_rig_file(&rig, ".netrc", "machine 127.0.0.1 login me password secret\n");
    http_server_script(
        server, &(struct http_server_script){
                    .path = "/asks", .status = 401, .headers = "WWW-Authenticate: Basic\r\n"});
    caller_rig_begin(&rig, HOOKS "[hook asked]\nhttp = POST http://127.0.0.1:PORT/asks\n");
    run("keyed", ENDING_SUCCEEDED);
    run("asked", ENDING_FAILED);
    ck_assert_uint_eq(http_server_wait(server, 2), 2);
    for (size_t i = 0; i < 2; i++) {
        ck_assert_uint_eq(http_server_header(http_server_request(server, i), "Authorization", value,
                                             sizeof value),
                          0);
    }
}
END_TEST

START_TEST(a_redirect_with_a_password_is_not_followed)
{
    char header[128];

    (void)snprintf(header, sizeof header, "Location: http://me:secret@127.0.0.1:%d/\r\n",
                   rig.other_port);
    http_server_script(
        server, &(struct http_server_script){.path = "/away", .status = 307, .headers = header});
    caller_rig_begin(&rig, "[hook away]\nhttp = POST http://127.0.0.1:PORT/away\nredirects = 1\n");
    run("away", ENDING_INTERRUPTED);
    ck_assert_uint_eq(http_server_connections(other), 0);
}
END_TEST

START_TEST(a_redirect_does_not_leave_tls)
{
    struct tls_server tls;
    char answer[160];

    (void)snprintf(answer, sizeof answer,
                   "HTTP/1.0 302 Found\r\nLocation: http://127.0.0.1:%d/\r\n\r\n", rig.other_port);
    caller_rig_file(&rig, "away", answer);
    tls_server_certify(&tls, rig.directory, "own", "IP:127.0.0.1");
    tls_server_start_serving(&tls, rig.directory);
    rig.port = tls.port;
    caller_rig_begin(&rig, "[hook away]\nhttp = GET https://127.0.0.1:PORT/away\nredirects = 1\n"
                           "tls_ca = own-cert.pem\n");
    run("away", ENDING_INTERRUPTED);
    ck_assert_ptr_nonnull(strstr(result.error, "Protocol \"http\""));
    ck_assert_uint_eq(http_server_connections(other), 0);
    tls_server_stop(&tls);
}
END_TEST

/* --- HTTP/2 ----------------------------------------------------------------------------------- */

static void start_http2(void)
{
    start();
    caller_rig_file(&rig, "file", "0123456789");
    tls_server_certify(&certified, rig.directory, "own", "IP:127.0.0.1");
    http2_server_start(&http2, &certified, rig.directory, house_reserve_port());
    rig.port = http2.port;
}

static void stop_http2(void)
{
    http2_server_stop(&http2);
    stop();
}

#define OVER_TLS "http = POST https://127.0.0.1:PORT/file\n"

START_TEST(http2_is_spoken_where_the_other_end_does)
{
    caller_rig_begin(&rig, "[hook keyed]\n" OVER_TLS KEYED "tls_ca = own-cert.pem\n"
                           "[hook plain]\n" OVER_TLS "tls_ca = own-cert.pem\n");
    run("keyed", ENDING_SUCCEEDED);
    ck_assert_int_eq(result.http_status, 200);
    ck_assert_uint_eq(result.standard_output.head_length, 10);
    run("keyed", ENDING_SUCCEEDED);
    ck_assert_uint_eq(http2_server_count(&http2, HTTP2_SERVER_CONNECTION), 1);
    run("plain", ENDING_SUCCEEDED);
    ck_assert_uint_eq(http2_server_count(&http2, HTTP2_SERVER_CONNECTION), 2);
    run("plain", ENDING_SUCCEEDED);
    ck_assert_uint_eq(http2_server_count(&http2, HTTP2_SERVER_CONNECTION), 3);
    ck_assert_uint_eq(http2_server_count(&http2, ":method: POST"), 4);
}
END_TEST

START_TEST(over_http2_many_calls_share_a_connection_at_once)
{
    char key[16];

    caller_rig_begin(&rig, "[hook keyed]\n" OVER_TLS KEYED "tls_ca = own-cert.pem\n");
    for (int i = 0; i < MANY; i++) {
        (void)snprintf(key, sizeof key, "key-of-%d", i);
        caller_rig_send_start(&rig, "keyed", key, RECORD);
    }
    for (int i = 0; i < MANY; i++) {
        caller_rig_receive_result(&rig, &result);
        ck_assert_msg(result.ending == ENDING_SUCCEEDED, "%s", result.error);
    }
    ck_assert_uint_eq(http2_server_count(&http2, HTTP2_SERVER_CONNECTION), 1);
}
END_TEST

START_TEST(a_large_body_goes_over_http2_whole)
{
    struct buffer record = {0};
    char *big = calloc(1, LARGE + 1);

    ck_assert_ptr_nonnull(big);
    memset(big, 'x', LARGE);
    ck_assert_int_eq(buffer_append_format(&record,
                                          "{\"job\":{\"key\":\"k\"},\"context\":"
                                          "{\"big\":\"%s\"}}",
                                          big),
                     0);
    free(big);
    caller_rig_begin(&rig, "[hook keyed]\n" OVER_TLS KEYED "tls_ca = own-cert.pem\n"
                           "body = [\"{context.big}\"]\n");
    caller_rig_run(&rig, "keyed", buffer_text(&record), &result);
    ck_assert_msg(result.ending == ENDING_SUCCEEDED, "%s", result.error);
    caller_rig_run(&rig, "keyed", buffer_text(&record), &result);
    ck_assert_msg(result.ending == ENDING_SUCCEEDED, "%s", result.error);
    buffer_free(&record);
    ck_assert_uint_eq(http2_server_count(&http2, HTTP2_SERVER_CONNECTION), 1);
}
END_TEST

/* A connection that one hook trusts is none for a hook that trusts others, nor is what was agreed
 * on it. */
START_TEST(trust_is_not_shared)
{
    struct tls_server stranger;

    tls_server_certify(&stranger, rig.directory, "other", "IP:127.0.0.1");
    caller_rig_begin(&rig, "[hook trusting]\n" OVER_TLS KEYED "tls_ca = own-cert.pem\n"
                           "[hook system]\n" OVER_TLS KEYED "[hook stranger]\n" OVER_TLS KEYED
                           "tls_ca = other-cert.pem\n"
                           "[hook again]\n" OVER_TLS KEYED "tls_ca = own-cert.pem\n");
    for (int i = 0; i < 2; i++) {
        run("trusting", ENDING_SUCCEEDED);
        run("system", ENDING_FAILED);
        ck_assert_ptr_nonnull(strstr(result.error, "SSL certificate problem"));
        run("stranger", ENDING_FAILED);
        ck_assert_ptr_nonnull(strstr(result.error, "SSL certificate problem"));
    }
    run("again", ENDING_SUCCEEDED);
    ck_assert_uint_eq(http2_server_count(&http2, ":method: POST"), 3);
}
END_TEST

START_TEST(keys_of_connections_are_not_written_down)
{
    char path[128];
    struct stat status;

    caller_rig_begin(&rig, "[hook plain]\n" OVER_TLS "tls_ca = own-cert.pem\n");
    run("plain", ENDING_SUCCEEDED);
    (void)snprintf(path, sizeof path, "%s/keys", rig.directory);
    ck_assert_int_lt(stat(path, &status), 0);
}
END_TEST

/* The first connection is open as long as a call is on it, and the server has time for one. */
START_TEST(a_repeat_does_not_wait_on_a_dead_connection_of_http2)
{
    static const unsigned char settings[] = {0, 0, 0, 4, 0, 0, 0, 0, 0};
    struct tls_server dead;

    tls_server_certify(&dead, rig.directory, "own", "IP:127.0.0.1");
    tls_server_start_http2(&dead, settings, sizeof settings);
    rig.port = dead.port;
    caller_rig_begin(&rig, "[hook keyed]\nhttp = POST https://127.0.0.1:PORT/\n" KEYED
                           "timeout = 2s\ntls_ca = own-cert.pem\n");
    run("keyed", ENDING_INTERRUPTED);
    rig.repeats = 1;
    run("keyed", ENDING_FAILED);
    ck_assert_ptr_nonnull(strstr(result.error, "not sent: no connection within 2s"));
    tls_server_stop(&dead);
}
END_TEST

/* RFC 9113, section 7: REFUSED_STREAM, and HTTP_1_1_REQUIRED. */
static const unsigned char let_go[] = {7, 13};

START_TEST(what_is_let_go_of_over_http2_is_not_made_again_without_a_key)
{
    /* an empty SETTINGS, and RST_STREAM of the first stream */
    unsigned char frames[] = {0, 0, 0, 4, 0, 0, 0, 0, 0, 0, 0, 4, 3, 0, 0, 0, 0, 1, 0, 0, 0, 0};
    struct tls_server refusing;

    frames[sizeof frames - 1] = let_go[_i];
    tls_server_certify(&refusing, rig.directory, "own", "IP:127.0.0.1");
    tls_server_start_http2(&refusing, frames, sizeof frames);
    rig.port = refusing.port;
    caller_rig_begin(&rig, "[hook plain]\nhttp = POST https://127.0.0.1:PORT/\nbody = what-to-do\n"
                           "timeout = 2s\ntls_ca = own-cert.pem\n");
    run("plain", ENDING_INTERRUPTED);
    ck_assert_ptr_nonnull(strstr(result.error, "; it may have been done"));
    /* It may have gone before what it was sent was read. */
    ck_assert_uint_le(tls_server_count(&refusing, "what-to-do"), 1);
    tls_server_stop(&refusing);
}
END_TEST

static Suite *suite(void)
{
    Suite *caller = suite_create("caller: connections");
    TCase *kept = suite_case(caller, "kept", start, stop);
    TCase *unheard = suite_case(caller, "unheard", start, stop);
    TCase *second = suite_case(caller, "HTTP/2", start_http2, stop_http2);

    tcase_add_test(kept, calls_with_a_key_share_a_connection);
    tcase_add_test(kept, calls_without_a_key_have_one_each);
    tcase_add_test(kept, a_call_with_a_key_that_a_kept_connection_lost_is_made_again);
    tcase_add_test(kept, a_call_without_a_key_is_never_made_again);
    tcase_add_test(kept, a_call_without_a_key_is_not_made_again_behind_a_redirect);
    tcase_add_test(kept, a_call_whose_repeat_can_not_be_sent_may_have_been_done);
    tcase_add_test(kept, a_kept_connection_that_was_closed_is_not_used);
    tcase_add_test(kept, a_repeat_does_not_use_what_was_kept);
    tcase_add_test(kept, what_comes_unasked_on_a_kept_connection_answers_no_call);
    tcase_add_test(kept, every_call_has_its_own_token);

    tcase_add_test(unheard, passwords_of_the_user_are_not_used);
    tcase_add_test(unheard, a_redirect_with_a_password_is_not_followed);
    tcase_add_test(unheard, a_redirect_does_not_leave_tls);
    tcase_add_test(unheard, a_repeat_does_not_wait_on_a_dead_connection_of_http2);
    tcase_add_loop_test(unheard, what_is_let_go_of_over_http2_is_not_made_again_without_a_key, 0,
                        sizeof let_go);

    tcase_add_test(second, http2_is_spoken_where_the_other_end_does);
    tcase_add_test(second, over_http2_many_calls_share_a_connection_at_once);
    tcase_add_test(second, a_large_body_goes_over_http2_whole);
    tcase_add_test(second, trust_is_not_shared);
    tcase_add_test(second, keys_of_connections_are_not_written_down);
    return caller;
}

int main(void)
{
    return suite_run(suite());
}
