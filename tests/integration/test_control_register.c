/*
 * Registering a request on the control interface: in every spelling, with what is not said, again
 * under the same name, by whom, and for which of several services.
 */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "assent/base/text.h"
#include "integration/harness.h"
#include "support/suite.h"

#define NOBODY 65534

static struct house *house;

static void set_up(void)
{
    house = house_new();
    house_configure(house, HOUSE_NOTE "[action hasty]\nexpires_in = 5m\n");
    house_start(house);
}

static void tear_down(void)
{
    house_free(house);
}

static struct answer post(const char *body)
{
    return house_control(house, "POST", "/v1/requests", body);
}

static struct answer get(const char *path)
{
    return house_control(house, "GET", path, NULL);
}

/* How long after its registration a request expires, in seconds. */
static int64_t seconds_to_expiry(const json_t *request)
{
    int64_t created = 0;
    int64_t expires = 0;

    ck_assert_int_eq(text_to_time(text_at(request, "/createdAt"), &created), 0);
    ck_assert_int_eq(text_to_time(text_at(request, "/expiresAt"), &expires), 0);
    return (expires - created) / 1000;
}

/* --- registering ------------------------------------------------------------------------------ */

START_TEST(takes_the_spelling_of_javascript)
{
    char owner[32];
    json_t *request =
        answer_take(post("{\"requestId\":\"req_1\",\"action\":\"bulk_send\",\"context\":{\"to\":"
                         "[\"a\",\"b\"],\"n\":1e2},\"reason\":\"spring sale\",\"urgency\":\"high\","
                         "\"expiresIn\":120,\"clientId\":\"c-1\",\"type\":\"approval_request\","
                         "\"callbackUrl\":\"https://example.com/\"}"),
                    201);

    (void)snprintf(owner, sizeof owner, "uid:%d", (int)geteuid());
    ck_assert_str_eq(text_at(request, "/requestId"), "req_1");
    ck_assert_str_eq(text_at(request, "/request_id"), "req_1");
    ck_assert_str_eq(text_at(request, "/service"), "daimon");
    ck_assert_str_eq(text_at(request, "/action"), "bulk_send");
    ck_assert_str_eq(text_at(request, "/status"), "pending");
    ck_assert_str_eq(text_at(request, "/urgency"), "high");
    ck_assert_str_eq(text_at(request, "/reason"), "spring sale");
    ck_assert_str_eq(text_at(request, "/clientId"), "c-1");
    ck_assert_str_eq(text_at(request, "/registeredBy"), owner);
    ck_assert_str_eq(text_at(request, "/context/to/1"), "b");
    ck_assert_int_eq(seconds_to_expiry(request), 120);
    json_decref(request);
}
END_TEST

START_TEST(takes_the_spelling_of_python)
{
    json_t *request =
        answer_take(post("{\"request_id\":\"req_1\",\"action\":\"bulk_send\",\"expires_in\":120,"
                         "\"client_id\":\"c-1\",\"callback_url\":\"https://example.com/\"}"),
                    201);

    ck_assert_str_eq(text_at(request, "/requestId"), "req_1");
    ck_assert_str_eq(text_at(request, "/clientId"), "c-1");
    ck_assert_int_eq(seconds_to_expiry(request), 120);
    json_decref(request);
}
END_TEST

START_TEST(takes_both_spellings_if_they_agree)
{
    json_decref(answer_take(post("{\"requestId\":\"req_1\",\"request_id\":\"req_1\",\"action\":"
                                 "\"x\",\"expiresIn\":9,\"expires_in\":9}"),
                            201));
    answer_expect_error(post("{\"requestId\":\"req_2\",\"approval_id\":\"req_3\",\"action\":"
                             "\"x\"}"),
                        400, "invalid_request", "approval_id: it is given twice");
}
END_TEST

START_TEST(says_what_was_not_said)
{
    json_t *request = answer_take(post("{\"approvalId\":\"req_1\",\"action\":\"x\",\"reason\":"
                                       "null,\"context\":null,\"urgency\":null}"),
                                  201);

    ck_assert_str_eq(text_at(request, "/urgency"), "medium");
    ck_assert(json_is_null(json_object_get(request, "reason")));
    ck_assert(json_is_null(json_object_get(request, "clientId")));
    ck_assert(json_is_null(json_object_get(request, "decidedBy")));
    ck_assert_int_eq((int)json_object_size(json_object_get(request, "context")), 0);
    ck_assert(json_is_object(json_object_get(request, "context")));
    ck_assert_int_eq(seconds_to_expiry(request), 3600);
    json_decref(request);
}
END_TEST

