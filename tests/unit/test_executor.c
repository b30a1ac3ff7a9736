#include <check.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "assent/base/clock.h"
#include "assent/base/executor.h"
#include "support/suite.h"

enum { PATIENCE_MS = 5000, KEPT = 32 };

static const unsigned char ITS_DIGEST[PROTOCOL_DIGEST_SIZE] = "the digest of tell-team";
static const unsigned char OTHER_DIGEST[PROTOCOL_DIGEST_SIZE] = "the digest after a reload";

/* What core has received on one stream. */
struct core {
    struct stream *stream;
    bool ended;
    size_t count;
    uint16_t types[KEPT];
    struct buffer payloads[KEPT];
};

static sd_event *loop;
static struct executor *executor;
static struct core cores[3];
static unsigned begun;
static char begun_key[PROTOCOL_KEY_LIMIT + 1];
static unsigned emptied;
static unsigned canceled;
static unsigned asked;
static unsigned lost;
static bool finish_at_once;

/* --- the two sides ---------------------------------------------------------------------------- */

static int core_takes(struct stream *stream, const struct frame *frame, void *userdata)
{
    struct core *core = userdata;

    (void)stream;
    ck_assert_uint_lt(core->count, KEPT);
    core->types[core->count] = frame->type;
    ck_assert_int_eq(buffer_append(&core->payloads[core->count], frame->payload, frame->length), 0);
    core->count++;
    return 0;
}

static void core_sees_the_end(struct stream *stream, int reason, void *userdata)
{
    struct core *core = userdata;

    (void)reason;
    stream_free(stream);
    core->stream = NULL;
    core->ended = true;
}

static void finish(const char *key, const char *output)
{
    const struct protocol_result result = {
        .attempt = {.key = key, .item = PROTOCOL_NO_ITEM, .n = 1},
        .ending = ENDING_SUCCEEDED,
        .started_at = 1000,
        .ended_at = 2000,
        .standard_output = {.head = output, .head_length = strlen(output)},
    };

    ck_assert_int_eq(executor_finish(executor, &result), 0);
}

static void on_begin(void *userdata, const struct protocol_start *start)
{
    (void)userdata;
    begun++;
    strncpy(begun_key, start->attempt.key, sizeof begun_key - 1);
    if (finish_at_once) {
        finish(start->attempt.key, "at once");
    }
}

static void on_cancel(void *userdata, const struct protocol_attempt *attempt)
{
    (void)userdata;
    (void)attempt;
    canceled++;
}

static bool on_peek(void *userdata, struct protocol_peeked *peeked)
{
    (void)userdata;
    peeked->standard_output = (struct protocol_output){.head = "so far", .head_length = 6};
    return true;
}

static int on_other_frame(void *userdata, const struct frame *frame)
{
    (void)userdata;
    asked += frame->type == FRAME_LOOKUP;
    return frame->type == FRAME_LOOKUP ? 0 : -EBADMSG;
}

static void on_lost(void *userdata)
{
    (void)userdata;
    lost++;
}

static void on_empty(void *userdata)
{
    (void)userdata;
    ck_assert_uint_eq(executor_held(executor), 0);
    emptied++;
}

static void set_up(void)
{
    const struct executor_setup setup = {
        .begin = on_begin,
        .cancel = on_cancel,
        .peek = on_peek,
        .frame = on_other_frame,
        .on_lost = on_lost,
        .on_empty = on_empty,
    };
    struct executor_setup complete = setup;
    struct protocol_digest digest = {.hook = "tell-team"};
    const struct protocol_digests digests = {.count = 1, .digests = &digest};

    ck_assert_int_ge(sd_event_new(&loop), 0);
    complete.loop = loop;
    memcpy(digest.digest, ITS_DIGEST, sizeof ITS_DIGEST);
    ck_assert_int_eq(executor_new(&complete, &executor), 0);
    ck_assert_int_eq(executor_set_digests(executor, &digests), 0);
    begun = 0;
    emptied = 0;
    canceled = 0;
    asked = 0;
    lost = 0;
    finish_at_once = false;
    memset(cores, 0, sizeof cores);
}

