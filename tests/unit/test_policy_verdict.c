/*
 * Verdicts: what every combination of rules, of what comes of them, and of approvals so far leads
 * to.
 */
#include <check.h>
#include <stdlib.h>

#include "assent/domain/policy_verdict.h"
#include "support/suite.h"

static const struct {
    const char *refuse_if;
    const char *require_approval_if;
    unsigned max_per_day;
    uint64_t approved_by_policy;
    enum policy_decision decision;
    const char *rule;
    const char *reason;
} cases[] = {
    {NULL, NULL, 0, 0, POLICY_REQUIRE_APPROVAL, NULL,
     "there is no require_approval_if: approval is always required"},
    {NULL, NULL, 5, 0, POLICY_REQUIRE_APPROVAL, NULL,
     "there is no require_approval_if: approval is always required"},

    {NULL, "context.count > 100", 0, 0, POLICY_REQUIRE_APPROVAL, "context.count > 100",
     "require_approval_if is true"},
    {NULL, "context.count > 600", 0, 0, POLICY_APPROVE, "context.count > 600",
     "require_approval_if is false"},
    {NULL, "context.cost > 600", 0, 0, POLICY_REQUIRE_APPROVAL, "context.cost > 600",
     "require_approval_if can't be evaluated: context.cost is missing"},
    {NULL, "context.name > 600", 0, 0, POLICY_REQUIRE_APPROVAL, "context.name > 600",
     "require_approval_if can't be evaluated: context.name is a string, not a number"},
    {NULL, "context.cost > 600 and false", 0, 0, POLICY_APPROVE, "context.cost > 600 and false",
     "require_approval_if is false"},

    {"context.count > 100", NULL, 0, 0, POLICY_REFUSE, "context.count > 100", "refuse_if is true"},
    {"context.count > 600", NULL, 0, 0, POLICY_REQUIRE_APPROVAL, NULL,
     "there is no require_approval_if: approval is always required"},
    {"context.cost > 600", NULL, 0, 0, POLICY_REFUSE, "context.cost > 600",
     "refuse_if can't be evaluated: context.cost is missing"},
    {"urgency == 'low'", NULL, 0, 0, POLICY_REFUSE, "urgency == 'low'",
     "refuse_if can't be evaluated: urgency is missing"},

    {"true", "true", 0, 0, POLICY_REFUSE, "true", "refuse_if is true"},
    {"true", "false", 0, 0, POLICY_REFUSE, "true", "refuse_if is true"},
    {"false", "true", 0, 0, POLICY_REQUIRE_APPROVAL, "true", "require_approval_if is true"},
    {"false", "false", 0, 0, POLICY_APPROVE, "false", "require_approval_if is false"},
    {"context.a", "context.b", 0, 0, POLICY_REFUSE, "context.a",
     "refuse_if can't be evaluated: context.a is missing"},
    {"false", "context.b", 0, 0, POLICY_REQUIRE_APPROVAL, "context.b",
     "require_approval_if can't be evaluated: context.b is missing"},

    {NULL, "false", 0, UINT64_MAX, POLICY_APPROVE, "false", "require_approval_if is false"},
    {NULL, "false", 5, 0, POLICY_APPROVE, "false", "require_approval_if is false"},
    {NULL, "false", 5, 4, POLICY_APPROVE, "false", "require_approval_if is false"},
    {NULL, "false", 5, 5, POLICY_REQUIRE_APPROVAL, NULL, "max_per_day = 5 is used up"},
    {NULL, "false", 5, 6, POLICY_REQUIRE_APPROVAL, NULL, "max_per_day = 5 is used up"},
    {NULL, "false", 5, UINT64_C(1) << 32, POLICY_REQUIRE_APPROVAL, NULL,
     "max_per_day = 5 is used up"},
    {NULL, "true", 5, 5, POLICY_REQUIRE_APPROVAL, "true", "require_approval_if is true"},
    {"true", "false", 5, 5, POLICY_REFUSE, "true", "refuse_if is true"},
    {"false", "false", 5, 5, POLICY_REQUIRE_APPROVAL, NULL, "max_per_day = 5 is used up"},
};

static struct policy *compiled(const char *text)
{
    struct policy *policy = NULL;
    struct problem problem = {"no problem was told"};
    if (text) {
        ck_assert_msg(policy_compile(text, &policy, &problem) == 0, "%s: %s", text, problem.text);
    }
    return policy;
}

START_TEST(rules_lead_to_a_verdict)
{
    json_t *record = json_pack("{s:{s:i, s:s}}", "context", "count", 500, "name", "a");
    struct policy_rules rules = {
        .refuse_if = compiled(cases[_i].refuse_if),
        .require_approval_if = compiled(cases[_i].require_approval_if),
        .max_per_day = cases[_i].max_per_day,
    };
    struct policy_verdict verdict;
    policy_judge(&rules, record, cases[_i].approved_by_policy, &verdict);
    ck_assert_int_eq(verdict.decision, cases[_i].decision);
    ck_assert_str_eq(verdict.reason.text, cases[_i].reason);
    ck_assert_pstr_eq(verdict.rule, cases[_i].rule);
    policy_free(rules.refuse_if);
    policy_free(rules.require_approval_if);
    json_decref(record);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("policy_verdict");
    TCase *tests = tcase_create("policy_verdict");
    tcase_add_loop_test(tests, rules_lead_to_a_verdict, 0, sizeof cases / sizeof cases[0]);
    suite_add_tcase(suite, tests);
    return suite_run(suite);
}
