#include <errno.h>
#include <stdbool.h>
#include <string.h>

#include "assent/base/array.h"
#include "assent/domain/policy_parts.h"

#define VALUE_EXAMPLES "such as context.name, 100, \"text\" or len(context.list)"

struct parser {
    struct policy *policy;
    struct policy_token token; /* the next one */
    unsigned depth;
    struct problem *problem;
};

typedef int parse_function(struct parser *parser, size_t *ret_node);

static parse_function parse_condition;

#define REFUSE(parser, offset, ...) \
    policy_refuse((parser)->policy->text, (offset), (parser)->problem, __VA_ARGS__)

static const struct policy_node *node_at(const struct parser *parser, size_t index)
{
    return &parser->policy->nodes[index];
}

static int advance(struct parser *parser)
{
    size_t behind = parser->token.start + parser->token.length;
    json_decref(parser->token.value);
    parser->token.value = NULL;
    return policy_token_read(parser->policy->text, behind, &parser->token, parser->problem);
}

/* Puts the node, whose value is taken over in any case, behind the others. */
static int add_node(struct parser *parser, struct policy_node node, size_t *ret_node)
{
    struct policy *policy = parser->policy;
    int r = 0;
    if (policy->node_count == POLICY_NODE_LIMIT) {
        r = REFUSE(parser, node.start,
                   "the expression is too large; there may be %d values and operators",
                   POLICY_NODE_LIMIT);
    }
    struct policy_node *nodes =
        r == 0 ? array_grow(policy->nodes, policy->node_count, sizeof *nodes) : NULL;
    if (!nodes) {
        json_decref(node.value);
        return r < 0 ? r : -ENOMEM;
    }
    nodes[policy->node_count] = node;
    policy->nodes = nodes;
    *ret_node = policy->node_count++;
    return 0;
}

/* --- what shows without a record -------------------------------------------------------------- */

static int need_condition(struct parser *parser, size_t index)
{
    const struct policy_node *node = node_at(parser, index);
    if (node->type == POLICY_TYPE_BOOLEAN || node->type == POLICY_TYPE_UNKNOWN) {
        return 0;
    }
    return REFUSE(parser, node->start,
                  "%.*s is %s; a condition belongs here, such as context.count > 100",
                  POLICY_SHOWN(parser->policy->text, node), policy_type_name(node->type));
}

static int need_number(struct parser *parser, size_t index)
{
    const struct policy_node *node = node_at(parser, index);
    if (node->type == POLICY_TYPE_NUMBER || node->type == POLICY_TYPE_UNKNOWN) {
        return 0;
    }
    return REFUSE(parser, node->start, "%.*s is %s; < <= > and >= compare numbers only",
                  POLICY_SHOWN(parser->policy->text, node), policy_type_name(node->type));
}

static bool is_null(const struct policy_node *node)
{
    return node->kind == TOKEN_CONSTANT && node->type == POLICY_TYPE_NULL;
}

static int need_scalar(struct parser *parser, size_t index)
{
    const struct policy_node *node = node_at(parser, index);
    if (node->type != POLICY_TYPE_OBJECT) {
        return 0;
    }
    return REFUSE(parser, node->start,
                  "%.*s is an object; == and != compare booleans, numbers and strings",
                  POLICY_SHOWN(parser->policy->text, node));
}

static bool is_urgency(const struct policy_node *node)
{
    return node->kind == TOKEN_PATH &&
           strcmp(json_string_value(json_array_get(node->value, 0)), "urgency") == 0;
}

/* A misspelt urgency would never be the one of a request. */
static int need_urgency(struct parser *parser, const struct policy_node *node)
{
    const char *text = node->kind == TOKEN_CONSTANT ? json_string_value(node->value) : NULL;
    if (!text || strcmp(text, "low") == 0 || strcmp(text, "medium") == 0 ||
        strcmp(text, "high") == 0) {
        return 0;
    }
    return REFUSE(parser, node->start,
                  "there is no such urgency; \"low\", \"medium\" or \"high\" belongs here");
}

static int need_comparable(struct parser *parser, size_t left_index, size_t right_index)
{
    const struct policy_node *left = node_at(parser, left_index);
    const struct policy_node *right = node_at(parser, right_index);
    if (is_null(left) || is_null(right)) {
        return 0;
    }
    int r = need_scalar(parser, left_index);
    if (r == 0) {
        r = need_scalar(parser, right_index);
    }
    if (r == 0 && left->type != right->type && left->type != POLICY_TYPE_UNKNOWN &&
        right->type != POLICY_TYPE_UNKNOWN) {
        r = REFUSE(parser, right->start,
                   "%.*s is %s; %s belongs here, because that is what stands on the left",
                   POLICY_SHOWN(parser->policy->text, right), policy_type_name(right->type),
                   policy_type_name(left->type));
    }
    if (r == 0 && is_urgency(left)) {
        r = need_urgency(parser, right);
    }
    if (r == 0 && is_urgency(right)) {
        r = need_urgency(parser, left);
    }
    return r;
}

