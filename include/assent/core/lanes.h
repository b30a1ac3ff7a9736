/*
 * A lane for each hook: what runs of it, and what keeps more of it from starting.
 *
 * Owns: the lanes, which go with core. Runs in: core, inside a transaction. May call: store,
 * schedule.
 */
#ifndef ASSENT_CORE_LANES_H
#define ASSENT_CORE_LANES_H

#include "assent/core/internal.h"

struct lane {
    struct lane *next;
    char *hook;
    /* Attempts on disk as started and not ended, since their executor's HELLO: both have some where a
     * reload made another kind of hook of it. */
    int running[ROLE_COUNT];
    bool wanted; /* something may be startable; false once it was looked for in vain */
    bool paused;
    int64_t bucket; /* what the rate has left, as on disk */

    /* counted since core started */
    uint64_t attempts;
    uint64_t ended[JOB_STATE_COUNT];
};

/* Reads what is paused. */
void lanes_open(struct core *core);
void lanes_close(struct core *core);

/* The lane of that hook; made if there is none. */
struct lane *lanes_find(struct core *core, const char *hook);

/* Something of that hook, or of any, may be startable now. */
void lanes_want(struct core *core, const char *hook);
void lanes_want_all(struct core *core);

/* True if nothing but the queue and the executor decides whether one more starts now. One that waits
 * for its rate sees to being looked at again. */
bool lanes_allow(struct core *core, struct lane *lane, const struct config_hook *hook);
/* One more is started: takes from what the rate has left. */
void lanes_take(struct core *core, struct lane *lane, const struct config_hook *hook);

/* How many run. */
int lanes_running(const struct lane *lane);

/* True while nothing of it is to be started, at the word of an operator. */
bool lanes_paused(struct core *core, const char *hook);

/* Counts what an executor runs: one more or less of a hook; all anew. */
void lanes_count(struct link *executor, const char *hook, int by);
void lanes_count_anew(struct link *executor);

/* Pauses or resumes a hook, or with "" all of them. -EEXIST or -ENOENT if it is so already. */
int lanes_pause(struct core *core, const char *hook, const char *who);
int lanes_resume(struct core *core, const char *hook);

#endif
