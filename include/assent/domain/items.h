/*
 * The elements of an array inside a JSON text, one after the other, without making values of the
 * text: it may have 16 MiB, and values of it would be ten times that.
 *
 * The text is an object as json_text writes it: valid, compact, no space between its parts.
 *
 * Owns: nothing; what is found are views of the text. Runs in: core. Pure. May call: json.
 */
#ifndef ASSENT_DOMAIN_ITEMS_H
#define ASSENT_DOMAIN_ITEMS_H

#include <stdbool.h>
#include <stddef.h>

#include "assent/base/buffer.h"
#include "assent/base/problem.h"

struct items {
    const char *next;   /* the next element, or the end of the array */
    const char *member; /* the key of the array, in its object */
    const char *end;    /* behind the array */
};

/* Finds the array at a path of keys, `a.b`. Returns 0, -EINVAL with a problem if there is none, or
 * -ENOMEM. */
int items_find(const char *text, const char *path, struct items *ret_items,
               struct problem *ret_problem);

/* The next element; false after the last one. */
bool items_next(struct items *items, const char **ret_element, size_t *ret_length);

/* Appends the text without the array and its key. 0 or -ENOMEM. */
int items_append_rest(const char *text, const struct items *items, struct buffer *out);

#endif
