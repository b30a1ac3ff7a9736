#include "support/template_oracle.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "assent/base/text.h"

static void append(struct buffer *out, const void *bytes, size_t length)
{
    if (buffer_append(out, bytes, length) < 0) {
        abort();
    }
}

static bool same(const struct buffer *left, const struct buffer *right)
{
    return left->length == right->length &&
           (left->length == 0 || memcmp(left->data, right->data, left->length) == 0);
}

/* --- values ----------------------------------------------------------------------------------- */

static json_t *member(const json_t *of, const char *name)
{
    char plain[24];
    unsigned long index;

    if (json_is_object(of)) {
        return json_object_get(of, name);
    }
    index = strtoul(name, NULL, 10);
    (void)snprintf(plain, sizeof plain, "%lu", index);
    return json_is_array(of) && strcmp(plain, name) == 0 ? json_array_get(of, index) : NULL;
}

/* NULL for null too. */
static const json_t *find(const json_t *record, const char *path)
{
    char *names = strdup(path);
    char *rest = names;
    const json_t *value = record;

    for (char *name; value && (name = strsep(&rest, "."));) {
        value = member(value, name);
    }
    free(names);
    return json_is_null(value) ? NULL : value;
}

/* The fewest digits that are read as the same number. */
static char *number_text(const json_t *number)
{
    for (size_t digits = 15;; digits++) {
        char *text = json_dumps(number, JSON_ENCODE_ANY | JSON_REAL_PRECISION(digits));
        json_t *again = json_loads(text, JSON_DECODE_ANY, NULL);
        bool equal = json_number_value(again) == json_number_value(number);

        json_decref(again);
        if (equal || digits == 17) {
            return text;
        }
        free(text);
    }
}

/* False if it has no text. */
static bool append_value(const json_t *value, struct buffer *out)
{
    char *text;

    if (json_is_string(value)) {
        append(out, json_string_value(value), json_string_length(value));
        return true;
    }
    if (json_is_array(value) || json_is_object(value)) {
        return false;
    }
    text =
        json_is_number(value) ? number_text(value) : strdup(json_is_true(value) ? "true" : "false");
    append(out, text, strlen(text));
    free(text);
    return true;
}

/* --- pieces of a template --------------------------------------------------------------------- */

enum piece_kind { PIECE_CHARACTER, PIECE_PLACEHOLDER, PIECE_END };

struct piece {
    enum piece_kind kind;
    char character;
    char *name;     /* free() */
    char *fallback; /* in `name`; NULL if there is none */
};

static struct piece next_piece(const char **at)
{
    struct piece piece = {.kind = PIECE_END};
    const char *from = *at;

    if (from[0] == '{' && from[1] != '{') {
        size_t length = strcspn(from, "}");

        piece.kind = PIECE_PLACEHOLDER;
        piece.name = strndup(from + 1, length - 1);
        piece.fallback = strchr(piece.name, '|');
        if (piece.fallback) {
            *piece.fallback++ = '\0';
        }
        *at += length + 1;
    } else if (from[0] != '\0') {
        piece.kind = PIECE_CHARACTER;
        piece.character = from[0];
        *at += from[0] == '{' || from[0] == '}' ? 2 : 1;
    }
    return piece;
}

/* False if there is nothing that it can become. */
static bool append_placeholder(const struct piece *piece, const json_t *record, struct buffer *out)
{
    const json_t *value = find(record, piece->name);

    if (value) {
        return append_value(value, out);
    }
    if (piece->fallback) {
        append(out, piece->fallback, strlen(piece->fallback));
    }
    return piece->fallback != NULL;
}

/* False if it can't be filled. */
static bool fill(const char *text, const json_t *record, struct buffer *out)
{
    struct piece piece;
    bool filled = true;

    while (filled && (piece = next_piece(&text)).kind != PIECE_END) {
        if (piece.kind == PIECE_CHARACTER) {
            append(out, &piece.character, 1);
        } else {
            filled = append_placeholder(&piece, record, out);
            free(piece.name);
        }
    }
    return filled;
}

/* --- words and headers ------------------------------------------------------------------------ */

static bool is_one_line(const struct buffer *line)
{
    for (size_t i = 0; i < line->length; i++) {
        bool is_c1 = i > 0 && line->data[i - 1] == 0xc2 && line->data[i] < 0xa0;

        if (line->data[i] < 0x20 || line->data[i] == 0x7f || is_c1) {
            return false;
        }
    }
    return text_is_utf8(line->data, line->length);
}

