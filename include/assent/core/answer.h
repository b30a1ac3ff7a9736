/*
 * Answers to HTTP requests: the envelope {"result", "next_steps"} or {"error", "message",
 * "next_steps"}.
 *
 * Owns: nothing. Runs in: core. May call: stream, protocol, json.
 */
#ifndef ASSENT_CORE_ANSWER_H
#define ASSENT_CORE_ANSWER_H

#include <jansson.h>
#include <stdint.h>

#include "assent/core/internal.h"

/* To whom an answer goes. */
struct asker {
    struct link *link;
    uint64_t id;
};

/* Several that one gate forwarded. */
struct answer_ids {
    uint64_t *ids;
    size_t count;
};

/* Answers with a body that is JSON already. */
void answer_text(const struct asker *asker, unsigned status, const char *body);

/* Answers 200 with a body of another type; `type` is the whole value of Content-Type. */
void answer_plain(const struct asker *asker, const char *type, const struct buffer *body);

/* Begins an answer that streams, and goes on with it: with bytes for several, with none to end it. The
 * length is that of all of it, 0 if it is not known. */
void answer_stream(const struct asker *asker, const char *type, uint64_t length);
void answer_stream_on(const struct link *link, const struct answer_ids *ids,
                      const struct buffer *bytes);

/* Answers with {"result": result, "next_steps": [next_step]}; takes the reference to `result`.
 * `next_step` may be NULL. */
void answer_result(const struct asker *asker, unsigned status, json_t *result,
                   const char *next_step);

/* The same answer to all of them; however many they are, it is made and sent once. */
void answer_result_to_all(const struct link *link, const struct answer_ids *ids, unsigned status,
                          json_t *result, const char *next_step);

/* Answers with {"error": code, "message": ..., "next_steps": [...]}. */
void answer_error(const struct asker *asker, unsigned status, const char *code,
                  const char *next_step, const char *format, ...)
    __attribute__((format(printf, 5, 6)));

/* 405 with the methods that are allowed. */
void answer_wrong_method(const struct asker *asker, const char *allow);

/* 401 to whoever sent no token, or a wrong one: one answer for all such cases. */
void answer_unknown_token(const struct asker *asker);

/* 503: try again in so many seconds. */
void answer_unavailable(const struct asker *asker, unsigned retry_after, const char *message);

#endif
