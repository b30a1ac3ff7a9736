/*
 * A growable run of bytes.
 *
 * Owns: its memory. Runs in: every role; one buffer is used by one thread at a time.
 * May call: the allocator.
 */
#ifndef ASSENT_BASE_BUFFER_H
#define ASSENT_BASE_BUFFER_H

#include <stddef.h>

/* An empty buffer is all zeros: `struct buffer b = {0};`. */
struct buffer {
    unsigned char *data;
    size_t length;
    size_t capacity;
};

/* Makes room for `more` bytes behind the present ones. Returns 0 or -ENOMEM. */
int buffer_reserve(struct buffer *buffer, size_t more);

/* Appends a copy of `length` bytes. Returns 0 or -ENOMEM; on failure the buffer is unchanged. */
int buffer_append(struct buffer *buffer, const void *bytes, size_t length);

/* Appends the bytes of a C string, without its NUL. Returns 0 or -ENOMEM. */
int buffer_append_text(struct buffer *buffer, const char *text);

/* Appends formatted text, without a NUL. Returns 0 or -ENOMEM. */
int buffer_append_format(struct buffer *buffer, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* Drops the first `count` bytes (at most all of them) and moves the rest to the front. */
void buffer_consume(struct buffer *buffer, size_t count);

/* Puts a NUL behind the bytes, uncounted, and returns them as a C string; NULL without memory.
 * The string is valid until the buffer is touched again. */
const char *buffer_text(struct buffer *buffer);

/* Gives the bytes away as a C string that the caller frees with free(); the buffer is empty
 * afterwards. NULL without memory; the buffer is unchanged then. */
char *buffer_take_text(struct buffer *buffer);

/* Frees the memory and leaves an empty buffer. Takes NULL. */
void buffer_free(struct buffer *buffer);

/* As buffer_free, but overwrites the bytes first. For secrets. Takes NULL. */
void buffer_wipe(struct buffer *buffer);

#endif
