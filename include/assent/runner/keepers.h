/*
 * The runner's keepers: one for each run, kept for the next one.
 *
 * A keeper whose program ended and left nothing takes the next run without being forked again; up to
 * 16 are kept free for that. Where one ends without a report, what it kept comes to this process, the
 * next subreaper, which ends it all before it says so. One that is overdue, because a program has
 * stopped it or a file system hangs while the program is being started, is killed.
 *
 * Owns: the processes of the keepers, their sockets and cgroups, the source of SIGCHLD. Runs in: the
 * runner, in the thread of its loop, with SIGCHLD blocked and as a subreaper. May call: keeper,
 * order, cgroup, reap, sd-event, fork.
 */
#ifndef ASSENT_RUNNER_KEEPERS_H
#define ASSENT_RUNNER_KEEPERS_H

#include <stdint.h>
#include <systemd/sd-event.h>

#include "assent/runner/keeper.h"
#include "assent/runner/order.h"

struct keepers;
/* One of them, for as long as it keeps that run. */
struct keeper;

struct keepers_setup {
    sd_event *loop;
    /* The directory of the runner, which no other has. */
    const char *directory;
    /* Nothing of the run lives any more. `report` is NULL if its keeper ended without one. */
    void (*on_end)(void *userdata, void *run, const struct keeper_report *report);
    void *userdata;
};

/* Ends what an earlier runner of that directory left, where there are cgroups to know it by. 0 or
 * negative errno. */
int keepers_new(const struct keepers_setup *setup, struct keepers **ret_keepers);

/* Has the program started, by a keeper that is free or a new one; on_end is called for `run` later.
 * 0 or negative errno. */
int keepers_start(struct keepers *keepers, const struct program *program,
                  const struct keeper_limits *limits, void *run, struct keeper **ret_keeper);

/* Sends SIGTERM to everything that it keeps and, `grace_ms` later, SIGKILL. */
void keeper_stop(struct keeper *keeper, int64_t grace_ms);

/* Those that are free end at once; the others end what they keep, and then end. Takes NULL. */
void keepers_free(struct keepers *keepers);

#endif
