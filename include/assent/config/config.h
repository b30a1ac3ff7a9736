/*
 * The configuration: INI files in, one immutable and validated struct out.
 *
 * One table (src/config/keys.c) names every key with its section, type, default, what was expected,
 * and which roles may know it. The supervisor loads the files and the secrets and packs for each
 * role only what that role may know; the role unpacks the same struct with the rest left empty.
 *
 * Owns: a struct config owns everything in it; secrets are wiped when it is freed.
 * Runs in: supervisor (load, pack), every role (unpack), assentctl (load).
 * May call: ini, quantity, argv, template, policy, signature, digest, pack; files only in
 * config_load.
 */
#ifndef ASSENT_CONFIG_CONFIG_H
#define ASSENT_CONFIG_CONFIG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/types.h>

#include "assent/base/address.h"
#include "assent/base/buffer.h"
#include "assent/base/log.h"
#include "assent/base/protocol.h"
#include "assent/base/role.h"
#include "assent/domain/event.h"
#include "assent/domain/policy_verdict.h"
#include "assent/domain/quantity.h"
#include "assent/domain/signature.h"
#include "assent/domain/template.h"

#define CONFIG_DEFAULT_PATH "/etc/assentd/assentd.conf"

struct config_texts {
    char **items;
    size_t count;
};

/* [service NAME] */
struct config_service {
    char *name;
    char *path; /* of the webhook, begins with '/' */
    enum signature_scheme scheme;
    bool url_token;     /* decisions come on the URL made for their request, behind the path */
    char *url;          /* where it is asked, without a slash at the end; NULL: it is not */
    char *callback_url; /* core only; by which `path` is reached from outside */
    struct signature_secret api_key;  /* caller only; length 0: none */
    struct signature_secret tls_ca;   /* caller only; PEM; length 0: the system's */
    int64_t poll_interval_ms;         /* core only; 0: it is not polled */
    struct signature_secret *secrets; /* core only */
    size_t secret_count;
    bool allow_unsigned;
    struct event_pointers pointers; /* owned texts behind const pointers */
};

/* Addresses that a section may listen on, beside the socket of [control] or [agent]. */
#define CONFIG_LISTEN_LIMIT 16

/* A token that opens a TCP listener to whoever sends it. */
struct config_token {
    char *name; /* of the file that it came from, without its directory */
    struct signature_secret token;
};

/* [control] and [agent]: where operators and agents connect */
struct config_interface {
    char *socket; /* NULL: there is no such section */
    mode_t socket_mode;
    char *socket_group;          /* NULL: left as it is */
    struct config_texts listen;  /* host:port or [v6]:port */
    struct config_token *tokens; /* core only; two of one name belong to the same */
    size_t token_count;
};

/* The ways in which an agent's request may come; bits. */
enum config_way { WAY_ASK = 1, WAY_REGISTER = 2 };

/* [action NAME], and [action *] for every other one */
struct config_action {
    char *name;
    unsigned accept;                /* ways; 0: as its service has it */
    char *service;                  /* that is asked; NULL: the only one that can be */
    int64_t expires_in_ms;          /* 0: as in [requests] */
    struct config_texts on_granted; /* names of hooks */
    struct config_texts on_denied;
    struct config_texts on_expired;
    struct config_texts on_failed; /* when one of its runs has given up */
    struct policy_rules policy;    /* of requests that are asked for */
};

enum hook_kind { HOOK_EXEC, HOOK_SHELL, HOOK_HTTP };

enum on_interrupt { ON_INTERRUPT_HOLD, ON_INTERRUPT_RETRY };

struct config_templates {
    struct template **items;
    size_t count;
};

struct config_status_range {
    unsigned first;
    unsigned last;
};

/* What a hook is there for. Beside those of the configuration there are some that follow from it;
 * their names have a space in them, so that nobody can name them. */
enum hook_purpose {
    PURPOSE_ACTION, /* [hook NAME] */
    PURPOSE_SUBMIT, /* `submit SERVICE`: asks the service; what it is asked is the record's item */
    PURPOSE_LOOKUP, /* `lookup SERVICE`: what has become of a request? Not started by START */
    PURPOSE_RELAY,  /* `relay decision`: posts a decision to the record's relay.url */
};
#define RELAY_HOOK "relay decision"

/* [hook NAME] */
struct config_hook {
    char *name;
    enum hook_purpose purpose;
    enum hook_kind kind;
    enum on_interrupt on_interrupt;             /* as said, or the default of its kind */
    unsigned char digest[PROTOCOL_DIGEST_SIZE]; /* of its section without secrets */
    int64_t timeout_ms;
    uint64_t output_limit;

    /* core only */
    unsigned retries;
    int64_t backoff_ms;
    int64_t backoff_max_ms;
    unsigned concurrency; /* 0: no limit of its own */
    struct quantity_rate rate;
    int64_t delay_ms;
    char *for_each; /* the path of an array in the context, `a.b` of `context.a.b`; NULL: one run */

