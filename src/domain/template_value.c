#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "assent/base/json.h"
#include "assent/domain/template_parts.h"

#define CONTEXT_PREFIX "context."
#define ITEM_PREFIX    "item."

static const char *const known_names[] = {
    "request_id", "action",  "status",  "reason", "denial_reason", "decided_by",
    "job.id",     "job.key", "attempt", "item",   "index",
};

static bool is_path(const char *name, const char *prefix)
{
    size_t length = strlen(name);

    return strncmp(name, prefix, strlen(prefix)) == 0 && name[length - 1] != '.' &&
           !strstr(name, "..");
}

int template_name_check(const char *name, struct problem *ret_problem)
{
    if (is_path(name, CONTEXT_PREFIX) || is_path(name, ITEM_PREFIX)) {
        return 0;
    }
    for (size_t i = 0; i < sizeof known_names / sizeof *known_names; i++) {
        if (strcmp(name, known_names[i]) == 0) {
            return 0;
        }
    }
    problem_set(
        ret_problem,
        "{%.60s} is no placeholder; there are {request_id}, {action}, {status}, {reason}, "
        "{denial_reason}, {decided_by}, {context.PATH}, {job.id}, {job.key}, {attempt} and, "
        "beside for_each, {item}, {item.PATH} and {index}; write {{ and }} for braces themselves",
        name);
    return -EINVAL;
}

json_t *template_value(const char *name, const json_t *record)
{
    const json_t *from = record;

    for (;;) {
        size_t length = strcspn(name, ".");
        json_t *value = json_member(from, name, length);

        if (!value || name[length] == '\0') {
            return json_is_null(value) ? NULL : value;
        }
        from = value;
        name += length + 1;
    }
}

int template_plain_value(const struct template_part *placeholder, const json_t *record,
                         char **ret_plain, struct problem *ret_problem)
{
    const json_t *value = template_value(placeholder->name, record);
    char *plain;

    if (!value && !placeholder->fallback) {
        problem_set(ret_problem, "{%.100s} has no value; {%.100s|TEXT} would take TEXT then",
                    placeholder->name, placeholder->name);
        return -ENOENT;
    }
    if (json_is_array(value) || json_is_object(value)) {
        problem_set(ret_problem, "{%.100s} is %s, where only text or a number can stand",
                    placeholder->name, json_is_array(value) ? "an array" : "an object");
        return -EINVAL;
    }
    plain = value ? json_plain_text(value) : strdup(placeholder->fallback);
    if (!plain) {
        return -ENOMEM;
    }
    *ret_plain = plain;
    return 0;
}

static int append_part(const struct template_part *part, const json_t *record, struct buffer *out,
                       struct problem *ret_problem)
{
    char *plain;
    int r;

    if (part->literal) {
        return buffer_append_text(out, part->literal);
    }
    r = template_plain_value(part, record, &plain, ret_problem);
    if (r < 0) {
        return r;
    }
    r = buffer_append_text(out, plain);
    free(plain);
    return r;
}

int template_plain_render(const struct template_text *text, const json_t *record,
                          struct buffer *out, struct problem *ret_problem)
{
    for (size_t i = 0; i < text->count; i++) {
        int r = append_part(&text->parts[i], record, out, ret_problem);

        if (r < 0) {
            return r;
        }
    }
    return 0;
}
