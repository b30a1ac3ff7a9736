/*
 * Answers that stream, as the gate passes them on: a piece at a time, each asked for when the one before
 * was taken.
 */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "integration/gate_rig.h"
#include "support/suite.h"

#define ASK "GET /v1/stream HTTP/1.0\r\nHost: x\r\n\r\n"

static const char *const services[] = {HOOK, NULL};
static struct rig rig;

static void start(void)
{
    rig_start(&rig, ROLE_GATE_CONTROL, services);
}

static void stop(void)
{
    rig_stop(&rig);
}

static void say_stream(const uint64_t *ids, size_t count, const char *text)
{
    struct buffer payload = {0};

    ck_assert_int_eq(protocol_encode_stream(&payload, text, strlen(text), ids, count), 0);
    core_say(&rig, FRAME_STREAM, &payload);
    buffer_free(&payload);
}

static void begin_stream_of(uint64_t id, uint64_t length, const char *body)
{
    const struct protocol_response response = {
        .id = id,
        .status = 200,
        .type = "text/event-stream",
        .streams = true,
        .stream_length = length,
        .body = body,
        .body_length = strlen(body),
    };

    core_answer(&rig, &response);
}

static void begin_stream(uint64_t id, const char *body)
{
    begin_stream_of(id, 0, body);
}

/* What the gate says next. */
static uint64_t expect_said(enum protocol_frame type)
{
    struct core_frame frame;

    core_receive(&rig, &frame);
    ck_assert_int_eq(frame.type, type);
    core_frame_free(&frame);
    return frame.gone;
}

/* A client whose stream has begun, and who wants its first piece. */
static uint64_t open_stream(struct client *client)
{
    struct reply reply;

    client_open_unix(&rig, client);
    client_send(client, ASK);
    uint64_t id = core_receive_id(&rig);

    begin_stream(id, "");
    ck_assert_uint_eq(expect_said(FRAME_TAKEN), id);
    client_receive_head(client, &reply);
    ck_assert_int_eq(reply.status, 200);
    ck_assert_str_eq(reply_header(&reply, "Content-Type"), "text/event-stream");
    return id;
}

START_TEST(each_piece_is_asked_for_when_the_one_before_was_taken)
{
    struct client client;
    uint64_t id = open_stream(&client);

    for (int i = 0; i < 20; i++) {
        say_stream(&id, 1, "a piece\n");
        ck_assert_uint_eq(expect_said(FRAME_TAKEN), id);
        client_expect_text(&client, "a piece\n");
    }
    say_stream(&id, 1, "");
    client_expect_end(&client);
    ck_assert_uint_eq(expect_said(FRAME_GONE), id);
    client_close(&client);
}
END_TEST

START_TEST(what_the_beginning_brings_comes_first)
{
    struct client client;
    struct reply reply;

    client_open_unix(&rig, &client);
    client_send(&client, ASK);
    uint64_t id = core_receive_id(&rig);

    begin_stream(id, "first\n");
    client_receive_head(&client, &reply);
    client_expect_text(&client, "first\n");
    ck_assert_uint_eq(expect_said(FRAME_TAKEN), id);
    client_close(&client);
    ck_assert_uint_eq(expect_said(FRAME_GONE), id);
}
END_TEST

START_TEST(a_piece_for_several_comes_to_each_and_one_that_left_is_told)
{
    struct client clients[3];
    uint64_t ids[3];

    for (int i = 0; i < 3; i++) {
        ids[i] = open_stream(&clients[i]);
    }
    client_close(&clients[1]);
    ck_assert_uint_eq(expect_said(FRAME_GONE), ids[1]);
    say_stream(ids, 3, "to all\n");
    client_expect_text(&clients[0], "to all\n");
    client_expect_text(&clients[2], "to all\n");
    uint64_t first = expect_said(FRAME_TAKEN);
    uint64_t second = expect_said(FRAME_TAKEN);

    ck_assert(first != second && first != ids[1] && second != ids[1]);
    client_close(&clients[0]);
    client_close(&clients[2]);
}
END_TEST

