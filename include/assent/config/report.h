/*
 * The errors of a load: collected from everywhere, told in the order of files and lines.
 *
 * Owns: its texts. Runs in: supervisor, assentctl. May call: the allocator.
 */
#ifndef ASSENT_CONFIG_REPORT_H
#define ASSENT_CONFIG_REPORT_H

#include <stdbool.h>
#include <stddef.h>

#include "assent/config/config.h"

struct report_line {
    size_t file; /* index in files */
    unsigned line;
    size_t order; /* of coming, where file and line are the same */
    char *text;
};

/* Empty is all zeros. */
struct config_report {
    char **files; /* in the order in which they were read */
    size_t file_count;
    struct report_line *lines;
    size_t line_count;
    bool out_of_memory; /* sticky: something could not be told */
};

/* Says that `file` comes behind those that were named before. */
void report_file(struct config_report *report, const char *file);

/* Adds `FILE:LINE: [section] key: what`; without what is NULL, and without the line if that
 * is 0. */
void report_add(struct config_report *report, const char *file, unsigned line, const char *section,
                const char *key, const char *what);

/* Gives all lines away, in order, and empties the report. 0 or -ENOMEM. */
int report_take(struct config_report *report, struct config_errors *ret_errors);

/* Frees what it holds. Takes NULL. */
void report_free(struct config_report *report);

#endif
