/* What a call sends, and what becomes of its answer. */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "caller_rig.h"
#include "support/http_server.h"
#include "support/suite.h"

#define RECORD                                                                                   \
    "{\"event\":\"approval.granted\",\"request_id\":\"req_1\",\"service\":\"daimon\","           \
    "\"action\":\"bulk_send\",\"status\":\"approved\",\"reason\":\"why\",\"urgency\":\"low\","   \
    "\"denial_reason\":null,\"decided_by\":null,\"decided_at\":null,\"created_at\":\"c\","       \
    "\"expires_at\":\"e\",\"context\":{\"count\":500,\"name\":\"A & B/C\",\"empty\":\"\","       \
    "\"lines\":\"a\\r\\nb\",\"list\":[1,2]},\"job\":{\"id\":17,\"key\":\"k-1\",\"hook\":\"x\"}," \
    "\"attempt\":1}"

#define LARGE (4u << 20)

static struct caller_rig rig;
static struct http_server *server;
static struct http_server *other;
static struct protocol_result result;

static void start(void)
{
    caller_rig_start(&rig);
    server = http_server_start();
    other = http_server_start();
    rig.port = http_server_port(server);
    rig.other_port = http_server_port(other);
}

static void stop(void)
{
    caller_rig_free(&rig);
    http_server_stop(server);
    http_server_stop(other);
}

static void run(const char *hooks, const char *hook)
{
    caller_rig_begin(&rig, hooks);
    caller_rig_run(&rig, hook, RECORD, &result);
}

static void assert_ended(enum protocol_ending ending, int status, const char *error)
{
    ck_assert_msg(result.ending == ending && result.http_status == status, "%d, HTTP %d: %s",
                  (int)result.ending, result.http_status, result.error ? result.error : "-");
    if (error) {
        ck_assert_ptr_nonnull(result.error);
        ck_assert_str_eq(result.error, error);
    } else {
        ck_assert_ptr_null(result.error);
    }
    ck_assert_int_eq(result.exit_code, -1);
    ck_assert_int_eq(result.signal, 0);
}

static void assert_output(const char *expected)
{
    ck_assert_uint_eq(result.standard_output.head_length + result.standard_output.tail_length,
                      strlen(expected));
    ck_assert_mem_eq(result.standard_output.head, expected, result.standard_output.head_length);
    ck_assert_mem_eq(result.standard_output.tail, expected + result.standard_output.head_length,
                     result.standard_output.tail_length);
    ck_assert_uint_eq(result.standard_output.dropped, 0);
}

static void assert_header(const struct http_server_request *request, const char *name,
                          const char *expected)
{
    char value[256] = "";
    size_t count = http_server_header(request, name, value, sizeof value);

    ck_assert_msg(count == (expected ? 1 : 0), "%s is there %zu times", name, count);
    if (expected) {
        ck_assert_str_eq(value, expected);
    }
}

/* The only request that came. */
static const struct http_server_request *only_request(void)
{
    ck_assert_uint_eq(http_server_wait(server, 1), 1);
    return http_server_request(server, 0);
}

/* --- what is sent ----------------------------------------------------------------------------- */

START_TEST(a_hook_sends_what_its_templates_say)
{
    const struct http_server_request *request;

    run("[hook tell]\n"
        "http = POST http://127.0.0.1:PORT/v1/{context.name}/x?by={decided_by|no one}\n"
        "header = X-Request: {request_id}\n"
        "body = {\"text\": \"{action}: {status}\", \"count\": \"{context.count}\", \"key\": "
        "\"{job.key}\"}\n",
        "tell");
    assert_ended(ENDING_SUCCEEDED, 200, NULL);
    request = only_request();
    ck_assert_str_eq(request->method, "POST");
    ck_assert_str_eq(request->url, "/v1/A%20%26%20B%2FC/x?by=no%20one");
    ck_assert_str_eq(request->body,
                     "{\"text\":\"bulk_send: approved\",\"count\":500,\"key\":\"k-1\"}");
    assert_header(request, "X-Request", "req_1");
    assert_header(request, "Content-Type", "application/json");
    assert_header(request, "User-Agent", "assentd/" ASSENT_VERSION);
}
END_TEST

