/*
 * Tables that fit their screen's width.
 *
 * Every column is as wide as its widest cell. If that is too wide together, the widest columns that
 * may be cut are narrowed, each down to its least width, and dear ones only after all others; a cell
 * that does not fit ends in an ellipsis. Widths are settled when the first rows are shown and stay so
 * for the rows after them.
 *
 * Owns: its cells. Runs in: assentctl. May call: screen.
 */
#ifndef ASSENT_CTL_TABLE_H
#define ASSENT_CTL_TABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "assent/ctl/screen.h"

#define TABLE_COLUMN_LIMIT 8

struct table_column {
    const char *heading;
    size_t least; /* the width down to which it may be cut; 0: it is never cut */
    bool right;   /* aligned to the right */
    bool dear;    /* narrowed last */
};

struct table;

/* `columns` must outlive the table. Ends the program without memory. */
struct table *table_new(const struct table_column *columns, size_t column_count);

/* The next cell of the present row, or the first of a new one; a text from anywhere (escaped here),
 * NULL for an empty one. */
void table_cell(struct table *table, enum colour colour, const char *text);
void table_cell_format(struct table *table, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
/* A span of time, in milliseconds. */
void table_cell_span(struct table *table, int64_t span_ms);

/* Shows the rows, the first time below the headings, and drops them. */
void table_show(struct table *table, struct screen *screen);

/* Takes NULL. */
void table_free(struct table *table);

#endif
