/*
 * The backup that an operator takes: a copy of the store, sent as a stream, one at a time.
 *
 * It begins right after the commit of the call that asked for it, so that all that was answered before
 * is in it, and leaves core in pieces, each when the gate says that its client has taken the one
 * before. A client that reads slowly costs what changes meanwhile, on disk; it has so much time.
 *
 *   want ─▶ (commit) begin ─▶ (TAKEN) a piece ─▶ ... ─▶ the last piece; or forget, or cut off
 *
 * Whoever gets less than the length that was announced has no backup.
 *
 * Owns: the copy while it is sent. Runs in: core. May call: answer, store, log, sd-event.
 */
#ifndef ASSENT_CORE_BACKUP_H
#define ASSENT_CORE_BACKUP_H

#include <stdbool.h>

#include "assent/core/answer.h"

/* Notes that it is wanted, or answers 503 itself and returns false while there is one. */
bool backup_want(struct core *core, const struct asker *asker, const char *who);
bool backup_is_wanted(const struct core *core);
/* Begins it and answers. Outside of a transaction. */
void backup_begin(struct core *core);

/* It has taken what it was sent. False if it is not the one that gets the backup. */
bool backup_taken(struct core *core, const struct asker *asker);
/* Its client has gone. */
void backup_forget(struct core *core, const struct asker *asker);
/* The gate has gone. */
void backup_forget_all(struct core *core, const struct link *link);
/* The gate stops. */
void backup_end_all(struct core *core, const struct link *link);

/* Before the store is closed. */
void backup_free(struct core *core);

#endif
