/*
 * An attacker who owns the public gate: whatever is said in its place, a real core starts nothing,
 * tells nothing, and goes on for everyone else.
 */
#include <check.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "assent/base/clock.h"
#include "integration/core_rig.h"
#include "support/nasty.h"
#include "support/suite.h"

static struct core_rig rig;

#define APPROVAL "{\"requestId\":\"req_1\",\"status\":\"approved\"}"
#define PENDING  3

/* Three requests wait for a decision, and both executors are ready to act on it. */
static void set_up(void)
{
    core_rig_open(&rig);
    core_rig_hello(&rig, ROLE_RUNNER, 1);
    core_rig_hello(&rig, ROLE_CALLER, 1);
    core_rig_settle_executor(&rig, ROLE_RUNNER);
    core_rig_settle_executor(&rig, ROLE_CALLER);
    core_rig_register(&rig, "daimon", "req_1", "pay");
    core_rig_register(&rig, "daimon", "req_2", "pay");
    core_rig_register(&rig, "other", "req_1", "pay");
}

static void expect_told_nothing(void)
{
    static const char *const secrets[] = {
        CORE_RIG_SECRET,
        CORE_RIG_OTHER_SECRET,
        CORE_RIG_CONFIDENTIAL,
        "whsec_",
        "req_1",
        "req_2",
        "pay-program",
        "pay-call",
        "uid:1000",
        "assentd.db",
        "daimon",
    };

    core_rig_listen(&rig, ROLE_GATE_PUBLIC);
    for (size_t i = 0; i < sizeof secrets / sizeof secrets[0]; i++) {
        ck_assert_msg(!core_rig_was_told(&rig, ROLE_GATE_PUBLIC, secrets[i]), "told the gate %s",
                      secrets[i]);
    }
}

/* Core lives, nothing was started, no request has changed, nothing was kept for later, and the gate
 * has learned nothing. */
static void expect_nothing_happened(void)
{
    core_rig_settle_executor(&rig, ROLE_RUNNER);
    core_rig_settle_executor(&rig, ROLE_CALLER);
    ck_assert_uint_eq(core_rig_count(&rig, "requests", "state=pending"), PENDING);
    ck_assert_uint_eq(core_rig_count(&rig, "requests", ""), PENDING);
    ck_assert_uint_eq(core_rig_count(&rig, "jobs", ""), 0);
    ck_assert_int_eq(core_rig_log_count(&rig, "unknown request"), 0);
    expect_told_nothing();
}

static void tear_down(void)
{
    core_rig_close(&rig);
}

static const struct protocol_request plain = {
    .id = 1,
    .method = "POST",
    .path = CORE_RIG_PATH,
    .query = "",
    .peer = "203.0.113.9",
    .body = APPROVAL,
    .body_length = sizeof APPROVAL - 1,
    .header_count = 1,
    .headers = {{"content-type", "application/json"}},
};

static struct buffer encoded(const struct protocol_request *request)
{
    struct buffer payload = {0};

    ck_assert_int_eq(protocol_encode_request(&payload, request), 0);
    return payload;
}

static void expect_refused_payload(const void *bytes, size_t length)
{
    const struct buffer payload = {(unsigned char *)(uintptr_t)bytes, length, length};

    (void)core_rig_say(&rig, ROLE_GATE_PUBLIC, FRAME_REQUEST, &payload);
    core_rig_expect_broken_and_replace(&rig, ROLE_GATE_PUBLIC);
}

/* --- frames ----------------------------------------------------------------------------------- */

START_TEST(frames_of_other_roles_end_its_stream)
{
    static const uint16_t types[] = {
        FRAME_RESPONSE, FRAME_SHARED_RESPONSE, FRAME_HELLO, FRAME_DIGESTS,
        FRAME_RESULT,   FRAME_REFUSED,         FRAME_START, FRAME_ACK,
        FRAME_STREAM,   FRAME_TAKEN,           0,           11,
        UINT16_MAX};
    struct nasty nasty = nasty_begin("frames of others", NULL);

    for (size_t i = 0; i < sizeof types / sizeof types[0]; i++) {
        struct buffer frame = {0};

        nasty_frame_of(&nasty, types[i], &frame);
        (void)core_rig_say_bytes(&rig, ROLE_GATE_PUBLIC, frame.data, frame.length);
        buffer_free(&frame);
        core_rig_expect_broken_and_replace(&rig, ROLE_GATE_PUBLIC);
    }
    expect_nothing_happened();
}
END_TEST

