#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "assent/base/pack.h"
#include "assent/config/build.h"

static bool may_know(unsigned roles, enum role role)
{
    return (roles & 1u << role) != 0;
}

/* True if the role may know of the section at all. Runner and caller know their own hooks only, and the
 * caller services that it asks. */
static bool may_see(const struct source_section *section, enum role role)
{
    if (!may_know(section_rule(section->kind)->roles, role)) {
        return false;
    }
    if (section->kind == SECTION_SERVICE && role == ROLE_CALLER) {
        return source_find(section, "url") != NULL;
    }
    if (section->kind != SECTION_HOOK || role == ROLE_CORE) {
        return true;
    }
    return (section->hook.kind == HOOK_HTTP) == (role == ROLE_CALLER);
}

static void pack_hook(struct packer *packer, const struct config_hook *hook)
{
    pack_u8(packer, (uint8_t)hook->kind);
    pack_u8(packer, (uint8_t)hook->on_interrupt);
    pack_bytes(packer, hook->digest, sizeof hook->digest);
}

static void pack_entry(struct packer *packer, const struct source_entry *entry)
{
    pack_text(packer, entry->key->name);
    pack_text(packer, entry->value);
    pack_u8(packer, entry->loaded);
    if (entry->loaded) {
        pack_bytes(packer, entry->content.data, entry->content.length);
    }
}

static void pack_section(struct packer *packer, const struct source_section *section,
                         const struct config_hook *hook, enum role role)
{
    uint32_t count = 0;
    for (size_t i = 0; i < section->entry_count; i++) {
        count += may_know(section->entries[i].key->roles, role);
    }
    pack_u8(packer, (uint8_t)section->kind);
    pack_text(packer, section->name);
    if (hook) {
        pack_hook(packer, hook);
    }
    pack_u32(packer, count);
    for (size_t i = 0; i < section->entry_count; i++) {
        if (may_know(section->entries[i].key->roles, role)) {
            pack_entry(packer, &section->entries[i]);
        }
    }
}

int config_pack(const struct config *config, enum role role, struct buffer *out)
{
    const struct config_source *source = config->source;
    struct packer packer = packer_to(out);
    uint32_t count = 0;
    size_t hook = 0;
    for (size_t i = 0; i < source->section_count; i++) {
        count += may_see(&source->sections[i], role);
    }
    pack_u8(&packer, (uint8_t)role);
    pack_u32(&packer, count);
    for (size_t i = 0; i < source->section_count; i++) {
        const struct source_section *section = &source->sections[i];
        bool is_hook = section->kind == SECTION_HOOK;
        if (may_see(section, role)) {
            pack_section(&packer, section, is_hook ? &config->hooks[hook] : NULL, role);
        }
        hook += is_hook;
    }
    return packer.error;
}

static int unpack_hook(struct unpacker *unpacker, struct source_section *section)
{
    uint8_t kind = unpack_u8(unpacker);
    uint8_t on_interrupt = unpack_u8(unpacker);
    size_t length;
    const void *digest = unpack_bytes(unpacker, &length);
    if (unpacker->error < 0 || kind > HOOK_HTTP || on_interrupt > ON_INTERRUPT_RETRY ||
        length != PROTOCOL_DIGEST_SIZE) {
        return -EBADMSG;
    }
    section->hook = (struct source_hook){
        .known = true,
        .given = true,
        .kind = (enum hook_kind)kind,
        .on_interrupt = (enum on_interrupt)on_interrupt,
    };
    memcpy(section->hook.digest, digest, length);
    return 0;
}

static int unpack_entry(struct unpacker *unpacker, struct source_section *section, enum role role)
{
    const char *name = unpack_required_text(unpacker);
    const char *value = unpack_required_text(unpacker);
    bool loaded = unpack_u8(unpacker) != 0;
    size_t length = 0;
    const void *content = loaded ? unpack_bytes(unpacker, &length) : NULL;
    if (unpacker->error < 0) {
        return unpacker->error;
    }
    const struct config_key *key = config_key_find(section->kind, name);
    if (!key || !may_know(key->roles, role) || loaded != (key->content != CONTENT_NONE) ||
        (!key->repeatable && source_find(section, name))) {
        return -EBADMSG;
    }
    struct source_entry *entry = source_add_entry(section, key, value, 0);
    if (!entry) {
        return -ENOMEM;
    }
    entry->loaded = loaded;
    if (!loaded) {
        return 0;
    }
    /* An empty file has a place in memory too. */
    int r = buffer_reserve(&entry->content, length + 1);
    return r == 0 ? buffer_append(&entry->content, content, length) : r;
}

static int unpack_section(struct unpacker *unpacker, struct config_source *source, enum role role)
{
    uint8_t kind = unpack_u8(unpacker);
    const char *name = unpack_text(unpacker);
    if (unpacker->error < 0 || kind >= SECTION_COUNT ||
        section_rule((enum config_section)kind)->named != (name != NULL)) {
        return -EBADMSG;
    }
    struct source_section *section =
        source_add_section(source, (enum config_section)kind, name, "configuration", 0);
    if (!section) {
        return -ENOMEM;
    }
    int r = kind == SECTION_HOOK ? unpack_hook(unpacker, section) : 0;
    uint32_t count = unpack_u32(unpacker);
    for (uint32_t i = 0; r == 0 && i < count; i++) {
        r = unpack_entry(unpacker, section, role);
    }
    return r;
}

static int unpack_source(struct unpacker *unpacker, struct config_source *source,
                         enum role *ret_role)
{
    uint8_t role = unpack_u8(unpacker);
    uint32_t count = unpack_u32(unpacker);
    int r = unpacker->error < 0 || role >= ROLE_COUNT ? -EBADMSG : 0;
    for (uint32_t i = 0; r == 0 && i < count; i++) {
        r = unpack_section(unpacker, source, (enum role)role);
    }
    if (r == 0) {
        r = unpack_end(unpacker);
    }
    *ret_role = (enum role)role;
    return r;
}

int config_unpack(const void *bytes, size_t length, struct config **ret_config)
{
    struct unpacker unpacker = unpacker_of(bytes, length);
    struct config_source source = {0};
    struct config_report report = {0};
    struct config *config = NULL;
    enum role role;
    int r = unpack_source(&unpacker, &source, &role);
    if (r == 0) {
        r = config_build(&source, role, &report, &config);
    }
    if (r == 0 && report.out_of_memory) {
        r = -ENOMEM;
    }
    if (r == 0 && report.line_count > 0) {
        r = -EBADMSG;
    }
    report_free(&report);
    source_free(&source);
    if (r < 0) {
        config_free(config);
    } else {
        *ret_config = config;
    }
    return r;
}
