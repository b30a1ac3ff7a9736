#include <errno.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "assent/base/buffer.h"
#include "assent/base/json.h"
#include "assent/domain/policy_parts.h"

#define SHOWN_LIMIT 80 /* bytes of the text that are shown in a problem */

#define DIGITS     "0123456789"
#define WORD_BYTES DIGITS "_ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"

/* A word or operator of the language. */
struct symbol {
    const char *text;
    enum policy_token_kind kind;
};

static const struct symbol words[] = {
    {"or", TOKEN_OR},   {"and", TOKEN_AND}, {"not", TOKEN_NOT},
    {"len", TOKEN_LEN}, {"has", TOKEN_HAS}, {NULL, TOKEN_END},
};

/* Where one begins with another, it comes first. */
static const struct symbol operators[] = {
    {"<=", TOKEN_LESS_OR_EQUAL}, {">=", TOKEN_MORE_OR_EQUAL}, {"==", TOKEN_EQUAL},
    {"!=", TOKEN_UNEQUAL},       {"<", TOKEN_LESS},           {">", TOKEN_MORE},
    {"(", TOKEN_OPEN},           {")", TOKEN_CLOSE},          {NULL, TOKEN_END},
};

/* What other languages write. */
static const struct {
    const char *text;
    const char *instead;
} foreign[] = {{"&&", "and"}, {"||", "or"}, {"!", "not"}, {"=", "=="}};

static size_t column_of(const char *text, size_t offset, size_t *ret_line)
{
    size_t column = 1;
    *ret_line = 1;
    for (size_t i = 0; i < offset; i++) {
        if (text[i] == '\n') {
            column = 1;
            ++*ret_line;
        } else if ((text[i] & 0xc0) != 0x80) {
            column++;
        }
    }
    return column;
}

int policy_refuse(const char *text, size_t offset, struct problem *ret_problem, const char *format,
                  ...)
{
    char what[sizeof ret_problem->text];
    size_t line;
    size_t column = column_of(text, offset, &line);
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(what, sizeof what, format, arguments);
    va_end(arguments);
    if (line == 1) {
        problem_set(ret_problem, "column %zu: %s", column, what);
    } else {
        problem_set(ret_problem, "line %zu, column %zu: %s", line, column, what);
    }
    return -EINVAL;
}

int policy_shown_length(const char *text, size_t start, size_t length)
{
    size_t line = strcspn(text + start, "\n\t");
    size_t shown = length < line ? length : line;
    return shown < SHOWN_LIMIT ? (int)shown : SHOWN_LIMIT;
}

/* The bytes of a name as people might write it: with characters that need quotes, so that they are
 * told. */
static size_t name_length(const char *name, const char *more)
{
    size_t length = 0;
    while (name[length] != '\0' &&
           ((unsigned char)name[length] >= 0x80 || strchr(WORD_BYTES, name[length]) ||
            strchr(more, name[length]))) {
        length++;
    }
    return length;
}

static const struct symbol *find_word(const char *text, size_t length)
{
    const struct symbol *word = words;
    while (word->text && (strlen(word->text) != length || memcmp(word->text, text, length) != 0)) {
        word++;
    }
    return word->text ? word : NULL;
}

static bool is_word(const char *text, size_t length, const char *word)
{
    return strlen(word) == length && memcmp(text, word, length) == 0;
}

/* --- constants -------------------------------------------------------------------------------- */

static size_t number_length(const char *number)
{
    size_t length = 0;
    for (; number[length] != '\0'; length++) {
        bool sign = strchr("+-", number[length]) != NULL;
        if (sign ? length > 0 && !strchr("eE", number[length - 1])
                 : !strchr(WORD_BYTES ".", number[length])) {
            break;
        }
    }
    return length;
}

