/*
 * A command line to words, once, without a shell.
 *
 * Words are separated by spaces, tabs and newlines. Quotes as in systemd.syntax(7): '...' and "..."
 * keep what stands between them together (also in the middle of a word), and a backslash takes
 * \a \b \f \n \r \t \v \\ \" \' \s \xHH \NNN; any other is an error, so is an open quote, so is a
 * NUL. No variables, no globs, nothing else is special.
 *
 * Owns: nothing. Runs in: the supervisor, the runner. Pure. May call: the allocator.
 */
#ifndef ASSENT_DOMAIN_ARGV_H
#define ASSENT_DOMAIN_ARGV_H

#include <stddef.h>

#include "assent/base/problem.h"

/* Splits into a NULL-terminated array that argv_free frees. Returns 0, -EINVAL with a problem, or
 * -ENOMEM. No words at all is -EINVAL. */
int argv_split(const char *text, char ***ret_words, size_t *ret_count, struct problem *ret_problem);

/* Takes NULL. */
void argv_free(char **words);

#endif
