/*
 * Signatures as Standard Webhooks has them (standardwebhooks.com, symmetric, version v1):
 * HMAC-SHA256 over `id.timestamp.body`.
 *
 * The key is what is behind `whsec_`, decoded from base64. A secret that does not begin so is the key as
 * it stands, so that any text can be one.
 *
 * Owns: nothing. Runs in: caller (sign), supervisor and assentctl (the secret's form). Pure. May
 * call: digest, base64.
 */
#ifndef ASSENT_DOMAIN_STANDARD_WEBHOOKS_H
#define ASSENT_DOMAIN_STANDARD_WEBHOOKS_H

#include <stdbool.h>
#include <stdint.h>

#include "assent/base/buffer.h"
#include "assent/domain/signature.h"

/* False if it begins with whsec_ and no base64 follows. */
bool standard_webhooks_secret_valid(const struct signature_secret *secret);

/* Appends `v1,BASE64`, the value of the header webhook-signature, for what is sent with that
 * webhook-id and, in seconds since 1970, that webhook-timestamp. 0, -EINVAL if the secret is not
 * valid, -ENOMEM or -EIO. */
int standard_webhooks_sign(const struct signature_secret *secret, const char *id, int64_t timestamp,
                           const void *body, size_t body_length, struct buffer *ret_value);

#endif
