/*
 * Syncs a file while core goes on: the disk takes some hundred microseconds for it, in which core can
 * do what has come meanwhile.
 *
 * The one thread beside core's own. It knows one descriptor and calls fdatasync on it, when told to;
 * it shares no memory with core but two flags and the result, and it is in core's jail, since it
 * begins after that.
 * One sync is under way at most.
 *
 * Owns: the thread, a copy of the descriptor, the two descriptors through which they wake each other.
 * Runs in: core, called by its main thread. May call: threads, fdatasync.
 */
#ifndef ASSENT_CORE_SYNCER_H
#define ASSENT_CORE_SYNCER_H

#include <stdbool.h>

struct syncer;

/* Starts the thread, which syncs the file behind `fd`. 0 (syncer_free) or negative errno. */
int syncer_new(int fd, struct syncer **ret_syncer);

/* Begins to sync all that was written to the file. None may be under way. 0 or negative errno. */
int syncer_begin(struct syncer *syncer);

/* True from syncer_begin until syncer_await. */
bool syncer_is_busy(const struct syncer *syncer);

/* True if syncer_await would not wait for the one that is under way. Costs nothing. */
bool syncer_has_ended(const struct syncer *syncer);

/* Becomes readable when a sync that was begun has ended, well or not. Borrowed. */
int syncer_fd(const struct syncer *syncer);

/* Waits for the sync that is under way; 0 if there is none. Returns what became of it: 0 or negative
 * errno. After an error nobody knows what is on disk, and no later sync will tell. */
int syncer_await(struct syncer *syncer);

/* Waits for the sync that is under way, and ends the thread. Takes NULL. */
void syncer_free(struct syncer *syncer);

#endif
