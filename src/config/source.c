#include "assent/config/source.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "assent/base/array.h"
#include "assent/config/setters.h"

struct source_section *source_add_section(struct config_source *source, enum config_section kind,
                                          const char *name, const char *file, unsigned line)
{
    struct source_section *sections =
        array_grow(source->sections, source->section_count, sizeof *sections);
    if (!sections) {
        return NULL;
    }
    source->sections = sections;
    struct source_section *section = &sections[source->section_count++];
    *section = (struct source_section){
        .kind = kind,
        .name = name ? strdup(name) : NULL,
        .file = strdup(file),
        .line = line,
    };
    bool complete = (section->name != NULL) == (name != NULL) && section->file;
    return complete ? section : NULL;
}

struct source_entry *source_add_entry(struct source_section *section, const struct config_key *key,
                                      const char *value, unsigned line)
{
    struct source_entry *entries =
        array_grow(section->entries, section->entry_count, sizeof *entries);
    if (!entries) {
        return NULL;
    }
    section->entries = entries;
    char *copy = strdup(value);
    if (!copy) {
        return NULL;
    }
    struct source_entry *entry = &entries[section->entry_count++];
    *entry = (struct source_entry){.key = key, .value = copy, .line = line};
    return entry;
}

const struct source_entry *source_find(const struct source_section *section, const char *key)
{
    for (size_t i = 0; i < section->entry_count; i++) {
        if (strcmp(section->entries[i].key->name, key) == 0) {
            return &section->entries[i];
        }
    }
    return NULL;
}

const struct source_section *source_nth(const struct config_source *source,
                                        enum config_section kind, size_t index)
{
    for (size_t i = 0; i < source->section_count; i++) {
        if (source->sections[i].kind == kind && index-- == 0) {
            return &source->sections[i];
        }
    }
    return NULL;
}

size_t source_count(const struct config_source *source, enum config_section kind)
{
    size_t count = 0;
    for (size_t i = 0; i < source->section_count; i++) {
        count += source->sections[i].kind == kind;
    }
    return count;
}

bool source_key_applies(const struct source_section *section, const struct config_key *key)
{
    if (key->section != section->kind) {
        return false;
    }
    return key->hooks == 0 || (section->hook.known && (key->hooks & 1u << section->hook.kind) != 0);
}

const char *source_fallback(const struct source_section *section, const struct config_key *key)
{
    if (key->http_fallback && section->hook.kind == HOOK_HTTP) {
        return key->http_fallback;
    }
    return key->fallback;
}

void source_report(struct config_report *report, const struct source_section *section,
                   const struct source_entry *entry, const char *format, ...)
{
    char what[1024];
    char title[300];
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(what, sizeof what, format, arguments);
    va_end(arguments);
    (void)snprintf(title, sizeof title, "%s%s%s", section_rule(section->kind)->kind,
                   section->name ? " " : "", section->name ? section->name : "");
    report_add(report, section->file, entry ? entry->line : section->line, title,
               entry ? entry->key->name : NULL, what);
}

/* The text in force where the section does not have the key; NULL if there is none. */
static const char *unsaid_value(const struct source_section *section,
                                const struct config_hook *hook, const struct config_key *key)
{
    if (key->set == set_on_interrupt) {
        return hook->on_interrupt == ON_INTERRUPT_RETRY ? "retry" : "hold";
    }
    return source_fallback(section, key);
}

int source_effective(const struct source_section *section, const struct config_hook *hook,
                     source_visitor *visit, void *userdata)
{
    int r = 0;
    const struct config_key *key;
    for (size_t i = 0; r == 0 && (key = config_key_at(i)) != NULL; i++) {
        if (!source_key_applies(section, key)) {
            continue;
        }
        bool said = false;
        for (size_t j = 0; r == 0 && j < section->entry_count; j++) {
            const struct source_entry *entry = &section->entries[j];
            if (entry->key != key) {
                continue;
            }
            said = true;
            r = visit(userdata, key, entry, entry->value);
        }
        const char *unsaid = said ? NULL : unsaid_value(section, hook, key);
        if (unsaid && r == 0) {
            r = visit(userdata, key, NULL, unsaid);
        }
    }
    return r;
}

void source_free(struct config_source *source)
{
    if (!source) {
        return;
    }
    for (size_t i = 0; i < source->section_count; i++) {
        struct source_section *section = &source->sections[i];
        for (size_t j = 0; j < section->entry_count; j++) {
            free(section->entries[j].value);
            buffer_wipe(&section->entries[j].content);
        }
        free(section->entries);
        free(section->name);
        free(section->file);
    }
    free(source->sections);
    *source = (struct config_source){0};
}
