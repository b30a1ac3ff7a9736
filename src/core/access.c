#include "assent/core/access.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "assent/base/clock.h"
#include "assent/base/digest.h"
#include "assent/base/log.h"

#define UID_PREFIX              "uid:"
#define TOKEN_PREFIX            "token:"
#define UID_DIGITS              10
#define SCHEME                  "Bearer "
#define REFUSED_LOG_INTERVAL_MS 10000

/* True for what a gate says of a peer on a Unix socket. */
static bool is_uid(const char *peer)
{
    size_t length = strlen(peer);
    size_t prefix = strlen(UID_PREFIX);

    return length > prefix && length <= prefix + UID_DIGITS &&
           strncmp(peer, UID_PREFIX, prefix) == 0 &&
           strspn(peer + prefix, "0123456789") == length - prefix;
}

/* The token that was sent; NULL if none was, or more than one. */
static const char *sent_token(const struct protocol_request *request)
{
    const char *value = NULL;

    for (size_t i = 0; i < request->header_count; i++) {
        if (strcmp(request->headers[i].name, "authorization") != 0) {
            continue;
        }
        if (value) {
            return NULL;
        }
        value = request->headers[i].value;
    }
    if (!value || strncasecmp(value, SCHEME, strlen(SCHEME)) != 0) {
        return NULL;
    }
    value += strlen(SCHEME);
    return value + strspn(value, " ");
}

/* Compares digests, which have one length, and all of them: the time says nothing about any token.
 */
static const struct config_token *find_token(const struct link *link,
                                             const unsigned char sent[DIGEST_SHA256_SIZE])
{
    const struct config *config = link->core->config;
    const struct config_interface *interface =
        link->role == ROLE_GATE_CONTROL ? &config->control : &config->agent;
    unsigned char digest[DIGEST_SHA256_SIZE];
    const struct config_token *found = NULL;

    for (size_t i = 0; i < interface->token_count; i++) {
        const struct config_token *token = &interface->tokens[i];

        core_must(digest_sha256(token->token.bytes, token->token.length, digest), "token");
        found = digest_equal(digest, sent, sizeof digest) ? token : found;
    }
    digest_wipe(digest, sizeof digest);
    return found;
}

/* A flood of guesses is one line every ten seconds, with their number. */
static void log_refused(struct link *link, const struct protocol_request *request)
{
    int64_t now = clock_monotonic_ms();
    char count[32];

    link->refused++;
    if (link->refused_logged_at && now - link->refused_logged_at < REFUSED_LOG_INTERVAL_MS) {
        return;
    }
    (void)snprintf(count, sizeof count, "%llu", (unsigned long long)link->refused);
    log_event(LOG_LEVEL_WARNING, "call refused: no token or a wrong one", "listener",
              link->role == ROLE_GATE_AGENT ? "agent" : "control", "peer", request->peer, "count",
              count, NULL);
    link->refused = 0;
    link->refused_logged_at = now;
}

static void set_who(struct access *access, const char *kind, const char *name)
{
    (void)snprintf(access->who, sizeof access->who, "%s%s%s", access->agent ? "agent " : "", kind,
                   name);
}

int access_find(struct link *link, const struct protocol_request *request,
                struct access *ret_access)
{
    struct access access = {.agent = link->role != ROLE_GATE_CONTROL};
    const struct config_token *token = NULL;
    const char *sent = is_uid(request->peer) ? NULL : sent_token(request);

    if (sent) {
        core_must(digest_sha256(sent, strlen(sent), access.token), "token");
        token = find_token(link, access.token);
    }
    if (!token && !is_uid(request->peer)) {
        log_refused(link, request);
        return -EACCES;
    }
    access.by_token = token != NULL;
    set_who(&access, token ? TOKEN_PREFIX : "", token ? token->name : request->peer);
    *ret_access = access;
    return 0;
}

bool access_stands(const struct link *link, const struct access *access)
{
    const struct config_token *token = access->by_token ? find_token(link, access->token) : NULL;
    struct access now = {.agent = access->agent};

    if (!token) {
        return !access->by_token;
    }
    set_who(&now, TOKEN_PREFIX, token->name);
    return strcmp(now.who, access->who) == 0;
}

const char *access_owner(const struct access *access)
{
    return access->agent ? access->who : NULL;
}

bool access_may_see(const struct access *access, const struct store_request *request)
{
    return !access->agent || (request->owner && strcmp(request->owner, access->who) == 0);
}
