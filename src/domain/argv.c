#include "assent/domain/argv.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "assent/base/buffer.h"

/* What is left of the text, and the words so far. */
struct splitter {
    const char *at;
    struct buffer word;
    bool in_word; /* also true for '' */
    char **words;
    size_t count;
    size_t capacity;
    struct problem *problem;
};

static bool is_space(char c)
{
    return c == ' ' || c == '\t' || c == '\n';
}

/* Takes over the word that is complete. */
static int end_word(struct splitter *splitter)
{
    if (!splitter->in_word) {
        return 0;
    }
    if (splitter->count + 1 >= splitter->capacity) {
        size_t capacity = splitter->capacity == 0 ? 8 : splitter->capacity * 2;
        char **words = reallocarray(splitter->words, capacity, sizeof *words);
        if (!words) {
            return -ENOMEM;
        }
        splitter->words = words;
        splitter->capacity = capacity;
    }
    char *word = buffer_take_text(&splitter->word);
    if (!word) {
        return -ENOMEM;
    }
    splitter->words[splitter->count++] = word;
    splitter->words[splitter->count] = NULL;
    splitter->in_word = false;
    return 0;
}

/* The value of `count` digits of `base` at `text`, or -1. */
static int read_digits(const char *text, size_t count, int base)
{
    int value = 0;
    for (size_t i = 0; i < count; i++) {
        static const char digits[] = "0123456789abcdef";
        char c = text[i] >= 'A' && text[i] <= 'F' ? (char)(text[i] - 'A' + 'a') : text[i];
        const char *digit = c != '\0' ? strchr(digits, c) : NULL;
        if (!digit || digit - digits >= base) {
            return -1;
        }
        value = value * base + (int)(digit - digits);
    }
    return value;
}

/* Reads \xHH or \NNN behind the backslash. */
static int take_number(struct splitter *splitter)
{
    bool hexadecimal = *splitter->at == 'x';
    const char *digits = splitter->at + hexadecimal;
    size_t count = hexadecimal ? 2 : 3;
    int value = read_digits(digits, count, hexadecimal ? 16 : 8);
    if (value <= 0 || value > 255) {
        problem_set(splitter->problem, "a backslash before %s takes %s of 1 to %s",
                    hexadecimal ? "x" : "a digit",
                    hexadecimal ? "two hexadecimal digits" : "three octal digits",
                    hexadecimal ? "ff" : "377");
        return -EINVAL;
    }
    unsigned char byte = (unsigned char)value;
    splitter->at = digits + count;
    return buffer_append(&splitter->word, &byte, 1);
}

/* Reads what stands behind a backslash. */
static int take_escape(struct splitter *splitter)
{
    static const char names[] = "abfnrtv\\\"'s";
    static const char values[] = "\a\b\f\n\r\t\v\\\"' ";
    char c = *splitter->at;
    if (c == 'x' || (c >= '0' && c <= '9')) {
        return take_number(splitter);
    }
    const char *name = c != '\0' ? strchr(names, c) : NULL;
    if (!name) {
        problem_set(splitter->problem, "a backslash takes one of a b f n r t v \\ \" ' s xHH NNN "
                                       "behind it; write \\\\ for a backslash");
        return -EINVAL;
    }
    splitter->at++;
    return buffer_append(&splitter->word, &values[name - names], 1);
}

/* Reads one character of a word, which may be a backslash and what belongs to it. */
static int take_character(struct splitter *splitter)
{
    char c = *splitter->at++;
    return c == '\\' ? take_escape(splitter) : buffer_append(&splitter->word, &c, 1);
}

/* Reads what stands between two quotes. */
static int take_quoted(struct splitter *splitter)
{
    char quote = *splitter->at++;
    while (*splitter->at != quote) {
        if (*splitter->at == '\0') {
            problem_set(splitter->problem, "a quote (%c) is opened and never closed", quote);
            return -EINVAL;
        }
        int r = take_character(splitter);
        if (r < 0) {
            return r;
        }
    }
    splitter->at++;
    return 0;
}

static int split(struct splitter *splitter)
{
    int r = 0;
    while (*splitter->at != '\0' && r == 0) {
        char c = *splitter->at;
        if (is_space(c)) {
            r = end_word(splitter);
            splitter->at++;
            continue;
        }
        splitter->in_word = true;
        r = c == '"' || c == '\'' ? take_quoted(splitter) : take_character(splitter);
    }
    return r < 0 ? r : end_word(splitter);
}

int argv_split(const char *text, char ***ret_words, size_t *ret_count, struct problem *ret_problem)
{
    struct splitter splitter = {.at = text, .problem = ret_problem};
    int r = split(&splitter);
    buffer_free(&splitter.word);
    if (r == 0 && splitter.count == 0) {
        problem_set(ret_problem, "there is no word in it");
        r = -EINVAL;
    }
    if (r < 0) {
        argv_free(splitter.words);
        return r;
    }
    *ret_words = splitter.words;
    *ret_count = splitter.count;
    return 0;
}

void argv_free(char **words)
{
    if (!words) {
        return;
    }
    for (char **word = words; *word; word++) {
        free(*word);
    }
    free(words);
}
