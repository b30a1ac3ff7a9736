/*
 * What a gate lets through to core, by what the head of a request says.
 *
 * The public gate knows the services' paths, below those with url-token what has a token's form, and
 * /healthz; the others let every path and method through, because core knows its calls best. Checks
 * come in the order 404, 405, 413, 415, 431.
 *
 * Owns: the paths, behind a lock: a reload replaces them while requests are being checked.
 * Runs in: gate; rules_configure in the main thread, rules_admit in any. May call: config.
 */
#ifndef ASSENT_GATE_RULES_H
#define ASSENT_GATE_RULES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "assent/base/role.h"
#include "assent/config/config.h"
#include "assent/gate/answer.h"

/* Names, values and the request line. */
#define RULES_HEAD_LIMIT ((size_t)16 << 10)

struct rules;

/* Rules that let nothing through until they are configured. `role` is one of the gates. 0 or
 * -ENOMEM. */
int rules_new(enum role role, struct rules **ret_rules);

/* Replaces the paths and limits. 0, or -ENOMEM with the old ones in force. */
int rules_configure(struct rules *rules, const struct config *config);

/* The head of a request. */
struct rules_head {
    const char *method;
    const char *path;
    const char *content_type; /* NULL if there is none */
    bool has_body;            /* announced by Content-Length or Transfer-Encoding */
    uint64_t content_length;  /* 0 if it is not known */
    size_t head_size;
    size_t header_count;
};

/* Takes one header into account; the value is kept as a pointer. */
void rules_see_header(struct rules_head *head, const char *name, const char *value);

/* Returns ANSWER_NONE and the size that the body may grow to, or the objection. */
enum answer rules_admit(struct rules *rules, const struct rules_head *head,
                        uint64_t *ret_body_limit);

/* Takes NULL. */
void rules_free(struct rules *rules);

/* True for application/json and application/NAME+json in any case, whatever the parameters. */
bool rules_is_json(const char *content_type);

/* Cuts a request target in place into path and query ("" if there is none); of an absolute form
 * (`http://host/path`) scheme and authority are dropped. */
void rules_split_target(char *target, const char **ret_path, const char **ret_query);

#endif
