#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "assent/domain/template_parts.h"

struct splitter {
    const char *text;
    const char *at;
    struct buffer literal; /* the one that is being read */
    struct template_text parts;
    struct problem *problem;
};

static void part_free(struct template_part *part)
{
    free(part->literal);
    free(part->name);
    free(part->fallback);
}

static int add_part(struct splitter *splitter, struct template_part part)
{
    struct template_text *parts = &splitter->parts;
    struct template_part *grown =
        reallocarray(parts->parts, parts->count + 1, sizeof *parts->parts);

    if (!grown) {
        part_free(&part);
        return -ENOMEM;
    }
    parts->parts = grown;
    parts->parts[parts->count++] = part;
    return 0;
}

static int end_literal(struct splitter *splitter)
{
    char *literal;

    if (splitter->literal.length == 0) {
        return 0;
    }
    literal = buffer_take_text(&splitter->literal);
    if (!literal) {
        return -ENOMEM;
    }
    return add_part(splitter, (struct template_part){.literal = literal});
}

/* Finds the brace that ends the placeholder at splitter->at. */
static int placeholder_end(const struct splitter *splitter, const char **ret_end)
{
    const char *end = strpbrk(splitter->at + 1, "{}");
    size_t character = (size_t)(splitter->at - splitter->text) + 1;

    if (!end) {
        problem_set(splitter->problem,
                    "the { at character %zu is not closed; write {{ for a brace itself", character);
        return -EINVAL;
    }
    if (*end == '{') {
        problem_set(splitter->problem,
                    "the placeholder at character %zu holds another {; its name and default are "
                    "plain text; write {{ for a brace itself",
                    character);
        return -EINVAL;
    }
    *ret_end = end;
    return 0;
}

static int take_placeholder(struct splitter *splitter)
{
    struct template_part part = {0};
    const char *start = splitter->at + 1;
    const char *end;
    const char *bar;
    int r = placeholder_end(splitter, &end);

    if (r < 0) {
        return r;
    }
    bar = memchr(start, '|', (size_t)(end - start));
    part.name = strndup(start, (size_t)((bar ? bar : end) - start));
    part.fallback = bar ? strndup(bar + 1, (size_t)(end - bar - 1)) : NULL;
    if (!part.name || (bar && !part.fallback)) {
        r = -ENOMEM;
    } else {
        r = template_name_check(part.name, splitter->problem);
    }
    if (r < 0) {
        part_free(&part);
        return r;
    }
    splitter->at = end + 1;
    return add_part(splitter, part);
}

static int take_brace(struct splitter *splitter)
{
    int r;

    if (splitter->at[0] == splitter->at[1]) {
        r = buffer_append(&splitter->literal, splitter->at, 1);
        splitter->at += 2;
        return r;
    }
    if (*splitter->at == '}') {
        problem_set(splitter->problem,
                    "the } at character %zu closes nothing; write }} for a brace itself",
                    (size_t)(splitter->at - splitter->text) + 1);
        return -EINVAL;
    }
    r = end_literal(splitter);
    return r < 0 ? r : take_placeholder(splitter);
}

static int split(struct splitter *splitter)
{
    for (;;) {
        size_t plain = strcspn(splitter->at, "{}");
        int r = buffer_append(&splitter->literal, splitter->at, plain);

        if (r < 0) {
            return r;
        }
        splitter->at += plain;
        if (*splitter->at == '\0') {
            return end_literal(splitter);
        }
        r = take_brace(splitter);
        if (r < 0) {
            return r;
        }
    }
}

int template_text_split(const char *text, struct template_text *ret_text,
                        struct problem *ret_problem)
{
    struct splitter splitter = {.text = text, .at = text, .problem = ret_problem};
    int r = split(&splitter);

    buffer_free(&splitter.literal);
    if (r < 0) {
        template_text_free(&splitter.parts);
        return r;
    }
    *ret_text = splitter.parts;
    return 0;
}

bool template_text_has_placeholders(const struct template_text *text)
{
    for (size_t i = 0; i < text->count; i++) {
        if (text->parts[i].name) {
            return true;
        }
    }
    return false;
}

int template_add_text(struct template *template, struct template_text *text)
{
    struct template_text *grown =
        reallocarray(template->texts, template->text_count + 1, sizeof *template->texts);

    if (!grown) {
        template_text_free(text);
        return -ENOMEM;
    }
    template->texts = grown;
    template->texts[template->text_count++] = *text;
    return 0;
}

void template_text_free(struct template_text *text)
{
    for (size_t i = 0; i < text->count; i++) {
        part_free(&text->parts[i]);
    }
    free(text->parts);
    *text = (struct template_text){0};
}