START_TEST(a_frame_that_is_cut_off_was_never_received)
{
    struct buffer payload = encoded(&plain);
    struct buffer frame = {0};

    core_rig_frame(&frame, FRAME_REQUEST, &payload);
    for (size_t length = 0; length < frame.length; length++) {
        ck_assert(core_rig_say_bytes(&rig, ROLE_GATE_PUBLIC, frame.data, length));
        core_rig_replace(&rig, ROLE_GATE_PUBLIC);
    }
    core_rig_settle_gate(&rig);
    buffer_free(&frame);
    buffer_free(&payload);
    expect_nothing_happened();
}
END_TEST

START_TEST(a_payload_that_is_cut_off_ends_its_stream)
{
    struct buffer payload = encoded(&plain);

    for (size_t length = 0; length < payload.length; length++) {
        expect_refused_payload(payload.data, length);
    }
    buffer_free(&payload);
    expect_nothing_happened();
}
END_TEST

START_TEST(a_payload_with_something_behind_it_ends_its_stream)
{
    struct buffer payload = encoded(&plain);

    ck_assert_int_eq(buffer_append(&payload, "", 1), 0);
    expect_refused_payload(payload.data, payload.length);
    buffer_free(&payload);
    expect_nothing_happened();
}
END_TEST

START_TEST(a_length_that_can_not_be_ends_its_stream)
{
    static const uint32_t lengths[] = {0, 1, 1u << 31, UINT32_MAX, UINT32_MAX - 1, 64u << 20};

    for (size_t i = 0; i < sizeof lengths / sizeof lengths[0]; i++) {
        const unsigned char header[] = {(unsigned char)lengths[i],
                                        (unsigned char)(lengths[i] >> 8),
                                        (unsigned char)(lengths[i] >> 16),
                                        (unsigned char)(lengths[i] >> 24),
                                        FRAME_REQUEST,
                                        0};

        (void)core_rig_say_bytes(&rig, ROLE_GATE_PUBLIC, header, sizeof header);
        core_rig_expect_broken_and_replace(&rig, ROLE_GATE_PUBLIC);
    }
    expect_nothing_happened();
}
END_TEST

/* Where the count of headers stands in a request that has none. */
static struct buffer with_header_count(uint32_t count)
{
    struct protocol_request request = plain;
    struct buffer payload;

    request.header_count = 0;
    payload = encoded(&request);
    for (int i = 0; i < 4; i++) {
        payload.data[payload.length - 4 + (size_t)i] = (unsigned char)(count >> (8 * i));
    }
    return payload;
}

START_TEST(a_count_that_lies_ends_its_stream)
{
    static const uint32_t counts[] = {1, PROTOCOL_HEADER_COUNT, PROTOCOL_HEADER_COUNT + 1, 1u << 31,
                                      UINT32_MAX};

    for (size_t i = 0; i < sizeof counts / sizeof counts[0]; i++) {
        struct buffer payload = with_header_count(counts[i]);

        expect_refused_payload(payload.data, payload.length);
        buffer_free(&payload);
    }
    expect_nothing_happened();
}
END_TEST

static void put_u32(struct buffer *payload, size_t at, uint32_t value)
{
    for (size_t i = 0; i < 4; i++) {
        payload->data[at + i] = (unsigned char)(value >> (8 * i));
    }
}

/* The method stands first, behind the id: its length at 8, its bytes at 12. */
START_TEST(a_text_that_lies_about_its_length_ends_its_stream)
{
    static const uint32_t lengths[] = {0, 3, 5, 1000, 1u << 31, UINT32_MAX - 1, UINT32_MAX};

    for (size_t i = 0; i < sizeof lengths / sizeof lengths[0]; i++) {
        struct buffer payload = encoded(&plain);

        put_u32(&payload, 8, lengths[i]);
        expect_refused_payload(payload.data, payload.length);
        buffer_free(&payload);
    }
    expect_nothing_happened();
}
END_TEST

