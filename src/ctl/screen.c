#include "assent/ctl/screen.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <wchar.h>

#include "assent/base/text.h"
#include "assent/ctl/ctl.h"

static const char *const colour_codes[COLOUR_COUNT] = {
    [COLOUR_PLAIN] = "\033[0m", [COLOUR_STRONG] = "\033[1m", [COLOUR_FAINT] = "\033[2m",
    [COLOUR_GOOD] = "\033[32m", [COLOUR_BAD] = "\033[31m",   [COLOUR_OPEN] = "\033[33m",
};

void screen_must(int r)
{
    if (r < 0) {
        (void)fputs("assentctl: out of memory\n", stderr);
        exit(CTL_NO_MEMORY);
    }
}

void screen_text(struct screen *screen, const char *text)
{
    screen_must(buffer_append_text(&screen->text, text));
}

void screen_format(struct screen *screen, const char *format, ...)
{
    char text[512];
    va_list arguments;

    va_start(arguments, format);
    (void)vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    screen_text(screen, text);
}

void screen_colour(struct screen *screen, enum colour colour)
{
    if (screen->coloured) {
        screen_text(screen, colour_codes[colour]);
    }
}

void screen_outside(struct screen *screen, enum colour colour, const char *text)
{
    if (colour != COLOUR_PLAIN) {
        screen_colour(screen, colour);
    }
    screen_must(text_append_escaped(&screen->text, text, strlen(text)));
    if (colour != COLOUR_PLAIN) {
        screen_colour(screen, COLOUR_PLAIN);
    }
}

char *screen_escape(const char *text)
{
    struct buffer escaped = {0};
    char *taken;

    screen_must(text_append_escaped(&escaped, text, strlen(text)));
    taken = buffer_take_text(&escaped);
    screen_must(taken ? 0 : -1);
    return taken;
}

/* --- widths ----------------------------------------------------------------------------------- */

/* The bytes of the character at the front of a text that is valid UTF-8, and its columns. */
static size_t character(const char *text, size_t *ret_columns)
{
    const unsigned char *bytes = (const unsigned char *)text;
    size_t length = bytes[0] < 0x80 ? 1 : bytes[0] < 0xe0 ? 2 : bytes[0] < 0xf0 ? 3 : 4;
    wchar_t point = length == 1 ? bytes[0] : bytes[0] & (0x7f >> length);
    int columns;

    for (size_t i = 1; i < length; i++) {
        if ((bytes[i] & 0xc0) != 0x80) {
            *ret_columns = 1;
            return 1;
        }
        point = (point << 6) | (bytes[i] & 0x3f);
    }
    columns = wcwidth(point);
    *ret_columns = columns < 0 ? 1 : (size_t)columns;
    return length;
}

size_t screen_width(const struct screen *screen)
{
    return screen->width > 0 ? screen->width : SCREEN_WIDTH;
}

size_t screen_columns(const char *text)
{
    size_t total = 0;

    while (*text) {
        size_t columns;

        text += character(text, &columns);
        total += columns;
    }
    return total;
}

size_t screen_bytes_within(const char *text, size_t columns)
{
    size_t bytes = 0;
    size_t used = 0;

    while (text[bytes]) {
        size_t more;
        size_t length = character(text + bytes, &more);

        if (used + more > columns) {
            break;
        }
        used += more;
        bytes += length;
    }
    return bytes;
}

/* --- lines ------------------------------------------------------------------------------------ */

/* The bytes of the next line of `text`: up to its last space within the width, if it has one. */
static size_t line_length(const char *text, size_t columns)
{
    size_t bytes = screen_bytes_within(text, columns);
    size_t space = bytes;

    if (!text[bytes] || text[bytes] == ' ') {
        return bytes;
    }
    while (space > 0 && text[space - 1] != ' ') {
        space--;
    }
    while (space > 0 && text[space - 1] == ' ') {
        space--;
    }
    /* Even a character that is wider than the line has to go somewhere. */
    return space > 0 ? space : bytes > 0 ? bytes : character(text, &columns);
}

void screen_wrapped(struct screen *screen, size_t indent, const char *text)
{
    size_t columns = indent < SCREEN_WIDTH - 10 ? SCREEN_WIDTH - indent : 10;
    char *escaped = screen_escape(text);
    const char *at = escaped;

    do {
        size_t length = line_length(at, columns);

        if (at != escaped) {
            screen_format(screen, "%*s", (int)indent, "");
        }
        screen_must(buffer_append(&screen->text, at, length));
        screen_text(screen, "\n");
        at += length;
        at += strspn(at, " ");
    } while (*at);
    free(escaped);
}

