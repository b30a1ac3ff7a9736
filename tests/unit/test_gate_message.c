/*
 * A request and its sender as core is told of them.
 */
#include <arpa/inet.h>
#include <check.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "assent/gate/message.h"
#include "assent/gate/peer.h"
#include "support/suite.h"

static struct message message;

static void begin(enum role role, const char *method)
{
    message_begin(&message, role);
    message.request.id = 9;
    message.request.method = method;
    message.request.path = "/p";
    message.request.query = "q";
    message.request.peer = "192.0.2.1";
    message.request.body = "body";
    message.request.body_length = 4;
}

static struct protocol_request coded(struct buffer *bytes)
{
    struct protocol_request request;

    ck_assert_int_eq(message_encode(&message, bytes), 0);
    struct frame frame = {FRAME_REQUEST, bytes->data, bytes->length};

    ck_assert_int_eq(protocol_decode_request(&frame, &request), 0);
    return request;
}

START_TEST(names_are_lower_case_values_stay_and_order_too)
{
    struct buffer bytes = {0};

    begin(ROLE_GATE_PUBLIC, "POST");
    ck_assert_int_eq(message_add_header(&message, "X-Two", "Value"), 0);
    ck_assert_int_eq(message_add_header(&message, "COOKIES", "c"), 0);
    ck_assert_int_eq(message_add_header(&message, "x-tWo", ""), 0);
    struct protocol_request request = coded(&bytes);

    ck_assert_uint_eq(request.id, 9);
    ck_assert_str_eq(request.method, "POST");
    ck_assert_mem_eq(request.body, "body", 4);
    ck_assert_uint_eq(request.header_count, 3);
    ck_assert_str_eq(request.headers[0].name, "x-two");
    ck_assert_str_eq(request.headers[0].value, "Value");
    ck_assert_str_eq(request.headers[1].name, "cookies");
    ck_assert_str_eq(request.headers[2].name, "x-two");
    ck_assert_str_eq(request.headers[2].value, "");
    buffer_free(&bytes);
}
END_TEST

START_TEST(head_asks_core_as_get_does)
{
    struct buffer bytes = {0};

    begin(ROLE_GATE_CONTROL, "HEAD");
    ck_assert_str_eq(coded(&bytes).method, "GET");
    buffer_free(&bytes);
}
END_TEST

START_TEST(cookies_and_credentials_pass_on_the_control_side_only)
{
    struct buffer bytes = {0};

    begin(ROLE_GATE_PUBLIC, "POST");
    ck_assert_int_eq(message_add_header(&message, "Cookie", "c"), 0);
    ck_assert_int_eq(message_add_header(&message, "AUTHORIZATION", "a"), 0);
    ck_assert_uint_eq(coded(&bytes).header_count, 0);
    bytes.length = 0;
    begin(ROLE_GATE_CONTROL, "POST");
    ck_assert_int_eq(message_add_header(&message, "Authorization", "a"), 0);
    ck_assert_uint_eq(coded(&bytes).header_count, 1);
    buffer_free(&bytes);
}
END_TEST

START_TEST(there_is_room_for_so_many_headers_and_so_long_names)
{
    static char name[RULES_HEAD_LIMIT + 1];

    begin(ROLE_GATE_PUBLIC, "POST");
    for (int i = 0; i < PROTOCOL_HEADER_COUNT; i++) {
        ck_assert_int_eq(message_add_header(&message, "a", "b"), 0);
    }
    ck_assert_int_eq(message_add_header(&message, "a", "b"), -ENOBUFS);
    begin(ROLE_GATE_PUBLIC, "POST");
    memset(name, 'N', sizeof name - 2);
    ck_assert_int_eq(message_add_header(&message, name, "b"), 0);
    ck_assert_int_eq(message_add_header(&message, "a", "b"), -ENOBUFS);
}
END_TEST

static void expect_ipv6(const char *address, const char *expected)
{
    struct sockaddr_in6 ipv6 = {.sin6_family = AF_INET6, .sin6_port = htons(80)};
    char text[PEER_TEXT_SIZE];

    ck_assert_int_eq(inet_pton(AF_INET6, address, &ipv6.sin6_addr), 1);
    peer_text((struct sockaddr *)&ipv6, -1, text);
    ck_assert_str_eq(text, expected);
}

START_TEST(a_peer_is_its_address_or_its_uid)
{
    struct sockaddr_in ipv4 = {.sin_family = AF_INET, .sin_port = htons(80)};
    struct sockaddr local = {.sa_family = AF_UNIX};
    char text[PEER_TEXT_SIZE];
    char expected[PEER_TEXT_SIZE];
    int pair[2];

    ck_assert_int_eq(inet_pton(AF_INET, "203.0.113.9", &ipv4.sin_addr), 1);
    peer_text((struct sockaddr *)&ipv4, -1, text);
    ck_assert_str_eq(text, "203.0.113.9");
    expect_ipv6("2001:db8::1", "2001:db8::1");
    expect_ipv6("::ffff:203.0.113.9", "203.0.113.9");

    ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
    peer_text(&local, pair[0], text);
    (void)snprintf(expected, sizeof expected, "uid:%u", (unsigned)getuid());
    ck_assert_str_eq(text, expected);
    close(pair[0]);
    close(pair[1]);
    peer_text(&local, pair[0], text);
    ck_assert_str_eq(text, "unknown");
    peer_text(NULL, -1, text);
    ck_assert_str_eq(text, "unknown");
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("gate message");
    TCase *tests = tcase_create("message");

    tcase_add_test(tests, names_are_lower_case_values_stay_and_order_too);
    tcase_add_test(tests, head_asks_core_as_get_does);
    tcase_add_test(tests, cookies_and_credentials_pass_on_the_control_side_only);
    tcase_add_test(tests, there_is_room_for_so_many_headers_and_so_long_names);
    tcase_add_test(tests, a_peer_is_its_address_or_its_uid);
    suite_add_tcase(suite, tests);
    return suite_run(suite);
}
