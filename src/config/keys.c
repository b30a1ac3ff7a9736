#include "assent/config/keys.h"

#include <stdlib.h>
#include <string.h>

#include "assent/config/config.h"
#include "assent/config/setters.h"

#define PUBLIC   (1u << ROLE_GATE_PUBLIC)
#define CONTROL  (1u << ROLE_GATE_CONTROL)
#define AGENT    (1u << ROLE_GATE_AGENT)
#define CORE     (1u << ROLE_CORE)
#define RUNNER   (1u << ROLE_RUNNER)
#define CALLER   (1u << ROLE_CALLER)
#define EVERYONE (PUBLIC | CONTROL | AGENT | CORE | RUNNER | CALLER)

#define EXEC     (1u << HOOK_EXEC)
#define SHELL    (1u << HOOK_SHELL)
#define PROGRAMS (EXEC | SHELL)
#define CALLS    (1u << HOOK_HTTP)
#define ANY_HOOK (PROGRAMS | CALLS)

#define TEN_YEARS INT64_MAX /* quantity_duration's own limit */

#define FIELD(structure, field) .offset = offsetof(struct structure, field)
#define WITHIN(least, most)     .minimum = (least), .maximum = (most)

/* Of hooks core knows when they run, by their names, kinds and digests, and not what they do. */
static const struct section_rule sections[SECTION_COUNT] = {
    [SECTION_SERVER] = {"server", false, false, EVERYONE},
    [SECTION_CONTROL] = {"control", false, false, CORE},
    [SECTION_AGENT] = {"agent", false, true, CORE},
    [SECTION_STORE] = {"store", false, false, CORE | RUNNER},
    [SECTION_REQUESTS] = {"requests", false, false, CORE},
    [SECTION_RUNNER] = {"runner", false, false, CORE},
    [SECTION_RELAY] = {"relay", false, true, CORE | CALLER},
    [SECTION_SERVICE] = {"service", true, false, PUBLIC | CORE | CALLER},
    [SECTION_ACTION] = {"action", true, false, CORE},
    [SECTION_HOOK] = {"hook", true, false, CORE | RUNNER | CALLER},
};

#define DURATION     "a duration such as 500ms, 30s, 5m, 1h or 2d"
#define SPAN         "a duration over 0 such as 500ms, 30s, 5m, 1h or 2d"
#define HOOK_NAMES   "names of hooks with commas between them"
#define JSON_POINTER "a JSON Pointer such as /payload/approval/id"
#define CONDITION    "a condition such as len(context.recipients) > 100"
#define SOCKET_PATH  "an absolute path of at most 107 bytes"
#define SOCKET_MODE  "an octal mode such as 0600 or 0660"
#define SOCKET_GROUP "the name of a group of this system"
#define TCP_LISTEN   "host:port or [v6]:port"
#define TOKEN_FILE                                                                            \
    "the name of a file, which is the token's name too, with a token of 16 to 512 printable " \
    "characters alone in it, readable by its owner or group only"
#define SECRET_FILE \
    "the name of a file with the secret alone in it, readable by its owner or group only"

