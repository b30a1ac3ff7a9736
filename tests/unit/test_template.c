/*
 * Templates: what a placeholder may be, and what a value is turned into in each kind. That no record
 * can change what is around its values is in test_template_random.c.
 */
#include <check.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "assent/base/buffer.h"
#include "assent/domain/template.h"
#include "support/suite.h"

static const char record_text[] =
    "{\"event\":\"approval.granted\",\"request_id\":\"req_1\",\"service\":\"daimon\","
    "\"action\":\"bulk_send\",\"status\":\"approved\",\"reason\":\"Send it & \\\"soon\\\"\","
    "\"urgency\":\"medium\",\"denial_reason\":null,\"decided_by\":null,"
    "\"context\":{\"count\":500,\"cost\":12.5,\"ok\":true,\"nothing\":null,\"empty\":\"\","
    "\"path\":\"a b/../c\",\"dots\":\"..\",\"dot\":\".\",\"lines\":\"one\\r\\ntwo\","
    "\"tab\":\"one\\ttwo\",\"delete\":\"\\u007f\",\"c1\":\"\\u0085\",\"accent\":\"caf\xc3\xa9\","
    "\"e\":\"e\",\"list\":[\"first\",{\"deep\":\"down\"},3],"
    "\"object\":{\"a\":{\"b\":\"found\"}},\"brace\":\"{request_id}\"},"
    "\"job\":{\"id\":17,\"key\":\"k-1\",\"hook\":\"tell\"},\"attempt\":2,"
    "\"item\":{\"to\":\"a@b.example\",\"tags\":[\"x\",2],\"none\":null},\"index\":0}";

static json_t *record;

static void make_record(void)
{
    record = json_loads(record_text, 0, NULL);
    ck_assert_ptr_nonnull(record);
}

static void free_record(void)
{
    json_decref(record);
    record = NULL;
}

static struct template *compiled(enum template_kind kind, const char *text)
{
    struct template *template = NULL;
    struct problem problem = {"no problem was told"};

    ck_assert_msg(template_compile(kind, text, &template, &problem) == 0, "%s: %s", text,
                  problem.text);
    return template;
}

static void assert_renders(enum template_kind kind, const char *text, const char *expected)
{
    struct template *template = compiled(kind, text);
    struct buffer out = {0};
    struct problem problem = {"no problem was told"};
    int r = template_render(template, record, &out, &problem);

    ck_assert_msg(r == 0, "%s: %s", text, problem.text);
    ck_assert_str_eq(buffer_text(&out), expected);
    buffer_free(&out);
    template_free(template);
}

static void assert_render_fails(enum template_kind kind, const char *text, int expected,
                                const char *told)
{
    struct template *template = compiled(kind, text);
    struct buffer out = {0};
    struct problem problem = {""};

    ck_assert_int_eq(buffer_append_text(&out, "before"), 0);
    ck_assert_msg(template_render(template, record, &out, &problem) == expected, "%s", text);
    ck_assert_msg(strstr(problem.text, told) != NULL, "%s: %s", text, problem.text);
    ck_assert_str_eq(buffer_text(&out), "before");
    buffer_free(&out);
    template_free(template);
}

static void assert_refused(enum template_kind kind, const char *text, const char *told)
{
    struct template *template = NULL;
    struct problem problem = {""};

    ck_assert_msg(template_compile(kind, text, &template, &problem) == -EINVAL, "%s", text);
    ck_assert_msg(strstr(problem.text, told) != NULL, "%s: %s", text, problem.text);
    ck_assert_ptr_null(template);
}

/* --- placeholders ----------------------------------------------------------------------------- */

START_TEST(every_name_of_the_record_can_be_used)
{
    assert_renders(TEMPLATE_WORD,
                   "{request_id} {action} {status} {reason} {job.id} {job.key} {attempt}",
                   "req_1 bulk_send approved Send it & \"soon\" 17 k-1 2");
    assert_renders(TEMPLATE_WORD, "{context.count} {context.cost} {context.ok} {context.accent}",
                   "500 12.5 true caf\xc3\xa9");
}
END_TEST

START_TEST(paths_lead_into_objects_and_arrays)
{
    assert_renders(TEMPLATE_WORD, "{context.object.a.b} {context.list.0} {context.list.1.deep}",
                   "found first down");
}
END_TEST

