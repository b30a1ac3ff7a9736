/* Calls that do not come to an answer: those of which nothing was sent have failed, of the others
 * nobody knows what they did. */
#include <check.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "caller_rig.h"
#include "support/http_server.h"
#include "support/suite.h"
#include "support/tls_server.h"

#define RECORD                                                                    \
    "{\"request_id\":\"req_1\",\"decided_by\":null,\"context\":{\"dots\":\"..\"," \
    "\"lines\":\"a\\r\\nX-Evil: 1\",\"list\":[1,2]},\"job\":{\"id\":17,\"key\":\"k-1\"}}"
#define LARGE (16u << 20)

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

static void run(const char *hooks)
{
    caller_rig_begin(&rig, hooks);
    caller_rig_run(&rig, "tell", RECORD, &result);
}

static void assert_ended(enum protocol_ending ending, const char *beginning, const char *end)
{
    size_t length = result.error ? strlen(result.error) : 0;

    ck_assert_msg(result.ending == ending && length > 0, "%d, HTTP %d: %s", (int)result.ending,
                  result.http_status, length > 0 ? result.error : "-");
    ck_assert_msg(strncmp(result.error, beginning, strlen(beginning)) == 0 &&
                      length >= strlen(end) &&
                      strcmp(result.error + length - strlen(end), end) == 0,
                  "%s", result.error);
    ck_assert_int_eq(result.http_status, 0);
}

static void assert_not_sent(const char *why)
{
    char beginning[256];

    (void)snprintf(beginning, sizeof beginning, "not sent: %s", why);
    assert_ended(ENDING_FAILED, beginning, "");
}

/* --- nothing was sent ------------------------------------------------------------------------- */

START_TEST(what_can_not_be_rendered_is_not_called)
{
    caller_rig_begin(&rig, "[hook none]\nhttp = POST http://127.0.0.1:PORT/{decided_by}\n"
                           "[hook dots]\nhttp = POST http://127.0.0.1:PORT/{context.dots}/x\n"
                           "[hook header]\nhttp = POST http://127.0.0.1:PORT/\n"
                           "header = X-A: {context.lines}\n"
                           "[hook body]\nhttp = POST http://127.0.0.1:PORT/\n"
                           "body = [\"a {context.list}\"]\n");
    caller_rig_run(&rig, "none", RECORD, &result);
    assert_not_sent("url: {decided_by} has no value");
    ck_assert_int_eq(result.started_at, 0);
    caller_rig_run(&rig, "dots", RECORD, &result);
    assert_not_sent("url: {context.dots} would make a segment");
    caller_rig_run(&rig, "header", RECORD, &result);
    assert_not_sent("header: {context.lines} holds control characters");
    caller_rig_run(&rig, "body", RECORD, &result);
    assert_not_sent("body: {context.list} is an array");
    caller_rig_run(&rig, "body", "no record", &result);
    assert_not_sent("the record is not JSON");
    ck_assert_uint_eq(http_server_connections(server), 0);
}
END_TEST

START_TEST(a_refused_connection_is_a_failure)
{
    run("[hook tell]\nhttp = POST http://127.0.0.1:1/\n");
    assert_not_sent("");
    ck_assert_int_gt(result.started_at, 0);
}
END_TEST

START_TEST(a_host_that_does_not_exist_is_a_failure)
{
    run("[hook tell]\nhttp = POST http://nowhere.invalid/\n");
    assert_not_sent("Could not resolve host");
}
END_TEST

/* With a full backlog further connections are never accepted, nor refused. */
START_TEST(a_connection_that_never_comes_is_a_failure)
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
    run("[hook tell]\nhttp = POST http://127.0.0.1:PORT/\ntimeout = 700ms\n");
    assert_not_sent("no connection within 700ms");
    for (size_t i = 0; i < 4; i++) {
        (void)close(fillers[i]);
    }
    (void)close(listener);
}
END_TEST

START_TEST(a_tls_handshake_that_fails_is_a_failure)
{
    http_server_script(server,
                       &(struct http_server_script){.path = "", .manner = HTTP_SERVER_HANGS_UP});
    run("[hook tell]\nhttp = POST https://127.0.0.1:PORT/\n");
    assert_not_sent("");
    ck_assert_uint_eq(http_server_connections(server), 1);
}
END_TEST

START_TEST(a_tls_handshake_that_never_ends_is_a_failure)
{
    http_server_script(server,
                       &(struct http_server_script){.path = "", .manner = HTTP_SERVER_NEVER_READS});
    run("[hook tell]\nhttp = POST https://127.0.0.1:PORT/\ntimeout = 500ms\n");
    assert_not_sent("no connection within 500ms");
}
END_TEST

/* --- TLS -------------------------------------------------------------------------------------- */