START_TEST(nothing_is_sent_that_nobody_asked_for)
{
    const struct http_server_request *request;

    run("[hook tell]\n"
        "http = POST http://127.0.0.1:PORT/\n",
        "tell");
    request = only_request();
    assert_header(request, "Content-Length", "0");
    assert_header(request, "Content-Type", NULL);
    assert_header(request, "Expect", NULL);
    assert_header(request, "Accept-Encoding", NULL);
    assert_header(request, "Authorization", NULL);
    assert_header(request, "Transfer-Encoding", NULL);
    assert_header(request, "Cookie", NULL);
}
END_TEST

START_TEST(a_large_body_is_sent_without_waiting_to_be_asked)
{
    char *big = calloc(1, LARGE + 1);
    struct buffer record = {0};
    const struct http_server_request *request;

    ck_assert_ptr_nonnull(big);
    memset(big, 'x', LARGE);
    ck_assert_int_eq(buffer_append_format(&record, "{\"context\":{\"big\":\"%s\"}}", big), 0);
    free(big);
    caller_rig_begin(&rig, "[hook tell]\n"
                           "http = POST http://127.0.0.1:PORT/\n"
                           "body = [\"{context.big}\"]\n");
    caller_rig_run(&rig, "tell", buffer_text(&record), &result);
    buffer_free(&record);
    assert_ended(ENDING_SUCCEEDED, 200, NULL);
    request = only_request();
    ck_assert_uint_eq(request->body_length, LARGE + 4);
    assert_header(request, "Expect", NULL);
}
END_TEST

START_TEST(a_body_that_is_no_json_is_sent_as_it_stands)
{
    const struct http_server_request *request;

    run("[hook tell]\n"
        "http = PUT http://127.0.0.1:PORT/\n"
        "body = it's {{ done \\n\n",
        "tell");
    request = only_request();
    ck_assert_str_eq(request->method, "PUT");
    ck_assert_str_eq(request->body, "it's {{ done \\n");
    assert_header(request, "Content-Type", "text/plain; charset=utf-8");
}
END_TEST

START_TEST(a_content_type_of_ones_own_is_the_only_one)
{
    run("[hook tell]\n"
        "http = POST http://127.0.0.1:PORT/\n"
        "header = content-type: application/vnd.api+json\n"
        "body = {}\n",
        "tell");
    assert_header(only_request(), "Content-Type", "application/vnd.api+json");
}
END_TEST

START_TEST(a_header_without_a_value_is_sent_all_the_same)
{
    run("[hook tell]\n"
        "http = POST http://127.0.0.1:PORT/\n"
        "header = X-Note: {context.empty}\n",
        "tell");
    assert_header(only_request(), "X-Note", "");
}
END_TEST

START_TEST(a_path_is_sent_as_it_is)
{
    run("[hook tell]\n"
        "http = GET http://127.0.0.1:PORT/a/../b//./c%2e?x=/../\n",
        "tell");
    ck_assert_str_eq(only_request()->url, "/a/../b//./c%2e?x=/../");
}
END_TEST

