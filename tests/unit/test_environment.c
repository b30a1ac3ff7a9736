#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "assent/base/buffer.h"
#include "assent/config/environment.h"
#include "support/suite.h"

static char **environment;

static void build_with(const char *record_text, const struct config_texts *extra)
{
    json_error_t error;
    json_t *record = json_loads(record_text, 0, &error);
    const struct environment_setup setup = {
        .record = record, .home = "/home/agent", .lang = "C.UTF-8", .extra = extra};

    ck_assert_msg(record != NULL, "%s", error.text);
    ck_assert_int_eq(environment_build(&setup, &environment), 0);
    json_decref(record);
}

static void build(const char *record_text)
{
    build_with(record_text, &(struct config_texts){0});
}

static void build_context(const char *context_text)
{
    struct buffer record = {0};

    ck_assert_int_eq(buffer_append_format(&record, "{\"context\":%s}", context_text), 0);
    build(buffer_text(&record));
    buffer_free(&record);
}

static void tear_down(void)
{
    environment_free(environment);
    environment = NULL;
}

static const char *value_of(const char *name)
{
    const char *found = NULL;

    for (char **item = environment; *item; item++) {
        if (strncmp(*item, name, strlen(name)) == 0 && (*item)[strlen(name)] == '=') {
            ck_assert_msg(!found, "%s is there twice", name);
            found = *item + strlen(name) + 1;
        }
    }
    return found;
}

static size_t count(void)
{
    size_t number = 0;

    while (environment[number]) {
        number++;
    }
    return number;
}

static void expect(const char *name, const char *value)
{
    ck_assert_msg(value_of(name) != NULL, "%s is not set", name);
    ck_assert_str_eq(value_of(name), value);
}

START_TEST(an_empty_record_leaves_three_variables)
{
    build("{}");
    expect("PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin");
    expect("HOME", "/home/agent");
    expect("LANG", "C.UTF-8");
    ck_assert_uint_eq(count(), 3);
}
END_TEST

START_TEST(everything_in_the_record_has_its_variable)
{
    build("{\"event\":\"approval.denied\",\"request_id\":\"req_1\",\"service\":\"daimon\","
          "\"action\":\"bulk_send\",\"status\":\"denied\",\"reason\":\"why\",\"urgency\":\"high\","
          "\"denial_reason\":\"too many\",\"decided_by\":\"ops@example.com\","
          "\"decided_at\":\"2026-03-16T10:30:45.123Z\",\"created_at\":\"x\",\"expires_at\":\"y\","
          "\"context\":{\"recipient_count\":500},"
          "\"job\":{\"id\":17,\"key\":\"k-17\",\"hook\":\"tell-team\"},\"attempt\":2}");
    expect("ASSENT_EVENT", "approval.denied");
    expect("ASSENT_REQUEST_ID", "req_1");
    expect("ASSENT_ACTION", "bulk_send");
    expect("ASSENT_STATUS", "denied");
    expect("ASSENT_REASON", "why");
    expect("ASSENT_URGENCY", "high");
    expect("ASSENT_DENIAL_REASON", "too many");
    expect("ASSENT_DECIDED_BY", "ops@example.com");
    expect("ASSENT_DECIDED_AT", "2026-03-16T10:30:45.123Z");
    expect("ASSENT_JOB", "17");
    expect("ASSENT_JOB_KEY", "k-17");
    expect("ASSENT_ATTEMPT", "2");
    expect("ASSENT_CONTEXT_RECIPIENT_COUNT", "500");
    ck_assert_uint_eq(count(), 16);
}
END_TEST

START_TEST(what_is_null_is_not_set)
{
    build("{\"denial_reason\":null,\"context\":{\"a\":null},\"job\":null}");
    ck_assert_uint_eq(count(), 3);
}
END_TEST

START_TEST(scalars_of_the_context_are_set_and_nothing_deeper)
{
    build_context("{\"text\":\"a b\",\"yes\":true,\"no\":false,\"cost\":149.5,\"empty\":\"\","
                  "\"list\":[1],\"object\":{\"a\":1}}");
    expect("ASSENT_CONTEXT_TEXT", "a b");
    expect("ASSENT_CONTEXT_YES", "true");
    expect("ASSENT_CONTEXT_NO", "false");
    expect("ASSENT_CONTEXT_COST", "149.5");
    expect("ASSENT_CONTEXT_EMPTY", "");
    ck_assert_uint_eq(count(), 3 + 5);
}
END_TEST

START_TEST(a_context_that_is_no_object_sets_nothing)
{
    build_context("[\"a\"]");
    ck_assert_uint_eq(count(), 3);
}
END_TEST

START_TEST(names_are_upper_case_with_underscores)
{
    build_context("{\"currentTier\":1,\"in-box id.2\":2,\"caf\\u00e9=x\":3,\"\\u20ac\":4}");
    expect("ASSENT_CONTEXT_CURRENTTIER", "1");
    expect("ASSENT_CONTEXT_IN_BOX_ID_2", "2");
    expect("ASSENT_CONTEXT_CAF__X", "3");
    expect("ASSENT_CONTEXT__", "4");
    ck_assert_uint_eq(count(), 3 + 4);
}
END_TEST