START_TEST(only_a_trusted_certificate_is_talked_to)
{
    struct tls_server tls;
    struct tls_server stranger;

    tls_server_certify(&tls, rig.directory, "own", "IP:127.0.0.1");
    tls_server_certify(&stranger, rig.directory, "other", "IP:127.0.0.1");
    tls_server_start(&tls);
    rig.port = tls.port;
    caller_rig_begin(&rig, "[hook trusting]\nhttp = GET https://127.0.0.1:PORT/\n"
                           "tls_ca = own-cert.pem\n"
                           "[hook system]\nhttp = GET https://127.0.0.1:PORT/\n"
                           "[hook other]\nhttp = GET https://127.0.0.1:PORT/\n"
                           "tls_ca = other-cert.pem\n");
    caller_rig_run(&rig, "system", RECORD, &result);
    assert_not_sent("SSL certificate problem");
    caller_rig_run(&rig, "other", RECORD, &result);
    assert_not_sent("SSL certificate problem");
    caller_rig_run(&rig, "trusting", RECORD, &result);
    ck_assert_msg(result.ending == ENDING_SUCCEEDED, "%s", result.error);
    ck_assert_int_eq(result.http_status, 200);
    tls_server_stop(&tls);
}
END_TEST

START_TEST(a_certificate_for_another_name_is_refused)
{
    struct tls_server tls;

    tls_server_certify(&tls, rig.directory, "own", "DNS:other.example");
    tls_server_start(&tls);
    rig.port = tls.port;
    run("[hook tell]\nhttp = GET https://127.0.0.1:PORT/\ntls_ca = own-cert.pem\n");
    assert_not_sent("SSL: no alternative certificate subject name matches");
    tls_server_stop(&tls);
}
END_TEST

START_TEST(a_file_that_holds_no_real_certificate_is_a_failure)
{
    caller_rig_file(&rig, "broken.pem",
                    "-----BEGIN CERTIFICATE-----\nbm90IG9uZQ==\n-----END CERTIFICATE-----\n");
    run("[hook tell]\nhttp = POST https://127.0.0.1:PORT/\ntls_ca = broken.pem\n");
    assert_not_sent("");
    ck_assert_uint_eq(http_server_wait(server, 0), 0);
}
END_TEST

/* --- something was sent ----------------------------------------------------------------------- */

static void assert_unknown_after(enum http_server_manner manner, const char *path)
{
    http_server_script(
        server, &(struct http_server_script){.path = path, .manner = manner, .body = "0123456789"});
    run("[hook tell]\nhttp = POST http://127.0.0.1:PORT/\nbody = {}\ntimeout = 1s\n");
    assert_ended(ENDING_INTERRUPTED, "no answer", "; it may have been done");
    ck_assert_uint_eq(http_server_connections(server), 1);
}

START_TEST(an_answer_that_does_not_come_in_time_leaves_it_unknown)
{
    assert_unknown_after(HTTP_SERVER_NEVER_ANSWERS, "/");
    ck_assert_str_eq(result.error, "no answer within 1s; it may have been done");
}
END_TEST

START_TEST(a_connection_cut_before_the_answer_leaves_it_unknown)
{
    assert_unknown_after(HTTP_SERVER_CUTS, "/");
}
END_TEST

START_TEST(a_connection_cut_within_the_header_leaves_it_unknown)
{
    assert_unknown_after(HTTP_SERVER_CUTS_HEADER, "/");
}
END_TEST

START_TEST(to_be_told_to_continue_is_no_answer)
{
    assert_unknown_after(HTTP_SERVER_CONTINUES, "/");
}
END_TEST

START_TEST(an_answer_that_is_not_http_leaves_it_unknown)
{
    assert_unknown_after(HTTP_SERVER_BABBLES, "/");
}
END_TEST

START_TEST(a_server_that_hangs_up_leaves_it_unknown)
{
    assert_unknown_after(HTTP_SERVER_HANGS_UP, "");
}
END_TEST

START_TEST(a_body_that_was_sent_in_part_leaves_it_unknown)
{
    char *big = calloc(1, LARGE + 1);
    struct buffer record = {0};

    ck_assert_ptr_nonnull(big);
    memset(big, 'x', LARGE);
    ck_assert_int_eq(buffer_append_format(&record, "{\"context\":{\"big\":\"%s\"}}", big), 0);
    free(big);
    http_server_script(server,
                       &(struct http_server_script){.path = "", .manner = HTTP_SERVER_NEVER_READS});
    caller_rig_begin(&rig, "[hook tell]\nhttp = POST http://127.0.0.1:PORT/\n"
                           "body = [\"{context.big}\"]\ntimeout = 1s\n");
    caller_rig_run(&rig, "tell", buffer_text(&record), &result);
    buffer_free(&record);
    assert_ended(ENDING_INTERRUPTED, "no answer within 1s", "");
}
END_TEST