START_TEST(an_action_has_an_expiry_of_its_own)
{
    json_t *request = answer_take(post("{\"requestId\":\"req_1\",\"action\":\"hasty\"}"), 201);

    ck_assert_int_eq(seconds_to_expiry(request), 300);
    json_decref(request);
    request =
        answer_take(post("{\"requestId\":\"req_2\",\"action\":\"hasty\",\"expiresIn\":7}"), 201);
    ck_assert_int_eq(seconds_to_expiry(request), 7);
    json_decref(request);
}
END_TEST

START_TEST(an_expiry_may_be_a_time)
{
    json_t *request = answer_take(post("{\"requestId\":\"req_1\",\"action\":\"x\",\"expiresAt\":"
                                       "\"2031-05-06T09:08:07.5+02:00\"}"),
                                  201);

    ck_assert_str_eq(text_at(request, "/expiresAt"), "2031-05-06T07:08:07.500Z");
    json_decref(request);
}
END_TEST

START_TEST(an_expiry_long_ago_is_over_at_once)
{
    json_decref(answer_take(post("{\"requestId\":\"req_1\",\"action\":\"x\",\"expires_at\":"
                                 "\"1960-01-01T00:00:00Z\"}"),
                            201));
    house_await_status(house, "req_1", "expired");
}
END_TEST

/* --- the same again --------------------------------------------------------------------------- */

START_TEST(the_same_body_again_is_the_same_request)
{
    static const char body[] = "{\"requestId\":\"req_1\",\"action\":\"note\",\"context\":{\"a\":1,"
                               "\"b\":[1,2]}}";
    json_t *first = answer_take(post(body), 201);
    json_t *again = answer_take(post(body), 200);
    json_t *shuffled = answer_take(post("{ \"context\" : {\"b\":[1, 2],\"a\":1},\n\"action\":"
                                        "\"note\", \"requestId\":\"req_1\" }"),
                                   200);

    ck_assert(json_equal(first, again));
    ck_assert(json_equal(first, shuffled));
    json_decref(first);
    json_decref(again);
    json_decref(shuffled);
}
END_TEST

START_TEST(the_same_body_after_the_decision_tells_it_and_runs_nothing)
{
    static const char body[] = "{\"requestId\":\"req_1\",\"action\":\"note\"}";
    json_t *request;

    house_register(house, body);
    house_decide(house, "{\"requestId\":\"req_1\",\"status\":\"approved\"}", "matched");
    house_await_jobs(house, "req_1", 1, "succeeded");
    request = answer_take(post(body), 200);
    ck_assert_str_eq(text_at(request, "/status"), "approved");
    json_decref(request);
    house_await_jobs(house, "req_1", 1, "succeeded");
    ck_assert_int_eq(house_count_lines(house, "notes"), 1);
}
END_TEST

START_TEST(another_body_under_the_same_id_is_409)
{
    static const char *const others[] = {
        "{\"requestId\":\"req_1\",\"action\":\"pay\"}",
        "{\"requestId\":\"req_1\",\"action\":\"note\",\"context\":{\"a\":2}}",
        "{\"requestId\":\"req_1\",\"action\":\"note\",\"context\":{\"a\":1.0}}",
        "{\"requestId\":\"req_1\",\"action\":\"note\",\"context\":{\"a\":1},\"urgency\":\"high\"}",
        "{\"requestId\":\"req_1\",\"action\":\"note\",\"context\":{\"a\":1},\"expiresIn\":1}",
    };
    json_t *before;
    json_t *after;

    house_register(house, "{\"requestId\":\"req_1\",\"action\":\"note\",\"context\":{\"a\":1}}");
    before = house_show(house, "req_1");
    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++) {
        answer_expect_error(post(others[i]), 409, "conflict", "req_1");
    }
    after = house_show(house, "req_1");
    ck_assert(json_equal(before, after));
    json_decref(before);
    json_decref(after);
}
END_TEST

