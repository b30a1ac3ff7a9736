/*
 * The state machine of a request: a table of every pair of state and event.
 *
 *   held ──▶ submitting ──▶ pending ──▶ approved | denied | expired | canceled
 *                  └──────────────────▶ failed | delivered (a notice, which nobody decides)
 *
 * Exactly one final state is reached, once. What an event does to a request is a pure function of
 * its state; who stores it and what follows from it is core's.
 *
 * Owns: nothing. Runs in: core, assentctl (the names). Pure.
 */
#ifndef ASSENT_DOMAIN_DECISION_H
#define ASSENT_DOMAIN_DECISION_H

#include <stdbool.h>

/* The numbers are stored: never renumber. */
enum request_state {
    REQUEST_HELD,       /* waits for the requests that it comes after */
    REQUEST_SUBMITTING, /* written down, the service has not answered yet */
    REQUEST_PENDING,    /* the service knows it; nobody has decided */
    REQUEST_APPROVED,
    REQUEST_DENIED,
    REQUEST_EXPIRED,
    REQUEST_CANCELED,
    REQUEST_FAILED,    /* the service refused the submission */
    REQUEST_DELIVERED, /* a notice that the service has taken */
    REQUEST_STATE_COUNT,
};

/* The numbers of the first three are stored: never renumber. */
enum decision {
    DECISION_GRANTED,
    DECISION_DENIED,
    DECISION_EXPIRED, /* the service says so */
    DECISION_TIMEOUT, /* our own clock says so */
    DECISION_CANCEL,  /* an operator or the agent says so */
    DECISION_REFUSED, /* the service did not take the submission */
    DECISION_TAKEN,   /* the service took a notice */
    DECISION_COUNT,
};

/* What came of an event; the first three come from the table, the others from the receiver.
 * The numbers are stored: never renumber. */
enum outcome {
    OUTCOME_MATCHED,  /* the request went to its final state by this event */
    OUTCOME_LATE,     /* nothing changed: decided the same way, or over by other means */
    OUTCOME_CONFLICT, /* nothing changed: decided the other way already */
    OUTCOME_DUPLICATE,
    OUTCOME_EARLY,
    OUTCOME_IGNORED,
    OUTCOME_COUNT,
};

struct decision_step {
    enum request_state state; /* after the event */
    enum outcome outcome;
};

/* What `decision` does to a request in `state`. A decision by the service on a request that is
 * held is OUTCOME_EARLY: it was not asked yet, so the decision can't be about it. */
struct decision_step decision_apply(enum request_state state, enum decision decision);

bool request_state_final(enum request_state state);

/* `held`, `approved`, ...; never NULL for a valid value. */
const char *request_state_name(enum request_state state);
/* REQUEST_STATE_COUNT if there is none of that name. */
enum request_state request_state_from_name(const char *name);
/* `granted`, `denied`, `expired`, `timeout`, `cancel`, `refused`, `taken`. */
const char *decision_name(enum decision decision);
const char *outcome_name(enum outcome outcome);

#endif
