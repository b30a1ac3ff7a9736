#include "assent/base/buffer.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SMALLEST_CAPACITY 256

int buffer_reserve(struct buffer *buffer, size_t more)
{
    size_t needed;
    size_t capacity = buffer->capacity > 0 ? buffer->capacity : SMALLEST_CAPACITY;
    unsigned char *data;

    if (__builtin_add_overflow(buffer->length, more, &needed)) {
        return -ENOMEM;
    }
    if (needed <= buffer->capacity) {
        return 0;
    }
    while (capacity < needed) {
        if (__builtin_mul_overflow(capacity, 2, &capacity)) {
            return -ENOMEM;
        }
    }
    data = realloc(buffer->data, capacity);
    if (!data) {
        return -ENOMEM;
    }
    buffer->data = data;
    buffer->capacity = capacity;
    return 0;
}

int buffer_append(struct buffer *buffer, const void *bytes, size_t length)
{
    int r = buffer_reserve(buffer, length);

    if (r < 0) {
        return r;
    }
    if (length > 0) {
        memcpy(buffer->data + buffer->length, bytes, length);
        buffer->length += length;
    }
    return 0;
}

int buffer_append_text(struct buffer *buffer, const char *text)
{
    return buffer_append(buffer, text, strlen(text));
}

int buffer_append_format(struct buffer *buffer, const char *format, ...)
{
    va_list arguments;
    int length;
    int r;

    va_start(arguments, format);
    length = vsnprintf(NULL, 0, format, arguments);
    va_end(arguments);
    if (length < 0) {
        return -ENOMEM;
    }
    r = buffer_reserve(buffer, (size_t)length + 1);
    if (r < 0) {
        return r;
    }
    va_start(arguments, format);
    (void)vsnprintf((char *)buffer->data + buffer->length, (size_t)length + 1, format, arguments);
    va_end(arguments);
    buffer->length += (size_t)length;
    return 0;
}

void buffer_consume(struct buffer *buffer, size_t count)
{
    if (count == 0) {
        return;
    }
    if (count >= buffer->length) {
        buffer->length = 0;
        return;
    }
    memmove(buffer->data, buffer->data + count, buffer->length - count);
    buffer->length -= count;
}

const char *buffer_text(struct buffer *buffer)
{
    if (buffer_reserve(buffer, 1) < 0) {
        return NULL;
    }
    buffer->data[buffer->length] = '\0';
    return (const char *)buffer->data;
}

char *buffer_take_text(struct buffer *buffer)
{
    char *text;

    if (!buffer_text(buffer)) {
        return NULL;
    }
    text = (char *)buffer->data;
    *buffer = (struct buffer){0};
    return text;
}

void buffer_free(struct buffer *buffer)
{
    if (!buffer) {
        return;
    }
    free(buffer->data);
    *buffer = (struct buffer){0};
}

void buffer_wipe(struct buffer *buffer)
{
    if (buffer && buffer->data) {
        explicit_bzero(buffer->data, buffer->capacity);
    }
    buffer_free(buffer);
}
