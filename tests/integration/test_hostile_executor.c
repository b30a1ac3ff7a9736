/*
 * An attacker who owns runner or caller: it can lie about what it was given, but nothing else is
 * started, approved, told or kept for it, and a real core goes on.
 */
#include <check.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "assent/base/clock.h"
#include "integration/core_rig.h"
#include "support/nasty.h"
#include "support/patience.h"
#include "support/suite.h"

static struct core_rig rig;

static void set_up(void)
{
    core_rig_open(&rig);
    core_rig_register(&rig, "daimon", "req_1", "pay");
    core_rig_register(&rig, "daimon", "req_2", "slow");
    core_rig_register(&rig, "other", "req_3", "pay");
}

static void tear_down(void)
{
    core_rig_close(&rig);
}

static void both_ready(void)
{
    core_rig_hello(&rig, ROLE_RUNNER, 1);
    core_rig_hello(&rig, ROLE_CALLER, 1);
    core_rig_settle_executor(&rig, ROLE_RUNNER);
    core_rig_settle_executor(&rig, ROLE_CALLER);
}

static void approve(const char *id)
{
    char body[128];

    (void)snprintf(body, sizeof body, "{\"requestId\":\"%s\",\"status\":\"approved\"}", id);
    ck_assert_uint_eq(core_rig_webhook(&rig, CORE_RIG_PATH, CORE_RIG_SECRET, body), 200);
}

/* The attempt that one executor was given, with a key that outlives the frame. */
struct given {
    char key[PROTOCOL_KEY_LIMIT + 1];
    struct protocol_attempt attempt;
};

static void take_start(struct given *given, enum role executor, const char *hook)
{
    struct protocol_start start = core_rig_started(&rig, executor, hook);

    (void)snprintf(given->key, sizeof given->key, "%s", start.attempt.key);
    given->attempt = start.attempt;
    given->attempt.key = given->key;
}

static void say_attempt(enum role executor, uint16_t type, const struct protocol_attempt *attempt)
{
    struct buffer payload = {0};

    ck_assert_int_eq(protocol_encode_attempt(&payload, attempt), 0);
    (void)core_rig_say(&rig, executor, type, &payload);
    buffer_free(&payload);
}

static struct protocol_result success_of(const struct protocol_attempt *attempt)
{
    return (struct protocol_result){.attempt = *attempt,
                                    .ending = ENDING_SUCCEEDED,
                                    .started_at = clock_now_ms(),
                                    .ended_at = clock_now_ms()};
}

static void expect_jobs(size_t count, const char *state)
{
    char query[64];

    (void)snprintf(query, sizeof query, "state=%s", state);
    ck_assert_msg(core_rig_count(&rig, "jobs", query) == count, "%zu jobs are %s, not %zu",
                  core_rig_count(&rig, "jobs", query), state, count);
}

/* Nothing that was not decided has changed. */
static void expect_pending(size_t count)
{
    ck_assert_uint_eq(core_rig_count(&rig, "requests", "state=pending"), count);
}

/* --- results ---------------------------------------------------------------------------------- */

START_TEST(results_of_what_was_never_started_change_nothing)
{
    struct given program;
    struct protocol_result result;

    both_ready();
    approve("req_1");
    take_start(&program, ROLE_RUNNER, "pay-program");
    result = success_of(&program.attempt);
    result.attempt.n = 2;
    core_rig_result(&rig, ROLE_RUNNER, &result);
    core_rig_expect_ack(&rig, ROLE_RUNNER, program.key);
    result.attempt.n = UINT32_MAX;
    core_rig_result(&rig, ROLE_RUNNER, &result);
    core_rig_expect_ack(&rig, ROLE_RUNNER, program.key);
    result.attempt.n = 1;
    result.attempt.item = INT64_MAX;
    core_rig_result(&rig, ROLE_RUNNER, &result);
    core_rig_expect_ack(&rig, ROLE_RUNNER, program.key);
    result.attempt.item = PROTOCOL_NO_ITEM;
    result.attempt.key = "\xff\xfe'; DROP TABLE job; --";
    core_rig_result(&rig, ROLE_RUNNER, &result);
    core_rig_expect_ack(&rig, ROLE_RUNNER, result.attempt.key);
    expect_jobs(2, "running");
    expect_pending(2);
}
END_TEST