START_TEST(a_text_with_a_nul_in_it_or_none_behind_it_ends_its_stream)
{
    struct buffer payload = encoded(&plain);

    payload.data[13] = '\0';
    expect_refused_payload(payload.data, payload.length);
    payload.data[13] = 'O';
    payload.data[16] = 'X';
    expect_refused_payload(payload.data, payload.length);
    buffer_free(&payload);
    expect_nothing_happened();
}
END_TEST

/* --- requests --------------------------------------------------------------------------------- */

START_TEST(texts_that_are_no_text_are_answered_and_forge_no_line_of_the_log)
{
    static const char *const texts[] = {
        "\xff\xfe",
        "\xed\xa0\x80",
        "a\nb",
        "\x1b[2J",
        "\r",
        "\x7f",
        "\xc2\x85",
        "\xe2\x80\xae",
        "x\ntime=2026-03-16T10:30:45.123Z level=info role=core msg=\"approved\"",
    };

    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        struct protocol_request request = plain;

        request.peer = texts[i];
        request.query = texts[i];
        request.headers[0] = (struct protocol_header){texts[i], texts[i]};
        ck_assert_uint_eq(core_rig_ask(&rig, ROLE_GATE_PUBLIC, &request, NULL), 401);
        request.path = texts[i];
        ck_assert_uint_eq(core_rig_ask(&rig, ROLE_GATE_PUBLIC, &request, NULL), 404);
        request.path = CORE_RIG_PATH;
        request.method = texts[i];
        ck_assert_uint_eq(core_rig_ask(&rig, ROLE_GATE_PUBLIC, &request, NULL), 405);
    }
    expect_nothing_happened();
}
END_TEST

START_TEST(a_line_of_the_log_stays_short_whoever_the_peer_says_it_is)
{
    struct protocol_request request = plain;
    char *peer = malloc(300001);
    char *log;

    ck_assert_ptr_nonnull(peer);
    memset(peer, 'p', 300000);
    peer[300000] = '\0';
    request.peer = peer;
    ck_assert_uint_eq(core_rig_ask(&rig, ROLE_GATE_PUBLIC, &request, NULL), 401);
    log = core_rig_log(&rig);
    ck_assert_ptr_nonnull(strstr(log, "peer=ppp"));
    ck_assert_uint_lt(strlen(log), 4096);
    free(log);
    free(peer);
    expect_nothing_happened();
}
END_TEST

START_TEST(as_many_headers_as_may_be_are_no_signature)
{
    struct protocol_request request = plain;

    request.header_count = PROTOCOL_HEADER_COUNT;
    for (size_t i = 0; i < PROTOCOL_HEADER_COUNT; i++) {
        request.headers[i] = (struct protocol_header){"x-daimon-signature", "sha256=00"};
    }
    ck_assert_uint_eq(core_rig_ask(&rig, ROLE_GATE_PUBLIC, &request, NULL), 401);
    expect_nothing_happened();
}
END_TEST

START_TEST(the_same_id_twice_is_two_requests_of_its_own)
{
    struct buffer payload = encoded(&plain);
    struct protocol_response response;
    struct frame frame;

    ck_assert(core_rig_say(&rig, ROLE_GATE_PUBLIC, FRAME_REQUEST, &payload));
    ck_assert(core_rig_say(&rig, ROLE_GATE_PUBLIC, FRAME_REQUEST, &payload));
    for (int i = 0; i < 2; i++) {
        ck_assert(core_rig_hear(&rig, ROLE_GATE_PUBLIC, &frame));
        ck_assert_int_eq(protocol_decode_response(&frame, &response), 0);
        ck_assert_uint_eq(response.id, plain.id);
        ck_assert_uint_eq(response.status, 401);
    }
    buffer_free(&payload);
    expect_nothing_happened();
}
END_TEST

