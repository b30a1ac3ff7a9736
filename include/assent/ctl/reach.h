/*
 * Where the daemon is, and with which token it is asked.
 *
 * On a Unix socket the daemon knows people by uid; over TCP it needs a token, which is sent to
 * nobody else.
 *
 * Owns: a struct reach owns its token, which it wipes. Runs in: assentctl. May call: arguments,
 * input, the environment.
 */
#ifndef ASSENT_CTL_REACH_H
#define ASSENT_CTL_REACH_H

#include "assent/base/buffer.h"
#include "assent/base/problem.h"
#include "assent/ctl/arguments.h"

#define REACH_DEFAULT_SOCKET "/run/assentd/control.sock"
#define REACH_URL_LIMIT      300

/* Empty is all zeros. */
struct reach {
    const char *socket;          /* NULL: over TCP */
    char url[REACH_URL_LIMIT];   /* in front of the path */
    struct buffer authorization; /* a header; empty: none */
};

/* Finds it by --socket, --url and --token-file, else by the environment, else at the default. 0, or
 * -EINVAL with a problem. */
int reach_find(struct reach *reach, const struct arguments *arguments, struct problem *ret_problem);
/* At that Unix socket, whose path stays in use. */
void reach_socket(struct reach *reach, const char *path);
/* For people. */
const char *reach_name(const struct reach *reach);
/* NULL if none is to be sent. */
const char *reach_authorization(struct reach *reach);
void reach_free(struct reach *reach);

#endif
