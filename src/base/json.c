#include "assent/base/json.h"

#include <errno.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "assent/base/digest.h"
#include "assent/base/text.h"

/* Bytes of a key that are shown in a problem. */
#define SHOWN_LIMIT 64

/* --- parsing ---------------------------------------------------------------------------------- */

static pthread_once_t seed_once = PTHREAD_ONCE_INIT;

static void seed_hashes(void)
{
    size_t seed = 0;
    if (digest_random(&seed, sizeof seed) == 0) {
        json_object_seed(seed);
    }
}

void json_prepare(void)
{
    pthread_once(&seed_once, seed_hashes);
}

/* The offset behind the string that begins at `at`, or `length` if it does not end. */
static size_t behind_string(const char *text, size_t length, size_t at)
{
    for (at++; at < length; at++) {
        if (text[at] == '"') {
            return at + 1;
        }
        if (text[at] == '\\') {
            at++;
        }
    }
    return length;
}

static bool is_token(char character)
{
    return character == '"' || character == '[' || character == ']' || character == '{' ||
           character == '}';
}

/* The offset of the next bracket or string, at or behind `at`, or `length` if there is none. */
static size_t find_token(const char *text, size_t length, size_t at)
{
    while (at < length && !is_token(text[at])) {
        at++;
    }
    return at;
}

/* The offset of the first bracket that nests too deep, or `length` if there is none. The text may
 * be malformed: up to its first error this counts as the parser will, which goes no further. */
static size_t find_too_deep(const char *text, size_t length)
{
    size_t depth = 0;
    size_t at = find_token(text, length, 0);
    while (at < length) {
        if (text[at] == '"') {
            at = find_token(text, length, behind_string(text, length, at));
            continue;
        }
        if (text[at] == '[' || text[at] == '{') {
            if (++depth > JSON_DEPTH_LIMIT) {
                return at;
            }
        } else if (depth > 0) {
            depth--;
        }
        at = find_token(text, length, at + 1);
    }
    return length;
}

/* The offset of the string that ends at `end`, or `end` if there is none. */
static size_t find_string_before(const char *text, size_t end)
{
    size_t at = find_token(text, end, 0);
    while (at < end) {
        if (text[at] != '"') {
            at = find_token(text, end, at + 1);
            continue;
        }
        size_t behind = behind_string(text, end, at);
        if (behind == end) {
            return at;
        }
        at = find_token(text, end, behind);
    }
    return end;
}

/* Writes `line L, column C: WHAT` for an offset; both count from 1, columns in characters. */
static void set_problem_at(struct problem *ret_problem, const char *text, size_t offset,
                           const char *what)
{
    size_t line = 1, column = 1;
    for (size_t i = 0; i < offset; i++) {
        if (text[i] == '\n') {
            line++;
            column = 1;
        } else if ((text[i] & 0xc0) != 0x80) {
            column++;
        }
    }
    problem_set(ret_problem, "line %zu, column %zu: %s", line, column, what);
}

/* Appends a piece of the text, cut where it is long, so that it can be shown. */
static int append_shown(struct buffer *out, const char *piece, size_t length)
{
    size_t shown = length;
    if (length > SHOWN_LIMIT) {
        /* Not in the middle of a character. */
        for (shown = SHOWN_LIMIT; shown > 0 && (piece[shown] & 0xc0) == 0x80; shown--) {
        }
    }
    int r = text_append_escaped(out, piece, shown);
    if (r == 0 && shown < length) {
        r = buffer_append_text(out, "...\"");
    }
    return r;
}

/* What the parser says of an error that ends at `end`; `ret_begin` is where the error begins. */
static int describe_error(const char *text, size_t end, const json_error_t *error,
                          struct buffer *out, size_t *ret_begin)
{
    *ret_begin = end;
    switch (json_error_code(error)) {
    case json_error_premature_end_of_input:
        return buffer_append_text(out, "the JSON text ends before its value is complete");
    case json_error_end_of_input_expected:
        return buffer_append_text(out, "something follows the JSON value");
    case json_error_invalid_utf8:
        return buffer_append_text(out, "this is not valid UTF-8");
    case json_error_null_character:
    case json_error_null_byte_in_key:
        return buffer_append_text(out, "a string with \\u0000 is not accepted");
    case json_error_numeric_overflow:
        return buffer_append_text(out, "this number is too large");
    case json_error_duplicate_key:
        *ret_begin = find_string_before(text, end);
        return buffer_append_text(out, "duplicate key ") < 0
                   ? -ENOMEM
                   : append_shown(out, text + *ret_begin, end - *ret_begin);
    default:
        return text_append_escaped(out, error->text, strlen(error->text));
    }
}

static int refuse_syntax(const char *text, size_t length, const json_error_t *error,
                         struct problem *ret_problem)
{
    size_t end = error->position < 0 ? 0 : (size_t)error->position;
    if (json_error_code(error) == json_error_out_of_memory) {
        return -ENOMEM;
    }
    struct buffer what = {0};
    size_t begin;
    int r = describe_error(text, end < length ? end : length, error, &what, &begin);
    const char *sentence = r == 0 ? buffer_text(&what) : NULL;
    if (sentence) {
        set_problem_at(ret_problem, text, begin, sentence);
    }
    buffer_free(&what);
    return sentence ? -EBADMSG : -ENOMEM;
}