START_TEST(an_item_is_a_value_like_others)
{
    assert_renders(TEMPLATE_WORD, "{index}: {item.to} {item.tags.1} {item.none|-}",
                   "0: a@b.example 2 -");
    assert_renders(TEMPLATE_URL, "http://h/{index}/{item.to}", "http://h/0/a%40b.example");
    assert_renders(TEMPLATE_JSON, "[\"{item}\", \"{index}\", \"#{index}\"]",
                   "[{\"to\":\"a@b.example\",\"tags\":[\"x\",2],\"none\":null},0,\"#0\"]");
    assert_render_fails(TEMPLATE_WORD, "{item}", -EINVAL, "{item} is an object");
    assert_render_fails(TEMPLATE_WORD, "{item.cc}", -ENOENT, "{item.cc} has no value");
}
END_TEST

START_TEST(unknown_names_are_refused_with_the_known_ones)
{
    static const char *const names[] = {
        "{}",           "{id}",         "{event}",       "{service}",  "{context}", "{context.}",
        "{context..a}", "{context.a.}", "{job}",         "{job.hook}", "{item.}",   "{item..a}",
        "{index.0}",    "{items}",      "{request_id }", "{|default}", "{Action}",
    };

    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        assert_refused(TEMPLATE_WORD, names[i], "{context.PATH}");
        assert_refused(TEMPLATE_WORD, names[i], "{{");
    }
}
END_TEST

START_TEST(doubled_braces_are_braces)
{
    assert_renders(TEMPLATE_WORD, "{{request_id}} {{{request_id}}} }}{{",
                   "{request_id} {req_1} }{");
}
END_TEST

START_TEST(braces_that_do_not_match_are_refused)
{
    assert_refused(TEMPLATE_WORD, "ab{request_id", "{ at character 3 is not closed");
    assert_refused(TEMPLATE_WORD, "ab}", "} at character 3 closes nothing");
    assert_refused(TEMPLATE_WORD, "{reason|{action}}", "holds another {");
    assert_refused(TEMPLATE_WORD, "{", "not closed");
}
END_TEST

START_TEST(a_placeholder_without_a_value_fails)
{
    assert_render_fails(TEMPLATE_WORD, "x{decided_by}", -ENOENT, "{decided_by} has no value");
    assert_render_fails(TEMPLATE_WORD, "{context.nothing}", -ENOENT, "has no value");
    assert_render_fails(TEMPLATE_WORD, "{context.absent}", -ENOENT, "has no value");
    assert_render_fails(TEMPLATE_WORD, "{context.count.deeper}", -ENOENT, "has no value");
    assert_render_fails(TEMPLATE_JSON, "[\"{decided_by}\"]", -ENOENT, "{decided_by|TEXT}");
}
END_TEST

START_TEST(only_a_plain_index_leads_into_an_array)
{
    static const char *const paths[] = {
        "{context.list.3}",
        "{context.list.00}",
        "{context.list.-1}",
        "{context.list.x}",
        "{context.list.18446744073709551616}",
        "{context.list.99999999999999999999999999}",
    };

    for (size_t i = 0; i < sizeof paths / sizeof *paths; i++) {
        assert_render_fails(TEMPLATE_WORD, paths[i], -ENOENT, "has no value");
    }
}
END_TEST

START_TEST(a_default_stands_in_for_no_value_only)
{
    assert_renders(TEMPLATE_WORD, "{decided_by|nobody} {action|none} {context.empty|x}",
                   "nobody bulk_send ");
    assert_renders(TEMPLATE_WORD, "[{decided_by|}]", "[]");
    assert_renders(TEMPLATE_WORD, "{decided_by|a|b}}}", "a|b}");
}
END_TEST

START_TEST(a_value_is_never_looked_at_for_placeholders)
{
    assert_renders(TEMPLATE_WORD, "{context.brace}", "{request_id}");
    assert_renders(TEMPLATE_JSON, "[\"<{context.brace}>\"]", "[\"<{request_id}>\"]");
}
END_TEST

