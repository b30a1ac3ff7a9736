/*
 * HTTP beyond doubt: what a proxy in front might read in another way is refused, byte for byte.
 */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "integration/gate_rig.h"
#include "support/suite.h"

static const char *const services[] = {HOOK, NULL};
static struct rig rig;

static void start(void)
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

#define BODY "\r\n\r\n{}"
/* Right but for the piece. */
#define WITH(piece) "POST " HOOK " HTTP/1.1\r\nHost: x\r\n" JSON_TYPE piece "Content-Length: 2" BODY

/* One string of bytes, NULs included; where it ends with a second request, that one must never be
 * seen. */
struct bytes {
    const char *text;
    size_t length;
};

#define BYTES(literal)                 \
    {                                  \
        (literal), sizeof(literal) - 1 \
    }
#define COUNT(array) ((int)(sizeof(array) / sizeof((array)[0])))

/* Sends them, in pieces of `piece` bytes, and expects one answer with the status, then the end. */
static void expect_refused(const struct bytes *bytes, size_t piece, const char *error)
{
    struct client client;
    struct reply reply;

    client_open(&rig, &client);
    for (size_t at = 0; at < bytes->length; at += piece) {
        client_send_bytes(&client, bytes->text + at,
                          bytes->length - at < piece ? bytes->length - at : piece);
    }
    client_receive(&client, &reply);
    ck_assert_msg(reply.status == 400, "%d for %s", reply.status, bytes->text);
    ck_assert_msg(strstr(reply.body, error) != NULL, "%s for %s", reply.body, bytes->text);
    ck_assert_str_eq(reply_header(&reply, "Content-Type"), "application/json");
    ck_assert_str_eq(reply_header(&reply, "Connection"), "close");
    client_expect_end(&client);
    reply_free(&reply);
    client_close(&client);
}

static void expect_taken(const struct bytes *bytes)
{
    struct client client;

    client_open(&rig, &client);
    client_send_bytes(&client, bytes->text, bytes->length);
    core_answer_text(&rig, core_receive_id(&rig), 200, "{}");
    ck_assert_msg(client_status(&client) == 200, "%s", bytes->text);
    client_close(&client);
}

/* --- what is taken ---------------------------------------------------------------------------- */

static const struct bytes right[] = {
    BYTES(WITH("")),
    BYTES(WITH("X:1\r\nY: \t 2 \t\r\nZ:\r\n")),
    BYTES(WITH("X-Forwarded-For: a\r\nX-Forwarded-For: b\r\n")),
    BYTES(WITH("Cookie: a=b; c=d\r\nCookie: e=f\r\n")),
    BYTES(WITH("X-Text: caf\xc3\xa9, \xff\r\n")),
    BYTES("POST " HOOK "?x=%20&y&=z+w HTTP/1.1\r\nHost: x\r\n" JSON_TYPE "Content-Length: 2" BODY),
    BYTES("POST http://a.example" HOOK " HTTP/1.1\r\nHost: a.example\r\n" JSON_TYPE
          "Content-Length: 2" BODY),
    BYTES("POST " HOOK " HTTP/1.0\r\n" JSON_TYPE "Content-Length: 2" BODY),
    BYTES("\r\nPOST " HOOK " HTTP/1.1\r\nHost: x\r\n" JSON_TYPE "Content-Length: 2" BODY),
    BYTES("POST " HOOK " HTTP/1.1\r\nHost: x\r\n" JSON_TYPE "Transfer-Encoding: Chunked\r\n\r\n"
          "2\r\n{}\r\n0\r\n\r\n"),
};

START_TEST(what_is_right_is_taken)
{
    expect_taken(&right[_i]);
}
END_TEST