START_TEST(a_result_of_what_the_other_was_given_ends_the_stream)
{
    struct given program;
    struct given call;
    struct protocol_result result;

    both_ready();
    approve("req_1");
    take_start(&program, ROLE_RUNNER, "pay-program");
    take_start(&call, ROLE_CALLER, "pay-call");
    result = success_of(&call.attempt);
    core_rig_result(&rig, ROLE_RUNNER, &result);
    core_rig_expect_broken(&rig, ROLE_RUNNER);
    expect_jobs(2, "running");
    expect_pending(2);
}
END_TEST

START_TEST(a_refusal_of_what_the_other_was_given_ends_the_stream)
{
    struct given call;

    both_ready();
    approve("req_1");
    take_start(&call, ROLE_CALLER, "pay-call");
    say_attempt(ROLE_RUNNER, FRAME_REFUSED, &call.attempt);
    core_rig_expect_broken(&rig, ROLE_RUNNER);
    expect_jobs(2, "running");
}
END_TEST

/* What its stream lost is a start like any other, though it is on disk as one. */
START_TEST(what_never_reached_it_is_not_started_while_that_is_paused)
{
    struct given program;
    struct given again;

    both_ready();
    approve("req_1");
    take_start(&program, ROLE_RUNNER, "pay-program");
    core_rig_replace(&rig, ROLE_RUNNER);
    json_decref(core_rig_control(&rig, "POST", "/v1/pause", _i == 0 ? "" : "hook=pay-program", ""));
    core_rig_hello(&rig, ROLE_RUNNER, 1);
    core_rig_settle_executor(&rig, ROLE_RUNNER);
    expect_jobs(1, "queued");
    json_decref(
        core_rig_control(&rig, "POST", "/v1/resume", _i == 0 ? "" : "hook=pay-program", ""));
    take_start(&again, ROLE_RUNNER, "pay-program");
    ck_assert_str_eq(again.key, program.key);
    ck_assert_uint_eq(again.attempt.n, 1);
}
END_TEST

/* Executors outlive core: they may be there before the supervisor has said that it is to begin. */
START_TEST(what_is_paused_is_not_started_by_a_core_that_has_not_begun)
{
    json_decref(core_rig_control(&rig, "POST", "/v1/pause", _i == 0 ? "" : "hook=pay-program", ""));
    approve("req_1");
    core_rig_kill_and_restart(&rig);
    core_rig_hello(&rig, ROLE_RUNNER, 1);
    core_rig_settle_executor(&rig, ROLE_RUNNER);
    core_rig_begin(&rig);
    core_rig_settle_executor(&rig, ROLE_RUNNER);
    expect_jobs(2, "queued");
}
END_TEST

/* What was on its way as its hook went: the runner has taken the reload before it took the START, or
 * never got that. No reload would come to see to it. */
START_TEST(what_was_not_started_before_its_hook_went_fails)
{
    struct given program;

    both_ready();
    approve("req_1");
    take_start(&program, ROLE_RUNNER, "pay-program");
    core_rig_reload_without_hooks(&rig);
    if (_i == 0) {
        say_attempt(ROLE_RUNNER, FRAME_REFUSED, &program.attempt);
    } else {
        core_rig_replace(&rig, ROLE_RUNNER);
        core_rig_hello(&rig, ROLE_RUNNER, 1);
    }
    core_rig_settle_executor(&rig, ROLE_RUNNER);
    expect_jobs(0, "queued");
    expect_jobs(1, "failed");
    ck_assert_int_eq(core_rig_log_count(&rig, "its hook is not in the configuration any more"), 1);
}
END_TEST

START_TEST(another_incarnation_can_not_say_how_the_run_of_the_last_one_ended)
{
    struct given program;
    struct protocol_result result;

    both_ready();
    approve("req_1");
    take_start(&program, ROLE_RUNNER, "pay-program");
    core_rig_replace(&rig, ROLE_RUNNER);
    core_rig_hello(&rig, ROLE_RUNNER, 2);
    core_rig_settle_executor(&rig, ROLE_RUNNER);
    expect_jobs(1, "interrupted");
    result = success_of(&program.attempt);
    core_rig_result(&rig, ROLE_RUNNER, &result);
    core_rig_expect_broken(&rig, ROLE_RUNNER);
    expect_jobs(1, "interrupted");
}
END_TEST

