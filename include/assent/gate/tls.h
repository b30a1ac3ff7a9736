/*
 * TLS: the one place that knows GnuTLS.
 *
 * A connection keeps the certificate that was there when it began, so a reload takes nothing from
 * it; the old one is freed with its last connection.
 *
 * Owns: certificate, key and client CA, behind a lock. Runs in: gate; any thread. May call: GnuTLS;
 * it opens no file.
 */
#ifndef ASSENT_GATE_TLS_H
#define ASSENT_GATE_TLS_H

#include <stdbool.h>

#include "assent/config/config.h"

#define TLS_PRIORITIES "NORMAL:-VERS-ALL:+VERS-TLS1.3:+VERS-TLS1.2:%SERVER_PRECEDENCE"

struct tls;
struct tls_identity;

/* 0 or -ENOMEM. */
int tls_new(struct tls **ret_tls);

/* Takes certificate, key and client CA for all connections that begin from now on; where there are
 * none, what was there stays. 0, -ENOMEM, or -EINVAL after logging why, with the old ones in force. */
int tls_configure(struct tls *tls, const struct config *config);
bool tls_is_configured(struct tls *tls);

/* `session` is GnuTLS's, of a connection that begins. NULL if nothing is configured. */
struct tls_identity *tls_begin(struct tls *tls, void *session);
/* Takes NULL. */
void tls_end(struct tls *tls, struct tls_identity *identity);

/* A gnutls_certificate_retrieve_function2, for the library to start without a certificate. */
void *tls_no_certificate(void);

/* Takes NULL. */
void tls_free(struct tls *tls);

#endif