START_TEST(a_template_tells_what_it_uses)
{
    struct template *word = compiled(TEMPLATE_WORD, "{job.key}-{{action}}");
    struct template *plain = compiled(TEMPLATE_WORD, "{{action}}");
    struct template *json = compiled(TEMPLATE_JSON, "{\"a\":[1,{\"b\":\"x{attempt}\"}]}");

    ck_assert(template_has_placeholders(word));
    ck_assert(template_begins_with_placeholder(word));
    ck_assert(template_uses(word, "job.key"));
    ck_assert(!template_uses(word, "action"));
    ck_assert(!template_has_placeholders(plain));
    ck_assert(!template_begins_with_placeholder(plain));
    ck_assert(template_has_placeholders(json));
    ck_assert(template_uses(json, "attempt"));
    ck_assert(!template_uses(json, "b"));
    ck_assert_str_eq(template_name_at(json, 0), "attempt");
    ck_assert_ptr_null(template_name_at(json, 1));
    ck_assert_ptr_null(template_name_at(plain, 0));
    template_free(word);
    template_free(plain);
    template_free(json);
    template_free(NULL);
}
END_TEST

/* --- words ------------------------------------------------------------------------------------ */

START_TEST(a_word_takes_bytes_as_they_are)
{
    assert_renders(TEMPLATE_WORD, "--note={context.lines}", "--note=one\r\ntwo");
    assert_renders(TEMPLATE_WORD, "{context.empty}", "");
    assert_renders(TEMPLATE_WORD, "", "");
}
END_TEST

START_TEST(a_word_takes_no_array_or_object)
{
    assert_render_fails(TEMPLATE_WORD, "{context.list}", -EINVAL, "is an array");
    assert_render_fails(TEMPLATE_WORD, "{context.object|x}", -EINVAL, "is an object");
}
END_TEST

/* --- URLs ------------------------------------------------------------------------------------- */

START_TEST(values_in_a_url_are_percent_encoded)
{
    assert_renders(
        TEMPLATE_URL, "https://h.example:8443/a/{context.path}/b?q={reason}&n={context.count}",
        "https://h.example:8443/a/a%20b%2F..%2Fc/b?q=Send%20it%20%26%20%22soon%22&n=500");
    assert_renders(TEMPLATE_URL, "http://[::1]:80/{context.accent}/{decided_by|no one}",
                   "http://[::1]:80/caf%C3%A9/no%20one");
    assert_renders(TEMPLATE_URL, "https://h?{context.lines}", "https://h?one%0D%0Atwo");
}
END_TEST

START_TEST(a_url_needs_a_scheme_and_a_fixed_host)
{
    assert_refused(TEMPLATE_URL, "", "http://");
    assert_refused(TEMPLATE_URL, "ftp://h/", "http://");
    assert_refused(TEMPLATE_URL, "/path", "http://");
    assert_refused(TEMPLATE_URL, "{context.url}", "http://");
    assert_refused(TEMPLATE_URL, "https://{context.host}/", "behind its host");
    assert_refused(TEMPLATE_URL, "https://h{context.host}/", "behind its host");
    assert_refused(TEMPLATE_URL, "https://h:8{context.port}/", "behind its host");
    assert_refused(TEMPLATE_URL, "https://user:pass@h/", "user name");
    assert_refused(TEMPLATE_URL, "https://h{context.x}@evil/", "behind its host");
}
END_TEST

START_TEST(a_url_needs_a_host_that_is_one)
{
    static const char *const hosts[] = {"https:///x",    "https://:80/",     "https://h:/",
                                        "https://h:0/",  "https://h:65536/", "https://h:8o/",
                                        "https://[::1/", "https://[]/",      "https://a,b/"};

    for (size_t i = 0; i < sizeof hosts / sizeof *hosts; i++) {
        assert_refused(TEMPLATE_URL, hosts[i], "is no HOST");
    }
}
END_TEST

START_TEST(a_url_holds_nothing_that_would_be_read_otherwise)
{
    assert_refused(TEMPLATE_URL, "https://h/a b", "spaces");
    assert_refused(TEMPLATE_URL, "https://h/a\nb", "control characters");
    assert_refused(TEMPLATE_URL, "https://h/caf\xc3\xa9", "ASCII");
    assert_refused(TEMPLATE_URL, "https://h\\@evil/", "backslashes");
    assert_refused(TEMPLATE_URL, "https://h/#{action}", "fragment");
}
END_TEST

START_TEST(no_value_can_become_part_of_an_escape)
{
    assert_refused(TEMPLATE_URL, "https://h/%2{context.e}/", "hexadecimal");
    assert_refused(TEMPLATE_URL, "https://h/%{context.e}", "hexadecimal");
    assert_refused(TEMPLATE_URL, "https://h/%zz", "hexadecimal");
}
END_TEST