START_TEST(calls_of_the_control_interface_are_nothing_to_it)
{
    static const struct {
        const char *method;
        const char *path;
    } calls[] = {
        {"POST", "/v1/requests"},
        {"GET", "/v1/requests"},
        {"GET", "/v1/approvals/req_1"},
        {"POST", "/v1/requests/req_1/cancel"},
        {"GET", "/v1/jobs"},
        {"POST", "/v1/jobs/1/retry"},
        {"GET", "/readyz"},
        {"GET", "/webhook/approval/../../v1/requests"},
    };

    for (size_t i = 0; i < sizeof calls / sizeof calls[0]; i++) {
        struct protocol_request request = plain;

        request.method = calls[i].method;
        request.path = calls[i].path;
        request.peer = "uid:0";
        request.body = "{\"service\":\"daimon\",\"requestId\":\"req_9\",\"action\":\"pay\"}";
        request.body_length = strlen(request.body);
        ck_assert_uint_eq(core_rig_ask(&rig, ROLE_GATE_PUBLIC, &request, NULL), 404);
    }
    expect_nothing_happened();
}
END_TEST

START_TEST(a_decision_without_the_right_signature_decides_nothing)
{
    struct protocol_request request = plain;
    char signature[80];
    char *body = strdup(APPROVAL);

    request.header_count = 1;
    request.headers[0] = (struct protocol_header){"x-daimon-signature", signature};
    request.body = body;
    core_rig_sign("whsec_guessed", body, signature);
    ck_assert_uint_eq(core_rig_ask(&rig, ROLE_GATE_PUBLIC, &request, NULL), 401);
    /* Another service's signature, on this one's path. */
    core_rig_sign(CORE_RIG_OTHER_SECRET, body, signature);
    ck_assert_uint_eq(core_rig_ask(&rig, ROLE_GATE_PUBLIC, &request, NULL), 401);
    /* One digit changed. */
    core_rig_sign(CORE_RIG_SECRET, body, signature);
    signature[20] = signature[20] == '0' ? '1' : '0';
    ck_assert_uint_eq(core_rig_ask(&rig, ROLE_GATE_PUBLIC, &request, NULL), 401);
    /* The right one, with any byte of the body changed. */
    core_rig_sign(CORE_RIG_SECRET, body, signature);
    for (size_t i = 0; i < request.body_length; i++) {
        body[i] ^= 1;
        ck_assert_uint_eq(core_rig_ask(&rig, ROLE_GATE_PUBLIC, &request, NULL), 401);
        body[i] ^= 1;
    }
    /* The right one, with less of the body. */
    request.body_length--;
    ck_assert_uint_eq(core_rig_ask(&rig, ROLE_GATE_PUBLIC, &request, NULL), 401);
    free(body);
    expect_nothing_happened();
}
END_TEST

START_TEST(what_it_saw_once_starts_nothing_twice_and_nothing_elsewhere)
{
    char signature[80];
    struct protocol_request request = plain;

    ck_assert_uint_eq(core_rig_webhook(&rig, CORE_RIG_PATH, CORE_RIG_SECRET, APPROVAL), 200);
    (void)core_rig_started(&rig, ROLE_RUNNER, "pay-program");
    (void)core_rig_started(&rig, ROLE_CALLER, "pay-call");
    core_rig_sign(CORE_RIG_SECRET, APPROVAL, signature);
    request.headers[0] = (struct protocol_header){"x-daimon-signature", signature};
    for (int i = 0; i < 100; i++) {
        request.id = 100 + (uint64_t)i;
        request.path = CORE_RIG_PATH;
        ck_assert_uint_eq(core_rig_ask(&rig, ROLE_GATE_PUBLIC, &request, NULL), 200);
        /* The other service has a request of the same id. */
        request.path = CORE_RIG_OTHER_PATH;
        ck_assert_uint_eq(core_rig_ask(&rig, ROLE_GATE_PUBLIC, &request, NULL), 401);
    }
    core_rig_settle_executor(&rig, ROLE_RUNNER);
    core_rig_settle_executor(&rig, ROLE_CALLER);
    ck_assert_uint_eq(core_rig_count(&rig, "requests", "state=pending"), PENDING - 1);
    ck_assert_uint_eq(core_rig_count(&rig, "jobs", ""), 2);
    expect_told_nothing();
}
END_TEST

