#include "support/odd_record.h"

#include <stdbool.h>
#include <stdlib.h>

#include "assent/base/json.h"

#define HUGE_REPEATS 20000
#define COUNT(array) (sizeof array / sizeof array[0])

static const char *const strings[] = {
    "\"",
    "\\",
    "\\\"",
    "}",
    "{",
    "{request_id}",
    "{{",
    "}}",
    "\r\n",
    "\n",
    "\r",
    "\t",
    "\v",
    "/",
    "..",
    ".",
    "%2e",
    "%2E%2e",
    "%2f",
    "%00",
    "%",
    "%%",
    "%u002e",
    "?",
    "#",
    "@",
    "&",
    "=",
    ":",
    "//",
    "http://evil.example/",
    ";",
    " ",
    "+",
    "'",
    "\x7f",
    "\x01",
    "\x1b[2J",
    "a",
    "-",
    "--help",
    "X-Evil: 1",
    "]",
    "[",
    ",",
    "\xc2\x85",
    "\xc2\xa0",
    "\xe2\x80\xa8",
    "\xe2\x80\xae",
    "\xef\xbb\xbf",
    "\xef\xbc\x8f",
    "\xef\xbf\xbf",
    "e\xcc\x81",
    "\xf0\x9f\x98\x80",
    "$(id)",
    "${IFS}",
    "`",
    "|",
    "*",
    "~",
    "null",
    "true",
    "1e400",
};

static const char *const numbers[] = {
    "0",
    "-0",
    "-0.0",
    "1",
    "-1",
    "10000000000000000",
    "9223372036854775807",
    "-9223372036854775808",
    "0.1",
    "0.30000000000000004",
    "1.7976931348623157e308",
    "-1E+308",
    "5e-324",
    "1e-400",
    "1e22",
    "123456789.123456789",
};

struct writer {
    struct buffer out;
    uint64_t *state;
    size_t huge_one_in;
};

/* xorshift64. */
size_t odd_below(uint64_t *state, size_t limit)
{
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    return (size_t)((*state >> 16) % limit);
}

static void put(struct buffer *out, const char *text)
{
    if (buffer_append_text(out, text) < 0) {
        abort();
    }
}

/* One of these, at random. */
static void put_one_of(struct writer *writer, const char *const *texts, size_t count)
{
    put(&writer->out, texts[odd_below(writer->state, count)]);
}

static void put_string(struct writer *writer)
{
    struct buffer plain = {0};
    bool huge = writer->huge_one_in > 0 && odd_below(writer->state, writer->huge_one_in) == 0;

    for (size_t left = huge ? HUGE_REPEATS : odd_below(writer->state, 4); left > 0; left--) {
        put(&plain, strings[odd_below(writer->state, COUNT(strings))]);
    }
    if (!buffer_text(&plain) || json_append_string(&writer->out, buffer_text(&plain)) < 0) {
        abort();
    }
    buffer_free(&plain);
}

static void put_scalar(struct writer *writer)
{
    static const char *const words[] = {"true", "false", "null"};

    switch (odd_below(writer->state, 8)) {
    case 0:
        put_one_of(writer, words, COUNT(words));
        break;
    case 1:
    case 2:
        put_one_of(writer, numbers, COUNT(numbers));
        break;
    default:
        put_string(writer);
        break;
    }
}

/* `depth`: how many brackets there may be around a value. */
static void put_value(struct writer *writer, size_t depth)
{
    size_t kind = depth > 0 ? odd_below(writer->state, 10) : 9;

    if (kind > 2) {
        put_scalar(writer);
        return;
    }
    put(&writer->out, kind == 0 ? "[" : "{\"b\":");
    put_value(writer, depth - 1);
    put(&writer->out, kind == 0 ? "," : ",\"{item}\":");
    put_value(writer, depth - 1);
    put(&writer->out, kind == 0 ? "]" : "}");
}

/* As deep as a record may be. */
static void put_nest(struct writer *writer)
{
    for (size_t i = 1; i < JSON_DEPTH_LIMIT; i++) {
        put(&writer->out, i % 2 == 0 ? "[" : "{\"b\":");
    }
    put_scalar(writer);
    for (size_t i = JSON_DEPTH_LIMIT - 1; i > 0; i--) {
        put(&writer->out, i % 2 == 0 ? "]" : "}");
    }
}

struct buffer odd_record(uint64_t *state, size_t huge_one_in)
{
    struct writer writer = {.state = state, .huge_one_in = huge_one_in};

    put(&writer.out, "{\"job\":{\"id\":17,\"key\":\"k\"},\"attempt\":1,\"reason\":");
    put_string(&writer);
    put(&writer.out, ",\"action\":");
    put_string(&writer);
    put(&writer.out, ",\"decided_by\":");
    put_scalar(&writer);
    put(&writer.out, ",\"context\":{\"b\":");
    put_string(&writer);
    put(&writer.out, ",\"a\":");
    put_value(&writer, 3);
    put(&writer.out, "}");
    if (odd_below(state, 8) > 0) {
        put(&writer.out, ",\"index\":0,\"item\":");
        if (odd_below(state, 50) == 0) {
            put_nest(&writer);
        } else {
            put_value(&writer, 4);
        }
    }
    put(&writer.out, "}");
    if (!buffer_text(&writer.out)) {
        abort();
    }
    return writer.out;
}
