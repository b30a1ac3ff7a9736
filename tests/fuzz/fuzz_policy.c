/* Input: the expression, a NUL, the record. An expression that is refused says where, one that is
 * taken has a truth, which its negation has the other way round, and every error has a reason. */
#include <assert.h>
#include <stdint.h>
#include <string.h>

#include "assent/base/buffer.h"
#include "assent/base/json.h"
#include "assent/domain/policy.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void assert_safe(const char *text)
{
    assert(*text != '\0');
    for (; *text != '\0'; text++) {
        assert((unsigned char)*text >= ' ' && *text != 0x7f);
    }
}

static enum policy_truth evaluate(const struct policy *policy, const json_t *record)
{
    struct policy_result result;
    policy_evaluate(policy, record, &result);
    if (result.truth == POLICY_ERROR) {
        assert_safe(result.why.text);
    }
    return result.truth;
}

/* Only the limits can refuse what `not` is put in front of. */
static void check_negation(const char *text, const json_t *record, enum policy_truth truth)
{
    static const enum policy_truth negated[] = {POLICY_TRUE, POLICY_FALSE, POLICY_ERROR};
    struct policy *policy;
    struct buffer negation = {0};
    assert(buffer_append_format(&negation, "not(%s)", text) == 0);
    if (policy_compile(buffer_text(&negation), &policy, NULL) == 0) {
        assert(evaluate(policy, record) == negated[truth]);
        policy_free(policy);
    } else {
        assert(strlen(text) > POLICY_DEPTH_LIMIT);
    }
    buffer_free(&negation);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const uint8_t *end = size > 0 ? memchr(data, '\0', size) : NULL;
    struct policy *policy;
    struct problem problem;
    json_t *record;
    if (!end || json_parse(end + 1, size - (size_t)(end + 1 - data), &record, NULL) < 0) {
        return 0;
    }
    if (policy_compile((const char *)data, &policy, &problem) == 0) {
        check_negation((const char *)data, record, evaluate(policy, record));
        policy_free(policy);
    } else {
        assert_safe(problem.text);
    }
    json_decref(record);
    return 0;
}
