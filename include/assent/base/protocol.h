/*
 * The frames between the roles, by type and content.
 *
 * gate -> core       REQUEST, GONE, DRAIN; but from the public one also TAKEN
 * core -> gate       RESPONSE, SHARED_RESPONSE; but to the public one also STREAM
 * executor -> core   HELLO, DIGESTS, RESULT, REFUSED, PEEKED; the caller also LOOKED_UP
 * core -> executor   START, ACK, CANCEL, PEEK; to the caller also LOOKUP
 *
 * "Executor" is runner or caller. An attempt is (the job's key, item, n): the key is random and the
 * same for every attempt of a job; item is the index in a fan-out or PROTOCOL_NO_ITEM; n counts
 * from 1. The rules of the exchange are in docs/ARCHITECTURE.md, checked as a model in tests/model.
 *
 * Structs here are views: decoding copies nothing, every pointer points into the payload and lives
 * as long as it. Encoding appends to a buffer. Each decoder checks all there is to check without
 * knowing the configuration, so that what it returns is well-formed.
 *
 * Owns: nothing. Runs in: gate, core, runner, caller; any thread. May call: pack.
 */
#ifndef ASSENT_BASE_PROTOCOL_H
#define ASSENT_BASE_PROTOCOL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "assent/base/buffer.h"
#include "assent/base/stream.h"

enum protocol_frame {
    FRAME_REQUEST = 1,
    FRAME_GONE,
    FRAME_DRAIN,
    FRAME_RESPONSE,
    FRAME_SHARED_RESPONSE,
    FRAME_HELLO,
    FRAME_DIGESTS,
    FRAME_RESULT,
    FRAME_REFUSED,
    FRAME_START,
    FRAME_ACK,
    FRAME_CANCEL,
    FRAME_PEEK,
    FRAME_PEEKED,
    FRAME_LOOKUP,
    FRAME_LOOKED_UP,
    FRAME_STREAM,
    FRAME_TAKEN,
};

#define PROTOCOL_NO_ITEM          (-1)
#define PROTOCOL_DIGEST_SIZE      32 /* SHA-256 of a hook's section, secrets left out */
#define PROTOCOL_INCARNATION_SIZE 16
#define PROTOCOL_KEY_LIMIT        80  /* characters of a job's key */
#define PROTOCOL_HEADER_COUNT     128 /* of one request */
/* Payload of a frame from a gate, beside the body of the request. */
#define PROTOCOL_HEAD_LIMIT (512u << 10)
/* The largest body on the control interface: 16 MiB of context, and what stands around it. */
#define PROTOCOL_CONTROL_BODY_LIMIT (17u << 20)
#define PROTOCOL_RECORD_LIMIT       (40u << 20) /* payload of a START: 16 MiB of context, escaped */
#define PROTOCOL_RESULT_LIMIT       (8u << 20)  /* payload of whatever an executor sends */

/* --- gate and core ---------------------------------------------------------------------------- */

struct protocol_header {
    const char *name; /* lower case */
    const char *value;
};

/* An HTTP request that arrived whole. */
struct protocol_request {
    uint64_t id;        /* the gate's, unused before in its life */
    const char *method; /* GET, POST, ... */
    const char *path;   /* as sent, without the query */
    const char *query;  /* as sent, without the '?'; "" if none */
    const char *peer;   /* `203.0.113.9`, or `uid:1000` on a Unix socket */
    const void *body;
    size_t body_length;
    size_t header_count;
    struct protocol_header headers[PROTOCOL_HEADER_COUNT];
};

int protocol_encode_request(struct buffer *out, const struct protocol_request *request);
int protocol_decode_request(const struct frame *frame, struct protocol_request *ret_request);

/* The value of the header with this lower-case name, or NULL. */
const char *protocol_request_header(const struct protocol_request *request, const char *name);

/* The answer to the request of that id. The body is JSON, unless another type is said. One with
 * `streams` is the beginning of an answer that goes on in STREAM frames, until one of them is empty, or
 * the client leaves and GONE says so. Where its length is known, so is to the client whether it was cut
 * off. Each follows a TAKEN for that id, so that there is never more under way than one piece for each
 * client, however slowly it reads. */
