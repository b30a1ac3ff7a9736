#include "assent/domain/template.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "assent/domain/template_parts.h"

static int check(enum template_kind kind, const struct template_text *text,
                 struct problem *ret_problem)
{
    switch (kind) {
    case TEMPLATE_URL:
        return template_url_check(text, ret_problem);
    case TEMPLATE_HEADER:
        return template_header_check(text, ret_problem);
    default:
        return 0;
    }
}

static int compile_flat(struct template *template, const char *text, struct problem *ret_problem)
{
    struct template_text split;
    int error = template_text_split(text, &split, ret_problem);

    if (error < 0) {
        return error;
    }
    error = template_add_text(template, &split);
    if (error < 0) {
        return error;
    }
    return check(template->kind, &template->texts[0], ret_problem);
}

int template_compile(enum template_kind kind, const char *text, struct template **ret_template,
                     struct problem *ret_problem)
{
    struct template *template = calloc(1, sizeof *template);
    int error;

    if (!template) {
        return -ENOMEM;
    }
    template->kind = kind;
    error = kind == TEMPLATE_JSON ? template_json_compile(template, text, ret_problem)
                                  : compile_flat(template, text, ret_problem);
    if (error < 0) {
        template_free(template);
        return error;
    }
    *ret_template = template;
    return 0;
}

static int render(const struct template *template, const json_t *record, struct buffer *out,
                  struct problem *ret_problem)
{
    switch (template->kind) {
    case TEMPLATE_URL:
        return template_url_render(&template->texts[0], record, out, ret_problem);
    case TEMPLATE_HEADER:
        return template_header_render(&template->texts[0], record, out, ret_problem);
    case TEMPLATE_JSON:
        return template_json_render(template, record, out, ret_problem);
    default:
        return template_plain_render(&template->texts[0], record, out, ret_problem);
    }
}

int template_render(const struct template *template, const json_t *record, struct buffer *out,
                    struct problem *ret_problem)
{
    size_t length = out->length;
    int error = render(template, record, out, ret_problem);

    if (error < 0) {
        out->length = length;
    }
    return error;
}

bool template_has_placeholders(const struct template *template)
{
    for (size_t i = 0; i < template->text_count; i++) {
        if (template_text_has_placeholders(&template->texts[i])) {
            return true;
        }
    }
    return false;
}

bool template_begins_with_placeholder(const struct template *template)
{
    const struct template_text *first = &template->texts[0];

    return template->kind != TEMPLATE_JSON && first->count > 0 && first->parts[0].name;
}

static bool text_uses(const struct template_text *text, const char *name)
{
    for (size_t i = 0; i < text->count; i++) {
        if (text->parts[i].name && strcmp(text->parts[i].name, name) == 0) {
            return true;
        }
    }
    return false;
}

bool template_uses(const struct template *template, const char *name)
{
    for (size_t i = 0; i < template->text_count; i++) {
        if (text_uses(&template->texts[i], name)) {
            return true;
        }
    }
    return false;
}

void template_free(struct template *template)
{
    if (!template) {
        return;
    }
    for (size_t i = 0; i < template->text_count; i++) {
        template_text_free(&template->texts[i]);
    }
    free(template->texts);
    json_decref(template->json);
    free(template);
}
