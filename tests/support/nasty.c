#include "support/nasty.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "assent/base/protocol.h"

#define DEFAULT_SEED    UINT64_C(20260316)
#define DEFAULT_SECONDS 5
#define MANY            "1234567890123456789012345678901234567890123456789012345678901234567890"

static const char *const odd_texts[] = {
    "",
    "GET",
    "POST",
    "HEAD",
    "/",
    "/healthz",
    "/readyz",
    "/v1/requests",
    "/v1/requests/req_1/cancel",
    "/v1/jobs/1/retry",
    "/webhook/approval",
    "/webhook/other",
    "/webhook/approval/../other",
    "content-type",
    "application/json",
    "x-daimon-signature",
    "sha256=0000000000000000000000000000000000000000000000000000000000000000",
    "\n",
    "\r\n\r\n",
    "x\ntime=2026-03-16T10:30:45.123Z level=info role=core msg=\"forged\"",
    "\x1b[2J\x1b[31m",
    "\xc3\x28",
    "\xed\xa0\x80",
    "\xf8\x88\x80\x80\x80",
    "\xff\xfe\xff",
    "\xe2\x80\xae",
    "\xc2\x85",
    "%s%s%s%n",
    "%00",
    "%ff",
    "'; DROP TABLE request; --",
    "../../../../etc/passwd",
    "uid:0",
    "127.0.0.1",
    "{\"requestId\":\"req_1\",\"status\":\"approved\"}",
    "{\"requestId\":\"req_1\",\"requestId\":\"req_2\",\"status\":\"approved\"}",
    "{\"event\":\"account.upgraded\"}",
    "[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[",
    MANY,
    MANY MANY MANY MANY MANY MANY MANY MANY MANY MANY MANY MANY MANY MANY MANY MANY,
};

static const uint64_t odd_numbers[] = {
    0,
    1,
    2,
    7,
    127,
    128,
    129,
    255,
    256,
    65535,
    0x7fffffff,
    0x80000000,
    0xffffffff,
    0x100000000,
    INT64_MAX,
    UINT64_MAX,
    1773657045123,
    (uint64_t)INT64_MIN,
    (uint64_t)-1000,
};

struct nasty nasty_begin(const char *what, const char *const *texts)
{
    const char *given = getenv("ASSENT_TEST_SEED");
    struct nasty nasty = {.state = given ? strtoull(given, NULL, 10) : DEFAULT_SEED,
                          .texts = texts};

    (void)printf("%s: ASSENT_TEST_SEED=%llu\n", what, (unsigned long long)nasty.state);
    return nasty;
}

int64_t nasty_duration_ms(void)
{
    const char *given = getenv("ASSENT_TEST_FUZZ_SECONDS");

    return 1000 * (given ? strtoll(given, NULL, 10) : DEFAULT_SECONDS);
}

