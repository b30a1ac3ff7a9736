/*
 * What the files say, with every key known and the files that values name read, before it is made
 * into a struct config. The dump, the digests and what each role is given are made from it.
 *
 *   struct ini ──▶ struct config_source ──▶ struct config
 *                     │ pack   ▲ unpack
 *                     ▼        │
 *                      bytes for a role
 *
 * Owns: its texts, and the contents of secret files, which it wipes. Runs in: supervisor and
 * assentctl (from files), every role (while it unpacks). May call: ini, report.
 */
#ifndef ASSENT_CONFIG_SOURCE_H
#define ASSENT_CONFIG_SOURCE_H

#include <stdbool.h>
#include <stddef.h>

#include "assent/base/buffer.h"
#include "assent/config/config.h"
#include "assent/config/keys.h"
#include "assent/config/report.h"
#include "assent/domain/ini.h"

struct source_entry {
    const struct config_key *key;
    char *value;
    unsigned line;
    bool loaded; /* `content` is that of the file that the value names */
    struct buffer content;
};

/* What follows from a whole hook section, and is told to roles that do not see the section. */
struct source_hook {
    bool known; /* `kind` is valid */
    bool given; /* so is all else: it came with the bytes */
    enum hook_kind kind;
    enum on_interrupt on_interrupt;
    unsigned char digest[PROTOCOL_DIGEST_SIZE];
};

struct source_section {
    enum config_section kind;
    char *name; /* NULL where the kind has none */
    char *file;
    unsigned line;
    bool again; /* such a section came before it, which is an error */
    struct source_entry *entries;
    size_t entry_count;
    struct source_hook hook;
};

/* Empty is all zeros. */
struct config_source {
    struct source_section *sections;
    size_t section_count;
};

/* Takes the sections of `ini` as far as they are right and reports the rest: unknown sections and
 * keys, names that are none, what is given twice. 0 or -ENOMEM. */
int source_from_ini(struct config_source *source, const struct ini *ini,
                    struct config_report *report);

/* Appends an empty section or entry; `name` may be NULL. NULL without memory. */
struct source_section *source_add_section(struct config_source *source, enum config_section kind,
                                          const char *name, const char *file, unsigned line);
struct source_entry *source_add_entry(struct source_section *section, const struct config_key *key,
                                      const char *value, unsigned line);

/* The section's first entry with that key; NULL if it has none. */
const struct source_entry *source_find(const struct source_section *section, const char *key);

/* The section of that kind that has `index` such sections before it; NULL if there are fewer. */
const struct source_section *source_nth(const struct config_source *source,
                                        enum config_section kind, size_t index);
size_t source_count(const struct config_source *source, enum config_section kind);

/* True if a section of that kind, or a hook of that kind, has such a key. */
bool source_key_applies(const struct source_section *section, const struct config_key *key);
/* The text of the key's default there; NULL if it has none. */
const char *source_fallback(const struct source_section *section, const struct config_key *key);

/* One setting as it is in force: given (`entry`), or by default (`entry` is NULL). Returns 0 to go
 * on. */
typedef int source_visitor(void *userdata, const struct config_key *key,
                           const struct source_entry *entry, const char *value);
/* Visits every setting in force in the section, in the order of the table of keys. `hook` is what
 * was made of it if it is a hook, else NULL. Returns what the visitor did. */
int source_effective(const struct source_section *section, const struct config_hook *hook,
                     source_visitor *visit, void *userdata);

/* Reports something about a section (`entry` is NULL) or about one of its entries. */
void source_report(struct config_report *report, const struct source_section *section,
                   const struct source_entry *entry, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

/* Wipes and frees what it holds. Takes NULL. */
void source_free(struct config_source *source);

#endif
