#include "assent/base/digest.h"

#include <errno.h>
#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <pthread.h>
#include <sys/random.h>

/*
 * OpenSSL 3 looks an algorithm up by name in each one-shot call, which costs more than the digest
 * of a webhook itself. So both are looked up once and are read-only from then on: SHA-256 as it is,
 * HMAC as a context without a key, of which each call takes a copy. A copy is freed with its key
 * overwritten, so no key outlives a call.
 */
static pthread_once_t algorithms_once = PTHREAD_ONCE_INIT;
static EVP_MD *sha256;
static EVP_MAC_CTX *hmac_template;

static void fetch_algorithms(void)
{
    sha256 = EVP_MD_fetch(NULL, "SHA256", NULL);

    EVP_MAC *hmac = EVP_MAC_fetch(NULL, "HMAC", NULL);
    if (!hmac) {
        return;
    }
    hmac_template = EVP_MAC_CTX_new(hmac);
    EVP_MAC_free(hmac);

    char name[] = "SHA256";
    const OSSL_PARAM parameters[] = {
        OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, name, 0),
        OSSL_PARAM_construct_end(),
    };
    if (hmac_template && EVP_MAC_CTX_set_params(hmac_template, parameters) != 1) {
        EVP_MAC_CTX_free(hmac_template);
        hmac_template = NULL;
    }
}

void digest_prepare(void)
{
    pthread_once(&algorithms_once, fetch_algorithms);
}

int digest_sha256(const void *bytes, size_t length, unsigned char ret_digest[DIGEST_SHA256_SIZE])
{
    digest_prepare();
    if (!sha256 || EVP_Digest(bytes, length, ret_digest, NULL, sha256, NULL) != 1) {
        return -EIO;
    }
    return 0;
}

int digest_hmac_sha256(const void *key, size_t key_length, const void *bytes, size_t length,
                       unsigned char ret_digest[DIGEST_SHA256_SIZE])
{
    digest_prepare();
    EVP_MAC_CTX *context = hmac_template ? EVP_MAC_CTX_dup(hmac_template) : NULL;
    if (!context) {
        return -EIO;
    }
    /* To OpenSSL a NULL key means "the one from before"; an empty one is meant here. */
    const void *the_key = key_length == 0 ? "" : key;
    size_t written = 0;
    bool done = EVP_MAC_init(context, the_key, key_length, NULL) == 1 &&
                EVP_MAC_update(context, bytes, length) == 1 &&
                EVP_MAC_final(context, ret_digest, &written, DIGEST_SHA256_SIZE) == 1 &&
                written == DIGEST_SHA256_SIZE;
    EVP_MAC_CTX_free(context);
    return done ? 0 : -EIO;
}

bool digest_equal(const void *left, const void *right, size_t length)
{
    return CRYPTO_memcmp(left, right, length) == 0;
}

int digest_random(void *ret_bytes, size_t length)
{
    unsigned char *next = ret_bytes;
    while (length > 0) {
        ssize_t got = getrandom(next, length, 0);
        if (got < 0 && errno != EINTR) {
            return -errno;
        }
        if (got > 0) {
            next += got;
            length -= (size_t)got;
        }
    }
    return 0;
}

void digest_wipe(void *bytes, size_t length)
{
    OPENSSL_cleanse(bytes, length);
}
