/*
 * The words of a command line, taken apart by a table of options.
 *
 * The table is also what the help is made of, so that neither can know an option that the other
 * does not.
 *
 * Owns: nothing; everything points into argv. Runs in: assentctl. Pure. May call: problem, quantity,
 * text.
 */
#ifndef ASSENT_CTL_ARGUMENTS_H
#define ASSENT_CTL_ARGUMENTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "assent/base/problem.h"

#define ARGUMENTS_OPTION_LIMIT  24
#define ARGUMENTS_OPERAND_LIMIT 2

/* A list of options ends with one whose name is NULL. */
struct option_spec {
    const char *name;     /* without its dashes */
    char letter;          /* of its short form, 0 if it has none */
    const char *argument; /* what the help calls its value; NULL if it takes none */
    const char *help;
};

struct arguments_given {
    const char *name;
    const char *value; /* "" if it takes none */
};

struct arguments {
    struct arguments_given options[ARGUMENTS_OPTION_LIMIT];
    size_t option_count;
    const char *operands[ARGUMENTS_OPERAND_LIMIT];
    size_t operand_count;
};

/* Reads words and adds what they say to `arguments`: `--name value`, `--name=value`, `-n value`,
 * `-nvalue`, and operands; behind `--` there are only operands. With `only_leading`, stops before
 * the first operand. Either list may be NULL. Returns the number of words that were read, or -EINVAL
 * with a problem. */
int arguments_parse(struct arguments *arguments, int count, const char *const *words,
                    const struct option_spec *own, const struct option_spec *common,
                    bool only_leading, struct problem *ret_problem);

/* NULL if the option was not given. */
const char *arguments_value(const struct arguments *arguments, const char *name);
bool arguments_has(const struct arguments *arguments, const char *name);

/* The option as a whole number of at least `least`; `ret_number` is untouched if it was not given.
 * 0, or -EINVAL with a problem. */
int arguments_number(const struct arguments *arguments, const char *name, int64_t least,
                     int64_t *ret_number, struct problem *ret_problem);
/* The option as a duration in milliseconds, alike. */
int arguments_duration(const struct arguments *arguments, const char *name, int64_t *ret_ms,
                       struct problem *ret_problem);
/* 0 if the option was not given or is one of the words of `choices` (separated by '|'). */
int arguments_choice(const struct arguments *arguments, const char *name, const char *choices,
                     struct problem *ret_problem);

#endif
