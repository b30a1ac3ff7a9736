#include "assent/base/protocol.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "assent/base/pack.h"

/* A hook's digests and a HELLO's attempts are bounded by what one frame holds; these are the
 * smallest sizes of one element, to refuse a count that can't be true before allocating for it. */
#define DIGEST_PACKED_LEAST  (4 + 1 + 4 + PROTOCOL_DIGEST_SIZE + 1)
#define ATTEMPT_PACKED_LEAST (4 + 1 + 1 + 8 + 4)
#define ID_SIZE              8

int protocol_encode_request(struct buffer *out, const struct protocol_request *request)
{
    struct packer packer = packer_to(out);

    pack_u64(&packer, request->id);
    pack_text(&packer, request->method);
    pack_text(&packer, request->path);
    pack_text(&packer, request->query);
    pack_text(&packer, request->peer);
    pack_bytes(&packer, request->body, request->body_length);
    pack_u32(&packer, (uint32_t)request->header_count);
    for (size_t i = 0; i < request->header_count; i++) {
        pack_text(&packer, request->headers[i].name);
        pack_text(&packer, request->headers[i].value);
    }
    return packer.error;
}

int protocol_decode_request(const struct frame *frame, struct protocol_request *ret_request)
{
    struct unpacker unpacker = unpacker_of(frame->payload, frame->length);

    ret_request->id = unpack_u64(&unpacker);
    ret_request->method = unpack_required_text(&unpacker);
    ret_request->path = unpack_required_text(&unpacker);
    ret_request->query = unpack_required_text(&unpacker);
    ret_request->peer = unpack_required_text(&unpacker);
    ret_request->body = unpack_bytes(&unpacker, &ret_request->body_length);
    ret_request->header_count = unpack_u32(&unpacker);
    if (ret_request->header_count > PROTOCOL_HEADER_COUNT) {
        return -EBADMSG;
    }
    for (size_t i = 0; i < ret_request->header_count; i++) {
        ret_request->headers[i].name = unpack_required_text(&unpacker);
        ret_request->headers[i].value = unpack_required_text(&unpacker);
    }
    return unpack_end(&unpacker);
}

const char *protocol_request_header(const struct protocol_request *request, const char *name)
{
    for (size_t i = 0; i < request->header_count; i++) {
        if (strcmp(request->headers[i].name, name) == 0) {
            return request->headers[i].value;
        }
    }
    return NULL;
}

static void pack_response(struct packer *packer, const struct protocol_response *response)
{
    pack_u64(packer, response->id);
    pack_u32(packer, response->status);
    pack_u32(packer, response->retry_after);
    pack_text(packer, response->allow);
    pack_text(packer, response->authenticate);
    pack_text(packer, response->type);
    pack_u8(packer, response->streams);
    pack_u64(packer, response->stream_length);
    pack_bytes(packer, response->body, response->body_length);
}

static void unpack_response(struct unpacker *unpacker, struct protocol_response *ret_response)
{
    ret_response->id = unpack_u64(unpacker);
    ret_response->status = unpack_u32(unpacker);
    ret_response->retry_after = unpack_u32(unpacker);
    ret_response->allow = unpack_text(unpacker);
    ret_response->authenticate = unpack_text(unpacker);
    ret_response->type = unpack_text(unpacker);
    ret_response->streams = unpack_u8(unpacker) != 0;
    ret_response->stream_length = unpack_u64(unpacker);
    ret_response->body = unpack_bytes(unpacker, &ret_response->body_length);
}

int protocol_encode_response(struct buffer *out, const struct protocol_response *response)
{
    struct packer packer = packer_to(out);

    pack_response(&packer, response);
    return packer.error;
}

int protocol_decode_response(const struct frame *frame, struct protocol_response *ret_response)
{
    struct unpacker unpacker = unpacker_of(frame->payload, frame->length);

    unpack_response(&unpacker, ret_response);
    return unpack_end(&unpacker);
}

/* Several ids, as the last thing in a frame. */
static void pack_ids(struct packer *packer, const uint64_t *ids, size_t count)
{
    pack_u32(packer, (uint32_t)count);
    for (size_t i = 0; i < count; i++) {
        pack_u64(packer, ids[i]);
    }
}

/* NULL unless nothing but they is left. */
static const unsigned char *unpack_ids(struct unpacker *unpacker, size_t *ret_count)
{
    *ret_count = unpack_u32(unpacker);
    if (unpacker->error || unpacker->left / ID_SIZE != *ret_count ||
        unpacker->left % ID_SIZE != 0) {
        return NULL;
    }
    return unpacker->bytes;
}

static uint64_t id_at(const unsigned char *ids, size_t index)
{
    struct unpacker unpacker = unpacker_of(ids + index * ID_SIZE, ID_SIZE);

    return unpack_u64(&unpacker);
}

