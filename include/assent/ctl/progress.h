/*
 * How far a fan-out has come.
 *
 * Owns: nothing. Runs in: assentctl. Pure. May call: fields, screen.
 */
#ifndef ASSENT_CTL_PROGRESS_H
#define ASSENT_CTL_PROGRESS_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "assent/ctl/screen.h"

struct progress {
    int64_t total;
    int64_t queued;
    int64_t running;
    int64_t succeeded;
    int64_t failed;
    int64_t interrupted;
    int64_t canceled;
    int64_t estimated_end; /* ms since 1970; 0: not known */
};

/* From a job as the daemon answers it; false if it is no fan-out. */
bool progress_read(const json_t *job, struct progress *ret_progress);

/* `120 of 500, 3 failed, 1 interrupted, 4m left` */
#define PROGRESS_TEXT_SIZE 160
void progress_text(const struct progress *progress, int64_t now, char ret_text[PROGRESS_TEXT_SIZE]);

/* `[#####!>....]` in so many columns, 3 at least: `#` succeeded, `!` failed or interrupted, `>`
 * running, `.` to come. What there is at all of the first three takes at least one. */
void progress_bar(struct screen *screen, const struct progress *progress, size_t columns);

#endif
