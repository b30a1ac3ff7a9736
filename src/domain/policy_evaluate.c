#include <stdbool.h>
#include <string.h>

#include "assent/base/json.h"
#include "assent/domain/policy_parts.h"

/* The value of a node. */
struct value {
    enum policy_type type; /* POLICY_TYPE_UNKNOWN: an error */
    bool boolean;
    bool real; /* a number is `number`, else `integer` */
    json_int_t integer;
    double number;
    const char *string;
    size_t length; /* of a string, bytes; of an array or object, elements */
};

struct evaluation {
    const struct policy *policy;
    const json_t *record;
    struct problem *why; /* of the first error; empty before it */
};

static const struct value error_value = {.type = POLICY_TYPE_UNKNOWN};

static struct value evaluate(const struct evaluation *evaluation, size_t index);

static const struct policy_node *node_at(const struct evaluation *evaluation, size_t index)
{
    return &evaluation->policy->nodes[index];
}

static struct value boolean_value(bool boolean)
{
    return (struct value){.type = POLICY_TYPE_BOOLEAN, .boolean = boolean};
}

static struct value integer_value(json_int_t integer)
{
    return (struct value){.type = POLICY_TYPE_NUMBER, .integer = integer};
}

/* --- errors ----------------------------------------------------------------------------------- */

static struct value is_missing(const struct evaluation *evaluation, const struct policy_node *node)
{
    if (evaluation->why->text[0] == '\0') {
        problem_set(evaluation->why, "%.*s is missing",
                    POLICY_SHOWN(evaluation->policy->text, node));
    }
    return error_value;
}

/* `wanted` is a name with its article. */
static struct value is_of_wrong_type(const struct evaluation *evaluation, size_t index,
                                     enum policy_type type, const char *wanted)
{
    const struct policy_node *node = node_at(evaluation, index);
    if (evaluation->why->text[0] == '\0') {
        problem_set(evaluation->why, "%.*s is %s, not %s",
                    POLICY_SHOWN(evaluation->policy->text, node), policy_type_name(type), wanted);
    }
    return error_value;
}

/* --- values ----------------------------------------------------------------------------------- */

static struct value value_of(const json_t *json)
{
    switch (json_typeof(json)) {
    case JSON_OBJECT:
        return (struct value){.type = POLICY_TYPE_OBJECT, .length = json_object_size(json)};
    case JSON_ARRAY:
        return (struct value){.type = POLICY_TYPE_ARRAY, .length = json_array_size(json)};
    case JSON_STRING:
        return (struct value){.type = POLICY_TYPE_STRING,
                              .string = json_string_value(json),
                              .length = json_string_length(json)};
    case JSON_INTEGER:
        return integer_value(json_integer_value(json));
    case JSON_REAL:
        return (struct value){
            .type = POLICY_TYPE_NUMBER, .real = true, .number = json_real_value(json)};
    case JSON_NULL:
        return (struct value){.type = POLICY_TYPE_NULL};
    default:
        return boolean_value(json_is_true(json));
    }
}

/* What the record has at that path; NULL if there is nothing. */
static const json_t *find(const struct evaluation *evaluation, const struct policy_node *path)
{
    const json_t *found = evaluation->record;
    for (size_t i = 0; found && i < json_array_size(path->value); i++) {
        const json_t *name = json_array_get(path->value, i);
        found = json_member(found, json_string_value(name), json_string_length(name));
    }
    return found;
}

static struct value evaluate_path(const struct evaluation *evaluation,
                                  const struct policy_node *node)
{
    const json_t *found = find(evaluation, node);
    return found ? value_of(found) : is_missing(evaluation, node);
}

static struct value evaluate_has(const struct evaluation *evaluation,
                                 const struct policy_node *node)
{
    const json_t *found = find(evaluation, node_at(evaluation, node->left));
    return boolean_value(found && !json_is_null(found));
}

static json_int_t count_code_points(const char *string, size_t length)
{
    json_int_t count = 0;
    for (size_t i = 0; i < length; i++) {
        count += (string[i] & 0xc0) != 0x80;
    }
    return count;
}

