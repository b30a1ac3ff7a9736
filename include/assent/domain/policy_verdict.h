/*
 * What an action's rules say about a request that is asked for: refused, approved without asking
 * anybody, or somebody has to be asked.
 *
 * What can't be evaluated never lets a request through: it is refused by refuse_if, and somebody is
 * asked by require_approval_if. Without require_approval_if somebody is always asked.
 *
 * Owns: nothing. Runs in: core, assentctl. Pure. May call: policy.
 */
#ifndef ASSENT_DOMAIN_POLICY_VERDICT_H
#define ASSENT_DOMAIN_POLICY_VERDICT_H

#include <jansson.h>
#include <stdint.h>

#include "assent/base/problem.h"
#include "assent/domain/policy.h"

/* Of one action. All zeros: there are no rules. */
struct policy_rules {
    struct policy *require_approval_if; /* NULL: always */
    struct policy *refuse_if;           /* NULL: never */
    unsigned max_per_day;               /* approvals by policy in 24 hours; 0: no limit */
};

enum policy_decision { POLICY_REFUSE, POLICY_APPROVE, POLICY_REQUIRE_APPROVAL };

struct policy_verdict {
    enum policy_decision decision;
    /* The text of the expression that decided, which belongs to the rules; NULL where none did. */
    const char *rule;
    /* Which rule decided, and why: `refuse_if is true`, `require_approval_if can't be evaluated:
     * context.count is missing`, `max_per_day = 10 is used up`. Nothing of the record's values. */
    struct problem reason;
};

/* Judges the record (as for policy_evaluate) of a request for that action, of which
 * `approved_by_policy` others were approved by policy within the last 24 hours. */
void policy_judge(const struct policy_rules *rules, const json_t *record,
                  uint64_t approved_by_policy, struct policy_verdict *ret_verdict);

#endif
