/*
 * What an attempt has written, as an answer: from the store once it has ended, from its executor
 * while it runs.
 *
 * Owns: nothing. Runs in: core, inside a transaction. May call: store, answer, record.
 */
#ifndef ASSENT_CORE_OUTPUT_H
#define ASSENT_CORE_OUTPUT_H

#include "assent/core/answer.h"
#include "assent/core/task.h"

/* One attempt of a task. */
struct output_subject {
    int64_t job;
    int64_t item; /* PROTOCOL_NO_ITEM */
    uint32_t n;
};

/* Answers with what is stored of it; 404 if it has not ended. */
void output_answer_stored(struct core *core, const struct asker *asker,
                          const struct output_subject *subject);

/* Answers with what it has written so far. */
void output_answer_live(const struct asker *asker, const struct output_subject *subject,
                        const struct protocol_peeked *peeked);

#endif