START_TEST(a_head_may_come_byte_for_byte)
{
    struct client client;
    struct bytes bytes = BYTES(WITH("Cookie: a=b; c=d\r\nX:\r\n"));

    client_open(&rig, &client);
    for (size_t i = 0; i < bytes.length; i++) {
        client_send_bytes(&client, bytes.text + i, 1);
    }
    core_answer_text(&rig, core_receive_id(&rig), 200, "{}");
    ck_assert_int_eq(client_status(&client), 200);

    /* The next one lies elsewhere in the connection's memory. */
    client_send_bytes(&client, bytes.text, bytes.length);
    core_answer_text(&rig, core_receive_id(&rig), 200, "{}");
    ck_assert_int_eq(client_status(&client), 200);
    client_close(&client);
}
END_TEST

/* --- what is refused -------------------------------------------------------------------------- */

#define SMUGGLED "GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n"

static const struct bytes bad_lines[] = {
    /* bare LF */
    BYTES("POST " HOOK " HTTP/1.1\nHost: x\r\n" JSON_TYPE "Content-Length: 2" BODY),
    BYTES("POST " HOOK " HTTP/1.1\r\nHost: x\n" JSON_TYPE "Content-Length: 2" BODY),
    BYTES("POST " HOOK " HTTP/1.1\r\nHost: x\r\n" JSON_TYPE "Content-Length: 2\n\r\n{}"),
    BYTES("POST " HOOK " HTTP/1.1\r\nHost: x\r\n" JSON_TYPE "Content-Length: 2\r\n\n{}"),
    BYTES("POST " HOOK
          " HTTP/1.1\nHost: x\nContent-Type: application/json\nContent-Length: 2\n\n{}"),
    /* folded lines */
    BYTES(WITH("X: a\r\n b\r\n")),
    BYTES(WITH("X: a\r\n\tTransfer-Encoding: chunked\r\n")),
    BYTES(WITH("X: a\r\n \r\n")),
    /* NUL */
    BYTES(WITH("X: a\0b\r\n")),
    BYTES(WITH("X: a\0\r\n")),
    BYTES(WITH("X: \0\r\n")),
    BYTES(WITH("Cookie: a=b\0; c=d\r\n")),
    BYTES("POST " HOOK "\0/x HTTP/1.1\r\nHost: x\r\n" JSON_TYPE "Content-Length: 2" BODY),
    BYTES("PO\0ST " HOOK " HTTP/1.1\r\nHost: x\r\n" JSON_TYPE "Content-Length: 2" BODY),
    BYTES("POST\0 " HOOK " HTTP/1.1\r\nHost: x\r\n" JSON_TYPE "Content-Length: 2" BODY),
    /* more than one blank */
    BYTES("POST  " HOOK " HTTP/1.1\r\nHost: x\r\n" JSON_TYPE "Content-Length: 2" BODY),
    BYTES("POST " HOOK "  HTTP/1.1\r\nHost: x\r\n" JSON_TYPE "Content-Length: 2" BODY),
    /* an empty name ends the head for the library */
    BYTES(WITH(": a\r\n")),
    BYTES("GET /healthz HTTP/1.1\r\nHost: x\r\n: a\r\n" SMUGGLED),
};

START_TEST(lines_that_do_not_end_in_crlf_alone_are_refused)
{
    expect_refused(&bad_lines[_i], bad_lines[_i].length, "bad_request");
}
END_TEST

static const struct bytes bad_names[] = {
    BYTES("POST " HOOK " HTTP/1.1\r\nHost: x\r\n" JSON_TYPE "Content-Length : 2" BODY),
    BYTES("POST " HOOK " HTTP/1.1\r\nHost: x\r\n" JSON_TYPE "Content-Length\t: 2" BODY),
    BYTES("POST " HOOK " HTTP/1.1\r\n Host: x\r\nHost: x\r\n" JSON_TYPE "Content-Length: 2" BODY),
    BYTES(WITH("X Y: a\r\n")),
    BYTES(WITH("X(Y): a\r\n")),
    BYTES(WITH("X\"Y\": a\r\n")),
    BYTES(WITH("X/Y: a\r\n")),
    BYTES(WITH("X\x01: a\r\n")),
    BYTES(WITH("X\xc3\xa9: a\r\n")),
};

