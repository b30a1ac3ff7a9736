/*
 * What people read: texts for a terminal of 80 columns.
 *
 * A screen collects text; whoever owns it writes it out. Whatever came from outside goes through
 * the functions that escape; only texts of our own go in as they are.
 *
 * Owns: the collected text. Runs in: assentctl, which ends if memory runs out. Pure but for that.
 * May call: buffer, json, text.
 */
#ifndef ASSENT_CTL_SCREEN_H
#define ASSENT_CTL_SCREEN_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "assent/base/buffer.h"

#define SCREEN_WIDTH       80
#define SCREEN_ELLIPSIS    "\xe2\x80\xa6"
#define SCREEN_LABEL_WIDTH 14 /* what a field's label takes, its gap included */

enum colour {
    COLOUR_PLAIN,
    COLOUR_STRONG,
    COLOUR_FAINT,
    COLOUR_GOOD,
    COLOUR_BAD,
    COLOUR_OPEN, /* not over yet */
    COLOUR_COUNT,
};

/* All zeros is an empty screen without colour. */
struct screen {
    struct buffer text;
    bool coloured;
    int64_t now;  /* ms since 1970: what spans are counted from */
    size_t width; /* columns that tables and cut lines may take; 0: SCREEN_WIDTH */
};

/* Texts of our own, as they are. */
void screen_text(struct screen *screen, const char *text);
void screen_format(struct screen *screen, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* A text from anywhere, escaped. */
void screen_outside(struct screen *screen, enum colour colour, const char *text);

/* A text from anywhere, escaped, that begins in column `indent` (from 0) and goes on there in each
 * further line: broken at spaces, and where a word is longer than a line, inside it. Ends the
 * line. */
void screen_wrapped(struct screen *screen, size_t indent, const char *text);

/* A line of a text that is safe already, broken wherever it has to be, with its further lines
 * indented. */
void screen_broken(struct screen *screen, size_t indent, const char *line, size_t length);

/* A line `BEFORE"TEXT"`, broken alike: the text, which is UTF-8, is quoted as JSON quotes it, so that
 * where it begins and ends can be seen; `before` is a text of our own. */
void screen_quoted(struct screen *screen, size_t indent, const char *before, const char *text);

struct screen_part {
    enum colour colour;
    const char *text;
};

/* A line of several texts from anywhere, escaped. One that is too long is wrapped, goes on in column
 * `indent`, and has no colour. */
void screen_line(struct screen *screen, size_t indent, const struct screen_part *parts,
                 size_t count);

/* A line of a text from anywhere, escaped: what is longer than the width ends in an ellipsis. Where
 * `right` is not NULL, that text stands at the right end of the line, and what is on its left is
 * cut for it. */
void screen_cut(struct screen *screen, enum colour colour, const char *text, const char *right);

/* A line `Label   value`, the value escaped and wrapped. Nothing if the value is NULL or empty. */
void screen_field(struct screen *screen, const char *label, const char *value);
/* Begins such a line: the label, filled up to SCREEN_LABEL_WIDTH. */
void screen_label(struct screen *screen, const char *label);

/* JSON in which every character that a terminal obeys or hides is a \u escape. Indented by two
 * spaces for each level, or in one line; no newline at its end. */
void screen_json(struct screen *screen, const json_t *json, bool indented);

/* `2026-03-16 10:30:45Z` */
void screen_time(struct screen *screen, int64_t time_ms);

size_t screen_width(const struct screen *screen);
/* The columns that a text takes on a terminal. */
size_t screen_columns(const char *text);
/* The bytes of the longest beginning of `text` that takes at most `columns`. */
size_t screen_bytes_within(const char *text, size_t columns);

/* The escaped text, freed by the caller with free(). */
char *screen_escape(const char *text);

/* Switches a colour on (or, with COLOUR_PLAIN, off), if the screen has any. */
void screen_colour(struct screen *screen, enum colour colour);

void screen_free(struct screen *screen);

/* Ends the program if `r` is negative: the only failure of what collects text is lack of memory. */
void screen_must(int r);

#endif