static void core_goes(struct core *core)
{
    stream_free(core->stream);
    core->stream = NULL;
}

static void tear_down(void)
{
    executor_free(executor);
    executor = NULL;
    for (size_t i = 0; i < sizeof cores / sizeof cores[0]; i++) {
        core_goes(&cores[i]);
        for (size_t j = 0; j < KEPT; j++) {
            buffer_free(&cores[i].payloads[j]);
        }
    }
    loop = sd_event_unref(loop);
}

/* --- steps ------------------------------------------------------------------------------------ */

static void connect_core(struct core *core)
{
    const struct stream_setup setup = {
        .frame_limit = PROTOCOL_RESULT_LIMIT,
        .on_frame = core_takes,
        .on_end = core_sees_the_end,
        .userdata = core,
    };
    int ends[2];

    ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
    ck_assert_int_eq(stream_open(loop, ends[0], &setup, &core->stream), 0);
    ck_assert_int_eq(executor_take_stream(executor, ends[1]), 0);
}

static void await_frames(struct core *core, size_t count)
{
    int64_t deadline = clock_monotonic_ms() + PATIENCE_MS;

    while (core->count < count) {
        ck_assert_msg(clock_monotonic_ms() < deadline, "only %zu of %zu frames came", core->count,
                      count);
        ck_assert_int_ge(sd_event_run(loop, 100000), 0);
    }
}

static void send_start(struct core *core, const char *key, const char *hook,
                       const unsigned char *digest)
{
    struct protocol_start start = {
        .attempt = {.key = key, .item = PROTOCOL_NO_ITEM, .n = 1},
        .job = 17,
        .hook = hook,
        .record = "{}",
        .record_length = 2,
    };
    struct buffer payload = {0};

    memcpy(start.digest, digest, sizeof start.digest);
    ck_assert_int_eq(protocol_encode_start(&payload, &start), 0);
    ck_assert_int_eq(stream_send(core->stream, FRAME_START, payload.data, payload.length), 0);
    buffer_free(&payload);
}

static void start(struct core *core, const char *key)
{
    send_start(core, key, "tell-team", ITS_DIGEST);
}

static void name_attempt(struct core *core, enum protocol_frame type, const char *key)
{
    const struct protocol_attempt attempt = {.key = key, .item = PROTOCOL_NO_ITEM, .n = 1};
    struct buffer payload = {0};

    ck_assert_int_eq(protocol_encode_attempt(&payload, &attempt), 0);
    ck_assert_int_eq(stream_send(core->stream, type, payload.data, payload.length), 0);
    buffer_free(&payload);
}

static void acknowledge(struct core *core, const char *key)
{
    name_attempt(core, FRAME_ACK, key);
}

/* Frames are handled in order: what was sent before this has been handled when the answer to it
 * comes. */
static void settle(struct core *core)
{
    size_t before = core->count;

    send_start(core, "settle", "no-such-hook", ITS_DIGEST);
    await_frames(core, before + 1);
    while (core->types[core->count - 1] != FRAME_REFUSED) {
        await_frames(core, core->count + 1);
    }
}

static struct frame frame_at(struct core *core, size_t index)
{
    ck_assert_uint_lt(index, core->count);
    return (struct frame){.type = core->types[index],
                          .payload = core->payloads[index].data,
                          .length = core->payloads[index].length};
}

static void expect_result(struct core *core, size_t index, const char *key, const char *output)
{
    struct frame frame = frame_at(core, index);
    struct protocol_result result;

    ck_assert_uint_eq(frame.type, FRAME_RESULT);
    ck_assert_int_eq(protocol_decode_result(&frame, &result), 0);
    ck_assert_str_eq(result.attempt.key, key);
    ck_assert_int_eq(result.ending, ENDING_SUCCEEDED);
    ck_assert_uint_eq(result.standard_output.head_length, strlen(output));
    ck_assert_mem_eq(result.standard_output.head, output, strlen(output));
}

