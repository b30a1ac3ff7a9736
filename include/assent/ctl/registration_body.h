/*
 * The body of a registration, from the options of `register`.
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

#endif
