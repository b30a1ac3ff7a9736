/*
 * The public gate as a real process: the test is its supervisor, its core, and its clients.
 */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "integration/gate_rig.h"

#include "assent/gate/rules.h"
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

/* --- a request that goes to core -------------------------------------------------------------- */

START_TEST(a_webhook_reaches_core_whole_and_gets_its_answer)
{
    struct client client;
    struct core_frame frame;
    struct reply reply;

    client_open(&rig, &client);
    client_send(&client, "POST " HOOK "?a=%2f&b HTTP/1.1\r\nHost: example.com\r\n"
                         "Content-Type: Application/JSON; charset=utf-8\r\n"
                         "X-Daimon-Signature: sha256=AbC\r\nCookie: c=1\r\n"
                         "AUTHORIZATION: Bearer x\r\nContent-Length: 13\r\n\r\n{\"a\": \"b\\u00\"");
    core_receive(&rig, &frame);
    ck_assert_int_eq(frame.type, FRAME_REQUEST);
    ck_assert_str_eq(frame.request.method, "POST");
    ck_assert_str_eq(frame.request.path, HOOK);
    ck_assert_str_eq(frame.request.query, "a=%2f&b");
    ck_assert_str_eq(frame.request.peer, "127.0.0.1");
    ck_assert_uint_eq(frame.request.body_length, 13);
    ck_assert_mem_eq(frame.request.body, "{\"a\": \"b\\u00\"", 13);
    ck_assert_str_eq(protocol_request_header(&frame.request, "x-daimon-signature"), "sha256=AbC");
    ck_assert_str_eq(protocol_request_header(&frame.request, "host"), "example.com");
    ck_assert_ptr_null(protocol_request_header(&frame.request, "cookie"));
    ck_assert_ptr_null(protocol_request_header(&frame.request, "authorization"));
    ck_assert_uint_eq(frame.request.header_count, 4);

    core_answer_text(&rig, frame.request.id, 200, "{\"result\":{\"outcome\":\"matched\"}}");
    client_receive(&client, &reply);
    ck_assert_int_eq(reply.status, 200);
    ck_assert_str_eq(reply.body, "{\"result\":{\"outcome\":\"matched\"}}");
    ck_assert_str_eq(reply_header(&reply, "Content-Type"), "application/json");
    ck_assert_str_eq(reply_header(&reply, "Cache-Control"), "no-store");
    ck_assert_ptr_null(reply_header(&reply, "Retry-After"));
    ck_assert_ptr_null(reply_header(&reply, "Allow"));
    reply_free(&reply);
    core_frame_free(&frame);
    client_close(&client);
}
END_TEST

START_TEST(core_says_status_retry_after_and_allow_and_errors_close)
{
    struct protocol_response response = {
        .status = 503, .retry_after = 7, .allow = "GET, PUT", .body = "{}", .body_length = 2};
    struct client client;
    struct reply reply;

    client_open(&rig, &client);
    client_post(&client, HOOK, "{}");
    response.id = core_receive_id(&rig);
    core_answer(&rig, &response);
    client_receive(&client, &reply);
    ck_assert_int_eq(reply.status, 503);
    ck_assert_str_eq(reply_header(&reply, "Retry-After"), "7");
    ck_assert_str_eq(reply_header(&reply, "Allow"), "GET, PUT");
    ck_assert_str_eq(reply_header(&reply, "Connection"), "close");
    client_expect_end(&client);
    reply_free(&reply);
    client_close(&client);
}
END_TEST

START_TEST(a_connection_carries_one_request_after_another)
{
    struct client client;
    uint64_t last = 0;

    client_open(&rig, &client);
    for (int i = 0; i < 5; i++) {
        client_post(&client, HOOK, "{}");
        uint64_t id = core_receive_id(&rig);

        ck_assert_uint_ne(id, last);
        last = id;
        core_answer_text(&rig, id, 200, "{}");
        ck_assert_int_eq(client_status(&client), 200);
    }
    client_close(&client);
}
END_TEST

START_TEST(pipelined_requests_are_answered_in_their_order)
{
    struct client client;
    struct reply reply;

    client_open(&rig, &client);
    client_post(&client, HOOK, "1");
    client_post(&client, HOOK, "2");
    client_post(&client, HOOK, "3");
    for (int i = 1; i <= 3; i++) {
        char body[16];
        struct core_frame frame;

        snprintf(body, sizeof body, "%d", i);
        core_receive(&rig, &frame);
        ck_assert_mem_eq(frame.request.body, body, 1);
        core_answer_text(&rig, frame.request.id, 200, body);
        core_frame_free(&frame);
    }
    for (int i = 1; i <= 3; i++) {
        client_receive(&client, &reply);
        ck_assert_int_eq(reply.body[0], '0' + i);
        reply_free(&reply);
    }
    client_close(&client);
}
END_TEST