int json_parse(const void *bytes, size_t length, json_t **ret_json, struct problem *ret_problem)
{
    const char *text = length > 0 ? bytes : "";
    json_prepare();

    size_t too_deep = find_too_deep(text, length);
    if (too_deep < length) {
        set_problem_at(ret_problem, text, too_deep, "arrays and objects nest deeper than 32");
        return -EBADMSG;
    }
    json_error_t error;
    json_t *json = json_loadb(text, length, JSON_REJECT_DUPLICATES | JSON_DECODE_ANY, &error);
    if (!json) {
        return refuse_syntax(text, length, &error, ret_problem);
    }
    *ret_json = json;
    return 0;
}

/* The offset of the comma or bracket behind the value that begins at `at`, or `length`. */
static size_t behind_value(const char *text, size_t length, size_t at)
{
    size_t depth = 0;
    while (at < length && (depth > 0 || (text[at] != ',' && text[at] != '}'))) {
        if (text[at] == '"') {
            at = behind_string(text, length, at);
            continue;
        }
        depth += text[at] == '{' || text[at] == '[';
        depth -= text[at] == '}' || text[at] == ']';
        at++;
    }
    return at;
}

struct selection {
    enum json_interest (*interest)(const void *userdata, const char *path, size_t length);
    const void *userdata;
    struct buffer path; /* of the object whose members are looked at */
    struct buffer out;
};

static size_t behind_colon(const char *text, size_t length, size_t at)
{
    while (at < length && strchr(": \t\r\n", text[at]) && text[at] != '\0') {
        at++;
    }
    return at;
}

static enum json_interest ask(struct selection *selection, const char *name, size_t length,
                              int *ret_result)
{
    int r = buffer_append(&selection->path, ".", selection->path.length > 0);
    if (r == 0) {
        r = buffer_append(&selection->path, name, length);
    }
    *ret_result = r;
    return r < 0 ? JSON_PASS_OVER
                 : selection->interest(selection->userdata, (const char *)selection->path.data,
                                       selection->path.length);
}

static int keep_members(struct selection *selection, const char *text, size_t length,
                        unsigned depth);

/* Appends `"name":value`, or of an object in which only some members are wanted, those. */
static int keep_member(struct selection *selection, const char *text, size_t name,
                       size_t behind_name, size_t end, unsigned depth)
{
    struct buffer *out = &selection->out;
    size_t path_length = selection->path.length;
    int r;
    enum json_interest interest = ask(selection, text + name + 1, behind_name - name - 2, &r);
    if (interest != JSON_PASS_OVER) {
        size_t value = behind_colon(text, end, behind_name);
        bool whole = interest == JSON_TAKE || depth == JSON_DEPTH_LIMIT || value == end ||
                     text[value] != '{';
        r = buffer_append(out, ",", out->data[out->length - 1] != '{');
        if (r == 0) {
            r = buffer_append(out, text + name, (whole ? end : value) - name);
        }
        if (r == 0 && !whole) {
            r = keep_members(selection, text + value, end - value, depth + 1);
        }
    }
    selection->path.length = path_length;
    return r;
}

/* -EBADMSG where this is no object, or one without an end. */
static int keep_members(struct selection *selection, const char *text, size_t length,
                        unsigned depth)
{
    size_t at = find_token(text, length, 0);
    if (at == length || text[at] != '{') {
        return -EBADMSG;
    }
    int r = buffer_append(&selection->out, "{", 1);
    while (r == 0 && text[at] != '}') {
        size_t name = find_token(text, length, at + 1);
        if (name < length && text[name] == '}') {
            break;
        }
        size_t behind_name = behind_string(text, length, name);
        size_t end = behind_value(text, length, behind_name);
        if (end >= length || text[name] != '"') {
            return -EBADMSG;
        }
        r = keep_member(selection, text, name, behind_name, end, depth);
        at = end;
    }
    return r == 0 ? buffer_append(&selection->out, "}", 1) : r;
}

int json_parse_members(const void *bytes, size_t length,
                       enum json_interest (*interest)(const void *userdata, const char *path,
                                                      size_t length),
                       const void *userdata, json_t **ret_json, struct problem *ret_problem)
{
    struct selection selection = {.interest = interest, .userdata = userdata};
    int r = keep_members(&selection, length > 0 ? bytes : "", length, 0);
    if (r == -EBADMSG) {
        problem_set(ret_problem, "it is no object, or one without an end");
    }
    if (r == 0) {
        r = json_parse(selection.out.data, selection.out.length, ret_json, ret_problem);
    }
    buffer_free(&selection.path);
    buffer_free(&selection.out);
    return r;
}

/* --- writing ---------------------------------------------------------------------------------- */