struct protocol_response {
    uint64_t id;
    uint32_t status;
    uint32_t retry_after;     /* seconds for Retry-After, 0 for none */
    const char *allow;        /* for Allow, NULL for none */
    const char *authenticate; /* for WWW-Authenticate, NULL for none */
    const char *type;         /* for Content-Type, NULL for JSON */
    bool streams;
    uint64_t stream_length; /* bytes of all that streams, if `streams`; 0: not known */
    const void *body;
    size_t body_length;
};

int protocol_encode_response(struct buffer *out, const struct protocol_response *response);
int protocol_decode_response(const struct frame *frame, struct protocol_response *ret_response);

/* STREAM: more of answers that stream, the same for several; their end if there are no bytes. */
struct protocol_stream {
    const void *bytes;
    size_t length;
    size_t count;
    const unsigned char *ids; /* protocol_stream_id reads them */
};

int protocol_encode_stream(struct buffer *out, const void *bytes, size_t length,
                           const uint64_t *ids, size_t count);
int protocol_decode_stream(const struct frame *frame, struct protocol_stream *ret_stream);
uint64_t protocol_stream_id(const struct protocol_stream *stream, size_t index);

/* SHARED_RESPONSE: the same answer to several requests, so that a large one passes once. */
struct protocol_shared_response {
    struct protocol_response response; /* `id` is none of them */
    size_t count;
    const unsigned char *ids; /* protocol_shared_id reads them */
};

int protocol_encode_shared_response(struct buffer *out, const struct protocol_response *response,
                                    const uint64_t *ids, size_t count);
int protocol_decode_shared_response(const struct frame *frame,
                                    struct protocol_shared_response *ret_shared);
uint64_t protocol_shared_id(const struct protocol_shared_response *shared, size_t index);

/* GONE: the client of that request left; nobody waits for the answer any more. TAKEN, which looks the
 * same: the client has taken all that was sent of its stream, and may be sent more. DRAIN has no
 * payload: the gate stops, every request that waits shall be answered as things stand. */
int protocol_encode_gone(struct buffer *out, uint64_t id);
int protocol_decode_gone(const struct frame *frame, uint64_t *ret_id);

/* --- core and executors ----------------------------------------------------------------------- */

struct protocol_attempt {
    const char *key;
    int64_t item; /* PROTOCOL_NO_ITEM, or 0 and up */
    uint32_t n;   /* 1 and up */
};

struct protocol_digest {
    const char *hook;
    unsigned char digest[PROTOCOL_DIGEST_SIZE];
};

/* The hooks that an executor can run, each with its digest. DIGESTS is the same list alone, sent
 * after a reload. `digests` of a decoded list is allocated: protocol_digests_free. */
struct protocol_digests {
    size_t count;
    struct protocol_digest *digests;
};

/* HELLO: the first frame of an executor on a new stream. It lists every attempt that it holds,
 * running or finished without ACK. Lists of a decoded HELLO are allocated: protocol_hello_free. */
struct protocol_hello {
    unsigned char incarnation[PROTOCOL_INCARNATION_SIZE];
    struct protocol_digests digests;
    size_t attempt_count;
    struct protocol_attempt *attempts;
};

int protocol_encode_hello(struct buffer *out, const struct protocol_hello *hello);
int protocol_decode_hello(const struct frame *frame, struct protocol_hello *ret_hello);
void protocol_hello_free(struct protocol_hello *hello);
int protocol_encode_digests(struct buffer *out, const struct protocol_digests *digests);
int protocol_decode_digests(const struct frame *frame, struct protocol_digests *ret_digests);
void protocol_digests_free(struct protocol_digests *digests);

/* START: run the hook for this attempt with this record (JSON). */
struct protocol_start {
    struct protocol_attempt attempt;
    int64_t job; /* the job's number, for people */
    const char *hook;
    unsigned char digest[PROTOCOL_DIGEST_SIZE];
    const void *record;
    size_t record_length;
};

