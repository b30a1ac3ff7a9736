/*
 * The answers that a gate gives by itself, without core.
 *
 * Owns: nothing; they are constants. Runs in: gate, any thread. Pure. May call: nothing.
 */
#ifndef ASSENT_GATE_ANSWER_H
#define ASSENT_GATE_ANSWER_H

#include "assent/base/protocol.h"

enum answer {
    ANSWER_NOT_FOUND,
    ANSWER_ONLY_POST, /* 405 */
    ANSWER_ONLY_GET,  /* 405 */
    ANSWER_BODY_TOO_LARGE,
    ANSWER_HEADERS_TOO_LARGE,
    ANSWER_UNSUPPORTED_MEDIA_TYPE,
    ANSWER_UNAVAILABLE,
    ANSWER_BAD_LINES, /* 400, as all these */
    ANSWER_BAD_NAME,  /* of a header */
    ANSWER_BAD_VALUE, /* of a header */
    ANSWER_BAD_VERSION,
    ANSWER_BAD_TARGET,
    ANSWER_BAD_LENGTH,
    ANSWER_BAD_DUPLICATE,
    ANSWER_BAD_HOST,
    ANSWER_TOO_MANY_REQUESTS,    /* 429 */
    ANSWER_TOO_MANY_CONNECTIONS, /* 429: of one address */
    ANSWER_FULL,                 /* 503: connections of all */
    ANSWER_COUNT,
    ANSWER_NONE = ANSWER_COUNT, /* nothing to object: core answers */
};

/* The answer in the form in which core gives its own; its id is 0. */
const struct protocol_response *answer_response(enum answer answer);

#endif
