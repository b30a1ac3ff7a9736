#include "assent/domain/job.h"

#include <errno.h>
#include <stddef.h>
#include <string.h>

/* One more than the state, so that what the table does not name is 0: it can't happen. */
#define TO(state) (JOB_##state + 1)

static const unsigned char next_states[JOB_STATE_COUNT][JOB_EVENT_COUNT] = {
    [JOB_QUEUED] =
        {
            [JOB_EVENT_STARTED] = TO(RUNNING),
            [JOB_EVENT_CANCELED] = TO(CANCELED),
        },
    [JOB_RUNNING] =
        {
            [JOB_EVENT_REFUSED] = TO(QUEUED),
            [JOB_EVENT_SUCCEEDED] = TO(SUCCEEDED),
            [JOB_EVENT_FAILED] = TO(FAILED),
            [JOB_EVENT_INTERRUPTED] = TO(INTERRUPTED),
            [JOB_EVENT_RESTART] = TO(QUEUED),
            [JOB_EVENT_CANCELED] = TO(CANCELED),
        },
    [JOB_FAILED] =
        {
            [JOB_EVENT_RETRY] = TO(QUEUED),
        },
    [JOB_INTERRUPTED] =
        {
            [JOB_EVENT_RETRY] = TO(QUEUED),
        },
};

static const char *const state_names[JOB_STATE_COUNT] = {
    [JOB_QUEUED] = "queued", [JOB_RUNNING] = "running",         [JOB_SUCCEEDED] = "succeeded",
    [JOB_FAILED] = "failed", [JOB_INTERRUPTED] = "interrupted", [JOB_CANCELED] = "canceled",
};

int job_apply(enum job_state state, enum job_event event, enum job_state *ret_state)
{
    if ((unsigned)state >= JOB_STATE_COUNT || (unsigned)event >= JOB_EVENT_COUNT ||
        next_states[state][event] == 0) {
        return -EINVAL;
    }
    *ret_state = (enum job_state)(next_states[state][event] - 1);
    return 0;
}

const char *job_state_name(enum job_state state)
{
    return (unsigned)state < JOB_STATE_COUNT ? state_names[state] : NULL;
}

enum job_state job_state_from_name(const char *name)
{
    enum job_state state = JOB_QUEUED;
    while (state < JOB_STATE_COUNT && strcmp(state_names[state], name) != 0) {
        state++;
    }
    return state;
}
