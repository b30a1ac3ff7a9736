/*
 * The body of a registration, or of what is asked for, from the options of `register`, `request` and
 * `explain`.
 *
 * Owns: nothing. Runs in: assentctl. May call: arguments, input, json.
 */
#ifndef ASSENT_CTL_REGISTRATION_BODY_H
#define ASSENT_CTL_REGISTRATION_BODY_H

#include "assent/base/buffer.h"
#include "assent/base/problem.h"
#include "assent/ctl/arguments.h"

/* Appends the JSON text. 0, or -EINVAL with a problem. */
int registration_body(const struct arguments *arguments, struct buffer *out,
                      struct problem *ret_problem);

/* The same for what is asked for, which has no id yet and may come after others. */
int asking_body(const struct arguments *arguments, struct buffer *out, struct problem *ret_problem);

#endif
