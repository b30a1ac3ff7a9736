#include <errno.h>
#include <string.h>

#include "assent/config/source.h"

/* A value of several lines begins below its key: the first continuation line then says where the
 * indentation ends. */
static void print_value(FILE *out, const char *key, const char *value)
{
    if (!strchr(value, '\n')) {
        (void)fprintf(out, "%s = %s\n", key, value);
        return;
    }
    (void)fprintf(out, "%s =\n", key);
    while (*value != '\0') {
        size_t length = strcspn(value, "\n");
        (void)fprintf(out, "    %.*s\n", (int)length, value);
        value += length + (value[length] == '\n');
    }
}

static int print_setting(void *userdata, const struct config_key *key,
                         const struct source_entry *entry, const char *value)
{
    FILE *out = userdata;
    if (entry && key->content == CONTENT_SECRET) {
        (void)fprintf(out, "# %zu bytes\n", entry->content.length);
    }
    print_value(out, key->name, value);
    return 0;
}

static void print_section(FILE *out, const struct source_section *section,
                          const struct config_hook *hook)
{
    const char *kind = section_rule(section->kind)->kind;
    if (section->name) {
        (void)fprintf(out, "[%s %s]\n", kind, section->name);
    } else {
        (void)fprintf(out, "[%s]\n", kind);
    }
    (void)source_effective(section, hook, print_setting, out);
    (void)fputc('\n', out);
}

static void print_kind(const struct config *config, enum config_section kind, FILE *out)
{
    const struct source_section absent = {.kind = kind};
    size_t count = source_count(config->source, kind);
    if (count == 0 && !section_rule(kind)->named && !section_rule(kind)->optional) {
        print_section(out, &absent, NULL);
    }
    for (size_t i = 0; i < count; i++) {
        print_section(out, source_nth(config->source, kind, i),
                      kind == SECTION_HOOK ? &config->hooks[i] : NULL);
    }
}

int config_dump(const struct config *config, FILE *out)
{
    if (!config->source) {
        return -EINVAL;
    }
    for (enum config_section kind = 0; kind < SECTION_COUNT; kind++) {
        print_kind(config, kind, out);
    }
    return fflush(out) == 0 && ferror(out) == 0 ? 0 : -EIO;
}