    /* runner only */
    int64_t kill_after_ms;
    struct config_templates words; /* HOOK_EXEC */
    char *shell;                   /* HOOK_SHELL */
    char *workdir;                 /* NULL: the runner's own */
    mode_t umask;
    struct config_texts env; /* NAME=VALUE */

    /* caller only */
    bool sends_key; /* {job.key} is in the call: the other end can tell a repeat */
    char *method;
    struct template *url;
    struct config_templates headers; /* `Name: value` */
    struct template *body;           /* JSON with placeholders; NULL if none or verbatim */
    char *body_verbatim;             /* a body that is no JSON; NULL if none */
    struct signature_secret bearer;  /* length 0: none */
    struct config_status_range *expect;
    size_t expect_count;
    struct signature_secret tls_ca; /* PEM; length 0: the system's */
    unsigned redirects;
};

/* Who may say for whom a request comes. */
struct config_proxies {
    struct network *networks;
    size_t count;
    bool unix_sockets; /* whoever connects to a Unix socket */
};

struct config_source;

struct config {
    /* [server] */
    struct config_texts listen; /* host:port, [v6]:port or unix:PATH */
    uint64_t max_body;
    enum log_level log_level;
    bool jail;
    struct config_interface control;
    struct config_interface agent;
    unsigned max_connections;
    unsigned max_connections_per_address;
    int64_t request_timeout_ms;
    struct quantity_rate request_rate; /* for each address; count 0: none */
    struct config_proxies trusted_proxies;
    struct signature_secret tls_certificate; /* PEM, the chain; length 0: no TLS */
    struct signature_secret tls_key;         /* PEM */
    struct signature_secret client_ca;       /* PEM; length 0: clients need no certificate */
    /* [store] */
    char *store_path;
    int64_t retention_ms;
    /* [requests] */
    int64_t expires_in_ms;
    int64_t expiry_grace_ms;
    int64_t keep_early_ms;

    /* [relay] */
    struct config_texts relay_allow;      /* URLs as domain/url.h knows them */
    struct signature_secret relay_secret; /* caller only */
    /* [runner] */
    unsigned concurrency; /* programs at once, and calls */

    struct config_service *services;
    size_t service_count;
    struct config_action *actions;
    size_t action_count;
    struct config_hook *hooks;
    size_t hook_count;

    struct config_source *source; /* what it was made of, for the dump and the roles' parts; NULL
                                     if it was unpacked */
};

/* Every error of a load, in the order of files and lines, each already in the form
 * `FILE:LINE: [section] key: what is wrong, and what was expected`. */
struct config_errors {
    char **lines;
    size_t count;
};

/* Reads `path` and, beside it, conf.d/X.conf in the order of names, and the secrets and other files
 * that it names. Returns 0 (config_free), -EINVAL with every error, -ENOMEM or -EIO. `ret_errors`
 * is filled on -EINVAL (config_errors_free). */
int config_load(const char *path, struct config **ret_config, struct config_errors *ret_errors);
void config_errors_free(struct config_errors *errors);

/* The effective configuration as INI that config_load takes, defaults included; secrets are shown
 * as their file's name with the count of bytes in a comment, never as they are. Not for one that
 * was unpacked. 0 or negative errno. */
int config_dump(const struct config *config, FILE *out);

/* What `role` may know of it, as bytes that config_unpack reads. They hold secrets: buffer_wipe.
 * Not for one that was unpacked. 0, -ENOMEM or -EMSGSIZE. */
int config_pack(const struct config *config, enum role role, struct buffer *out);
/* 0 (config_free), -EBADMSG, -ENOMEM or -EIO. */
int config_unpack(const void *bytes, size_t length, struct config **ret_config);

/* NULL if there is none. config_action falls back to [action *]. */
const struct config_service *config_service(const struct config *config, const char *name);
const struct config_action *config_action(const struct config *config, const char *name);
const struct config_hook *config_hook(const struct config *config, const char *name);
/* The built-in hook of that purpose of the service; NULL if the service is not asked. */
const struct config_hook *config_hook_of(const struct config *config, enum hook_purpose purpose,
                                         const char *service);

/* True for a listening address that only this machine can reach. */
bool listen_is_local(const char *listen);

/* The ways in which agents' requests for that action may come, as bits of enum config_way: as the
 * action says, else as follows from the service. */
unsigned config_ways(const struct config *config, const char *action,
                     const struct config_service *service);

/* The names and digests of the hooks that the role can run (runner: exec and shell; caller: http).
 * The names are the configuration's own; protocol_digests_free. 0 or -ENOMEM. */
int config_digests(const struct config *config, enum role role,
                   struct protocol_digests *ret_digests);

/* Wipes secrets. Takes NULL. */
void config_free(struct config *config);

#endif