/* --- the grammar ------------------------------------------------------------------------------ */

/* One level down, for the recursion that the text drives. */
static int descend(struct parser *parser)
{
    if (++parser->depth <= POLICY_DEPTH_LIMIT) {
        return 0;
    }
    return REFUSE(parser, parser->token.start,
                  "parentheses and not are nested too deep; there may be %d levels",
                  POLICY_DEPTH_LIMIT);
}

static enum policy_type type_of_constant(const json_t *value)
{
    return json_is_number(value)    ? POLICY_TYPE_NUMBER
           : json_is_string(value)  ? POLICY_TYPE_STRING
           : json_is_boolean(value) ? POLICY_TYPE_BOOLEAN
                                    : POLICY_TYPE_NULL;
}

static enum policy_type type_of_path(const json_t *names)
{
    bool of_context = strcmp(json_string_value(json_array_get(names, 0)), "context") == 0;
    return !of_context                   ? POLICY_TYPE_STRING
           : json_array_size(names) == 1 ? POLICY_TYPE_OBJECT
                                         : POLICY_TYPE_UNKNOWN;
}

/* A constant or a path. */
static int parse_leaf(struct parser *parser, size_t *ret_node)
{
    struct policy_token *token = &parser->token;
    struct policy_node node = {
        .kind = token->kind,
        .type =
            token->kind == TOKEN_PATH ? type_of_path(token->value) : type_of_constant(token->value),
        .start = token->start,
        .length = token->length,
        .value = token->value,
    };
    token->value = NULL;
    int r = add_node(parser, node, ret_node);
    return r == 0 ? advance(parser) : r;
}

static int expect(struct parser *parser, enum policy_token_kind kind, const char *what)
{
    if (parser->token.kind == kind) {
        return 0;
    }
    if (parser->token.kind == TOKEN_END) {
        return REFUSE(parser, parser->token.start, "the expression ends, but %s", what);
    }
    return REFUSE(parser, parser->token.start, "%s, not %.*s", what,
                  POLICY_SHOWN(parser->policy->text, &parser->token));
}

/* `len` or `has` with its path in parentheses. */
static int parse_function_call(struct parser *parser, size_t *ret_node)
{
    struct policy_node node = {
        .kind = parser->token.kind,
        .type = parser->token.kind == TOKEN_LEN ? POLICY_TYPE_NUMBER : POLICY_TYPE_BOOLEAN,
        .start = parser->token.start,
    };
    int r = advance(parser);
    if (r == 0) {
        r = expect(parser, TOKEN_OPEN, "( belongs behind len and has");
    }
    if (r == 0) {
        r = advance(parser);
    }
    if (r == 0) {
        r = expect(parser, TOKEN_PATH, "a name such as context.recipients belongs here");
    }
    if (r == 0) {
        r = parse_leaf(parser, &node.left);
    }
    if (r == 0) {
        r = expect(parser, TOKEN_CLOSE, ") belongs here");
    }
    node.length = parser->token.start + parser->token.length - node.start;
    if (r == 0) {
        r = advance(parser);
    }
    return r == 0 ? add_node(parser, node, ret_node) : r;
}

static int parse_parentheses(struct parser *parser, size_t *ret_node)
{
    size_t open = parser->token.start;
    int r = descend(parser);
    if (r == 0) {
        r = advance(parser);
    }
    if (r == 0) {
        r = parse_condition(parser, ret_node);
    }
    if (r == 0 && parser->token.kind == TOKEN_END) {
        r = REFUSE(parser, open, "the ( here is not closed; ) belongs behind what it holds");
    }
    if (r == 0) {
        r = expect(parser, TOKEN_CLOSE, "and, or, a comparison or ) belongs here");
    }
    parser->depth--;
    return r == 0 ? advance(parser) : r;
}