START_TEST(no_value_can_empty_or_climb_a_path)
{
    static const char *const paths[] = {
        "https://h/a/{context.empty}/b", "https://h/{context.empty}",
        "https://h/{context.dots}/b",    "https://h/a/{context.dot}",
        "https://h/{context.dot}?q=1",   "https://h/{context.dot}{context.dot}/",
        "https://h/.{context.empty}/",   "https://h/%2e{context.dot}/",
        "https://h/{context.dot}%2E/",   "https://h/%2e{context.empty}%2E",
    };

    for (size_t i = 0; i < sizeof paths / sizeof *paths; i++) {
        assert_render_fails(TEMPLATE_URL, paths[i], -EINVAL, "empty, \".\" or \"..\"");
    }
}
END_TEST

START_TEST(dots_and_nothing_may_stand_where_they_do_no_harm)
{
    assert_renders(TEMPLATE_URL, "https://h/..{context.dots}/a?{context.empty}&x={context.dots}",
                   "https://h/..../a?&x=..");
    assert_renders(TEMPLATE_URL, "https://h/./a//../?p=/{context.dots}/",
                   "https://h/./a//../?p=/../");
}
END_TEST

/* --- headers ---------------------------------------------------------------------------------- */

START_TEST(a_header_takes_text_of_one_line)
{
    assert_renders(TEMPLATE_HEADER, "X-Request: {request_id} by {decided_by|nobody}",
                   "X-Request: req_1 by nobody");
    assert_renders(TEMPLATE_HEADER, "X-Note: {context.accent}{context.empty}",
                   "X-Note: caf\xc3\xa9");
}
END_TEST

START_TEST(a_header_refuses_control_characters)
{
    assert_render_fails(TEMPLATE_HEADER, "X-A: {context.lines}", -EINVAL, "control characters");
    assert_render_fails(TEMPLATE_HEADER, "X-A: {context.tab}", -EINVAL, "{context.tab}");
    assert_render_fails(TEMPLATE_HEADER, "X-A: {context.delete}", -EINVAL, "control characters");
    assert_render_fails(TEMPLATE_HEADER, "X-A: {context.c1}", -EINVAL, "control characters");
    assert_refused(TEMPLATE_HEADER, "X-A: one\ntwo", "control characters");
    assert_refused(TEMPLATE_HEADER, "X-A: {reason|one\ntwo}", "control characters");
}
END_TEST

START_TEST(a_header_needs_a_fixed_name)
{
    static const char *const headers[] = {"",        "X-A",         ": x",
                                          "X A: x",  "{action}: x", "X-{action}: x",
                                          "X-A : x", " X-A: x",     "X-\xc3\xa9: x"};

    for (size_t i = 0; i < sizeof headers / sizeof *headers; i++) {
        assert_refused(TEMPLATE_HEADER, headers[i], "NAME: VALUE");
    }
}
END_TEST

START_TEST(a_header_that_frames_or_directs_the_call_is_refused)
{
    assert_refused(TEMPLATE_HEADER, "content-length: 3", "Content-Length can't be set");
    assert_refused(TEMPLATE_HEADER, "Transfer-Encoding: chunked", "can't be set");
    assert_refused(TEMPLATE_HEADER, "Host: {context.host}", "Host can't hold a placeholder");
    assert_renders(TEMPLATE_HEADER, "Host: other.example", "Host: other.example");
}
END_TEST

/* --- JSON ------------------------------------------------------------------------------------- */

START_TEST(a_string_that_is_one_placeholder_takes_the_type)
{
    assert_renders(
        TEMPLATE_JSON,
        "{ \"n\": \"{context.count}\", \"o\": \"{context.object}\", \"b\": [\"{context.ok}\"] }",
        "{\"n\":500,\"o\":{\"a\":{\"b\":\"found\"}},\"b\":[true]}");
    assert_renders(TEMPLATE_JSON, "\"{context.list}\"", "[\"first\",{\"deep\":\"down\"},3]");
}
END_TEST

START_TEST(a_default_in_json_is_a_string)
{
    assert_renders(TEMPLATE_JSON, "[\"{decided_by|12}\",\"{decided_by|}\"]", "[\"12\",\"\"]");
}
END_TEST