static struct value evaluate_len(const struct evaluation *evaluation,
                                 const struct policy_node *node)
{
    struct value value = evaluate(evaluation, node->left);
    switch (value.type) {
    case POLICY_TYPE_ARRAY:
    case POLICY_TYPE_OBJECT:
        return integer_value((json_int_t)value.length);
    case POLICY_TYPE_STRING:
        return integer_value(count_code_points(value.string, value.length));
    case POLICY_TYPE_UNKNOWN:
        return error_value;
    default:
        return is_of_wrong_type(evaluation, node->left, value.type,
                                "an array, an object or a string");
    }
}

/* --- comparisons ------------------------------------------------------------------------------ */

/* -1, 0 or 1. Every integer is compared as it is: as a double it could be another one. */
static int compare_mixed(json_int_t integer, double real)
{
    const double beyond = 9223372036854775808.0; /* 2^63 */
    if (real >= beyond) {
        return -1;
    }
    if (real < -beyond) {
        return 1;
    }
    json_int_t whole = (json_int_t)real;
    if (integer != whole) {
        return integer < whole ? -1 : 1;
    }
    double fraction = real - (double)whole;
    return fraction > 0 ? -1 : fraction < 0;
}

/* -1, 0 or 1; jansson's reals are finite. */
static int compare_numbers(const struct value *left, const struct value *right)
{
    if (left->real && right->real) {
        return left->number < right->number ? -1 : left->number > right->number;
    }
    if (left->real) {
        return -compare_mixed(right->integer, left->number);
    }
    if (right->real) {
        return compare_mixed(left->integer, right->number);
    }
    return left->integer < right->integer ? -1 : left->integer > right->integer;
}

static struct value evaluate_number(const struct evaluation *evaluation, size_t index)
{
    struct value value = evaluate(evaluation, index);
    if (value.type == POLICY_TYPE_NUMBER || value.type == POLICY_TYPE_UNKNOWN) {
        return value;
    }
    return is_of_wrong_type(evaluation, index, value.type, "a number");
}

static struct value evaluate_order(const struct evaluation *evaluation,
                                   const struct policy_node *node)
{
    struct value left = evaluate_number(evaluation, node->left);
    struct value right = evaluate_number(evaluation, node->right);
    if (left.type == POLICY_TYPE_UNKNOWN || right.type == POLICY_TYPE_UNKNOWN) {
        return error_value;
    }
    int order = compare_numbers(&left, &right);
    switch (node->kind) {
    case TOKEN_LESS:
        return boolean_value(order < 0);
    case TOKEN_LESS_OR_EQUAL:
        return boolean_value(order <= 0);
    case TOKEN_MORE:
        return boolean_value(order > 0);
    default:
        return boolean_value(order >= 0);
    }
}

static bool is_null_constant(const struct policy_node *node)
{
    return node->kind == TOKEN_CONSTANT && node->type == POLICY_TYPE_NULL;
}

/* Of values of the same type. */
static bool are_equal(const struct value *left, const struct value *right)
{
    switch (left->type) {
    case POLICY_TYPE_BOOLEAN:
        return left->boolean == right->boolean;
    case POLICY_TYPE_NUMBER:
        return compare_numbers(left, right) == 0;
    case POLICY_TYPE_STRING:
        return left->length == right->length &&
               memcmp(left->string, right->string, left->length) == 0;
    default:
        return true;
    }
}

/* Which of two values of different types is to blame: what was written as a constant is not. */
static struct value differ_in_type(const struct evaluation *evaluation,
                                   const struct policy_node *node, const struct value *left,
                                   const struct value *right)
{
    if (node_at(evaluation, node->left)->kind == TOKEN_CONSTANT) {
        return is_of_wrong_type(evaluation, node->right, right->type, policy_type_name(left->type));
    }
    return is_of_wrong_type(evaluation, node->left, left->type, policy_type_name(right->type));
}