START_TEST(a_decision_brings_nothing_but_itself_into_the_record)
{
    struct protocol_start start;

    ck_assert_uint_eq(
        core_rig_webhook(&rig, CORE_RIG_PATH, CORE_RIG_SECRET,
                         "{\"requestId\":\"req_1\",\"status\":\"approved\",\"approvedBy\":\"ops\","
                         "\"action\":\"injected\",\"context\":{\"note\":\"injected\"},"
                         "\"reason\":\"injected\",\"urgency\":\"high\",\"hook\":\"injected\"}"),
        200);
    start = core_rig_started(&rig, ROLE_RUNNER, "pay-program");
    ck_assert_ptr_nonnull(memmem(start.record, start.record_length, CORE_RIG_CONFIDENTIAL,
                                 strlen(CORE_RIG_CONFIDENTIAL)));
    ck_assert_ptr_nonnull(memmem(start.record, start.record_length, "medium", 6));
    ck_assert_ptr_null(memmem(start.record, start.record_length, "injected", 8));
}
END_TEST

/* --- others ----------------------------------------------------------------------------------- */

static void say_gone(uint64_t id)
{
    struct buffer payload = {0};

    ck_assert_int_eq(protocol_encode_gone(&payload, id), 0);
    ck_assert(core_rig_say(&rig, ROLE_GATE_PUBLIC, FRAME_GONE, &payload));
    buffer_free(&payload);
}

START_TEST(its_ids_and_its_end_do_not_touch_those_who_wait_elsewhere)
{
    const struct protocol_request wait = {
        .id = 7,
        .method = "GET",
        .path = "/v1/approvals/req_2",
        .query = "wait=55",
        .peer = "uid:1000",
        .body = "",
    };
    const struct buffer nothing = {0};
    struct buffer payload = encoded(&wait);
    struct protocol_shared_response shared;
    struct frame frame;

    ck_assert(core_rig_say(&rig, ROLE_GATE_CONTROL, FRAME_REQUEST, &payload));
    buffer_free(&payload);
    (void)core_rig_count(&rig, "jobs", ""); /* the waiter is in place */
    for (uint64_t id = 0; id < 20; id++) {
        say_gone(id);
    }
    say_gone(UINT64_MAX);
    ck_assert(core_rig_say(&rig, ROLE_GATE_PUBLIC, FRAME_DRAIN, &nothing));
    core_rig_settle_gate(&rig);
    core_rig_replace(&rig, ROLE_GATE_PUBLIC);
    core_rig_settle_gate(&rig);
    ck_assert_msg(!core_rig_hears(&rig, ROLE_GATE_CONTROL, 0), "somebody was answered too early");
    ck_assert_uint_eq(core_rig_webhook(&rig, CORE_RIG_PATH, CORE_RIG_SECRET,
                                       "{\"requestId\":\"req_2\",\"status\":\"denied\"}"),
                      200);
    ck_assert(core_rig_hear(&rig, ROLE_GATE_CONTROL, &frame));
    ck_assert_int_eq(protocol_decode_shared_response(&frame, &shared), 0);
    ck_assert_uint_eq(shared.count, 1);
    ck_assert_uint_eq(protocol_shared_id(&shared, 0), wait.id);
    ck_assert_uint_eq(shared.response.status, 200);
}
END_TEST

START_TEST(a_stream_that_somebody_keeps_open_does_not_keep_the_next_gate_out)
{
    int old = core_rig_replace_only(&rig, ROLE_GATE_PUBLIC);

    core_rig_settle_gate(&rig);
    (void)close(old);
    expect_nothing_happened();
}
END_TEST

#define FLOOD 100000

/* Says as much as core takes; returns how much of the bytes is said. */
static size_t pour(const struct buffer *bytes, size_t from)
{
    while (from < bytes->length) {
        ssize_t sent =
            core_rig_say_at_once(&rig, ROLE_GATE_PUBLIC, bytes->data + from, bytes->length - from);

        ck_assert_int_ge(sent, 0);
        if (sent == 0) {
            break;
        }
        from += (size_t)sent;
    }
    return from;
}

