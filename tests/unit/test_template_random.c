/*
 * Random templates with random records, and whole hooks with them: whatever a record holds, what
 * comes of a template has the structure that the template says, and nothing fails that need not.
 */
#include <check.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "assent/base/json.h"
#include "assent/caller/call_plan.h"
#include "assent/runner/program.h"
#include "support/odd_record.h"
#include "support/suite.h"
#include "support/template_oracle.h"
#include "unit/config_scratch.h"

#define ROUNDS       6000
#define HOOK_ROUNDS  2000
#define HUGE_ONE_IN  2000
#define COUNT(array) (sizeof array / sizeof array[0])

static const char *const placeholders[] = {
    "{reason}",      "{action}",      "{decided_by|nobody}", "{context.a}",
    "{context.a|}",  "{context.a|.}", "{context.b}",         "{context.a.b}",
    "{context.a.0}", "{item}",        "{item|/../}",         "{item.b|x y?&#}",
    "{item.0}",      "{index}",       "{job.key}",           "{attempt}",
};

static uint64_t state;

static size_t below(size_t limit)
{
    return odd_below(&state, limit);
}

static const char *one_of(const char *const *texts, size_t count)
{
    return texts[below(count)];
}
#define ONE_OF(texts) one_of((texts), COUNT(texts))

/* Not by an assertion, which Check notes each time. */
static void put(struct buffer *out, const char *text)
{
    if (buffer_append_text(out, text) < 0) {
        abort();
    }
}

static json_t *parsed(const struct buffer *text)
{
    json_t *json = NULL;
    struct problem problem = {"no problem was told"};

    ck_assert_msg(json_parse(text->data, text->length, &json, &problem) == 0, "%s: %s",
                  problem.text, (const char *)text->data);
    return json;
}

/* --- templates -------------------------------------------------------------------------------- */

/* Appends some of the kind's literals and of all placeholders. */
static void put_pieces(struct buffer *out, const char *const *literals, size_t count)
{
    for (size_t left = below(6); left > 0; left--) {
        put(out, below(2) == 0 ? ONE_OF(placeholders) : one_of(literals, count));
    }
}

static void put_word(struct buffer *out)
{
    static const char *const literals[] = {"--to=", " ",  "'",  "%",   "$(x)",
                                           "{{",    "}}", "\n", "/../"};

    put_pieces(out, literals, COUNT(literals));
}

static void put_url(struct buffer *out)
{
    static const char *const literals[] = {"/",   "/v1/", "a",  "%2e", ".", "..", "?",
                                           "&n=", "=",    "//", "%41", "-", ";",  "://"};

    put(out, "https://h.example:8443/");
    put_pieces(out, literals, COUNT(literals));
    put(out, below(2) == 0 ? "/" : "?");
    put_pieces(out, literals, COUNT(literals));
}

static void put_header(struct buffer *out)
{
    static const char *const literals[] = {" ", "<",           "\"", "{{", "}}",
                                           ",", "caf\xc3\xa9", ";",  ":"};

    put(out, "X-A: ");
    put_pieces(out, literals, COUNT(literals));
}

static void put_json_string(struct buffer *out)
{
    static const char *const literals[] = {"x", "\"", "\\", "{{", "}}", "\n", "/", "\xe2\x80\xa8"};
    struct buffer plain = {0};

    put_pieces(&plain, literals, COUNT(literals));
    ck_assert_int_eq(json_append_string(out, buffer_text(&plain)), 0);
    buffer_free(&plain);
}

static void put_json(struct buffer *out, size_t depth)
{
    static const char *const fixed[] = {"null", "true", "{}", "[]", "-1.5e3", "7", "\"\""};

    switch (depth > 0 ? below(4) : 2 + below(2)) {
    case 0:
        put(out, "[");
        put_json(out, depth - 1);
        put(out, ", ");
        put_json(out, depth - 1);
        put(out, "]");
        break;
    case 1:
        put(out, "{ \"z\" : ");
        put_json(out, depth - 1);
        put(out, ", \"{{item}}\":");
        put_json(out, depth - 1);
        put(out, ", \"\":");
        put_json(out, depth - 1);
        put(out, "}");
        break;
    case 2:
        put(out, below(4) == 0 ? ONE_OF(fixed) : "\"{item}\"");
        break;
    default:
        put_json_string(out);
        break;
    }
}

