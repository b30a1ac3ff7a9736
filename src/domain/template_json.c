/*
 * JSON templates: the text is parsed first, and placeholders are looked for in its strings only. What is
 * around these strings is written once, when the template is compiled, and each of them is filled with a
 * whole JSON value or string, so no value can ever become structure.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "assent/base/json.h"
#include "assent/domain/template_parts.h"

/* --- compiling -------------------------------------------------------------------------------- */

struct compilation {
    struct template *template;
    struct buffer json; /* what comes before the next string that is filled */
    struct problem *problem;
};

/* What was written so far ends here. */
static int end_piece(struct compilation *compilation)
{
    struct template *template = compilation->template;
    char **pieces = reallocarray(template->json, template->text_count + 2, sizeof *pieces);
    char *piece = pieces ? buffer_take_text(&compilation->json) : NULL;

    if (pieces) {
        template->json = pieces;
        template->json[template->text_count] = piece;
        template->json[template->text_count + 1] = NULL;
    }
    return piece ? 0 : -ENOMEM;
}

static const char *literal_of(const struct template_text *text)
{
    return text->count > 0 ? text->parts[0].literal : "";
}

static int add_string(struct compilation *compilation, const char *string)
{
    struct template_text text;
    int r = template_text_split(string, &text, compilation->problem);

    if (r < 0) {
        return r;
    }
    if (!template_text_has_placeholders(&text)) {
        r = json_append_string(&compilation->json, literal_of(&text));
        template_text_free(&text);
        return r;
    }
    r = end_piece(compilation);
    if (r < 0) {
        template_text_free(&text);
        return r;
    }
    return template_add_text(compilation->template, &text);
}

static int add_key(struct compilation *compilation, const char *key)
{
    struct template_text text;
    int r = template_text_split(key, &text, compilation->problem);

    if (r < 0) {
        return r;
    }
    if (template_text_has_placeholders(&text)) {
        problem_set(compilation->problem,
                    "the key \"%.100s\" can't hold a placeholder; only strings can", key);
        r = -EINVAL;
    } else {
        r = json_append_string(&compilation->json, literal_of(&text));
    }
    template_text_free(&text);
    return r == 0 ? buffer_append_text(&compilation->json, ":") : r;
}

static int add_value(struct compilation *compilation, json_t *value);

static int add_array(struct compilation *compilation, json_t *array)
{
    size_t index;
    json_t *child;
    int r = buffer_append_text(&compilation->json, "[");

    json_array_foreach(array, index, child) {
        if (r == 0 && index > 0) {
            r = buffer_append_text(&compilation->json, ",");
        }
        if (r == 0) {
            r = add_value(compilation, child);
        }
        if (r < 0) {
            return r;
        }
    }
    return r == 0 ? buffer_append_text(&compilation->json, "]") : r;
}

static int add_object(struct compilation *compilation, json_t *object)
{
    const char *key;
    json_t *child;
    bool first = true;
    int r = buffer_append_text(&compilation->json, "{");

    json_object_foreach(object, key, child) {
        if (r == 0 && !first) {
            r = buffer_append_text(&compilation->json, ",");
        }
        if (r == 0) {
            r = add_key(compilation, key);
        }
        if (r == 0) {
            r = add_value(compilation, child);
        }
        if (r < 0) {
            return r;
        }
        first = false;
    }
    return r == 0 ? buffer_append_text(&compilation->json, "}") : r;
}

static int append_value(struct buffer *out, const json_t *value)
{
    char *text = json_text(value);
    int r = text ? buffer_append_text(out, text) : -ENOMEM;

    free(text);
    return r;
}

static int add_value(struct compilation *compilation, json_t *value)
{
    if (json_is_string(value)) {
        return add_string(compilation, json_string_value(value));
    }
    if (json_is_array(value)) {
        return add_array(compilation, value);
    }
    return json_is_object(value) ? add_object(compilation, value)
                                 : append_value(&compilation->json, value);
}

int template_json_compile(struct template *template, const char *text, struct problem *ret_problem)
{
    struct compilation compilation = {.template = template, .problem = ret_problem};
    json_t *json;
    int r = json_parse(text, strlen(text), &json, ret_problem);

    if (r < 0) {
        return r == -EBADMSG ? -EINVAL : r;
    }
    r = add_value(&compilation, json);
    if (r == 0) {
        r = end_piece(&compilation);
    }
    buffer_free(&compilation.json);
    json_decref(json);
    return r;
}

/* --- rendering -------------------------------------------------------------------------------- */

static int append_string(const struct template_text *text, const json_t *record, struct buffer *out,
                         struct problem *ret_problem)
{
    struct buffer plain = {0};
    int r = template_plain_render(text, record, &plain, ret_problem);
    const char *string = r == 0 ? buffer_text(&plain) : NULL;

    if (r == 0) {
        r = string ? json_append_string(out, string) : -ENOMEM;
    }
    buffer_free(&plain);
    return r;
}

/* A string that is one placeholder becomes its value, whatever that is. */
static int append_filled(const struct template_text *text, const json_t *record, struct buffer *out,
                         struct problem *ret_problem)
{
    const json_t *value = text->count == 1 ? template_value(text->parts[0].name, record) : NULL;

    if (!value) {
        return append_string(text, record, out, ret_problem);
    }
    return json_is_string(value) ? json_append_string(out, json_string_value(value))
                                 : append_value(out, value);
}

int template_json_render(const struct template *template, const json_t *record, struct buffer *out,
                         struct problem *ret_problem)
{
    int r = buffer_append_text(out, template->json[0]);

    for (size_t i = 0; r == 0 && i < template->text_count; i++) {
        r = append_filled(&template->texts[i], record, out, ret_problem);
        if (r == 0) {
            r = buffer_append_text(out, template->json[i + 1]);
        }
    }
    return r;
}

void template_json_free(char **pieces)
{
    for (size_t i = 0; pieces && pieces[i]; i++) {
        free(pieces[i]);
    }
    free(pieces);
}
