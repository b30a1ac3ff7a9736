#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "assent/base/array.h"
#include "assent/base/digest.h"
#include "assent/config/build.h"
#include "assent/config/setters.h"

#define TOKEN_LEAST   16
#define TOKEN_LARGEST 512
#define NAME_LIMIT    64
#define NAME_LETTERS  "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-"

/* --- tokens ----------------------------------------------------------------------------------- */

static const char *base_name(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash ? slash + 1 : path;
}

/* What is wrong with it, or NULL. */
static const char *fault_of(const char *name, const struct buffer *token)
{
    size_t length = strlen(name);
    if (length < 1 || length > NAME_LIMIT || name[strspn(name, NAME_LETTERS)] != '\0') {
        return "the token gets the file's name, and this can't be one: it has 1 to 64 of A-Z a-z "
               "0-9 . _ -";
    }
    if (token->length < TOKEN_LEAST || token->length > TOKEN_LARGEST) {
        return "the token has fewer than 16 characters or more than 512";
    }
    for (size_t i = 0; i < token->length; i++) {
        if (token->data[i] <= ' ' || token->data[i] >= 0x7f) {
            return "the file holds white space or other bytes that no token can have";
        }
    }
    return NULL;
}

int set_token(const struct source_entry *entry, void *object, struct problem *ret_problem)
{
    struct config_interface *interface = setter_field(entry, object);
    const char *name = base_name(entry->value);
    const char *fault = fault_of(name, &entry->content);
    if (fault) {
        problem_set(ret_problem, "%s", fault);
        return -EINVAL;
    }
    struct config_token *tokens =
        array_grow(interface->tokens, interface->token_count, sizeof *tokens);
    if (!tokens) {
        return -ENOMEM;
    }
    interface->tokens = tokens;
    struct config_token token = {.name = strdup(name)};
    int r = token.name ? content_copy(entry, &token.token) : -ENOMEM;
    if (r < 0) {
        free(token.name);
    } else {
        tokens[interface->token_count++] = token;
    }
    return r;
}

/* --- what only shows when sections are seen together ------------------------------------------ */

static bool is_token(const struct source_entry *entry)
{
    return entry->key->set == set_token && entry->loaded;
}

/* Whoever has the one would be taken for the other. */
static void check_token(const struct source_section *section, size_t index,
                        const struct source_section *other, size_t other_count,
                        struct config_report *report)
{
    const struct buffer *token = &section->entries[index].content;
    for (size_t i = 0; i < other_count; i++) {
        const struct source_entry *entry = &other->entries[i];
        if (is_token(entry) && entry->content.length == token->length &&
            digest_equal(entry->content.data, token->data, token->length)) {
            source_report(report, section, &section->entries[index],
                          "the same token is in %.200s of [%s] already; expected another in each "
                          "file",
                          entry->value, section_rule(other->kind)->kind);
        }
    }
}

static void check_tokens(const struct source_section *section, const struct source_section *before,
                         struct config_report *report)
{
    for (size_t i = 0; section && i < section->entry_count; i++) {
        if (!is_token(&section->entries[i])) {
            continue;
        }
        check_token(section, i, section, i, report);
        if (before) {
            check_token(section, i, before, before->entry_count, report);
        }
    }
}

static void check_listen(const struct source_section *section, struct config_report *report)
{
    const struct source_entry *listen = section ? source_find(section, "listen") : NULL;
    if (listen && !source_find(section, "token_file")) {
        source_report(report, section, listen,
                      "nobody could come in without a token; expected at least one token_file");
    }
}

void interfaces_check(const struct config *config, const struct config_source *source,
                      struct config_report *report)
{
    const struct source_section *control = source_nth(source, SECTION_CONTROL, 0);
    const struct source_section *agent = source_nth(source, SECTION_AGENT, 0);
    check_listen(control, report);
    check_listen(agent, report);
    check_tokens(control, NULL, report);
    check_tokens(agent, control, report);
    if (agent && config->agent.socket && config->control.socket &&
        strcmp(config->agent.socket, config->control.socket) == 0) {
        source_report(report, agent, source_find(agent, "socket"),
                      "this is the socket of [control]; expected another, or agents would be "
                      "operators");
    }
}