static int read_number(const char *text, struct policy_token *token, struct problem *ret_problem)
{
    token->kind = TOKEN_CONSTANT;
    token->length = number_length(text + token->start);
    int r = json_parse(text + token->start, token->length, &token->value, NULL);
    if (r != -EBADMSG) {
        return r;
    }
    return policy_refuse(text, token->start, ret_problem,
                         "%.*s is no number; one is written as in JSON, such as 100, -5 or 2.5e3, "
                         "whole ones have 64 bits, and there is no arithmetic",
                         POLICY_SHOWN(text, token));
}

/* The bytes up to the closing quote, without it; all bytes if there is none. */
static size_t string_length(const char *string, char quote)
{
    size_t length = 0;
    while (string[length] != '\0' && string[length] != quote) {
        length += string[length] == '\\' && string[length + 1] != '\0' ? 2 : 1;
    }
    return length;
}

/* Appends what stands between quotes as it stands between JSON's. */
static int append_as_json(struct buffer *out, const char *string, size_t length, char quote)
{
    int r = 0;
    for (size_t i = 0; r == 0 && i < length; i++) {
        if (string[i] == '\\' && string[i + 1] == quote && quote == '\'') {
            r = buffer_append(out, &string[++i], 1);
        } else if (string[i] == '\\' && i + 1 < length) {
            r = buffer_append(out, &string[i++], 2);
        } else if (string[i] == '"') {
            r = buffer_append_text(out, "\\\"");
        } else {
            r = buffer_append(out, &string[i], 1);
        }
    }
    return r;
}

/* Reads the string at `start`; `ret_length` counts its quotes. */
static int read_string(const char *text, size_t start, size_t *ret_length, json_t **ret_string,
                       struct problem *ret_problem)
{
    char quote = text[start];
    const char *inside = text + start + 1;
    size_t length = string_length(inside, quote);
    if (inside[length] != quote) {
        return policy_refuse(text, start, ret_problem,
                             "the string that begins here is not closed; %c belongs behind it",
                             quote);
    }
    struct buffer json = {0};
    int r = buffer_append_text(&json, "\"");
    if (r == 0) {
        r = append_as_json(&json, inside, length, quote);
    }
    if (r == 0) {
        r = buffer_append_text(&json, "\"");
    }
    if (r == 0) {
        r = json_parse(json.data, json.length, ret_string, NULL);
    }
    buffer_free(&json);
    *ret_length = length + 2;
    if (r != -EBADMSG) {
        return r;
    }
    return policy_refuse(text, start, ret_problem,
                         "the string that begins here is none of JSON's: escapes are \\\" \\\\ \\/ "
                         "\\b \\f \\n \\r \\t and \\uXXXX, in single quotes also \\', and a line "
                         "can't end in it");
}

/* --- paths ------------------------------------------------------------------------------------ */

static int add_name(json_t *names, json_t *name)
{
    return json_array_append_new(names, name) < 0 ? -ENOMEM : 0;
}

/* Takes the name behind a dot. */
static int read_name(const char *text, size_t start, size_t *ret_length, json_t *names,
                     struct problem *ret_problem)
{
    if (text[start] == '"' || text[start] == '\'') {
        json_t *name;
        int r = read_string(text, start, ret_length, &name, ret_problem);
        return r == 0 ? add_name(names, name) : r;
    }
    size_t length = name_length(text + start, "-");
    if (length == 0) {
        return policy_refuse(text, start, ret_problem,
                             "a name belongs behind the dot, such as context.count, or in quotes: "
                             "context.\"a b\"");
    }
    if (strspn(text + start, WORD_BYTES) < length) {
        return policy_refuse(text, start, ret_problem,
                             "a name with other characters than letters, digits and _ stands in "
                             "quotes: context.\"%.*s\"; there is no arithmetic",
                             policy_shown_length(text, start, length), text + start);
    }
    *ret_length = length;
    return add_name(names, json_stringn(text + start, length));
}

/* Takes the names behind the root, and lengthens the token by them. */
static int read_names(const char *text, struct policy_token *token, struct problem *ret_problem)
{
    size_t at = token->start + token->length;
    int r = 0;
    while (r == 0 && text[at] == '.') {
        size_t length = 0;
        r = read_name(text, at + 1, &length, token->value, ret_problem);
        at += 1 + length;
    }
    if (r == 0 && text[at] == '[') {
        r = policy_refuse(text, at, ret_problem,
                          "[ can't stand here; an element is context.list.0, and a name with "
                          "any characters context.\"a b\"");
    }
    token->length = at - token->start;
    return r;
}

