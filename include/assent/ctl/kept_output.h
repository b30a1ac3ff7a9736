/*
 * The kept output of a run.
 *
 * Owns: nothing. Runs in: assentctl. Pure. May call: buffer, text, jansson.
 */
#ifndef ASSENT_CTL_KEPT_OUTPUT_H
#define ASSENT_CTL_KEPT_OUTPUT_H

#include <jansson.h>
#include <stdbool.h>

#include "assent/base/buffer.h"

/* Appends the head, a line `[... N bytes dropped ...]` if something was, and the tail. With
 * `escaped`, for a terminal: all but newlines and tabs is escaped, and the last line ended.
 * 0 or -ENOMEM. */
int kept_output(const json_t *output, bool escaped, struct buffer *out);

#endif
