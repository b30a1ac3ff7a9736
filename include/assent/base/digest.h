/*
 * SHA-256 and HMAC, and random bytes. The one place that calls libcrypto for them.
 *
 * Owns: nothing. Runs in: every role, any thread. May call: libcrypto, getrandom.
 */
#ifndef ASSENT_BASE_DIGEST_H
#define ASSENT_BASE_DIGEST_H

#include <stdbool.h>
#include <stddef.h>

#define DIGEST_SHA256_SIZE 32

/* Looks the algorithms up, for which libcrypto reads its configuration file: a role whose jail will
 * forbid that calls it before. Without it the first digest does so. */
void digest_prepare(void);

/* SHA-256 (FIPS 180-4) of the bytes. 0 or -EIO. */
int digest_sha256(const void *bytes, size_t length, unsigned char ret_digest[DIGEST_SHA256_SIZE]);

/* HMAC-SHA256 (RFC 2104) of the bytes. 0 or -EIO. */
int digest_hmac_sha256(const void *key, size_t key_length, const void *bytes, size_t length,
                       unsigned char ret_digest[DIGEST_SHA256_SIZE]);

/* Compares in a time that depends only on `length`. */
bool digest_equal(const void *left, const void *right, size_t length);

/* Unpredictable bytes from the kernel. 0 or negative errno. */
int digest_random(void *ret_bytes, size_t length);

/* Overwrites memory in a way that is not optimised away. */
void digest_wipe(void *bytes, size_t length);

#endif
