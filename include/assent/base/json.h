/*
 * JSON as it may come from outside, and as it is written.
 *
 * Owns: nothing. Runs in: every role, any thread. May call: jansson, buffer, text, digest.
 */
#ifndef ASSENT_BASE_JSON_H
#define ASSENT_BASE_JSON_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "assent/base/buffer.h"
#include "assent/base/problem.h"

/* Nested arrays and objects that are accepted; jansson's own limit of 2048 overflows small
 * stacks. */
#define JSON_DEPTH_LIMIT 32

/* Draws the seed of jansson's hash tables from the kernel. Without it jansson opens /dev/urandom at
 * the first object, which a jail may forbid: a role that makes objects calls it once at its start.
 * json_parse does so by itself. */
void json_prepare(void);

/* Parses one JSON text (RFC 8259): any value at the top, duplicate keys refused, nesting of at most
 * JSON_DEPTH_LIMIT, valid UTF-8, no NUL in keys or strings, nothing behind the value. Returns 0 and
 * a new reference in `ret_json` (json_decref), -EBADMSG with a problem, or -ENOMEM. */
int json_parse(const void *bytes, size_t length, json_t **ret_json, struct problem *ret_problem);

/* What someone who looks at few places of a long text wants of a member: nothing; of an object, only
 * some of its members; all of it. */
enum json_interest { JSON_PASS_OVER, JSON_LOOK_INTO, JSON_TAKE };

/* The same for what `interest` wants of an object; the rest is passed over, which costs a tenth and no
 * memory. It is asked for each member by its path: the names that lead there, with dots between them.
 * -EBADMSG also where this is no object, or has no end. For JSON text of our own: names are taken as
 * they stand, without their escapes, and what is passed over, or comes behind the object, is not
 * looked at. */
int json_parse_members(const void *bytes, size_t length,
                       enum json_interest (*interest)(const void *userdata, const char *path,
                                                      size_t length),
                       const void *userdata, json_t **ret_json, struct problem *ret_problem);

/* Compact JSON text; reals are written with the fewest digits (15 to 17) that keep every one of
 * them as it is. Freed by the caller with free(); NULL without memory. */
char *json_text(const json_t *json);
/* The same with the keys of all objects sorted: equal values have equal texts. */
char *json_canonical_text(const json_t *json);

/* The scalar as plain text: a string's bytes, a number's shortest text, true, false, null. For an
 * array or object its json_text. Freed by the caller with free(); NULL without memory. */
char *json_plain_text(const json_t *json);

/* Appends the text, which is valid UTF-8, as a JSON string, for what is written too often to make
 * values of first. Returns 0 or -ENOMEM. */
int json_append_string(struct buffer *out, const char *text);

/* The first of the NULL-terminated list of keys that `object` has, or NULL. Borrowed. */
json_t *json_first_of(const json_t *object, const char *const *keys);

/* The member of an object, or the element of an array whose index the name is, in decimal without
 * leading zeros. Borrowed; NULL if there is none, or `parent` has no members. */
json_t *json_member(const json_t *parent, const char *name, size_t length);

/* The value at a JSON Pointer (RFC 6901, `/payload/approval/id`; "" is the whole). Borrowed; NULL
 * if there is none. */
json_t *json_at_pointer(const json_t *root, const char *pointer);
/* 0 if `pointer` is well-formed, else -EINVAL. */
int json_pointer_check(const char *pointer);

#endif