int protocol_encode_start(struct buffer *out, const struct protocol_start *start);
int protocol_decode_start(const struct frame *frame, struct protocol_start *ret_start);

/* ACK: the result of the attempt is on disk; forget it. REFUSED: the attempt was never started,
 * because the hook is unknown here or its digest is another. CANCEL: end the attempt if it runs; its
 * RESULT says which came first. PEEK: what has it written so far? An attempt that is not running is
 * not answered for: its RESULT is on its way, or was never owed. */
int protocol_encode_attempt(struct buffer *out, const struct protocol_attempt *attempt);
int protocol_decode_attempt(const struct frame *frame, struct protocol_attempt *ret_attempt);

enum protocol_ending {
    ENDING_SUCCEEDED = 1,
    ENDING_FAILED,      /* it ended, or never began, and did not succeed: nothing is uncertain */
    ENDING_INTERRUPTED, /* it was cut off: what it has done by then is not known */
};

/* Whether what has failed may be tried again without asking anybody. */
enum protocol_again {
    AGAIN_NEVER,   /* it would fail again, or may have been done */
    AGAIN_COUNTED, /* nothing was done, or a repeat is harmless: as often as `retries` allows */
    AGAIN_FREE,    /* it asked for it: exit status 75, EX_TEMPFAIL of sysexits.h */
};

/* One kept output: the first and the last bytes, and how many were dropped between them. */
struct protocol_output {
    const void *head;
    size_t head_length;
    const void *tail;
    size_t tail_length;
    uint64_t dropped;
};

/* RESULT: how an attempt ended. Sent again after every HELLO until its ACK. */
struct protocol_result {
    struct protocol_attempt attempt;
    enum protocol_ending ending;
    enum protocol_again again; /* AGAIN_NEVER unless ENDING_FAILED */
    int64_t again_after_ms;    /* the other end wants so long a pause; 0 if it did not say */
    int64_t started_at;        /* ms since 1970; 0 if nothing was started */
    int64_t ended_at;
    int32_t exit_code;                      /* of a program, -1 if it has none */
    int32_t signal;                         /* that ended a program, 0 if none */
    int32_t http_status;                    /* of a call, 0 if there was no answer */
    const char *error;                      /* a sentence for a person, NULL if succeeded */
    struct protocol_output standard_output; /* or the body of the answer to a call */
    struct protocol_output standard_error;
};

int protocol_encode_result(struct buffer *out, const struct protocol_result *result);
int protocol_decode_result(const struct frame *frame, struct protocol_result *ret_result);

/* LOOKUP: ask a service what has become of a request, by its built-in hook (`lookup NAME`) and a record
 * (JSON). Nothing of it is kept: it is answered by LOOKED_UP, or not at all if either side goes. */
struct protocol_lookup {
    uint64_t id; /* core's, unused before in its life */
    const char *hook;
    unsigned char digest[PROTOCOL_DIGEST_SIZE];
    const void *record;
    size_t record_length;
};

int protocol_encode_lookup(struct buffer *out, const struct protocol_lookup *lookup);
int protocol_decode_lookup(const struct frame *frame, struct protocol_lookup *ret_lookup);

struct protocol_looked_up {
    uint64_t id;
    int32_t http_status;    /* 0 if there was no answer */
    int64_t again_after_ms; /* the service wants so long a pause; 0 if it did not say */
    const char *error;      /* a sentence for a person, NULL if it was answered as expected */
    const void *body;
    size_t body_length;
};

int protocol_encode_looked_up(struct buffer *out, const struct protocol_looked_up *looked_up);
int protocol_decode_looked_up(const struct frame *frame, struct protocol_looked_up *ret_looked_up);

/* PEEKED: what a running attempt has written so far. */
struct protocol_peeked {
    struct protocol_attempt attempt;
    struct protocol_output standard_output;
    struct protocol_output standard_error;
};

int protocol_encode_peeked(struct buffer *out, const struct protocol_peeked *peeked);
int protocol_decode_peeked(const struct frame *frame, struct protocol_peeked *ret_peeked);

#endif
