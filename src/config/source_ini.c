#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "assent/config/source.h"
#include "assent/domain/request_id.h"

#define NAME_LIMIT        64
#define ACTION_NAME_LIMIT 200

/* 1 to 200 printable characters; brackets can't come through the parser. */
static bool action_name_valid(const char *name)
{
    if (strlen(name) > ACTION_NAME_LIMIT) {
        return false;
    }
    for (const unsigned char *at = (const unsigned char *)name; *at != '\0'; at++) {
        if (*at <= ' ' || *at == 0x7f) {
            return false;
        }
    }
    return name[0] != '\0';
}

static bool name_valid(enum config_section kind, const char *name)
{
    if (kind == SECTION_ACTION) {
        return action_name_valid(name);
    }
    return strlen(name) <= NAME_LIMIT && request_id_valid(name);
}

static const struct source_section *find_section(const struct config_source *source,
                                                 enum config_section kind, const char *name)
{
    for (size_t i = 0; i < source->section_count; i++) {
        const struct source_section *section = &source->sections[i];
        if (section->kind == kind && (!name || strcmp(section->name, name) == 0)) {
            return section;
        }
    }
    return NULL;
}

/* The section as it stands between the brackets, for errors. */
static void title_of(const struct ini_section *section, char title[300])
{
    (void)snprintf(title, 300, "%s%s%s", section->kind, section->name ? " " : "",
                   section->name ? section->name : "");
}

static void report_section(struct config_report *report, const struct ini_section *section,
                           const char *what)
{
    char title[300];
    title_of(section, title);
    report_add(report, section->file, section->line, title, NULL, what);
}

static void report_again(struct config_report *report, const struct ini_section *section,
                         const struct source_section *first)
{
    struct problem problem;
    problem_set(&problem, "given twice; expected once, and it is in %.300s:%u already", first->file,
                first->line);
    report_section(report, section, problem.text);
}

static void report_unknown_section(struct config_report *report, const struct ini_section *section)
{
    struct problem problem;
    const char *hint = section_hint(section->kind);
    if (hint) {
        problem_set(&problem, "unknown section; did you mean [%s%s]?", hint,
                    section_rule(section_from_kind(hint))->named ? " NAME" : "");
    } else {
        problem_set(&problem,
                    "unknown section; expected [server], [control], [agent], [store], [requests], "
                    "[runner], [relay], [service NAME], [action NAME] or [hook NAME]");
    }
    report_section(report, section, problem.text);
}

static bool check_name(struct config_report *report, const struct ini_section *section,
                       enum config_section kind)
{
    struct problem problem;
    if (!section_rule(kind)->named) {
        if (!section->name) {
            return true;
        }
        problem_set(&problem, "this section has no name; expected [%s]", section->kind);
    } else if (!section->name) {
        problem_set(&problem, "the name is missing; expected [%s NAME]", section->kind);
    } else if (name_valid(kind, section->name)) {
        return true;
    } else if (kind == SECTION_ACTION) {
        problem_set(&problem, "this can't be the name of an action; expected 1 to 200 printable "
                              "characters without white space, or *");
    } else {
        problem_set(&problem, "this can't be a name; expected 1 to 64 of A-Z a-z 0-9 . _ : - that "
                              "begin with a letter or digit");
    }
    report_section(report, section, problem.text);
    return false;
}

static void report_unknown_key(struct config_report *report, const struct ini_section *section,
                               enum config_section kind, const struct ini_entry *entry)
{
    struct buffer what = {0};
    char title[300];
    const char *hint = config_key_hint(kind, entry->key);
    title_of(section, title);
    int r = buffer_append_text(&what, "unknown key; ");
    if (hint && r == 0) {
        r = buffer_append_format(&what, "did you mean %s?", hint);
    } else if (r == 0) {
        r = buffer_append_format(&what, "[%s] has", section->kind);
    }
    const char *separator = " ";
    const struct config_key *key;
    for (size_t i = 0; r == 0 && !hint && (key = config_key_at(i)) != NULL; i++) {
        if (key->section != kind) {
            continue;
        }
        r = buffer_append_format(&what, "%s%s", separator, key->name);
        separator = ", ";
    }
    const char *text = r == 0 ? buffer_text(&what) : NULL;
    report_add(report, section->file, entry->line, title, entry->key, text ? text : "unknown key");
    buffer_free(&what);
}

static int take_entry(struct source_section *section, const struct ini_section *from,
                      const struct ini_entry *entry, struct config_report *report)
{
    const struct config_key *key = config_key_find(section->kind, entry->key);
    if (!key) {
        report_unknown_key(report, from, section->kind, entry);
        return 0;
    }
    struct source_entry unkept = {.key = key, .line = entry->line};
    const struct source_entry *first = source_find(section, key->name);
    if (first && !key->repeatable) {
        source_report(report, section, &unkept,
                      "given twice; expected once, and it is in line %u "
                      "already",
                      first->line);
        return 0;
    }
    return source_add_entry(section, key, entry->value, entry->line) ? 0 : -ENOMEM;
}

/* Which of exec, shell and http the hook has. */
static void find_hook_kind(struct source_section *section, struct config_report *report)
{
    static const char *const names[] = {
        [HOOK_EXEC] = "exec", [HOOK_SHELL] = "shell", [HOOK_HTTP] = "http"};
    for (size_t i = 0; i < section->entry_count; i++) {
        for (enum hook_kind kind = HOOK_EXEC; kind <= HOOK_HTTP; kind++) {
            if (strcmp(section->entries[i].key->name, names[kind]) != 0) {
                continue;
            }
            if (section->hook.known) {
                source_report(report, section, &section->entries[i],
                              "the hook has %s already; expected exactly one of exec, shell and "
                              "http",
                              names[section->hook.kind]);
            } else {
                section->hook = (struct source_hook){.known = true, .kind = kind};
            }
        }
    }
    if (!section->hook.known) {
        source_report(report, section, NULL,
                      "the hook has nothing to run; expected exactly one of "
                      "exec, shell and http");
    }
}

static int take_section(struct config_source *source, const struct ini_section *from,
                        struct config_report *report)
{
    enum config_section kind = section_from_kind(from->kind);
    if (kind == SECTION_COUNT) {
        report_unknown_section(report, from);
        return 0;
    }
    if (!check_name(report, from, kind)) {
        return 0;
    }
    const struct source_section *first = find_section(source, kind, from->name);
    bool again = first != NULL;
    if (again) {
        report_again(report, from, first);
    }
    struct source_section *section =
        source_add_section(source, kind, from->name, from->file, from->line);
    if (!section) {
        return -ENOMEM;
    }
    section->again = again;
    int r = 0;
    for (size_t i = 0; r == 0 && i < from->entry_count; i++) {
        r = take_entry(section, from, &from->entries[i], report);
    }
    if (r == 0 && kind == SECTION_HOOK) {
        find_hook_kind(section, report);
    }
    return r;
}

int source_from_ini(struct config_source *source, const struct ini *ini,
                    struct config_report *report)
{
    int r = 0;
    for (size_t i = 0; r == 0 && i < ini->section_count; i++) {
        r = take_section(source, &ini->sections[i], report);
    }
    return r;
}
