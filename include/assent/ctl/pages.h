/*
 * Lists that the daemon answers in pages.
 *
 * Owns: nothing. Runs in: assentctl. May call: ctl, table.
 */
#ifndef ASSENT_CTL_PAGES_H
#define ASSENT_CTL_PAGES_H

#include <jansson.h>

#include "assent/ctl/ctl.h"
#include "assent/ctl/table.h"

/* --limit and --all. */
#define PAGES_OPTIONS                                 \
    {"limit", 0, "N", "show at most N (default 50)"}, \
    {                                                 \
        "all", 0, NULL, "show all of them"            \
    }

struct pages {
    const char *path;    /* with its query, if it has one */
    const char *member;  /* of the result: the array of rows */
    const char *nothing; /* what to say if there are none */
    bool in_order;       /* the first rows come first, not the newest */
    struct table *table; /* taken over */
    void (*row)(struct table *table, const json_t *row, int64_t now);
};

/* Shows as much as the options say; with --json the daemon's result, one for each page. Returns the
 * exit status. */
int pages_show(struct ctl *ctl, const struct arguments *arguments, const struct pages *pages);

/* Shows the first rows, `limit` at most, and says nothing about there being more or none. Returns
 * the exit status. */
int pages_show_first(struct ctl *ctl, const struct pages *pages, int64_t limit);

#endif
