/*
 * What `watch` sees when it looks at the daemon, and how it is shown: as a page, or as a line for
 * each change.
 *
 * Owns: a struct look owns its JSON; struct watch_changes what it has seen. Runs in: assentctl.
 * May call: ask, job_view, pause_view, progress, request_view, screen, table.
 */
#ifndef ASSENT_CTL_WATCH_H
#define ASSENT_CTL_WATCH_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

#include "assent/ctl/ctl.h"

/* What there is, as far as one look can see. Empty is all zeros. */
struct look {
    int exit; /* CTL_OK, or there is nothing but a problem */
    struct problem problem;
    json_t *health;   /* what /readyz says: agents are told little */
    json_t *pending;  /* requests: the newest of them */
    json_t *running;  /* jobs, alike */
    json_t *queued;   /* jobs, alike */
    json_t *requests; /* the newest of all; NULL unless it was asked for, as is the next */
    json_t *jobs;
};

/* Asks. With `newest`, also for the newest requests and jobs whatever their state. */
void look_take(struct ctl *ctl, bool newest, struct look *ret_look);
void look_free(struct look *look);

/* --- as a page -------------------------------------------------------------------------------- */

struct watch_page {
    const char *where; /* the daemon is */
    const struct look *look;
    const char *away; /* why there is no newer look; NULL if there is */
    int64_t away_since;
    size_t rows;
};

/* Shows it in the screen's width and so many rows, of which the last ends in a newline, too. Pure. */
void watch_page(struct screen *screen, const struct watch_page *page);

/* --- as lines --------------------------------------------------------------------------------- */

struct watch_changes;

/* Ends the program without memory. */
void watch_changes_new(struct watch_changes **ret_changes);
/* Shows what has changed since the last look, a line for each; the first time what is open. */
void watch_changes_show(struct watch_changes *changes, struct ctl *ctl, const struct look *look);
/* Takes NULL. */
void watch_changes_free(struct watch_changes *changes);

#endif
