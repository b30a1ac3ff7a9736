#include "assent/base/base64.h"

#include <errno.h>
#include <string.h>

static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

int base64_encode(const void *bytes, size_t length, struct buffer *out)
{
    const unsigned char *at = bytes;
    int r = buffer_reserve(out, length / 3 * 4 + 4);

    for (size_t i = 0; i < length && r == 0; i += 3) {
        size_t count = length - i < 3 ? length - i : 3;
        unsigned group = (unsigned)at[i] << 16 | (count > 1 ? (unsigned)at[i + 1] << 8 : 0) |
                         (count > 2 ? at[i + 2] : 0);
        char text[4];

        for (unsigned j = 0; j < 4; j++) {
            text[j] = j <= count ? alphabet[group >> (18 - 6 * j) & 63] : '=';
        }
        r = buffer_append(out, text, sizeof text);
    }
    return r;
}

/* -1 if it is none of the alphabet. */
static int value(char character)
{
    const char *found = character ? strchr(alphabet, character) : NULL;

    return found ? (int)(found - alphabet) : -1;
}

/* Four characters to 1 to 3 bytes; padding only where it is the last group. Returns the count of
 * bytes, or -EINVAL. */
static int decode_group(const char text[4], bool last, unsigned char ret_bytes[3])
{
    int padding = last && text[3] == '=' ? 1 + (text[2] == '=') : 0;
    unsigned group = 0;

    for (int i = 0; i < 4 - padding; i++) {
        int six = value(text[i]);

        if (six < 0) {
            return -EINVAL;
        }
        group |= (unsigned)six << (18 - 6 * i);
    }
    if (group & ((1u << (8 * padding)) - 1)) {
        return -EINVAL;
    }
    for (int i = 0; i < 3; i++) {
        ret_bytes[i] = (unsigned char)(group >> (16 - 8 * i));
    }
    return 3 - padding;
}

int base64_decode(const char *text, size_t length, struct buffer *out)
{
    size_t before = out->length;
    int r = length % 4 == 0 ? buffer_reserve(out, length / 4 * 3) : -EINVAL;

    for (size_t i = 0; i < length && r >= 0; i += 4) {
        unsigned char bytes[3];

        r = decode_group(text + i, i + 4 == length, bytes);
        if (r >= 0) {
            r = buffer_append(out, bytes, (size_t)r);
        }
    }
    if (r < 0) {
        out->length = before;
        return r;
    }
    return 0;
}
