/*
 * Conditions about a request, as operators write them: `len(context.recipients) > 100`. Compiled
 * once, evaluated against what was asked.
 *
 *   condition   = conjunction { "or" conjunction }
 *   conjunction = negation { "and" negation }
 *   negation    = "not" negation | comparison
 *   comparison  = value [ ( "<" | "<=" | ">" | ">=" | "==" | "!=" ) value ]
 *   value       = number | string | "true" | "false" | "null" | path
 *               | "len" "(" path ")" | "has" "(" path ")" | "(" condition ")"
 *   path        = "urgency" | "action" | "reason" | "context" { "." name }
 *   name        = letters, digits and _ | string
 *
 * Numbers are JSON's; strings are JSON's, or stand in single quotes, where \' is one. A name of
 * digits counts an array's elements from 0. There is no white space inside a path.
 *
 * Logic has three values. What can't be evaluated is an error: a path to nothing, a value of
 * another type than the operator takes. `true or error` is true, `false and error` is false, in
 * either order; every other use of an error is an error. Nothing is converted:
 *
 *   and or not      take booleans
 *   < <= > >=       take numbers, which are compared exactly, integers with reals too. Strings have
 *                   no order: "high" would come before "low"
 *   == !=           take two booleans, numbers or strings. Where one side is the word null, the
 *                   other may be anything
 *   len             takes an array or object (its elements) or a string (its code points)
 *   has             is false where there is nothing or null, and never an error
 *
 * What shows without a request is refused at once, such as `urgency > "low"` or `len(context.a)`
 * alone.
 *
 * Owns: a policy owns its memory. Runs in: the supervisor (compile, for the errors), core,
 * assentctl. Pure. May call: json, text.
 */
#ifndef ASSENT_DOMAIN_POLICY_H
#define ASSENT_DOMAIN_POLICY_H

#include <jansson.h>

#include "assent/base/problem.h"

#define POLICY_TEXT_LIMIT  4096 /* bytes */
#define POLICY_DEPTH_LIMIT 32   /* parentheses and `not` within each other */
#define POLICY_NODE_LIMIT  500  /* values and operators */

struct policy;

enum policy_truth { POLICY_FALSE, POLICY_TRUE, POLICY_ERROR };

struct policy_result {
    enum policy_truth truth;
    /* The first thing that could not be evaluated, and why, as in `context.count is a string, not a
     * number`; empty if there was none. It may be there without POLICY_ERROR: see `or`. Nothing of
     * the record's values is told. */
    struct problem why;
};

/* Compiles `text`. Returns 0 (policy_free), -EINVAL with a problem that begins with where it is,
 * `column N: ` (from 1, in characters; behind the first line `line N, column N: `), and says what
 * belongs there, or -ENOMEM. */
int policy_compile(const char *text, struct policy **ret_policy, struct problem *ret_problem);

/* The text that it was compiled from. */
const char *policy_text(const struct policy *policy);

/* Evaluates it for a record: an object with `action`, `reason`, `urgency` and `context`, such as
 * json_parse makes. */
void policy_evaluate(const struct policy *policy, const json_t *record,
                     struct policy_result *ret_result);

/* Takes NULL. */
void policy_free(struct policy *policy);

#endif
