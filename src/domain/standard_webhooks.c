#include "assent/domain/standard_webhooks.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "assent/base/base64.h"
#include "assent/base/digest.h"

#define PREFIX        "whsec_"
#define PREFIX_LENGTH (sizeof PREFIX - 1)

/* 0 (buffer_wipe), -EINVAL or -ENOMEM. */
static int take_key(const struct signature_secret *secret, struct buffer *ret_key)
{
    const char *text = (const char *)secret->bytes;
    int r;

    if (secret->length < PREFIX_LENGTH || memcmp(text, PREFIX, PREFIX_LENGTH) != 0) {
        return buffer_append(ret_key, secret->bytes, secret->length);
    }
    r = base64_decode(text + PREFIX_LENGTH, secret->length - PREFIX_LENGTH, ret_key);
    return r == 0 && ret_key->length == 0 ? -EINVAL : r;
}

bool standard_webhooks_secret_valid(const struct signature_secret *secret)
{
    struct buffer key = {0};
    int r = take_key(secret, &key);

    buffer_wipe(&key);
    return r != -EINVAL;
}

int standard_webhooks_sign(const struct signature_secret *secret, const char *id, int64_t timestamp,
                           const void *body, size_t body_length, struct buffer *ret_value)
{
    unsigned char digest[DIGEST_SHA256_SIZE];
    struct buffer key = {0};
    struct buffer content = {0};
    int r = take_key(secret, &key);

    if (r == 0) {
        r = buffer_append_format(&content, "%s.%" PRId64 ".", id, timestamp);
    }
    if (r == 0) {
        r = buffer_append(&content, body, body_length);
    }
    if (r == 0) {
        r = digest_hmac_sha256(key.data, key.length, content.data, content.length, digest);
    }
    if (r == 0) {
        r = buffer_append_text(ret_value, "v1,");
    }
    if (r == 0) {
        r = base64_encode(digest, sizeof digest, ret_value);
    }
    buffer_wipe(&key);
    buffer_free(&content);
    return r;
}