START_TEST(http_1_0_is_answered_and_closed)
{
    struct client client;

    client_open(&rig, &client);
    client_send(&client, "POST " HOOK " HTTP/1.0\r\nContent-Type: application/json\r\n"
                         "Content-Length: 2\r\n\r\n{}");
    core_answer_text(&rig, core_receive_id(&rig), 200, "{}");
    ck_assert_int_eq(client_status(&client), 200);
    client_expect_end(&client);
    client_close(&client);
}
END_TEST

START_TEST(head_is_get_without_the_body)
{
    struct client client;
    struct core_frame frame;
    struct reply reply;

    client_open(&rig, &client);
    client_send(&client, "HEAD /healthz HTTP/1.1\r\nHost: x\r\n\r\n");
    core_receive(&rig, &frame);
    ck_assert_str_eq(frame.request.method, "GET");
    core_answer_text(&rig, frame.request.id, 200, "{\"result\":{}}");
    client_receive_head(&client, &reply);
    ck_assert_int_eq(reply.status, 200);
    ck_assert_str_eq(reply_header(&reply, "Content-Length"), "13");
    core_frame_free(&frame);

    client_send(&client, "GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n");
    core_answer_text(&rig, core_receive_id(&rig), 200, "{}");
    ck_assert_int_eq(client_status(&client), 200);
    client_close(&client);
}
END_TEST

START_TEST(a_chunked_body_arrives_in_one_piece)
{
    struct client client;
    struct core_frame frame;

    client_open(&rig, &client);
    client_send(&client, "POST " HOOK " HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
                         "Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n5\r\ndefgh\r\n0\r\n\r\n");
    core_receive(&rig, &frame);
    ck_assert_uint_eq(frame.request.body_length, 8);
    ck_assert_mem_eq(frame.request.body, "abcdefgh", 8);
    core_answer_text(&rig, frame.request.id, 200, "{}");
    ck_assert_int_eq(client_status(&client), 200);
    core_frame_free(&frame);
    client_close(&client);
}
END_TEST

START_TEST(who_waits_for_100_continue_gets_it)
{
    struct client client;
    struct reply reply;

    client_open(&rig, &client);
    client_send(&client, "POST " HOOK " HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
                         "Expect: 100-continue\r\nContent-Length: 2\r\n\r\n");
    client_receive_head(&client, &reply);
    ck_assert_int_eq(reply.status, 100);
    client_send(&client, "{}");
    core_answer_text(&rig, core_receive_id(&rig), 200, "{}");
    ck_assert_int_eq(client_status(&client), 200);
    client_close(&client);
}
END_TEST

START_TEST(sixty_four_at_once_get_each_its_own_answer_in_any_order)
{
    enum { COUNT = 64 };
    struct client clients[COUNT];
    uint64_t ids[COUNT];
    char body[16];

    for (int i = 0; i < COUNT; i++) {
        snprintf(body, sizeof body, "%d", i);
        client_open(&rig, &clients[i]);
        client_post(&clients[i], HOOK, body);
    }
    for (int i = 0; i < COUNT; i++) {
        struct core_frame frame;

        core_receive(&rig, &frame);
        memcpy(body, frame.request.body, frame.request.body_length);
        body[frame.request.body_length] = '\0';
        ids[atoi(body)] = frame.request.id;
        core_frame_free(&frame);
    }
    for (int i = 0; i < COUNT; i++) {
        int which = (i * 37 + 11) % COUNT;

        snprintf(body, sizeof body, "%d", which);
        core_answer_text(&rig, ids[which], 200, body);
    }
    for (int i = 0; i < COUNT; i++) {
        struct reply reply;

        snprintf(body, sizeof body, "%d", i);
        client_receive(&clients[i], &reply);
        ck_assert_str_eq(reply.body, body);
        reply_free(&reply);
        client_close(&clients[i]);
    }
}
END_TEST

/* --- what the gate answers itself ------------------------------------------------------------- */

START_TEST(an_unknown_path_is_404)
{
    client_expect_error(&rig, "POST /" HEAD JSON_TYPE EMPTY, 404, "not_found", NULL);
    client_expect_error(&rig, "POST /webhook/approval/" HEAD JSON_TYPE EMPTY, 404, "not_found",
                        NULL);
    client_expect_error(&rig, "GET /readyz" HEAD "\r\n", 404, "not_found", NULL);
}
END_TEST