/* Pours until core has taken nothing for a while. Others are served meanwhile; returns the longest
 * time that one of them had to wait. */
static int64_t pour_until_core_stops(const struct buffer *bytes, size_t *ret_from)
{
    int64_t longest = 0;
    int idle = 0;

    while (*ret_from < bytes->length && idle < 20) {
        size_t before = *ret_from;
        int64_t began = clock_monotonic_ms();
        int64_t took;

        *ret_from = pour(bytes, before);
        ck_assert_uint_eq(core_rig_count(&rig, "jobs", ""), 0);
        took = clock_monotonic_ms() - began;
        longest = took > longest ? took : longest;
        idle = *ret_from == before ? idle + 1 : 0;
        if (idle > 0) {
            (void)poll(NULL, 0, 5);
        }
    }
    return longest;
}

static void expect_answers(int count)
{
    struct frame frame;

    for (int i = 0; i < count; i++) {
        ck_assert_msg(core_rig_hear(&rig, ROLE_GATE_PUBLIC, &frame), "only %d answers", i);
        ck_assert_uint_eq(frame.type, FRAME_RESPONSE);
    }
}

START_TEST(a_gate_that_floods_and_does_not_listen_stops_only_itself)
{
    struct buffer payload = encoded(&plain);
    struct buffer flood = {0};
    size_t said = 0;
    long before = core_rig_memory(&rig);
    int64_t longest;

    for (int i = 0; i < FLOOD; i++) {
        core_rig_frame(&flood, FRAME_REQUEST, &payload);
    }
    longest = pour_until_core_stops(&flood, &said);
    (void)printf("longest wait of another gate: %lld ms\n", (long long)longest);
    ck_assert_msg(said < flood.length, "core keeps every answer that nobody reads");
    ck_assert_int_lt(core_rig_memory(&rig) - before, MEMORY_GROWTH);
    ck_assert_int_lt(longest, patience_ms(2000));
    /* Once it listens again, it gets what it asked for. */
    ck_assert(core_rig_say_bytes(&rig, ROLE_GATE_PUBLIC, flood.data + said, flood.length - said));
    expect_answers(FLOOD);
    ck_assert_int_lt(core_rig_memory(&rig) - before, MEMORY_GROWTH);
    buffer_free(&flood);
    buffer_free(&payload);
    expect_nothing_happened();
}
END_TEST

START_TEST(a_gate_that_floods_and_leaves_is_forgotten)
{
    struct buffer payload = encoded(&plain);
    struct buffer flood = {0};
    size_t said = 0;

    for (int i = 0; i < FLOOD; i++) {
        core_rig_frame(&flood, FRAME_REQUEST, &payload);
    }
    (void)pour_until_core_stops(&flood, &said);
    core_rig_replace(&rig, ROLE_GATE_PUBLIC);
    core_rig_settle_gate(&rig);
    buffer_free(&flood);
    buffer_free(&payload);
    expect_nothing_happened();
}
END_TEST

START_TEST(a_flood_of_gone_does_not_keep_others_waiting)
{
    struct buffer payload = {0};
    struct buffer flood = {0};
    size_t said = 0;
    int64_t longest;

    ck_assert_int_eq(protocol_encode_gone(&payload, 1), 0);
    for (int i = 0; i < 3 * FLOOD; i++) {
        core_rig_frame(&flood, FRAME_GONE, &payload);
    }
    longest = pour_until_core_stops(&flood, &said);
    (void)printf("longest wait of another gate: %lld ms\n", (long long)longest);
    ck_assert_int_lt(longest, patience_ms(2000));
    core_rig_settle_gate(&rig);
    buffer_free(&flood);
    buffer_free(&payload);
    expect_nothing_happened();
}
END_TEST

/* --- anything --------------------------------------------------------------------------------- */

