/*
 * Texts with placeholders, filled from a request's record.
 *
 * A placeholder is {name}, {name|what to take where it has no value}; names are paths in the
 * record: {request_id} {action} {status} {reason} {denial_reason} {decided_by} {context.a.b}
 * {job.id} {job.key} {attempt}, and {item} {item.a.b} {index} in a fan-out. `{{` and `}}` are the
 * braces themselves. Whatever a record holds, it can't change the structure around it:
 *
 *   word    one argument of a program: bytes as they are; NUL can't occur
 *   url     behind the authority only; everything but unreserved characters (RFC 3986) is
 *           percent-encoded; a path segment may not become empty, `.` or `..`
 *   header  `Name: value`; a value with control characters is refused
 *   json    a JSON text in which placeholders stand inside strings (not keys): a string that is
 *           exactly one placeholder takes the value with its type, others become part of the string
 *
 * Owns: a template owns its memory. Runs in: runner and caller (render), the supervisor (compile,
 * for the errors). Pure. May call: json.
 */
#ifndef ASSENT_DOMAIN_TEMPLATE_H
#define ASSENT_DOMAIN_TEMPLATE_H

#include <jansson.h>
#include <stdbool.h>

#include "assent/base/buffer.h"
#include "assent/base/problem.h"

enum template_kind { TEMPLATE_WORD, TEMPLATE_URL, TEMPLATE_HEADER, TEMPLATE_JSON };

struct template;

/* Compiles `text`. Returns 0, -EINVAL with a problem (unknown placeholder, one where none may
 * stand, braces that do not close, URL or JSON that is none), or -ENOMEM. */
int template_compile(enum template_kind kind, const char *text, struct template **ret_template,
                     struct problem *ret_problem);

/* Appends the text with its placeholders filled from `record`. Returns 0, -ENOENT with a problem
 * where a placeholder has no value (absent or null) and no default, -EINVAL with a problem where a
 * value can't stand there, or -ENOMEM. `out` is unchanged on failure. An array or object in a word,
 * URL or header is -EINVAL. */
int template_render(const struct template *template, const json_t *record, struct buffer *out,
                    struct problem *ret_problem);

/* True if the text holds any placeholder. */
bool template_has_placeholders(const struct template *template);
/* True if the text begins with a placeholder. */
bool template_begins_with_placeholder(const struct template *template);
/* True if the placeholder of that name (`job.key`) occurs. */
bool template_uses(const struct template *template, const char *name);

/* The name of the placeholder that has `index` others before it; NULL if there are fewer. */
const char *template_name_at(const struct template *template, size_t index);

/* Takes NULL. */
void template_free(struct template *template);

#endif
