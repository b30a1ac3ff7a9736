/*
 * What is wrong with the files of [server] that TLS needs, before a gate stumbles over it.
 *
 * Owns: nothing. Runs in: supervisor, assentctl. May call: libcrypto.
 */
#ifndef ASSENT_CONFIG_CERTIFICATE_H
#define ASSENT_CONFIG_CERTIFICATE_H

#include "assent/config/source.h"

/* Reports a certificate without its key, one that is none, and a key of another certificate. */
void certificate_check(const struct config *config, const struct config_source *source,
                       struct config_report *report);

#endif
