/*
 * The kept output of a run: its first and last bytes, and how many were dropped between them.
 *
 * Owns: a struct kept_output owns its bytes. Runs in: assentctl. Pure. May call: base64, buffer,
 * text, jansson.
 */
#ifndef ASSENT_CTL_KEPT_OUTPUT_H
#define ASSENT_CTL_KEPT_OUTPUT_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "assent/base/buffer.h"

/* Empty is all zeros. */
struct kept_output {
    struct buffer head; /* all of it, if nothing was dropped */
    struct buffer tail;
    uint64_t dropped;
};

/* Reads what the daemon answers for one stream; what is missing is empty. 0 (kept_output_free) or
 * -ENOMEM. */
int kept_output_read(const json_t *json, struct kept_output *ret_kept);

void kept_output_free(struct kept_output *kept);

/* How much of a stream has been written out, while it grows. Empty is all zeros. */
struct kept_place {
    uint64_t seen; /* bytes of the stream that need not be looked at any more */
    bool in_line;  /* what was written last did not end its line */
};

/* Appends what is new in `kept` since the place, and moves the place: first what is left of the head;
 * a line `[... N bytes dropped ...]` if something is lost for good that was not seen; then the tail.
 * With `escaped`, for a terminal: all but newlines and tabs is escaped, and a character that is not
 * complete is left for the next time unless this is `last`, which ends the line, too. 0 or
 * -ENOMEM. */
int kept_output_append(const struct kept_output *kept, struct kept_place *place, bool escaped,
                       bool last, struct buffer *out);

#endif
