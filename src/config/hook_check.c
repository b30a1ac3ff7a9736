/*
 * What the settings of a hook have to do with each other: placeholders of items belong to for_each,
 * and pauses grow.
 */
#include <errno.h>
#include <string.h>

#include "assent/config/build.h"
#include "assent/config/setters.h"

struct check {
    const struct config_hook *hook;
    const struct source_section *section;
    struct config_report *report;
};

/* --- placeholders ----------------------------------------------------------------------------- */

static bool is_of_an_item(const char *name)
{
    return strcmp(name, "item") == 0 || strncmp(name, "item.", 5) == 0 ||
           strcmp(name, "index") == 0;
}

/* True if it is the array of which an item has one element only, or something in it. */
static bool is_of_the_array(const struct check *check, const char *name)
{
    static const char prefix[] = "context.";
    const char *array = check->hook->for_each;
    if (!array || strncmp(name, prefix, sizeof prefix - 1) != 0) {
        return false;
    }
    name += sizeof prefix - 1;
    size_t length = strlen(array);
    return strncmp(name, array, length) == 0 && (name[length] == '\0' || name[length] == '.');
}

/* Tells of the first placeholder that can't have a value here. True if there is one. */
static bool check_template(const struct check *check, const struct source_entry *entry,
                           const struct template *template)
{
    bool fan_out = source_find(check->section, "for_each") != NULL;
    const char *name;
    for (size_t i = 0; (name = template_name_at(template, i)) != NULL; i++) {
        if (is_of_an_item(name) && !fan_out) {
            source_report(check->report, check->section, entry,
                          "there is no {%.100s} in a hook without for_each; expected for_each = "
                          "context.PATH beside it, or another placeholder",
                          name);
        } else if (is_of_the_array(check, name)) {
            source_report(check->report, check->section, entry,
                          "{%.100s} is not there in a run for one item of it; expected {item} for "
                          "the element, or {item.PATH} for something in it",
                          name);
        } else {
            continue;
        }
        return true;
    }
    return false;
}

static void check_words(const struct check *check)
{
    const struct config_templates *words = &check->hook->words;
    const struct source_entry *entry = source_find(check->section, "exec");
    size_t i = 0;
    while (i < words->count && !check_template(check, entry, words->items[i])) {
        i++;
    }
}

/* Headers are read again: one that is none has been told of, and is not among the hook's. */
static int check_headers(const struct check *check)
{
    for (size_t i = 0; i < check->section->entry_count; i++) {
        const struct source_entry *entry = &check->section->entries[i];
        struct template *header;
        struct problem problem;
        if (entry->key->set != set_header) {
            continue;
        }
        int r = template_compile(TEMPLATE_HEADER, entry->value, &header, &problem);
        if (r == -ENOMEM) {
            return r;
        }
        if (r == 0) {
            (void)check_template(check, entry, header);
            template_free(header);
        }
    }
    return 0;
}

static int check_call(const struct check *check)
{
    const struct source_entry *body = source_find(check->section, "body");
    if (!body) {
        body = source_find(check->section, "body_file");
    }
    if (check->hook->url) {
        (void)check_template(check, source_find(check->section, "http"), check->hook->url);
    }
    if (check->hook->body) {
        (void)check_template(check, body, check->hook->body);
    }
    return check_headers(check);
}

/* --- pauses ----------------------------------------------------------------------------------- */

static void check_pauses(const struct check *check)
{
    const struct source_entry *longest = source_find(check->section, "backoff_max");
    bool known = check->hook->backoff_ms > 0 && check->hook->backoff_max_ms > 0;
    if (!known || check->hook->backoff_ms <= check->hook->backoff_max_ms) {
        return;
    }
    if (longest) {
        source_report(check->report, check->section, longest,
                      "this is shorter than backoff; expected the longest pause, not shorter than "
                      "the first one");
    } else {
        source_report(
            check->report, check->section, source_find(check->section, "backoff"),
            "this is longer than backoff_max, which is %s unless it is given; expected "
            "backoff_max beside it",
            source_fallback(check->section, config_key_find(SECTION_HOOK, "backoff_max")));
    }
}

int hook_check(const struct config_hook *hook, const struct source_section *section,
               struct config_report *report)
{
    const struct check check = {hook, section, report};
    check_words(&check);
    check_pauses(&check);
    return hook->kind == HOOK_HTTP ? check_call(&check) : 0;
}
