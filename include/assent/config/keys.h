/*
 * The one table of all that may stand in a configuration file.
 *
 * Whatever has to know the keys asks here: building, errors and hints, the dump, what each role is
 * given, and the checks of the documents.
 *
 * Owns: constants. Runs in: supervisor, every role, assentctl. Pure.
 */
#ifndef ASSENT_CONFIG_KEYS_H
#define ASSENT_CONFIG_KEYS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "assent/base/problem.h"
#include "assent/base/role.h"

enum config_section {
    SECTION_SERVER,
    SECTION_CONTROL,
    SECTION_AGENT,
    SECTION_STORE,
    SECTION_REQUESTS,
    SECTION_RUNNER,
    SECTION_RELAY,
    SECTION_SERVICE,
    SECTION_ACTION,
    SECTION_HOOK,
    SECTION_COUNT,
};

struct section_rule {
    const char *kind;
    bool named;     /* [kind NAME], any number of them; else [kind], once */
    bool optional;  /* without the section there is nothing of it, not even its defaults */
    unsigned roles; /* that may know of such sections: bits of 1u << enum role */
};

/* What the file that a value names holds. */
enum key_content {
    CONTENT_NONE, /* the value names no file */
    CONTENT_SECRET,
    CONTENT_TEXT,
};

struct source_entry;

/* Puts the entry's value into `object` (struct config, config_service, config_action or
 * config_hook). Returns 0, -EINVAL with a problem that says what is wrong, or -ENOMEM. */
typedef int key_setter(const struct source_entry *entry, void *object, struct problem *ret_problem);

struct config_key {
    enum config_section section;
    const char *name;
    key_setter *set;
    size_t offset;             /* of the field in the object, for setters that serve several keys */
    const char *fallback;      /* the default as text; NULL if there is none */
    const char *http_fallback; /* in hooks of kind http, where it is another */
    const char *expected;      /* what a right value is, for errors */
    unsigned roles;            /* that may know the value: bits of 1u << enum role */
    unsigned hooks;            /* in [hook]: the kinds that have it, bits of 1u << enum hook_kind */
    enum key_content content;
    bool required;
    bool repeatable;
    int64_t minimum; /* of numbers; both 0: whatever the type allows */
    int64_t maximum;
};

const struct section_rule *section_rule(enum config_section section);
/* SECTION_COUNT if there is none of that kind. */
enum config_section section_from_kind(const char *kind);

/* The keys in the order in which they are shown, by section; NULL behind the last. */
const struct config_key *config_key_at(size_t index);
/* NULL if the section has no such key. */
const struct config_key *config_key_find(enum config_section section, const char *name);

/* A key or section that may have been meant by `name`; NULL if none is near. */
const char *config_key_hint(enum config_section section, const char *name);
const char *section_hint(const char *kind);

#endif
