/*
 * What a gate lets through, and what it says to the rest.
 */
#include <check.h>
#include <errno.h>
#include <jansson.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "assent/base/json.h"
#include "assent/gate/answer.h"
#include "assent/gate/rules.h"
#include "support/suite.h"

static char last[] = "/webhook/z";
static char first[] = "/webhook/a";
static struct config_service list[] = {{.path = last}, {.path = first}};
static const struct config config = {.max_body = 1000, .services = list, .service_count = 2};

static struct rules *rules_of(enum role role)
{
    struct rules *rules = NULL;

    ck_assert_int_eq(rules_new(role, &rules), 0);
    ck_assert_int_eq(rules_configure(rules, &config), 0);
    return rules;
}

static struct rules_head webhook(void)
{
    struct rules_head head = {.method = "POST", .path = "/webhook/a"};

    rules_see_header(&head, "content-TYPE", "application/json");
    rules_see_header(&head, "content-length", "1000");
    return head;
}

static enum answer admit(enum role role, const struct rules_head *head)
{
    struct rules *rules = rules_of(role);
    uint64_t limit;
    enum answer answer = rules_admit(rules, head, &limit);

    rules_free(rules);
    return answer;
}

START_TEST(a_webhook_may_pass_and_grow_to_the_limit)
{
    struct rules *rules = rules_of(ROLE_GATE_PUBLIC);
    struct rules_head head = webhook();
    uint64_t limit = 0;

    ck_assert_int_eq(rules_admit(rules, &head, &limit), ANSWER_NONE);
    ck_assert_uint_eq(limit, 1000);
    head.path = "/webhook/z";
    ck_assert_int_eq(rules_admit(rules, &head, &limit), ANSWER_NONE);
    rules_free(rules);
}
END_TEST

#define TOKEN "0123456789abcdefghijklmnopqrstuvwxyzABCD-_E"

START_TEST(a_token_may_stand_below_the_path_of_a_service_that_has_one)
{
    static const char *const none[] = {
        "/webhook/a/",           "/webhook/a/short",
        "/webhook/a/" TOKEN "F", "/webhook/a/" TOKEN "/",
        "/webhook/a//" TOKEN,    "/webhook/a/x/" TOKEN,
        "/webhook/a" TOKEN,      "/webhook/z/" TOKEN,
        "/webhook/" TOKEN,       "/" TOKEN,
        "/healthz/" TOKEN,
    };
    struct rules_head head = webhook();

    list[1].url_token = true;
    head.path = "/webhook/a/" TOKEN;
    ck_assert_int_eq(admit(ROLE_GATE_PUBLIC, &head), ANSWER_NONE);
    head.path = "/webhook/a";
    ck_assert_int_eq(admit(ROLE_GATE_PUBLIC, &head), ANSWER_NONE);
    for (size_t i = 0; i < sizeof none / sizeof none[0]; i++) {
        head.path = none[i];
        ck_assert_msg(admit(ROLE_GATE_PUBLIC, &head) == ANSWER_NOT_FOUND, "%s", none[i]);
    }
    head.path = "/webhook/a/" TOKEN;
    head.method = "GET";
    ck_assert_int_eq(admit(ROLE_GATE_PUBLIC, &head), ANSWER_ONLY_POST);
    head.method = "POST";
    list[1].url_token = false;
    ck_assert_int_eq(admit(ROLE_GATE_PUBLIC, &head), ANSWER_NOT_FOUND);
}
END_TEST

START_TEST(unconfigured_rules_let_no_webhook_through)
{
    struct rules *rules = NULL;
    struct rules_head head = webhook();
    uint64_t limit;

    ck_assert_int_eq(rules_new(ROLE_GATE_PUBLIC, &rules), 0);
    ck_assert_int_eq(rules_admit(rules, &head, &limit), ANSWER_NOT_FOUND);
    rules_free(rules);
}
END_TEST

