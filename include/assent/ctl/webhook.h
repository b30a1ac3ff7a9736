/*
 * Webhooks as an approval service sends them, and where to send them to.
 *
 * Owns: nothing. Runs in: assentctl. Pure. May call: event, json, text.
 */
#ifndef ASSENT_CTL_WEBHOOK_H
#define ASSENT_CTL_WEBHOOK_H

#include <stdint.h>

#include "assent/base/buffer.h"
#include "assent/base/problem.h"
#include "assent/domain/event.h"

#define WEBHOOK_FORMS    "js|python|event|envelope"
#define WEBHOOK_STATUSES "approved|denied|expired"

struct webhook {
    const char *form;   /* one of WEBHOOK_FORMS */
    const char *status; /* one of WEBHOOK_STATUSES */
    const char *request_id;
    const char *by;       /* may be NULL */
    const char *reason;   /* may be NULL */
    const char *event_id; /* may be NULL: the form's own way */
    const char *random;   /* makes ids of events and deliveries unlike others */
    int64_t at;           /* ms since 1970 */
    /* Where the service has its fields, beside the usual places of the form. */
    struct event_pointers pointers;
};

/* Appends the body. 0 or -ENOMEM. */
int webhook_body(const struct webhook *webhook, struct buffer *out);

/* How to reach a listener of the configuration. */
struct webhook_target {
    char unix_socket[108]; /* "" if it is none */
    char url[1024];
};

/* From `host:port`, `[v6]:port` or `unix:PATH` and a path. A listener on every address is reached by
 * the loopback one. 0, or -EINVAL with a problem. */
int webhook_target(const char *listen, const char *path, struct webhook_target *ret_target,
                   struct problem *ret_problem);

#endif
