/*
 * Members of the objects that the daemon answers with. What is missing or of another type is as if
 * it were null.
 *
 * Owns: nothing. Runs in: assentctl. Pure. May call: jansson, text.
 */
#ifndef ASSENT_CTL_FIELDS_H
#define ASSENT_CTL_FIELDS_H

#include <jansson.h>
#include <stdint.h>

/* NULL if it is no text. */
const char *field_text(const json_t *object, const char *name);
/* As field_text, with "" for NULL. */
const char *field_text_or_empty(const json_t *object, const char *name);
/* In ms since 1970; 0 if it is no time. */
int64_t field_time(const json_t *object, const char *name);
/* `otherwise` if it is no whole number. */
int64_t field_number(const json_t *object, const char *name, int64_t otherwise);

#endif