static struct buffer random_template(enum template_kind kind)
{
    struct buffer out = {0};

    switch (kind) {
    case TEMPLATE_WORD:
        put_word(&out);
        break;
    case TEMPLATE_URL:
        put_url(&out);
        break;
    case TEMPLATE_HEADER:
        put_header(&out);
        break;
    case TEMPLATE_JSON:
        put_json(&out, 3);
        break;
    }
    ck_assert_ptr_nonnull(buffer_text(&out));
    return out;
}

/* --- each kind -------------------------------------------------------------------------------- */

static const enum template_kind kinds[] = {TEMPLATE_WORD, TEMPLATE_URL, TEMPLATE_HEADER,
                                           TEMPLATE_JSON};

/* Renders and judges. True if it could be rendered. */
static bool judge(enum template_kind kind, const char *text, const struct buffer *record)
{
    struct template *template = NULL;
    struct buffer out = {0};
    struct problem problem = {"no problem was told"};
    json_t *json = parsed(record);
    int r = template_compile(kind, text, &template, &problem);
    const char *wrong;

    ck_assert_msg(r == 0, "%s: %s", text, problem.text);
    problem.text[0] = '\0';
    r = template_render(template, json, &out, &problem);
    ck_assert_msg(r == 0 || r == -ENOENT || r == -EINVAL, "%s: %d", text, r);
    ck_assert_int_eq(r == 0, problem.text[0] == '\0');
    wrong = template_oracle(kind, text, json, r == 0 ? &out : NULL);
    ck_assert_msg(!wrong, "%s\n%s\n%s: %.2000s", text, (const char *)record->data, wrong,
                  r == 0 ? buffer_text(&out) : problem.text);
    buffer_free(&out);
    json_decref(json);
    template_free(template);
    return r == 0;
}

START_TEST(no_record_can_change_what_a_template_says)
{
    enum template_kind kind = kinds[_i];
    unsigned rendered = 0;

    for (int round = 0; round < ROUNDS; round++) {
        struct buffer text = random_template(kind);
        struct buffer record = odd_record(&state, HUGE_ONE_IN);

        rendered += judge(kind, buffer_text(&text), &record);
        buffer_free(&text);
        buffer_free(&record);
    }
    ck_assert_uint_gt(rendered, ROUNDS / 5);
    ck_assert_uint_lt(rendered, ROUNDS - ROUNDS / 20);
}
END_TEST

/* An oracle that finds everything right would be none. */
static const struct {
    enum template_kind kind;
    const char *text;
    const char *rendered; /* NULL: nothing */
} wrongs[] = {
    {TEMPLATE_WORD, "a{item}", "ab"},
    {TEMPLATE_WORD, "a{item}", NULL},
    {TEMPLATE_WORD, "a{none}", "a"},
    {TEMPLATE_URL, "http://h/a{item}", "http://h/a/.."},
    {TEMPLATE_URL, "http://h/a{item}", "http://g/a%2F.."},
    {TEMPLATE_URL, "http://h/a{item}", "http://h/a%2F..?"},
    {TEMPLATE_URL, "http://h/a{item}", "http://h/a%2F..#"},
    {TEMPLATE_URL, "http://h/a{item}?b={item}", "http://h/a%2F..?b=%2F..&c="},
    {TEMPLATE_URL, "http://h/{dots}/b", "http://h/../b"},
    {TEMPLATE_URL, "http://h/{dots}/b", "http://h/%2e%2E/b"},
    {TEMPLATE_URL, "http://h/{dots|}/", "http://h/%2e./"},
    {TEMPLATE_URL, "http://h/{none|}/", "http://h//"},
    {TEMPLATE_URL, "http://h/?{dots}", NULL},
    {TEMPLATE_HEADER, "A: {line}", "A: a\r\nB: b"},
    {TEMPLATE_HEADER, "A: {item}", "A: /..\r\nB: b"},
    {TEMPLATE_HEADER, "A: {item}", "A: "},
    {TEMPLATE_HEADER, "A: {item}", NULL},
    {TEMPLATE_JSON, "[\"{item}\"]", "[\"/..\",1]"},
    {TEMPLATE_JSON, "[\"{item}\"]", "[\"/..\"]]"},
    {TEMPLATE_JSON, "{\"a\":1,\"b\":\"{dots}\"}", "{\"b\":\"..\",\"a\":1}"},
    {TEMPLATE_JSON, "{\"a\":\"x{item}\"}", "{\"a\":\"x\",\"b\":\"/..\"}"},
    {TEMPLATE_JSON, "[\"{list}\"]", "[1]"},
    {TEMPLATE_JSON, "[\"x{list}\"]", "[\"x[1]\"]"},
    {TEMPLATE_JSON, "[\"x{item}\"]", NULL},
};