START_TEST(names_that_are_no_tokens_are_refused)
{
    expect_refused(&bad_names[_i], bad_names[_i].length, "name of a header");
}
END_TEST

static const struct bytes bad_values[] = {
    BYTES(WITH("X: a\rY: b\r\n")), BYTES(WITH("X: a\x01\r\n")), BYTES(WITH("X: a\x7f\r\n")),
    BYTES(WITH("X: a\r\r\n")),     BYTES(WITH("X: a\x0b\r\n")),
};

START_TEST(control_characters_in_values_are_refused)
{
    expect_refused(&bad_values[_i], bad_values[_i].length, "value of a header");
}
END_TEST

#define POST_JSON "POST " HOOK " HTTP/1.1\r\nHost: x\r\n" JSON_TYPE

static const struct bytes bad_lengths[] = {
    BYTES(POST_JSON "Content-Length: 2\r\nContent-Length: 3" BODY SMUGGLED),
    BYTES(POST_JSON "Content-Length: 2\r\nContent-Length: 2" BODY),
    BYTES(POST_JSON "Content-Length: 2\r\ncontent-length: 2" BODY),
    BYTES(POST_JSON "Content-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n"),
    BYTES(POST_JSON "Transfer-Encoding: chunked\r\nContent-Length: 2\r\n\r\n0\r\n\r\n" SMUGGLED),
    BYTES(POST_JSON "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"),
    BYTES(POST_JSON "Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n"),
    BYTES(POST_JSON "Transfer-Encoding: chunked, chunked\r\n\r\n0\r\n\r\n"),
    BYTES(POST_JSON "Transfer-Encoding: identity\r\n\r\n{}"),
    BYTES(POST_JSON "Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n"),
    BYTES(POST_JSON "Transfer-Encoding:\r\n\r\n0\r\n\r\n"),
    BYTES(POST_JSON "Transfer-Encoding: chunked \r\n\r\n0\r\n\r\n"),
    BYTES(POST_JSON "Transfer-Encoding: \"chunked\"\r\n\r\n0\r\n\r\n"),
    BYTES("POST " HOOK " HTTP/1.0\r\n" JSON_TYPE "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n"),
};

START_TEST(bodies_whose_length_is_in_doubt_are_refused)
{
    expect_refused(&bad_lengths[_i], bad_lengths[_i].length, "length of the body");
}
END_TEST

static const struct bytes duplicates[] = {
    BYTES(WITH("Host: y\r\n")),
    BYTES(WITH("host: x\r\n")),
    BYTES(WITH("Content-Type: application/json\r\n")),
    BYTES(WITH("X-Daimon-Signature: a\r\nX-Daimon-Signature: b\r\n")),
    BYTES(WITH("X-Hub-Signature-256: a\r\nx-hub-signature-256: a\r\n")),
    BYTES(WITH("Stripe-Signature: a\r\nStripe-Signature: b\r\n")),
    BYTES(WITH("webhook-id: a\r\nwebhook-id: b\r\n")),
    BYTES(WITH("svix-timestamp: 1\r\nsvix-timestamp: 2\r\n")),
};

START_TEST(headers_that_are_single_are_refused_twice)
{
    expect_refused(&duplicates[_i], duplicates[_i].length, "given twice");
}
END_TEST