static void expect_refused(struct core *core, size_t index, const char *key)
{
    struct frame frame = frame_at(core, index);
    struct protocol_attempt attempt;

    ck_assert_uint_eq(frame.type, FRAME_REFUSED);
    ck_assert_int_eq(protocol_decode_attempt(&frame, &attempt), 0);
    ck_assert_str_eq(attempt.key, key);
}

static struct protocol_hello hello_of(struct core *core)
{
    struct frame frame;
    struct protocol_hello hello;

    await_frames(core, 1);
    frame = frame_at(core, 0);
    ck_assert_uint_eq(frame.type, FRAME_HELLO);
    ck_assert_int_eq(protocol_decode_hello(&frame, &hello), 0);
    return hello;
}

/* --- scenarios -------------------------------------------------------------------------------- */

START_TEST(it_says_hello_with_its_digests_and_nothing_else)
{
    struct protocol_hello hello;

    connect_core(&cores[0]);
    hello = hello_of(&cores[0]);
    ck_assert_uint_eq(hello.digests.count, 1);
    ck_assert_str_eq(hello.digests.digests[0].hook, "tell-team");
    ck_assert_mem_eq(hello.digests.digests[0].digest, ITS_DIGEST, PROTOCOL_DIGEST_SIZE);
    ck_assert_uint_eq(hello.attempt_count, 0);
    protocol_hello_free(&hello);
}
END_TEST

START_TEST(a_start_begins_and_its_result_is_told)
{
    connect_core(&cores[0]);
    start(&cores[0], "k1");
    settle(&cores[0]);
    ck_assert_uint_eq(begun, 1);
    ck_assert_str_eq(begun_key, "k1");
    ck_assert_uint_eq(executor_held(executor), 1);
    finish("k1", "done");
    await_frames(&cores[0], 3);
    expect_result(&cores[0], 2, "k1", "done");
}
END_TEST

START_TEST(an_attempt_may_finish_from_inside_its_beginning)
{
    finish_at_once = true;
    connect_core(&cores[0]);
    start(&cores[0], "k1");
    await_frames(&cores[0], 2);
    expect_result(&cores[0], 1, "k1", "at once");
}
END_TEST

START_TEST(a_repeated_start_of_a_running_attempt_begins_nothing)
{
    connect_core(&cores[0]);
    start(&cores[0], "k1");
    start(&cores[0], "k1");
    send_start(&cores[0], "k1", "tell-team", OTHER_DIGEST);
    settle(&cores[0]);
    ck_assert_uint_eq(begun, 1);
    ck_assert_uint_eq(cores[0].count, 2);
}
END_TEST

START_TEST(a_repeated_start_of_a_finished_attempt_repeats_its_result)
{
    connect_core(&cores[0]);
    start(&cores[0], "k1");
    settle(&cores[0]);
    finish("k1", "done");
    start(&cores[0], "k1");
    await_frames(&cores[0], 4);
    expect_result(&cores[0], 2, "k1", "done");
    expect_result(&cores[0], 3, "k1", "done");
    ck_assert_uint_eq(begun, 1);
}
END_TEST

START_TEST(attempts_differ_by_key_item_and_number)
{
    struct protocol_start other = {
        .attempt = {.key = "k1", .item = 3, .n = 1},
        .hook = "tell-team",
        .record = "{}",
        .record_length = 2,
    };

    connect_core(&cores[0]);
    start(&cores[0], "k1");
    start(&cores[0], "k2");
    memcpy(other.digest, ITS_DIGEST, sizeof other.digest);
    for (uint32_t n = 1; n <= 2; n++) {
        struct buffer payload = {0};
        other.attempt.n = n;
        ck_assert_int_eq(protocol_encode_start(&payload, &other), 0);
        ck_assert_int_eq(stream_send(cores[0].stream, FRAME_START, payload.data, payload.length),
                         0);
        buffer_free(&payload);
    }
    settle(&cores[0]);
    ck_assert_uint_eq(begun, 4);
}
END_TEST