START_TEST(what_is_wrong_is_found)
{
    json_t *record = json_pack("{s:s, s:s, s:s, s:[i]}", "item", "/..", "dots", "..", "line",
                               "a\r\nB: b", "list", 1);
    struct buffer rendered = {0};

    put(&rendered, wrongs[_i].rendered ? wrongs[_i].rendered : "");
    ck_assert_ptr_nonnull(template_oracle(wrongs[_i].kind, wrongs[_i].text, record,
                                          wrongs[_i].rendered ? &rendered : NULL));
    buffer_free(&rendered);
    json_decref(record);
}
END_TEST

/* --- whole hooks ------------------------------------------------------------------------------ */

static const char *const words[] = {
    "true",     "--to={item}", "--n={index}", "x{item.b|none}y",
    "{{item}}", "--",          "{reason}",    "{context.b} {context.b}",
    "",         "{context.a|}"};
static const char *const headers[] = {"X-Item: <{item}>", "X-Reason: {reason}",
                                      "Content-Type: application/json; x={context.b}"};
static const char url[] = "https://h.example/v1/{item}/x{context.b}/end?r={reason}&n={context.a|}";
static const char body[] =
    "{\"{{\":[\"-\",{\"x\":\"{item}\",\"t\":\"<{reason}>\"}],\"n\":\"{index}\"}";

static struct config *load_hooks(void)
{
    return scratch_load(
        SERVER
        "[hook program]\nfor_each = context.to\n"
        "exec = true --to={item} \"--n={index}\" x{item.b|none}y {{item}} -- '{reason}' "
        "\"{context.b} {context.b}\" '' {context.a|}\n"
        "[hook call]\nfor_each = context.to\n"
        "http = PUT https://h.example/v1/{item}/x{context.b}/end?r={reason}&n={context.a|}\n"
        "header = X-Item: <{item}>\nheader = X-Reason: {reason}\n"
        "header = Content-Type: application/json; x={context.b}\n"
        "body = {\"{{\":[\"-\",{\"x\":\"{item}\",\"t\":\"<{reason}>\"}],\"n\":\"{index}\"}\n");
}

static void assert_right(enum template_kind kind, const char *text, const json_t *record,
                         const char *rendered, size_t length)
{
    struct buffer copy = {0};
    const char *wrong;

    ck_assert_int_eq(buffer_append(&copy, rendered, length), 0);
    wrong = template_oracle(kind, text, record, &copy);
    ck_assert_msg(!wrong, "%s: %s: %.2000s", text, wrong, rendered);
    buffer_free(&copy);
}