static const struct config_key keys[] = {
    {SECTION_SERVER, "listen", set_listen, FIELD(config, listen), .required = true,
     .repeatable = true, .expected = "host:port, [v6]:port or unix:PATH"},
    {SECTION_SERVER, "max_body", set_size, FIELD(config, max_body), .fallback = "256K",
     .roles = PUBLIC | CORE, WITHIN(1, 16 << 20), .expected = "a size of 1 to 16M such as 256K"},
    {SECTION_SERVER, "max_connections", set_number, FIELD(config, max_connections),
     .fallback = "1024", .roles = PUBLIC, WITHIN(1, 65536), .expected = "a number from 1 to 65536"},
    {SECTION_SERVER, "max_connections_per_address", set_number,
     FIELD(config, max_connections_per_address), .fallback = "64", .roles = PUBLIC,
     WITHIN(1, 65536), .expected = "a number from 1 to 65536"},
    {SECTION_SERVER, "request_timeout", set_duration, FIELD(config, request_timeout_ms),
     .fallback = "10s", .roles = PUBLIC, WITHIN(100, 3600 * 1000),
     .expected = "a duration of 100ms to 1h such as 10s"},
    {SECTION_SERVER, "request_rate", set_rate, FIELD(config, request_rate), .roles = PUBLIC,
     .expected = "a rate such as 100/s, 600/min or 5000/h"},
    {SECTION_SERVER, "trusted_proxy", set_trusted_proxy, .repeatable = true, .roles = PUBLIC,
     .expected = "an address, a network such as 10.0.0.0/8 or fd00::/8, or unix"},
    {SECTION_SERVER, "tls_certificate", set_content, FIELD(config, tls_certificate),
     .content = CONTENT_TEXT, .roles = PUBLIC,
     .expected = "the name of a file with the certificate and its chain in PEM form"},
    {SECTION_SERVER, "tls_key", set_content, FIELD(config, tls_key), .content = CONTENT_SECRET,
     .roles = PUBLIC,
     .expected = "the name of a file with the certificate's key in PEM form, not encrypted, "
                 "readable by its owner or group only"},
    {SECTION_SERVER, "client_ca", set_content, FIELD(config, client_ca), .content = CONTENT_TEXT,
     .roles = PUBLIC, .expected = "the name of a file with certificates in PEM form"},
    {SECTION_SERVER, "log_level", set_log_level, FIELD(config, log_level), .fallback = "info",
     .roles = EVERYONE, .expected = "error, warning, info or debug"},
    {SECTION_SERVER, "jail", set_on_off, FIELD(config, jail), .fallback = "on", .roles = EVERYONE,
     .expected = "on or off"},

    {SECTION_CONTROL, "socket", set_socket_path, FIELD(config, control.socket),
     .fallback = "/run/assentd/control.sock", .expected = SOCKET_PATH},
    {SECTION_CONTROL, "socket_mode", set_octal, FIELD(config, control.socket_mode),
     .fallback = "0600", .expected = SOCKET_MODE},
    {SECTION_CONTROL, "socket_group", set_group, FIELD(config, control.socket_group),
     .expected = SOCKET_GROUP},
    {SECTION_CONTROL, "listen", set_tcp_listen, FIELD(config, control.listen), .repeatable = true,
     .expected = TCP_LISTEN},
    {SECTION_CONTROL, "token_file", set_token, FIELD(config, control), .repeatable = true,
     .content = CONTENT_SECRET, .roles = CORE, .expected = TOKEN_FILE},

    {SECTION_AGENT, "socket", set_socket_path, FIELD(config, agent.socket),
     .fallback = "/run/assentd/agent.sock", .expected = SOCKET_PATH},
    {SECTION_AGENT, "socket_mode", set_octal, FIELD(config, agent.socket_mode), .fallback = "0660",
     .expected = SOCKET_MODE},
    {SECTION_AGENT, "socket_group", set_group, FIELD(config, agent.socket_group),
     .expected = SOCKET_GROUP},
    {SECTION_AGENT, "listen", set_tcp_listen, FIELD(config, agent.listen), .repeatable = true,
     .expected = TCP_LISTEN},
    {SECTION_AGENT, "token_file", set_token, FIELD(config, agent), .repeatable = true,
     .content = CONTENT_SECRET, .roles = CORE, .expected = TOKEN_FILE},

    {SECTION_STORE, "path", set_absolute_path, FIELD(config, store_path),
     .fallback = "/var/lib/assentd/assentd.db", .roles = CORE | RUNNER,
     .expected = "the absolute path of the database"},
    {SECTION_STORE, "retention", set_duration, FIELD(config, retention_ms), .fallback = "90d",
     .roles = CORE, WITHIN(1, TEN_YEARS), .expected = SPAN},

    {SECTION_REQUESTS, "expires_in", set_duration, FIELD(config, expires_in_ms), .fallback = "1h",
     .roles = CORE, WITHIN(1, TEN_YEARS), .expected = SPAN},
    {SECTION_REQUESTS, "expiry_grace", set_duration, FIELD(config, expiry_grace_ms),
     .fallback = "30s", .roles = CORE, .expected = DURATION},
    {SECTION_REQUESTS, "keep_early", set_duration, FIELD(config, keep_early_ms), .fallback = "24h",
     .roles = CORE, .expected = DURATION},

    {SECTION_RELAY, "allow", set_relay_allow, FIELD(config, relay_allow), .repeatable = true,
     .roles = CORE | CALLER,
     .expected = "an https URL that decisions may be passed on to, such as "
                 "https://agent.example.com/approvals, or with a slash at its end all below it"},
    {SECTION_RELAY, "secret_file", set_relay_secret, .content = CONTENT_SECRET, .roles = CALLER,
     .expected = SECRET_FILE},

    {SECTION_RUNNER, "concurrency", set_number, FIELD(config, concurrency), .fallback = "16",
     .roles = CORE, WITHIN(1, 1024), .expected = "a number from 1 to 1024"},

    {SECTION_SERVICE, "path", set_webhook_path, FIELD(config_service, path), .required = true,
     .roles = PUBLIC | CORE, .expected = "a path such as /webhook/approval"},
    {SECTION_SERVICE, "scheme", set_scheme, FIELD(config_service, scheme), .required = true,
     .roles = PUBLIC | CORE,
     .expected = "daimon, url-token, both with a comma between them, or none"},
    {SECTION_SERVICE, "url", set_service_url, FIELD(config_service, url), .roles = CORE | CALLER,
     .expected = "an https URL such as https://api.daimon.email"},
    {SECTION_SERVICE, "callback_url", set_callback_url, FIELD(config_service, callback_url),
     .roles = CORE,
     .expected = "the https URL by which path is reached, such as "
                 "https://agent.example.com/webhook/approval"},
    {SECTION_SERVICE, "api_key_file", set_api_key, .content = CONTENT_SECRET, .roles = CALLER,
     .expected = SECRET_FILE},
    {SECTION_SERVICE, "tls_ca", set_service_ca, .content = CONTENT_TEXT, .roles = CALLER,
     .expected = "the name of a file with certificates in PEM form"},
    {SECTION_SERVICE, "poll_interval", set_duration, FIELD(config_service, poll_interval_ms),
     .roles = CORE, WITHIN(1000, TEN_YEARS), .expected = "a duration of 1s or more such as 5m"},
    {SECTION_SERVICE, "secret_file", set_secret, .repeatable = true, .content = CONTENT_SECRET,
     .roles = CORE, .expected = SECRET_FILE},
    {SECTION_SERVICE, "allow_unsigned", set_yes_no, FIELD(config_service, allow_unsigned),
     .fallback = "no", .roles = CORE, .expected = "yes or no"},
    {SECTION_SERVICE, "request_id", set_pointer, FIELD(config_service, pointers.request_id),
     .roles = CORE, .expected = JSON_POINTER},
    {SECTION_SERVICE, "decision", set_pointer, FIELD(config_service, pointers.decision),
     .roles = CORE, .expected = JSON_POINTER},
    {SECTION_SERVICE, "decided_by", set_pointer, FIELD(config_service, pointers.decided_by),
     .roles = CORE, .expected = JSON_POINTER},
    {SECTION_SERVICE, "decided_at", set_pointer, FIELD(config_service, pointers.decided_at),
     .roles = CORE, .expected = JSON_POINTER},
    {SECTION_SERVICE, "reason", set_pointer, FIELD(config_service, pointers.reason), .roles = CORE,
     .expected = JSON_POINTER},
    {SECTION_SERVICE, "event_id", set_pointer, FIELD(config_service, pointers.event_id),
     .roles = CORE, .expected = JSON_POINTER},

    {SECTION_ACTION, "accept", set_accept, FIELD(config_action, accept), .roles = CORE,
     .expected = "ask, register, or both with a comma between them"},
    {SECTION_ACTION, "service", set_text, FIELD(config_action, service), .roles = CORE,
     .expected = "the name of a service that has a url"},
    {SECTION_ACTION, "on_granted", set_hook_names, FIELD(config_action, on_granted), .roles = CORE,
     .expected = HOOK_NAMES},
    {SECTION_ACTION, "on_denied", set_hook_names, FIELD(config_action, on_denied), .roles = CORE,
     .expected = HOOK_NAMES},
    {SECTION_ACTION, "on_expired", set_hook_names, FIELD(config_action, on_expired), .roles = CORE,
     .expected = HOOK_NAMES},
    {SECTION_ACTION, "on_failed", set_hook_names, FIELD(config_action, on_failed), .roles = CORE,
     .expected = HOOK_NAMES},
    {SECTION_ACTION, "expires_in", set_duration, FIELD(config_action, expires_in_ms), .roles = CORE,
     WITHIN(1, TEN_YEARS), .expected = SPAN},
    {SECTION_ACTION, "require_approval_if", set_policy,
     FIELD(config_action, policy.require_approval_if), .roles = CORE, .expected = CONDITION},
    {SECTION_ACTION, "refuse_if", set_policy, FIELD(config_action, policy.refuse_if), .roles = CORE,
     .expected = CONDITION},
    {SECTION_ACTION, "max_per_day", set_number, FIELD(config_action, policy.max_per_day),
     .roles = CORE, WITHIN(1, 1000000), .expected = "a number from 1 to 1000000"},

    {SECTION_HOOK, "exec", set_words, .roles = RUNNER, .hooks = EXEC,
     .expected = "a program, by absolute path or by its name in PATH, and its arguments"},
    {SECTION_HOOK, "shell", set_text, FIELD(config_hook, shell), .roles = RUNNER, .hooks = SHELL,
     .expected = "text for /bin/sh"},
    {SECTION_HOOK, "http", set_call, .roles = CALLER, .hooks = CALLS,
     .expected = "METHOD URL, such as POST https://hooks.example.com/team"},
    {SECTION_HOOK, "timeout", set_duration, FIELD(config_hook, timeout_ms), .fallback = "5m",
     .http_fallback = "30s", .roles = RUNNER | CALLER, .hooks = ANY_HOOK, WITHIN(1, TEN_YEARS),
     .expected = SPAN},
    {SECTION_HOOK, "retries", set_number, FIELD(config_hook, retries), .fallback = "0",
     .http_fallback = "5", .roles = CORE, .hooks = ANY_HOOK, WITHIN(0, 1000),
     .expected = "a number from 0 to 1000"},
    {SECTION_HOOK, "backoff", set_duration, FIELD(config_hook, backoff_ms), .fallback = "2s",
     .roles = CORE, .hooks = ANY_HOOK, WITHIN(1, TEN_YEARS), .expected = SPAN},
    {SECTION_HOOK, "backoff_max", set_duration, FIELD(config_hook, backoff_max_ms),
     .fallback = "10m", .roles = CORE, .hooks = ANY_HOOK, WITHIN(1, TEN_YEARS), .expected = SPAN},
    {SECTION_HOOK, "concurrency", set_number, FIELD(config_hook, concurrency), .fallback = "0",
     .roles = CORE, .hooks = ANY_HOOK, WITHIN(0, 1024), .expected = "a number from 0 to 1024"},
    {SECTION_HOOK, "rate", set_rate, FIELD(config_hook, rate), .roles = CORE, .hooks = ANY_HOOK,
     .expected = "a rate such as 5/s, 10/min or 500/h"},
    {SECTION_HOOK, "delay", set_duration, FIELD(config_hook, delay_ms), .fallback = "0",
     .roles = CORE, .hooks = ANY_HOOK, .expected = DURATION},
    {SECTION_HOOK, "for_each", set_for_each, FIELD(config_hook, for_each), .roles = CORE,
     .hooks = ANY_HOOK,
     .expected = "the path of an array in the context, such as context.recipients"},
    {SECTION_HOOK, "on_interrupt", set_on_interrupt, FIELD(config_hook, on_interrupt),
     .roles = RUNNER | CALLER, .hooks = ANY_HOOK, .expected = "hold or retry"},
    {SECTION_HOOK, "output_limit", set_size, FIELD(config_hook, output_limit), .fallback = "64K",
     .roles = RUNNER | CALLER, .hooks = ANY_HOOK, WITHIN(0, 2 << 20),
     .expected = "a size of 0 to 2M such as 64K"},

    {SECTION_HOOK, "kill_after", set_duration, FIELD(config_hook, kill_after_ms), .fallback = "10s",
     .roles = RUNNER, .hooks = PROGRAMS, .expected = DURATION},
    {SECTION_HOOK, "workdir", set_absolute_path, FIELD(config_hook, workdir), .roles = RUNNER,
     .hooks = PROGRAMS, .expected = "the absolute path of a directory"},
    {SECTION_HOOK, "umask", set_octal, FIELD(config_hook, umask), .fallback = "077",
     .roles = RUNNER, .hooks = PROGRAMS, .expected = "an octal mask such as 077 or 022"},
    {SECTION_HOOK, "env", set_env, .repeatable = true, .roles = RUNNER, .hooks = PROGRAMS,
     .expected = "NAME=VALUE"},

    {SECTION_HOOK, "header", set_header, .repeatable = true, .roles = CALLER, .hooks = CALLS,
     .expected = "Name: value"},
    {SECTION_HOOK, "body", set_body, .roles = CALLER, .hooks = CALLS,
     .expected = "JSON, in which strings may hold placeholders, or text without placeholders"},
    {SECTION_HOOK, "body_file", set_body, .content = CONTENT_TEXT, .roles = CALLER, .hooks = CALLS,
     .expected = "the name of a file that holds JSON, in which strings may hold placeholders, or "
                 "text without placeholders"},
    {SECTION_HOOK, "bearer_file", set_bearer, .content = CONTENT_SECRET, .roles = CALLER,
     .hooks = CALLS, .expected = SECRET_FILE},
    {SECTION_HOOK, "expect", set_expect, .fallback = "200-299", .roles = CALLER, .hooks = CALLS,
     .expected = "statuses from 200 to 599 such as 200-299, 404"},
    {SECTION_HOOK, "tls_ca", set_tls_ca, .content = CONTENT_TEXT, .roles = CALLER, .hooks = CALLS,
     .expected = "the name of a file with certificates in PEM form"},
    {SECTION_HOOK, "redirects", set_number, FIELD(config_hook, redirects), .fallback = "0",
     .roles = CALLER, .hooks = CALLS, WITHIN(0, 10), .expected = "a number from 0 to 10"},
};

