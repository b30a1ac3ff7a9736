#include "assent/domain/ini.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "assent/base/array.h"
#include "assent/base/buffer.h"
#include "assent/base/text.h"

/* One line, without its end. */
struct line {
    const char *text;
    size_t length;
};

struct parser {
    struct ini *ini;
    const char *file;
    unsigned number; /* of the present line */
    ini_report report;
    void *userdata;
    bool failed;

    char *section_text; /* as written between the brackets; NULL before the first */
    bool skipping;      /* below a section line that could not be read */

    char *key; /* of the value that may still be continued; NULL if there is none */
    unsigned key_line;
    struct buffer value;
    bool continued;
    struct line indentation; /* of the first continuation line */
    bool astray;             /* the line above was indented without a value to continue */
};

static bool is_blank(char c)
{
    return c == ' ' || c == '\t';
}

static struct line trim(struct line line)
{
    while (line.length > 0 && is_blank(line.text[0])) {
        line.text++;
        line.length--;
    }
    while (line.length > 0 && is_blank(line.text[line.length - 1])) {
        line.length--;
    }
    return line;
}

static size_t indentation_of(struct line line)
{
    size_t count = 0;
    while (count < line.length && is_blank(line.text[count])) {
        count++;
    }
    return count;
}

static void report(struct parser *parser, const char *key, const char *what)
{
    parser->failed = true;
    parser->report(parser->userdata, parser->file, parser->number, parser->section_text, key, what);
}

static int add_section(struct parser *parser, char *kind, char *name)
{
    struct ini *ini = parser->ini;
    struct ini_section *sections = array_grow(ini->sections, ini->section_count, sizeof *sections);
    if (!sections) {
        return -ENOMEM;
    }
    ini->sections = sections;
    char *file = strdup(parser->file);
    if (!file) {
        return -ENOMEM;
    }
    sections[ini->section_count++] = (struct ini_section){
        .file = file,
        .kind = kind,
        .name = name,
        .line = parser->number,
    };
    return 0;
}

/* Adds an entry to the last section; `value` is taken over on success. */
static int add_entry(struct parser *parser, char *value)
{
    struct ini_section *section = &parser->ini->sections[parser->ini->section_count - 1];
    struct ini_entry *entries = array_grow(section->entries, section->entry_count, sizeof *entries);
    if (!entries) {
        return -ENOMEM;
    }
    section->entries = entries;
    entries[section->entry_count++] = (struct ini_entry){
        .key = parser->key,
        .value = value,
        .line = parser->key_line,
    };
    parser->key = NULL;
    return 0;
}

/* The value is complete: it goes into the section, without the white space around it. */
static int end_value(struct parser *parser)
{
    if (!parser->key) {
        return 0;
    }
    const char *text = (const char *)parser->value.data;
    size_t length = parser->value.length;
    while (length > 0 && (is_blank(text[length - 1]) || text[length - 1] == '\n')) {
        length--;
    }
    size_t start = 0;
    while (start < length && (is_blank(text[start]) || text[start] == '\n')) {
        start++;
    }
    char *value = strndup(length > 0 ? text + start : "", length - start);
    if (!value) {
        return -ENOMEM;
    }
    buffer_consume(&parser->value, parser->value.length);
    int r = 0;
    if (parser->skipping) {
        free(value);
    } else if ((r = add_entry(parser, value)) < 0) {
        free(value);
    }
    free(parser->key);
    parser->key = NULL;
    return r;
}

static int take_continuation(struct parser *parser, struct line line)
{
    if (!parser->key && parser->astray) {
        return 0;
    }
    if (!parser->key) {
        parser->astray = true;
        report(parser, NULL,
               "an indented line continues the value right above it, and there is "
               "none (a blank line or a comment ends a value); expected a line that "
               "begins in the first column");
        return 0;
    }
    if (!parser->continued) {
        parser->indentation = (struct line){line.text, indentation_of(line)};
    }
    parser->continued = true;
    size_t common = 0;
    while (common < parser->indentation.length && common < line.length &&
           line.text[common] == parser->indentation.text[common]) {
        common++;
    }
    int r = buffer_append(&parser->value, "\n", 1);
    if (r == 0) {
        r = buffer_append(&parser->value, line.text + common, line.length - common);
    }
    return r;
}

/* Splits `kind name` and adds the section. */
static int open_section(struct parser *parser, struct line inside)
{
    size_t length = 0;
    while (length < inside.length && !is_blank(inside.text[length])) {
        length++;
    }
    struct line rest = trim((struct line){inside.text + length, inside.length - length});
    char *kind = strndup(inside.text, length);
    char *name = rest.length > 0 ? strndup(rest.text, rest.length) : NULL;
    int r = -ENOMEM;
    if (kind && (name || rest.length == 0)) {
        r = add_section(parser, kind, name);
    }
    if (r < 0) {
        free(kind);
        free(name);
    }
    return r;
}