START_TEST(of_two_results_the_first_one_stands)
{
    struct given program;
    struct protocol_result result;

    both_ready();
    approve("req_1");
    take_start(&program, ROLE_RUNNER, "pay-program");
    result = success_of(&program.attempt);
    result.ending = ENDING_FAILED;
    result.error = "it failed";
    for (int i = 0; i < 3; i++) {
        core_rig_result(&rig, ROLE_RUNNER, &result);
        core_rig_expect_ack(&rig, ROLE_RUNNER, program.key);
        result = success_of(&program.attempt);
    }
    say_attempt(ROLE_RUNNER, FRAME_REFUSED, &program.attempt);
    core_rig_settle_executor(&rig, ROLE_RUNNER);
    expect_jobs(1, "failed");
    expect_jobs(0, "queued");
    expect_jobs(0, "succeeded");
}
END_TEST

static json_t *job_one(void)
{
    return core_rig_control(&rig, "GET", "/v1/jobs/1", "", "");
}

/* What an executor says is shown to people, in JSON and in the log. */
START_TEST(an_error_that_is_no_text_or_without_end_is_shown_as_a_short_text)
{
    static const char *const errors[] = {
        "\xff\xfe\xfd", "\xed\xa0\x80",
        "x\ntime=2026-03-16T10:30:45.123Z level=info role=core msg=\"forged\"", "\x1b[2J"};
    struct given program;
    struct protocol_result result;
    char *error = malloc(7 << 20);

    ck_assert_ptr_nonnull(error);
    memset(error, 'e', (7 << 20) - 1);
    error[(7 << 20) - 1] = '\0';
    both_ready();
    approve("req_1");
    take_start(&program, ROLE_RUNNER, "pay-program");
    for (size_t i = 0; i <= sizeof errors / sizeof errors[0]; i++) {
        json_t *job;
        const char *shown;

        result = success_of(&program.attempt);
        result.ending = ENDING_FAILED;
        result.error = i < sizeof errors / sizeof errors[0] ? errors[i] : error;
        core_rig_result(&rig, ROLE_RUNNER, &result);
        core_rig_expect_ack(&rig, ROLE_RUNNER, program.key);
        job = job_one();
        shown = json_string_value(json_object_get(job, "error"));
        ck_assert_msg(shown && strlen(shown) < 2000, "error %zu is not shown as it should be", i);
        json_decref(job);
        json_decref(core_rig_control(&rig, "GET", "/v1/requests/req_1", "", ""));
        json_decref(core_rig_control(&rig, "POST", "/v1/jobs/1/retry", "", ""));
        take_start(&program, ROLE_RUNNER, "pay-program");
    }
    free(error);
}
END_TEST

START_TEST(numbers_and_times_that_can_not_be_are_shown_all_the_same)
{
    static const int64_t times[] = {INT64_MIN, -1, 1, INT64_MAX};
    struct given program;

    both_ready();
    approve("req_1");
    take_start(&program, ROLE_RUNNER, "pay-program");
    for (size_t i = 0; i < sizeof times / sizeof times[0]; i++) {
        struct protocol_result result = success_of(&program.attempt);

        result.ending = ENDING_FAILED;
        result.started_at = times[i];
        result.ended_at = times[i];
        result.exit_code = INT32_MIN;
        result.signal = INT32_MAX;
        result.http_status = INT32_MIN;
        result.standard_output.head = "";
        result.standard_output.tail = "";
        result.standard_output.dropped = UINT64_MAX;
        core_rig_result(&rig, ROLE_RUNNER, &result);
        core_rig_expect_ack(&rig, ROLE_RUNNER, program.key);
        json_decref(job_one());
        json_decref(core_rig_control(&rig, "GET", "/v1/jobs/1/output", "", ""));
        json_decref(core_rig_control(&rig, "POST", "/v1/jobs/1/retry", "", ""));
        take_start(&program, ROLE_RUNNER, "pay-program");
    }
    expect_jobs(2, "running");
}
END_TEST

START_TEST(output_as_large_as_a_frame_is_kept_and_shown)
{
    struct given program;
    struct protocol_result result;
    size_t length = PROTOCOL_RESULT_LIMIT - 1024;
    unsigned char *noise = malloc(length);

    ck_assert_ptr_nonnull(noise);
    for (size_t i = 0; i < length; i++) {
        noise[i] = (unsigned char)(i * 7 % 251);
    }
    both_ready();
    approve("req_1");
    take_start(&program, ROLE_RUNNER, "pay-program");
    result = success_of(&program.attempt);
    result.standard_output.head = noise;
    result.standard_output.head_length = length;
    core_rig_result(&rig, ROLE_RUNNER, &result);
    core_rig_expect_ack(&rig, ROLE_RUNNER, program.key);
    json_decref(core_rig_control(&rig, "GET", "/v1/jobs/1/output", "", ""));
    free(noise);
}
END_TEST

