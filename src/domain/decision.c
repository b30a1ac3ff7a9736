#include "assent/domain/decision.h"

#include <assert.h>
#include <stddef.h>
#include <string.h>

#define MATCHED(to)                   \
    {                                 \
        REQUEST_##to, OUTCOME_MATCHED \
    }
#define EARLY(to)                   \
    {                               \
        REQUEST_##to, OUTCOME_EARLY \
    }
#define LATE(to)                   \
    {                              \
        REQUEST_##to, OUTCOME_LATE \
    }
#define CONFLICT(to)                   \
    {                                  \
        REQUEST_##to, OUTCOME_CONFLICT \
    }

/* A request that is still being submitted can be decided already: the service may post the webhook
 * before its answer to the submission has arrived. An expiry by the service contradicts a decision
 * that was given, while our own clock contradicts nothing: it only asks whether it is over. */
static const struct decision_step steps[REQUEST_STATE_COUNT][DECISION_COUNT] =
    {
        [REQUEST_HELD] =
            {
                [DECISION_GRANTED] = EARLY(HELD),
                [DECISION_DENIED] = EARLY(HELD),
                [DECISION_EXPIRED] = EARLY(HELD),
                [DECISION_TIMEOUT] = MATCHED(EXPIRED),
                [DECISION_CANCEL] = MATCHED(CANCELED),
                [DECISION_REFUSED] = LATE(HELD),
                [DECISION_TAKEN] = LATE(HELD),
            },
        [REQUEST_SUBMITTING] =
            {
                [DECISION_GRANTED] = MATCHED(APPROVED),
                [DECISION_DENIED] = MATCHED(DENIED),
                [DECISION_EXPIRED] = MATCHED(EXPIRED),
                [DECISION_TIMEOUT] = MATCHED(EXPIRED),
                [DECISION_CANCEL] = MATCHED(CANCELED),
                [DECISION_REFUSED] = MATCHED(FAILED),
                [DECISION_TAKEN] = MATCHED(DELIVERED),
            },
        [REQUEST_PENDING] =
            {
                [DECISION_GRANTED] = MATCHED(APPROVED),
                [DECISION_DENIED] = MATCHED(DENIED),
                [DECISION_EXPIRED] = MATCHED(EXPIRED),
                [DECISION_TIMEOUT] = MATCHED(EXPIRED),
                [DECISION_CANCEL] = MATCHED(CANCELED),
                [DECISION_REFUSED] = LATE(PENDING),
                [DECISION_TAKEN] = LATE(PENDING),
            },
        [REQUEST_APPROVED] =
            {
                [DECISION_GRANTED] = LATE(APPROVED),
                [DECISION_DENIED] = CONFLICT(APPROVED),
                [DECISION_EXPIRED] = CONFLICT(APPROVED),
                [DECISION_TIMEOUT] = LATE(APPROVED),
                [DECISION_CANCEL] = LATE(APPROVED),
                [DECISION_REFUSED] = LATE(APPROVED),
                [DECISION_TAKEN] = LATE(APPROVED),
            },
        [REQUEST_DENIED] =
            {
                [DECISION_GRANTED] = CONFLICT(DENIED),
                [DECISION_DENIED] = LATE(DENIED),
                [DECISION_EXPIRED] = CONFLICT(DENIED),
                [DECISION_TIMEOUT] = LATE(DENIED),
                [DECISION_CANCEL] = LATE(DENIED),
                [DECISION_REFUSED] = LATE(DENIED),
                [DECISION_TAKEN] = LATE(DENIED),
            },
        [REQUEST_EXPIRED] =
            {
                [DECISION_GRANTED] = LATE(EXPIRED),
                [DECISION_DENIED] = LATE(EXPIRED),
                [DECISION_EXPIRED] = LATE(EXPIRED),
                [DECISION_TIMEOUT] = LATE(EXPIRED),
                [DECISION_CANCEL] = LATE(EXPIRED),
                [DECISION_REFUSED] = LATE(EXPIRED),
                [DECISION_TAKEN] = LATE(EXPIRED),
            },
        [REQUEST_CANCELED] =
            {
                [DECISION_GRANTED] = LATE(CANCELED),
                [DECISION_DENIED] = LATE(CANCELED),
                [DECISION_EXPIRED] = LATE(CANCELED),
                [DECISION_TIMEOUT] = LATE(CANCELED),
                [DECISION_CANCEL] = LATE(CANCELED),
                [DECISION_REFUSED] = LATE(CANCELED),
                [DECISION_TAKEN] = LATE(CANCELED),
            },
        [REQUEST_FAILED] =
            {
                [DECISION_GRANTED] = LATE(FAILED),
                [DECISION_DENIED] = LATE(FAILED),
                [DECISION_EXPIRED] = LATE(FAILED),
                [DECISION_TIMEOUT] = LATE(FAILED),
                [DECISION_CANCEL] = LATE(FAILED),
                [DECISION_REFUSED] = LATE(FAILED),
                [DECISION_TAKEN] = LATE(FAILED),
            },
        [REQUEST_DELIVERED] =
            {
                [DECISION_GRANTED] = LATE(DELIVERED),
                [DECISION_DENIED] = LATE(DELIVERED),
                [DECISION_EXPIRED] = LATE(DELIVERED),
                [DECISION_TIMEOUT] = LATE(DELIVERED),
                [DECISION_CANCEL] = LATE(DELIVERED),
                [DECISION_REFUSED] = LATE(DELIVERED),
                [DECISION_TAKEN] = LATE(DELIVERED),
            },
};