static int take_section(struct parser *parser, struct line line)
{
    line = trim(line);
    struct line inside = {line.text + 1, line.length - 1};
    if (inside.length > 0 && inside.text[inside.length - 1] == ']') {
        inside.length--;
    } else {
        inside.length = 0;
    }
    inside = trim(inside);
    free(parser->section_text);
    parser->section_text = NULL;
    parser->skipping = true;
    if (inside.length == 0 || memchr(inside.text, '[', inside.length) ||
        memchr(inside.text, ']', inside.length)) {
        report(parser, NULL,
               "this is no section; expected [kind] or [kind name] on a line of its "
               "own. What follows it is skipped");
        return 0;
    }
    parser->section_text = strndup(inside.text, inside.length);
    if (!parser->section_text) {
        return -ENOMEM;
    }
    parser->skipping = false;
    return open_section(parser, inside);
}

static int take_entry(struct parser *parser, struct line line)
{
    const char *equals = memchr(line.text, '=', line.length);
    if (!equals) {
        report(parser, NULL,
               "this line is neither a section nor a setting; expected `key = value`");
        return 0;
    }
    size_t key_length = (size_t)(equals - line.text);
    struct line key = trim((struct line){line.text, key_length});
    if (key.length == 0) {
        report(parser, NULL, "there is no key before the '='; expected `key = value`");
        return 0;
    }
    if (!parser->section_text && !parser->skipping) {
        report(parser, NULL,
               "a setting stands before the first section; expected [kind] or "
               "[kind name] above it");
        return 0;
    }
    parser->key = strndup(key.text, key.length);
    if (!parser->key) {
        return -ENOMEM;
    }
    parser->key_line = parser->number;
    parser->continued = false;
    return buffer_append(&parser->value, equals + 1, line.length - key_length - 1);
}

/* What is wrong with the bytes of a line, or NULL. */
static const char *fault_of(struct line line)
{
    if (line.length > INI_LINE_LIMIT) {
        return "the line is too long; expected at most 65536 bytes";
    }
    if (!text_is_utf8(line.text, line.length)) {
        return "the line is not valid UTF-8";
    }
    for (size_t i = 0; i < line.length; i++) {
        unsigned char c = (unsigned char)line.text[i];
        bool c1 = c == 0xc2 && (unsigned char)line.text[i + 1] < 0xa0;
        if ((c < 0x20 && c != '\t') || c == 0x7f || c1) {
            return "the line has a control character; expected text and tabs only";
        }
    }
    return NULL;
}

static int take_line(struct parser *parser, struct line line)
{
    const char *fault = fault_of(line);
    if (fault) {
        report(parser, parser->key, fault);
        return 0;
    }
    bool blank = indentation_of(line) == line.length;
    if (!blank && is_blank(line.text[0])) {
        return take_continuation(parser, line);
    }
    parser->astray = false;
    int r = end_value(parser);
    if (r < 0 || blank || line.text[0] == '#' || line.text[0] == ';') {
        return r;
    }
    return line.text[0] == '[' ? take_section(parser, line) : take_entry(parser, line);
}

static int parse_lines(struct parser *parser, const char *text, size_t length)
{
    int r = 0;
    while (length > 0 && r == 0) {
        const char *end = memchr(text, '\n', length);
        struct line line = {text, end ? (size_t)(end - text) : length};
        size_t taken = line.length + (end != NULL);
        if (line.length > 0 && line.text[line.length - 1] == '\r') {
            line.length--;
        }
        parser->number++;
        r = take_line(parser, line);
        text += taken;
        length -= taken;
    }
    return r < 0 ? r : end_value(parser);
}

int ini_parse(struct ini *ini, const char *file, const char *text, size_t length,
              ini_report report_error, void *userdata)
{
    struct parser parser = {
        .ini = ini,
        .file = file,
        .report = report_error,
        .userdata = userdata,
    };
    int r = -EINVAL;
    if (length > INI_FILE_LIMIT) {
        report(&parser, NULL, "the file is too large; expected at most 4 MiB");
    } else {
        r = parse_lines(&parser, text, length);
    }
    free(parser.key);
    free(parser.section_text);
    buffer_free(&parser.value);
    return r < 0 ? r : parser.failed ? -EINVAL : 0;
}

void ini_free(struct ini *ini)
{
    if (!ini) {
        return;
    }
    for (size_t i = 0; i < ini->section_count; i++) {
        struct ini_section *section = &ini->sections[i];
        for (size_t j = 0; j < section->entry_count; j++) {
            free(section->entries[j].key);
            free(section->entries[j].value);
        }
        free(section->entries);
        free(section->file);
        free(section->kind);
        free(section->name);
    }
    free(ini->sections);
    *ini = (struct ini){0};
}
