/*
 * What a template has to become, found in another way than the templates' own: by splitting the
 * template, and then what came of it, as whoever receives it will.
 *
 *   word    the very bytes, and no NUL among them, so that one word stays one
 *   url     split at / ? & and =, and each part decoded: as many parts as the template has, each with
 *           its own text and the values in it, none of the path emptied or made `.` or `..`
 *   header  the very bytes, all of them one line
 *   json    parsed again: the same arrays, objects and keys in the same order, and in each string the
 *           template's own text and the values
 *
 * Owns: nothing. Runs in: unit tests, fuzz targets. May call: jansson, buffer, text.
 */
#ifndef ASSENT_TESTS_TEMPLATE_ORACLE_H
#define ASSENT_TESTS_TEMPLATE_ORACLE_H

#include <jansson.h>

#include "assent/base/buffer.h"
#include "assent/domain/template.h"

/* Judges what came of a template that could be compiled: `rendered` or, where it is NULL, that nothing
 * did. NULL if that is right, else what is wrong. */
const char *template_oracle(enum template_kind kind, const char *text, const json_t *record,
                            const struct buffer *rendered);

#endif