START_TEST(another_method_is_405_and_told_which)
{
    client_expect_error(&rig, "GET " HOOK HEAD "\r\n", 405, "method_not_allowed", "POST");
    client_expect_error(&rig, "PUT " HOOK HEAD JSON_TYPE EMPTY, 405, "method_not_allowed", "POST");
    client_expect_error(&rig, "post " HOOK HEAD JSON_TYPE EMPTY, 405, "method_not_allowed", "POST");
    client_expect_error(&rig, "POST /healthz" HEAD JSON_TYPE EMPTY, 405, "method_not_allowed",
                        "GET, HEAD");
}
END_TEST

START_TEST(another_content_type_than_json_is_415)
{
    client_expect_error(&rig, "POST " HOOK HEAD EMPTY, 415, "unsupported_media_type", NULL);
    client_expect_error(&rig, "POST " HOOK HEAD "Content-Type: text/plain\r\n" EMPTY, 415,
                        "unsupported_media_type", NULL);
    client_expect_error(&rig, "POST " HOOK HEAD "Content-Type: application/jsonp\r\n" EMPTY, 415,
                        "unsupported_media_type", NULL);
}
END_TEST

START_TEST(checks_come_in_their_order)
{
    client_expect_error(&rig, "PUT /unknown" HEAD "Content-Length: 9999999\r\n\r\n", 404,
                        "not_found", NULL);
    client_expect_error(&rig, "PUT " HOOK HEAD "Content-Length: 9999999\r\n\r\n", 405,
                        "method_not_allowed", "POST");
    client_expect_error(&rig, "POST " HOOK HEAD "Content-Length: 9999999\r\n\r\n", 413,
                        "body_too_large", NULL);
}
END_TEST

START_TEST(a_body_that_says_it_is_too_large_is_refused_unread)
{
    client_expect_error(&rig, "POST " HOOK HEAD JSON_TYPE "Content-Length: 4097\r\n\r\n", 413,
                        "body_too_large", NULL);
    client_expect_error(
        &rig, "POST " HOOK HEAD JSON_TYPE "Expect: 100-continue\r\nContent-Length: 4097\r\n\r\n",
        413, "body_too_large", NULL);
}
END_TEST

START_TEST(a_body_of_just_the_limit_is_taken)
{
    struct client client;
    struct core_frame frame;
    char *body = filled(RIG_MAX_BODY);

    client_open(&rig, &client);
    client_post(&client, HOOK, body);
    core_receive(&rig, &frame);
    ck_assert_uint_eq(frame.request.body_length, RIG_MAX_BODY);
    core_answer_text(&rig, frame.request.id, 200, "{}");
    ck_assert_int_eq(client_status(&client), 200);
    core_frame_free(&frame);
    client_close(&client);
    free(body);
}
END_TEST

START_TEST(a_body_that_grows_too_large_is_refused)
{
    char *text = filled(RIG_MAX_BODY);
    struct buffer request = {0};

    ck_assert_int_eq(buffer_append_format(&request,
                                          "POST " HOOK HEAD JSON_TYPE
                                          "Transfer-Encoding: chunked\r\n\r\n%x\r\n%s\r\n"
                                          "1\r\nx\r\n0\r\n\r\n",
                                          RIG_MAX_BODY, text),
                     0);
    client_expect_error(&rig, buffer_text(&request), 413, "body_too_large", NULL);
    buffer_free(&request);
    free(text);
}
END_TEST

/* Most clients write all of a request before they read. */
START_TEST(a_client_that_writes_all_of_its_large_body_still_reads_the_refusal)
{
    char *body = filled(300000);

    for (int i = 0; i < 20; i++) {
        struct client client;

        client_open(&rig, &client);
        client_post(&client, HOOK, body);
        ck_assert_int_eq(client_status(&client), 413);
        client_close(&client);
    }
    free(body);
}
END_TEST

