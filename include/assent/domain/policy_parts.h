/*
 * The inside of policies: text to tokens, tokens to a tree of nodes in one array.
 *
 * Owns: struct policy owns its nodes. Runs in: as policy.h. Pure. May call: json, text.
 */
#ifndef ASSENT_DOMAIN_POLICY_PARTS_H
#define ASSENT_DOMAIN_POLICY_PARTS_H

#include <jansson.h>
#include <stddef.h>

#include "assent/base/problem.h"
#include "assent/domain/policy.h"

enum policy_token_kind {
    TOKEN_END,
    TOKEN_CONSTANT,
    TOKEN_PATH,
    TOKEN_LEN,
    TOKEN_HAS,
    TOKEN_OPEN,
    TOKEN_CLOSE,
    TOKEN_OR,
    TOKEN_AND,
    TOKEN_NOT,
    TOKEN_LESS,
    TOKEN_LESS_OR_EQUAL,
    TOKEN_MORE,
    TOKEN_MORE_OR_EQUAL,
    TOKEN_EQUAL,
    TOKEN_UNEQUAL,
};

struct policy_token {
    enum policy_token_kind kind;
    size_t start; /* in the text */
    size_t length;
    json_t *value; /* owned; of a constant itself, of a path an array of its names; else NULL */
};

enum policy_type {
    POLICY_TYPE_UNKNOWN, /* before there is a record: whatever stands in it; after: an error */
    POLICY_TYPE_NULL,
    POLICY_TYPE_BOOLEAN,
    POLICY_TYPE_NUMBER,
    POLICY_TYPE_STRING,
    POLICY_TYPE_ARRAY,
    POLICY_TYPE_OBJECT,
};

struct policy_node {
    enum policy_token_kind kind; /* that of a constant, a path, a function or an operator */
    enum policy_type type;       /* of its value, as far as it shows without a record */
    size_t start;                /* in the text, for people */
    size_t length;
    json_t *value; /* owned; as in the token */
    size_t left;   /* operands, as indices of nodes that come before; of functions and `not` only
                      `left` */
    size_t right;
};

struct policy {
    char *text;
    struct policy_node *nodes;
    size_t node_count;
    size_t root;
};

/* --- policy_token.c --------------------------------------------------------------------------- */

/* Reads the next token at or behind `from`. 0 (json_decref of its value), -EINVAL with a problem,
 * or -ENOMEM. */
int policy_token_read(const char *text, size_t from, struct policy_token *ret_token,
                      struct problem *ret_problem);

/* Says where it is and what; returns -EINVAL. */
int policy_refuse(const char *text, size_t offset, struct problem *ret_problem, const char *format,
                  ...) __attribute__((format(printf, 4, 5)));

/* How much of a piece of the text is shown to people: some of it, and nothing behind its line. */
int policy_shown_length(const char *text, size_t start, size_t length);

/* For %.*s: a node or token as it was written. */
#define POLICY_SHOWN(text, piece) \
    policy_shown_length((text), (piece)->start, (piece)->length), (text) + (piece)->start

/* --- policy_parse.c --------------------------------------------------------------------------- */

/* Fills nodes and root from policy->text. 0, -EINVAL with a problem, or -ENOMEM; nodes are to be
 * freed in any case. */
int policy_parse(struct policy *policy, struct problem *ret_problem);

/* --- policy.c --------------------------------------------------------------------------------- */

/* `a number`, `null`, ... */
const char *policy_type_name(enum policy_type type);

#endif
