/*
 * Who sent a webhook: the signature schemes.
 *
 * Signatures are over the raw bytes of the body, compared in constant time against every secret of
 * the service, all of them each time.
 *
 * Owns: nothing. Runs in: core (verify), assentctl (sign). Pure. May call: digest.
 */
#ifndef ASSENT_DOMAIN_SIGNATURE_H
#define ASSENT_DOMAIN_SIGNATURE_H

#include <stddef.h>

#include "assent/base/buffer.h"

enum signature_scheme {
    SIGNATURE_NONE,   /* unsigned: everything passes */
    SIGNATURE_DAIMON, /* X-Daimon-Signature: [sha256=]HEX of HMAC-SHA256, keyed with the secret as
                         it stands */
    SIGNATURE_SCHEME_COUNT,
};

/* A shared secret: bytes that are not necessarily text. */
struct signature_secret {
    unsigned char *bytes;
    size_t length;
};

/* Finds the value of a request's header by its lower-case name; NULL if it has none. */
typedef const char *(*signature_header)(const void *userdata, const char *name);

struct signature_input {
    enum signature_scheme scheme;
    const struct signature_secret *secrets;
    size_t secret_count;
    signature_header header;
    const void *userdata;
    const void *body;
    size_t body_length;
};

/* Returns 0 if the body is signed with one of the secrets, -EACCES if it is not (no header, a
 * malformed one, a wrong one: all the same), or -EIO if libcrypto failed. */
int signature_verify(const struct signature_input *input);

/* Signs as the service would. The header's name is a constant, its value is appended to
 * `ret_value`. 0, -ENOTSUP for SIGNATURE_NONE, -ENOMEM or -EIO. */
int signature_sign(enum signature_scheme scheme, const struct signature_secret *secret,
                   const void *body, size_t body_length, const char **ret_header,
                   struct buffer *ret_value);

/* By `none` or `daimon`; SIGNATURE_SCHEME_COUNT if there is none of that name. */
enum signature_scheme signature_scheme_from_name(const char *name);

#endif
