/*
 * Requests as people read them.
 *
 * Owns: nothing. Runs in: assentctl. Pure. May call: fields, job_view, screen, table.
 */
#ifndef ASSENT_CTL_REQUEST_VIEW_H
#define ASSENT_CTL_REQUEST_VIEW_H

#include <jansson.h>

#include "assent/base/buffer.h"
#include "assent/ctl/screen.h"
#include "assent/ctl/table.h"

/* `req_1 approved after 4m12s by ops@example.com` or `req_1 pending, 55m left`, and a newline. */
void request_view_line(struct screen *screen, const json_t *request);

/* The same as a text that is not escaped, without the newline. */
void request_append(struct buffer *out, const json_t *request, int64_t now);

/* All there is to know, over many lines. */
void request_view(struct screen *screen, const json_t *request);

/* A list: the table, and a row of it. */
struct table *request_table_new(void);
void request_table_row(struct table *table, const json_t *request, int64_t now);

/* What waiting for it ends with: an exit status, CTL_UNDECIDED while it is open. */
int request_exit(const json_t *request);

#endif
