/*
 * Asking the daemon.
 *
 * Owns: nothing; a struct reply owns its JSON. Runs in: assentctl. May call: client, ctl, fields.
 */
#ifndef ASSENT_CTL_ASK_H
#define ASSENT_CTL_ASK_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "assent/base/buffer.h"
#include "assent/base/problem.h"
#include "assent/ctl/ctl.h"

struct client_sink;

struct question {
    bool post;
    const char *path; /* ready for use: path_append */
    const void *body; /* JSON of a POST; NULL: none */
    size_t body_length;
    int64_t timeout_ms; /* 0: the usual */
    /* Takes an answer that is no JSON; NULL: it is JSON. */
    const struct client_sink *sink;
};

/* What came back: an exit status, and what the daemon said. */
struct reply {
    int exit; /* CTL_OK, CTL_ERROR, CTL_NO_DAEMON, or CTL_OUTPUT_FAILED: the sink did not take it */
    unsigned status;
    json_t *json;           /* the whole answer */
    struct problem problem; /* if exit is not CTL_OK: what to complain about */
};

/* Asks, and tells nobody. The reply is freed with reply_free. */
void ask_quietly(struct ctl *ctl, const struct question *question, struct reply *ret_reply);
/* Asks, complains if that went wrong, and returns the exit status; CTL_OK with the member `result`
 * of the answer (json_decref). */
int ask(struct ctl *ctl, const struct question *question, json_t **ret_result);
/* Asks at the path, which is freed, and shows the result: with --json as it is, else by `view`.
 * Returns the exit status. */
int ask_and_show(struct ctl *ctl, bool post, struct buffer *path,
                 void (*view)(struct screen *screen, const json_t *result));
void reply_complain(const struct ctl *ctl, const struct reply *reply);
/* True if the question is worth to be asked once more: the daemon was there and is starting again.
 * `seen` is when it was there last, in monotonic ms, 0 for never; after a minute it is given up. */
bool reply_is_bearable(const struct ctl *ctl, const struct reply *reply, int64_t *seen,
                       int64_t now);
/* Borrowed; NULL if there is none. */
json_t *reply_result(const struct reply *reply);
void reply_free(struct reply *reply);

/* Collects a path and its query: path_append(&path, "/v1/requests/%s", id) percent-encodes every
 * argument; path_option adds `name=value` if the value is not NULL. */
void path_append(struct buffer *path, const char *format, ...);
void path_option(struct buffer *path, const char *name, const char *value);
/* The path as a C string, until the buffer is touched again. */
const char *path_text(struct buffer *path);

#endif
