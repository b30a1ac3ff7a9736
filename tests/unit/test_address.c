/*
 * Addresses, the networks they are in, and what of them is one client.
 */
#include <check.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

#include "assent/base/address.h"
#include "support/suite.h"

static struct address address_of(const char *text)
{
    struct address address;

    ck_assert_msg(address_from_text(text, strlen(text), &address), "%s", text);
    return address;
}

static bool is_in(const char *network_text, const char *address_text)
{
    struct network network;
    struct address address = address_of(address_text);

    ck_assert_msg(network_from_text(network_text, &network) == 0, "%s", network_text);
    return network_has(&network, &address);
}

START_TEST(an_address_reads_back_as_it_was_written)
{
    static const char *const texts[] = {"203.0.113.9", "0.0.0.0", "2001:db8::1", "::", "::1"};
    char text[ADDRESS_TEXT_SIZE];

    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        struct address address = address_of(texts[i]);

        address_to_text(&address, text);
        ck_assert_str_eq(text, texts[i]);
    }
}
END_TEST

START_TEST(what_is_no_address_is_refused)
{
    static const char *const texts[] = {"",           "1.2.3", "1.2.3.4.5", "01.2.3.4 ",
                                        "1.2.3.256",  "[::1]", "::1%lo",    "localhost",
                                        "1.2.3.4:80", ":::",   "1.2.3.4/8"};
    struct address address;

    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        ck_assert_msg(!address_from_text(texts[i], strlen(texts[i]), &address), "%s", texts[i]);
    }
    ck_assert(!address_from_text("1.2.3.4\0", 8, &address));
}
END_TEST

START_TEST(an_ipv4_client_of_an_ipv6_socket_has_its_ipv4_address)
{
    struct sockaddr_in6 ipv6 = {.sin6_family = AF_INET6};
    struct sockaddr_in ipv4 = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(0xcb007109)};
    struct sockaddr other = {.sa_family = AF_UNIX};
    struct address left;
    struct address right;

    memcpy(ipv6.sin6_addr.s6_addr, "\0\0\0\0\0\0\0\0\0\0\xff\xff\xcb\0\x71\x09", 16);
    ck_assert(address_from_socket((struct sockaddr *)&ipv6, &left));
    ck_assert(address_from_socket((struct sockaddr *)&ipv4, &right));
    ck_assert(address_equal(&left, &right));
    ck_assert(!address_from_socket(&other, &left));
    ck_assert(!address_from_socket(NULL, &left));
}
END_TEST

START_TEST(a_network_has_just_the_addresses_of_its_bits)
{
    ck_assert(is_in("10.0.0.0/8", "10.255.0.1"));
    ck_assert(!is_in("10.0.0.0/8", "11.0.0.1"));
    ck_assert(is_in("192.0.2.128/25", "192.0.2.200"));
    ck_assert(!is_in("192.0.2.128/25", "192.0.2.127"));
    ck_assert(is_in("192.0.2.1", "192.0.2.1"));
    ck_assert(!is_in("192.0.2.1", "192.0.2.2"));
    ck_assert(is_in("0.0.0.0/0", "203.0.113.9"));
    ck_assert(!is_in("0.0.0.0/0", "2001:db8::1"));
    ck_assert(is_in("2001:db8::/32", "2001:db8:ffff::1"));
    ck_assert(!is_in("2001:db8::/33", "2001:db8:ffff::1"));
    ck_assert(is_in("::/0", "203.0.113.9"));
}
END_TEST

START_TEST(what_is_no_network_is_refused)
{
    static const char *const texts[] = {
        "10.0.0.0/33",    "10.0.0.1/8", "10.0.0.0/", "10.0.0.0/-1", "2001:db8::/129",
        "2001:db8::1/64", "/8",         "",          "10.0.0.0/8/8"};
    struct network network;

    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        ck_assert_msg(network_from_text(texts[i], &network) == -EINVAL, "%s", texts[i]);
    }
}
END_TEST

START_TEST(one_client_is_an_ipv4_address_or_an_ipv6_network_of_64_bits)
{
    struct address first = address_of("2001:db8:1:2::1");
    struct address second = address_of("2001:db8:1:2:ffff::2");
    struct address third = address_of("2001:db8:1:3::1");
    struct address ipv4 = address_of("192.0.2.1");
    struct address other = address_of("192.0.2.2");

    first = address_client(&first);
    second = address_client(&second);
    third = address_client(&third);
    ipv4 = address_client(&ipv4);
    other = address_client(&other);
    ck_assert(address_equal(&first, &second));
    ck_assert(!address_equal(&first, &third));
    ck_assert(!address_equal(&ipv4, &other));
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("address");
    TCase *tests = tcase_create("address");

    tcase_add_test(tests, an_address_reads_back_as_it_was_written);
    tcase_add_test(tests, what_is_no_address_is_refused);
    tcase_add_test(tests, an_ipv4_client_of_an_ipv6_socket_has_its_ipv4_address);
    tcase_add_test(tests, a_network_has_just_the_addresses_of_its_bits);
    tcase_add_test(tests, what_is_no_network_is_refused);
    tcase_add_test(tests, one_client_is_an_ipv4_address_or_an_ipv6_network_of_64_bits);
    suite_add_tcase(suite, tests);
    return suite_run(suite);
}
