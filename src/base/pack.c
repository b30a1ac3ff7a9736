#include "assent/base/pack.h"

#include <errno.h>
#include <string.h>

/* The length that stands for a NULL text. */
#define NO_TEXT UINT32_MAX

struct packer packer_to(struct buffer *out)
{
    return (struct packer){.out = out};
}

static void pack_raw(struct packer *packer, const void *bytes, size_t length)
{
    if (packer->error == 0) {
        packer->error = buffer_append(packer->out, bytes, length);
    }
}

static void pack_little_endian(struct packer *packer, uint64_t value, size_t size)
{
    unsigned char bytes[8];

    for (size_t i = 0; i < size; i++) {
        bytes[i] = (unsigned char)(value >> (8 * i));
    }
    pack_raw(packer, bytes, size);
}

void pack_u8(struct packer *packer, uint8_t value)
{
    pack_little_endian(packer, value, 1);
}

void pack_u32(struct packer *packer, uint32_t value)
{
    pack_little_endian(packer, value, 4);
}

void pack_u64(struct packer *packer, uint64_t value)
{
    pack_little_endian(packer, value, 8);
}

void pack_i64(struct packer *packer, int64_t value)
{
    pack_little_endian(packer, (uint64_t)value, 8);
}

void pack_bytes(struct packer *packer, const void *bytes, size_t length)
{
    if (length >= NO_TEXT) {
        packer->error = packer->error ? packer->error : -EMSGSIZE;
        return;
    }
    pack_u32(packer, (uint32_t)length);
    pack_raw(packer, bytes, length);
    pack_u8(packer, 0);
}

void pack_text(struct packer *packer, const char *text)
{
    if (!text) {
        pack_u32(packer, NO_TEXT);
        return;
    }
    pack_bytes(packer, text, strlen(text));
}

struct unpacker unpacker_of(const void *bytes, size_t length)
{
    return (struct unpacker){.bytes = bytes, .left = length};
}

static const unsigned char *unpack_raw(struct unpacker *unpacker, size_t length)
{
    const unsigned char *bytes = unpacker->bytes;

    if (unpacker->error || length > unpacker->left) {
        unpacker->error = -EBADMSG;
        return NULL;
    }
    unpacker->bytes += length;
    unpacker->left -= length;
    return bytes;
}

static uint64_t unpack_little_endian(struct unpacker *unpacker, size_t size)
{
    const unsigned char *bytes = unpack_raw(unpacker, size);
    uint64_t value = 0;

    for (size_t i = 0; bytes && i < size; i++) {
        value |= (uint64_t)bytes[i] << (8 * i);
    }
    return value;
}

uint8_t unpack_u8(struct unpacker *unpacker)
{
    return (uint8_t)unpack_little_endian(unpacker, 1);
}

uint32_t unpack_u32(struct unpacker *unpacker)
{
    return (uint32_t)unpack_little_endian(unpacker, 4);
}

uint64_t unpack_u64(struct unpacker *unpacker)
{
    return unpack_little_endian(unpacker, 8);
}

int64_t unpack_i64(struct unpacker *unpacker)
{
    return (int64_t)unpack_little_endian(unpacker, 8);
}

/* The bytes of a run whose length has been read, with the NUL behind them checked. */
static const void *unpack_run(struct unpacker *unpacker, size_t length)
{
    const unsigned char *bytes = unpack_raw(unpacker, length);
    const unsigned char *end = unpack_raw(unpacker, 1);

    if (!bytes || !end || *end != 0) {
        unpacker->error = -EBADMSG;
        return NULL;
    }
    return bytes;
}

const void *unpack_bytes(struct unpacker *unpacker, size_t *ret_length)
{
    uint32_t length = unpack_u32(unpacker);
    const void *bytes = unpack_run(unpacker, length);

    *ret_length = bytes ? length : 0;
    return bytes;
}

const char *unpack_text(struct unpacker *unpacker)
{
    uint32_t length = unpack_u32(unpacker);
    const char *text;

    if (unpacker->error || length == NO_TEXT) {
        return NULL;
    }
    text = unpack_run(unpacker, length);
    if (text && memchr(text, 0, length)) {
        unpacker->error = -EBADMSG;
        return NULL;
    }
    return text;
}

const char *unpack_required_text(struct unpacker *unpacker)
{
    const char *text = unpack_text(unpacker);

    if (!text) {
        unpacker->error = -EBADMSG;
    }
    return text;
}

int unpack_end(const struct unpacker *unpacker)
{
    return unpacker->error || unpacker->left > 0 ? -EBADMSG : 0;
}
