/*
 * Random conditions: what is written with as few parentheses as possible means the same as what is
 * written with all of them, and both mean what the tree they were written from means; and the laws
 * of logic with three values hold between conditions.
 */
#include <check.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>

#include "assent/base/buffer.h"
#include "assent/domain/policy.h"
#include "support/suite.h"

#define ROUNDS     6000
#define DEEPEST    5
#define TREE_LIMIT 128

enum kind { LEAF, NOT, AND, OR };

struct tree {
    enum kind kind;
    size_t left, right; /* of a leaf `left` is one of the leaves below */
};

/* Each truth as itself and by way of a comparison. */
static const struct {
    const char *text;
    enum policy_truth truth;
} leaves[] = {
    {"true", POLICY_TRUE},
    {"context.yes", POLICY_TRUE},
    {"context.n > 4", POLICY_TRUE},
    {"'a' == 'a'", POLICY_TRUE},
    {"false", POLICY_FALSE},
    {"context.no", POLICY_FALSE},
    {"has(context.x)", POLICY_FALSE},
    {"context.n != 5", POLICY_FALSE},
    {"context.x", POLICY_ERROR},
    {"context.n", POLICY_ERROR},
    {"context.yes < 1", POLICY_ERROR},
    {"len(context.x) == 0", POLICY_ERROR},
};

static uint64_t state;
static struct tree trees[TREE_LIMIT];
static size_t tree_count;
static json_t *record;

/* xorshift64: the same conditions in every run. */
static size_t below(size_t limit)
{
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return (size_t)(state % limit);
}

static size_t grow(unsigned depth)
{
    struct tree tree = {.kind = depth == 0 ? LEAF : (enum kind)below(4)};
    if (tree.kind == LEAF) {
        tree.left = below(sizeof leaves / sizeof leaves[0]);
    } else {
        tree.left = grow(depth - 1);
    }
    if (tree.kind == AND || tree.kind == OR) {
        tree.right = grow(depth - 1);
    }
    ck_assert_uint_lt(tree_count, TREE_LIMIT);
    trees[tree_count] = tree;
    return tree_count++;
}

/* Kleene's logic as the least and the greatest of false < error < true. */
static int rank(enum policy_truth truth)
{
    return truth == POLICY_FALSE ? 0 : truth == POLICY_ERROR ? 1 : 2;
}

static enum policy_truth meaning(size_t index)
{
    static const enum policy_truth negated[] = {POLICY_TRUE, POLICY_FALSE, POLICY_ERROR};
    const struct tree *tree = &trees[index];
    if (tree->kind == LEAF) {
        return leaves[tree->left].truth;
    }
    enum policy_truth left = meaning(tree->left);
    if (tree->kind == NOT) {
        return negated[left];
    }
    enum policy_truth right = meaning(tree->right);
    return (rank(left) < rank(right)) == (tree->kind == AND) ? left : right;
}

/* `parentheses`: around everything, else only where the tree would be another without them. */
static void write_tree(size_t index, bool parentheses, struct buffer *out)
{
    const struct tree *tree = &trees[index];
    if (tree->kind == LEAF) {
        ck_assert_int_eq(buffer_append_text(out, leaves[tree->left].text), 0);
        return;
    }
    for (int right = 0; right <= (tree->kind != NOT); right++) {
        size_t operand = right ? tree->right : tree->left;
        enum kind kind = trees[operand].kind;
        static const int binds[] = {[OR] = 1, [AND] = 2, [NOT] = 3, [LEAF] = 4};
        bool needed = parentheses || binds[kind] < binds[tree->kind];
        const char *before = tree->kind == NOT   ? "not "
                             : !right            ? ""
                             : tree->kind == AND ? " and "
                                                 : " or ";
        ck_assert_int_eq(buffer_append_format(out, "%s%s", before, needed ? "(" : ""), 0);
        write_tree(operand, parentheses, out);
        ck_assert_int_eq(buffer_append_text(out, needed ? ")" : ""), 0);
    }
}

static char *written(size_t index, bool parentheses)
{
    struct buffer out = {0};
    write_tree(index, parentheses, &out);
    char *text = buffer_take_text(&out);
    ck_assert_ptr_nonnull(text);
    return text;
}

static enum policy_truth evaluated(const char *text)
{
    struct policy *policy = NULL;
    struct problem problem = {"no problem was told"};
    struct policy_result result;
    ck_assert_msg(policy_compile(text, &policy, &problem) == 0, "%s: %s", text, problem.text);
    policy_evaluate(policy, record, &result);
    policy_free(policy);
    ck_assert_msg(result.truth != POLICY_ERROR || result.why.text[0] != '\0', "%s", text);
    return result.truth;
}

static void assert_same(const char *left, const char *right)
{
    ck_assert_msg(evaluated(left) == evaluated(right), "%s\n%s", left, right);
}

#define ASSERT_SAME(left_format, right_format)                                 \
    do {                                                                       \
        struct buffer left = {0}, right = {0};                                 \
        ck_assert_int_eq(buffer_append_format(&left, left_format, a, b), 0);   \
        ck_assert_int_eq(buffer_append_format(&right, right_format, a, b), 0); \
        assert_same(buffer_text(&left), buffer_text(&right));                  \
        buffer_free(&left);                                                    \
        buffer_free(&right);                                                   \
    } while (0)

static void start(void)
{
    state = UINT64_C(0x9e3779b97f4a7c15);
    record = json_pack("{s:{s:b, s:b, s:i}}", "context", "yes", 1, "no", 0, "n", 5);
    ck_assert_ptr_nonnull(record);
}

static void finish(void)
{
    json_decref(record);
}

START_TEST(what_is_written_is_what_is_meant)
{
    size_t seen[3] = {0};
    for (int round = 0; round < ROUNDS; round++) {
        tree_count = 0;
        size_t tree = grow(DEEPEST);
        char *all = written(tree, true), *few = written(tree, false);
        enum policy_truth truth = meaning(tree);
        ck_assert_msg(evaluated(all) == truth, "%s", all);
        ck_assert_msg(evaluated(few) == truth, "%s", few);
        seen[truth]++;
        free(all);
        free(few);
    }
    for (size_t truth = 0; truth < 3; truth++) {
        ck_assert_uint_gt(seen[truth], ROUNDS / 10);
    }
}
END_TEST

START_TEST(the_laws_of_logic_hold)
{
    for (int round = 0; round < ROUNDS / 4; round++) {
        tree_count = 0;
        char *a = written(grow(DEEPEST - 2), true), *b = written(grow(DEEPEST - 2), true);
        ASSERT_SAME("not ((%s) and (%s))", "not (%s) or not (%s)");
        ASSERT_SAME("not ((%s) or (%s))", "not (%s) and not (%s)");
        ASSERT_SAME("(%1$s) and (%2$s)", "(%2$s) and (%1$s)");
        ASSERT_SAME("(%1$s) or (%2$s)", "(%2$s) or (%1$s)");
        ASSERT_SAME("(%1$s) and ((%1$s) or (%2$s))", "(%1$s) or (%1$s) and (%2$s)");
        ASSERT_SAME("not not (%1$s) or (%2$s)", "(%1$s) or not not (%2$s)");
        free(a);
        free(b);
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("policy_random");
    TCase *tests = tcase_create("policy_random");
    tcase_set_timeout(tests, 300);
    tcase_add_checked_fixture(tests, start, finish);
    tcase_add_test(tests, what_is_written_is_what_is_meant);
    tcase_add_test(tests, the_laws_of_logic_hold);
    suite_add_tcase(suite, tests);
    return suite_run(suite);
}