#define KEY_COUNT (sizeof keys / sizeof keys[0])

const struct section_rule *section_rule(enum config_section section)
{
    return &sections[section];
}

enum config_section section_from_kind(const char *kind)
{
    enum config_section section = 0;
    while (section < SECTION_COUNT && strcmp(sections[section].kind, kind) != 0) {
        section++;
    }
    return section;
}

const struct config_key *config_key_at(size_t index)
{
    return index < KEY_COUNT ? &keys[index] : NULL;
}

const struct config_key *config_key_find(enum config_section section, const char *name)
{
    for (size_t i = 0; i < KEY_COUNT; i++) {
        if (keys[i].section == section && strcmp(keys[i].name, name) == 0) {
            return &keys[i];
        }
    }
    return NULL;
}

#define HINT_LIMIT 32 /* characters of a name that are compared */

/* How many characters must be put in, left out, replaced or swapped with their neighbour to make
 * one of the names the other. */
static size_t distance_between(const char *left, const char *right)
{
    size_t left_length = strnlen(left, HINT_LIMIT);
    size_t right_length = strnlen(right, HINT_LIMIT);
    size_t table[HINT_LIMIT + 1][HINT_LIMIT + 1];
    for (size_t i = 0; i <= left_length; i++) {
        for (size_t j = 0; j <= right_length; j++) {
            if (i == 0 || j == 0) {
                table[i][j] = i + j;
                continue;
            }
            size_t best = table[i - 1][j - 1] + (left[i - 1] != right[j - 1]);
            best = table[i - 1][j] < best ? table[i - 1][j] + 1 : best;
            best = table[i][j - 1] < best ? table[i][j - 1] + 1 : best;
            if (i > 1 && j > 1 && left[i - 1] == right[j - 2] && left[i - 2] == right[j - 1] &&
                table[i - 2][j - 2] < best) {
                best = table[i - 2][j - 2] + 1;
            }
            table[i][j] = best;
        }
    }
    return table[left_length][right_length];
}

/* The nearer of two candidates; one of which more than half would change is none. */
static const char *nearer(const char *name, const char *candidate, const char *best)
{
    size_t distance = distance_between(name, candidate);
    if (distance * 2 > strlen(candidate)) {
        return best;
    }
    return !best || distance < distance_between(name, best) ? candidate : best;
}

const char *config_key_hint(enum config_section section, const char *name)
{
    const char *best = NULL;
    for (size_t i = 0; i < KEY_COUNT; i++) {
        if (keys[i].section == section) {
            best = nearer(name, keys[i].name, best);
        }
    }
    return best;
}

const char *section_hint(const char *kind)
{
    const char *best = NULL;
    for (size_t i = 0; i < SECTION_COUNT; i++) {
        best = nearer(kind, sections[i].kind, best);
    }
    return best;
}