static bool prepare_program(const struct config_hook *hook, const struct buffer *text)
{
    static char place[] = "/tmp", lang[] = "C.UTF-8";
    const struct surroundings surroundings = {place, place, lang};
    struct program program;
    struct problem problem = {""};
    json_t *record;
    size_t count = 0;

    if (program_prepare(hook, &surroundings, text->data, text->length, &program, &problem) < 0) {
        ck_assert_str_ne(problem.text, "");
        return false;
    }
    record = parsed(text);
    for (; program.words[count]; count++) {
        ck_assert_uint_lt(count, COUNT(words));
        assert_right(TEMPLATE_WORD, words[count], record, program.words[count],
                     strlen(program.words[count]));
    }
    ck_assert_uint_eq(count, COUNT(words));
    json_decref(record);
    program_clear(&program);
    return true;
}

static bool plan_call(const struct config_hook *hook, const struct buffer *text)
{
    const struct config config = {.jail = false};
    struct call_plan *plan;
    struct problem problem = {""};
    json_t *record;

    if (call_plan_make(&config, hook, text->data, text->length, &plan, &problem) < 0) {
        ck_assert_str_ne(problem.text, "");
        return false;
    }
    record = parsed(text);
    ck_assert_str_eq(plan->request.method, "PUT");
    assert_right(TEMPLATE_URL, url, record, plan->request.url, strlen(plan->request.url));
    ck_assert_uint_eq(plan->request.header_count, COUNT(headers));
    for (size_t i = 0; i < COUNT(headers); i++) {
        assert_right(TEMPLATE_HEADER, headers[i], record, plan->request.headers[i],
                     strlen(plan->request.headers[i]));
    }
    assert_right(TEMPLATE_JSON, body, record, plan->request.body, plan->request.body_length);
    json_decref(record);
    call_plan_free(plan);
    return true;
}

START_TEST(no_record_can_change_what_a_hook_says)
{
    struct config *config = load_hooks();
    unsigned prepared = 0, planned = 0;

    for (int round = 0; round < HOOK_ROUNDS; round++) {
        struct buffer record = odd_record(&state, HUGE_ONE_IN);

        prepared += prepare_program(config_hook(config, "program"), &record);
        planned += plan_call(config_hook(config, "call"), &record);
        buffer_free(&record);
    }
    ck_assert_uint_gt(prepared, HOOK_ROUNDS / 5);
    ck_assert_uint_lt(prepared, HOOK_ROUNDS);
    ck_assert_uint_gt(planned, HOOK_ROUNDS / 20);
    ck_assert_uint_lt(planned, HOOK_ROUNDS);
    config_free(config);
}
END_TEST

static const char *const no_records[] = {
    "{\"item\":1e400}",
    "{\"item\":-1e400}",
    "{\"item\":9223372036854775808}",
    "{\"item\":NaN}",
    "{\"item\":01}",
    "{\"item\":\"\\u0000\"}",
    "{\"item\":\"\xff\"}",
    "{\"item\":\"\n\"}",
    "{\"item\":\"\\ud800\"}",
    "{\"item\":1}{}",
    "{\"item\":+1}",
    "{\"item\":1,\"item\":2}",
    "{\"item\":\"\xed\xa0\x80\"}",
};

START_TEST(what_is_no_record_makes_no_run)
{
    struct config *config = load_hooks();
    struct buffer record = {0};

    put(&record, no_records[_i]);
    ck_assert(!prepare_program(config_hook(config, "program"), &record));
    ck_assert(!plan_call(config_hook(config, "call"), &record));
    buffer_free(&record);
    config_free(config);
}
END_TEST

static void start(void)
{
    state = ODD_RECORD_STATE;
    scratch_make();
}

int main(void)
{
    Suite *suite = suite_create("template_random");
    TCase *tests = tcase_create("template_random");

    tcase_set_timeout(tests, 300);
    tcase_add_checked_fixture(tests, start, scratch_remove);
    tcase_add_loop_test(tests, no_record_can_change_what_a_template_says, 0, COUNT(kinds));
    tcase_add_loop_test(tests, what_is_wrong_is_found, 0, COUNT(wrongs));
    tcase_add_test(tests, no_record_can_change_what_a_hook_says);
    tcase_add_loop_test(tests, what_is_no_record_makes_no_run, 0, COUNT(no_records));
    suite_add_tcase(suite, tests);
    return suite_run(suite);
}