START_TEST(an_ack_forgets_so_that_the_same_start_would_begin_again)
{
    connect_core(&cores[0]);
    start(&cores[0], "k1");
    settle(&cores[0]);
    finish("k1", "done");
    ck_assert_uint_eq(executor_held(executor), 1);
    acknowledge(&cores[0], "k1");
    acknowledge(&cores[0], "k1");
    settle(&cores[0]);
    ck_assert_uint_eq(executor_held(executor), 0);
    ck_assert_uint_eq(emptied, 1);
    start(&cores[0], "k1");
    settle(&cores[0]);
    ck_assert_uint_eq(begun, 2);
}
END_TEST

START_TEST(a_cancel_reaches_what_runs_and_nothing_else)
{
    connect_core(&cores[0]);
    start(&cores[0], "first");
    name_attempt(&cores[0], FRAME_CANCEL, "first");
    name_attempt(&cores[0], FRAME_CANCEL, "never-started");
    settle(&cores[0]);
    ck_assert_uint_eq(canceled, 1);
    finish("first", "it was quicker");
    name_attempt(&cores[0], FRAME_CANCEL, "first");
    settle(&cores[0]);
    ck_assert_uint_eq(canceled, 1);
}
END_TEST

START_TEST(what_runs_can_be_looked_at_and_nothing_else)
{
    struct protocol_peeked peeked;
    struct frame frame;

    connect_core(&cores[0]);
    start(&cores[0], "first");
    name_attempt(&cores[0], FRAME_PEEK, "never-started");
    name_attempt(&cores[0], FRAME_PEEK, "first");
    await_frames(&cores[0], 2);
    frame = frame_at(&cores[0], 1);
    ck_assert_uint_eq(frame.type, FRAME_PEEKED);
    ck_assert_int_eq(protocol_decode_peeked(&frame, &peeked), 0);
    ck_assert_str_eq(peeked.attempt.key, "first");
    ck_assert_mem_eq(peeked.standard_output.head, "so far", 6);
    finish("first", "all");
    name_attempt(&cores[0], FRAME_PEEK, "first");
    settle(&cores[0]);
    ck_assert_uint_eq(cores[0].types[2], FRAME_RESULT);
    ck_assert_uint_eq(cores[0].types[3], FRAME_REFUSED);
}
END_TEST

START_TEST(what_is_no_frame_of_attempts_is_handed_on)
{
    struct buffer payload = {0};
    struct frame frame;

    connect_core(&cores[0]);
    ck_assert_int_eq(stream_send(cores[0].stream, FRAME_LOOKUP, "what?", 5), 0);
    settle(&cores[0]);
    ck_assert_uint_eq(asked, 1);
    ck_assert_int_eq(buffer_append_text(&payload, "that"), 0);
    ck_assert_int_eq(executor_send(executor, FRAME_LOOKED_UP, &payload), 0);
    settle(&cores[0]);
    frame = frame_at(&cores[0], 2);
    ck_assert_uint_eq(frame.type, FRAME_LOOKED_UP);
    ck_assert_uint_eq(frame.length, 4);
    ck_assert_mem_eq(frame.payload, "that", 4);
    ck_assert_uint_eq(lost, 0);
    core_goes(&cores[0]);
    while (lost == 0) {
        ck_assert_int_gt(sd_event_run(loop, (uint64_t)PATIENCE_MS * 1000), 0);
    }
    ck_assert_int_eq(executor_send(executor, FRAME_LOOKED_UP, &payload), 0);
    connect_core(&cores[1]);
    settle(&cores[1]);
    ck_assert_uint_eq(cores[1].count, 2);
    ck_assert_uint_eq(cores[1].types[0], FRAME_HELLO);
    ck_assert_uint_eq(lost, 1);
    buffer_free(&payload);
}
END_TEST

