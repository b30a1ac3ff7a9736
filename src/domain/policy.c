#include "assent/domain/policy.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "assent/base/text.h"
#include "assent/domain/policy_parts.h"

static bool is_control(char c)
{
    return ((unsigned char)c < ' ' && !strchr("\t\n", c)) || c == 0x7f;
}

/* What is wrong with the text before it is looked at as an expression. */
static int check_text(const char *text, struct problem *ret_problem)
{
    size_t length = strlen(text);
    if (length > POLICY_TEXT_LIMIT) {
        return policy_refuse(text, 0, ret_problem,
                             "an expression of %zu bytes is too long; there may be %d", length,
                             POLICY_TEXT_LIMIT);
    }
    if (!text_is_utf8(text, length)) {
        return policy_refuse(text, 0, ret_problem, "this is not valid UTF-8");
    }
    for (size_t i = 0; i < length; i++) {
        if (is_control(text[i])) {
            return policy_refuse(text, i, ret_problem,
                                 "a control character can't stand here; in a string it is "
                                 "written as \\u%04x",
                                 (unsigned)text[i]);
        }
    }
    return 0;
}

int policy_compile(const char *text, struct policy **ret_policy, struct problem *ret_problem)
{
    int r = check_text(text, ret_problem);
    if (r < 0) {
        return r;
    }
    struct policy *policy = calloc(1, sizeof *policy);
    if (!policy) {
        return -ENOMEM;
    }
    policy->text = strdup(text);
    r = policy->text ? policy_parse(policy, ret_problem) : -ENOMEM;
    if (r < 0) {
        policy_free(policy);
    } else {
        *ret_policy = policy;
    }
    return r;
}

const char *policy_text(const struct policy *policy)
{
    return policy->text;
}

const char *policy_type_name(enum policy_type type)
{
    static const char *const names[] = {
        [POLICY_TYPE_UNKNOWN] = "unknown",   [POLICY_TYPE_NULL] = "null",
        [POLICY_TYPE_BOOLEAN] = "a boolean", [POLICY_TYPE_NUMBER] = "a number",
        [POLICY_TYPE_STRING] = "a string",   [POLICY_TYPE_ARRAY] = "an array",
        [POLICY_TYPE_OBJECT] = "an object",
    };
    return names[type];
}

void policy_free(struct policy *policy)
{
    if (!policy) {
        return;
    }
    for (size_t i = 0; i < policy->node_count; i++) {
        json_decref(policy->nodes[i].value);
    }
    free(policy->nodes);
    free(policy->text);
    free(policy);
}
