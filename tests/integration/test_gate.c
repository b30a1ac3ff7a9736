/* The gate alone, as a real process: the test is its supervisor, its core, and its clients. */
#include <check.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "integration/gate_rig.h"

#include "assent/base/clock.h"
#include "assent/gate/rules.h"

#define HOOK "/webhook/approval"

static const char *const services[] = {HOOK, "/webhook/second", NULL};
static struct rig rig;

static void start_public(void)
{
    rig_start(&rig, ROLE_GATE_PUBLIC, services);
}

static void start_control(void)
{
    rig_start(&rig, ROLE_GATE_CONTROL, services);
}

static void stop(void)
{
    rig_stop(&rig);
}

static char *filled(size_t length)
{
    char *text = malloc(length + 1);

    ck_assert_ptr_nonnull(text);
    memset(text, 'x', length);
    text[length] = '\0';
    return text;
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

/* Sends the text and expects this error, the connection's end, and the gate still at work. */
static void expect_error(const char *text, int status, const char *code, const char *allow)
{
    struct client client;
    struct reply reply;
    char start[64];

    client_open(&rig, &client);
    client_send(&client, text);
    client_receive(&client, &reply);
    ck_assert_msg(reply.status == status, "%d in place of %d for %s", reply.status, status, text);
    snprintf(start, sizeof start, "{\"error\":\"%s\",\"message\":\"", code);
    ck_assert_msg(strncmp(reply.body, start, strlen(start)) == 0, "body %s", reply.body);
    ck_assert_ptr_nonnull(strstr(reply.body, "\"next_steps\":[\""));
    ck_assert_str_eq(reply_header(&reply, "Content-Type"), "application/json");
    ck_assert_str_eq(reply_header(&reply, "Cache-Control"), "no-store");
    ck_assert_str_eq(reply_header(&reply, "Connection"), "close");
    if (allow) {
        ck_assert_str_eq(reply_header(&reply, "Allow"), allow);
    } else {
        ck_assert_ptr_null(reply_header(&reply, "Allow"));
    }
    client_expect_end(&client);
    reply_free(&reply);
    client_close(&client);
}

#define HEAD      " HTTP/1.1\r\nHost: x\r\n"
#define JSON_TYPE "Content-Type: application/json\r\n"
#define EMPTY     "Content-Length: 0\r\n\r\n"

START_TEST(an_unknown_path_is_404)
{
    expect_error("POST /" HEAD JSON_TYPE EMPTY, 404, "not_found", NULL);
    expect_error("POST /webhook/approval/" HEAD JSON_TYPE EMPTY, 404, "not_found", NULL);
    expect_error("POST /webhook/%61pproval" HEAD JSON_TYPE EMPTY, 404, "not_found", NULL);
    expect_error("GET /readyz" HEAD "\r\n", 404, "not_found", NULL);
}
END_TEST

START_TEST(another_method_is_405_and_told_which)
{
    expect_error("GET " HOOK HEAD "\r\n", 405, "method_not_allowed", "POST");
    expect_error("PUT " HOOK HEAD JSON_TYPE EMPTY, 405, "method_not_allowed", "POST");
    expect_error("post " HOOK HEAD JSON_TYPE EMPTY, 405, "method_not_allowed", "POST");
    expect_error("POST /healthz" HEAD JSON_TYPE EMPTY, 405, "method_not_allowed", "GET, HEAD");
}
END_TEST

START_TEST(another_content_type_than_json_is_415)
{
    expect_error("POST " HOOK HEAD EMPTY, 415, "unsupported_media_type", NULL);
    expect_error("POST " HOOK HEAD "Content-Type: text/plain\r\n" EMPTY, 415,
                 "unsupported_media_type", NULL);
    expect_error("POST " HOOK HEAD "Content-Type: application/jsonp\r\n" EMPTY, 415,
                 "unsupported_media_type", NULL);
}
END_TEST

START_TEST(checks_come_in_their_order)
{
    expect_error("PUT /unknown" HEAD "Content-Length: 9999999\r\n\r\n", 404, "not_found", NULL);
    expect_error("PUT " HOOK HEAD "Content-Length: 9999999\r\n\r\n", 405, "method_not_allowed",
                 "POST");
    expect_error("POST " HOOK HEAD "Content-Length: 9999999\r\n\r\n", 413, "body_too_large", NULL);
}
END_TEST

START_TEST(a_body_that_says_it_is_too_large_is_refused_unread)
{
    expect_error("POST " HOOK HEAD JSON_TYPE "Content-Length: 4097\r\n\r\n", 413, "body_too_large",
                 NULL);
    expect_error("POST " HOOK HEAD JSON_TYPE "Expect: 100-continue\r\nContent-Length: 4097\r\n\r\n",
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
    expect_error(buffer_text(&request), 413, "body_too_large", NULL);
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
    expect_error(buffer_text(&request), 431, "headers_too_large", NULL);

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
    expect_error(buffer_text(&request), 431, "headers_too_large", NULL);
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
    expect_error("POST " HOOK HEAD JSON_TYPE "Content-Length: 2\r\n\r\n{}", 503, "unavailable",
                 NULL);
    expect_error("GET /healthz" HEAD "\r\n", 503, "unavailable", NULL);
    expect_error("GET /other" HEAD "\r\n", 404, "not_found", NULL);

    rig_new_core(&rig);
    ck_assert_int_eq(rig_reload(&rig, services), 0);
    client_open(&rig, &client);
    client_post(&client, HOOK, "{}");
    core_answer_text(&rig, core_receive_id(&rig), 200, "{}");
    ck_assert_int_eq(client_status(&client), 200);
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
    client_post(&kept, HOOK, "{}");
    core_answer_text(&rig, core_receive_id(&rig), 200, "{}");
    ck_assert_int_eq(client_status(&kept), 200);

    ck_assert_int_eq(rig_reload(&rig, others), 0);
    client_post(&kept, "/elsewhere", "{}");
    core_answer_text(&rig, core_receive_id(&rig), 200, "{}");
    ck_assert_int_eq(client_status(&kept), 200);
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
    client_post(&client, HOOK, "{}");
    core_answer_text(&rig, core_receive_id(&rig), 200, "{}");
    ck_assert_int_eq(client_status(&client), 200);
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
    client_post(&used, HOOK, "{}");
    core_answer_text(&rig, core_receive_id(&rig), 200, "{}");
    ck_assert_int_eq(client_status(&used), 200);
    before = clock_monotonic_ms();
    rig_order_stop(&rig);
    client_expect_end(&used);
    client_expect_end(&idle);
    ck_assert_int_eq(rig_wait(&rig), 0);
    ck_assert_int_lt(clock_monotonic_ms() - before, 2000);
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
    ck_assert_int_lt(clock_monotonic_ms() - before, 4500);
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

/* --- the control gate ------------------------------------------------------------------------- */

START_TEST(every_path_and_method_goes_to_core_as_it_was_sent)
{
    static const char *const calls[][3] = {
        {"GET", "/v1/requests/a%3Ab%2F..", "state=x&cursor=%20"},
        {"DELETE", "/", ""},
        {"PATCH", "/nothing//here", "?"},
    };
    struct client client;

    client_open_unix(&rig, &client);
    for (size_t i = 0; i < sizeof calls / sizeof calls[0]; i++) {
        char text[256];
        char peer[64];
        struct core_frame frame;

        snprintf(text, sizeof text, "%s %s%s%s HTTP/1.1\r\nHost: x\r\nAuthorization: y\r\n\r\n",
                 calls[i][0], calls[i][1], calls[i][2][0] ? "?" : "", calls[i][2]);
        client_send(&client, text);
        core_receive(&rig, &frame);
        ck_assert_str_eq(frame.request.method, calls[i][0]);
        ck_assert_str_eq(frame.request.path, calls[i][1]);
        ck_assert_str_eq(frame.request.query, calls[i][2]);
        snprintf(peer, sizeof peer, "uid:%u", (unsigned)getuid());
        ck_assert_str_eq(frame.request.peer, peer);
        ck_assert_str_eq(protocol_request_header(&frame.request, "authorization"), "y");
        ck_assert_uint_eq(frame.request.body_length, 0);
        core_answer_text(&rig, frame.request.id, 200, "{}");
        core_frame_free(&frame);
        ck_assert_int_eq(client_status(&client), 200);
    }
    client_close(&client);
}
END_TEST

START_TEST(a_call_needs_a_content_type_only_for_a_body)
{
    struct client client;

    client_open(&rig, &client);
    client_send(&client, "POST /v1/jobs/1/retry" HEAD EMPTY);
    core_answer_text(&rig, core_receive_id(&rig), 200, "{}");
    ck_assert_int_eq(client_status(&client), 200);
    client_close(&client);
    expect_error("POST /v1/requests" HEAD "Content-Length: 2\r\n\r\n{}", 415,
                 "unsupported_media_type", NULL);
    expect_error("POST /v1/requests" HEAD "Content-Type: text/plain\r\n"
                 "Transfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n",
                 415, "unsupported_media_type", NULL);
}
END_TEST

START_TEST(a_context_of_16_mib_passes_both_ways)
{
    size_t length = (16u << 20) + 1000;
    char *body = filled(length);
    struct client client;
    struct core_frame frame;
    struct reply reply;

    client_open_unix(&rig, &client);
    client_post(&client, "/v1/requests", body);
    core_receive(&rig, &frame);
    ck_assert_uint_eq(frame.request.body_length, length);
    ck_assert_mem_eq(frame.request.body, body, length);
    core_answer_text(&rig, frame.request.id, 200, body);
    client_receive(&client, &reply);
    ck_assert_uint_eq(reply.body_length, length);
    reply_free(&reply);
    core_frame_free(&frame);
    client_close(&client);
    expect_error("POST /v1/requests" HEAD JSON_TYPE "Content-Length: 17825793\r\n\r\n", 413,
                 "body_too_large", NULL);
    free(body);
}
END_TEST

/* Core's end is not read: what it is sent piles up in the gate. */
START_TEST(a_core_that_does_not_keep_up_gets_no_more_than_64_mib)
{
    enum { COUNT = 5 };
    char *body = filled(15u << 20);
    struct client clients[COUNT];
    struct client client;
    int refused = 0;

    for (int i = 0; i < COUNT; i++) {
        client_open_unix(&rig, &clients[i]);
        client_post(&clients[i], "/v1/requests", body);
    }
    struct pollfd polls[COUNT];

    for (int i = 0; i < COUNT; i++) {
        polls[i] = (struct pollfd){.fd = clients[i].fd, .events = POLLIN};
    }
    ck_assert_int_eq(poll(polls, COUNT, RIG_PATIENCE_MS), 1);
    for (int i = 0; i < COUNT; i++) {
        if (polls[i].revents) {
            ck_assert_int_eq(client_status(&clients[i]), 503);
            refused++;
        }
    }
    ck_assert_int_eq(refused, 1);
    for (int i = 0; i < COUNT - 1; i++) {
        core_answer_text(&rig, core_receive_id(&rig), 200, "{}");
    }
    for (int i = 0; i < COUNT; i++) {
        if (!polls[i].revents) {
            ck_assert_int_eq(client_status(&clients[i]), 200);
        }
        client_close(&clients[i]);
    }
    client_open_unix(&rig, &client);
    client_post(&client, "/v1/requests", "{}");
    core_answer_text(&rig, core_receive_id(&rig), 200, "{}");
    ck_assert_int_eq(client_status(&client), 200);
    client_close(&client);
    free(body);
}
END_TEST

START_TEST(more_may_wait_at_once_than_the_usual_limit_of_descriptors)
{
    enum { COUNT = 400 }; /* and 64 descriptors at first */
    static struct client clients[COUNT];
    static uint64_t ids[COUNT];

    for (int i = 0; i < COUNT; i++) {
        client_open_unix(&rig, &clients[i]);
        client_send(&clients[i], "GET /v1/approvals/x?wait=55" HEAD "\r\n");
        ids[i] = core_receive_id(&rig);
    }
    for (int i = COUNT - 1; i >= 0; i--) {
        core_answer_text(&rig, ids[i], 200, "{}");
    }
    for (int i = 0; i < COUNT; i++) {
        ck_assert_int_eq(client_status(&clients[i]), 200);
        client_close(&clients[i]);
    }
}
END_TEST

/* ---------------------------------------------------------------------------------------------- */

static TCase *new_case(Suite *suite, const char *name, SFun setup, SFun teardown)
{
    TCase *tcase = tcase_create(name);

    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_set_timeout(tcase, 60);
    suite_add_tcase(suite, tcase);
    return tcase;
}

static void add_public(Suite *suite)
{
    TCase *tcase = new_case(suite, "to core", start_public, stop);

    tcase_add_test(tcase, a_webhook_reaches_core_whole_and_gets_its_answer);
    tcase_add_test(tcase, core_says_status_retry_after_and_allow_and_errors_close);
    tcase_add_test(tcase, a_connection_carries_one_request_after_another);
    tcase_add_test(tcase, pipelined_requests_are_answered_in_their_order);
    tcase_add_test(tcase, http_1_0_is_answered_and_closed);
    tcase_add_test(tcase, head_is_get_without_the_body);
    tcase_add_test(tcase, a_chunked_body_arrives_in_one_piece);
    tcase_add_test(tcase, who_waits_for_100_continue_gets_it);
    tcase_add_test(tcase, sixty_four_at_once_get_each_its_own_answer_in_any_order);

    tcase = new_case(suite, "answered by the gate", start_public, stop);
    tcase_add_test(tcase, an_unknown_path_is_404);
    tcase_add_test(tcase, another_method_is_405_and_told_which);
    tcase_add_test(tcase, another_content_type_than_json_is_415);
    tcase_add_test(tcase, checks_come_in_their_order);
    tcase_add_test(tcase, a_body_that_says_it_is_too_large_is_refused_unread);
    tcase_add_test(tcase, a_body_of_just_the_limit_is_taken);
    tcase_add_test(tcase, a_body_that_grows_too_large_is_refused);
    tcase_add_test(tcase, a_client_that_writes_all_of_its_large_body_still_reads_the_refusal);
    tcase_add_test(tcase, headers_of_16_kib_are_taken_and_larger_ones_are_431);
    tcase_add_test(tcase, the_largest_head_of_all_passes_with_its_body);
    tcase_add_test(tcase, more_headers_than_a_frame_holds_are_431);

    tcase = new_case(suite, "gone", start_public, stop);
    tcase_add_test(tcase, when_core_goes_all_who_wait_get_503_and_a_new_core_goes_on);
    tcase_add_test(tcase, what_core_said_before_it_went_is_still_delivered);
    tcase_add_test(tcase, core_is_told_that_a_client_left);
    tcase_add_test(tcase, a_frame_that_is_no_answer_ends_the_stream);

    tcase = new_case(suite, "reload", start_public, stop);
    tcase_add_test(tcase, a_reload_changes_paths_and_loses_no_connection);
    tcase_add_test(tcase, a_configuration_that_makes_no_sense_changes_nothing);

    tcase = new_case(suite, "the end", start_public, NULL);
    tcase_add_test(tcase, a_stop_waits_for_the_answers_in_flight);
    tcase_add_test(tcase, a_request_that_arrives_during_the_stop_is_answered_too);
    tcase_add_test(tcase, a_stop_does_not_wait_for_idle_connections);
    tcase_add_test(tcase, who_gets_no_answer_from_core_by_the_end_gets_503);
    tcase_add_test(tcase, a_stop_with_core_gone_ends_well);
    tcase_add_test(tcase, the_listening_socket_outlives_the_gate);
    tcase_add_test(tcase, a_gate_without_its_supervisor_ends_at_once);
}

static void add_control(Suite *suite)
{
    TCase *tcase = new_case(suite, "control", start_control, stop);

    tcase_add_test(tcase, every_path_and_method_goes_to_core_as_it_was_sent);
    tcase_add_test(tcase, a_call_needs_a_content_type_only_for_a_body);
    tcase_add_test(tcase, a_context_of_16_mib_passes_both_ways);
    tcase_add_test(tcase, a_core_that_does_not_keep_up_gets_no_more_than_64_mib);
    tcase_add_test(tcase, more_may_wait_at_once_than_the_usual_limit_of_descriptors);
}

int main(void)
{
    Suite *suite = suite_create("gate");

    add_public(suite);
    add_control(suite);
    SRunner *runner = srunner_create(suite);

    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);

    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