static int digits_of_real(double real, int least)
{
    char text[40];
    int digits = least;
    while (digits < 17) {
        snprintf(text, sizeof text, "%.*g", digits, real);
        if (strtod(text, NULL) == real) {
            break;
        }
        digits++;
    }
    return digits;
}

/* The fewest digits, `least` or more, that keep every real in the value. */
static int digits_of(const json_t *json, int least)
{
    if (json_is_real(json)) {
        return digits_of_real(json_real_value(json), least);
    }
    if (json_is_array(json)) {
        for (size_t i = 0; i < json_array_size(json); i++) {
            least = digits_of(json_array_get(json, i), least);
        }
    } else if (json_is_object(json)) {
        const char *key;
        json_t *value;
        json_object_foreach((json_t *)json, key, value) {
            least = digits_of(value, least);
        }
    }
    return least;
}

static char *write_text(const json_t *json, size_t flags)
{
    size_t digits = (size_t)digits_of(json, 15);
    return json_dumps(json, flags | JSON_COMPACT | JSON_ENCODE_ANY | JSON_REAL_PRECISION(digits));
}

char *json_text(const json_t *json)
{
    return write_text(json, 0);
}

char *json_canonical_text(const json_t *json)
{
    return write_text(json, JSON_SORT_KEYS);
}

char *json_plain_text(const json_t *json)
{
    if (!json_is_string(json)) {
        return json_text(json);
    }
    size_t length = json_string_length(json);
    char *text = malloc(length + 1);
    if (text) {
        memcpy(text, json_string_value(json), length + 1);
    }
    return text;
}

static int append_escape(struct buffer *out, char character)
{
    if (character == '"' || character == '\\') {
        const char escape[] = {'\\', character};
        return buffer_append(out, escape, sizeof escape);
    }
    return buffer_append_format(out, "\\u%04x", (unsigned)character);
}

int json_append_string(struct buffer *out, const char *text)
{
    int r = buffer_append(out, "\"", 1);
    while (r == 0 && *text != '\0') {
        size_t plain = 0;
        while ((unsigned char)text[plain] >= ' ' && text[plain] != '"' && text[plain] != '\\') {
            plain++;
        }
        r = buffer_append(out, text, plain);
        text += plain;
        if (r == 0 && *text != '\0') {
            r = append_escape(out, *text++);
        }
    }
    return r == 0 ? buffer_append(out, "\"", 1) : r;
}

/* --- looking up ------------------------------------------------------------------------------- */

json_t *json_first_of(const json_t *object, const char *const *keys)
{
    for (; *keys; keys++) {
        json_t *value = json_object_get(object, *keys);
        if (value) {
            return value;
        }
    }
    return NULL;
}

static json_t *element_at(const json_t *array, const char *token, size_t length)
{
    size_t index = 0;
    if (length == 0 || (length > 1 && token[0] == '0')) {
        return NULL;
    }
    for (size_t i = 0; i < length; i++) {
        if (token[i] < '0' || token[i] > '9' || __builtin_mul_overflow(index, 10, &index) ||
            __builtin_add_overflow(index, (size_t)(token[i] - '0'), &index)) {
            return NULL;
        }
    }
    return json_array_get(array, index);
}

json_t *json_member(const json_t *parent, const char *name, size_t length)
{
    return json_is_array(parent) ? element_at(parent, name, length)
                                 : json_object_getn(parent, name, length);
}

/* True if the key is what the pointer's token stands for: `~1` is a slash, `~0` a tilde. */
static bool token_is_key(const char *token, size_t length, const char *key, size_t key_length)
{
    size_t at = 0;
    for (size_t i = 0; i < length; i++, at++) {
        char character = token[i];
        if (character == '~') {
            character = token[++i] == '1' ? '/' : '~';
        }
        if (at == key_length || key[at] != character) {
            return false;
        }
    }
    return at == key_length;
}

static json_t *member_at(const json_t *object, const char *token, size_t length)
{
    if (!memchr(token, '~', length)) {
        return json_member(object, token, length);
    }
    json_t *all = (json_t *)object;
    for (void *member = json_object_iter(all); member;
         member = json_object_iter_next(all, member)) {
        if (token_is_key(token, length, json_object_iter_key(member),
                         json_object_iter_key_len(member))) {
            return json_object_iter_value(member);
        }
    }
    return NULL;
}

json_t *json_at_pointer(const json_t *root, const char *pointer)
{
    if (json_pointer_check(pointer) < 0) {
        return NULL;
    }
    json_t *value = (json_t *)root;
    while (value && *pointer == '/') {
        const char *token = pointer + 1;
        size_t length = strcspn(token, "/");
        value = json_is_array(value) ? json_member(value, token, length)
                                     : member_at(value, token, length);
        pointer = token + length;
    }
    return value;
}

int json_pointer_check(const char *pointer)
{
    if (*pointer != '\0' && *pointer != '/') {
        return -EINVAL;
    }
    for (; *pointer != '\0'; pointer++) {
        if (*pointer == '~' && pointer[1] != '0' && pointer[1] != '1') {
            return -EINVAL;
        }
    }
    return 0;
}