/* splitmix64 */
static uint64_t next(struct nasty *nasty)
{
    uint64_t value = nasty->state += UINT64_C(0x9e3779b97f4a7c15);

    value = (value ^ value >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    value = (value ^ value >> 27) * UINT64_C(0x94d049bb133111eb);
    return value ^ value >> 31;
}

uint32_t nasty_below(struct nasty *nasty, uint32_t limit)
{
    return (uint32_t)(next(nasty) >> 32) % limit;
}

static bool once_in(struct nasty *nasty, uint32_t times)
{
    return nasty_below(nasty, times) == 0;
}

static uint64_t number(struct nasty *nasty)
{
    const uint32_t count = sizeof odd_numbers / sizeof odd_numbers[0];

    return once_in(nasty, 4) ? next(nasty) : odd_numbers[nasty_below(nasty, count)];
}

static const char *text(struct nasty *nasty)
{
    const uint32_t count = sizeof odd_texts / sizeof odd_texts[0];
    uint32_t known = 0;

    while (nasty->texts && nasty->texts[known]) {
        known++;
    }
    return known > 0 && once_in(nasty, 3) ? nasty->texts[nasty_below(nasty, known)]
                                          : odd_texts[nasty_below(nasty, count)];
}

void nasty_noise(struct nasty *nasty, struct buffer *out, size_t length)
{
    for (size_t i = 0; i < length; i++) {
        unsigned char byte = (unsigned char)next(nasty);

        if (buffer_append(out, &byte, 1) < 0) {
            abort();
        }
    }
}

/* --- payloads --------------------------------------------------------------------------------- */

static void request_payload(struct nasty *nasty, struct buffer *out)
{
    struct protocol_request request = {
        .id = number(nasty),
        .method = text(nasty),
        .path = text(nasty),
        .query = text(nasty),
        .peer = text(nasty),
        .body = text(nasty),
        .header_count = nasty_below(nasty, once_in(nasty, 8) ? PROTOCOL_HEADER_COUNT + 1 : 6),
    };

    request.body_length = strlen(request.body);
    for (size_t i = 0; i < request.header_count; i++) {
        request.headers[i] = (struct protocol_header){text(nasty), text(nasty)};
    }
    (void)protocol_encode_request(out, &request);
}

static struct protocol_attempt attempt(struct nasty *nasty)
{
    return (struct protocol_attempt){
        .key = text(nasty),
        .item = once_in(nasty, 4) ? (int64_t)number(nasty) : PROTOCOL_NO_ITEM,
        .n = once_in(nasty, 2) ? 1 : (uint32_t)number(nasty),
    };
}

#define LIST_LIMIT 40

static size_t digests(struct nasty *nasty, struct protocol_digest *list)
{
    size_t count = nasty_below(nasty, LIST_LIMIT);

    for (size_t i = 0; i < count; i++) {
        list[i].hook = text(nasty);
        memset(list[i].digest, (int)next(nasty) & 0xff, sizeof list[i].digest);
    }
    return count;
}

static void hello_payload(struct nasty *nasty, uint16_t type, struct buffer *out)
{
    struct protocol_digest digest_list[LIST_LIMIT];
    struct protocol_attempt attempt_list[LIST_LIMIT];
    struct protocol_hello hello = {
        .digests = {.digests = digest_list},
        .attempt_count = nasty_below(nasty, LIST_LIMIT),
        .attempts = attempt_list,
    };

    hello.digests.count = digests(nasty, digest_list);
    for (size_t i = 0; i < hello.attempt_count; i++) {
        attempt_list[i] = attempt(nasty);
    }
    memset(hello.incarnation, (int)next(nasty) & 3, sizeof hello.incarnation);
    (void)(type == FRAME_HELLO ? protocol_encode_hello(out, &hello)
                               : protocol_encode_digests(out, &hello.digests));
}

static struct protocol_output output(struct nasty *nasty)
{
    struct protocol_output given = {
        .head = text(nasty), .tail = text(nasty), .dropped = number(nasty)};

    given.head_length = strlen(given.head);
    given.tail_length = strlen(given.tail);
    return given;
}

static void result_payload(struct nasty *nasty, struct buffer *out)
{
    const struct protocol_result result = {
        .attempt = attempt(nasty),
        .ending = (enum protocol_ending)(1 + nasty_below(nasty, once_in(nasty, 8) ? 5 : 3)),
        .started_at = (int64_t)number(nasty),
        .ended_at = (int64_t)number(nasty),
        .exit_code = (int32_t)number(nasty),
        .signal = (int32_t)number(nasty),
        .http_status = (int32_t)number(nasty),
        .error = once_in(nasty, 3) ? NULL : text(nasty),
        .standard_output = output(nasty),
        .standard_error = output(nasty),
    };

    (void)protocol_encode_result(out, &result);
}

static void start_payload(struct nasty *nasty, struct buffer *out)
{
    struct protocol_start start = {
        .attempt = attempt(nasty),
        .job = (int64_t)number(nasty),
        .hook = text(nasty),
        .record = text(nasty),
    };

    start.record_length = strlen(start.record);
    (void)protocol_encode_start(out, &start);
}

static void response_payload(struct nasty *nasty, struct buffer *out)
{
    struct protocol_response response = {
        .id = number(nasty),
        .status = (uint32_t)number(nasty),
        .allow = text(nasty),
        .body = text(nasty),
    };

    response.body_length = strlen(response.body);
    (void)protocol_encode_response(out, &response);
}

static void attempt_payload(struct nasty *nasty, struct buffer *out)
{
    const struct protocol_attempt named = attempt(nasty);

    (void)protocol_encode_attempt(out, &named);
}

void nasty_payload(struct nasty *nasty, uint16_t type, struct buffer *out)
{
    switch (type) {
    case FRAME_REQUEST:
        request_payload(nasty, out);
        break;
    case FRAME_GONE:
        (void)protocol_encode_gone(out, number(nasty));
        break;
    case FRAME_RESPONSE:
        response_payload(nasty, out);
        break;
    case FRAME_HELLO:
    case FRAME_DIGESTS:
        hello_payload(nasty, type, out);
        break;
    case FRAME_RESULT:
        result_payload(nasty, out);
        break;
    case FRAME_REFUSED:
    case FRAME_ACK:
        attempt_payload(nasty, out);
        break;
    case FRAME_START:
        start_payload(nasty, out);
        break;
    default:
        break;
    }
}

/* --- frames ----------------------------------------------------------------------------------- */

void nasty_spoil(struct nasty *nasty, struct buffer *bytes, size_t offset)
{
    static const unsigned char odd_bytes[] = {0x00, 0x01, 0x7f, 0x80, 0xff};
    size_t length = bytes->length - offset;

    for (uint32_t times = 1 + nasty_below(nasty, 4); times > 0 && length > 0; times--) {
        size_t at = offset + nasty_below(nasty, (uint32_t)length);

        switch (nasty_below(nasty, 4)) {
        case 0:
            bytes->data[at] = odd_bytes[nasty_below(nasty, sizeof odd_bytes)];
            break;
        case 1:
            bytes->data[at] ^= (unsigned char)(1u << nasty_below(nasty, 8));
            break;
        case 2:
            bytes->length = at;
            length = at - offset;
            break;
        default:
            nasty_noise(nasty, bytes, nasty_below(nasty, 16));
            break;
        }
    }
}

static void append_frame(struct buffer *out, uint16_t type, const struct buffer *payload,
                         uint32_t length)
{
    const unsigned char header[] = {(unsigned char)length,         (unsigned char)(length >> 8),
                                    (unsigned char)(length >> 16), (unsigned char)(length >> 24),
                                    (unsigned char)type,           (unsigned char)(type >> 8)};

    if (buffer_append(out, header, sizeof header) < 0 ||
        buffer_append(out, payload->data, payload->length) < 0) {
        abort();
    }
}

void nasty_frame_of(struct nasty *nasty, uint16_t type, struct buffer *out)
{
    struct buffer payload = {0};

    nasty_payload(nasty, type, &payload);
    append_frame(out, type, &payload, (uint32_t)payload.length + 2);
    buffer_free(&payload);
}

void nasty_frame(struct nasty *nasty, struct buffer *out)
{
    uint16_t type = (uint16_t)(once_in(nasty, 16) ? number(nasty) : nasty_below(nasty, 12));
    struct buffer payload = {0};

    nasty_payload(nasty, type, &payload);
    if (once_in(nasty, 2)) {
        nasty_spoil(nasty, &payload, 0);
    }
    append_frame(out, type, &payload,
                 once_in(nasty, 16) ? (uint32_t)number(nasty) : (uint32_t)payload.length + 2);
    buffer_free(&payload);
}