static const char *judge_flat(enum template_kind kind, const char *text, const json_t *record,
                              const struct buffer *rendered)
{
    struct buffer expected = {0};
    bool possible =
        fill(text, record, &expected) && (kind != TEMPLATE_HEADER || is_one_line(&expected));
    const char *wrong = NULL;

    if (!rendered) {
        wrong = possible ? "it could have been rendered" : NULL;
    } else if (!possible) {
        wrong = "it could not have been rendered";
    } else if (!same(&expected, rendered)) {
        wrong = "it is another text";
    } else if (rendered->length > 0 && memchr(rendered->data, '\0', rendered->length)) {
        wrong = "there is a NUL in it";
    }
    buffer_free(&expected);
    return wrong;
}

/* --- URLs ------------------------------------------------------------------------------------- */

/* What stands between two separators, decoded. */
struct part {
    char separator; /* before it */
    bool filled;    /* there is a placeholder in it */
    struct buffer text;
};

struct parts {
    struct part *items;
    size_t count;
};

static void begin_part(struct parts *parts, char separator)
{
    struct part *items = reallocarray(parts->items, parts->count + 1, sizeof *items);

    if (!items) {
        abort();
    }
    parts->items = items;
    items[parts->count++] = (struct part){.separator = separator};
}

static void parts_free(struct parts *parts)
{
    for (size_t i = 0; i < parts->count; i++) {
        buffer_free(&parts->items[i].text);
    }
    free(parts->items);
}

static bool separates(const struct parts *parts, char character)
{
    for (size_t i = 0; i < parts->count; i++) {
        if (parts->items[i].separator == '?') {
            return character == '&' || character == '=';
        }
    }
    return character == '/' || character == '?';
}

static void take_character(struct parts *parts, char character, const char **at)
{
    struct buffer *text = &parts->items[parts->count - 1].text;
    char digits[3] = {0};
    unsigned char byte;

    if (separates(parts, character)) {
        begin_part(parts, character);
        return;
    }
    byte = (unsigned char)character;
    if (character == '%') {
        memcpy(digits, *at, 2);
        byte = (unsigned char)strtoul(digits, NULL, 16);
        *at += 2;
    }
    append(text, &byte, 1);
}

/* Splits what is behind the host, which is the first part; with a record it is a template. False if
 * that can't be filled. */
static bool split(const char *url, const json_t *record, struct parts *parts)
{
    size_t host = strcspn(strchr(url, ':') + 3, "/?") + (size_t)(strchr(url, ':') + 3 - url);
    const char *at = url + host;
    bool filled = true;

    begin_part(parts, '\0');
    append(&parts->items[0].text, url, host);
    while (filled && *at) {
        struct piece piece = {.kind = PIECE_CHARACTER, .character = *at};

        if (record) {
            piece = next_piece(&at);
        } else {
            at++;
        }
        if (piece.kind == PIECE_CHARACTER) {
            take_character(parts, piece.character, &at);
        } else {
            struct part *part = &parts->items[parts->count - 1];

            part->filled = true;
            filled = append_placeholder(&piece, record, &part->text);
            free(piece.name);
        }
    }
    return filled;
}

static bool is_void(const struct part *part)
{
    const unsigned char *text = part->text.data;
    size_t length = part->text.length;

    return part->separator == '/' &&
           (length == 0 || (length <= 2 && text[0] == '.' && text[length - 1] == '.'));
}

static bool fills_a_void(const struct parts *parts)
{
    for (size_t i = 0; i < parts->count; i++) {
        if (parts->items[i].filled && is_void(&parts->items[i])) {
            return true;
        }
    }
    return false;
}

static bool same_parts(const struct parts *left, const struct parts *right)
{
    if (left->count != right->count) {
        return false;
    }
    for (size_t i = 0; i < left->count; i++) {
        if (left->items[i].separator != right->items[i].separator ||
            !same(&left->items[i].text, &right->items[i].text)) {
            return false;
        }
    }
    return true;
}

static const char *judge_rendered_url(const struct parts *expected, const struct buffer *rendered)
{
    struct buffer copy = {0};
    struct parts parts = {.count = 0};
    const char *wrong = NULL;

    append(&copy, rendered->data, rendered->length);
    for (size_t i = 0; i < copy.length; i++) {
        if (copy.data[i] <= ' ' || copy.data[i] >= 0x7f || strchr("#\\", copy.data[i])) {
            wrong = "there is a character in it that no URL has";
        }
    }
    if (!wrong && !(split(buffer_text(&copy), NULL, &parts), same_parts(expected, &parts))) {
        wrong = "it has other parts";
    }
    parts_free(&parts);
    buffer_free(&copy);
    return wrong;
}

