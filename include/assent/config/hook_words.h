/*
 * The words of the program that a hook runs, filled from a record.
 *
 * Owns: nothing; what is returned belongs to the caller. Runs in: the runner, assentctl (to show
 * them). Pure. May call: template.
 */
#ifndef ASSENT_CONFIG_HOOK_WORDS_H
#define ASSENT_CONFIG_HOOK_WORDS_H

#include <jansson.h>

#include "assent/base/problem.h"
#include "assent/config/config.h"

/* The words of a hook of kind exec or shell, the program first: a NULL-terminated array that
 * hook_words_free frees. 0; -ENOENT, -EINVAL or -E2BIG with a problem where a word can't be made of
 * this record; or -ENOMEM. */
int hook_words_make(const struct config_hook *hook, const json_t *record, char ***ret_words,
                    struct problem *ret_problem);

/* Takes NULL. */
void hook_words_free(char **words);

#endif
