#include "assent/domain/signature.h"

#include <errno.h>
#include <string.h>

#include "assent/base/digest.h"
#include "assent/base/text.h"

#define PREFIX        "sha256="
#define PREFIX_LENGTH (sizeof PREFIX - 1)
#define HEX_LENGTH    ((size_t)2 * DIGEST_SHA256_SIZE)

/* --- daimon ----------------------------------------------------------------------------------- */

/* Lower case, as a header is looked up; the sender's spelling is in daimon_sign. */
static const char daimon_header[] = "x-daimon-signature";

/* Reads `[sha256=]HEX`, with blanks around it. Returns 0 or -EACCES. */
static int read_signature(const char *value, unsigned char ret_signature[DIGEST_SHA256_SIZE])
{
    value += strspn(value, " \t");
    size_t length = strlen(value);
    while (length > 0 && (value[length - 1] == ' ' || value[length - 1] == '\t')) {
        length--;
    }
    if (length >= PREFIX_LENGTH && memcmp(value, PREFIX, PREFIX_LENGTH) == 0) {
        value += PREFIX_LENGTH;
        length -= PREFIX_LENGTH;
    }
    return text_from_hex(value, length, ret_signature, DIGEST_SHA256_SIZE) < 0 ? -EACCES : 0;
}

/* Every secret is tried, also behind one that fits, so that the time tells nothing about which. */
static int daimon_verify(const struct signature_input *input)
{
    unsigned char claimed[DIGEST_SHA256_SIZE];
    const char *value = input->header(input->userdata, daimon_header);
    if (!value || read_signature(value, claimed) < 0) {
        return -EACCES;
    }
    unsigned matches = 0;
    int r = 0;
    for (size_t i = 0; i < input->secret_count; i++) {
        unsigned char right[DIGEST_SHA256_SIZE];
        const struct signature_secret *secret = &input->secrets[i];
        if (secret->length == 0) {
            continue; /* what everybody knows is no secret */
        }
        if (digest_hmac_sha256(secret->bytes, secret->length, input->body, input->body_length,
                               right) < 0) {
            r = -EIO;
            continue;
        }
        matches += digest_equal(claimed, right, sizeof right);
        digest_wipe(right, sizeof right);
    }
    if (r == 0 && matches == 0) {
        r = -EACCES;
    }
    return r;
}

static int daimon_sign(const struct signature_secret *secret, const void *body, size_t body_length,
                       const char **ret_header, struct buffer *ret_value)
{
    unsigned char digest[DIGEST_SHA256_SIZE];
    char value[PREFIX_LENGTH + HEX_LENGTH + 1] = PREFIX;
    if (digest_hmac_sha256(secret->bytes, secret->length, body, body_length, digest) < 0) {
        return -EIO;
    }
    text_to_hex(digest, sizeof digest, value + PREFIX_LENGTH);
    int r = buffer_append_text(ret_value, value);
    if (r == 0) {
        *ret_header = "X-Daimon-Signature";
    }
    return r;
}

/* --- all schemes ------------------------------------------------------------------------------ */

static const char *const scheme_names[SIGNATURE_SCHEME_COUNT] = {
    [SIGNATURE_NONE] = "none",
    [SIGNATURE_DAIMON] = "daimon",
};

int signature_verify(const struct signature_input *input)
{
    switch (input->scheme) {
    case SIGNATURE_NONE:
        return 0;
    case SIGNATURE_DAIMON:
        return daimon_verify(input);
    default:
        return -EACCES;
    }
}

int signature_sign(enum signature_scheme scheme, const struct signature_secret *secret,
                   const void *body, size_t body_length, const char **ret_header,
                   struct buffer *ret_value)
{
    switch (scheme) {
    case SIGNATURE_DAIMON:
        return daimon_sign(secret, body, body_length, ret_header, ret_value);
    default:
        return -ENOTSUP;
    }
}

enum signature_scheme signature_scheme_from_name(const char *name)
{
    enum signature_scheme scheme = SIGNATURE_NONE;
    while (scheme < SIGNATURE_SCHEME_COUNT && strcmp(scheme_names[scheme], name) != 0) {
        scheme++;
    }
    return scheme;
}