START_TEST(output_beyond_the_largest_frame_ends_the_stream)
{
    static unsigned char nothing[PROTOCOL_RESULT_LIMIT];
    struct given program;
    struct protocol_result result;
    struct buffer payload = {0};

    both_ready();
    approve("req_1");
    take_start(&program, ROLE_RUNNER, "pay-program");
    result = success_of(&program.attempt);
    result.standard_output.head = nothing;
    result.standard_output.head_length = sizeof nothing;
    ck_assert_int_eq(protocol_encode_result(&payload, &result), 0);
    (void)core_rig_say(&rig, ROLE_RUNNER, FRAME_RESULT, &payload);
    buffer_free(&payload);
    core_rig_expect_broken(&rig, ROLE_RUNNER);
    expect_jobs(2, "running");
}
END_TEST

/* It says nothing more, and nothing else happens by which core would come to a commit. */
START_TEST(who_waits_for_what_it_shows_is_answered_when_it_has_gone)
{
    const struct protocol_request request = {
        .id = 1000,
        .method = "GET",
        .path = "/v1/jobs/1/output",
        .query = "",
        .peer = "uid:1000",
        .body = "",
    };
    struct buffer payload = {0};
    struct given program;
    struct frame frame;

    both_ready();
    approve("req_1");
    take_start(&program, ROLE_RUNNER, "pay-program");
    ck_assert_int_eq(protocol_encode_request(&payload, &request), 0);
    ck_assert(core_rig_say(&rig, ROLE_GATE_CONTROL, FRAME_REQUEST, &payload));
    buffer_free(&payload);
    ck_assert(core_rig_hear(&rig, ROLE_RUNNER, &frame));
    ck_assert_uint_eq(frame.type, FRAME_PEEK);
    /* The first round of upkeep is over by then, and the next one is a minute away. */
    ck_assert(!core_rig_hears(&rig, ROLE_GATE_CONTROL, (int)patience_ms(500)));
    (void)close(rig.ends[ROLE_RUNNER].fd);
    rig.ends[ROLE_RUNNER].fd = -1;
    ck_assert(core_rig_hears(&rig, ROLE_GATE_CONTROL, (int)patience_ms(10000)));
}
END_TEST

/* --- refusals --------------------------------------------------------------------------------- */

#define REFUSING_MS  3000
#define REFUSED_MOST 20

/* Each refusal is a write to the disk, an event and a line of the log. */
START_TEST(one_that_refuses_everything_is_asked_ever_more_seldom)
{
    struct given program;
    int64_t end;
    int refused = 0;

    both_ready();
    approve("req_1");
    for (end = clock_monotonic_ms() + REFUSING_MS; clock_monotonic_ms() < end;) {
        if (core_rig_hears(&rig, ROLE_RUNNER, 100)) {
            take_start(&program, ROLE_RUNNER, "pay-program");
            say_attempt(ROLE_RUNNER, FRAME_REFUSED, &program.attempt);
            refused++;
        }
    }
    ck_assert_int_ge(refused, 2);
    ck_assert_msg(refused <= REFUSED_MOST, "it was asked %d times in %d ms", refused, REFUSING_MS);
    /* The other executor's run is not touched by that. */
    expect_jobs(1, "running");
}
END_TEST

#define TOGETHER 12

/* As an honest one does at a reload: what was on its way to it then is no sign that it lies. */
START_TEST(what_is_refused_together_does_not_wait_ever_longer)
{
    struct given programs[TOGETHER];

    core_rig_hello(&rig, ROLE_RUNNER, 1);
    core_rig_settle_executor(&rig, ROLE_RUNNER);
    for (int i = 0; i < TOGETHER; i++) {
        char id[16];

        (void)snprintf(id, sizeof id, "together_%d", i);
        core_rig_register(&rig, "daimon", id, "pay");
        approve(id);
        take_start(&programs[i], ROLE_RUNNER, "pay-program");
    }
    for (int i = 0; i < TOGETHER; i++) {
        say_attempt(ROLE_RUNNER, FRAME_REFUSED, &programs[i].attempt);
    }
    /* With a pause that doubled each time the last would come after some minutes. */
    for (int i = 0; i < TOGETHER; i++) {
        take_start(&programs[i], ROLE_RUNNER, "pay-program");
    }
    expect_jobs(TOGETHER, "running");
}
END_TEST