START_TEST(a_placeholder_within_a_string_stays_text)
{
    assert_renders(TEMPLATE_JSON, "{\"text\": \"{action}: {context.count}, {reason}\"}",
                   "{\"text\":\"bulk_send: 500, Send it & \\\"soon\\\"\"}");
    assert_render_fails(TEMPLATE_JSON, "[\"x {context.list}\"]", -EINVAL, "is an array");
    assert_render_fails(TEMPLATE_JSON, "[\"{context.object}{action}\"]", -EINVAL, "is an object");
}
END_TEST

START_TEST(what_is_no_string_stays_as_written)
{
    assert_renders(TEMPLATE_JSON, "[1, 2.5, true, false, null, {}, [], \"\"]",
                   "[1,2.5,true,false,null,{},[],\"\"]");
    assert_renders(TEMPLATE_JSON, "{\"z\":1,\"a\":2,\"{{k}}\":\"{{v}}\"}",
                   "{\"z\":1,\"a\":2,\"{k}\":\"{v}\"}");
}
END_TEST

START_TEST(json_that_is_none_is_refused)
{
    struct template *template = NULL;
    struct problem problem;

    ck_assert_int_eq(template_compile(TEMPLATE_JSON, "{\"a\": {action}}", &template, &problem),
                     -EINVAL);
    ck_assert_int_eq(template_compile(TEMPLATE_JSON, "{\"a\":1,\"a\":2}", &template, &problem),
                     -EINVAL);
    ck_assert_int_eq(template_compile(TEMPLATE_JSON, "", &template, NULL), -EINVAL);
    assert_refused(TEMPLATE_JSON, "{\"{action}\": 1}", "can't hold a placeholder");
    assert_refused(TEMPLATE_JSON, "[\"{nonsense}\"]", "no placeholder");
}
END_TEST

static Suite *suite(void)
{
    Suite *template = suite_create("template");
    TCase *placeholders = tcase_create("placeholders");
    TCase *kinds = tcase_create("kinds");

    tcase_add_checked_fixture(placeholders, make_record, free_record);
    tcase_add_test(placeholders, every_name_of_the_record_can_be_used);
    tcase_add_test(placeholders, paths_lead_into_objects_and_arrays);
    tcase_add_test(placeholders, an_item_is_a_value_like_others);
    tcase_add_test(placeholders, unknown_names_are_refused_with_the_known_ones);
    tcase_add_test(placeholders, doubled_braces_are_braces);
    tcase_add_test(placeholders, braces_that_do_not_match_are_refused);
    tcase_add_test(placeholders, a_placeholder_without_a_value_fails);
    tcase_add_test(placeholders, only_a_plain_index_leads_into_an_array);
    tcase_add_test(placeholders, a_default_stands_in_for_no_value_only);
    tcase_add_test(placeholders, a_value_is_never_looked_at_for_placeholders);
    tcase_add_test(placeholders, a_template_tells_what_it_uses);
    suite_add_tcase(template, placeholders);

    tcase_add_checked_fixture(kinds, make_record, free_record);
    tcase_add_test(kinds, a_word_takes_bytes_as_they_are);
    tcase_add_test(kinds, a_word_takes_no_array_or_object);
    tcase_add_test(kinds, values_in_a_url_are_percent_encoded);
    tcase_add_test(kinds, a_url_needs_a_scheme_and_a_fixed_host);
    tcase_add_test(kinds, a_url_needs_a_host_that_is_one);
    tcase_add_test(kinds, a_url_holds_nothing_that_would_be_read_otherwise);
    tcase_add_test(kinds, no_value_can_become_part_of_an_escape);
    tcase_add_test(kinds, no_value_can_empty_or_climb_a_path);
    tcase_add_test(kinds, dots_and_nothing_may_stand_where_they_do_no_harm);
    tcase_add_test(kinds, a_header_takes_text_of_one_line);
    tcase_add_test(kinds, a_header_refuses_control_characters);
    tcase_add_test(kinds, a_header_needs_a_fixed_name);
    tcase_add_test(kinds, a_header_that_frames_or_directs_the_call_is_refused);
    tcase_add_test(kinds, a_string_that_is_one_placeholder_takes_the_type);
    tcase_add_test(kinds, a_default_in_json_is_a_string);
    tcase_add_test(kinds, a_placeholder_within_a_string_stays_text);
    tcase_add_test(kinds, what_is_no_string_stays_as_written);
    tcase_add_test(kinds, json_that_is_none_is_refused);
    suite_add_tcase(template, kinds);
    return template;
}

int main(void)
{
    return suite_run(suite());
}