static bool is_compound(const struct value *value)
{
    return value->type == POLICY_TYPE_ARRAY || value->type == POLICY_TYPE_OBJECT;
}

static struct value evaluate_equality(const struct evaluation *evaluation,
                                      const struct policy_node *node)
{
    static const char scalars[] = "a boolean, a number or a string";
    struct value left = evaluate(evaluation, node->left);
    struct value right = evaluate(evaluation, node->right);
    bool equal;
    if (left.type == POLICY_TYPE_UNKNOWN || right.type == POLICY_TYPE_UNKNOWN) {
        return error_value;
    }
    if (is_null_constant(node_at(evaluation, node->left)) ||
        is_null_constant(node_at(evaluation, node->right))) {
        equal = left.type == right.type;
    } else if (left.type != right.type) {
        return differ_in_type(evaluation, node, &left, &right);
    } else if (is_compound(&left) || left.type == POLICY_TYPE_NULL) {
        return is_of_wrong_type(evaluation, node->left, left.type, scalars);
    } else {
        equal = are_equal(&left, &right);
    }
    return boolean_value(equal == (node->kind == TOKEN_EQUAL));
}

/* --- logic ------------------------------------------------------------------------------------ */

static struct value evaluate_boolean(const struct evaluation *evaluation, size_t index)
{
    struct value value = evaluate(evaluation, index);
    if (value.type == POLICY_TYPE_BOOLEAN || value.type == POLICY_TYPE_UNKNOWN) {
        return value;
    }
    return is_of_wrong_type(evaluation, index, value.type, "a boolean");
}

static bool is_boolean(const struct value *value, bool boolean)
{
    return value->type == POLICY_TYPE_BOOLEAN && value->boolean == boolean;
}

/* `or` is true, and `and` false, as soon as one side is, whatever the other is. */
static struct value evaluate_junction(const struct evaluation *evaluation,
                                      const struct policy_node *node)
{
    bool decides = node->kind == TOKEN_OR;
    struct value left = evaluate_boolean(evaluation, node->left);
    if (is_boolean(&left, decides)) {
        return left;
    }
    struct value right = evaluate_boolean(evaluation, node->right);
    if (is_boolean(&right, decides) || right.type == POLICY_TYPE_UNKNOWN) {
        return right;
    }
    return left;
}

static struct value evaluate_not(const struct evaluation *evaluation,
                                 const struct policy_node *node)
{
    struct value value = evaluate_boolean(evaluation, node->left);
    return value.type == POLICY_TYPE_BOOLEAN ? boolean_value(!value.boolean) : value;
}

/* The recursion ends: operands come before their operators, of which there are at most
 * POLICY_NODE_LIMIT. */
static struct value evaluate(const struct evaluation *evaluation, size_t index)
{
    const struct policy_node *node = node_at(evaluation, index);
    switch (node->kind) {
    case TOKEN_CONSTANT:
        return value_of(node->value);
    case TOKEN_PATH:
        return evaluate_path(evaluation, node);
    case TOKEN_LEN:
        return evaluate_len(evaluation, node);
    case TOKEN_HAS:
        return evaluate_has(evaluation, node);
    case TOKEN_NOT:
        return evaluate_not(evaluation, node);
    case TOKEN_OR:
    case TOKEN_AND:
        return evaluate_junction(evaluation, node);
    case TOKEN_EQUAL:
    case TOKEN_UNEQUAL:
        return evaluate_equality(evaluation, node);
    default:
        return evaluate_order(evaluation, node);
    }
}

void policy_evaluate(const struct policy *policy, const json_t *record,
                     struct policy_result *ret_result)
{
    struct policy_result result = {.truth = POLICY_ERROR};
    const struct evaluation evaluation = {policy, record, &result.why};
    struct value value = evaluate_boolean(&evaluation, policy->root);
    if (value.type == POLICY_TYPE_BOOLEAN) {
        result.truth = value.boolean ? POLICY_TRUE : POLICY_FALSE;
    }
    *ret_result = result;
}
