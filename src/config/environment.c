#include "assent/config/environment.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "assent/base/json.h"

#define SEARCH_PATH    "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
#define OWN_PREFIX     "ASSENT_"
#define CONTEXT_PREFIX "ASSENT_CONTEXT_"

/* The array is NULL-terminated at all times, once it has room. */
struct list {
    char **items;
    size_t count;
    size_t room;
};

/* --- the list --------------------------------------------------------------------------------- */

static int list_reserve(struct list *list)
{
    size_t room = list->room ? 2 * list->room : 32;
    char **items;

    if (list->count + 1 < list->room) {
        return 0;
    }
    items = reallocarray(list->items, room, sizeof *items);
    if (!items) {
        return -ENOMEM;
    }
    list->items = items;
    list->room = room;
    return 0;
}

/* Takes `text` over, also on failure. */
static int list_add(struct list *list, char *text)
{
    int r = text ? list_reserve(list) : -ENOMEM;

    if (r < 0) {
        free(text);
        return r;
    }
    list->items[list->count++] = text;
    list->items[list->count] = NULL;
    return 0;
}

static int add(struct list *list, const char *prefix, const char *name, const char *value)
{
    char *text;

    if (asprintf(&text, "%s%s=%s", prefix, name, value) < 0) {
        return -ENOMEM;
    }
    return list_add(list, text);
}

static bool scalar(const json_t *value)
{
    return value && !json_is_object(value) && !json_is_array(value);
}

/* The text of a value that can stand in an environment, in `ret_text`, or NULL there. */
static int text_of(const json_t *value, char **ret_text)
{
    char *text = NULL;

    if (scalar(value) && !json_is_null(value) &&
        !(json_is_string(value) && json_string_length(value) > ENVIRONMENT_VALUE_LIMIT)) {
        text = json_plain_text(value);
        if (!text) {
            return -ENOMEM;
        }
    }
    *ret_text = text;
    return 0;
}

/* --- the record ------------------------------------------------------------------------------- */

static int add_member(struct list *list, const char *name, const json_t *value)
{
    char *text;
    int r = text_of(value, &text);

    if (r == 0 && text) {
        r = add(list, OWN_PREFIX, name, text);
        free(text);
    }
    return r;
}

static int add_record(struct list *list, const json_t *record)
{
    static const struct {
        const char *name;
        const char *member;
    } members[] = {
        {"EVENT", "event"},     {"REQUEST_ID", "request_id"},       {"ACTION", "action"},
        {"STATUS", "status"},   {"DECIDED_BY", "decided_by"},       {"DECIDED_AT", "decided_at"},
        {"REASON", "reason"},   {"DENIAL_REASON", "denial_reason"}, {"URGENCY", "urgency"},
        {"ATTEMPT", "attempt"},
    };
    const json_t *job = json_object_get(record, "job");
    int r = add_member(list, "JOB", json_object_get(job, "id"));

    if (r == 0) {
        r = add_member(list, "JOB_KEY", json_object_get(job, "key"));
    }
    for (size_t i = 0; i < sizeof members / sizeof members[0] && r == 0; i++) {
        r = add_member(list, members[i].name, json_object_get(record, members[i].member));
    }
    return r;
}

/* --- the context ------------------------------------------------------------------------------ */

struct variable {
    const char *name;
    const json_t *value;
};

/* Writes the variable's name for a key, which is never longer than the key, and its NUL. */
static size_t write_name(const char *key, char *ret_name)
{
    size_t length = 0;

    for (const char *at = key; *at; at++) {
        unsigned char c = (unsigned char)*at;
        bool kept = (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
        bool lower = c >= 'a' && c <= 'z';
        bool continues = (c & 0xC0) == 0x80; /* the character before, in UTF-8 */
        if (!continues) {
            ret_name[length++] = (char)(kept ? c : lower ? c - 'a' + 'A' : '_');
        }
    }
    ret_name[length++] = '\0';
    return length;
}

static int by_name(const void *left, const void *right)
{
    return strcmp(((const struct variable *)left)->name, ((const struct variable *)right)->name);
}

static int add_variable(struct list *list, const struct variable *variable, size_t *left)
{
    char *text;
    size_t size;
    int r = text_of(variable->value, &text);

    if (r < 0 || !text) {
        return r;
    }
    size = sizeof CONTEXT_PREFIX + strlen(variable->name) + 1 + strlen(text) + sizeof(char *);
    if (size <= *left) {
        *left -= size;
        r = add(list, CONTEXT_PREFIX, variable->name, text);
    }
    free(text);
    return r;
}

static int add_variables(struct list *list, struct variable *variables, size_t count)
{
    size_t left = ENVIRONMENT_CONTEXT_LIMIT;
    int r = 0;

    qsort(variables, count, sizeof *variables, by_name);
    for (size_t i = 0; i < count && r == 0; i++) {
        bool as_before = i > 0 && by_name(&variables[i - 1], &variables[i]) == 0;
        bool as_next = i + 1 < count && by_name(&variables[i], &variables[i + 1]) == 0;
        if (!as_before && !as_next) {
            r = add_variable(list, &variables[i], &left);
        }
    }
    return r;
}

static int add_context(struct list *list, json_t *context)
{
    size_t size = 0;
    size_t count = 0;
    const char *key;
    json_t *value;
    char *names;
    struct variable *variables;
    int r = -ENOMEM;

    json_object_foreach(context, key, value) {
        size += strlen(key) + 1;
    }
    names = malloc(size + 1);
    variables = calloc(json_object_size(context) + 1, sizeof *variables);
    if (names && variables) {
        size = 0;
        json_object_foreach(context, key, value) {
            if (scalar(value)) {
                variables[count++] = (struct variable){.name = names + size, .value = value};
                size += write_name(key, names + size);
            }
        }
        r = add_variables(list, variables, count);
    }
    free(variables);
    free(names);
    return r;
}

/* --- what the hook adds ----------------------------------------------------------------------- */

static bool same_name(const char *left, const char *right)
{
    size_t length = strcspn(left, "=");

    return strncmp(left, right, length + 1) == 0;
}

static int add_extra(struct list *list, const char *text)
{
    char *copy;

    if (strncmp(text, OWN_PREFIX, sizeof OWN_PREFIX - 1) == 0) {
        return 0;
    }
    copy = strdup(text);
    for (size_t i = 0; copy && i < list->count; i++) {
        if (same_name(list->items[i], copy)) {
            free(list->items[i]);
            list->items[i] = copy;
            return 0;
        }
    }
    return list_add(list, copy);
}

int environment_build(const struct environment_setup *setup, char ***ret_environment)
{
    struct list list = {0};
    int r = add(&list, "", "PATH", SEARCH_PATH);

    if (r == 0) {
        r = add(&list, "", "HOME", setup->home);
    }
    if (r == 0) {
        r = add(&list, "", "LANG", setup->lang);
    }
    if (r == 0) {
        r = add_record(&list, setup->record);
    }
    if (r == 0) {
        r = add_context(&list, json_object_get(setup->record, "context"));
    }
    for (size_t i = 0; i < setup->extra->count && r == 0; i++) {
        r = add_extra(&list, setup->extra->items[i]);
    }
    if (r < 0) {
        environment_free(list.items);
        return r;
    }
    *ret_environment = list.items;
    return 0;
}

void environment_free(char **environment)
{
    for (size_t i = 0; environment && environment[i]; i++) {
        free(environment[i]);
    }
    free(environment);
}