START_TEST(names_that_would_be_the_same_are_all_left_out)
{
    build_context("{\"a_b\":1,\"c\":2,\"a-b\":3,\"A.B\":null,\"C_\":4}");
    ck_assert_ptr_null(value_of("ASSENT_CONTEXT_A_B"));
    expect("ASSENT_CONTEXT_C", "2");
    expect("ASSENT_CONTEXT_C_", "4");
    ck_assert_uint_eq(count(), 3 + 2);
}
END_TEST

START_TEST(a_list_does_not_take_a_scalars_name_away)
{
    build_context("{\"a_b\":1,\"a-b\":[2]}");
    expect("ASSENT_CONTEXT_A_B", "1");
}
END_TEST

static void append_filled(struct buffer *text, const char *key, size_t length)
{
    ck_assert_int_eq(buffer_append_format(text, "\"%s\":\"", key), 0);
    ck_assert_int_eq(buffer_reserve(text, length), 0);
    memset(text->data + text->length, 'x', length);
    text->length += length;
    ck_assert_int_eq(buffer_append_text(text, "\""), 0);
}

START_TEST(a_value_over_the_limit_is_left_out_and_one_at_the_limit_is_not)
{
    struct buffer context = {0};

    ck_assert_int_eq(buffer_append_text(&context, "{"), 0);
    append_filled(&context, "at", ENVIRONMENT_VALUE_LIMIT);
    ck_assert_int_eq(buffer_append_text(&context, ","), 0);
    append_filled(&context, "over", ENVIRONMENT_VALUE_LIMIT + 1);
    ck_assert_int_eq(buffer_append_text(&context, "}"), 0);
    build_context(buffer_text(&context));
    ck_assert_uint_eq(strlen(value_of("ASSENT_CONTEXT_AT")), ENVIRONMENT_VALUE_LIMIT);
    ck_assert_ptr_null(value_of("ASSENT_CONTEXT_OVER"));
    buffer_free(&context);
}
END_TEST

START_TEST(a_large_context_is_cut_at_the_total_limit)
{
    struct buffer context = {0};
    size_t total = 0;

    ck_assert_int_eq(buffer_append_text(&context, "{"), 0);
    for (int i = 0; i < 50000; i++) {
        ck_assert_int_eq(
            buffer_append_format(&context, "%s\"key%05d\":\"value\"", i == 0 ? "" : ",", i), 0);
    }
    ck_assert_int_eq(buffer_append_text(&context, "}"), 0);
    build_context(buffer_text(&context));
    for (char **item = environment; *item; item++) {
        total += strlen(*item) + 1 + sizeof *item;
    }
    ck_assert_uint_le(total, ENVIRONMENT_CONTEXT_LIMIT + 1024);
    ck_assert_uint_ge(total, ENVIRONMENT_CONTEXT_LIMIT - 1024);
    expect("ASSENT_CONTEXT_KEY00000", "value");
    ck_assert_ptr_null(value_of("ASSENT_CONTEXT_KEY49999"));
    buffer_free(&context);
}
END_TEST

START_TEST(a_context_cannot_set_other_variables)
{
    build_context("{\"LD_PRELOAD\":\"/x.so\",\"BASH_FUNC_ls%%\":\"() { :; }\",\"PATH\":\"/x\"}");
    ck_assert_ptr_null(value_of("LD_PRELOAD"));
    ck_assert_ptr_null(value_of("BASH_FUNC_ls%%"));
    expect("PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin");
    expect("ASSENT_CONTEXT_LD_PRELOAD", "/x.so");
    expect("ASSENT_CONTEXT_BASH_FUNC_LS__", "() { :; }");
}
END_TEST

START_TEST(the_hook_adds_and_replaces_but_no_name_of_ours)
{
    char *items[] = {(char *)"PATH=/opt/bin", (char *)"PATHS=a=b", (char *)"ASSENT_STATUS=approved",
                     (char *)"ASSENT_OTHER=x"};

    build_with("{\"status\":\"denied\"}", &(struct config_texts){.items = items, .count = 4});
    expect("PATH", "/opt/bin");
    expect("PATHS", "a=b");
    expect("ASSENT_STATUS", "denied");
    ck_assert_uint_eq(count(), 3 + 2);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("environment");
    TCase *tests = tcase_create("environment");

    tcase_add_checked_fixture(tests, NULL, tear_down);
    tcase_add_test(tests, an_empty_record_leaves_three_variables);
    tcase_add_test(tests, everything_in_the_record_has_its_variable);
    tcase_add_test(tests, what_is_null_is_not_set);
    tcase_add_test(tests, scalars_of_the_context_are_set_and_nothing_deeper);
    tcase_add_test(tests, a_context_that_is_no_object_sets_nothing);
    tcase_add_test(tests, names_are_upper_case_with_underscores);
    tcase_add_test(tests, names_that_would_be_the_same_are_all_left_out);
    tcase_add_test(tests, a_list_does_not_take_a_scalars_name_away);
    tcase_add_test(tests, a_value_over_the_limit_is_left_out_and_one_at_the_limit_is_not);
    tcase_add_test(tests, a_large_context_is_cut_at_the_total_limit);
    tcase_add_test(tests, a_context_cannot_set_other_variables);
    tcase_add_test(tests, the_hook_adds_and_replaces_but_no_name_of_ours);
    suite_add_tcase(suite, tests);
    return suite_run(suite);
}
