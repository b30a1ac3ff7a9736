/*
 * The listening socket of a gate: its connections are handed on, whatever happens to some of them.
 */
#include "assent/gate/acceptor.h"

#include <check.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

#include "assent/base/clock.h"
#include "assent/base/descriptors.h"
#include "support/suite.h"

#define PATIENCE_MS 10000
#define TAKEN_LIMIT 64

static sd_event *loop;
static struct acceptor *acceptor;
static struct sockaddr_in address;
static int original; /* the socket, as another process would have it */
static int taken[TAKEN_LIMIT];
static int taken_count;

static void on_taken(void *userdata, int fd, const struct sockaddr *peer, socklen_t length)
{
    (void)userdata;
    ck_assert_int_lt(taken_count, TAKEN_LIMIT);
    ck_assert_int_eq(peer->sa_family, AF_INET);
    ck_assert_uint_eq(length, sizeof(struct sockaddr_in));
    taken[taken_count++] = fd;
}

static void set_up(void)
{
    socklen_t length = sizeof address;

    address =
        (struct sockaddr_in){.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    original = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    ck_assert_int_eq(bind(original, (struct sockaddr *)&address, sizeof address), 0);
    ck_assert_int_eq(listen(original, TAKEN_LIMIT), 0);
    ck_assert_int_eq(getsockname(original, (struct sockaddr *)&address, &length), 0);
    ck_assert_int_ge(sd_event_new(&loop), 0);
    taken_count = 0;
    ck_assert_int_eq(acceptor_new(loop, dup(original), on_taken, NULL, &acceptor), 0);
}

static void tear_down(void)
{
    acceptor_free(acceptor);
    for (int i = 0; i < taken_count; i++) {
        (void)close(taken[i]);
    }
    (void)close(original);
    loop = sd_event_unref(loop);
}

static int connect_one(void)
{
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    ck_assert_int_ge(fd, 0);
    ck_assert_int_eq(connect(fd, (struct sockaddr *)&address, sizeof address), 0);
    return fd;
}

static void await_taken(int count)
{
    int64_t deadline = clock_monotonic_ms() + PATIENCE_MS;

    while (taken_count < count) {
        ck_assert_msg(clock_monotonic_ms() < deadline, "%d of %d were taken", taken_count, count);
        ck_assert_int_ge(sd_event_run(loop, 100000), 0);
    }
}

/* All that is to be done now is done then. */
static void run_idle(void)
{
    while (sd_event_run(loop, 0) > 0) {
    }
}

/* The limit that leaves no descriptor; returns the one before. */
static struct rlimit allow_no_more(void)
{
    struct rlimit before;
    struct rlimit none;
    int next = dup(original);

    ck_assert_int_ge(next, 0);
    ck_assert_int_eq(getrlimit(RLIMIT_NOFILE, &before), 0);
    none = before;
    none.rlim_cur = (rlim_t)next;
    (void)close(next);
    ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &none), 0);
    return before;
}

START_TEST(all_that_come_are_taken_and_do_not_block)
{
    int clients[TAKEN_LIMIT];
    char byte;

    for (int i = 0; i < TAKEN_LIMIT; i++) {
        clients[i] = connect_one();
    }
    await_taken(TAKEN_LIMIT);
    for (int i = 0; i < TAKEN_LIMIT; i++) {
        ck_assert_int_eq(read(taken[i], &byte, 1), -1);
        ck_assert_int_eq(errno, EAGAIN);
        (void)close(clients[i]);
    }
}
END_TEST

START_TEST(who_comes_after_the_end_waits_for_the_next_process)
{
    int client;
    struct acceptor *next;

    run_idle();
    acceptor_quiesce(acceptor);
    client = connect_one();
    run_idle();
    ck_assert_int_eq(taken_count, 0);
    ck_assert_int_eq(acceptor_new(loop, dup(original), on_taken, NULL, &next), 0);
    await_taken(1);
    acceptor_free(next);
    (void)close(client);
}
END_TEST

/* Valgrind, which counts descriptors by itself, takes the first connection from the kernel all the same. */
START_TEST(without_descriptors_it_pauses_and_then_goes_on)
{
    int clients[2] = {connect_one(), -1};
    struct rlimit before = allow_no_more();

    run_idle();
    ck_assert_int_eq(taken_count, 0);
    ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &before), 0);
    clients[1] = connect_one();
    await_taken(1);
    (void)close(clients[0]);
    (void)close(clients[1]);
}
END_TEST

/* All that there may be: it can't be more in this process any more. */
static void allow(int more)
{
    struct rlimit few;
    int next = dup(original);

    ck_assert_int_ge(next, 0);
    few.rlim_cur = few.rlim_max = (rlim_t)(next + more);
    (void)close(next);
    ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &few), 0);
    descriptors_raise_limit();
}

START_TEST(the_last_descriptors_are_left_to_others)
{
    enum { CLIENTS = 12, ALLOWED = 10 };
    int clients[CLIENTS];

    for (int i = 0; i < CLIENTS; i++) {
        clients[i] = connect_one();
    }
    allow(ALLOWED);
    await_taken(1);
    run_idle();
    ck_assert_int_lt(taken_count, ALLOWED);

    int before = taken_count;
    int other = dup(original);

    ck_assert_int_ge(other, 0);
    (void)close(other);
    (void)close(taken[--taken_count]);
    await_taken(before);
    run_idle();
    ck_assert_int_eq(taken_count, before);
    for (int i = 0; i < CLIENTS; i++) {
        (void)close(clients[i]);
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("acceptor");
    TCase *tests = tcase_create("acceptor");

    tcase_add_checked_fixture(tests, set_up, tear_down);
    tcase_add_test(tests, all_that_come_are_taken_and_do_not_block);
    tcase_add_test(tests, who_comes_after_the_end_waits_for_the_next_process);
    tcase_add_test(tests, without_descriptors_it_pauses_and_then_goes_on);
    tcase_add_test(tests, the_last_descriptors_are_left_to_others);
    suite_add_tcase(suite, tests);
    return suite_run(suite);
}
