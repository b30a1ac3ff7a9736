/*
 * The sockets of calls: what is told of them, and what is not any more.
 */
#include "assent/caller/socket_set.h"
#include "support/suite.h"

#include <check.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

static struct socket_set *set;
static int ends[2]; /* the first is in the set */

static void open_ends(void)
{
    ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
    ck_assert_int_eq(socket_set_opened(set, ends[0]), 0);
}

static void close_ends(void)
{
    socket_set_closed(set, ends[0]);
    (void)close(ends[0]);
    (void)close(ends[1]);
}

static void set_up(void)
{
    ck_assert_int_eq(socket_set_new(&set), 0);
    open_ends();
}

static void tear_down(void)
{
    close_ends();
    socket_set_free(set);
    socket_set_free(NULL);
}

static void let_it_be_readable(void)
{
    ck_assert_int_eq(write(ends[1], "x", 1), 1);
}

static bool is_shut(void)
{
    char byte;

    return recv(ends[1], &byte, 1, MSG_DONTWAIT) == 0;
}

static int count_ready(void)
{
    struct epoll_event ready[SOCKET_SET_READY];

    return socket_set_ready(set, ready);
}

START_TEST(what_is_wanted_is_told)
{
    struct epoll_event ready[SOCKET_SET_READY];
    uint32_t events;
    int fd;

    ck_assert_int_eq(count_ready(), 0);
    ck_assert_int_eq(socket_set_want(set, ends[0], EPOLLIN), 0);
    ck_assert_int_eq(count_ready(), 0);
    let_it_be_readable();
    ck_assert_int_eq(socket_set_ready(set, ready), 1);
    ck_assert(socket_set_take(set, ready, &fd, &events));
    ck_assert_int_eq(fd, ends[0]);
    ck_assert_uint_eq(events, EPOLLIN);
    ck_assert_int_eq(socket_set_want(set, ends[0], EPOLLOUT), 0);
    ck_assert_int_eq(socket_set_ready(set, ready), 1);
    ck_assert(socket_set_take(set, ready, &fd, &events));
    ck_assert_uint_eq(events, EPOLLOUT);
    ck_assert_int_eq(socket_set_want(set, ends[0], 0), 0);
    ck_assert_int_eq(count_ready(), 0);
}
END_TEST

START_TEST(what_rests_can_be_wanted_again)
{
    struct epoll_event ready[SOCKET_SET_READY];
    uint32_t events;
    int fd;

    ck_assert_int_eq(socket_set_want(set, ends[0], EPOLLOUT), 0);
    ck_assert_int_eq(socket_set_rest(set, ends[0]), 0);
    ck_assert_int_eq(count_ready(), 0);
    ck_assert(!is_shut());
    ck_assert_int_eq(socket_set_want(set, ends[0], EPOLLOUT), 0);
    ck_assert_int_eq(socket_set_ready(set, ready), 1);
    ck_assert(socket_set_take(set, ready, &fd, &events));
    ck_assert_uint_eq(events, EPOLLOUT);
}
END_TEST

START_TEST(what_something_comes_on_while_it_rests_is_shut_down)
{
    struct epoll_event ready[SOCKET_SET_READY];
    uint32_t events;
    int fd;

    ck_assert_int_eq(socket_set_want(set, ends[0], EPOLLOUT), 0);
    ck_assert_int_eq(socket_set_rest(set, ends[0]), 0);
    let_it_be_readable();
    ck_assert_int_eq(socket_set_ready(set, ready), 1);
    ck_assert(!socket_set_take(set, ready, &fd, &events));
    ck_assert(is_shut());
    ck_assert_int_eq(count_ready(), 0);
}
END_TEST

START_TEST(what_may_speak_while_it_rests_is_looked_at_once)
{
    struct epoll_event ready[SOCKET_SET_READY];
    uint32_t events;
    int fd;

    ck_assert_int_eq(socket_set_want(set, ends[0], EPOLLIN), 0);
    socket_set_may_speak(set, ends[0]);
    socket_set_may_speak(set, -1);
    ck_assert_int_eq(socket_set_rest(set, ends[0]), 0);
    let_it_be_readable();
    ck_assert_int_eq(socket_set_ready(set, ready), 1);
    ck_assert(!socket_set_take(set, ready, &fd, &events));
    ck_assert_int_eq(count_ready(), 0);
    ck_assert(!is_shut());
    ck_assert_int_eq(socket_set_want(set, ends[0], EPOLLIN), 0);
    ck_assert_int_eq(socket_set_ready(set, ready), 1);
    ck_assert(socket_set_take(set, ready, &fd, &events));
}
END_TEST

START_TEST(what_was_closed_without_a_word_can_come_to_rest)
{
    ck_assert_int_eq(socket_set_want(set, ends[0], EPOLLOUT), 0);
    (void)close(ends[0]);
    ck_assert_int_eq(socket_set_rest(set, ends[0]), 0);
    ck_assert_int_eq(count_ready(), 0);
    (void)close(ends[1]);
    open_ends();
    ck_assert_int_eq(socket_set_want(set, ends[0], EPOLLOUT), 0);
    ck_assert_int_eq(count_ready(), 1);
}
END_TEST

START_TEST(what_was_told_of_an_earlier_socket_of_that_number_is_void)
{
    struct epoll_event ready[SOCKET_SET_READY];
    uint32_t events;
    int before = ends[0];
    int fd;

    ck_assert_int_eq(socket_set_want(set, ends[0], EPOLLIN), 0);
    let_it_be_readable();
    ck_assert_int_eq(socket_set_ready(set, ready), 1);
    close_ends();
    open_ends();
    ck_assert_int_eq(ends[0], before);
    ck_assert_int_eq(socket_set_want(set, ends[0], EPOLLIN), 0);
    ck_assert(!socket_set_take(set, ready, &fd, &events));
    ck_assert_int_eq(count_ready(), 0);
}
END_TEST

START_TEST(what_is_not_ours_leaves_nothing_when_it_rests)
{
    int other[2];

    ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, other), 0);
    ck_assert_int_eq(socket_set_want(set, other[0], EPOLLOUT), 0);
    ck_assert_int_eq(count_ready(), 1);
    ck_assert_int_eq(socket_set_rest(set, other[0]), 0);
    ck_assert_int_eq(count_ready(), 0);
    (void)close(other[0]);
    (void)close(other[1]);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("socket_set");
    TCase *tests = tcase_create("socket_set");

    tcase_add_checked_fixture(tests, set_up, tear_down);
    tcase_add_test(tests, what_is_wanted_is_told);
    tcase_add_test(tests, what_rests_can_be_wanted_again);
    tcase_add_test(tests, what_something_comes_on_while_it_rests_is_shut_down);
    tcase_add_test(tests, what_may_speak_while_it_rests_is_looked_at_once);
    tcase_add_test(tests, what_was_closed_without_a_word_can_come_to_rest);
    tcase_add_test(tests, what_was_told_of_an_earlier_socket_of_that_number_is_void);
    tcase_add_test(tests, what_is_not_ours_leaves_nothing_when_it_rests);
    suite_add_tcase(suite, tests);
    return suite_run(suite);
}