int protocol_encode_shared_response(struct buffer *out, const struct protocol_response *response,
                                    const uint64_t *ids, size_t count)
{
    struct packer packer = packer_to(out);

    pack_response(&packer, response);
    pack_ids(&packer, ids, count);
    return packer.error;
}

int protocol_decode_shared_response(const struct frame *frame,
                                    struct protocol_shared_response *ret_shared)
{
    struct unpacker unpacker = unpacker_of(frame->payload, frame->length);

    unpack_response(&unpacker, &ret_shared->response);
    ret_shared->ids = unpack_ids(&unpacker, &ret_shared->count);
    return ret_shared->ids ? 0 : -EBADMSG;
}

uint64_t protocol_shared_id(const struct protocol_shared_response *shared, size_t index)
{
    return id_at(shared->ids, index);
}

int protocol_encode_gone(struct buffer *out, uint64_t id)
{
    struct packer packer = packer_to(out);

    pack_u64(&packer, id);
    return packer.error;
}

int protocol_decode_gone(const struct frame *frame, uint64_t *ret_id)
{
    struct unpacker unpacker = unpacker_of(frame->payload, frame->length);

    *ret_id = unpack_u64(&unpacker);
    return unpack_end(&unpacker);
}

static void pack_attempt(struct packer *packer, const struct protocol_attempt *attempt)
{
    pack_text(packer, attempt->key);
    pack_i64(packer, attempt->item);
    pack_u32(packer, attempt->n);
}

static void unpack_attempt(struct unpacker *unpacker, struct protocol_attempt *ret_attempt)
{
    ret_attempt->key = unpack_required_text(unpacker);
    ret_attempt->item = unpack_i64(unpacker);
    ret_attempt->n = unpack_u32(unpacker);
    if (!unpacker->error &&
        (ret_attempt->key[0] == '\0' || strlen(ret_attempt->key) > PROTOCOL_KEY_LIMIT ||
         ret_attempt->item < PROTOCOL_NO_ITEM || ret_attempt->n == 0)) {
        unpacker->error = -EBADMSG;
    }
}

static void unpack_fixed(struct unpacker *unpacker, void *ret_bytes, size_t size)
{
    size_t length;
    const void *bytes = unpack_bytes(unpacker, &length);

    if (!bytes || length != size) {
        unpacker->error = -EBADMSG;
        return;
    }
    memcpy(ret_bytes, bytes, size);
}

static void pack_digests(struct packer *packer, const struct protocol_digests *digests)
{
    pack_u32(packer, (uint32_t)digests->count);
    for (size_t i = 0; i < digests->count; i++) {
        pack_text(packer, digests->digests[i].hook);
        pack_bytes(packer, digests->digests[i].digest, PROTOCOL_DIGEST_SIZE);
    }
}

static void unpack_digests(struct unpacker *unpacker, struct protocol_digests *ret_digests)
{
    size_t count = unpack_u32(unpacker);

    *ret_digests = (struct protocol_digests){0};
    if (unpacker->error || count == 0) {
        return;
    }
    if (count <= unpacker->left / DIGEST_PACKED_LEAST) {
        ret_digests->digests = calloc(count, sizeof *ret_digests->digests);
    }
    if (!ret_digests->digests) {
        unpacker->error = -EBADMSG;
        return;
    }
    ret_digests->count = count;
    for (size_t i = 0; i < count; i++) {
        ret_digests->digests[i].hook = unpack_required_text(unpacker);
        unpack_fixed(unpacker, ret_digests->digests[i].digest, PROTOCOL_DIGEST_SIZE);
    }
}

int protocol_encode_hello(struct buffer *out, const struct protocol_hello *hello)
{
    struct packer packer = packer_to(out);

    pack_bytes(&packer, hello->incarnation, sizeof hello->incarnation);
    pack_digests(&packer, &hello->digests);
    pack_u32(&packer, (uint32_t)hello->attempt_count);
    for (size_t i = 0; i < hello->attempt_count; i++) {
        pack_attempt(&packer, &hello->attempts[i]);
    }
    return packer.error;
}

static void unpack_attempts(struct unpacker *unpacker, struct protocol_hello *hello)
{
    size_t count = unpack_u32(unpacker);

    if (unpacker->error || count == 0) {
        return;
    }
    if (count <= unpacker->left / ATTEMPT_PACKED_LEAST) {
        hello->attempts = calloc(count, sizeof *hello->attempts);
    }
    if (!hello->attempts) {
        unpacker->error = -EBADMSG;
        return;
    }
    hello->attempt_count = count;
    for (size_t i = 0; i < count; i++) {
        unpack_attempt(unpacker, &hello->attempts[i]);
    }
}

