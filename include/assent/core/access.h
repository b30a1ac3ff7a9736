/*
 * Who asks, and what they may.
 *
 * What somebody may comes from the link alone, that is from which gate the question came through: an
 * agent's gate can't make an operator, whatever it sends. Who somebody is among those who may the
 * same is as good as that gate: core takes its word for the uid behind a Unix socket. Tokens are
 * known to core only, so a gate learns no more of them than its clients send.
 *
 * Owns: nothing. Runs in: core. May call: config, digest, log.
 */
#ifndef ASSENT_CORE_ACCESS_H
#define ASSENT_CORE_ACCESS_H

#include "assent/base/digest.h"
#include "assent/core/internal.h"

#define ACCESS_WHO_SIZE 96

struct access {
    bool agent; /* sees and changes only what is its own */
    /* `uid:1000` or `token:NAME` is an operator, `agent uid:1000` or `agent token:NAME` an agent: so
     * neither owns what the other made. */
    char who[ACCESS_WHO_SIZE];
    bool by_token;
    unsigned char token[DIGEST_SHA256_SIZE]; /* the digest of that token */
};

/* Finds out who sent the request. 0, or -EACCES if a token was needed and is missing or wrong, which
 * is logged. */
int access_find(struct link *link, const struct protocol_request *request,
                struct access *ret_access);

/* False if whoever came so would be turned away by now, or be somebody else: his token is not in the
 * configuration any more, or under another name. */
bool access_stands(const struct link *link, const struct access *access);

/* The owner of all that may be seen; NULL if everything may be. */
const char *access_owner(const struct access *access);
bool access_may_see(const struct access *access, const struct store_request *request);

#endif