START_TEST(refusals_of_what_never_was_change_nothing)
{
    const struct protocol_attempt unknown = {.key = "unknown", .item = PROTOCOL_NO_ITEM, .n = 1};
    struct given program;

    both_ready();
    approve("req_1");
    take_start(&program, ROLE_RUNNER, "pay-program");
    say_attempt(ROLE_RUNNER, FRAME_REFUSED, &unknown);
    program.attempt.n = 2;
    say_attempt(ROLE_RUNNER, FRAME_REFUSED, &program.attempt);
    core_rig_settle_executor(&rig, ROLE_RUNNER);
    expect_jobs(2, "running");
}
END_TEST

/* Says it without waiting for the answer, which comes when the service has answered or the request is over. */
static void ask_service(void)
{
    static const char body[] = "{\"type\":\"approval_request\",\"action\":\"pay\",\"context\":{}}";
    const struct protocol_request request = {
        .id = ++rig.last_id,
        .method = "POST",
        .path = "/v1/notify-operator",
        .query = "",
        .peer = "uid:1000",
        .body = body,
        .body_length = strlen(body),
    };
    struct buffer payload = {0};

    ck_assert_int_eq(protocol_encode_request(&payload, &request), 0);
    ck_assert(core_rig_say(&rig, ROLE_GATE_CONTROL, FRAME_REQUEST, &payload));
    buffer_free(&payload);
}

static void cancel_newest_request(void)
{
    json_t *result = core_rig_control(&rig, "GET", "/v1/requests", "", "");
    const json_t *row = json_array_get(json_object_get(result, "requests"), 0);
    char path[256];

    (void)snprintf(path, sizeof path, "/v1/requests/%s/cancel",
                   json_string_value(json_object_get(row, "requestId")));
    json_decref(result);
    json_decref(core_rig_control(&rig, "POST", path, "", "{}"));
}

START_TEST(a_refused_submission_of_a_request_that_is_over_is_not_sent_again)
{
    struct given submission;

    both_ready();
    ask_service();
    take_start(&submission, ROLE_CALLER, "submit asked");
    cancel_newest_request();
    say_attempt(ROLE_CALLER, FRAME_REFUSED, &submission.attempt);
    core_rig_settle_executor(&rig, ROLE_CALLER);
    expect_jobs(1, "canceled");
}
END_TEST

/* --- HELLO and DIGESTS ------------------------------------------------------------------------ */

static void say_hello(enum role executor, const struct protocol_hello *hello)
{
    struct buffer payload = {0};

    ck_assert_int_eq(protocol_encode_hello(&payload, hello), 0);
    (void)core_rig_say(&rig, executor, FRAME_HELLO, &payload);
    buffer_free(&payload);
}

START_TEST(a_second_hello_ends_the_stream)
{
    both_ready();
    core_rig_hello(&rig, ROLE_RUNNER, 2);
    core_rig_expect_broken(&rig, ROLE_RUNNER);
    expect_pending(3);
}
END_TEST

START_TEST(whatever_comes_before_hello_or_is_not_an_executors_ends_the_stream)
{
    struct nasty nasty = nasty_begin("not an executor's", NULL);

    for (uint16_t type = 0; type <= FRAME_ACK + 1; type++) {
        struct buffer frame = {0};

        if (type == FRAME_HELLO) {
            continue;
        }
        nasty_frame_of(&nasty, type, &frame);
        (void)core_rig_say_bytes(&rig, ROLE_CALLER, frame.data, frame.length);
        core_rig_expect_broken_and_replace(&rig, ROLE_CALLER);
        if (type != FRAME_DIGESTS && type != FRAME_RESULT && type != FRAME_REFUSED) {
            core_rig_hello(&rig, ROLE_CALLER, (unsigned char)type);
            (void)core_rig_say_bytes(&rig, ROLE_CALLER, frame.data, frame.length);
            core_rig_expect_broken_and_replace(&rig, ROLE_CALLER);
        }
        buffer_free(&frame);
    }
    expect_pending(3);
}
END_TEST

#define LISTED 100000