START_TEST(a_frame_that_nobody_takes_breaks_the_stream)
{
    connect_core(&cores[0]);
    ck_assert_int_eq(stream_send(cores[0].stream, FRAME_RESPONSE, "", 0), 0);
    while (!cores[0].ended) {
        ck_assert_int_gt(sd_event_run(loop, (uint64_t)PATIENCE_MS * 1000), 0);
    }
    ck_assert_uint_eq(asked, 0);
    ck_assert_uint_eq(lost, 1);
}
END_TEST

START_TEST(an_ack_of_a_running_attempt_breaks_the_stream_and_forgets_nothing)
{
    connect_core(&cores[0]);
    start(&cores[0], "k1");
    acknowledge(&cores[0], "k1");
    while (!cores[0].ended) {
        ck_assert_int_gt(sd_event_run(loop, (uint64_t)PATIENCE_MS * 1000), 0);
    }
    ck_assert_uint_eq(executor_held(executor), 1);
}
END_TEST

START_TEST(an_unknown_hook_is_refused)
{
    connect_core(&cores[0]);
    send_start(&cores[0], "k1", "no-such-hook", ITS_DIGEST);
    await_frames(&cores[0], 2);
    expect_refused(&cores[0], 1, "k1");
    ck_assert_uint_eq(begun, 0);
    ck_assert_uint_eq(executor_held(executor), 0);
}
END_TEST

START_TEST(another_digest_is_refused_and_taken_once_it_is_the_executors_own)
{
    struct protocol_digest digest = {.hook = "tell-team"};
    const struct protocol_digests digests = {.count = 1, .digests = &digest};
    struct protocol_digests told;
    struct frame frame;

    connect_core(&cores[0]);
    send_start(&cores[0], "k1", "tell-team", OTHER_DIGEST);
    await_frames(&cores[0], 2);
    expect_refused(&cores[0], 1, "k1");

    memcpy(digest.digest, OTHER_DIGEST, sizeof OTHER_DIGEST);
    ck_assert_int_eq(executor_set_digests(executor, &digests), 0);
    await_frames(&cores[0], 3);
    frame = frame_at(&cores[0], 2);
    ck_assert_uint_eq(frame.type, FRAME_DIGESTS);
    ck_assert_int_eq(protocol_decode_digests(&frame, &told), 0);
    ck_assert_uint_eq(told.count, 1);
    ck_assert_mem_eq(told.digests[0].digest, OTHER_DIGEST, PROTOCOL_DIGEST_SIZE);
    protocol_digests_free(&told);

    send_start(&cores[0], "k1", "tell-team", OTHER_DIGEST);
    settle(&cores[0]);
    ck_assert_uint_eq(begun, 1);
}
END_TEST

START_TEST(once_quiesced_it_refuses_what_is_new_and_keeps_what_it_has)
{
    connect_core(&cores[0]);
    start(&cores[0], "k1");
    settle(&cores[0]);
    executor_quiesce(executor);
    start(&cores[0], "k1");
    start(&cores[0], "k2");
    await_frames(&cores[0], 3);
    expect_refused(&cores[0], 2, "k2");
    ck_assert_uint_eq(begun, 1);
    ck_assert_uint_eq(executor_held(executor), 1);
}
END_TEST

START_TEST(once_it_has_left_core_hears_of_the_end_and_of_no_result)
{
    const struct protocol_result result = {
        .attempt = {.key = "k1", .item = PROTOCOL_NO_ITEM, .n = 1},
        .ending = ENDING_INTERRUPTED,
    };
    size_t told;

    connect_core(&cores[0]);
    start(&cores[0], "k1");
    settle(&cores[0]);
    told = cores[0].count;
    executor_leave(executor);
    ck_assert_int_eq(executor_finish(executor, &result), 0);
    while (!cores[0].ended) {
        ck_assert_int_ge(sd_event_run(loop, UINT64_MAX), 0);
    }
    ck_assert_uint_eq(cores[0].count, told);
    ck_assert_uint_eq(executor_held(executor), 1);
}
END_TEST