START_TEST(the_first_objection_in_order_is_made)
{
    struct rules_head head = {
        .method = "GET", .path = "/webhook", .content_length = 1001, .header_count = 129};

    ck_assert_int_eq(admit(ROLE_GATE_PUBLIC, &head), ANSWER_NOT_FOUND);
    head.path = "/webhook/a";
    ck_assert_int_eq(admit(ROLE_GATE_PUBLIC, &head), ANSWER_ONLY_POST);
    head.method = "POST";
    ck_assert_int_eq(admit(ROLE_GATE_PUBLIC, &head), ANSWER_BODY_TOO_LARGE);
    head.content_length = 1000;
    ck_assert_int_eq(admit(ROLE_GATE_PUBLIC, &head), ANSWER_UNSUPPORTED_MEDIA_TYPE);
    head.content_type = "application/json";
    ck_assert_int_eq(admit(ROLE_GATE_PUBLIC, &head), ANSWER_HEADERS_TOO_LARGE);
    head.header_count = 128;
    ck_assert_int_eq(admit(ROLE_GATE_PUBLIC, &head), ANSWER_NONE);
    head.head_size = RULES_HEAD_LIMIT + 1;
    ck_assert_int_eq(admit(ROLE_GATE_PUBLIC, &head), ANSWER_HEADERS_TOO_LARGE);
}
END_TEST

START_TEST(health_is_for_get_and_head_without_a_body)
{
    struct rules_head head = {.method = "GET", .path = "/healthz"};

    ck_assert_int_eq(admit(ROLE_GATE_PUBLIC, &head), ANSWER_NONE);
    head.method = "HEAD";
    ck_assert_int_eq(admit(ROLE_GATE_PUBLIC, &head), ANSWER_NONE);
    head.method = "DELETE";
    ck_assert_int_eq(admit(ROLE_GATE_PUBLIC, &head), ANSWER_ONLY_GET);
}
END_TEST

START_TEST(control_lets_every_path_and_method_through_but_json_is_json)
{
    struct rules *rules = rules_of(ROLE_GATE_CONTROL);
    struct rules_head head = {.method = "BREW", .path = "/pot"};
    uint64_t limit = 0;

    ck_assert_int_eq(rules_admit(rules, &head, &limit), ANSWER_NONE);
    ck_assert_uint_eq(limit, PROTOCOL_CONTROL_BODY_LIMIT);
    rules_see_header(&head, "Content-Length", "0");
    ck_assert_int_eq(rules_admit(rules, &head, &limit), ANSWER_NONE);
    rules_see_header(&head, "Transfer-Encoding", "chunked");
    ck_assert_int_eq(rules_admit(rules, &head, &limit), ANSWER_UNSUPPORTED_MEDIA_TYPE);
    rules_see_header(&head, "Content-Type", "application/json");
    ck_assert_int_eq(rules_admit(rules, &head, &limit), ANSWER_NONE);
    rules_see_header(&head, "Content-Length", "17825793");
    ck_assert_int_eq(rules_admit(rules, &head, &limit), ANSWER_BODY_TOO_LARGE);
    rules_free(rules);
}
END_TEST

START_TEST(a_length_past_all_numbers_is_too_large)
{
    struct rules_head head = {.method = "POST", .path = "/webhook/a"};

    rules_see_header(&head, "Content-Length", "99999999999999999999999999");
    ck_assert_int_eq(admit(ROLE_GATE_PUBLIC, &head), ANSWER_BODY_TOO_LARGE);
}
END_TEST

START_TEST(json_is_told_from_other_types)
{
    static const char *const json[] = {
        "application/json",
        "APPLICATION/Json",
        "application/json;charset=utf-8",
        "application/json ; charset=\"x y\"",
        "  application/json\t",
        "application/problem+json",
        "application/vnd.a.b+JSON; v=1",
        "application/json;",
    };
    static const char *const other[] = {
        "",
        "json",
        "application/",
        "application/jsonx",
        "application/xjson",
        "application/+json",
        "text/json",
        "text/x+json",
        "application/json, text/plain",
        "application/json text",
        "application/x+json+xml",
        "text/plain; application/json",
        "application/x-www-form-urlencoded",
    };

    for (size_t i = 0; i < sizeof json / sizeof json[0]; i++) {
        ck_assert_msg(rules_is_json(json[i]), "%s", json[i]);
    }
    for (size_t i = 0; i < sizeof other / sizeof other[0]; i++) {
        ck_assert_msg(!rules_is_json(other[i]), "%s", other[i]);
    }
    ck_assert(!rules_is_json(NULL));
}
END_TEST

