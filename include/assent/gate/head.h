/*
 * The head of a request as the library found it, and whether it is HTTP beyond doubt.
 *
 * The library reads leniently: what it takes for one request, a proxy in front may take for two. It
 * parses in place, and puts a NUL where a line or name ends; so what lies between the parts shows
 * what was there. Parts that do not lie as a strictly written head leaves them are refused: lines
 * that end in a bare LF, folded lines, NUL bytes, blanks where none belong. One thing is lost: a NUL
 * directly before a bare LF looks like CRLF.
 *
 * Owns: nothing; it points into the connection's memory, while the request lasts. Runs in: gate, any
 * thread. Pure.
 */
#ifndef ASSENT_GATE_HEAD_H
#define ASSENT_GATE_HEAD_H

#include <stdbool.h>
#include <stddef.h>

#include "assent/base/protocol.h"
#include "assent/base/role.h"
#include "assent/gate/answer.h"

struct head_field {
    const char *name;
    size_t name_length;
    const char *value;
    size_t value_length;
};

struct head {
    const char *method;
    const char *target; /* as sent */
    const char *target_place;
    const char *version;
    size_t size; /* with the empty line at its end */
    size_t field_count;
    bool has_more_fields; /* than these */
    struct head_field fields[PROTOCOL_HEADER_COUNT];
};

void head_add(struct head *head, const struct head_field *field);

/* The next field with that name at or behind `*index`, which is then behind it; NULL if there is
 * none. Any case. */
const struct head_field *head_find(const struct head *head, const char *name, size_t *index);

/* Returns ANSWER_NONE or the objection. `role` is the gate's: the public one takes no escapes in
 * paths, because no service has any. */
enum answer head_check(const struct head *head, enum role role);

#endif