static int parse_value(struct parser *parser, size_t *ret_node)
{
    switch (parser->token.kind) {
    case TOKEN_CONSTANT:
    case TOKEN_PATH:
        return parse_leaf(parser, ret_node);
    case TOKEN_LEN:
    case TOKEN_HAS:
        return parse_function_call(parser, ret_node);
    case TOKEN_OPEN:
        return parse_parentheses(parser, ret_node);
    case TOKEN_NOT:
        return REFUSE(parser, parser->token.start,
                      "a value belongs here, " VALUE_EXAMPLES
                      "; not (...) needs parentheses around "
                      "it here");
    default:
        return expect(parser, TOKEN_CONSTANT, "a value belongs here, " VALUE_EXAMPLES);
    }
}

/* Parses what stands on the right of the operator that is the next token, with `operand`. */
static int parse_right(struct parser *parser, parse_function *operand, struct policy_node *node)
{
    node->kind = parser->token.kind;
    node->type = POLICY_TYPE_BOOLEAN;
    node->start = node_at(parser, node->left)->start;
    int r = advance(parser);
    if (r == 0) {
        r = operand(parser, &node->right);
    }
    if (r < 0) {
        return r;
    }
    const struct policy_node *right = node_at(parser, node->right);
    node->length = right->start + right->length - node->start;
    return 0;
}

static bool is_comparison(enum policy_token_kind kind)
{
    return kind >= TOKEN_LESS && kind <= TOKEN_UNEQUAL;
}

static int parse_comparison(struct parser *parser, size_t *ret_node)
{
    struct policy_node node = {0};
    int r = parse_value(parser, &node.left);
    if (r < 0 || !is_comparison(parser->token.kind)) {
        *ret_node = node.left;
        return r;
    }
    r = parse_right(parser, parse_value, &node);
    if (r < 0) {
        return r;
    }
    if (node.kind == TOKEN_EQUAL || node.kind == TOKEN_UNEQUAL) {
        r = need_comparable(parser, node.left, node.right);
    } else {
        r = need_number(parser, node.left);
    }
    if (r == 0 && node.kind != TOKEN_EQUAL && node.kind != TOKEN_UNEQUAL) {
        r = need_number(parser, node.right);
    }
    if (r == 0 && is_comparison(parser->token.kind)) {
        r = REFUSE(parser, parser->token.start,
                   "comparisons can't be chained; and or or belongs between two, as in a < b "
                   "and b < c");
    }
    return r == 0 ? add_node(parser, node, ret_node) : r;
}

static int parse_negation(struct parser *parser, size_t *ret_node)
{
    if (parser->token.kind != TOKEN_NOT) {
        return parse_comparison(parser, ret_node);
    }
    struct policy_node node = {
        .kind = TOKEN_NOT,
        .type = POLICY_TYPE_BOOLEAN,
        .start = parser->token.start,
    };
    int r = descend(parser);
    if (r == 0) {
        r = advance(parser);
    }
    if (r == 0) {
        r = parse_negation(parser, &node.left);
    }
    if (r == 0) {
        r = need_condition(parser, node.left);
    }
    parser->depth--;
    if (r < 0) {
        return r;
    }
    const struct policy_node *operand = node_at(parser, node.left);
    node.length = operand->start + operand->length - node.start;
    return add_node(parser, node, ret_node);
}

/* Operands with `operator` between them, from the left. */
static int parse_chain(struct parser *parser, enum policy_token_kind operator,
                       parse_function * operand, size_t *ret_node)
{
    size_t so_far;
    int r = operand(parser, &so_far);
    while (r == 0 && parser->token.kind == operator) {
        struct policy_node node = {.left = so_far};
        r = need_condition(parser, node.left);
        if (r == 0) {
            r = parse_right(parser, operand, &node);
        }
        if (r == 0) {
            r = need_condition(parser, node.right);
        }
        if (r == 0) {
            r = add_node(parser, node, &so_far);
        }
    }
    if (r == 0) {
        *ret_node = so_far;
    }
    return r;
}

static int parse_conjunction(struct parser *parser, size_t *ret_node)
{
    return parse_chain(parser, TOKEN_AND, parse_negation, ret_node);
}

static int parse_condition(struct parser *parser, size_t *ret_node)
{
    return parse_chain(parser, TOKEN_OR, parse_conjunction, ret_node);
}

int policy_parse(struct policy *policy, struct problem *ret_problem)
{
    struct parser parser = {.policy = policy, .problem = ret_problem};
    int r = advance(&parser);
    if (r == 0) {
        r = parse_condition(&parser, &policy->root);
    }
    if (r == 0) {
        r = expect(&parser, TOKEN_END, "and, or or a comparison belongs here");
    }
    if (r == 0) {
        r = need_condition(&parser, policy->root);
    }
    json_decref(parser.token.value);
    return r;
}
