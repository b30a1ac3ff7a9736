/*
 * What a corked stream lets out, and when. (Frames, limits and ends: tests/fuzz/fuzz_stream.c, and every
 * test of two roles.)
 */
#include <check.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "assent/base/stream.h"

static sd_event *loop;
static struct stream *stream;
static int other;

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
    const struct stream_setup setup = {.frame_limit = 16, .on_frame = on_frame, .on_end = on_end};
    int ends[2];

    ck_assert_int_ge(sd_event_new(&loop), 0);
    ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
    ck_assert_int_eq(stream_open(loop, ends[0], &setup, &stream), 0);
    other = ends[1];
    stream_cork(stream, true);
}

static void close_stream(void)
{
    stream_free(stream);
    (void)close(other);
    (void)sd_event_unref(loop);
}

static void say(const char *letter)
{
    ck_assert_int_eq(stream_send(stream, 7, letter, 1), 0);
}

/* What has come out: the payloads, one letter each. */
static void expect(const char *letters)
{
    unsigned char bytes[256];
    ssize_t length = recv(other, bytes, sizeof bytes, MSG_DONTWAIT);
    char got[sizeof bytes] = "";

    for (ssize_t i = 0; i * 7 < length; i++) {
        got[i] = (char)bytes[i * 7 + 6];
    }
    ck_assert_str_eq(got, letters);
}

START_TEST(what_is_sealed_is_let_out_and_nothing_behind_it)
{
    say("a");
    say("b");
    stream_let_out(stream);
    expect("");
    stream_seal(stream);
    say("c");
    expect("");
    stream_let_out(stream);
    expect("ab");
    stream_let_out(stream);
    expect("");
    stream_seal(stream);
    say("d");
    stream_let_out(stream);
    expect("c");
    stream_seal(stream);
    stream_let_out(stream);
    expect("d");
    ck_assert_uint_eq(stream_queued(stream), 0);
}
END_TEST

START_TEST(uncorking_lets_out_all)
{
    say("a");
    stream_seal(stream);
    say("b");
    stream_cork(stream, false);
    expect("ab");
    say("c");
    expect("c");
    stream_cork(stream, true);
    say("d");
    stream_let_out(stream);
    expect("");
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("stream");
    TCase *tests = tcase_create("corked");
    SRunner *runner = srunner_create(suite);
    int failed;

    tcase_add_checked_fixture(tests, open_stream, close_stream);
    tcase_add_test(tests, what_is_sealed_is_let_out_and_nothing_behind_it);
    tcase_add_test(tests, uncorking_lets_out_all);
    suite_add_tcase(suite, tests);
    srunner_run_all(runner, CK_NORMAL);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
