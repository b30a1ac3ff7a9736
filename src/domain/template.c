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
    int r = template_text_split(text, &split, ret_problem);

    if (r < 0) {
        return r;
    }
    r = template_add_text(template, &split);
    if (r < 0) {
        return r;
    }
    return check(template->kind, &template->texts[0], ret_problem);
}

int template_compile(enum template_kind kind, const char *text, struct template **ret_template,
                     struct problem *ret_problem)
{
    struct template *template = calloc(1, sizeof *template);
    int r;

    if (!template) {
        return -ENOMEM;
    }
    template->kind = kind;
    r = kind == TEMPLATE_JSON ? template_json_compile(template, text, ret_problem)
                              : compile_flat(template, text, ret_problem);
    if (r < 0) {
        template_free(template);
        return r;
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
    int r = render(template, record, out, ret_problem);

    if (r < 0) {
        out->length = length;
    }
    return r;
}

bool template_has_placeholders(const struct template *template)
{
    return template_name_at(template, 0) != NULL;
}

bool template_begins_with_placeholder(const struct template *template)
{
    if (template->kind == TEMPLATE_JSON || template->texts[0].count == 0) {
        return false;
    }
    return template->texts[0].parts[0].name != NULL;
}

const char *template_name_at(const struct template *template, size_t index)
{
    for (size_t i = 0; i < template->text_count; i++) {
        const struct template_text *text = &template->texts[i];

        for (size_t j = 0; j < text->count; j++) {
            if (text->parts[j].name && index-- == 0) {
                return text->parts[j].name;
            }
        }
    }
    return NULL;
}

bool template_uses(const struct template *template, const char *name)
{
    const char *used;

    for (size_t i = 0; (used = template_name_at(template, i)); i++) {
        if (strcmp(used, name) == 0) {
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
    template_json_free(template->json);
    free(template);
}
