/*
 * Small conversions between values and text.
 *
 * Owns: nothing. Runs in: every role, any thread. May call: buffer. Pure: no clock, no locale.
 */
#ifndef ASSENT_BASE_TEXT_H
#define ASSENT_BASE_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "assent/base/buffer.h"

/* Lower-case hexadecimal of `length` bytes and a NUL: `ret_text` has 2 * length + 1 bytes. */
void text_to_hex(const void *bytes, size_t length, char *ret_text);

/* Reads exactly 2 * length hexadecimal digits (either case). Returns 0 or -EINVAL. */
int text_from_hex(const char *text, size_t text_length, void *ret_bytes, size_t length);

/* A decimal integer of 0 to INT64_MAX, digits only, all of `text`. Returns 0, -EINVAL or
 * -ERANGE. */
int text_to_number(const char *text, int64_t *ret_number);

/* True if the bytes are valid UTF-8 (RFC 3629: no overlong forms, no surrogates). */
bool text_is_utf8(const void *bytes, size_t length);

/* The code points of a text in valid UTF-8. */
size_t text_characters(const char *text);

/* Makes valid UTF-8 of the text: a byte that is no part of a character becomes a question mark. */
void text_repair(char *text);

/* Appends the bytes so that they are safe on a terminal and in a log line: control characters
 * (C0, DEL, C1), line separators, bidirectional overrides and invisible format characters become
 * \n, \t, \xHH or \u{HHHH}, invalid UTF-8 becomes \xHH, a backslash becomes \\. Returns 0 or
 * -ENOMEM; `out` is unchanged then. */
int text_append_escaped(struct buffer *out, const void *bytes, size_t length);

/* RFC 3339 in UTC with milliseconds, `2026-03-16T10:30:45.123Z`, from milliseconds since 1970. */
#define TEXT_TIME_SIZE 32
void text_from_time(int64_t time_ms, char ret_text[TEXT_TIME_SIZE]);

/* Reads RFC 3339 (any offset, any number of fraction digits, `T` or a space). Returns 0 or
 * -EINVAL. */
int text_to_time(const char *text, int64_t *ret_time_ms);

/* A span of time as people write it: `340ms`, `12s`, `4m12s`, `3h5m`, `2d4h`. Never negative. */
#define TEXT_SPAN_SIZE 32
void text_from_span(int64_t span_ms, char ret_text[TEXT_SPAN_SIZE]);

#endif