static const struct bytes bad_targets[] = {
    BYTES("POST /webhook/%61pproval HTTP/1.1\r\nHost: x\r\n" JSON_TYPE "Content-Length: 2" BODY),
    BYTES("POST " HOOK "%00 HTTP/1.1\r\nHost: x\r\n" JSON_TYPE "Content-Length: 2" BODY),
    BYTES("POST /a/%2e%2e" HOOK " HTTP/1.1\r\nHost: x\r\n" JSON_TYPE "Content-Length: 2" BODY),
    BYTES("POST " HOOK "#x HTTP/1.1\r\nHost: x\r\n" JSON_TYPE "Content-Length: 2" BODY),
    BYTES("POST " HOOK " x HTTP/1.1\r\nHost: x\r\n" JSON_TYPE "Content-Length: 2" BODY),
    BYTES("POST " HOOK "\x01 HTTP/1.1\r\nHost: x\r\n" JSON_TYPE "Content-Length: 2" BODY),
    BYTES("POST " HOOK "\xc3\xa9 HTTP/1.1\r\nHost: x\r\n" JSON_TYPE "Content-Length: 2" BODY),
};

START_TEST(targets_with_escapes_or_other_characters_are_refused)
{
    expect_refused(&bad_targets[_i], bad_targets[_i].length, "target of the request");
}
END_TEST

static const struct bytes bad_versions[] = {
    BYTES("GET /healthz HTTP/1.2\r\nHost: x\r\n\r\n"),
    BYTES("GET /healthz HTTP/1.9\r\nHost: x\r\n\r\n"),
};

START_TEST(other_versions_are_refused)
{
    expect_refused(&bad_versions[_i], bad_versions[_i].length, "version of HTTP");
}
END_TEST

START_TEST(http_1_1_needs_a_host)
{
    struct bytes none = BYTES("GET /healthz HTTP/1.1\r\n\r\n");
    struct bytes other = BYTES("GET /healthz HTTP/1.1\r\nX: y\r\n\r\n");

    expect_refused(&none, none.length, "Host is missing");
    expect_refused(&other, other.length, "Host is missing");
}
END_TEST

/* These the library refuses itself, with a text of its own that can't be changed. */
static const struct bytes refused_by_the_library[] = {
    BYTES("GET /healthz\r\n\r\n"),
    BYTES("GET\t/healthz HTTP/1.1\r\nHost: x\r\n\r\n"),
    BYTES("GET /healthz http/1.1\r\nHost: x\r\n\r\n"),
    BYTES("GET /healthz HTTP/1.1x\r\nHost: x\r\n\r\n"),
    BYTES(WITH("X\r\n")),
    BYTES(WITH("X\0: a\r\n")),
    BYTES(POST_JSON "Content-Length: +2" BODY),
    BYTES(POST_JSON "Content-Length: -2" BODY),
    BYTES(POST_JSON "Content-Length: 0x2" BODY),
    BYTES(POST_JSON "Content-Length: 2 " BODY),
    BYTES(POST_JSON "Content-Length: 2, 2" BODY),
    BYTES(POST_JSON "Content-Length:" BODY),
    BYTES(POST_JSON "Transfer-Encoding: chunked\r\n\r\nx\r\n{}\r\n0\r\n\r\n"),
    BYTES(POST_JSON "Transfer-Encoding: chunked\r\n\r\n-1\r\n{}\r\n0\r\n\r\n"),
};

/* Whatever it says in its text, then the end must come. */
static void expect_library_refusal(const struct bytes *bytes, int status)
{
    struct client client;
    struct reply reply;

    client_open(&rig, &client);
    client_send_bytes(&client, bytes->text, bytes->length);
    client_receive(&client, &reply);
    ck_assert_msg(reply.status == status, "%d for %s", reply.status, bytes->text);
    buffer_consume(&client.in, client.in.length);
    client_expect_end(&client);
    reply_free(&reply);
    client_close(&client);
}

START_TEST(what_the_library_does_not_understand_is_refused)
{
    expect_library_refusal(&refused_by_the_library[_i], 400);
}
END_TEST

START_TEST(versions_that_the_library_does_not_know_are_505)
{
    struct bytes older = BYTES("GET /healthz HTTP/0.9\r\nHost: x\r\n\r\n");
    struct bytes newer = BYTES("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");

    expect_library_refusal(&older, 505);
    expect_library_refusal(&newer, 505);
}
END_TEST

