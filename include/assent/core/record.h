/*
 * Requests, jobs and events as JSON: for hooks, and for those who ask.
 *
 * Owns: nothing; what is returned belongs to the caller. Runs in: core, inside a transaction.
 * May call: store, json.
 */
#ifndef ASSENT_CORE_RECORD_H
#define ASSENT_CORE_RECORD_H

#include <jansson.h>

#include "assent/base/buffer.h"
#include "assent/core/task.h"

/* The record that a hook gets for an attempt: on its standard input, and for its placeholders.
 * Everything in it is as it was when the request was made, but for the decision. */
void record_for_hook(struct core *core, const struct task *task, struct buffer *ret_record);

/* One request with its context, jobs and events. */
json_t *record_request(struct core *core, const struct store_request *request);
/* One request as a row of a list. */
json_t *record_request_row(const struct store_request *request);

/* One job with its attempts; `request` is the one that it belongs to. */
json_t *record_job(struct core *core, const struct store_job *job,
                   const struct store_request *request);
/* One job as a row of a list. */
json_t *record_job_row(struct core *core, const struct store_job *job,
                       const struct store_request *request);
/* One item of a fan-out as a row of a list. */
json_t *record_item_row(const struct store_job *job, const struct store_item *item);

/* One event as it is told to those who follow all of them. */
json_t *record_event(const struct store_event *event);

/* One kept output: what there is of it as text, with what is no UTF-8 replaced; where something was,
 * the bytes themselves in base64 beside it. */
json_t *record_output(const struct protocol_output *output);

/* A time as text, or null. */
json_t *record_time(int64_t time_ms);

const char *record_urgency(enum urgency urgency);

#endif
