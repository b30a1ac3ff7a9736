#include "assent/config/config.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "assent/base/digest.h"
#include "assent/config/source.h"

const struct config_service *config_service(const struct config *config, const char *name)
{
    for (size_t i = 0; i < config->service_count; i++) {
        if (strcmp(config->services[i].name, name) == 0) {
            return &config->services[i];
        }
    }
    return NULL;
}

static const struct config_action *find_action(const struct config *config, const char *name)
{
    for (size_t i = 0; i < config->action_count; i++) {
        if (strcmp(config->actions[i].name, name) == 0) {
            return &config->actions[i];
        }
    }
    return NULL;
}

const struct config_action *config_action(const struct config *config, const char *name)
{
    const struct config_action *action = find_action(config, name);
    return action ? action : find_action(config, "*");
}

const struct config_hook *config_hook(const struct config *config, const char *name)
{
    for (size_t i = 0; i < config->hook_count; i++) {
        if (strcmp(config->hooks[i].name, name) == 0) {
            return &config->hooks[i];
        }
    }
    return NULL;
}

const struct config_hook *config_hook_of(const struct config *config, enum hook_purpose purpose,
                                         const char *service)
{
    for (size_t i = 0; i < config->hook_count; i++) {
        const struct config_hook *hook = &config->hooks[i];
        const char *space = strchr(hook->name, ' ');
        if (hook->purpose == purpose && space && strcmp(space + 1, service) == 0) {
            return hook;
        }
    }
    return NULL;
}

/* Where agents ask the service themselves, all that is left for them here is to register. */
static unsigned default_ways(const struct config_service *service)
{
    return service && service->url ? WAY_ASK : WAY_REGISTER;
}

unsigned config_ways(const struct config *config, const char *action,
                     const struct config_service *service)
{
    const struct config_action *section = config_action(config, action);
    return section && section->accept != 0 ? section->accept : default_ways(service);
}

int config_digests(const struct config *config, enum role role,
                   struct protocol_digests *ret_digests)
{
    enum role executor_of[] = {
        [HOOK_EXEC] = ROLE_RUNNER, [HOOK_SHELL] = ROLE_RUNNER, [HOOK_HTTP] = ROLE_CALLER};
    struct protocol_digest *digests = calloc(config->hook_count + 1, sizeof *digests);
    size_t count = 0;
    if (!digests) {
        return -ENOMEM;
    }
    for (size_t i = 0; i < config->hook_count; i++) {
        const struct config_hook *hook = &config->hooks[i];
        if (executor_of[hook->kind] != role) {
            continue;
        }
        digests[count].hook = hook->name;
        memcpy(digests[count].digest, hook->digest, sizeof digests[count].digest);
        count++;
    }
    *ret_digests = (struct protocol_digests){.count = count, .digests = digests};
    return 0;
}

static void free_texts(struct config_texts *texts)
{
    for (size_t i = 0; i < texts->count; i++) {
        free(texts->items[i]);
    }
    free(texts->items);
}

static void free_templates(struct config_templates *templates)
{
    for (size_t i = 0; i < templates->count; i++) {
        template_free(templates->items[i]);
    }
    free(templates->items);
}

static void free_secret(struct signature_secret *secret)
{
    if (secret->bytes) {
        digest_wipe(secret->bytes, secret->length);
    }
    free(secret->bytes);
}

static void free_service(struct config_service *service)
{
    for (size_t i = 0; i < service->secret_count; i++) {
        free_secret(&service->secrets[i]);
    }
    free(service->secrets);
    free(service->name);
    free(service->path);
    free(service->url);
    free(service->callback_url);
    free_secret(&service->api_key);
    free_secret(&service->tls_ca);
    free((char *)service->pointers.request_id);
    free((char *)service->pointers.decision);
    free((char *)service->pointers.decided_by);
    free((char *)service->pointers.decided_at);
    free((char *)service->pointers.reason);
    free((char *)service->pointers.event_id);
}

static void free_interface(struct config_interface *interface)
{
    for (size_t i = 0; i < interface->token_count; i++) {
        free(interface->tokens[i].name);
        free_secret(&interface->tokens[i].token);
    }
    free(interface->tokens);
    free_texts(&interface->listen);
    free(interface->socket);
    free(interface->socket_group);
}

static void free_action(struct config_action *action)
{
    free(action->name);
    free(action->service);
    free_texts(&action->on_granted);
    free_texts(&action->on_denied);
    free_texts(&action->on_expired);
    free_texts(&action->on_failed);
    policy_free(action->policy.require_approval_if);
    policy_free(action->policy.refuse_if);
}

static void free_hook(struct config_hook *hook)
{
    free(hook->name);
    free(hook->for_each);
    free_templates(&hook->words);
    free(hook->shell);
    free(hook->workdir);
    free_texts(&hook->env);
    free(hook->method);
    template_free(hook->url);
    free_templates(&hook->headers);
    template_free(hook->body);
    free(hook->body_verbatim);
    free_secret(&hook->bearer);
    free(hook->expect);
    free_secret(&hook->tls_ca);
}

void config_free(struct config *config)
{
    if (!config) {
        return;
    }
    free_texts(&config->listen);
    free_interface(&config->control);
    free_interface(&config->agent);
    free(config->trusted_proxies.networks);
    free_secret(&config->tls_certificate);
    free_secret(&config->tls_key);
    free_secret(&config->client_ca);
    free(config->store_path);
    free_texts(&config->relay_allow);
    free_secret(&config->relay_secret);
    for (size_t i = 0; i < config->service_count; i++) {
        free_service(&config->services[i]);
    }
    for (size_t i = 0; i < config->action_count; i++) {
        free_action(&config->actions[i]);
    }
    for (size_t i = 0; i < config->hook_count; i++) {
        free_hook(&config->hooks[i]);
    }
    free(config->services);
    free(config->actions);
    free(config->hooks);
    source_free(config->source);
    free(config->source);
    free(config);
}
