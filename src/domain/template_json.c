/*
 * JSON templates: the text is parsed first, placeholders are looked for in its strings only, so no
 * value can ever become structure.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "assent/base/json.h"
#include "assent/domain/template_parts.h"

/* --- compiling: every key and string to a text, in the order of the walk ---------------------- */

static int add_string(struct template *template, const char *string, struct problem *ret_problem)
{
    struct template_text text;
    int error = template_text_split(string, &text, ret_problem);

    return error < 0 ? error : template_add_text(template, &text);
}

static int add_key(struct template *template, const char *key, struct problem *ret_problem)
{
    int error = add_string(template, key, ret_problem);

    if (error < 0) {
        return error;
    }
    if (template_text_has_placeholders(&template->texts[template->text_count - 1])) {
        problem_set(ret_problem, "the key \"%.100s\" can't hold a placeholder; only strings can",
                    key);
        return -EINVAL;
    }
    return 0;
}

static int add_value(struct template *template, json_t *value, struct problem *ret_problem)
{
    const char *key;
    json_t *child;
    size_t index;
    int error = 0;

    if (json_is_string(value)) {
        return add_string(template, json_string_value(value), ret_problem);
    }
    json_array_foreach(value, index, child) {
        error = add_value(template, child, ret_problem);
        if (error < 0) {
            return error;
        }
    }
    json_object_foreach(value, key, child) {
        error = add_key(template, key, ret_problem);
        if (error == 0) {
            error = add_value(template, child, ret_problem);
        }
        if (error < 0) {
            return error;
        }
    }
    return 0;
}

int template_json_compile(struct template *template, const char *text, struct problem *ret_problem)
{
    int error = json_parse(text, strlen(text), &template->json, ret_problem);

    if (error == -EBADMSG) {
        return -EINVAL;
    }
    return error < 0 ? error : add_value(template, template->json, ret_problem);
}

/* --- rendering: the same walk, which meets the same texts ------------------------------------- */

struct walk {
    const struct template_text *next;
    const json_t *record;
    struct problem *problem;
};

static int render_string(struct walk *walk, json_t **ret_value)
{
    const struct template_text *text = walk->next++;
    struct buffer plain = {0};
    int error;

    if (text->count == 1 && text->parts[0].name) {
        json_t *value = template_value(text->parts[0].name, walk->record);

        if (value) {
            *ret_value = json_incref(value);
            return 0;
        }
    }
    error = template_plain_render(text, walk->record, &plain, walk->problem);
    if (error == 0) {
        json_t *string = json_stringn(plain.data ? (const char *)plain.data : "", plain.length);

        if (string) {
            *ret_value = string;
        } else {
            error = -ENOMEM;
        }
    }
    buffer_free(&plain);
    return error;
}

static int render_value(struct walk *walk, json_t *from, json_t **ret_value);

static int render_array(struct walk *walk, json_t *from, json_t *array)
{
    size_t index;
    json_t *child;

    json_array_foreach(from, index, child) {
        json_t *value;
        int error = render_value(walk, child, &value);

        if (error < 0) {
            return error;
        }
        if (json_array_append_new(array, value) < 0) {
            return -ENOMEM;
        }
    }
    return 0;
}

static int render_object(struct walk *walk, json_t *from, json_t *object)
{
    const char *key;
    json_t *child;

    json_object_foreach(from, key, child) {
        const struct template_text *name = walk->next++;
        json_t *value;
        int error = render_value(walk, child, &value);

        if (error < 0) {
            return error;
        }
        if (json_object_set_new(object, name->count > 0 ? name->parts[0].literal : "", value) < 0) {
            return -ENOMEM;
        }
    }
    return 0;
}

static int render_value(struct walk *walk, json_t *from, json_t **ret_value)
{
    json_t *value;
    int error;

    if (json_is_string(from)) {
        return render_string(walk, ret_value);
    }
    if (!json_is_array(from) && !json_is_object(from)) {
        *ret_value = json_incref(from);
        return 0;
    }
    value = json_is_array(from) ? json_array() : json_object();
    if (!value) {
        return -ENOMEM;
    }
    error =
        json_is_array(from) ? render_array(walk, from, value) : render_object(walk, from, value);
    if (error < 0) {
        json_decref(value);
    } else {
        *ret_value = value;
    }
    return error;
}

int template_json_render(const struct template *template, const json_t *record, struct buffer *out,
                         struct problem *ret_problem)
{
    struct walk walk = {.next = template->texts, .record = record, .problem = ret_problem};
    json_t *value;
    char *text;
    int error = render_value(&walk, template->json, &value);

    if (error < 0) {
        return error;
    }
    text = json_text(value);
    json_decref(value);
    if (!text) {
        return -ENOMEM;
    }
    error = buffer_append_text(out, text);
    free(text);
    return error;
}
