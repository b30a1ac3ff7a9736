/*
 * Values to bytes and back: the inside of every frame and of the configuration handed to a role.
 *
 * Numbers are little-endian; bytes and texts are a 32-bit length, the bytes, and one NUL that is
 * not counted, so that an unpacked text is a C string without a copy. The error is sticky: pack or
 * unpack all fields in a row and ask once at the end.
 *
 * Owns: nothing; the packer writes into the caller's buffer, the unpacker reads the caller's bytes
 * and returns pointers into them. Runs in: every role, any thread. May call: buffer.
 */
#ifndef ASSENT_BASE_PACK_H
#define ASSENT_BASE_PACK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "assent/base/buffer.h"

struct packer {
    struct buffer *out;
    int error; /* 0, -ENOMEM, or -EMSGSIZE for a value of 4 GiB or more */
};

/* Appends to `out`. */
struct packer packer_to(struct buffer *out);
void pack_u8(struct packer *packer, uint8_t value);
void pack_u32(struct packer *packer, uint32_t value);
void pack_u64(struct packer *packer, uint64_t value);
void pack_i64(struct packer *packer, int64_t value);
void pack_bytes(struct packer *packer, const void *bytes, size_t length);
/* `text` may be NULL, which is not the same as empty. */
void pack_text(struct packer *packer, const char *text);

struct unpacker {
    const unsigned char *bytes;
    size_t left;
    int error; /* 0 or -EBADMSG */
};

/* Reads `length` bytes at `bytes`, which must stay as long as anything unpacked is used. */
struct unpacker unpacker_of(const void *bytes, size_t length);

/* Each returns the value, or 0, NULL or an empty run once anything was wrong. */
uint8_t unpack_u8(struct unpacker *unpacker);
uint32_t unpack_u32(struct unpacker *unpacker);
uint64_t unpack_u64(struct unpacker *unpacker);
int64_t unpack_i64(struct unpacker *unpacker);
const void *unpack_bytes(struct unpacker *unpacker, size_t *ret_length);
/* A C string inside the bytes, or NULL where NULL was packed. A text with a NUL in it is an
 * error. */
const char *unpack_text(struct unpacker *unpacker);
/* As unpack_text, but NULL is an error too: never NULL while error is 0. */
const char *unpack_required_text(struct unpacker *unpacker);

/* Returns 0 if all went well and nothing is left, else -EBADMSG. */
int unpack_end(const struct unpacker *unpacker);

#endif