START_TEST(a_target_is_cut_at_the_first_question_mark)
{
    static const char *const cases[][3] = {
        {"/a", "/a", ""},
        {"/a?", "/a", ""},
        {"/a?b=c?d", "/a", "b=c?d"},
        {"/a%3Fb?c%20", "/a%3Fb", "c%20"},
        {"*", "*", ""},
        {"", "", ""},
        {"http://h/a?b", "/a", "b"},
        {"HTTPS://h:1/", "/", ""},
        {"http://h?b", "/", "b"},
        {"http://h", "/", ""},
        {"/http://h/x", "/http://h/x", ""},
    };

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char target[64];
        const char *path = NULL;
        const char *query = NULL;

        memcpy(target, cases[i][0], strlen(cases[i][0]) + 1);
        rules_split_target(target, &path, &query);
        ck_assert_str_eq(path, cases[i][1]);
        ck_assert_str_eq(query, cases[i][2]);
    }
}
END_TEST

static void *ask_on_and_on(void *userdata)
{
    struct rules_head head = webhook();

    for (int i = 0; i < 20000; i++) {
        uint64_t limit = 0;

        if (rules_admit(userdata, &head, &limit) != ANSWER_NONE || limit < 1000 || limit > 1001) {
            return userdata; /* an answer that neither configuration gives */
        }
    }
    return NULL;
}

START_TEST(a_reload_is_seen_whole_or_not_at_all)
{
    struct config other = {.max_body = 1001, .services = list + 1, .service_count = 1};
    struct rules *rules = rules_of(ROLE_GATE_PUBLIC);
    pthread_t threads[2];
    void *complaint;

    for (int i = 0; i < 2; i++) {
        ck_assert_int_eq(pthread_create(&threads[i], NULL, ask_on_and_on, rules), 0);
    }
    for (int i = 0; i < 1000; i++) {
        ck_assert_int_eq(rules_configure(rules, i % 2 ? &config : &other), 0);
    }
    for (int i = 0; i < 2; i++) {
        ck_assert_int_eq(pthread_join(threads[i], &complaint), 0);
        ck_assert_ptr_null(complaint);
    }
    rules_free(rules);
}
END_TEST

START_TEST(every_answer_is_an_error_in_json)
{
    for (int i = 0; i < ANSWER_COUNT; i++) {
        const struct protocol_response *response = answer_response((enum answer)i);
        json_t *json = NULL;
        struct problem problem;

        ck_assert_int_eq(json_parse(response->body, response->body_length, &json, &problem), 0);
        ck_assert(json_is_string(json_object_get(json, "error")));
        ck_assert(json_is_string(json_object_get(json, "message")));
        ck_assert_uint_eq(json_array_size(json_object_get(json, "next_steps")), 1);
        ck_assert_uint_ge(response->status, 400);
        ck_assert_int_eq(response->status == 405, response->allow != NULL);
        bool again = response->status == 503 || response->status == 429;

        ck_assert_int_eq(again, response->retry_after != 0);
        json_decref(json);
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("gate rules");
    TCase *tests = tcase_create("rules");

    tcase_add_test(tests, a_token_may_stand_below_the_path_of_a_service_that_has_one);
    tcase_add_test(tests, a_webhook_may_pass_and_grow_to_the_limit);
    tcase_add_test(tests, unconfigured_rules_let_no_webhook_through);
    tcase_add_test(tests, the_first_objection_in_order_is_made);
    tcase_add_test(tests, health_is_for_get_and_head_without_a_body);
    tcase_add_test(tests, control_lets_every_path_and_method_through_but_json_is_json);
    tcase_add_test(tests, a_length_past_all_numbers_is_too_large);
    tcase_add_test(tests, json_is_told_from_other_types);
    tcase_add_test(tests, a_target_is_cut_at_the_first_question_mark);
    tcase_add_test(tests, a_reload_is_seen_whole_or_not_at_all);
    tcase_add_test(tests, every_answer_is_an_error_in_json);
    suite_add_tcase(suite, tests);
    return suite_run(suite);
}
