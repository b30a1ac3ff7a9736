/*
 * What a corked stream lets out: all when it is uncorked, what came before the mark when that is
 * released; and that it stays in order however little the socket takes.
 */
#include <check.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "assent/base/stream.h"
#include "support/suite.h"

#define FRAMES      400
#define LARGE       20000
#define HEADER_SIZE 6

static sd_event *loop;
static struct stream *stream;
static int other_end;

static int on_frame(struct stream *of, const struct frame *frame, void *userdata)
{
    (void)of;
    (void)frame;
    (void)userdata;
    return 0;
}

static void on_end(struct stream *of, int reason, void *userdata)
{
    (void)of;
    (void)reason;
    (void)userdata;
}

static void open_stream(void)
{
    const struct stream_setup setup = {.frame_limit = 100, .on_frame = on_frame, .on_end = on_end};
    int ends[2];

    ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
    other_end = ends[1];
    ck_assert_int_ge(sd_event_new(&loop), 0);
    ck_assert_int_eq(stream_open(loop, ends[0], &setup, &stream), 0);
    stream_cork(stream, true);
}

static void close_stream(void)
{
    stream_free(stream);
    (void)sd_event_unref(loop);
    (void)close(other_end);
}

static void send_one(unsigned char number, size_t length)
{
    unsigned char *payload = malloc(length);

    memset(payload, number, length);
    ck_assert_int_eq(stream_send(stream, number, payload, length), 0);
    free(payload);
}

/* The next frame is this one, whole; the loop goes on with what the socket did not take. */
static void expect_frame(unsigned char number, size_t length)
{
    size_t left = HEADER_SIZE + length;
    unsigned char *bytes = calloc(1, left);
    size_t whole = 0;
    size_t got = 0;

    while (got < left) {
        ssize_t count = recv(other_end, bytes + got, left - got, MSG_DONTWAIT);

        if (count < 0) {
            ck_assert_int_gt(sd_event_run(loop, 0), 0);
        } else {
            got += (size_t)count;
        }
    }
    ck_assert_int_eq(bytes[4], number);
    for (size_t i = HEADER_SIZE; i < left && bytes[i] == number; i++) {
        whole++;
    }
    ck_assert_uint_eq(whole, length);
    free(bytes);
}

static void expect_nothing(void)
{
    char byte;

    while (sd_event_run(loop, 0) > 0) {
    }
    ck_assert_int_eq(recv(other_end, &byte, 1, MSG_DONTWAIT), -1);
}

START_TEST(a_corked_stream_keeps_what_it_is_given)
{
    send_one(1, 10);
    expect_nothing();
    stream_cork(stream, false);
    expect_frame(1, 10);
    send_one(2, 10);
    expect_frame(2, 10);
}
END_TEST

START_TEST(what_comes_after_the_mark_stays)
{
    send_one(1, 10);
    stream_mark(stream);
    send_one(2, 10);
    expect_nothing();
    stream_release_marked(stream);
    expect_frame(1, 10);
    expect_nothing();
    stream_release_marked(stream);
    expect_nothing();
    stream_mark(stream);
    stream_release_marked(stream);
    expect_frame(2, 10);
    ck_assert_uint_eq(stream_queued(stream), 0);
}
END_TEST

/* The other end takes one frame for each that is let out, so that the socket is always full. */
START_TEST(a_slow_reader_gets_all_in_order_and_nothing_early)
{
    int released = 0;

    for (int sent = 0; sent < FRAMES; sent++) {
        send_one((unsigned char)sent, LARGE + (size_t)sent);
        if (sent % 3 == 0) {
            stream_mark(stream);
        }
        if (sent % 5 == 0) {
            stream_release_marked(stream);
        }
        if (sent > FRAMES / 2) {
            expect_frame((unsigned char)released, LARGE + (size_t)released);
            released++;
        }
    }
    stream_mark(stream);
    stream_release_marked(stream);
    for (; released < FRAMES; released++) {
        expect_frame((unsigned char)released, LARGE + (size_t)released);
    }
    ck_assert_uint_eq(stream_queued(stream), 0);
    expect_nothing();
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("stream");
    TCase *tests = tcase_create("corked");

    tcase_add_checked_fixture(tests, open_stream, close_stream);
    tcase_add_test(tests, a_corked_stream_keeps_what_it_is_given);
    tcase_add_test(tests, what_comes_after_the_mark_stays);
    tcase_add_test(tests, a_slow_reader_gets_all_in_order_and_nothing_early);
    suite_add_tcase(suite, tests);
    return suite_run(suite);
}