START_TEST(refusals_do_not_depend_on_how_the_bytes_arrive)
{
    expect_refused(&bad_lines[_i], 7, "bad_request");
}
END_TEST

START_TEST(the_second_request_of_a_connection_is_looked_at_as_well)
{
    struct client client;

    client_open(&rig, &client);
    client_post(&client, HOOK, "{}");
    core_answer_text(&rig, core_receive_id(&rig), 200, "{}");
    ck_assert_int_eq(client_status(&client), 200);
    client_send_bytes(&client, bad_lines[_i].text, bad_lines[_i].length);
    ck_assert_int_eq(client_status(&client), 400);
    client_expect_end(&client);
    client_close(&client);
}
END_TEST

/* The library takes a bare LF between chunks, so what follows them is never looked at. */
START_TEST(behind_a_chunked_body_nothing_is_read)
{
    struct client client;
    struct reply reply;

    client_open(&rig, &client);
    client_send(&client,
                POST_JSON "Transfer-Encoding: chunked\r\n\r\n2;x=\n{}\r\n0\r\n\r\n" SMUGGLED);
    core_answer_text(&rig, core_receive_id(&rig), 200, "{}");
    client_receive(&client, &reply);
    ck_assert_int_eq(reply.status, 200);
    ck_assert_str_eq(reply_header(&reply, "Connection"), "close");
    client_expect_end(&client);
    reply_free(&reply);
    client_close(&client);
}
END_TEST

START_TEST(the_control_gate_takes_escapes_in_paths_and_is_as_strict_elsewhere)
{
    struct bytes escaped = BYTES("GET /v1/requests/a%3Ab HTTP/1.1\r\nHost: x\r\n\r\n");
    struct bytes folded = BYTES("GET /v1/requests HTTP/1.1\r\nHost: x\r\nX: a\r\n b\r\n\r\n");

    expect_taken(&escaped);
    expect_refused(&folded, folded.length, "bad_request");
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("gate_strict");
    TCase *tests = suite_case(suite, "strict", start, stop);

    tcase_add_loop_test(tests, what_is_right_is_taken, 0, COUNT(right));
    tcase_add_test(tests, a_head_may_come_byte_for_byte);
    tcase_add_loop_test(tests, lines_that_do_not_end_in_crlf_alone_are_refused, 0,
                        COUNT(bad_lines));
    tcase_add_loop_test(tests, names_that_are_no_tokens_are_refused, 0, COUNT(bad_names));
    tcase_add_loop_test(tests, control_characters_in_values_are_refused, 0, COUNT(bad_values));
    tcase_add_loop_test(tests, bodies_whose_length_is_in_doubt_are_refused, 0, COUNT(bad_lengths));
    tcase_add_loop_test(tests, headers_that_are_single_are_refused_twice, 0, COUNT(duplicates));
    tcase_add_loop_test(tests, targets_with_escapes_or_other_characters_are_refused, 0,
                        COUNT(bad_targets));
    tcase_add_loop_test(tests, other_versions_are_refused, 0, COUNT(bad_versions));
    tcase_add_test(tests, http_1_1_needs_a_host);
    tcase_add_loop_test(tests, what_the_library_does_not_understand_is_refused, 0,
                        COUNT(refused_by_the_library));
    tcase_add_test(tests, versions_that_the_library_does_not_know_are_505);
    tcase_add_loop_test(tests, refusals_do_not_depend_on_how_the_bytes_arrive, 0, COUNT(bad_lines));
    tcase_add_loop_test(tests, the_second_request_of_a_connection_is_looked_at_as_well, 0,
                        COUNT(bad_lines));
    tcase_add_test(tests, behind_a_chunked_body_nothing_is_read);

    tests = suite_case(suite, "control", start_control, stop);
    tcase_add_test(tests, the_control_gate_takes_escapes_in_paths_and_is_as_strict_elsewhere);
    return suite_run(suite);
}
