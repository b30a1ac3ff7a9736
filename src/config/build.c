#include "assent/config/build.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct builder {
    struct config *config;
    const struct config_source *source;
    enum role role;
    struct config_report *report;
};

static bool knows(const struct builder *builder, const struct config_key *key)
{
    return builder->role == ROLE_COUNT || (key->roles & 1u << builder->role) != 0;
}

static int apply_default(const struct source_section *section, const struct config_key *key,
                         void *object)
{
    struct problem problem;
    char *value = strdup(source_fallback(section, key));
    if (!value) {
        return -ENOMEM;
    }
    struct source_entry entry = {.key = key, .value = value};
    int r = key->set(&entry, object, &problem);
    free(value);
    return r;
}

static int apply_defaults(const struct builder *builder, const struct source_section *section,
                          void *object)
{
    int r = 0;
    const struct config_key *key;
    for (size_t i = 0; r == 0 && (key = config_key_at(i)) != NULL; i++) {
        if (source_key_applies(section, key) && knows(builder, key) &&
            source_fallback(section, key) && !source_find(section, key->name)) {
            r = apply_default(section, key, object);
        }
    }
    return r;
}

static void report_foreign(const struct builder *builder, const struct source_section *section,
                           const struct source_entry *entry)
{
    static const char *const names[] = {
        [HOOK_EXEC] = "exec", [HOOK_SHELL] = "shell", [HOOK_HTTP] = "http"};
    bool of_calls = (entry->key->hooks & 1u << HOOK_HTTP) != 0;
    if (strcmp(entry->key->name, names[HOOK_EXEC]) == 0 ||
        strcmp(entry->key->name, names[HOOK_SHELL]) == 0 ||
        strcmp(entry->key->name, names[HOOK_HTTP]) == 0) {
        return;
    }
    source_report(builder->report, section, entry,
                  "a hook with %s does not have this; expected it "
                  "only beside %s",
                  names[section->hook.kind], of_calls ? "http" : "exec or shell");
}

static int apply_entry(const struct builder *builder, const struct source_section *section,
                       const struct source_entry *entry, void *object)
{
    struct problem problem;
    if (!source_key_applies(section, entry->key)) {
        report_foreign(builder, section, entry);
        return 0;
    }
    if (entry->value[0] == '\0') {
        source_report(builder->report, section, entry, "there is no value; expected %s",
                      entry->key->expected);
        return 0;
    }
    if (entry->key->content != CONTENT_NONE && !entry->loaded) {
        return 0;
    }
    int r = entry->key->set(entry, object, &problem);
    if (r != -EINVAL) {
        return r;
    }
    source_report(builder->report, section, entry, "%s; expected %s", problem.text,
                  entry->key->expected);
    return 0;
}

static int build_section(const struct builder *builder, const struct source_section *section,
                         void *object)
{
    if (section->kind == SECTION_HOOK && !section->hook.known) {
        return 0;
    }
    int r = apply_defaults(builder, section, object);
    for (size_t i = 0; r == 0 && i < section->entry_count; i++) {
        r = apply_entry(builder, section, &section->entries[i], object);
    }
    return r;
}

/* A section of a kind without names: the configuration itself is the object, also where the section
 * does not stand in the files, unless it is an optional one. */
static int build_single(const struct builder *builder, enum config_section kind)
{
    const struct source_section absent = {.kind = kind};
    int r = 0;
    size_t count = source_count(builder->source, kind);
    if (count == 0 && !section_rule(kind)->optional) {
        r = build_section(builder, &absent, builder->config);
    }
    for (size_t i = 0; r == 0 && i < count; i++) {
        r = build_section(builder, source_nth(builder->source, kind, i), builder->config);
    }
    return r;
}

static int build_service(const struct builder *builder, const struct source_section *section)
{
    struct config_service *service = &builder->config->services[builder->config->service_count++];
    service->name = strdup(section->name);
    return service->name ? build_section(builder, section, service) : -ENOMEM;
}

static int build_action(const struct builder *builder, const struct source_section *section)
{
    struct config_action *action = &builder->config->actions[builder->config->action_count++];
    action->name = strdup(section->name);
    return action->name ? build_section(builder, section, action) : -ENOMEM;
}

static int build_hook(const struct builder *builder, const struct source_section *section)
{
    struct config_hook *hook = &builder->config->hooks[builder->config->hook_count++];
    hook->name = strdup(section->name);
    hook->kind = section->hook.kind;
    int r = hook->name ? build_section(builder, section, hook) : -ENOMEM;
    return r == 0 ? hook_complete(hook, section) : r;
}

static int build_named(const struct builder *builder, const struct source_section *section)
{
    switch (section->kind) {
    case SECTION_SERVICE:
        return build_service(builder, section);
    case SECTION_ACTION:
        return build_action(builder, section);
    case SECTION_HOOK:
        return build_hook(builder, section);
    default:
        return 0;
    }
}

static int allocate(struct config *config, const struct config_source *source)
{
    /* One more each: calloc may give NULL for none. */
    config->services = calloc(source_count(source, SECTION_SERVICE) + 1, sizeof *config->services);
    config->actions = calloc(source_count(source, SECTION_ACTION) + 1, sizeof *config->actions);
    config->hooks = calloc(source_count(source, SECTION_HOOK) +
                               builtin_count(source_count(source, SECTION_SERVICE)),
                           sizeof *config->hooks);
    bool complete = config->services && config->actions && config->hooks;
    return complete ? 0 : -ENOMEM;
}

int config_build(const struct config_source *source, enum role role, struct config_report *report,
                 struct config **ret_config)
{
    struct config *config = calloc(1, sizeof *config);
    if (!config) {
        return -ENOMEM;
    }
    struct builder builder = {config, source, role, report};
    int r = allocate(config, source);
    for (enum config_section kind = 0; r == 0 && kind < SECTION_COUNT; kind++) {
        if (!section_rule(kind)->named) {
            r = build_single(&builder, kind);
        }
    }
    for (size_t i = 0; r == 0 && i < source->section_count; i++) {
        r = build_named(&builder, &source->sections[i]);
    }
    if (r == 0) {
        r = builtin_add(config);
    }
    if (r < 0) {
        config_free(config);
        return r;
    }
    *ret_config = config;
    return 0;
}
