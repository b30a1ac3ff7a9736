/*
 * Standard error as the way out for the log's lines, where it is not the journal.
 *
 * Who reads there may be slow, and is waited for. Who does not read at all (a pipe that was
 * forgotten, a terminal that was stopped) is not: after a second nothing is waited for until there
 * is room again, and what finds none is dropped. So no reader can stop a role for good.
 *
 * Owns: standard error. Runs in: every role, any thread.
 * May call: write, poll.
 */
#ifndef ASSENT_BASE_LOG_STREAM_H
#define ASSENT_BASE_LOG_STREAM_H

#include <stddef.h>

/* Lets no write to it wait, where that can be had; roles inherit it. */
void log_stream_open(void);

/* Writes whole lines, each ended by a newline. Returns how many of them, the last ones, were dropped,
 * as they also are where the disk is full or the reader has gone. */
size_t log_stream_write(const char *lines, size_t length);

#endif
