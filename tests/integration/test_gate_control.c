/*
 * The control gate: everything goes to core, up to its size.
 */
#include <check.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "integration/gate_rig.h"
#include "support/suite.h"

static const char *const services[] = {HOOK, "/webhook/second", NULL};
static struct rig rig;

static void start(void)
{
    rig_start(&rig, ROLE_GATE_CONTROL, services);
}

static void stop(void)
{
    rig_stop(&rig);
}

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
    client_expect_error(&rig, "POST /v1/requests" HEAD "Content-Length: 2\r\n\r\n{}", 415,
                        "unsupported_media_type", NULL);
    client_expect_error(&rig,
                        "POST /v1/requests" HEAD "Content-Type: text/plain\r\n"
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
    client_expect_error(&rig, "POST /v1/requests" HEAD JSON_TYPE "Content-Length: 17825793\r\n\r\n",
                        413, "body_too_large", NULL);
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

int main(void)
{
    Suite *suite = suite_create("gate control");
    TCase *tests;

    tests = suite_case(suite, "the control gate", start, stop);
    tcase_add_test(tests, every_path_and_method_goes_to_core_as_it_was_sent);
    tcase_add_test(tests, a_call_needs_a_content_type_only_for_a_body);
    tcase_add_test(tests, a_context_of_16_mib_passes_both_ways);
    tcase_add_test(tests, a_core_that_does_not_keep_up_gets_no_more_than_64_mib);
    tcase_add_test(tests, more_may_wait_at_once_than_the_usual_limit_of_descriptors);
    return suite_run(suite);
}