void screen_broken(struct screen *screen, size_t indent, const char *line, size_t length)
{
    do {
        size_t bytes = screen_bytes_within(line, SCREEN_WIDTH - indent);

        bytes = bytes < length ? bytes : length;
        screen_must(buffer_append(&screen->text, line, bytes));
        screen_text(screen, "\n");
        line += bytes;
        length -= bytes;
        screen_format(screen, "%*s", length > 0 ? (int)indent : 0, "");
    } while (length > 0);
}

void screen_quoted(struct screen *screen, size_t indent, const char *before, const char *text)
{
    json_t *value = json_string(text);
    struct screen line = {0};

    screen_must(value ? 0 : -1);
    screen_text(&line, before);
    screen_json(&line, value, false);
    screen_must(buffer_text(&line.text) ? 0 : -1);
    screen_broken(screen, indent, (const char *)line.text.data, line.text.length);
    screen_free(&line);
    json_decref(value);
}

void screen_line(struct screen *screen, size_t indent, const struct screen_part *parts,
                 size_t count)
{
    struct buffer whole = {0};
    char *escaped;

    for (size_t i = 0; i < count; i++) {
        screen_must(buffer_append_text(&whole, parts[i].text));
    }
    screen_must(buffer_text(&whole) ? 0 : -1);
    escaped = screen_escape((const char *)whole.data);
    if (screen_columns(escaped) > SCREEN_WIDTH) {
        screen_wrapped(screen, indent, (const char *)whole.data);
    } else {
        for (size_t i = 0; i < count; i++) {
            screen_outside(screen, parts[i].colour, parts[i].text);
        }
        screen_text(screen, "\n");
    }
    free(escaped);
    buffer_free(&whole);
}

/* Appends as much of an escaped text as fits; returns the columns that it takes. */
static size_t append_within(struct screen *screen, const char *escaped, size_t columns)
{
    size_t needed = screen_columns(escaped);
    size_t bytes;
    size_t used = 0;

    if (needed <= columns) {
        screen_text(screen, escaped);
        return needed;
    }
    bytes = screen_bytes_within(escaped, columns > 0 ? columns - 1 : 0);
    for (const char *at = escaped; at < escaped + bytes;) {
        size_t more;

        at += character(at, &more);
        used += more;
    }
    screen_must(buffer_append(&screen->text, escaped, bytes));
    screen_text(screen, columns > 0 ? SCREEN_ELLIPSIS : "");
    return used + (columns > 0);
}

void screen_cut(struct screen *screen, enum colour colour, const char *text, const char *right)
{
    size_t width = screen_width(screen);
    char *left_text = screen_escape(text);
    char *right_text = screen_escape(right ? right : "");
    size_t right_columns = screen_columns(right_text);
    bool has_right = right_columns > 0 && right_columns + 2 < width;
    size_t used;

    if (colour != COLOUR_PLAIN) {
        screen_colour(screen, colour);
    }
    used = append_within(screen, left_text, has_right ? width - right_columns - 2 : width);
    if (colour != COLOUR_PLAIN) {
        screen_colour(screen, COLOUR_PLAIN);
    }
    if (has_right) {
        screen_format(screen, "%*s", (int)(width - right_columns - used), "");
        screen_text(screen, right_text);
    }
    screen_text(screen, "\n");
    free(left_text);
    free(right_text);
}

void screen_label(struct screen *screen, const char *label)
{
    int gap = SCREEN_LABEL_WIDTH - (int)strlen(label);

    screen_colour(screen, COLOUR_FAINT);
    screen_text(screen, label);
    screen_colour(screen, COLOUR_PLAIN);
    screen_format(screen, "%*s", gap > 0 ? gap : 1, "");
}

void screen_field(struct screen *screen, const char *label, const char *value)
{
    if (value && value[0]) {
        screen_label(screen, label);
        screen_wrapped(screen, SCREEN_LABEL_WIDTH, value);
    }
}

void screen_time(struct screen *screen, int64_t time_ms)
{
    char text[TEXT_TIME_SIZE];

    text_from_time(time_ms, text);
    screen_format(screen, "%.10s %.8sZ", text, text + 11);
}

void screen_free(struct screen *screen)
{
    buffer_free(&screen->text);
}
