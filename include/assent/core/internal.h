/*
 * What the files of core share: its state, and the one rule of its loop.
 *
 * Whoever handles a frame or a timer calls core_begin before the store is touched. The transaction
 * stays open while more frames are there, and while the disk still works at the one before, and is
 * committed once for all of them; streams are corked and log lines are held until it is on disk. So
 * handlers simply write and send in the order of thought, and nothing of it is seen before.
 *
 * Owns: nothing by itself. Runs in: core, in its main thread. May call: everything of core.
 */
#ifndef ASSENT_CORE_INTERNAL_H
#define ASSENT_CORE_INTERNAL_H

#include <stdbool.h>
#include <stdint.h>
#include <systemd/sd-event.h>

#include "assent/base/protocol.h"
#include "assent/base/role.h"
#include "assent/base/stream.h"
#include "assent/config/config.h"
#include "assent/core/store.h"

struct core;
struct waiters;
struct lane;
struct growth;
struct peek;
struct asking;
struct backup;
struct lookup;
struct metrics;
struct followers;

/* Core's end of the conversation with one other role. */
struct link {
    struct core *core;
    enum role role;
    struct stream *stream; /* NULL while there is none */
    uint64_t connected;    /* streams that were taken so far */
    int next_fd;           /* a newer stream, taken once this one has been read to its end; -1 */

    /* control and agent only */
    uint64_t refused; /* calls since the last line about them */
    int64_t refused_logged_at;

    /* executors only */
    bool said_hello;
    unsigned char incarnation[PROTOCOL_INCARNATION_SIZE];
    struct protocol_digests digests; /* owned copy; hooks are owned texts */
    int running;                     /* attempts on disk as started and not ended */
    unsigned refusals;               /* since the last result; those that came together are one */
    int64_t refused_at;              /* the first of those */
    int differences_told;            /* in the span that began then */
    int64_t differences_since;
};

struct core {
    sd_event *loop;
    struct config *config;
    struct store *store;
    struct link links[ROLE_COUNT];
    sd_event_source *commit_source;
    sd_event_source *synced_source;
    int64_t commit_began_at; /* us, monotonic: of the batch that is being synced, and */
    bool commit_counts;      /* whether it waits for the disk */
    sd_event_source *deadline_source;
    sd_event_source *start_source;
    sd_event_source *growth_source;
    sd_event_source *room_source;
    sd_event_source *poll_source;
    sd_event_source *upkeep_source;
    struct waiters *waiters;
    struct followers *followers;
    struct backup *backup; /* NULL: none is being taken */
    struct metrics *metrics;
    struct lane *lanes;
    struct growth *growths;
    struct peek *peeks;
    struct asking *askings;
    struct lookup *lookups;
    size_t lookup_count;
    uint64_t last_lookup;
    uint64_t last_looks_waiting;  /* since one was begun: for room, or for the caller */
    int64_t caller_awaited_until; /* monotonic ms: until then it may come yet, to look up */
    int64_t *reviews;             /* requests after which held ones may be through */
    size_t review_count;
    bool work_wanted;      /* something may have become startable */
    bool paused;           /* every hook */
    size_t next_hook;      /* whose turn it is to start something */
    int64_t rate_wakes_at; /* when a rate allows what is queued; ms since 1970, 0: none waits */
    bool room_awaited;     /* on disk: what would be started waits for it */
    const char *room_back; /* what is told once there is some; NULL: nobody knows of it */
    int64_t room_told_at;  /* monotonic ms, 0: never */
    int64_t due_until;     /* what was to wait until then is wanted by its lane; ms since 1970 */
    bool quiescing;        /* start nothing new */
    unsigned frames_in_batch;
    uint64_t refused_webhooks; /* since the last line about them */
    int64_t refused_logged_at;
};

/* Opens the transaction if there is none and sees to its commit. */
void core_begin(struct core *core);

/* What is on disk is unknown, or memory is out: ends the process without an answer, and a new one
 * starts from what is on disk. Never returns. */
_Noreturn void core_abandon(const char *what);

/* For calls of the store that may fail only by -EIO or -ENOMEM. */
void core_must(int r, const char *what);

/* True if the disk has room for new work (what is received, registered or asked, what grows,
 * attempts that are to be started), and the store's files are in their places. Else both are looked
 * at again after a while, and what waits is started then. The log is told when that begins and when
 * it is over. */
bool core_has_room(struct core *core);

/* The executor that runs hooks of that kind. */
struct link *core_executor(struct core *core, enum hook_kind kind);

/* True while a stream to the executor is there and it said HELLO. */
bool core_executor_ready(const struct link *link);

#endif
