/*
 * The inside of templates: a text split at its placeholders, and the rules of each kind.
 *
 * Owns: struct template_text and struct template own their memory. Runs in: as template.h. Pure.
 * May call: json, text.
 */
#ifndef ASSENT_DOMAIN_TEMPLATE_PARTS_H
#define ASSENT_DOMAIN_TEMPLATE_PARTS_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

#include "assent/base/buffer.h"
#include "assent/base/problem.h"
#include "assent/domain/template.h"

/* A literal, or a placeholder. */
struct template_part {
    char *literal;  /* NULL in a placeholder */
    char *name;     /* NULL in a literal */
    char *fallback; /* what stands in where there is no value; NULL: nothing may */
};

/* Literals and placeholders in order; two literals never follow each other. */
struct template_text {
    struct template_part *parts;
    size_t count;
};

struct template
{
    enum template_kind kind;
    struct template_text *texts; /* one; of a JSON template each string with placeholders */
    size_t text_count;
    /* Of a JSON template what comes before each of its texts, and behind the last, as text, and NULL. */
    char **json;
};

/* --- splitting (template_text.c) -------------------------------------------------------------- */

/* 0 (template_text_free), -EINVAL with a problem, or -ENOMEM. */
int template_text_split(const char *text, struct template_text *ret_text,
                        struct problem *ret_problem);
bool template_text_has_placeholders(const struct template_text *text);
/* Appends the text to the template's own; taken over also on failure. 0 or -ENOMEM. */
int template_add_text(struct template *template, struct template_text *text);
void template_text_free(struct template_text *text);

/* --- values (template_value.c) ---------------------------------------------------------------- */

/* 0, or -EINVAL with a problem that names the known placeholders. */
int template_name_check(const char *name, struct problem *ret_problem);

/* The value at that path of the record; NULL if it is absent or null. Borrowed. */
json_t *template_value(const char *name, const json_t *record);

/* The placeholder's value, or its fallback, as plain text that the caller frees. 0, -ENOENT where
 * there is neither, -EINVAL for an array or object, or -ENOMEM. */
int template_plain_value(const struct template_part *placeholder, const json_t *record,
                         char **ret_plain, struct problem *ret_problem);

/* Appends the literals and plain values as they are. */
int template_plain_render(const struct template_text *text, const json_t *record,
                          struct buffer *out, struct problem *ret_problem);

/* --- the kinds -------------------------------------------------------------------------------- */

int template_url_check(const struct template_text *text, struct problem *ret_problem);
int template_url_render(const struct template_text *text, const json_t *record, struct buffer *out,
                        struct problem *ret_problem);

int template_header_check(const struct template_text *text, struct problem *ret_problem);
int template_header_render(const struct template_text *text, const json_t *record,
                           struct buffer *out, struct problem *ret_problem);

/* Fills json and texts of the template, also in part on failure. */
int template_json_compile(struct template *template, const char *text, struct problem *ret_problem);
int template_json_render(const struct template *template, const json_t *record, struct buffer *out,
                         struct problem *ret_problem);
/* Takes NULL. */
void template_json_free(char **pieces);

#endif
