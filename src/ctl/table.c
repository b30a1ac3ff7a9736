#include "assent/ctl/table.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "assent/base/text.h"

#define GAP 2

struct cell {
    char *text; /* escaped */
    enum colour colour;
};

struct table {
    const struct table_column *columns;
    size_t column_count;
    size_t widths[TABLE_COLUMN_LIMIT];
    bool settled;
    struct cell *cells; /* row by row */
    size_t cell_count;
    size_t cell_capacity;
};

struct table *table_new(const struct table_column *columns, size_t column_count)
{
    struct table *table = calloc(1, sizeof *table);

    assert(column_count <= TABLE_COLUMN_LIMIT);
    screen_must(table ? 0 : -1);
    table->columns = columns;
    table->column_count = column_count;
    return table;
}

static void grow(struct table *table)
{
    size_t capacity = table->cell_capacity > 0 ? table->cell_capacity * 2 : 64;
    struct cell *cells = reallocarray(table->cells, capacity, sizeof *cells);

    screen_must(cells ? 0 : -1);
    table->cells = cells;
    table->cell_capacity = capacity;
}

void table_cell(struct table *table, enum colour colour, const char *text)
{
    if (table->cell_count == table->cell_capacity) {
        grow(table);
    }
    table->cells[table->cell_count++] = (struct cell){
        .text = screen_escape(text ? text : ""),
        .colour = colour,
    };
}

void table_cell_format(struct table *table, const char *format, ...)
{
    char text[128];
    va_list arguments;

    va_start(arguments, format);
    (void)vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    table_cell(table, COLOUR_PLAIN, text);
}

void table_cell_span(struct table *table, int64_t span_ms)
{
    char text[TEXT_SPAN_SIZE];

    text_from_span(span_ms, text);
    table_cell(table, COLOUR_PLAIN, text);
}

/* --- widths ----------------------------------------------------------------------------------- */

static size_t natural_width(const struct table *table, size_t column, size_t most)
{
    size_t widest = screen_columns(table->columns[column].heading);

    for (size_t i = column; i < table->cell_count; i += table->column_count) {
        size_t columns = screen_columns(table->cells[i].text);

        widest = columns > widest ? columns : widest;
    }
    return table->columns[column].least > 0 && widest > most ? most : widest;
}

/* The widest column that can still be narrowed, or the count of columns. */
static size_t widest_to_cut(const struct table *table, bool dear)
{
    size_t chosen = table->column_count;

    for (size_t i = 0; i < table->column_count; i++) {
        const struct table_column *column = &table->columns[i];
        bool can = column->dear == dear && column->least > 0 && table->widths[i] > column->least;

        if (can && (chosen == table->column_count || table->widths[i] > table->widths[chosen])) {
            chosen = i;
        }
    }
    return chosen;
}

/* Narrows columns until the total fits or none can be narrowed; returns the new total. */
static size_t narrow(struct table *table, size_t total, size_t most, bool dear)
{
    size_t column;

    while (total > most && (column = widest_to_cut(table, dear)) < table->column_count) {
        table->widths[column]--;
        total--;
    }
    return total;
}

static void settle(struct table *table, size_t most)
{
    size_t total = GAP * (table->column_count - 1);

    for (size_t i = 0; i < table->column_count; i++) {
        table->widths[i] = natural_width(table, i, most);
        total += table->widths[i];
    }
    total = narrow(table, total, most, false);
    (void)narrow(table, total, most, true);
    table->settled = true;
}

/* --- showing ---------------------------------------------------------------------------------- */

static void show_spaces(struct screen *screen, size_t count)
{
    screen_format(screen, "%*s", (int)count, "");
}

/* Shows an escaped text in its column; `last` ones are not filled up. */
static void show_cell(const struct table *table, struct screen *screen, size_t column,
                      const struct cell *cell)
{
    size_t width = table->widths[column];
    size_t columns = screen_columns(cell->text);
    bool cut = columns > width;
    size_t bytes = cut ? screen_bytes_within(cell->text, width - 1) : strlen(cell->text);
    size_t fill;

    if (cut) {
        char *kept = strndup(cell->text, bytes);

        screen_must(kept ? 0 : -1);
        columns = screen_columns(kept) + 1;
        free(kept);
    }
    fill = width - columns;
    if (table->columns[column].right) {
        show_spaces(screen, fill);
    }
    if (cell->colour != COLOUR_PLAIN) {
        screen_colour(screen, cell->colour);
    }
    screen_must(buffer_append(&screen->text, cell->text, bytes));
    screen_text(screen, cut ? SCREEN_ELLIPSIS : "");
    if (cell->colour != COLOUR_PLAIN) {
        screen_colour(screen, COLOUR_PLAIN);
    }
    if (!table->columns[column].right) {
        show_spaces(screen, fill);
    }
}

static void show_row(const struct table *table, struct screen *screen, const struct cell *cells)
{
    struct buffer *text = &screen->text;

    for (size_t i = 0; i < table->column_count; i++) {
        show_spaces(screen, i > 0 ? GAP : 0);
        show_cell(table, screen, i, &cells[i]);
    }
    while (text->length > 0 && text->data[text->length - 1] == ' ') {
        text->length--;
    }
    screen_text(screen, "\n");
}

static void show_headings(const struct table *table, struct screen *screen)
{
    struct cell cells[TABLE_COLUMN_LIMIT];

    for (size_t i = 0; i < table->column_count; i++) {
        /* Only read: a cell owns its text, but these are never freed. */
        cells[i] = (struct cell){
            .text = (char *)(uintptr_t)table->columns[i].heading,
            .colour = COLOUR_FAINT,
        };
    }
    show_row(table, screen, cells);
}

static void drop_rows(struct table *table)
{
    for (size_t i = 0; i < table->cell_count; i++) {
        free(table->cells[i].text);
    }
    table->cell_count = 0;
}

void table_show(struct table *table, struct screen *screen)
{
    assert(table->cell_count % table->column_count == 0);
    if (!table->settled) {
        settle(table, screen_width(screen));
        show_headings(table, screen);
    }
    for (size_t i = 0; i < table->cell_count; i += table->column_count) {
        show_row(table, screen, table->cells + i);
    }
    drop_rows(table);
}

void table_free(struct table *table)
{
    if (!table) {
        return;
    }
    drop_rows(table);
    free(table->cells);
    free(table);
}
