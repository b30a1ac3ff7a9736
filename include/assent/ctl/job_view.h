/*
 * Jobs and the items of fan-outs as people read them.
 *
 * Owns: nothing. Runs in: assentctl. Pure. May call: fields, progress, screen, table.
 */
#ifndef ASSENT_CTL_JOB_VIEW_H
#define ASSENT_CTL_JOB_VIEW_H

#include <jansson.h>

#include "assent/base/buffer.h"
#include "assent/ctl/screen.h"
#include "assent/ctl/table.h"

/* A job with its attempts, over many lines. */
void job_view(struct screen *screen, const json_t *job);

/* Appends what there is to say about where a job or an item stands: that it is being canceled, when
 * it is tried again, how far a fan-out has come, what went wrong; nothing if all goes well. The
 * buffer ends in a NUL behind its length. */
void job_note_append(struct buffer *note, const json_t *run, int64_t now);

/* One of several: a line, and below it how far it has come or what went wrong. */
void job_view_line(struct screen *screen, const json_t *job);

/* A list: the table, and a row of it. */
struct table *job_table_new(void);
void job_table_row(struct table *table, const json_t *job, int64_t now);

/* The same of items. */
struct table *item_table_new(void);
void item_table_row(struct table *table, const json_t *item, int64_t now);

enum colour job_colour(const char *state);

#endif