START_TEST(a_new_core_hears_of_every_attempt_and_of_every_result_again)
{
    struct protocol_hello first;
    struct protocol_hello second;

    connect_core(&cores[0]);
    start(&cores[0], "running");
    start(&cores[0], "finished");
    start(&cores[0], "acknowledged");
    settle(&cores[0]);
    finish("finished", "one");
    finish("acknowledged", "two");
    acknowledge(&cores[0], "acknowledged");
    settle(&cores[0]);
    first = hello_of(&cores[0]);

    core_goes(&cores[0]);
    connect_core(&cores[1]);
    second = hello_of(&cores[1]);
    ck_assert_mem_eq(first.incarnation, second.incarnation, PROTOCOL_INCARNATION_SIZE);
    ck_assert_uint_eq(second.attempt_count, 2);
    for (size_t i = 0; i < 2; i++) {
        ck_assert(strcmp(second.attempts[i].key, "running") == 0 ||
                  strcmp(second.attempts[i].key, "finished") == 0);
        ck_assert_int_eq(second.attempts[i].item, PROTOCOL_NO_ITEM);
        ck_assert_uint_eq(second.attempts[i].n, 1);
    }
    ck_assert_str_ne(second.attempts[0].key, second.attempts[1].key);
    await_frames(&cores[1], 2);
    expect_result(&cores[1], 1, "finished", "one");
    settle(&cores[1]);
    ck_assert_uint_eq(cores[1].count, 3);
    protocol_hello_free(&first);
    protocol_hello_free(&second);
}
END_TEST

START_TEST(what_ends_while_core_is_away_is_told_to_the_next_one)
{
    struct protocol_hello hello;

    connect_core(&cores[0]);
    start(&cores[0], "k1");
    settle(&cores[0]);
    core_goes(&cores[0]);
    while (sd_event_run(loop, 0) > 0) {
    }
    finish("k1", "meanwhile");
    connect_core(&cores[1]);
    hello = hello_of(&cores[1]);
    ck_assert_uint_eq(hello.attempt_count, 1);
    await_frames(&cores[1], 2);
    expect_result(&cores[1], 1, "k1", "meanwhile");
    protocol_hello_free(&hello);
}
END_TEST

/* Writes to the executor without waiting for the loop, as a core that is killed right after. */
static void write_and_go(struct core *core, const char *key)
{
    start(core, key);
    ck_assert_uint_eq(stream_queued(core->stream), 0);
    core_goes(core);
}

START_TEST(the_old_stream_is_read_to_its_end_before_hello_on_the_new_one)
{
    struct protocol_hello hello;

    connect_core(&cores[0]);
    write_and_go(&cores[0], "k1");
    connect_core(&cores[1]);
    ck_assert_uint_eq(begun, 0);
    hello = hello_of(&cores[1]);
    ck_assert_uint_eq(begun, 1);
    ck_assert_uint_eq(hello.attempt_count, 1);
    ck_assert_str_eq(hello.attempts[0].key, "k1");
    protocol_hello_free(&hello);
}
END_TEST

START_TEST(of_two_streams_that_wait_the_last_is_taken)
{
    struct protocol_hello hello;

    connect_core(&cores[0]);
    write_and_go(&cores[0], "k1");
    connect_core(&cores[1]);
    connect_core(&cores[2]);
    hello = hello_of(&cores[2]);
    ck_assert_uint_eq(hello.attempt_count, 1);
    while (!cores[1].ended) {
        ck_assert_int_gt(sd_event_run(loop, (uint64_t)PATIENCE_MS * 1000), 0);
    }
    ck_assert_uint_eq(cores[1].count, 0);
    protocol_hello_free(&hello);
}
END_TEST

