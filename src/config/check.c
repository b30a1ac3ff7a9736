#include <errno.h>
#include <string.h>
#include <strings.h>

#include "assent/base/digest.h"
#include "assent/config/build.h"
#include "assent/config/certificate.h"
#include "assent/config/setters.h"

struct check {
    const struct config *config;
    const struct config_source *source;
    struct config_report *report;
};

static void check_required(const struct check *check, const struct source_section *section)
{
    const struct config_key *key;
    for (size_t i = 0; (key = config_key_at(i)) != NULL; i++) {
        if (key->required && source_key_applies(section, key) && !source_find(section, key->name)) {
            source_report(check->report, section, NULL, "%s is missing; expected %s", key->name,
                          key->expected);
        }
    }
}

static const struct source_section *service_section(const struct check *check, size_t index)
{
    return source_nth(check->source, SECTION_SERVICE, index);
}

/* The entry of the service's secret number `index`. */
static const struct source_entry *secret_entry(const struct source_section *section, size_t index)
{
    for (size_t i = 0; i < section->entry_count; i++) {
        if (strcmp(section->entries[i].key->name, "secret_file") == 0 &&
            section->entries[i].loaded && index-- == 0) {
            return &section->entries[i];
        }
    }
    return NULL;
}

static bool share_secret(const struct signature_secret *secret, const struct config_service *other)
{
    for (size_t i = 0; i < other->secret_count; i++) {
        if (secret->length == other->secrets[i].length &&
            digest_equal(secret->bytes, other->secrets[i].bytes, secret->length)) {
            return true;
        }
    }
    return false;
}

/* One service could answer for another. */
static void check_shared(const struct check *check, size_t index)
{
    const struct config_service *service = &check->config->services[index];
    const struct source_section *section = service_section(check, index);
    for (size_t i = 0; i < index; i++) {
        const struct config_service *other = &check->config->services[i];
        if (service->path && other->path && strcmp(service->path, other->path) == 0) {
            source_report(check->report, section, source_find(section, "path"),
                          "[service %s] has this path already; expected another for each service",
                          other->name);
        }
        for (size_t j = 0; j < service->secret_count; j++) {
            if (share_secret(&service->secrets[j], other)) {
                source_report(
                    check->report, section, secret_entry(section, j),
                    "[service %s] has the same secret; expected another for each service, "
                    "or one could answer for the other",
                    other->name);
            }
        }
    }
}

static void check_unsigned(const struct check *check, const struct config_service *service,
                           const struct source_section *section, const struct source_entry *scheme)
{
    if (!service->allow_unsigned) {
        source_report(check->report, section, scheme,
                      "anyone could decide; expected another "
                      "scheme, or allow_unsigned = yes beside it");
    }
    for (size_t i = 0; i < check->config->listen.count; i++) {
        if (!listen_is_local(check->config->listen.items[i])) {
            source_report(
                check->report, section, scheme,
                "anyone who reaches %s could decide; expected every [server] listen to be "
                "127.0.0.1, [::1], localhost or unix:",
                check->config->listen.items[i]);
        }
    }
}

static void check_token_alone(const struct check *check, const struct source_section *section)
{
    if (source_find(section, "secret_file")) {
        source_report(check->report, section, source_find(section, "secret_file"),
                      "with url-token alone no signature is checked; expected scheme = daimon, "
                      "url-token, or no secret_file");
    }
}

static void check_service(const struct check *check, size_t index)
{
    const struct config_service *service = &check->config->services[index];
    const struct source_section *section = service_section(check, index);
    const struct source_entry *scheme = source_find(section, "scheme");
    check_shared(check, index);
    if (!scheme) {
        return;
    }
    if (strcmp(scheme->value, "none") == 0) {
        check_unsigned(check, service, section, scheme);
    } else if (service->url_token && service->scheme == SIGNATURE_NONE) {
        check_token_alone(check, section);
    } else if (!source_find(section, "secret_file")) {
        source_report(check->report, section, scheme,
                      "signatures can't be checked without a "
                      "secret; expected at least one secret_file");
    }
}

static void check_names(const struct check *check, const struct source_section *section,
                        const char *key, const struct config_texts *names)
{
    for (size_t i = 0; i < names->count; i++) {
        const struct config_hook *hook = config_hook(check->config, names->items[i]);
        if (!hook || hook->purpose != PURPOSE_ACTION) {
            source_report(check->report, section, source_find(section, key),
                          "there is no hook %.100s; expected a section [hook %.100s]",
                          names->items[i], names->items[i]);
        }
    }
}

static void check_action(const struct check *check, size_t index)
{
    const struct config_action *action = &check->config->actions[index];
    const struct source_section *section = source_nth(check->source, SECTION_ACTION, index);
    check_names(check, section, "on_granted", &action->on_granted);
    check_names(check, section, "on_denied", &action->on_denied);
    check_names(check, section, "on_expired", &action->on_expired);
    check_names(check, section, "on_failed", &action->on_failed);
    if (source_find(section, "max_per_day") && !source_find(section, "require_approval_if")) {
        source_report(check->report, section, source_find(section, "max_per_day"),
                      "without require_approval_if approval is always required, and there is "
                      "nothing to count; expected require_approval_if beside it");
    }
}

/* A bearer token is a header of its own. */
static void check_authorization(const struct check *check, const struct source_section *section)
{
    if (!source_find(section, "bearer_file")) {
        return;
    }
    for (size_t i = 0; i < section->entry_count; i++) {
        const struct source_entry *entry = &section->entries[i];
        if (strcmp(entry->key->name, "header") == 0 &&
            strncasecmp(entry->value, "Authorization:", 14) == 0) {
            source_report(check->report, section, entry,
                          "bearer_file sets Authorization already; expected one of the two");
        }
    }
}

int config_check(const struct config *config, const struct config_source *source,
                 struct config_report *report)
{
    const struct check check = {config, source, report};
    for (size_t i = 0; i < source->section_count; i++) {
        if (!source->sections[i].again) {
            check_required(&check, &source->sections[i]);
        }
        if (source->sections[i].kind == SECTION_HOOK) {
            check_authorization(&check, &source->sections[i]);
        }
    }
    interfaces_check(config, source, report);
    certificate_check(config, source, report);
    asking_check(config, source, report);
    for (size_t i = 0; i < config->service_count; i++) {
        check_service(&check, i);
    }
    for (size_t i = 0; i < config->action_count; i++) {
        check_action(&check, i);
    }
    int r = 0;
    /* Behind those of sections there are hooks that follow from services. */
    for (size_t i = 0; r == 0 && i < source_count(source, SECTION_HOOK); i++) {
        r = hook_check(&config->hooks[i], source_nth(source, SECTION_HOOK, i), report);
    }
    return report->out_of_memory ? -ENOMEM : r;
}