START_TEST(every_method_arrives_as_it_is_called)
{
    static const char *const methods[] = {"GET", "HEAD", "DELETE", "PUT", "PATCH", "PURGE"};

    caller_rig_begin(&rig, "[hook get]\nhttp = GET http://127.0.0.1:PORT/\n"
                           "[hook head]\nhttp = HEAD http://127.0.0.1:PORT/\n"
                           "[hook delete]\nhttp = DELETE http://127.0.0.1:PORT/\n"
                           "[hook put]\nhttp = PUT http://127.0.0.1:PORT/\nbody = {}\n"
                           "[hook patch]\nhttp = PATCH http://127.0.0.1:PORT/\nbody = {}\n"
                           "[hook purge]\nhttp = PURGE http://127.0.0.1:PORT/\n");
    http_server_script(server, &(struct http_server_script){.path = "/", .body = "answer"});
    caller_rig_run(&rig, "get", RECORD, &result);
    assert_output("answer");
    caller_rig_run(&rig, "head", RECORD, &result);
    assert_ended(ENDING_SUCCEEDED, 200, NULL);
    assert_output("");
    caller_rig_run(&rig, "delete", RECORD, &result);
    caller_rig_run(&rig, "put", RECORD, &result);
    caller_rig_run(&rig, "patch", RECORD, &result);
    caller_rig_run(&rig, "purge", RECORD, &result);
    for (size_t i = 0; i < sizeof methods / sizeof *methods; i++) {
        ck_assert_str_eq(http_server_request(server, i)->method, methods[i]);
    }
    ck_assert_str_eq(http_server_request(server, 3)->body, "{}");
    ck_assert_str_eq(http_server_request(server, 4)->body, "{}");
}
END_TEST

START_TEST(a_bearer_token_is_sent_once_and_never_logged)
{
    char *log;

    caller_rig_file(&rig, "token", "t0ken-of-the-hook\n");
    http_server_script(server,
                       &(struct http_server_script){.path = "/",
                                                    .status = 401,
                                                    .phrase = "Unauthorized",
                                                    .headers = "WWW-Authenticate: Bearer\r\n"});
    run("[hook tell]\n"
        "http = POST http://127.0.0.1:PORT/\n"
        "bearer_file = token\n",
        "tell");
    assert_ended(ENDING_FAILED, 401, "HTTP 401 Unauthorized, expected 200-299");
    assert_header(only_request(), "Authorization", "Bearer t0ken-of-the-hook");
    log = caller_rig_log(&rig);
    ck_assert_ptr_null(strstr(log, "t0ken"));
    free(log);
}
END_TEST

/* --- answers ---------------------------------------------------------------------------------- */

START_TEST(the_answer_is_kept)
{
    http_server_script(server, &(struct http_server_script){
                                   .path = "/", .status = 201, .body = "{\"made\": true}"});
    run("[hook tell]\nhttp = POST http://127.0.0.1:PORT/\n", "tell");
    assert_ended(ENDING_SUCCEEDED, 201, NULL);
    assert_output("{\"made\": true}");
    ck_assert_int_gt(result.started_at, 0);
    ck_assert_int_ge(result.ended_at, result.started_at);
}
END_TEST

START_TEST(another_status_than_expected_is_a_failure)
{
    http_server_script(
        server, &(struct http_server_script){
                    .path = "/", .status = 403, .phrase = "For\x1b[31mbidden", .body = "not you"});
    run("[hook tell]\nhttp = POST http://127.0.0.1:PORT/\nexpect = 200-204, 409\n", "tell");
    assert_ended(ENDING_FAILED, 403, "HTTP 403 For\\x1b[31mbidden, expected 200-204, 409");
    assert_output("not you");
}
END_TEST

START_TEST(what_is_expected_is_a_success_whatever_it_is)
{
    http_server_script(server, &(struct http_server_script){.path = "/", .status = 409});
    run("[hook tell]\nhttp = POST http://127.0.0.1:PORT/\nexpect = 200-204, 409\n", "tell");
    assert_ended(ENDING_SUCCEEDED, 409, NULL);
}
END_TEST

START_TEST(of_a_large_answer_head_and_tail_are_kept)
{
    http_server_script(server, &(struct http_server_script){
                                   .path = "/", .body = "0123456789abcdef", .repeat = 50000});
    run("[hook tell]\nhttp = GET http://127.0.0.1:PORT/\noutput_limit = 1K\n", "tell");
    assert_ended(ENDING_SUCCEEDED, 200, NULL);
    ck_assert_uint_eq(result.standard_output.head_length, 512);
    ck_assert_uint_eq(result.standard_output.tail_length, 512);
    ck_assert_mem_eq(result.standard_output.head, "0123456789abcdef", 16);
    ck_assert_uint_eq(result.standard_output.dropped, 800000 - 1024);
}
END_TEST

