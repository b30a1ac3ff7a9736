/*
 * Any bytes as the payload of a frame of any type, the type being the first of them. What is taken
 * is well-formed, and encoding it gives the same bytes again: there is one way to say a thing.
 */
#include <assert.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "assent/base/protocol.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length);

static void check_attempt(const struct protocol_attempt *attempt)
{
    assert(attempt->key[0] && strlen(attempt->key) <= PROTOCOL_KEY_LIMIT);
    assert(attempt->item >= PROTOCOL_NO_ITEM && attempt->n >= 1);
}

static void check_digests(const struct protocol_digests *digests)
{
    for (size_t i = 0; i < digests->count; i++) {
        assert(digests->digests[i].hook);
    }
}

static int request(const struct frame *frame, struct buffer *out)
{
    struct protocol_request decoded;
    int r = protocol_decode_request(frame, &decoded);

    if (r == 0) {
        assert(decoded.method && decoded.path && decoded.query && decoded.peer && decoded.body);
        assert(decoded.header_count <= PROTOCOL_HEADER_COUNT);
        (void)protocol_request_header(&decoded, "x-daimon-signature");
        r = protocol_encode_request(out, &decoded);
    }
    return r;
}

static int response(const struct frame *frame, struct buffer *out)
{
    struct protocol_response decoded;
    int r = protocol_decode_response(frame, &decoded);

    return r == 0 ? protocol_encode_response(out, &decoded) : r;
}

static int shared_response(const struct frame *frame, struct buffer *out)
{
    struct protocol_shared_response decoded;
    int r = protocol_decode_shared_response(frame, &decoded);

    if (r == 0) {
        uint64_t *ids = malloc(decoded.count * sizeof *ids + 1);

        for (size_t i = 0; i < decoded.count; i++) {
            ids[i] = protocol_shared_id(&decoded, i);
        }
        r = protocol_encode_shared_response(out, &decoded.response, ids, decoded.count);
        free(ids);
    }
    return r;
}

static int stream(const struct frame *frame, struct buffer *out)
{
    struct protocol_stream decoded;
    int r = protocol_decode_stream(frame, &decoded);

    if (r == 0) {
        uint64_t *ids = malloc(decoded.count * sizeof *ids + 1);

        for (size_t i = 0; i < decoded.count; i++) {
            ids[i] = protocol_stream_id(&decoded, i);
        }
        r = protocol_encode_stream(out, decoded.bytes, decoded.length, ids, decoded.count);
        free(ids);
    }
    return r;
}

static int gone(const struct frame *frame, struct buffer *out)
{
    uint64_t id;
    int r = protocol_decode_gone(frame, &id);

    return r == 0 ? protocol_encode_gone(out, id) : r;
}

static int hello(const struct frame *frame, struct buffer *out)
{
    struct protocol_hello decoded;
    int r = protocol_decode_hello(frame, &decoded);

    if (r == 0) {
        check_digests(&decoded.digests);
        for (size_t i = 0; i < decoded.attempt_count; i++) {
            check_attempt(&decoded.attempts[i]);
        }
        r = protocol_encode_hello(out, &decoded);
        protocol_hello_free(&decoded);
    }
    return r;
}

static int digests(const struct frame *frame, struct buffer *out)
{
    struct protocol_digests decoded;
    int r = protocol_decode_digests(frame, &decoded);

    if (r == 0) {
        check_digests(&decoded);
        r = protocol_encode_digests(out, &decoded);
        protocol_digests_free(&decoded);
    }
    return r;
}

static int start(const struct frame *frame, struct buffer *out)
{
    struct protocol_start decoded;
    int r = protocol_decode_start(frame, &decoded);

    if (r == 0) {
        check_attempt(&decoded.attempt);
        r = protocol_encode_start(out, &decoded);
    }
    return r;
}

static int attempt(const struct frame *frame, struct buffer *out)
{
    struct protocol_attempt decoded;
    int r = protocol_decode_attempt(frame, &decoded);

    if (r == 0) {
        check_attempt(&decoded);
        r = protocol_encode_attempt(out, &decoded);
    }
    return r;
}

static int result(const struct frame *frame, struct buffer *out)
{
    struct protocol_result decoded;
    int r = protocol_decode_result(frame, &decoded);

    if (r == 0) {
        check_attempt(&decoded.attempt);
        assert(decoded.ending >= ENDING_SUCCEEDED && decoded.ending <= ENDING_INTERRUPTED);
        r = protocol_encode_result(out, &decoded);
    }
    return r;
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length)
{
    static int (*const again[])(const struct frame *, struct buffer *) = {
        request, response, gone, hello, digests, start, attempt, result, shared_response, stream};
    struct buffer out = {0};

    if (length == 0) {
        return 0;
    }

    /* A copy of its own size, so that reading behind it is seen. */
    unsigned char *payload = malloc(length - 1);
    const struct frame frame = {.payload = payload, .length = length - 1};

    memcpy(payload, bytes + 1, length - 1);
    if (again[bytes[0] % (sizeof again / sizeof again[0])](&frame, &out) == 0) {
        assert(out.length == frame.length && memcmp(out.data, payload, out.length) == 0);
    }
    buffer_free(&out);
    free(payload);
    return 0;
}
