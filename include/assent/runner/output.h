/*
 * What a program writes on one of its streams, read as it comes and kept in bounded memory.
 *
 * Owns: the pipe's reading end, its event source, the capture. Runs in: the runner, in the thread of
 * its loop. May call: sd-event, capture, pipe2, read.
 */
#ifndef ASSENT_RUNNER_OUTPUT_H
#define ASSENT_RUNNER_OUTPUT_H

#include <stddef.h>
#include <systemd/sd-event.h>

#include "assent/base/protocol.h"

struct output;

/* Makes the pipe; its writing end (close-on-exec) belongs to the caller. 0 or negative errno. */
int output_open(sd_event *loop, size_t limit, int *ret_write_fd, struct output **ret_output);

/* Takes what is in the pipe, without waiting for more, and stops reading. */
void output_drain(struct output *output);

/* What is kept, up to what was written just now; valid until the output is touched again. */
void output_view(struct output *output, struct protocol_output *ret_view);

/* Takes NULL. */
void output_free(struct output *output);

#endif
