/*
 * Waiting for a decision.
 *
 * The daemon holds each question for up to 55 seconds, then it is asked again. Once it has
 * answered, a restart of it is waited out.
 *
 * Owns: nothing. Runs in: assentctl. May call: ctl, request_view, the clock.
 */
#ifndef ASSENT_CTL_DECISION_WAIT_H
#define ASSENT_CTL_DECISION_WAIT_H

#include "assent/ctl/ctl.h"

/* Waits until the request is final, or for `timeout_ms` if that is not negative, and shows it.
 * `service` may be NULL. Returns the exit status. */
int decision_wait(struct ctl *ctl, const char *id, const char *service, int64_t timeout_ms);

#endif
