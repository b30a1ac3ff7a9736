/*
 * The log: one line for one thing that happened.
 *
 * A line has a level, a sentence, and fields. Where standard error is the journal, it goes there as
 * a journal entry (MESSAGE, PRIORITY, ASSENT_ROLE and one ASSENT_<NAME> for each field); elsewhere
 * as one logfmt line on standard error:
 *
 *   time=2026-03-16T10:30:45.123Z level=info role=core msg="approved after 4m12s by a@b.c"
 * request=req_1
 *
 * Values may come from outside: control characters and invalid UTF-8 are escaped here, so callers
 * pass them as they are. Secrets are never passed.
 *
 * Standard error that takes nothing for a second stops no role: lines are dropped then, and how many
 * is told where it goes on (log_stream.h).
 *
 * Owns: the journal's socket, the held lines. Runs in: every role, any thread.
 * May call: log_stream, sd_journal_sendv.
 */
#ifndef ASSENT_BASE_LOG_H
#define ASSENT_BASE_LOG_H

#include <stdbool.h>
#include <stddef.h>

enum log_level { LOG_LEVEL_ERROR, LOG_LEVEL_WARNING, LOG_LEVEL_INFO, LOG_LEVEL_DEBUG };

/* Says who is speaking (the value of role=) and opens the journal if standard error is connected to
 * it, so that later lines need no new descriptor. `role` is kept as a pointer. */
void log_open(const char *role);

/* Lines above this level are dropped; LOG_LEVEL_INFO at first. */
void log_set_level(enum log_level level);

/* Whether lines of that level are written, for those who would read what to write first. */
bool log_enabled(enum log_level level);

/* Finds a level by its name in the configuration (error, warning, info, debug). 0 or -EINVAL. */
int log_level_from_text(const char *text, enum log_level *ret_level);

/* One line. `message` is a sentence without a final period; then pairs of field name (lower case,
 * a-z and _) and value, ended by NULL. A pair whose value is NULL is left out. */
void log_event(enum log_level level, const char *message, ...) __attribute__((sentinel));

/* From here on lines are kept back, in order: core holds what it has not committed. Only for a role in
 * which one thread writes lines. */
void log_hold(void);
/* Writes the held lines and goes on writing directly. */
void log_release(void);
/* Remembers what is held by now; writes what was held then, and goes on to keep back the rest: there is
 * one commit whose sync is under way, and the next one has begun. */
void log_mark(void);
void log_release_marked(void);
/* Forgets the held lines and goes on writing directly. */
void log_discard(void);

#endif
