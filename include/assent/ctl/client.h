/*
 * One HTTP exchange. The one place of assentctl that calls libcurl.
 *
 * No redirects, no proxy from the environment, a connection of its own for every exchange: what is
 * sent is sent once.
 *
 * Owns: nothing. Runs in: assentctl. May call: libcurl, jansson.
 */
#ifndef ASSENT_CTL_CLIENT_H
#define ASSENT_CTL_CLIENT_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "assent/base/problem.h"

#define CLIENT_HEADER_LIMIT 4

/* Takes the bytes of an answer with status 200 as they come, in place of client_answer.json. */
struct client_sink {
    /* `total` is how many all of them are, -1 if that was not said. Negative ends the exchange. */
    int (*take)(void *userdata, const void *bytes, size_t length, int64_t total);
    void *userdata;
};

struct client_request {
    const char *unix_socket; /* NULL: over the network, to where the URL says */
    const char *url;
    bool post;
    const void *body; /* JSON, if `post`; may be NULL */
    size_t body_length;
    const char *headers[CLIENT_HEADER_LIMIT]; /* `Name: value`, up to the first NULL */
    int64_t timeout_ms;                       /* with a sink only for how long nothing may come */
    const struct client_sink *sink;           /* NULL: none */
};

struct client_answer {
    unsigned status;
    json_t *json; /* NULL if the body is no JSON; json_decref */
};

/* Returns 0, or with a problem: -ENOTCONN if there was nobody to send to; -EIO if there was
 * somebody and no answer came, or not all of it: whether it was sent is not known; -ECANCELED if the
 * sink did not take it, without a problem; -EINVAL if the URL can't be used; or -ENOMEM. */
int client_exchange(const struct client_request *request, struct client_answer *ret_answer,
                    struct problem *ret_problem);

#endif