/* Says a few frames, listens, and has its stream replaced once core has ended it. */
static void say_anything(struct nasty *nasty)
{
    struct buffer bytes = {0};

    for (uint32_t i = nasty_below(nasty, 8); i > 0; i--) {
        if (nasty_below(nasty, 4)) {
            nasty_frame_of(nasty, nasty_below(nasty, 4) ? FRAME_REQUEST : FRAME_GONE, &bytes);
        } else {
            nasty_frame(nasty, &bytes);
        }
    }
    if (nasty_below(nasty, 8) == 0) {
        nasty_spoil(nasty, &bytes, 0);
    }
    (void)core_rig_say_bytes(&rig, ROLE_GATE_PUBLIC, bytes.data, bytes.length);
    core_rig_listen(&rig, ROLE_GATE_PUBLIC);
    buffer_free(&bytes);
}

/* Once the new one is served, the old one has been heard to its end. */
static void replace_gate(void)
{
    core_rig_replace(&rig, ROLE_GATE_PUBLIC);
    core_rig_settle_gate(&rig);
    core_rig_forgive(&rig, ROLE_GATE_PUBLIC);
}

START_TEST(anything_at_all)
{
    static const char *const known[] = {"req_1", "req_2", CORE_RIG_PATH, CORE_RIG_OTHER_PATH, NULL};
    struct nasty nasty = nasty_begin("anything from the gate", known);
    int64_t end = clock_monotonic_ms() + nasty_duration_ms();
    unsigned rounds = 0;

    for (; clock_monotonic_ms() < end; rounds++) {
        struct pollfd channel = {.fd = rig.channel, .events = POLLIN};

        say_anything(&nasty);
        if (poll(&channel, 1, 0) == 1) {
            core_rig_expect_broken_and_replace(&rig, ROLE_GATE_PUBLIC);
        } else if (nasty_below(&nasty, 16) == 0) {
            replace_gate();
        }
    }
    (void)printf("%u rounds\n", rounds);
    replace_gate();
    expect_nothing_happened();
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("hostile_gate");
    TCase *frames = suite_case(suite, "frames", set_up, tear_down);
    TCase *requests = suite_case(suite, "requests", set_up, tear_down);
    TCase *others = suite_case(suite, "others", set_up, tear_down);

    tcase_set_timeout(frames, 120);
    tcase_add_test(frames, frames_of_other_roles_end_its_stream);
    tcase_add_test(frames, a_frame_that_is_cut_off_was_never_received);
    tcase_add_test(frames, a_payload_that_is_cut_off_ends_its_stream);
    tcase_add_test(frames, a_payload_with_something_behind_it_ends_its_stream);
    tcase_add_test(frames, a_length_that_can_not_be_ends_its_stream);
    tcase_add_test(frames, a_count_that_lies_ends_its_stream);
    tcase_add_test(frames, a_text_that_lies_about_its_length_ends_its_stream);
    tcase_add_test(frames, a_text_with_a_nul_in_it_or_none_behind_it_ends_its_stream);
    tcase_set_timeout(requests, 120);
    tcase_add_test(requests, texts_that_are_no_text_are_answered_and_forge_no_line_of_the_log);
    tcase_add_test(requests, a_line_of_the_log_stays_short_whoever_the_peer_says_it_is);
    tcase_add_test(requests, as_many_headers_as_may_be_are_no_signature);
    tcase_add_test(requests, the_same_id_twice_is_two_requests_of_its_own);
    tcase_add_test(requests, calls_of_the_control_interface_are_nothing_to_it);
    tcase_add_test(requests, a_decision_without_the_right_signature_decides_nothing);
    tcase_add_test(requests, what_it_saw_once_starts_nothing_twice_and_nothing_elsewhere);
    tcase_add_test(requests, a_decision_brings_nothing_but_itself_into_the_record);
    tcase_set_timeout(others, 600);
    tcase_add_test(others, its_ids_and_its_end_do_not_touch_those_who_wait_elsewhere);
    tcase_add_test(others, a_stream_that_somebody_keeps_open_does_not_keep_the_next_gate_out);
    tcase_add_test(others, a_gate_that_floods_and_does_not_listen_stops_only_itself);
    tcase_add_test(others, a_gate_that_floods_and_leaves_is_forgotten);
    tcase_add_test(others, a_flood_of_gone_does_not_keep_others_waiting);
    tcase_add_test(others, anything_at_all);
    return suite_run(suite);
}