START_TEST(an_endless_answer_is_not_read_to_its_end)
{
    static char piece[(1 << 20) + 1];

    memset(piece, 'x', sizeof piece - 1);
    http_server_script(server,
                       &(struct http_server_script){.path = "/", .body = piece, .repeat = 4096});
    run("[hook tell]\nhttp = GET http://127.0.0.1:PORT/\noutput_limit = 1K\n", "tell");
    assert_ended(ENDING_SUCCEEDED, 200, NULL);
    ck_assert_uint_ge(result.standard_output.dropped, 1u << 20);
    ck_assert_uint_lt(result.standard_output.dropped, 2u << 20);
    ck_assert_uint_gt(result.standard_error.head_length, 0);
    ck_assert_ptr_nonnull(memmem(result.standard_error.head, result.standard_error.head_length,
                                 "not read to its end", 19));
}
END_TEST

/* --- redirects -------------------------------------------------------------------------------- */

static void redirect(int status, const char *path, const char *location)
{
    char header[256];

    (void)snprintf(header, sizeof header, "Location: %s\r\n", location);
    http_server_script(server, &(struct http_server_script){.path = path,
                                                            .status = status,
                                                            .phrase = "Elsewhere",
                                                            .headers = header,
                                                            .body = "moved"});
}

START_TEST(a_redirect_is_not_followed_by_itself)
{
    redirect(302, "/", "/there");
    run("[hook tell]\nhttp = GET http://127.0.0.1:PORT/\n", "tell");
    assert_ended(ENDING_FAILED, 302, "HTTP 302 Elsewhere, expected 200-299");
    assert_output("moved");
    ck_assert_str_eq(only_request()->url, "/");
}
END_TEST

START_TEST(redirects_are_followed_as_far_as_allowed)
{
    redirect(302, "/", "/one");
    redirect(302, "/one", "/two");
    http_server_script(server, &(struct http_server_script){.path = "/two", .body = "here"});
    caller_rig_begin(&rig, "[hook twice]\nhttp = GET http://127.0.0.1:PORT/\nredirects = 2\n"
                           "[hook once]\nhttp = GET http://127.0.0.1:PORT/\nredirects = 1\n");
    caller_rig_run(&rig, "twice", RECORD, &result);
    assert_ended(ENDING_SUCCEEDED, 200, NULL);
    assert_output("here");
    caller_rig_run(&rig, "once", RECORD, &result);
    assert_ended(ENDING_FAILED, 302, "HTTP 302 Elsewhere, expected 200-299");
    ck_assert_uint_eq(http_server_wait(server, 5), 5);
}
END_TEST

START_TEST(a_method_is_redirected_with_its_body)
{
    redirect(307, "/kept", "/there");
    redirect(302, "/found", "/there");
    caller_rig_begin(&rig, "[hook kept]\nhttp = POST http://127.0.0.1:PORT/kept\n"
                           "body = {\"a\":1}\nredirects = 1\n"
                           "[hook found]\nhttp = PUT http://127.0.0.1:PORT/found\n"
                           "body = {\"a\":1}\nredirects = 1\n");
    caller_rig_run(&rig, "kept", RECORD, &result);
    assert_ended(ENDING_SUCCEEDED, 200, NULL);
    caller_rig_run(&rig, "found", RECORD, &result);
    assert_ended(ENDING_SUCCEEDED, 200, NULL);
    ck_assert_str_eq(http_server_request(server, 1)->method, "POST");
    ck_assert_str_eq(http_server_request(server, 1)->body, "{\"a\":1}");
    ck_assert_str_eq(http_server_request(server, 3)->method, "PUT");
    ck_assert_str_eq(http_server_request(server, 3)->body, "{\"a\":1}");
}
END_TEST

