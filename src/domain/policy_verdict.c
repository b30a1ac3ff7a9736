#include "assent/domain/policy_verdict.h"

#include <stdbool.h>
#include <stddef.h>

/* Evaluates the rule, and says what came of it. `verdict` gets its decision from the caller. */
static enum policy_truth apply(const struct policy *rule, const char *key, const json_t *record,
                               struct policy_verdict *verdict)
{
    struct policy_result result;
    policy_evaluate(rule, record, &result);
    verdict->rule = policy_text(rule);
    if (result.truth == POLICY_ERROR) {
        problem_set(&verdict->reason, "%s can't be evaluated: %s", key, result.why.text);
    } else {
        problem_set(&verdict->reason, "%s is %s", key,
                    result.truth == POLICY_TRUE ? "true" : "false");
    }
    return result.truth;
}

static bool is_refused(const struct policy_rules *rules, const json_t *record,
                       struct policy_verdict *verdict)
{
    return rules->refuse_if &&
           apply(rules->refuse_if, "refuse_if", record, verdict) != POLICY_FALSE;
}

static bool needs_approval(const struct policy_rules *rules, const json_t *record,
                           struct policy_verdict *verdict)
{
    if (rules->require_approval_if) {
        return apply(rules->require_approval_if, "require_approval_if", record, verdict) !=
               POLICY_FALSE;
    }
    verdict->rule = NULL;
    problem_set(&verdict->reason, "there is no require_approval_if: approval is always required");
    return true;
}

static bool is_used_up(const struct policy_rules *rules, uint64_t approved_by_policy,
                       struct policy_verdict *verdict)
{
    if (rules->max_per_day == 0 || approved_by_policy < rules->max_per_day) {
        return false;
    }
    verdict->rule = NULL;
    problem_set(&verdict->reason, "max_per_day = %u is used up", rules->max_per_day);
    return true;
}

void policy_judge(const struct policy_rules *rules, const json_t *record,
                  uint64_t approved_by_policy, struct policy_verdict *ret_verdict)
{
    struct policy_verdict verdict = {.rule = NULL};
    if (is_refused(rules, record, &verdict)) {
        verdict.decision = POLICY_REFUSE;
    } else if (needs_approval(rules, record, &verdict) ||
               is_used_up(rules, approved_by_policy, &verdict)) {
        verdict.decision = POLICY_REQUIRE_APPROVAL;
    } else {
        verdict.decision = POLICY_APPROVE;
    }
    *ret_verdict = verdict;
}