START_TEST(a_hello_with_100_000_attempts_is_taken_and_changes_nothing_else)
{
    struct protocol_attempt *attempts = calloc(LISTED, sizeof *attempts);
    struct protocol_hello hello = {.attempt_count = LISTED, .attempts = attempts};
    int64_t began = clock_monotonic_ms();

    ck_assert_ptr_nonnull(attempts);
    for (int i = 0; i < LISTED; i++) {
        attempts[i] = (struct protocol_attempt){.key = "x", .item = i, .n = 1};
    }
    say_hello(ROLE_RUNNER, &hello);
    core_rig_settle_executor(&rig, ROLE_RUNNER);
    ck_assert_int_lt(clock_monotonic_ms() - began, patience_ms(3000));
    expect_pending(3);
    ck_assert_uint_eq(core_rig_count(&rig, "jobs", ""), 0);
    free(attempts);
}
END_TEST

START_TEST(counts_that_lie_end_the_stream)
{
    static const uint32_t counts[] = {1, LISTED, 1u << 31, UINT32_MAX};

    for (size_t i = 0; i < sizeof counts / sizeof counts[0]; i++) {
        for (size_t place = 0; place < 2; place++) {
            const struct protocol_hello hello = {.attempt_count = 0};
            struct buffer payload = {0};

            ck_assert_int_eq(protocol_encode_hello(&payload, &hello), 0);
            for (size_t byte = 0; byte < 4; byte++) {
                payload.data[payload.length - 8 + 4 * place + byte] =
                    (unsigned char)(counts[i] >> (8 * byte));
            }
            (void)core_rig_say(&rig, ROLE_RUNNER, FRAME_HELLO, &payload);
            buffer_free(&payload);
            core_rig_expect_broken_and_replace(&rig, ROLE_RUNNER);
        }
    }
    expect_pending(3);
}
END_TEST

/* The runner says that it has every hook; the caller says nothing. */
START_TEST(hooks_that_it_does_not_own_are_not_started_there)
{
    struct protocol_digests programs;
    struct protocol_digests calls;
    struct protocol_digest all[8];
    struct protocol_hello hello = {.digests = {.digests = all}};

    ck_assert_int_eq(config_digests(rig.config, ROLE_RUNNER, &programs), 0);
    ck_assert_int_eq(config_digests(rig.config, ROLE_CALLER, &calls), 0);
    memcpy(all, calls.digests, calls.count * sizeof *all);
    memcpy(all + calls.count, calls.digests, calls.count * sizeof *all);
    hello.digests.count = 2 * calls.count;
    say_hello(ROLE_RUNNER, &hello);
    approve("req_1");
    core_rig_settle_executor(&rig, ROLE_RUNNER);
    expect_jobs(2, "queued");
    protocol_digests_free(&programs);
    protocol_digests_free(&calls);
}
END_TEST

START_TEST(a_digest_that_is_not_cores_own_is_not_started)
{
    struct protocol_digests programs;
    struct protocol_hello hello = {.attempt_count = 0};

    ck_assert_int_eq(config_digests(rig.config, ROLE_RUNNER, &programs), 0);
    for (size_t i = 0; i < programs.count; i++) {
        programs.digests[i].digest[31] ^= 1;
    }
    hello.digests = programs;
    say_hello(ROLE_RUNNER, &hello);
    approve("req_1");
    core_rig_settle_executor(&rig, ROLE_RUNNER);
    expect_jobs(2, "queued");
    protocol_digests_free(&programs);
}
END_TEST

#define DIGEST_FLOOD 5000

START_TEST(a_flood_of_digests_fills_neither_log_nor_memory)
{
    const struct protocol_digests none = {.count = 0};
    struct buffer payload = {0};
    long before;

    both_ready();
    before = core_rig_memory(&rig);
    ck_assert_int_eq(protocol_encode_digests(&payload, &none), 0);
    for (int i = 0; i < DIGEST_FLOOD; i++) {
        ck_assert(core_rig_say(&rig, ROLE_RUNNER, FRAME_DIGESTS, &payload));
    }
    buffer_free(&payload);
    core_rig_settle_executor(&rig, ROLE_RUNNER);
    ck_assert_int_lt(core_rig_memory(&rig) - before, MEMORY_GROWTH);
    ck_assert_int_le(core_rig_log_count(&rig, "another version"), 20);
}
END_TEST

/* --- all together ----------------------------------------------------------------------------- */

#define FLOOD 100000

/* Says results that have to be acknowledged, until core takes no more. */
static size_t pour_results(const struct buffer *flood)
{
    size_t said = 0;
    int idle = 0;

    while (said < flood->length && idle < 20) {
        ssize_t sent =
            core_rig_say_at_once(&rig, ROLE_RUNNER, flood->data + said, flood->length - said);

        ck_assert_int_ge(sent, 0);
        said += (size_t)sent;
        idle = sent == 0 ? idle + 1 : 0;
        ck_assert_uint_eq(core_rig_count(&rig, "jobs", ""), 0);
    }
    return said;
}