START_TEST(an_answer_in_another_protocol_leaves_it_unknown)
{
    http_server_script(server,
                       &(struct http_server_script){.path = "/", .status = 101, .body = "another"});
    run("[hook tell]\nhttp = POST http://127.0.0.1:PORT/\n");
    assert_ended(ENDING_INTERRUPTED, "no answer: it changes to another protocol", "");
}
END_TEST

START_TEST(a_redirect_to_nowhere_leaves_it_unknown)
{
    http_server_script(
        server, &(struct http_server_script){
                    .path = "/", .status = 303, .headers = "Location: http://127.0.0.1:1/\r\n"});
    run("[hook tell]\nhttp = POST http://127.0.0.1:PORT/\nredirects = 1\n");
    assert_ended(ENDING_INTERRUPTED, "no answer", "");
}
END_TEST

START_TEST(a_redirect_to_a_file_is_not_followed)
{
    http_server_script(
        server, &(struct http_server_script){
                    .path = "/", .status = 302, .headers = "Location: file:///etc/passwd\r\n"});
    run("[hook tell]\nhttp = GET http://127.0.0.1:PORT/\nredirects = 1\n");
    assert_ended(ENDING_INTERRUPTED, "no answer: Protocol \"file\"", "");
    ck_assert_uint_eq(result.standard_output.head_length, 0);
}
END_TEST

START_TEST(an_answer_whose_body_is_cut_counts_by_its_status)
{
    http_server_script(server, &(struct http_server_script){.path = "/",
                                                            .manner = HTTP_SERVER_CUTS_BODY,
                                                            .body = "0123456789"});
    run("[hook tell]\nhttp = POST http://127.0.0.1:PORT/\n");
    ck_assert_int_eq(result.ending, ENDING_SUCCEEDED);
    ck_assert_int_eq(result.http_status, 200);
    ck_assert_uint_eq(result.standard_output.head_length, 5);
    ck_assert_uint_eq(http_server_connections(server), 1);
}
END_TEST

START_TEST(an_endless_header_is_not_read_to_its_end)
{
    http_server_script(server, &(struct http_server_script){.path = "/",
                                                            .manner = HTTP_SERVER_FLOODS_HEADER,
                                                            .repeat = 1 << 20});
    run("[hook tell]\nhttp = POST http://127.0.0.1:PORT/\n");
    assert_ended(ENDING_INTERRUPTED, "no answer: the header of the answer is too large", "");
}
END_TEST

static Suite *suite(void)
{
    Suite *caller = suite_create("caller: failures");
    TCase *unsent = suite_case(caller, "nothing sent", start, stop);
    TCase *tls = suite_case(caller, "TLS", start, stop);
    TCase *sent = suite_case(caller, "something sent", start, stop);

    tcase_add_test(unsent, what_can_not_be_rendered_is_not_called);
    tcase_add_test(unsent, a_refused_connection_is_a_failure);
    tcase_add_test(unsent, a_host_that_does_not_exist_is_a_failure);
    tcase_add_test(unsent, a_connection_that_never_comes_is_a_failure);
    tcase_add_test(unsent, a_tls_handshake_that_fails_is_a_failure);
    tcase_add_test(unsent, a_tls_handshake_that_never_ends_is_a_failure);

    tcase_add_test(tls, only_a_trusted_certificate_is_talked_to);
    tcase_add_test(tls, a_certificate_for_another_name_is_refused);
    tcase_add_test(tls, a_file_that_holds_no_real_certificate_is_a_failure);

    tcase_add_test(sent, an_answer_that_does_not_come_in_time_leaves_it_unknown);
    tcase_add_test(sent, a_connection_cut_before_the_answer_leaves_it_unknown);
    tcase_add_test(sent, a_connection_cut_within_the_header_leaves_it_unknown);
    tcase_add_test(sent, to_be_told_to_continue_is_no_answer);
    tcase_add_test(sent, an_answer_that_is_not_http_leaves_it_unknown);
    tcase_add_test(sent, a_server_that_hangs_up_leaves_it_unknown);
    tcase_add_test(sent, a_body_that_was_sent_in_part_leaves_it_unknown);
    tcase_add_test(sent, an_answer_in_another_protocol_leaves_it_unknown);
    tcase_add_test(sent, a_redirect_to_nowhere_leaves_it_unknown);
    tcase_add_test(sent, a_redirect_to_a_file_is_not_followed);
    tcase_add_test(sent, an_answer_whose_body_is_cut_counts_by_its_status);
    tcase_add_test(sent, an_endless_header_is_not_read_to_its_end);
    return caller;
}

int main(void)
{
    return suite_run(suite());
}
