/*
 * The syntax of configuration files: sections, keys, values as they stand.
 *
 *   # a comment is a line of its own (or ;), beginning in the first column
 *   [kind name]
 *   key = a value runs to the end of its line; white space around it is dropped
 *       an indented line continues the value before it, joined by a newline; the indentation of the
 *       value's first continuation line is taken off each of its continuation lines
 *
 * Nothing is escaped and nothing is case-folded. A blank line or a comment ends a value. A line is at most
 * INI_LINE_LIMIT bytes; NUL, invalid UTF-8 and control characters other than tab are errors, and so
 * is anything before the first section. A carriage return before a newline is dropped.
 * Sections that come twice and keys are not judged here: that is config's.
 *
 * Owns: a struct ini owns its memory. Runs in: the supervisor, `assentd --check`, assentctl.
 * Pure. May call: the allocator.
 */
#ifndef ASSENT_DOMAIN_INI_H
#define ASSENT_DOMAIN_INI_H

#include <stddef.h>

#include "assent/base/problem.h"

#define INI_LINE_LIMIT (64u << 10)
#define INI_FILE_LIMIT (4u << 20)

struct ini_entry {
    char *key;
    char *value; /* "" if nothing stands behind the '=' */
    unsigned line;
};

struct ini_section {
    char *file; /* as given to ini_parse */
    char *kind; /* `service` of `[service daimon]` */
    char *name; /* `daimon`; NULL where the kind stands alone */
    unsigned line;
    struct ini_entry *entries;
    size_t entry_count;
};

/* Empty is all zeros. */
struct ini {
    struct ini_section *sections;
    size_t section_count;
};

/* Told of each error; parsing goes on with the next line. `section` is the section as written,
 * without brackets, or NULL; `key` is the key or NULL; `what` says what is wrong and what was
 * expected. */
typedef void (*ini_report)(void *userdata, const char *file, unsigned line, const char *section,
                           const char *key, const char *what);

/* Appends the sections in `text` to `ini`. Returns 0, -EINVAL if any error was reported (what could
 * be read is in `ini` all the same), or -ENOMEM. */
int ini_parse(struct ini *ini, const char *file, const char *text, size_t length, ini_report report,
              void *userdata);

/* Frees what it holds. Takes NULL. */
void ini_free(struct ini *ini);

#endif
