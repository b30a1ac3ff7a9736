/*
 * A whole assentd whose public gate has been taken over: every other role goes on as if nothing were,
 * the gate is ended and started again, and the daemon stops when it shall.
 */
#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "assent/base/channel.h"
#include "assent/base/protocol.h"
#include "integration/harness.h"
#include "support/jail_setting.h"
#include "support/nasty.h"
#include "support/patience.h"
#include "support/suite.h"

#define GATE "assentd: gate public"

static struct house *house;
static pid_t core;
static pid_t control;
static pid_t runner;
static pid_t caller;

static void remember_roles(void)
{
    core = house_role(house, "assentd: core");
    control = house_role(house, "assentd: gate control");
    runner = house_role(house, "assentd: runner");
    caller = house_role(house, "assentd: caller");
}

/* The others are the processes that they were. */
static void expect_same_roles(void)
{
    ck_assert_int_eq(core, house_role(house, "assentd: core"));
    ck_assert_int_eq(control, house_role(house, "assentd: gate control"));
    ck_assert_int_eq(runner, house_role(house, "assentd: runner"));
    ck_assert_int_eq(caller, house_role(house, "assentd: caller"));
}

static void configure(void)
{
    house = house_new();
    house_configure(house, "[requests]\n"
                           "expiry_grace = 0\n"
                           "[action note]\n"
                           "on_granted = note\n"
                           "on_expired = note\n"
                           "[hook note]\n"
                           "shell = echo \"$ASSENT_REQUEST_ID $ASSENT_STATUS\" >>%DIR%/notes\n");
}

/* --- a program in its place ------------------------------------------------------------------- */

/* Called in the process that is about to become assentd: it becomes the other program. */
static void become_hostile(void *how)
{
    char option[] = "-c";
    char *const arguments[] = {option, house_file(house, "assentd.conf"), NULL};

    (void)setenv("ASSENT_TEST_HOSTILE", how, 1);
    become_built("tests/programs/hostile_gate", arguments);
}

static void start_hostile(const char *how)
{
    jail_allow_looking_inside();
    configure();
    house_prepare(house, become_hostile, (void *)(uintptr_t)how);
    house_start(house);
    remember_roles();
}

static void await_expiry(const char *id)
{
    char *body = house_format(house,
                              "{\"requestId\":\"%s\",\"action\":\"note\","
                              "\"expiresIn\":1}",
                              id);

    house_register(house, body);
    free(body);
    house_await_status(house, id, "expired");
    house_await_jobs(house, id, 1, "succeeded");
}

/* While it rages, requests are registered, expire by our own clock, and their hooks run; the
 * configuration is reloaded; the supervisor keeps nothing that it was sent. */
static void expect_life_goes_on(void)
{
    size_t descriptors;

    await_expiry("first");
    descriptors = process_descriptors(house_pid(house));
    house_reload(house);
    await_expiry("second");
    await_expiry("third");
    ck_assert_uint_le(process_descriptors(house_pid(house)), descriptors + 4);
    expect_same_roles();
}

static void expect_orderly_stop(void)
{
    int64_t began = house_now_ms();

    ck_assert_int_eq(house_stop(house), 0);
    ck_assert_int_lt(house_now_ms() - began, patience_ms(8000));
    house_free(house);
}

static int count_log(const char *text)
{
    char *log = house_log(house);
    int count = 0;

    for (const char *at = log; (at = strstr(at, text)); at += strlen(text)) {
        count++;
    }
    free(log);
    return count;
}

START_TEST(noise_on_its_stream_hurts_nobody_else)
{
    start_hostile("frames");
    expect_life_goes_on();
    house_await_log(house, "a role broke the rules between roles");
    ck_assert_int_eq(house_count_lines(house, "notes"), 3);
    expect_orderly_stop();
}
END_TEST

START_TEST(noise_on_its_channel_hurts_nobody_else)
{
    start_hostile("channel");
    expect_life_goes_on();
    house_await_log(house, "a role sent what it may not and is ended");
    ck_assert_int_lt(count_log("\n"), 200);
    expect_orderly_stop();
}
END_TEST

START_TEST(one_that_does_not_listen_to_its_supervisor_is_ended_when_all_stop)
{
    start_hostile("deaf");
    expect_life_goes_on();
    expect_orderly_stop();
}
END_TEST

START_TEST(one_that_closes_its_channel_is_ended_and_started_again)
{
    pid_t gate;

    start_hostile("silent");
    gate = house_role(house, GATE);
    (void)house_next_role(house, GATE, gate);
    expect_life_goes_on();
    expect_orderly_stop();
}
END_TEST

/* --- the real one, taken over ----------------------------------------------------------------- */

static bool is_stream(int fd)
{
    int domain = 0;
    int type = 0;
    int listens = 1;
    socklen_t length = sizeof domain;

    return getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &domain, &length) == 0 && domain == AF_UNIX &&
           getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &length) == 0 && type == SOCK_STREAM &&
           getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &listens, &length) == 0 && !listens;
}

/* A duplicate of the gate's stream to core; -1 where this process may not have it. */
static int steal_stream(pid_t gate)
{
    int process = (int)syscall(SYS_pidfd_open, gate, 0);
    int stream = -1;

    for (int number = 0; number < 64 && stream < 0; number++) {
        int fd = (int)syscall(SYS_pidfd_getfd, process, number, 0);

        if (fd < 0 && errno == EPERM) {
            break;
        }
        if (fd >= 0 && number != STDERR_FILENO && is_stream(fd)) {
            stream = fd;
        } else if (fd >= 0) {
            (void)close(fd);
        }
    }
    (void)close(process);
    return stream;
}

/* The stolen stream stays open: nobody waits for its end. */
START_TEST(the_real_gate_is_ended_for_what_is_said_on_its_stream)
{
    struct nasty nasty = {.state = 1};
    struct buffer frame = {0};
    pid_t gate;
    int stream;

    configure();
    house_start(house);
    remember_roles();
    house_expect_note(house, "before");
    gate = house_role(house, GATE);
    stream = steal_stream(gate);
    if (stream < 0) {
        (void)printf("left out: this user may not take a descriptor of the gate\n");
    } else {
        nasty_frame_of(&nasty, FRAME_RESULT, &frame);
        ck_assert_int_eq(send(stream, frame.data, frame.length, MSG_NOSIGNAL),
                         (ssize_t)frame.length);
        (void)house_next_role(house, GATE, gate);
        house_await_log(house, "a role broke the rules between roles");
        house_await_log(house, "a role sent what it may not and is ended");
        buffer_free(&frame);
        expect_same_roles();
    }
    house_expect_note(house, "after");
    ck_assert_int_eq(house_count_lines(house, "notes"), 2);
    (void)close(stream);
    house_free(house);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("hostile_daemon");
    TCase *tests = tcase_create("hostile_daemon");

    tcase_set_timeout(tests, 180);
    tcase_add_test(tests, noise_on_its_stream_hurts_nobody_else);
    tcase_add_test(tests, noise_on_its_channel_hurts_nobody_else);
    tcase_add_test(tests, one_that_does_not_listen_to_its_supervisor_is_ended_when_all_stop);
    tcase_add_test(tests, one_that_closes_its_channel_is_ended_and_started_again);
    tcase_add_test(tests, the_real_gate_is_ended_for_what_is_said_on_its_stream);
    suite_add_tcase(suite, tests);
    return suite_run(suite);
}
