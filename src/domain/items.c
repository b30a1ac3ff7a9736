#include "assent/domain/items.h"

#include <errno.h>
#include <string.h>

#include "assent/base/json.h"

/* --- moving over values ----------------------------------------------------------------------- */

/* From the opening quote to behind the closing one. */
static const char *skip_string(const char *at)
{
    at++;
    while (*at && *at != '"') {
        at += at[0] == '\\' && at[1] ? 2 : 1;
    }
    return *at ? at + 1 : at;
}

static const char *skip_nested(const char *at)
{
    size_t depth = 0;

    do {
        if (*at == '"') {
            at = skip_string(at);
            continue;
        }
        depth += *at == '{' || *at == '[';
        depth -= *at == '}' || *at == ']';
        at++;
    } while (*at && depth > 0);
    return at;
}

static const char *skip_value(const char *at)
{
    if (*at == '"') {
        return skip_string(at);
    }
    return *at == '{' || *at == '[' ? skip_nested(at) : at + strcspn(at, ",]}");
}

/* --- finding ---------------------------------------------------------------------------------- */

/* The key in the object that begins at `at`, or NULL. `key` is as it stands in the text. */
static const char *find_member(const char *at, const char *key, size_t length)
{
    if (*at != '{') {
        return NULL;
    }
    for (at++; *at == '"';) {
        const char *name = at;

        at = skip_string(at);
        if ((size_t)(at - name) == length && memcmp(name, key, length) == 0) {
            return name;
        }
        at = skip_value(at + (*at == ':'));
        at += *at == ',';
    }
    return NULL;
}

/* One step of the path. 0, -ENOENT or -ENOMEM. */
static int step(const char *at, const char *name, size_t length, const char **ret_member)
{
    struct buffer plain = {0};
    struct buffer key = {0};
    int r = buffer_append(&plain, name, length);

    if (r == 0) {
        r = buffer_text(&plain) ? json_append_string(&key, buffer_text(&plain)) : -ENOMEM;
    }
    if (r == 0) {
        *ret_member = find_member(at, (const char *)key.data, key.length);
        r = *ret_member ? 0 : -ENOENT;
    }
    buffer_free(&plain);
    buffer_free(&key);
    return r;
}

int items_find(const char *text, const char *path, struct items *ret_items,
               struct problem *ret_problem)
{
    const char *member = NULL;
    const char *value = text;

    for (const char *name = path;;) {
        size_t length = strcspn(name, ".");
        int r = step(value, name, length, &member);

        if (r == -ENOENT) {
            problem_set(ret_problem, "context.%.*s is missing", (int)(name + length - path), path);
            return -EINVAL;
        }
        if (r < 0) {
            return r;
        }
        value = skip_string(member) + 1;
        if (name[length] == '\0') {
            break;
        }
        name += length + 1;
    }
    if (*value != '[') {
        problem_set(ret_problem, "context.%.200s is no array", path);
        return -EINVAL;
    }
    *ret_items = (struct items){.next = value + 1, .member = member, .end = skip_nested(value)};
    return 0;
}

/* --- what is found ---------------------------------------------------------------------------- */

bool items_next(struct items *items, const char **ret_element, size_t *ret_length)
{
    const char *element = items->next;

    if (element + 1 >= items->end) {
        return false;
    }
    items->next = skip_value(element);
    *ret_element = element;
    *ret_length = (size_t)(items->next - element);
    items->next++;
    return true;
}

int items_append_rest(const char *text, const struct items *items, struct buffer *out)
{
    const char *before = items->member;
    const char *behind = items->end;
    int r;

    /* With the member goes one comma, if there is one. */
    if (*behind == ',') {
        behind++;
    } else if (before[-1] == ',') {
        before--;
    }
    r = buffer_append(out, text, (size_t)(before - text));
    return r < 0 ? r : buffer_append_text(out, behind);
}