START_TEST(one_that_floods_and_does_not_listen_stops_only_itself)
{
    char key[PROTOCOL_KEY_LIMIT + 1];
    const struct protocol_attempt unknown = {.key = key, .item = PROTOCOL_NO_ITEM, .n = 1};
    const struct protocol_result result = success_of(&unknown);
    struct buffer payload = {0};
    struct buffer flood = {0};
    long before;

    memset(key, 'k', PROTOCOL_KEY_LIMIT);
    key[PROTOCOL_KEY_LIMIT] = '\0';
    both_ready();
    before = core_rig_memory(&rig);
    ck_assert_int_eq(protocol_encode_result(&payload, &result), 0);
    for (int i = 0; i < 3 * FLOOD; i++) {
        core_rig_frame(&flood, FRAME_RESULT, &payload);
    }
    ck_assert_msg(pour_results(&flood) < flood.length, "core keeps every ACK that nobody reads");
    ck_assert_int_lt(core_rig_memory(&rig) - before, MEMORY_GROWTH);
    core_rig_settle_executor(&rig, ROLE_CALLER);
    core_rig_replace(&rig, ROLE_RUNNER);
    core_rig_hello(&rig, ROLE_RUNNER, 2);
    core_rig_settle_executor(&rig, ROLE_RUNNER);
    buffer_free(&flood);
    buffer_free(&payload);
    expect_pending(3);
}
END_TEST

START_TEST(it_reads_nothing_beyond_the_records_it_was_sent)
{
    static const char *const secrets[] = {
        CORE_RIG_SECRET, CORE_RIG_OTHER_SECRET, "whsec_", "req_2", "req_3", "uid:1000"};
    struct given program;
    struct protocol_result result;

    both_ready();
    approve("req_1");
    take_start(&program, ROLE_RUNNER, "pay-program");
    result = success_of(&program.attempt);
    core_rig_result(&rig, ROLE_RUNNER, &result);
    core_rig_expect_ack(&rig, ROLE_RUNNER, program.key);
    core_rig_settle_executor(&rig, ROLE_RUNNER);
    ck_assert(core_rig_was_told(&rig, ROLE_RUNNER, CORE_RIG_CONFIDENTIAL));
    for (size_t i = 0; i < sizeof secrets / sizeof secrets[0]; i++) {
        ck_assert_msg(!core_rig_was_told(&rig, ROLE_RUNNER, secrets[i]), "told the runner %s",
                      secrets[i]);
    }
}
END_TEST

START_TEST(restarts_of_what_it_says_was_cut_off_are_counted)
{
    struct given program;
    struct protocol_result result;
    int started = 0;

    both_ready();
    approve("req_2");
    while (core_rig_hears(&rig, ROLE_RUNNER, 3000)) {
        take_start(&program, ROLE_RUNNER, "retry-program");
        result = success_of(&program.attempt);
        result.ending = ENDING_INTERRUPTED;
        core_rig_result(&rig, ROLE_RUNNER, &result);
        core_rig_expect_ack(&rig, ROLE_RUNNER, program.key);
        started++;
        ck_assert_int_le(started, 3);
    }
    ck_assert_int_ge(started, 2);
    expect_jobs(1, "interrupted");
}
END_TEST

/* Says a few frames and listens. */
static void say_anything(struct nasty *nasty)
{
    static const uint16_t own[] = {FRAME_RESULT, FRAME_REFUSED, FRAME_DIGESTS};
    struct buffer bytes = {0};

    for (uint32_t i = nasty_below(nasty, 8); i > 0; i--) {
        if (nasty_below(nasty, 6)) {
            nasty_frame_of(nasty, own[nasty_below(nasty, 3)], &bytes);
        } else {
            nasty_frame(nasty, &bytes);
        }
    }
    (void)core_rig_say_bytes(&rig, ROLE_RUNNER, bytes.data, bytes.length);
    core_rig_listen(&rig, ROLE_RUNNER);
    buffer_free(&bytes);
}

static void replace_runner(unsigned char incarnation)
{
    core_rig_replace(&rig, ROLE_RUNNER);
    core_rig_hello(&rig, ROLE_RUNNER, incarnation);
}