int protocol_decode_hello(const struct frame *frame, struct protocol_hello *ret_hello)
{
    struct unpacker unpacker = unpacker_of(frame->payload, frame->length);
    struct protocol_hello hello = {0};
    int r;

    unpack_fixed(&unpacker, hello.incarnation, sizeof hello.incarnation);
    unpack_digests(&unpacker, &hello.digests);
    unpack_attempts(&unpacker, &hello);
    r = unpack_end(&unpacker);
    if (r < 0) {
        protocol_hello_free(&hello);
        return r;
    }
    *ret_hello = hello;
    return 0;
}

void protocol_hello_free(struct protocol_hello *hello)
{
    if (!hello) {
        return;
    }
    protocol_digests_free(&hello->digests);
    free(hello->attempts);
    hello->attempts = NULL;
    hello->attempt_count = 0;
}

int protocol_encode_digests(struct buffer *out, const struct protocol_digests *digests)
{
    struct packer packer = packer_to(out);

    pack_digests(&packer, digests);
    return packer.error;
}

int protocol_decode_digests(const struct frame *frame, struct protocol_digests *ret_digests)
{
    struct unpacker unpacker = unpacker_of(frame->payload, frame->length);
    struct protocol_digests digests;
    int r;

    unpack_digests(&unpacker, &digests);
    r = unpack_end(&unpacker);
    if (r < 0) {
        protocol_digests_free(&digests);
        return r;
    }
    *ret_digests = digests;
    return 0;
}

void protocol_digests_free(struct protocol_digests *digests)
{
    if (!digests) {
        return;
    }
    free(digests->digests);
    *digests = (struct protocol_digests){0};
}

int protocol_encode_start(struct buffer *out, const struct protocol_start *start)
{
    struct packer packer = packer_to(out);

    pack_attempt(&packer, &start->attempt);
    pack_i64(&packer, start->job);
    pack_text(&packer, start->hook);
    pack_bytes(&packer, start->digest, sizeof start->digest);
    pack_bytes(&packer, start->record, start->record_length);
    return packer.error;
}

int protocol_decode_start(const struct frame *frame, struct protocol_start *ret_start)
{
    struct unpacker unpacker = unpacker_of(frame->payload, frame->length);

    unpack_attempt(&unpacker, &ret_start->attempt);
    ret_start->job = unpack_i64(&unpacker);
    ret_start->hook = unpack_required_text(&unpacker);
    unpack_fixed(&unpacker, ret_start->digest, sizeof ret_start->digest);
    ret_start->record = unpack_bytes(&unpacker, &ret_start->record_length);
    return unpack_end(&unpacker);
}

int protocol_encode_attempt(struct buffer *out, const struct protocol_attempt *attempt)
{
    struct packer packer = packer_to(out);

    pack_attempt(&packer, attempt);
    return packer.error;
}

int protocol_decode_attempt(const struct frame *frame, struct protocol_attempt *ret_attempt)
{
    struct unpacker unpacker = unpacker_of(frame->payload, frame->length);

    unpack_attempt(&unpacker, ret_attempt);
    return unpack_end(&unpacker);
}

static void pack_output(struct packer *packer, const struct protocol_output *output)
{
    pack_bytes(packer, output->head, output->head_length);
    pack_bytes(packer, output->tail, output->tail_length);
    pack_u64(packer, output->dropped);
}

static void unpack_output(struct unpacker *unpacker, struct protocol_output *ret_output)
{
    ret_output->head = unpack_bytes(unpacker, &ret_output->head_length);
    ret_output->tail = unpack_bytes(unpacker, &ret_output->tail_length);
    ret_output->dropped = unpack_u64(unpacker);
}

int protocol_encode_result(struct buffer *out, const struct protocol_result *result)
{
    struct packer packer = packer_to(out);

    pack_attempt(&packer, &result->attempt);
    pack_u8(&packer, (uint8_t)result->ending);
    pack_u8(&packer, (uint8_t)result->again);
    pack_i64(&packer, result->again_after_ms);
    pack_i64(&packer, result->started_at);
    pack_i64(&packer, result->ended_at);
    pack_i64(&packer, result->exit_code);
    pack_i64(&packer, result->signal);
    pack_i64(&packer, result->http_status);
    pack_text(&packer, result->error);
    pack_output(&packer, &result->standard_output);
    pack_output(&packer, &result->standard_error);
    return packer.error;
}

static int32_t unpack_small(struct unpacker *unpacker)
{
    int64_t value = unpack_i64(unpacker);

    if (value < INT32_MIN || value > INT32_MAX) {
        unpacker->error = -EBADMSG;
        return 0;
    }
    return (int32_t)value;
}