START_TEST(a_frame_cut_short_was_never_received)
{
    /* length 100, type START, and no more */
    static const unsigned char piece[] = {100, 0, 0, 0, FRAME_START, 0, 1};
    struct protocol_hello hello;
    int ends[2];

    ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
    ck_assert_int_eq(executor_take_stream(executor, ends[1]), 0);
    ck_assert_int_eq(write(ends[0], piece, sizeof piece), sizeof piece);
    ck_assert_int_eq(close(ends[0]), 0);
    connect_core(&cores[0]);
    hello = hello_of(&cores[0]);
    ck_assert_uint_eq(hello.attempt_count, 0);
    ck_assert_uint_eq(begun, 0);
    protocol_hello_free(&hello);
}
END_TEST

START_TEST(only_what_runs_can_finish)
{
    const struct protocol_result result = {
        .attempt = {.key = "k1", .item = PROTOCOL_NO_ITEM, .n = 1},
        .ending = ENDING_SUCCEEDED,
    };

    ck_assert_int_eq(executor_finish(executor, &result), -ENOENT);
    connect_core(&cores[0]);
    start(&cores[0], "k1");
    settle(&cores[0]);
    ck_assert_int_eq(executor_finish(executor, &result), 0);
    ck_assert_int_eq(executor_finish(executor, &result), -ENOENT);
}
END_TEST

START_TEST(each_executor_has_an_incarnation_of_its_own)
{
    struct protocol_hello first;
    struct protocol_hello second;

    connect_core(&cores[0]);
    first = hello_of(&cores[0]);
    executor_free(executor);
    ck_assert_int_eq(
        executor_new(&(struct executor_setup){.loop = loop, .begin = on_begin}, &executor), 0);
    connect_core(&cores[1]);
    second = hello_of(&cores[1]);
    ck_assert_mem_ne(first.incarnation, second.incarnation, PROTOCOL_INCARNATION_SIZE);
    protocol_hello_free(&first);
    protocol_hello_free(&second);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("executor");
    TCase *tests = tcase_create("executor");

    tcase_add_checked_fixture(tests, set_up, tear_down);
    tcase_add_test(tests, it_says_hello_with_its_digests_and_nothing_else);
    tcase_add_test(tests, a_start_begins_and_its_result_is_told);
    tcase_add_test(tests, an_attempt_may_finish_from_inside_its_beginning);
    tcase_add_test(tests, a_repeated_start_of_a_running_attempt_begins_nothing);
    tcase_add_test(tests, a_repeated_start_of_a_finished_attempt_repeats_its_result);
    tcase_add_test(tests, attempts_differ_by_key_item_and_number);
    tcase_add_test(tests, an_ack_forgets_so_that_the_same_start_would_begin_again);
    tcase_add_test(tests, a_cancel_reaches_what_runs_and_nothing_else);
    tcase_add_test(tests, what_runs_can_be_looked_at_and_nothing_else);
    tcase_add_test(tests, what_is_no_frame_of_attempts_is_handed_on);
    tcase_add_test(tests, a_frame_that_nobody_takes_breaks_the_stream);
    tcase_add_test(tests, an_ack_of_a_running_attempt_breaks_the_stream_and_forgets_nothing);
    tcase_add_test(tests, an_unknown_hook_is_refused);
    tcase_add_test(tests, another_digest_is_refused_and_taken_once_it_is_the_executors_own);
    tcase_add_test(tests, once_quiesced_it_refuses_what_is_new_and_keeps_what_it_has);
    tcase_add_test(tests, once_it_has_left_core_hears_of_the_end_and_of_no_result);
    tcase_add_test(tests, a_new_core_hears_of_every_attempt_and_of_every_result_again);
    tcase_add_test(tests, what_ends_while_core_is_away_is_told_to_the_next_one);
    tcase_add_test(tests, the_old_stream_is_read_to_its_end_before_hello_on_the_new_one);
    tcase_add_test(tests, of_two_streams_that_wait_the_last_is_taken);
    tcase_add_test(tests, a_frame_cut_short_was_never_received);
    tcase_add_test(tests, only_what_runs_can_finish);
    tcase_add_test(tests, each_executor_has_an_incarnation_of_its_own);
    suite_add_tcase(suite, tests);
    return suite_run(suite);
}
