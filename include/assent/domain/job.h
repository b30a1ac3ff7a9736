/*
 * The state machine of a job, which is one run of one hook for one request: a table of every pair
 * of state and event.
 *
 *            STARTED             SUCCEEDED, FAILED
 *   queued ──────────▶ running ───────────────────▶ succeeded | failed
 *     ▲  ◀── REFUSED ────┤  └──── INTERRUPTED ─────▶ interrupted
 *     │                  │ RESTART (cut off or failed, and to be tried again by itself)
 *     ├──────────────────┘
 *     └──── RETRY of a person ── failed | interrupted
 *
 *   queued | running ── CANCELED ──▶ canceled
 *
 * Each item of a fan-out goes through the same states. The job itself is queued until its first item
 * starts, and runs until no item is queued or running.
 *
 * Owns: nothing. Runs in: core, assentctl (the names). Pure.
 */
#ifndef ASSENT_DOMAIN_JOB_H
#define ASSENT_DOMAIN_JOB_H

/* The numbers are stored: never renumber. */
enum job_state {
    JOB_QUEUED,
    JOB_RUNNING,
    JOB_SUCCEEDED,
    JOB_FAILED,
    JOB_INTERRUPTED,
    JOB_CANCELED,
    JOB_STATE_COUNT,
};

enum job_event {
    JOB_EVENT_STARTED, /* an attempt is on disk as started */
    JOB_EVENT_REFUSED, /* the executor never started it */
    JOB_EVENT_SUCCEEDED,
    JOB_EVENT_FAILED,
    JOB_EVENT_INTERRUPTED, /* cut off, and a person shall decide */
    JOB_EVENT_RESTART,     /* cut off or failed, and its hook says to try again */
    JOB_EVENT_RETRY,       /* a person says to try again */
    JOB_EVENT_CANCELED,    /* a person says to end it, and it has not ended by itself before */
    JOB_EVENT_COUNT,
};

/* The state after the event. Returns 0 and the state, or -EINVAL where the event can't happen in
 * that state; nothing is to be done then. */
int job_apply(enum job_state state, enum job_event event, enum job_state *ret_state);

const char *job_state_name(enum job_state state);
/* JOB_STATE_COUNT if there is none of that name. */
enum job_state job_state_from_name(const char *name);

#endif
