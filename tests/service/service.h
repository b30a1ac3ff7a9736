/*
 * What the parts of the stand-in share: its memory, its settings, and the form of its answers.
 *
 * Every thread holds the lock while it reads or changes anything here, and whoever changes
 * something wakes those who wait for it. Nobody holds it while waiting or posting. JSON that is
 * kept never leaves the lock: answers are made into text under it.
 */
#ifndef TESTS_SERVICE_SERVICE_H
#define TESTS_SERVICE_SERVICE_H

#include <jansson.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "assent/base/problem.h"
#include "emails.h"
#include "faults.h"
#include "web.h"

struct service {
    const char *key;
    const char *secret;
    struct web *front;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    atomic_bool stopping;
    json_t *settings;
    json_t *requests;   /* id to record */
    json_t *client_ids; /* client id to request id */
    json_t *asked;      /* every call of notify-operator, in order */
    struct faults faults;
    struct emails emails;
};

/* 0 or -ENOMEM. Frees nothing that it was given. */
int service_init(struct service *service, const char *key, const char *secret);
void service_clear(struct service *service);

/* Answers what agents and assentd call. The userdata is the service. */
struct web_reply service_serve(void *userdata, const struct web_call *call);

/* --- settings --------------------------------------------------------------------------------- */

bool setting_on(const struct service *service, const char *name);
int64_t setting_number(const struct service *service, const char *name);
const char *setting_text(const struct service *service, const char *name);
bool setting_is(const struct service *service, const char *name, const char *value);
/* 0, or -EINVAL with a problem if there is no such setting or it cannot have that value. */
int setting_check(const struct service *service, const char *name, const json_t *value,
                  struct problem *ret_problem);

/* --- answers ---------------------------------------------------------------------------------- */

struct reply {
    unsigned status;
    json_t *body;        /* owned */
    const char *outcome; /* for the list of what was asked */
    const char *id;      /* the same; borrowed from the record */
};

/* {"result": RESULT, "next_steps": []}; takes the reference. */
struct reply reply_result(json_t *result);
/* {"error", "message", "next_steps"}, with the field that was wrong unless it is NULL. */
struct reply reply_error(unsigned status, const char *message, const char *field);
/* The text of the answer as it is; drops the body. */
struct web_reply reply_whole(struct reply reply);

#endif
