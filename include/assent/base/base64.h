/*
 * Bytes as text in base64 (RFC 4648, section 4): the usual alphabet, with padding.
 *
 * Owns: nothing. Runs in: core, assentctl; any thread. Pure. May call: buffer.
 */
#ifndef ASSENT_BASE_BASE64_H
#define ASSENT_BASE_BASE64_H

#include <stdbool.h>
#include <stddef.h>

#include "assent/base/buffer.h"

/* Appends the text of the bytes. 0 or -ENOMEM. */
int base64_encode(const void *bytes, size_t length, struct buffer *out);

/* Appends the bytes of the text. 0; -EINVAL, with `out` as it was, if it is no base64 or not the one
 * text of those bytes: white space, missing padding, bits that count for nothing; or -ENOMEM. */
int base64_decode(const char *text, size_t length, struct buffer *out);

#endif
