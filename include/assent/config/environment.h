/*
 * The environment of a program, built from nothing.
 *
 * PATH, HOME and LANG; ASSENT_EVENT, ASSENT_REQUEST_ID, ASSENT_ACTION, ASSENT_STATUS,
 * ASSENT_DECIDED_BY, ASSENT_DECIDED_AT, ASSENT_REASON, ASSENT_DENIAL_REASON, ASSENT_URGENCY,
 * ASSENT_JOB, ASSENT_JOB_KEY and ASSENT_ATTEMPT from the record; ASSENT_CONTEXT_<NAME> for every
 * scalar at the top of its context (letters in upper case, every other character but digits as one
 * `_`); then what the hook adds, which may replace PATH, HOME and LANG, and no ASSENT_ name.
 *
 * What has no value is not set. Left out, since the record has them too: values over
 * ENVIRONMENT_VALUE_LIMIT; all context names that would be the same variable; and context
 * variables, taken in alphabetical order, that would make them more than ENVIRONMENT_CONTEXT_LIMIT
 * together. So the kernel, which takes 2 MiB of arguments and environment by default and 128 KiB of
 * one, never refuses a program for what a context holds.
 *
 * Owns: an environment owns its texts. Runs in: the runner, assentctl. Pure. May call: json.
 */
#ifndef ASSENT_CONFIG_ENVIRONMENT_H
#define ASSENT_CONFIG_ENVIRONMENT_H

#include <jansson.h>

#include "assent/config/config.h"

#define ENVIRONMENT_VALUE_LIMIT   (64u << 10)
#define ENVIRONMENT_CONTEXT_LIMIT (512u << 10)

struct environment_setup {
    const json_t *record;
    const char *home;
    const char *lang;
    const struct config_texts *extra; /* NAME=VALUE */
};

/* A NULL-terminated array of NAME=VALUE that environment_free frees. 0 or -ENOMEM. */
int environment_build(const struct environment_setup *setup, char ***ret_environment);

/* Takes NULL. */
void environment_free(char **environment);

#endif
