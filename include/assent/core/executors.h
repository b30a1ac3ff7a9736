/*
 * Core's half of the protocol with those who act, frame by frame; docs/ARCHITECTURE.md has its
 * rules.
 *
 * Owns: the executors' fields of a link. Runs in: core, inside a transaction.
 * May call: store, task, endings, work, peeks, stream.
 */
#ifndef ASSENT_CORE_EXECUTORS_H
#define ASSENT_CORE_EXECUTORS_H

#include "assent/core/task.h"

/* A frame from an executor. 0, or negative errno for one that it may not send. */
int executors_frame(struct link *link, const struct frame *frame);

/* The stream of the executor has ended. */
void executors_disconnected(struct link *link);

/* Which executor's attempts those of this link are. */
enum store_executor executors_kind(const struct link *link);
/* The link to that executor. */
struct link *executors_link(struct core *core, enum store_executor executor);

/* True if the executor has the hook exactly as core knows it. */
bool executors_have(const struct link *link, const struct config_hook *hook);

/* Sends CANCEL or PEEK about an attempt, if the executor is there. */
void executors_send(struct link *link, enum protocol_frame type, const struct store_job *job,
                    int64_t item, uint32_t n);

#endif