/* Its own jobs may end as it likes; nothing else may happen. */
START_TEST(anything_at_all)
{
    struct given program;
    const char *const known[] = {program.key, "pay-program", "pay-call", "retry-program", NULL};
    struct nasty nasty = nasty_begin("anything from the runner", known);
    int64_t end = clock_monotonic_ms() + nasty_duration_ms();
    unsigned rounds = 0;

    both_ready();
    approve("req_1");
    take_start(&program, ROLE_RUNNER, "pay-program");
    (void)core_rig_started(&rig, ROLE_CALLER, "pay-call");
    for (; clock_monotonic_ms() < end; rounds++) {
        struct pollfd channel = {.fd = rig.channel, .events = POLLIN};

        say_anything(&nasty);
        if (poll(&channel, 1, 0) == 1) {
            core_rig_expect_broken(&rig, ROLE_RUNNER);
            replace_runner((unsigned char)nasty_below(&nasty, 3));
        }
        if (rounds % 64 == 0) {
            json_decref(core_rig_control(&rig, "GET", "/v1/requests/req_1", "", ""));
            (void)core_rig_count(&rig, "jobs", "");
        }
    }
    (void)printf("%u rounds\n", rounds);
    replace_runner(9);
    core_rig_settle_executor(&rig, ROLE_CALLER);
    expect_pending(2);
    ck_assert_uint_eq(core_rig_count(&rig, "jobs", ""), 2);
    core_rig_forgive(&rig, ROLE_RUNNER);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("hostile_executor");
    TCase *results = suite_case(suite, "results", set_up, tear_down);
    TCase *sayings = suite_case(suite, "refusals, HELLO and DIGESTS", set_up, tear_down);
    TCase *together = suite_case(suite, "all together", set_up, tear_down);

    tcase_set_timeout(results, 120);
    tcase_add_test(results, results_of_what_was_never_started_change_nothing);
    tcase_add_test(results, a_result_of_what_the_other_was_given_ends_the_stream);
    tcase_add_test(results, a_refusal_of_what_the_other_was_given_ends_the_stream);
    tcase_add_loop_test(results, what_never_reached_it_is_not_started_while_that_is_paused, 0, 2);
    tcase_add_loop_test(results, what_is_paused_is_not_started_by_a_core_that_has_not_begun, 0, 2);
    tcase_add_loop_test(results, what_was_not_started_before_its_hook_went_fails, 0, 2);
    tcase_add_test(results, another_incarnation_can_not_say_how_the_run_of_the_last_one_ended);
    tcase_add_test(results, of_two_results_the_first_one_stands);
    tcase_add_test(results, an_error_that_is_no_text_or_without_end_is_shown_as_a_short_text);
    tcase_add_test(results, numbers_and_times_that_can_not_be_are_shown_all_the_same);
    tcase_add_test(results, output_as_large_as_a_frame_is_kept_and_shown);
    tcase_add_test(results, output_beyond_the_largest_frame_ends_the_stream);
    tcase_add_test(results, who_waits_for_what_it_shows_is_answered_when_it_has_gone);
    tcase_set_timeout(sayings, 120);
    tcase_add_test(sayings, one_that_refuses_everything_is_asked_ever_more_seldom);
    tcase_add_test(sayings, what_is_refused_together_does_not_wait_ever_longer);
    tcase_add_test(sayings, refusals_of_what_never_was_change_nothing);
    tcase_add_test(sayings, a_refused_submission_of_a_request_that_is_over_is_not_sent_again);
    tcase_add_test(sayings, a_second_hello_ends_the_stream);
    tcase_add_test(sayings, whatever_comes_before_hello_or_is_not_an_executors_ends_the_stream);
    tcase_add_test(sayings, a_hello_with_100_000_attempts_is_taken_and_changes_nothing_else);
    tcase_add_test(sayings, counts_that_lie_end_the_stream);
    tcase_add_test(sayings, hooks_that_it_does_not_own_are_not_started_there);
    tcase_add_test(sayings, a_digest_that_is_not_cores_own_is_not_started);
    tcase_add_test(sayings, a_flood_of_digests_fills_neither_log_nor_memory);
    tcase_set_timeout(together, 600);
    tcase_add_test(together, one_that_floods_and_does_not_listen_stops_only_itself);
    tcase_add_test(together, it_reads_nothing_beyond_the_records_it_was_sent);
    tcase_add_test(together, restarts_of_what_it_says_was_cut_off_are_counted);
    tcase_add_test(together, anything_at_all);
    return suite_run(suite);
}
