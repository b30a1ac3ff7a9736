/*
 * A client of GET /v1/stream, which reads when it is told to.
 *
 * Owns: its connection. Runs in: the test's process. May call: Check's assertions.
 */
#ifndef TESTS_SUPPORT_LISTENER_H
#define TESTS_SUPPORT_LISTENER_H

#include <stdbool.h>
#include <stdint.h>

#include "assent/base/buffer.h"

struct listener {
    int fd;
    struct buffer in; /* read, not used yet */
    bool ended;
};

#define LISTENER_FROM_NOW (-1)

void listener_connect(struct listener *listener, const char *socket);
/* A first request on the connection, and its answer; false if that is its end. */
bool listener_warm(struct listener *listener);
/* `header` is a line with its end, or "". */
void listener_ask(struct listener *listener, const char *path, const char *header);

/* Asks at that socket for the events behind `last`, as a client does that was there before. */
void listener_open(struct listener *listener, const char *socket, int64_t last);
void listener_close(struct listener *listener);

/* The status of the answer; 0 if the connection ended before. Call it first. */
int listener_status(struct listener *listener);
/* The id of the next event, and the whole of it as text; 0 at the end of the stream. */
int64_t listener_next(struct listener *listener, char *ret_event, size_t size);
/* Waits for a comment that comes before anything else. */
bool listener_beats(struct listener *listener);

#endif