START_TEST(streams_end_when_core_goes)
{
    struct client client;

    (void)open_stream(&client);
    rig_end_core(&rig);
    client_expect_end(&client);
    client_close(&client);
    rig_new_core(&rig);
}
END_TEST

START_TEST(a_stop_asks_core_to_end_them_and_ends_those_that_it_does_not)
{
    struct client ended;
    struct client forgotten;
    uint64_t id = open_stream(&ended);

    (void)open_stream(&forgotten);
    rig_order_stop(&rig);
    (void)expect_said(FRAME_DRAIN);
    say_stream(&id, 1, "");
    client_expect_end(&ended);
    client_expect_end(&forgotten);
    ck_assert_int_eq(rig_wait(&rig), 0);
    client_close(&ended);
    client_close(&forgotten);
}
END_TEST

/* A client that is told how much comes: 12 bytes. */
static uint64_t open_known_stream(struct client *client)
{
    struct reply reply;

    client_open_unix(&rig, client);
    client_send(client, "GET /v1/backup HTTP/1.1\r\nHost: x\r\n\r\n");
    uint64_t id = core_receive_id(&rig);

    begin_stream_of(id, 12, "");
    ck_assert_uint_eq(expect_said(FRAME_TAKEN), id);
    client_receive_head(client, &reply);
    ck_assert_int_eq(reply.status, 200);
    ck_assert_str_eq(reply_header(&reply, "Content-Length"), "12");
    ck_assert_ptr_null(reply_header(&reply, "Transfer-Encoding"));
    return id;
}

START_TEST(one_whose_length_is_known_says_it_and_ends_with_its_last_byte)
{
    struct client client;
    uint64_t id = open_known_stream(&client);

    say_stream(&id, 1, "first,");
    ck_assert_uint_eq(expect_said(FRAME_TAKEN), id);
    client_expect_text(&client, "first,");
    say_stream(&id, 1, "second");
    client_expect_text(&client, "second");
    client_expect_end(&client);
    ck_assert_uint_eq(expect_said(FRAME_GONE), id);
    client_close(&client);
}
END_TEST

START_TEST(one_that_ends_before_its_length_is_cut_off)
{
    struct client client;
    uint64_t id = open_known_stream(&client);

    say_stream(&id, 1, "first,");
    ck_assert_uint_eq(expect_said(FRAME_TAKEN), id);
    say_stream(&id, 1, "");
    client_expect_text(&client, "first,");
    client_expect_end(&client);
    ck_assert_uint_eq(expect_said(FRAME_GONE), id);
    client_close(&client);
}
END_TEST

static void start_public(void)
{
    rig_start(&rig, ROLE_GATE_PUBLIC, services);
}

START_TEST(the_public_gate_knows_no_streams)
{
    struct client client;
    uint64_t id;

    client_open(&rig, &client);
    client_post(&client, HOOK, "{}");
    id = core_receive_id(&rig);
    if (_i == 0) {
        begin_stream(id, "");
    } else {
        say_stream(&id, 1, "a piece\n");
    }
    ck_assert_int_eq(client_status(&client), 503);
    client_close(&client);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("gate stream");
    TCase *tests = suite_case(suite, "streams", start, stop);
    TCase *ends = suite_case(suite, "the end", start, NULL);
    TCase *webhooks = suite_case(suite, "the public gate", start_public, stop);

    tcase_add_test(tests, each_piece_is_asked_for_when_the_one_before_was_taken);
    tcase_add_test(tests, what_the_beginning_brings_comes_first);
    tcase_add_test(tests, a_piece_for_several_comes_to_each_and_one_that_left_is_told);
    tcase_add_test(tests, one_whose_length_is_known_says_it_and_ends_with_its_last_byte);
    tcase_add_test(tests, one_that_ends_before_its_length_is_cut_off);
    tcase_add_test(tests, streams_end_when_core_goes);
    tcase_add_test(ends, a_stop_asks_core_to_end_them_and_ends_those_that_it_does_not);
    tcase_add_loop_test(webhooks, the_public_gate_knows_no_streams, 0, 2);
    return suite_run(suite);
}