START_TEST(see_other_is_looked_at_with_get)
{
    redirect(303, "/", "/there");
    caller_rig_begin(&rig, "[hook put]\nhttp = PUT http://127.0.0.1:PORT/\nbody = {}\n"
                           "redirects = 1\n"
                           "[hook post]\nhttp = POST http://127.0.0.1:PORT/\nbody = {}\n"
                           "redirects = 1\n"
                           "[hook delete]\nhttp = DELETE http://127.0.0.1:PORT/\nredirects = 1\n");
    caller_rig_run(&rig, "put", RECORD, &result);
    assert_ended(ENDING_SUCCEEDED, 200, NULL);
    caller_rig_run(&rig, "post", RECORD, &result);
    caller_rig_run(&rig, "delete", RECORD, &result);
    assert_ended(ENDING_SUCCEEDED, 200, NULL);
    for (size_t i = 1; i < 6; i += 2) {
        ck_assert_str_eq(http_server_request(server, i)->url, "/there");
        ck_assert_str_eq(http_server_request(server, i)->method, "GET");
        ck_assert_uint_eq(http_server_request(server, i)->body_length, 0);
    }
}
END_TEST

START_TEST(a_bearer_token_goes_to_its_own_server_only)
{
    char location[64];

    (void)snprintf(location, sizeof location, "http://127.0.0.1:%d/", rig.other_port);
    redirect(307, "/elsewhere", location);
    redirect(307, "/here", "/there");
    caller_rig_file(&rig, "token", "t0ken");
    caller_rig_begin(&rig, "[hook elsewhere]\nhttp = POST http://127.0.0.1:PORT/elsewhere\n"
                           "bearer_file = token\nredirects = 1\n"
                           "[hook here]\nhttp = POST http://127.0.0.1:PORT/here\n"
                           "bearer_file = token\nredirects = 1\n");
    caller_rig_run(&rig, "here", RECORD, &result);
    assert_ended(ENDING_SUCCEEDED, 200, NULL);
    assert_header(http_server_request(server, 1), "Authorization", "Bearer t0ken");
    caller_rig_run(&rig, "elsewhere", RECORD, &result);
    assert_ended(ENDING_SUCCEEDED, 200, NULL);
    ck_assert_uint_eq(http_server_wait(other, 1), 1);
    assert_header(http_server_request(other, 0), "Authorization", NULL);
}
END_TEST

static Suite *suite(void)
{
    Suite *caller = suite_create("caller: calls");
    TCase *sending = suite_case(caller, "sending", start, stop);
    TCase *answers = suite_case(caller, "answers", start, stop);
    TCase *redirects = suite_case(caller, "redirects", start, stop);

    tcase_add_test(sending, a_hook_sends_what_its_templates_say);
    tcase_add_test(sending, nothing_is_sent_that_nobody_asked_for);
    tcase_add_test(sending, a_large_body_is_sent_without_waiting_to_be_asked);
    tcase_add_test(sending, a_body_that_is_no_json_is_sent_as_it_stands);
    tcase_add_test(sending, a_content_type_of_ones_own_is_the_only_one);
    tcase_add_test(sending, a_header_without_a_value_is_sent_all_the_same);
    tcase_add_test(sending, a_path_is_sent_as_it_is);
    tcase_add_test(sending, every_method_arrives_as_it_is_called);
    tcase_add_test(sending, a_bearer_token_is_sent_once_and_never_logged);

    tcase_add_test(answers, the_answer_is_kept);
    tcase_add_test(answers, another_status_than_expected_is_a_failure);
    tcase_add_test(answers, what_is_expected_is_a_success_whatever_it_is);
    tcase_add_test(answers, of_a_large_answer_head_and_tail_are_kept);
    tcase_add_test(answers, an_endless_answer_is_not_read_to_its_end);

    tcase_add_test(redirects, a_redirect_is_not_followed_by_itself);
    tcase_add_test(redirects, redirects_are_followed_as_far_as_allowed);
    tcase_add_test(redirects, a_method_is_redirected_with_its_body);
    tcase_add_test(redirects, see_other_is_looked_at_with_get);
    tcase_add_test(redirects, a_bearer_token_goes_to_its_own_server_only);
    return caller;
}

int main(void)
{
    return suite_run(suite());
}