static int read_path(const char *text, struct policy_token *token, struct problem *ret_problem)
{
    size_t end = token->start + token->length;
    token->kind = TOKEN_PATH;
    token->value = json_array();
    if (!token->value) {
        return -ENOMEM;
    }
    int r = add_name(token->value, json_stringn(text + token->start, token->length));
    if (r < 0) {
        return r;
    }
    if (is_word(text + token->start, token->length, "context")) {
        return read_names(text, token, ret_problem);
    }
    if (text[end] == '.') {
        return policy_refuse(text, end, ret_problem,
                             "%.*s is a string, and there is nothing below it",
                             POLICY_SHOWN(text, token));
    }
    return 0;
}

/* --- words and operators ---------------------------------------------------------------------- */

static int read_word(const char *text, struct policy_token *token, struct problem *ret_problem)
{
    static const char *const roots[] = {"context", "urgency", "action", "reason"};
    const char *word = text + token->start;
    token->length = name_length(word, "");
    const struct symbol *symbol = find_word(word, token->length);
    if (symbol) {
        token->kind = symbol->kind;
        return 0;
    }
    for (size_t i = 0; i < sizeof roots / sizeof roots[0]; i++) {
        if (is_word(word, token->length, roots[i])) {
            return read_path(text, token, ret_problem);
        }
    }
    token->kind = TOKEN_CONSTANT;
    token->value = is_word(word, token->length, "true")    ? json_true()
                   : is_word(word, token->length, "false") ? json_false()
                   : is_word(word, token->length, "null")  ? json_null()
                                                           : NULL;
    if (token->value) {
        return 0;
    }
    return policy_refuse(
        text, token->start, ret_problem,
        "there is no %.*s; there are context.NAME, urgency, action and reason, and "
        "a string stands in quotes: \"%.*s\"",
        POLICY_SHOWN(text, token), POLICY_SHOWN(text, token));
}

static int read_operator(const char *text, struct policy_token *token, struct problem *ret_problem)
{
    const char *at = text + token->start;
    for (const struct symbol *symbol = operators; symbol->text; symbol++) {
        if (strncmp(at, symbol->text, strlen(symbol->text)) == 0) {
            token->kind = symbol->kind;
            token->length = strlen(symbol->text);
            return 0;
        }
    }
    for (size_t i = 0; i < sizeof foreign / sizeof foreign[0]; i++) {
        if (strncmp(at, foreign[i].text, strlen(foreign[i].text)) == 0) {
            return policy_refuse(text, token->start, ret_problem, "%s is written as %s here",
                                 foreign[i].text, foreign[i].instead);
        }
    }
    return policy_refuse(text, token->start, ret_problem,
                         "%c can't stand here; operators are < <= > >= == != and or not", *at);
}

static int read_token(const char *text, struct policy_token *token, struct problem *ret_problem)
{
    char first = text[token->start];
    if (first == '\0') {
        return 0;
    }
    if (first == '"' || first == '\'') {
        token->kind = TOKEN_CONSTANT;
        return read_string(text, token->start, &token->length, &token->value, ret_problem);
    }
    if (strchr(DIGITS "+-.", first)) {
        return read_number(text, token, ret_problem);
    }
    if (name_length(text + token->start, "") > 0) {
        return read_word(text, token, ret_problem);
    }
    return read_operator(text, token, ret_problem);
}

int policy_token_read(const char *text, size_t from, struct policy_token *ret_token,
                      struct problem *ret_problem)
{
    struct policy_token token = {.start = from + strspn(text + from, " \t\n")};
    int r = read_token(text, &token, ret_problem);
    if (r < 0) {
        json_decref(token.value);
    } else {
        *ret_token = token;
    }
    return r;
}