static const char *judge_url(const char *text, const json_t *record, const struct buffer *rendered)
{
    struct parts expected = {.count = 0};
    bool possible = split(text, record, &expected) && !fills_a_void(&expected);
    const char *wrong = NULL;

    if (!rendered) {
        wrong = possible ? "it could have been rendered" : NULL;
    } else if (!possible) {
        wrong = "it could not have been rendered";
    } else {
        wrong = judge_rendered_url(&expected, rendered);
    }
    parts_free(&expected);
    return wrong;
}

/* --- JSON ------------------------------------------------------------------------------------- */

/* True if the text is one placeholder and nothing else; then its value is what it becomes, whatever
 * its type is. NULL if it has none. */
static bool is_whole(const char *text, const json_t *record, const json_t **ret_value)
{
    struct piece piece = next_piece(&text);

    if (piece.kind != PIECE_PLACEHOLDER || *text) {
        free(piece.name);
        return false;
    }
    *ret_value = find(record, piece.name);
    free(piece.name);
    return true;
}

/* What the string becomes; NULL if it can't be filled. */
static json_t *expected_string(const char *text, const json_t *record)
{
    struct buffer filled = {0};
    const json_t *value = NULL;
    json_t *string = NULL;

    if (is_whole(text, record, &value) && value) {
        return json_deep_copy(value);
    }
    if (fill(text, record, &filled)) {
        string = json_stringn(filled.data ? (const char *)filled.data : "", filled.length);
    }
    buffer_free(&filled);
    return string;
}

static json_t *expected_json(json_t *from, const json_t *record);

static bool expect_members(json_t *from, const json_t *record, json_t *into)
{
    const char *key;
    json_t *child;
    size_t index;

    json_array_foreach(from, index, child) {
        if (json_array_append_new(into, expected_json(child, record)) < 0) {
            return false;
        }
    }
    json_object_foreach(from, key, child) {
        struct buffer plain = {0};
        bool added =
            fill(key, record, &plain) &&
            json_object_set_new(into, buffer_text(&plain), expected_json(child, record)) == 0;

        buffer_free(&plain);
        if (!added) {
            return false;
        }
    }
    return true;
}

static json_t *expected_json(json_t *from, const json_t *record)
{
    json_t *into;

    if (json_is_string(from)) {
        return expected_string(json_string_value(from), record);
    }
    if (!json_is_array(from) && !json_is_object(from)) {
        return json_incref(from);
    }
    into = json_is_array(from) ? json_array() : json_object();
    if (!expect_members(from, record, into)) {
        json_decref(into);
        return NULL;
    }
    return into;
}

/* Objects are equal to jansson in any order. */
static bool same_order(json_t *left, json_t *right)
{
    void *at = json_object_iter(left);
    void *other = json_object_iter(right);
    size_t index;
    json_t *child;

    json_array_foreach(left, index, child) {
        if (!same_order(child, json_array_get(right, index))) {
            return false;
        }
    }
    for (; at && other; at = json_object_iter_next(left, at)) {
        if (strcmp(json_object_iter_key(at), json_object_iter_key(other)) != 0 ||
            !same_order(json_object_iter_value(at), json_object_iter_value(other))) {
            return false;
        }
        other = json_object_iter_next(right, other);
    }
    return !at && !other;
}

static const char *judge_json(const char *text, const json_t *record, const struct buffer *rendered)
{
    json_t *template = json_loads(text, JSON_REJECT_DUPLICATES | JSON_DECODE_ANY, NULL);
    json_t *expected = expected_json(template, record);
    json_t *parsed = rendered ? json_loadb((const char *)rendered->data, rendered->length,
                                           JSON_REJECT_DUPLICATES | JSON_DECODE_ANY, NULL)
                              : NULL;
    const char *wrong = NULL;

    if (!rendered) {
        wrong = expected ? "it could have been rendered" : NULL;
    } else if (!expected) {
        wrong = "it could not have been rendered";
    } else if (!parsed) {
        wrong = "it is no JSON";
    } else if (!json_equal(expected, parsed) || !same_order(expected, parsed)) {
        wrong = "it is other JSON";
    }
    json_decref(parsed);
    json_decref(expected);
    json_decref(template);
    return wrong;
}

const char *template_oracle(enum template_kind kind, const char *text, const json_t *record,
                            const struct buffer *rendered)
{
    switch (kind) {
    case TEMPLATE_URL:
        return judge_url(text, record, rendered);
    case TEMPLATE_JSON:
        return judge_json(text, record, rendered);
    default:
        return judge_flat(kind, text, record, rendered);
    }
}
