/*
 * What the supervisor and a role say to each other: a message arrives whole or not at all, and
 * whatever else comes leaves nothing behind.
 */
#include <check.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "assent/base/channel.h"
#include "support/raw_packet.h"
#include "support/suite.h"

static int ends[2];

static void set_up(void)
{
    ck_assert_int_eq(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends), 0);
}

static void tear_down(void)
{
    (void)close(ends[0]);
    (void)close(ends[1]);
}

static int open_descriptors(void)
{
    DIR *directory = opendir("/proc/self/fd");
    int count = 0;

    ck_assert_ptr_nonnull(directory);
    while (readdir(directory)) {
        count++;
    }
    (void)closedir(directory);
    return count;
}

START_TEST(a_message_arrives_with_its_descriptor)
{
    struct channel_packet packet;
    int fd = open("/dev/null", O_RDONLY | O_CLOEXEC);

    ck_assert_int_eq(channel_send(ends[0], CHANNEL_STREAM, 7, fd), 0);
    ck_assert_int_eq(channel_receive(ends[1], &packet), 1);
    ck_assert_int_eq(packet.message, CHANNEL_STREAM);
    ck_assert_uint_eq(packet.argument, 7);
    ck_assert_int_ge(packet.fd, 0);
    ck_assert_int_ne(packet.fd, fd);
    ck_assert_int_eq(fcntl(packet.fd, F_GETFD), FD_CLOEXEC);
    (void)close(packet.fd);
    (void)close(fd);
}
END_TEST

START_TEST(a_message_without_a_descriptor_has_none)
{
    struct channel_packet packet;

    ck_assert_int_eq(channel_send(ends[0], CHANNEL_READY, 0, -1), 0);
    ck_assert_int_eq(channel_receive(ends[1], &packet), 1);
    ck_assert_int_eq(packet.fd, -1);
}
END_TEST

START_TEST(the_end_is_told)
{
    struct channel_packet packet;

    ck_assert_int_eq(shutdown(ends[0], SHUT_RDWR), 0);
    ck_assert_int_eq(channel_receive(ends[1], &packet), 0);
}
END_TEST

START_TEST(packets_of_any_other_size_are_refused)
{
    static const char bytes[100000];
    static const size_t sizes[] = {1, 7, 9, 16, sizeof bytes};
    struct channel_packet packet;

    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        ck_assert(raw_packet_send(ends[0], bytes, sizes[i], 0));
        ck_assert_msg(channel_receive(ends[1], &packet) == -EBADMSG, "%zu bytes are taken",
                      sizes[i]);
    }
}
END_TEST

START_TEST(descriptors_that_were_not_asked_for_are_not_kept)
{
    static const char bytes[8] = {CHANNEL_READY};
    struct channel_packet packet;
    int before = open_descriptors();

    for (size_t count = 2; count <= RAW_PACKET_DESCRIPTORS; count++) {
        ck_assert(raw_packet_send(ends[0], bytes, sizeof bytes, count));
        ck_assert_int_eq(channel_receive(ends[1], &packet), -EBADMSG);
        ck_assert_msg(open_descriptors() == before, "of %zu descriptors some were left", count);
    }
    for (size_t length = 0; length < sizeof bytes; length++) {
        ck_assert(raw_packet_send(ends[0], bytes, length, 1));
        ck_assert_int_eq(channel_receive(ends[1], &packet), -EBADMSG);
        ck_assert_msg(open_descriptors() == before, "one was left of %zu bytes", length);
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("channel");
    TCase *tests = tcase_create("channel");

    tcase_add_checked_fixture(tests, set_up, tear_down);
    tcase_add_test(tests, a_message_arrives_with_its_descriptor);
    tcase_add_test(tests, a_message_without_a_descriptor_has_none);
    tcase_add_test(tests, the_end_is_told);
    tcase_add_test(tests, packets_of_any_other_size_are_refused);
    tcase_add_test(tests, descriptors_that_were_not_asked_for_are_not_kept);
    suite_add_tcase(suite, tests);
    return suite_run(suite);
}