START_TEST(a_client_id_names_one_request)
{
    json_t *request;

    house_register(house, "{\"requestId\":\"req_1\",\"action\":\"note\",\"clientId\":\"c\"}");
    request =
        answer_take(post("{\"requestId\":\"req_1\",\"action\":\"note\",\"clientId\":\"c\"}"), 200);
    ck_assert_str_eq(text_at(request, "/clientId"), "c");
    json_decref(request);
    answer_expect_error(post("{\"requestId\":\"req_1\",\"action\":\"pay\",\"clientId\":\"c\"}"),
                        409, "conflict", "req_1");
    answer_expect_error(post("{\"requestId\":\"req_2\",\"action\":\"note\",\"clientId\":\"c\"}"),
                        409, "conflict", "req_1");
    answer_expect_error(get("/v1/approvals/req_2"), 404, "not_found", NULL);
    house_register(house, "{\"requestId\":\"req_2\",\"action\":\"note\",\"clientId\":\"d\"}");
}
END_TEST

/* --- who asked -------------------------------------------------------------------------------- */

static void become(uid_t uid)
{
    ck_assert_int_eq(seteuid(uid), 0);
}

/* Lets everybody connect, and returns false if this test can't be somebody else. */
static bool open_for_all(void)
{
    char *mode = house_format(house, "[control]\nsocket = %%DIR%%/control.sock\n"
                                     "socket_mode = 0666\n"
                                     "[server]\nlisten = 127.0.0.1:%%PORT%%\n%%JAIL%%"
                                     "[store]\npath = %%DIR%%/state/assentd.db\n"
                                     "[service daimon]\npath = /webhook/approval\n"
                                     "scheme = daimon\nsecret_file = secret\n");

    if (geteuid() != 0) {
        (void)printf("only root can be two users: skipped\n");
        free(mode);
        return false;
    }
    ck_assert_int_eq(house_stop(house), 0);
    house_configure_all(house, mode);
    house_start(house);
    ck_assert_int_eq(chmod(house_directory(house), 0711), 0);
    free(mode);
    return true;
}

START_TEST(it_is_recorded_who_registered)
{
    json_t *request;

    if (!open_for_all()) {
        return;
    }
    become(NOBODY);
    request = answer_take(post("{\"requestId\":\"req_1\",\"action\":\"x\"}"), 201);
    become(0);
    ck_assert_str_eq(text_at(request, "/registeredBy"), "uid:65534");
    json_decref(request);
    house_await_log(house, "by=uid:65534");
}
END_TEST

START_TEST(client_ids_are_each_ones_own)
{
    if (!open_for_all()) {
        return;
    }
    house_register(house, "{\"requestId\":\"req_1\",\"action\":\"x\",\"clientId\":\"c\"}");
    become(NOBODY);
    house_register(house, "{\"requestId\":\"req_2\",\"action\":\"x\",\"clientId\":\"c\"}");
    answer_expect_error(post("{\"requestId\":\"req_3\",\"action\":\"x\",\"clientId\":\"c\"}"), 409,
                        "conflict", "req_2");
    become(0);
}
END_TEST

START_TEST(the_socket_is_its_owners)
{
    struct answer answer;
    struct stat status;

    ck_assert_int_eq(stat(house_socket(house), &status), 0);
    ck_assert_uint_eq(status.st_mode & 0777, 0600);
    if (geteuid() != 0) {
        return;
    }
    ck_assert_int_eq(chmod(house_directory(house), 0711), 0);
    become(NOBODY);
    answer = get("/readyz");
    become(0);
    ck_assert_int_eq(answer.status, 0);
    answer_clear(&answer);
}
END_TEST

/* --- several services ------------------------------------------------------------------------- */

#define OTHER_SECRET "whsec_of-another-service"

static void set_up_two(void)
{
    house = house_new();
    house_write(house, "other-secret", OTHER_SECRET "\n");
    house_configure(house, "[service other]\n"
                           "path = /webhook/other\n"
                           "scheme = daimon\n"
                           "secret_file = other-secret\n"
                           "[action *]\n"
                           "on_granted = note\n"
                           "[hook note]\n"
                           "shell = echo \"$ASSENT_ACTION\" >>%DIR%/notes\n");
    house_start(house);
}

START_TEST(with_several_services_one_must_be_named)
{
    answer_expect_error(post("{\"requestId\":\"req_1\",\"action\":\"x\"}"), 400, "invalid_request",
                        "service: expected the name of one");
    answer_expect_error(post("{\"requestId\":\"req_1\",\"action\":\"x\",\"service\":\"third\"}"),
                        400, "invalid_request", "service: third is not configured");
    house_register(house, "{\"requestId\":\"req_1\",\"action\":\"x\",\"service\":\"other\"}");
}
END_TEST