static const char *const state_names[REQUEST_STATE_COUNT] = {
    [REQUEST_HELD] = "held",           [REQUEST_SUBMITTING] = "submitting",
    [REQUEST_PENDING] = "pending",     [REQUEST_APPROVED] = "approved",
    [REQUEST_DENIED] = "denied",       [REQUEST_EXPIRED] = "expired",
    [REQUEST_CANCELED] = "canceled",   [REQUEST_FAILED] = "failed",
    [REQUEST_DELIVERED] = "delivered",
};

static const char *const decision_names[DECISION_COUNT] = {
    [DECISION_GRANTED] = "granted", [DECISION_DENIED] = "denied", [DECISION_EXPIRED] = "expired",
    [DECISION_TIMEOUT] = "timeout", [DECISION_CANCEL] = "cancel", [DECISION_REFUSED] = "refused",
    [DECISION_TAKEN] = "taken",
};

static const char *const outcome_names[OUTCOME_COUNT] = {
    [OUTCOME_MATCHED] = "matched",     [OUTCOME_LATE] = "late",   [OUTCOME_CONFLICT] = "conflict",
    [OUTCOME_DUPLICATE] = "duplicate", [OUTCOME_EARLY] = "early", [OUTCOME_IGNORED] = "ignored",
};

struct decision_step decision_apply(enum request_state state, enum decision decision)
{
    assert((unsigned)state < REQUEST_STATE_COUNT && (unsigned)decision < DECISION_COUNT);
    return steps[state][decision];
}

bool request_state_final(enum request_state state)
{
    return state != REQUEST_HELD && state != REQUEST_SUBMITTING && state != REQUEST_PENDING;
}

const char *request_state_name(enum request_state state)
{
    return (unsigned)state < REQUEST_STATE_COUNT ? state_names[state] : NULL;
}

enum request_state request_state_from_name(const char *name)
{
    enum request_state state = REQUEST_HELD;
    while (state < REQUEST_STATE_COUNT && strcmp(state_names[state], name) != 0) {
        state++;
    }
    return state;
}

const char *decision_name(enum decision decision)
{
    return (unsigned)decision < DECISION_COUNT ? decision_names[decision] : NULL;
}

const char *outcome_name(enum outcome outcome)
{
    return (unsigned)outcome < OUTCOME_COUNT ? outcome_names[outcome] : NULL;
}
