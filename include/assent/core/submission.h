/*
 * Submissions: what is asked for goes to its service.
 *
 *   held ── steps.h ──▶ submission_release ── policy ──▶ approved, and nobody is asked
 *                              │ a job of the hook `submit SERVICE`
 *                              ▼
 *   its result ── submission_ended ──▶ pending (the service's id) | delivered | failed
 *
 * The job has the queue, the attempts and the rules for crashes that all jobs have. Whoever asked is
 * answered with the service's answer, or with 202 and our own id while that takes long.
 *
 * Owns: the list of those who wait for an answer. Runs in: core, inside a transaction.
 * May call: store, work, decide, policy, answer, lookups.
 */
#ifndef ASSENT_CORE_SUBMISSION_H
#define ASSENT_CORE_SUBMISSION_H

#include "assent/core/answer.h"
#include "assent/core/registration.h"
#include "assent/core/task.h"
#include "assent/domain/policy_verdict.h"

/* True for the hook of a submission, by the name that jobs keep. */
bool submission_is(const char *hook);

/* What policy says about what is asked for, now. */
void submission_judge(struct core *core, const struct store_request *request, const char *context,
                      struct policy_verdict *ret_verdict);

/* Submits a request in state submitting, or approves it where policy says so. */
void submission_release(struct core *core, struct store_request *request);

/* An attempt to submit has ended, and its job is as that left it. */
void submission_ended(struct core *core, const struct task *task,
                      const struct protocol_result *result);

/* Its job has ended without an attempt, canceled or with its hook gone: the request has failed if it
 * waited for that. */
void submission_given_up(struct core *core, const struct task *task);

/* The request is final by other means: what is queued of its submission is not sent. */
void submission_stop(struct core *core, const struct store_request *request);

/* True for a submission whose request is final: a decision that the service were asked for now could
 * change nothing. */
bool submission_is_in_vain(struct core *core, const struct task *task);

/* Appends what the service is asked, as JSON. */
void submission_append_body(struct core *core, const struct store_request *request, const char *key,
                            struct buffer *out);

/* The URL at which the decision about it comes; free(). NULL if the service has none. */
char *submission_callback(const struct config_service *service, const char *token);

/* Answers with what the service answered, as far as it has; or lets wait for that. */
void submission_answer(struct core *core, const struct asker *asker,
                       const struct store_request *request);
void submission_await(struct core *core, const struct asker *asker, int64_t request);
/* The request is not what it was: answers those who wait for it. */
void submission_tell(struct core *core, const struct store_request *request);

void submission_forget(struct core *core, const struct asker *asker);
void submission_forget_all(struct core *core, const struct link *gate);
void submission_answer_all(struct core *core, const struct link *gate);
void submission_free(struct core *core);

#endif