START_TEST(without_a_service_nothing_is_registered)
{
    house_configure_all(house, "[server]\nlisten = 127.0.0.1:%PORT%\n%JAIL%"
                               "[control]\nsocket = %DIR%/control.sock\n"
                               "[store]\npath = %DIR%/state/assentd.db\n");
    house_reload(house);
    answer_expect_error(post("{\"requestId\":\"req_1\",\"action\":\"x\"}"), 400, "invalid_request",
                        "service: none is configured");
}
END_TEST

START_TEST(one_id_in_two_services_is_two_requests)
{
    json_t *request;

    house_register(house, "{\"requestId\":\"req_1\",\"action\":\"a\",\"service\":\"daimon\"}");
    house_register(house, "{\"requestId\":\"req_1\",\"action\":\"b\",\"service\":\"other\"}");
    answer_expect_error(get("/v1/approvals/req_1"), 409, "ambiguous", "req_1");
    answer_expect_error(house_cancel(house, "req_1"), 409, "ambiguous", "req_1");
    answer_expect_error(get("/v1/jobs?request=req_1"), 409, "ambiguous", "req_1");
    request = house_get(house, "/v1/approvals/req_1?service=other");
    ck_assert_str_eq(text_at(request, "/action"), "b");
    json_decref(request);
    request = house_get(house, "/v1/approvals/req_1?service=daimon");
    ck_assert_str_eq(text_at(request, "/action"), "a");
    json_decref(request);
    answer_expect_error(get("/v1/approvals/req_1?service=third"), 404, "not_found", "third");
}
END_TEST

START_TEST(no_service_answers_for_another)
{
    static const char approval[] = "{\"requestId\":\"req_1\",\"status\":\"approved\"}";
    struct answer answer;
    json_t *request;

    house_register(house, "{\"requestId\":\"req_1\",\"action\":\"a\",\"service\":\"daimon\"}");
    answer_expect_error(house_webhook_to(house, "/webhook/other", HOUSE_SECRET, approval), 401,
                        "unauthorized", NULL);
    answer = house_webhook_to(house, "/webhook/other", OTHER_SECRET, approval);
    ck_assert_str_eq(text_at(answer.json, "/result/outcome"), "early");
    answer_clear(&answer);
    house_await_status(house, "req_1", "pending");
    house_register(house, "{\"requestId\":\"req_1\",\"action\":\"b\",\"service\":\"other\"}");
    house_await_lines(house, "notes", 1);
    request = house_get(house, "/v1/approvals/req_1?service=daimon");
    ck_assert_str_eq(text_at(request, "/status"), "pending");
    json_decref(request);
    request = answer_take(
        house_control(house, "POST", "/v1/requests/req_1/cancel?service=daimon", NULL), 200);
    ck_assert_str_eq(text_at(request, "/action"), "a");
    ck_assert_str_eq(text_at(request, "/status"), "canceled");
    json_decref(request);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("control register");
    TCase *registering = house_scenarios(suite, "registering", set_up, tear_down);
    TCase *services = house_scenarios(suite, "services", set_up_two, tear_down);

    tcase_add_test(registering, takes_the_spelling_of_javascript);
    tcase_add_test(registering, takes_the_spelling_of_python);
    tcase_add_test(registering, takes_both_spellings_if_they_agree);
    tcase_add_test(registering, says_what_was_not_said);
    tcase_add_test(registering, an_action_has_an_expiry_of_its_own);
    tcase_add_test(registering, an_expiry_may_be_a_time);
    tcase_add_test(registering, an_expiry_long_ago_is_over_at_once);
    tcase_add_test(registering, the_same_body_again_is_the_same_request);
    tcase_add_test(registering, the_same_body_after_the_decision_tells_it_and_runs_nothing);
    tcase_add_test(registering, another_body_under_the_same_id_is_409);
    tcase_add_test(registering, a_client_id_names_one_request);
    tcase_add_test(registering, it_is_recorded_who_registered);
    tcase_add_test(registering, client_ids_are_each_ones_own);
    tcase_add_test(registering, the_socket_is_its_owners);
    tcase_add_test(services, with_several_services_one_must_be_named);
    tcase_add_test(services, without_a_service_nothing_is_registered);
    tcase_add_test(services, one_id_in_two_services_is_two_requests);
    tcase_add_test(services, no_service_answers_for_another);
    return suite_run(suite);
}
