#include "assent/supervisor/restart_only.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "assent/base/log.h"

static bool same_texts(const struct config_texts *left, const struct config_texts *right)
{
    bool same = left->count == right->count;

    for (size_t i = 0; same && i < left->count; i++) {
        same = strcmp(left->items[i], right->items[i]) == 0;
    }
    return same;
}

static bool same_text(const char *left, const char *right)
{
    return left && right ? strcmp(left, right) == 0 : left == right;
}

static void warn_of_restart(const char *key, bool changed)
{
    if (changed) {
        log_event(LOG_LEVEL_WARNING, "a change takes effect at the next restart only", "key", key,
                  NULL);
    }
}

/* The sockets of [control] and [agent], or of the one that came or went. */
static void warn_of_changes(const char *section, const struct config_interface *old,
                            const struct config_interface *interface)
{
    const struct {
        const char *key;
        bool changed;
    } keys[] = {
        {"socket", !same_text(old->socket, interface->socket)},
        {"socket_mode", old->socket_mode != interface->socket_mode},
        {"socket_group", !same_text(old->socket_group, interface->socket_group)},
        {"listen", !same_texts(&old->listen, &interface->listen)},
    };

    for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++) {
        char name[64];

        (void)snprintf(name, sizeof name, "[%s] %s", section, keys[i].key);
        warn_of_restart(name, keys[i].changed);
    }
}

void restart_only_warn(const struct config *old, const struct config *config)
{
    warn_of_restart("[server] listen", !same_texts(&old->listen, &config->listen));
    warn_of_restart("[server] tls_certificate",
                    (old->tls_certificate.length == 0) != (config->tls_certificate.length == 0));
    warn_of_changes("control", &old->control, &config->control);
    warn_of_changes("agent", &old->agent, &config->agent);
    warn_of_restart("[store] path", strcmp(old->store_path, config->store_path) != 0);
    warn_of_restart("[server] jail", old->jail != config->jail);
}
