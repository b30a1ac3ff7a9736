#include "assent/gate/tls.h"

#include <errno.h>
#include <gnutls/abstract.h>
#include <gnutls/gnutls.h>
#include <gnutls/x509.h>
#include <limits.h>
#include <pthread.h>
#include <stdint.h>
#include <stdlib.h>
#include <time.h>

#include "assent/base/clock.h"
#include "assent/base/log.h"

struct tls_identity {
    gnutls_certificate_credentials_t credentials;
    bool needs_client_certificate;
    size_t users; /* connections, and being the current one */
};

struct tls {
    pthread_mutex_t lock; /* of what follows, and of all users */
    struct tls_identity *current;
};

int tls_new(struct tls **ret_tls)
{
    struct tls *tls = calloc(1, sizeof *tls);

    if (!tls) {
        return -ENOMEM;
    }
    pthread_mutex_init(&tls->lock, NULL);
    *ret_tls = tls;
    return 0;
}

/* --- certificates ----------------------------------------------------------------------------- */

static gnutls_datum_t datum_of(const struct signature_secret *text)
{
    return (gnutls_datum_t){.data = text->bytes, .size = (unsigned)text->length};
}

/* Of a client; the key's purpose counts too. */
static int verify_client(gnutls_session_t session)
{
    gnutls_typed_vdata_st purpose = {
        .type = GNUTLS_DT_KEY_PURPOSE_OID,
        .data = (unsigned char *)(uintptr_t)GNUTLS_KP_TLS_WWW_CLIENT,
    };
    unsigned status = UINT_MAX;
    int r = gnutls_certificate_verify_peers(session, &purpose, 1, &status);

    return r < 0 || status != 0 ? GNUTLS_E_CERTIFICATE_ERROR : 0;
}

static int fill(struct tls_identity *identity, const struct config *config)
{
    gnutls_datum_t certificate = datum_of(&config->tls_certificate);
    gnutls_datum_t key = datum_of(&config->tls_key);
    gnutls_datum_t client_ca = datum_of(&config->client_ca);
    int r = gnutls_certificate_set_x509_key_mem(identity->credentials, &certificate, &key,
                                                GNUTLS_X509_FMT_PEM);

    if (r >= 0 && client_ca.size > 0) {
        r = gnutls_certificate_set_x509_trust_mem(identity->credentials, &client_ca,
                                                  GNUTLS_X509_FMT_PEM);
        gnutls_certificate_set_verify_function(identity->credentials, verify_client);
        identity->needs_client_certificate = true;
    }
    return r;
}

static void identity_free(struct tls_identity *identity)
{
    if (identity) {
        gnutls_certificate_free_credentials(identity->credentials);
        free(identity);
    }
}

static int identity_new(const struct config *config, struct tls_identity **ret_identity)
{
    struct tls_identity *identity = calloc(1, sizeof *identity);

    if (!identity || gnutls_certificate_allocate_credentials(&identity->credentials) < 0) {
        free(identity);
        return -ENOMEM;
    }
    int r = fill(identity, config);

    if (r < 0) {
        log_event(LOG_LEVEL_ERROR, "the TLS certificate can't be used", "error", gnutls_strerror(r),
                  NULL);
        identity_free(identity);
        return -EINVAL;
    }
    identity->users = 1;
    *ret_identity = identity;
    return 0;
}

/* A certificate that is over still serves: a daemon that does not start would be worse. */
static void warn_if_over(const struct tls_identity *identity)
{
    gnutls_x509_crt_t *chain = NULL;
    unsigned count = 0;

    if (gnutls_certificate_get_x509_crt(identity->credentials, 0, &chain, &count) < 0) {
        return;
    }
    if (count > 0 && gnutls_x509_crt_get_expiration_time(chain[0]) < clock_now_ms() / 1000) {
        log_event(LOG_LEVEL_WARNING, "the TLS certificate has expired", NULL);
    }
    for (unsigned i = 0; i < count; i++) {
        gnutls_x509_crt_deinit(chain[i]);
    }
    gnutls_free(chain);
}

int tls_configure(struct tls *tls, const struct config *config)
{
    struct tls_identity *identity = NULL;

    if (config->tls_certificate.length == 0) {
        return 0;
    }
    int r = identity_new(config, &identity);

    if (r < 0) {
        return r;
    }
    warn_if_over(identity);
    pthread_mutex_lock(&tls->lock);
    struct tls_identity *old = tls->current;
    tls->current = identity;
    pthread_mutex_unlock(&tls->lock);
    tls_end(tls, old);
    return 0;
}

bool tls_is_configured(struct tls *tls)
{
    pthread_mutex_lock(&tls->lock);
    bool configured = tls->current != NULL;
    pthread_mutex_unlock(&tls->lock);
    return configured;
}

/* --- connections ------------------------------------------------------------------------------ */

struct tls_identity *tls_begin(struct tls *tls, void *session)
{
    pthread_mutex_lock(&tls->lock);
    struct tls_identity *identity = tls->current;
    if (identity) {
        identity->users++;
    }
    pthread_mutex_unlock(&tls->lock);
    if (identity) {
        (void)gnutls_credentials_set(session, GNUTLS_CRD_CERTIFICATE, identity->credentials);
        gnutls_certificate_server_set_request(
            session, identity->needs_client_certificate ? GNUTLS_CERT_REQUIRE : GNUTLS_CERT_IGNORE);
    }
    return identity;
}

void tls_end(struct tls *tls, struct tls_identity *identity)
{
    if (!identity) {
        return;
    }
    pthread_mutex_lock(&tls->lock);
    bool last = --identity->users == 0;
    pthread_mutex_unlock(&tls->lock);
    if (last) {
        identity_free(identity);
    }
}

/* Each session is given its certificate by tls_begin; one that was not has none. */
static int no_certificate(gnutls_session_t session, const gnutls_datum_t *authorities, int count,
                          const gnutls_pk_algorithm_t *algorithms, int algorithm_count,
                          gnutls_pcert_st **chain, unsigned *chain_length, gnutls_privkey_t *key)
{
    (void)session;
    (void)authorities;
    (void)count;
    (void)algorithms;
    (void)algorithm_count;
    (void)chain;
    (void)chain_length;
    (void)key;
    return -1;
}

void *tls_no_certificate(void)
{
    return (void *)(uintptr_t)no_certificate;
}

void tls_free(struct tls *tls)
{
    if (!tls) {
        return;
    }
    tls_end(tls, tls->current);
    pthread_mutex_destroy(&tls->lock);
    free(tls);
}
