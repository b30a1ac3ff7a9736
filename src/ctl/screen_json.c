#include <stdlib.h>
#include <string.h>

#include "assent/base/json.h"
#include "assent/base/text.h"
#include "assent/ctl/screen.h"

/* Goes through JSON text without spaces, as json_text makes it. */
struct writer {
    struct screen *screen;
    bool indented;
    int depth;
};

static size_t character_length(unsigned char first)
{
    return first < 0x80 ? 1 : first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4;
}

/* True if a terminal would obey the character or hide it. */
static bool is_unsafe(const char *character, size_t length)
{
    struct buffer escaped = {0};
    bool unsafe;

    screen_must(text_append_escaped(&escaped, character, length));
    unsafe = escaped.data[0] == '\\';
    buffer_free(&escaped);
    return unsafe;
}

static void write_escape(struct screen *screen, const char *character, size_t length)
{
    const unsigned char *bytes = (const unsigned char *)character;
    unsigned point = length == 1 ? bytes[0] : bytes[0] & (0x7fu >> length);

    for (size_t i = 1; i < length; i++) {
        point = point << 6 | (bytes[i] & 0x3fu);
    }
    if (point > 0xffff) {
        point -= 0x10000;
        screen_format(screen, "\\u%04X\\u%04X", 0xd800 + (point >> 10), 0xdc00 + (point & 0x3ff));
    } else {
        screen_format(screen, "\\u%04X", point);
    }
}

/* Writes the string at the front of the text; returns what is behind it. The bytes below 0x7f are
 * escaped already. */
static const char *write_string(struct writer *writer, const char *text)
{
    const char *safe = text;
    const char *at = text + 1;

    while (*at && *at != '"') {
        size_t length = character_length((unsigned char)*at);

        if (*at == '\\') {
            length = 2;
        } else if ((unsigned char)*at >= 0x7f && is_unsafe(at, length)) {
            screen_must(buffer_append(&writer->screen->text, safe, (size_t)(at - safe)));
            write_escape(writer->screen, at, length);
            safe = at + length;
        }
        at += length;
    }
    at += *at == '"';
    screen_must(buffer_append(&writer->screen->text, safe, (size_t)(at - safe)));
    return at;
}

static void write_break(struct writer *writer, int deeper)
{
    writer->depth += deeper;
    if (writer->indented) {
        screen_format(writer->screen, "\n%*s", writer->depth * 2, "");
    }
}

/* Writes the one character of punctuation, or of a number or word; returns what is behind it. */
static const char *write_mark(struct writer *writer, const char *at)
{
    bool is_end = *at == '}' || *at == ']';
    bool is_begin = *at == '{' || *at == '[';

    if (is_begin && (at[1] == '}' || at[1] == ']')) {
        screen_must(buffer_append(&writer->screen->text, at, 2));
        return at + 2;
    }
    if (is_end) {
        write_break(writer, -1);
    }
    screen_must(buffer_append(&writer->screen->text, at, 1));
    if (is_begin || *at == ',') {
        write_break(writer, is_begin);
    } else if (*at == ':' && writer->indented) {
        screen_text(writer->screen, " ");
    }
    return at + 1;
}

void screen_json(struct screen *screen, const json_t *json, bool indented)
{
    struct writer writer = {.screen = screen, .indented = indented};
    char *text = json_text(json);
    const char *at = text;

    screen_must(text ? 0 : -1);
    while (*at) {
        at = *at == '"' ? write_string(&writer, at) : write_mark(&writer, at);
    }
    free(text);
}
