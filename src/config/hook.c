#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "assent/base/array.h"
#include "assent/base/digest.h"
#include "assent/base/pack.h"
#include "assent/config/build.h"

/* True if the other end can tell a repeated call from a new one. */
static bool sends_job_key(const struct config_hook *hook)
{
    static const char name[] = "job.key";
    bool uses = (hook->url && template_uses(hook->url, name)) ||
                (hook->body && template_uses(hook->body, name));
    for (size_t i = 0; i < hook->headers.count; i++) {
        uses = uses || template_uses(hook->headers.items[i], name);
    }
    return uses;
}

/* A setting in force, as the digest sees it. */
struct setting {
    const char *key;
    const char *value;
    const struct buffer *content; /* of a file that is no secret, or NULL */
    size_t order;
};

struct settings {
    struct setting *items;
    size_t count;
};

static int collect(void *userdata, const struct config_key *key, const struct source_entry *entry,
                   const char *value)
{
    struct settings *settings = userdata;
    struct setting *items = array_grow(settings->items, settings->count, sizeof *items);
    if (!items) {
        return -ENOMEM;
    }
    settings->items = items;
    items[settings->count] = (struct setting){
        .key = key->name,
        .value = value,
        .content = entry && key->content == CONTENT_TEXT ? &entry->content : NULL,
        .order = settings->count,
    };
    settings->count++;
    return 0;
}

static int compare(const void *left_setting, const void *right_setting)
{
    const struct setting *left = left_setting, *right = right_setting;
    int order = strcmp(left->key, right->key);
    return order != 0 ? order : left->order < right->order ? -1 : left->order > right->order;
}

/* SHA-256 over all settings in force, sorted by key. */
static int digest_section(struct config_hook *hook, const struct source_section *section)
{
    struct settings settings = {0};
    struct buffer bytes = {0};
    struct packer packer = packer_to(&bytes);
    int r = source_effective(section, hook, collect, &settings);
    if (r == 0 && settings.count > 0) {
        qsort(settings.items, settings.count, sizeof settings.items[0], compare);
    }
    for (size_t i = 0; r == 0 && i < settings.count; i++) {
        const struct setting *setting = &settings.items[i];
        pack_text(&packer, setting->key);
        pack_text(&packer, setting->value);
        if (setting->content) {
            pack_bytes(&packer, setting->content->data, setting->content->length);
        }
    }
    if (r == 0) {
        r = packer.error;
    }
    if (r == 0) {
        r = digest_sha256(bytes.data, bytes.length, hook->digest);
    }
    buffer_free(&bytes);
    free(settings.items);
    return r;
}

int hook_complete(struct config_hook *hook, const struct source_section *section)
{
    hook->sends_key = sends_job_key(hook);
    if (section->hook.given) {
        hook->on_interrupt = section->hook.on_interrupt;
        memcpy(hook->digest, section->hook.digest, sizeof hook->digest);
        return 0;
    }
    if (!source_find(section, "on_interrupt") && hook->sends_key) {
        hook->on_interrupt = ON_INTERRUPT_RETRY;
    }
    return digest_section(hook, section);
}