int protocol_decode_result(const struct frame *frame, struct protocol_result *ret_result)
{
    struct unpacker unpacker = unpacker_of(frame->payload, frame->length);
    uint8_t ending;
    uint8_t again;

    unpack_attempt(&unpacker, &ret_result->attempt);
    ending = unpack_u8(&unpacker);
    again = unpack_u8(&unpacker);
    ret_result->again_after_ms = unpack_i64(&unpacker);
    ret_result->started_at = unpack_i64(&unpacker);
    ret_result->ended_at = unpack_i64(&unpacker);
    ret_result->exit_code = unpack_small(&unpacker);
    ret_result->signal = unpack_small(&unpacker);
    ret_result->http_status = unpack_small(&unpacker);
    ret_result->error = unpack_text(&unpacker);
    unpack_output(&unpacker, &ret_result->standard_output);
    unpack_output(&unpacker, &ret_result->standard_error);
    if (ending < ENDING_SUCCEEDED || ending > ENDING_INTERRUPTED || again > AGAIN_FREE ||
        (again != AGAIN_NEVER && ending != ENDING_FAILED) || ret_result->again_after_ms < 0) {
        return -EBADMSG;
    }
    ret_result->ending = (enum protocol_ending)ending;
    ret_result->again = (enum protocol_again)again;
    return unpack_end(&unpacker);
}

int protocol_encode_peeked(struct buffer *out, const struct protocol_peeked *peeked)
{
    struct packer packer = packer_to(out);

    pack_attempt(&packer, &peeked->attempt);
    pack_output(&packer, &peeked->standard_output);
    pack_output(&packer, &peeked->standard_error);
    return packer.error;
}

int protocol_decode_peeked(const struct frame *frame, struct protocol_peeked *ret_peeked)
{
    struct unpacker unpacker = unpacker_of(frame->payload, frame->length);

    unpack_attempt(&unpacker, &ret_peeked->attempt);
    unpack_output(&unpacker, &ret_peeked->standard_output);
    unpack_output(&unpacker, &ret_peeked->standard_error);
    return unpack_end(&unpacker);
}

int protocol_encode_stream(struct buffer *out, const void *bytes, size_t length,
                           const uint64_t *ids, size_t count)
{
    struct packer packer = packer_to(out);

    pack_bytes(&packer, bytes, length);
    pack_ids(&packer, ids, count);
    return packer.error;
}

int protocol_decode_stream(const struct frame *frame, struct protocol_stream *ret_stream)
{
    struct unpacker unpacker = unpacker_of(frame->payload, frame->length);

    ret_stream->bytes = unpack_bytes(&unpacker, &ret_stream->length);
    ret_stream->ids = unpack_ids(&unpacker, &ret_stream->count);
    return ret_stream->ids ? 0 : -EBADMSG;
}

uint64_t protocol_stream_id(const struct protocol_stream *stream, size_t index)
{
    return id_at(stream->ids, index);
}

int protocol_encode_lookup(struct buffer *out, const struct protocol_lookup *lookup)
{
    struct packer packer = packer_to(out);

    pack_u64(&packer, lookup->id);
    pack_text(&packer, lookup->hook);
    pack_bytes(&packer, lookup->digest, sizeof lookup->digest);
    pack_bytes(&packer, lookup->record, lookup->record_length);
    return packer.error;
}

int protocol_decode_lookup(const struct frame *frame, struct protocol_lookup *ret_lookup)
{
    struct unpacker unpacker = unpacker_of(frame->payload, frame->length);

    ret_lookup->id = unpack_u64(&unpacker);
    ret_lookup->hook = unpack_required_text(&unpacker);
    unpack_fixed(&unpacker, ret_lookup->digest, sizeof ret_lookup->digest);
    ret_lookup->record = unpack_bytes(&unpacker, &ret_lookup->record_length);
    return unpack_end(&unpacker);
}

int protocol_encode_looked_up(struct buffer *out, const struct protocol_looked_up *looked_up)
{
    struct packer packer = packer_to(out);

    pack_u64(&packer, looked_up->id);
    pack_i64(&packer, looked_up->http_status);
    pack_i64(&packer, looked_up->again_after_ms);
    pack_text(&packer, looked_up->error);
    pack_bytes(&packer, looked_up->body, looked_up->body_length);
    return packer.error;
}

int protocol_decode_looked_up(const struct frame *frame, struct protocol_looked_up *ret_looked_up)
{
    struct unpacker unpacker = unpacker_of(frame->payload, frame->length);

    ret_looked_up->id = unpack_u64(&unpacker);
    ret_looked_up->http_status = unpack_small(&unpacker);
    ret_looked_up->again_after_ms = unpack_i64(&unpacker);
    ret_looked_up->error = unpack_text(&unpacker);
    ret_looked_up->body = unpack_bytes(&unpacker, &ret_looked_up->body_length);
    if (ret_looked_up->again_after_ms < 0) {
        return -EBADMSG;
    }
    return unpack_end(&unpacker);
}