START_TEST(headers_of_16_kib_are_taken_and_larger_ones_are_431)
{
    char *text = filled(16000);
    struct client client;
    struct buffer request = {0};

    ck_assert_int_eq(buffer_append_format(&request, "GET /healthz" HEAD "X-Long: %s\r\n\r\n", text),
                     0);
    client_open(&rig, &client);
    client_send(&client, buffer_text(&request));
    core_answer_text(&rig, core_receive_id(&rig), 200, "{}");
    ck_assert_int_eq(client_status(&client), 200);
    client_close(&client);

    request.length = 0;
    ck_assert_int_eq(buffer_append_format(&request, "GET /healthz" HEAD "X-Long: %sxxx%.*s\r\n\r\n",
                                          text, 400, text),
                     0);
    client_expect_error(&rig, buffer_text(&request), 431, "headers_too_large", NULL);

    free(text);
    text = filled(100000);
    request.length = 0;
    ck_assert_int_eq(buffer_append_format(&request, "GET /healthz" HEAD "X-Long: %s\r\n\r\n", text),
                     0);
    client_open(&rig, &client);
    client_send(&client, buffer_text(&request));
    ck_assert_int_eq(client_status(&client), 431);
    client_close(&client);
    buffer_free(&request);
    free(text);
}
END_TEST

START_TEST(more_headers_than_a_frame_holds_are_431)
{
    struct buffer request = {0};

    ck_assert_int_eq(buffer_append_text(&request, "GET /healthz" HEAD), 0);
    for (int i = 0; i < PROTOCOL_HEADER_COUNT; i++) {
        ck_assert_int_eq(buffer_append_format(&request, "X-%d: y\r\n", i), 0);
    }
    ck_assert_int_eq(buffer_append_text(&request, "\r\n"), 0);
    client_expect_error(&rig, buffer_text(&request), 431, "headers_too_large", NULL);
    buffer_free(&request);
}
END_TEST

START_TEST(the_largest_head_of_all_passes_with_its_body)
{
    char *text = filled(RIG_MAX_BODY);
    struct buffer request = {0};
    struct core_frame frame;
    struct client client;

    ck_assert_int_eq(buffer_append_format(&request,
                                          "POST " HOOK HEAD JSON_TYPE "Content-Length: %d\r\n",
                                          RIG_MAX_BODY),
                     0);
    for (int i = 3; i < PROTOCOL_HEADER_COUNT; i++) {
        ck_assert_int_eq(buffer_append_format(&request, "X-%03d: %.*s\r\n", i, 120, text), 0);
    }
    ck_assert_uint_gt(request.length, RULES_HEAD_LIMIT - 200);
    ck_assert_int_eq(buffer_append_format(&request, "\r\n%s", text), 0);
    client_open(&rig, &client);
    client_send(&client, buffer_text(&request));
    core_receive(&rig, &frame);
    ck_assert_uint_eq(frame.request.header_count, PROTOCOL_HEADER_COUNT);
    core_answer_text(&rig, frame.request.id, 200, "{}");
    ck_assert_int_eq(client_status(&client), 200);
    core_frame_free(&frame);
    client_close(&client);
    buffer_free(&request);
    free(text);
}
END_TEST

/* ---------------------------------------------------------------------------------------------- */

int main(void)
{
    Suite *suite = suite_create("gate");
    TCase *tests;

    tests = suite_case(suite, "a request that goes to core", start, stop);
    tcase_add_test(tests, a_webhook_reaches_core_whole_and_gets_its_answer);
    tcase_add_test(tests, core_says_status_retry_after_and_allow_and_errors_close);
    tcase_add_test(tests, a_connection_carries_one_request_after_another);
    tcase_add_test(tests, pipelined_requests_are_answered_in_their_order);
    tcase_add_test(tests, http_1_0_is_answered_and_closed);
    tcase_add_test(tests, head_is_get_without_the_body);
    tcase_add_test(tests, a_chunked_body_arrives_in_one_piece);
    tcase_add_test(tests, who_waits_for_100_continue_gets_it);
    tcase_add_test(tests, sixty_four_at_once_get_each_its_own_answer_in_any_order);

    tests = suite_case(suite, "what the gate answers itself", start, stop);
    tcase_add_test(tests, an_unknown_path_is_404);
    tcase_add_test(tests, another_method_is_405_and_told_which);
    tcase_add_test(tests, another_content_type_than_json_is_415);
    tcase_add_test(tests, checks_come_in_their_order);
    tcase_add_test(tests, a_body_that_says_it_is_too_large_is_refused_unread);
    tcase_add_test(tests, a_body_of_just_the_limit_is_taken);
    tcase_add_test(tests, a_body_that_grows_too_large_is_refused);
    tcase_add_test(tests, a_client_that_writes_all_of_its_large_body_still_reads_the_refusal);
    tcase_add_test(tests, headers_of_16_kib_are_taken_and_larger_ones_are_431);
    tcase_add_test(tests, more_headers_than_a_frame_holds_are_431);
    tcase_add_test(tests, the_largest_head_of_all_passes_with_its_body);
    return suite_run(suite);
}
