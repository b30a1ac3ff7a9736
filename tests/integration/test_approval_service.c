/*
 * The stand-in of the approval service against what the service documents of itself, and against
 * assentd: tests that use it rest on this.
 */
#include <check.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "assent/base/json.h"
#include "integration/service_rig.h"
#include "support/http_server.h"
#include "support/suite.h"

#define NOTIFY   "/v1/notify-operator"
#define REQUEST  "{\"type\":\"approval_request\",\"action\":\"bulk_send\"}"
#define VECTOR   "Hello, World!"
#define KEY      "It's a Secret to Everybody"
#define VERIFIED "757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17"

static struct service_rig *service;

static void set_up(void)
{
    service = service_start();
}

static void tear_down(void)
{
    service_free(service);
}

static json_t *ask(const char *body)
{
    struct answer answer = service_call(service, "POST", NOTIFY, body);
    json_t *json = json_incref(answer.json);

    ck_assert_msg(answer.status == 200, "%d: %s", answer.status, answer.body);
    ck_assert(json_is_array(json_object_get(json, "next_steps")));
    answer_clear(&answer);
    return json;
}

static char *ask_for_id(const char *body)
{
    json_t *answer = ask(body);
    char *id = strdup(text_at(answer, "/result/requestId"));

    ck_assert_str_ne(id, "");
    json_decref(answer);
    return id;
}

static int status_of(const char *method, const char *path, const char *body)
{
    struct answer answer = service_call(service, method, path, body);
    int status = answer.status;

    answer_clear(&answer);
    return status;
}

/* --- asking ----------------------------------------------------------------------------------- */

START_TEST(takes_both_spellings_and_both_forms)
{
    static const char *const bodies[] = {
        ("{\"type\":\"approval_request\",\"action\":\"bulk_send\",\"context\":{\"recipient_count\":"
         "500},\"reason\":\"spring\",\"urgency\":\"medium\",\"callbackUrl\":\"https://a.example/w\","
         "\"expiresIn\":3600}"),
        ("{\"type\":\"approval_request\",\"action\":\"bulk_send\",\"callback_url\":"
         "\"https://a.example/w\",\"expires_in\":3600}"),
        "{\"issue\":\"the disk is full\",\"context\":\"of host a\",\"action_label\":\"Clean up\"}",
    };
    static const char *const states[] = {"pending", "pending", "delivered"};

    for (size_t i = 0; i < 3; i++) {
        json_t *sent = json_loads(bodies[i], 0, NULL);
        char *id = ask_for_id(bodies[i]);
        json_t *asked = service_asked(service, i);
        json_t *request = service_request(service, id);

        ck_assert_str_eq(text_at(asked, "/id"), id);
        ck_assert_str_eq(text_at(asked, "/outcome"), "created");
        ck_assert(json_equal(json_object_get(asked, "body"), sent));
        ck_assert_str_eq(text_at(request, "/status"), states[i]);
        json_decref(request);
        json_decref(asked);
        json_decref(sent);
        free(id);
    }
    ck_assert_uint_eq(service_asked_count(service), 3);
}
END_TEST

START_TEST(refuses_what_is_wrong_and_names_the_field)
{
    static const struct {
        const char *body;
        const char *field;
    } cases[] = {
        {"[]", "body"},
        {"{", "body"},
        {"{\"action\":\"a\"}", "type"},
        {"{\"type\":\"approval_request\"}", "action"},
        {"{\"type\":\"approval_request\",\"action\":\"a\",\"urgency\":\"huge\"}", "urgency"},
        {"{\"type\":\"approval_request\",\"action\":\"a\",\"context\":[]}", "context"},
        {"{\"type\":\"approval_request\",\"action\":\"a\",\"callback_url\":\"x\"}", "callbackUrl"},
        {"{\"type\":\"approval_request\",\"action\":\"a\",\"expires_in\":\"1h\"}", "expiresIn"},
        {"{\"issue\":\"\"}", "issue"},
    };

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct answer answer = service_call(service, "POST", NOTIFY, cases[i].body);

        ck_assert_msg(strcmp(text_at(answer.json, "/field"), cases[i].field) == 0,
                      "%s: answered %s", cases[i].body, answer.body);
        answer_expect_error(answer, 400, "invalid_request", NULL);
    }
    answer_expect_error(service_call_at(service_url(service), "wrong", "POST", NOTIFY, REQUEST),
                        401, "unauthorized", NULL);
    answer_expect_error(service_call(service, "GET", "/v1/approvals/req_no", NULL), 404,
                        "not_found", NULL);
    ck_assert_uint_eq(service_request_count(service), 0);
}
END_TEST

START_TEST(spells_the_id_as_it_is_told)
{
    static const struct {
        const char *settings;
        const char *pointer;
    } cases[] = {
        {"{\"id_as\":\"requestId\"}", "/result/requestId"},
        {"{\"id_as\":\"request_id\"}", "/result/request_id"},
        {"{\"id_as\":\"approval_id\",\"id_in\":\"top\"}", "/approval_id"},
        {"{\"id_in\":\"both\"}", "/result/approval_id"},
    };

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        json_t *answer;

        service_set(service, cases[i].settings);
        answer = ask(REQUEST);
        ck_assert_msg(text_at(answer, cases[i].pointer)[0], "nothing at %s", cases[i].pointer);
        json_decref(answer);
    }
}
END_TEST

START_TEST(honours_client_ids_unless_told_not_to)
{
    static const char body[] =
        "{\"type\":\"approval_request\",\"action\":\"a\",\"clientId\":\"once\"}";
    char *first = ask_for_id(body);
    char *second = ask_for_id(body);
    char *third;

    service_set(service, "{\"honour_client_id\":false}");
    third = ask_for_id(body);
    ck_assert_str_eq(first, second);
    ck_assert_str_ne(first, third);
    ck_assert_uint_eq(service_request_count(service), 2);
    free(first);
    free(second);
    free(third);
}
END_TEST

/* --- deciding --------------------------------------------------------------------------------- */

START_TEST(tells_those_who_poll)
{
    char *id = ask_for_id(REQUEST);
    char path[128];
    json_t *seen;

    (void)snprintf(path, sizeof path, "/v1/approvals/%s", id);
    seen = answer_take(service_call(service, "GET", path, NULL), 200);
    ck_assert_str_eq(text_at(seen, "/status"), "pending");
    json_decref(seen);
    service_decide_silently(service, id, "denied");
    seen = answer_take(service_call(service, "GET", path, NULL), 200);
    ck_assert_str_eq(text_at(seen, "/status"), "denied");
    ck_assert_str_eq(text_at(seen, "/decidedBy"), "ops@example.com");
    json_decref(seen);
    service_await_polls(service, id, 2);
    free(id);
}
END_TEST

static void expect_signature(struct http_server *server, size_t index, const char *expected)
{
    char value[128] = "";

    ck_assert_uint_eq(http_server_wait(server, index + 1), index + 1);
    ck_assert_uint_eq(http_server_header(http_server_request(server, index), "X-Daimon-Signature",
                                         value, sizeof value),
                      expected ? 1 : 0);
    ck_assert_str_eq(value, expected ? expected : "");
}

/* The published value of the same construction: HMAC-SHA256 of the body under the secret as it
 * stands. */
START_TEST(signs_as_published)
{
    static const char *const forms[] = {"prefixed", "bare", "none"};
    static const char *const signatures[] = {"sha256=" VERIFIED, VERIFIED, NULL};
    struct service_rig *other = service_start_with(SERVICE_KEY, KEY);
    struct http_server *server = http_server_start();
    char decision[512];

    for (size_t i = 0; i < 3; i++) {
        (void)snprintf(decision, sizeof decision,
                       "{\"id\":\"any\",\"status\":\"approved\",\"body\":\"" VECTOR
                       "\",\"signature\":\"%s\",\"url\":\"http://agent.example:%d/webhook\"}",
                       forms[i], http_server_port(server));
        json_decref(service_decide(other, decision));
        expect_signature(server, i, signatures[i]);
        ck_assert_str_eq(http_server_request(server, i)->body, VECTOR);
    }
    http_server_stop(server);
    service_free(other);
}
END_TEST

START_TEST(is_understood_by_assentd_in_every_form)
{
    static const char *const forms[] = {"javascript", "python", "flat", "envelope"};
    static const char *const states[] = {"approved", "denied", "expired", "approved"};
    struct house *house = house_new();

    house_configure(house, "");
    house_start(house);
    for (size_t i = 0; i < 4; i++) {
        char *body =
            house_format(house, "{\"type\":\"approval_request\",\"action\":\"a\",\"callbackUrl\":"
                                "\"http://127.0.0.1:%%PORT%%/webhook/approval\"}");
        char *id = ask_for_id(body);
        char *setting = house_format(house, "{\"form\":\"%s\"}", forms[i]);

        service_set(service, setting);
        house_register_as(house, id, "a");
        service_decide_as(service, id, states[i], "matched");
        service_await_deliveries(service, id, 1);
        house_await_status(house, id, states[i]);
        free(setting);
        free(id);
        free(body);
    }
    house_free(house);
}
END_TEST

START_TEST(posts_that_a_request_expired)
{
    struct http_server *server = http_server_start();
    char body[256];
    char *id;
    json_t *told;

    service_set(service, "{\"expiry\":\"posted\",\"form\":\"flat\"}");
    (void)snprintf(body, sizeof body,
                   "{\"type\":\"approval_request\",\"action\":\"a\",\"expires_in\":1,"
                   "\"callback_url\":\"http://127.0.0.1:%d/webhook\"}",
                   http_server_port(server));
    id = ask_for_id(body);
    service_await_deliveries(service, id, 1);
    ck_assert_uint_eq(http_server_wait(server, 1), 1);
    told = json_loads(http_server_request(server, 0)->body, 0, NULL);
    ck_assert_str_eq(text_at(told, "/event"), "approval.expired");
    ck_assert_str_eq(text_at(told, "/requestId"), id);
    json_decref(told);
    free(id);
    http_server_stop(server);
}
END_TEST

/* --- failing ---------------------------------------------------------------------------------- */

START_TEST(fails_as_it_is_told_and_then_no_more)
{
    static const struct {
        const char *what;
        int status; /* 0: no whole answer */
        size_t requests;
    } cases[] = {
        {"429", 429, 0},   {"500", 500, 0},  {"503", 503, 0},  {"422", 422, 0},
        {"close", 0, 0},   {"take", 0, 1},   {"cut", 0, 1},    {"nonsense", 200, 1},
        {"no_id", 200, 1}, {"slow", 200, 1}, {"huge", 200, 1},
    };
    size_t requests = 0;

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        int status;

        service_fail(service, "notify", cases[i].what, 1);
        status = status_of("POST", NOTIFY, REQUEST);
        requests += cases[i].requests;
        ck_assert_msg(status == cases[i].status, "%s: answered %d", cases[i].what, status);
        ck_assert_msg(service_request_count(service) == requests, "after %s", cases[i].what);
    }
    ck_assert_int_eq(status_of("POST", NOTIFY, REQUEST), 200);
}
END_TEST

START_TEST(says_when_to_try_again)
{
    struct answer answer;

    service_fail_as(service, "{\"on\":\"notify\",\"what\":429,\"retry_after\":7}");
    service_fail_as(service, "{\"on\":\"notify\",\"what\":503,\"retry_after\":9}");
    answer = service_call(service, "POST", NOTIFY, REQUEST);
    ck_assert_int_eq(number_at(answer.json, "/retry_after"), 7);
    ck_assert_ptr_null(strstr(answer.headers, "Retry-After"));
    answer_expect_error(answer, 429, "rate_limit_exceeded", NULL);
    answer = service_call(service, "POST", NOTIFY, REQUEST);
    ck_assert_ptr_nonnull(strstr(answer.headers, "Retry-After: 9\r\n"));
    answer_expect_error(answer, 503, "service_unavailable", NULL);
}
END_TEST

START_TEST(fails_those_who_poll)
{
    char *id = ask_for_id(REQUEST);
    char path[128];

    (void)snprintf(path, sizeof path, "/v1/approvals/%s", id);
    service_fail(service, "approvals", "404", 1);
    service_fail(service, "approvals", "503", 5);
    ck_assert_int_eq(status_of("GET", path, NULL), 404);
    ck_assert_int_eq(status_of("GET", path, NULL), 503);
    service_heal(service, "approvals");
    ck_assert_int_eq(status_of("GET", path, NULL), 200);
    service_await_polls(service, id, 3);
    free(id);
}
END_TEST

static void *ask_in_vain(void *ret_status)
{
    *(int *)ret_status = status_of("POST", NOTIFY, REQUEST);
    return NULL;
}

/* Who waits for an answer in vain is let go only when the service goes down. */
START_TEST(is_silent_and_down_when_told_to_be)
{
    pthread_t thread;
    int status = -1;

    service_fail(service, "notify", "silent", 1);
    ck_assert_int_eq(pthread_create(&thread, NULL, ask_in_vain, &status), 0);
    service_await_asked(service, 1);
    service_listen(service, false);
    ck_assert_int_eq(pthread_join(thread, NULL), 0);
    ck_assert_int_eq(status, 0);
    ck_assert_int_eq(status_of("POST", NOTIFY, REQUEST), 0);
    ck_assert_uint_eq(service_asked_count(service), 1);
    service_listen(service, true);
    ck_assert_int_eq(status_of("POST", NOTIFY, REQUEST), 200);
}
END_TEST

/* --- e-mails ---------------------------------------------------------------------------------- */

static int send_email(const char *client_id, const char *to)
{
    char body[256];

    (void)snprintf(body, sizeof body,
                   "{\"to\":\"%s\",\"subject\":\"s\",\"body\":\"b\",\"client_id\":\"%s\"}", to,
                   client_id);
    return status_of("POST", "/v1/inboxes/inb_1/send", body);
}

START_TEST(sends_each_email_once_whatever_is_cut)
{
    json_t *emails;

    service_fail_as(service, "{\"on\":\"emails\",\"what\":\"take\",\"chance\":0.2,\"times\":1000,"
                             "\"seed\":5}");
    service_fail_as(service, "{\"on\":\"emails\",\"what\":500,\"chance\":0.2,\"times\":1000}");
    for (int i = 0; i < 200; i++) {
        char name[32];

        (void)snprintf(name, sizeof name, "n%d", i);
        while (send_email(name, name) != 200) {
        }
    }
    service_await_emails(service, 200);
    emails = service_emails(service, true);
    ck_assert_int_eq(number_at(emails, "/created"), 200);
    ck_assert_int_eq(number_at(emails, "/acknowledged"), 200);
    ck_assert_int_eq(number_at(emails, "/created_twice"), 0);
    ck_assert_int_eq(number_at(emails, "/seen_again"), 0);
    ck_assert_int_gt(number_at(emails, "/seen"), 220);
    ck_assert_str_eq(text_at(emails, "/emails/199/to"), "n199");
    json_decref(emails);
}
END_TEST

START_TEST(counts_what_is_sent_twice)
{
    json_t *emails;

    service_set(service, "{\"deduplicate_emails\":false}");
    ck_assert_int_eq(send_email("same", "a@example.org"), 200);
    ck_assert_int_eq(send_email("same", "a@example.org"), 200);
    emails = service_emails(service, false);
    ck_assert_int_eq(number_at(emails, "/created_twice"), 1);
    ck_assert_int_eq(number_at(emails, "/sent_twice"), 1);
    ck_assert_int_eq(number_at(emails, "/seen_again"), 1);
    json_decref(emails);
}
END_TEST

START_TEST(limits_the_rate_of_emails)
{
    json_t *emails;

    service_set(service, "{\"email_rate\":2,\"email_period_ms\":600000}");
    ck_assert_int_eq(send_email("a", "a@example.org"), 200);
    ck_assert_int_eq(send_email("b", "b@example.org"), 200);
    ck_assert_int_eq(send_email("c", "c@example.org"), 429);
    emails = service_emails(service, true);
    ck_assert_int_eq(number_at(emails, "/limited"), 1);
    ck_assert_int_eq(number_at(emails, "/by_client_id/c/created"), 0);
    json_decref(emails);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("approval service");
    TCase *asking = house_scenarios(suite, "asking", set_up, tear_down);
    TCase *deciding = house_scenarios(suite, "deciding", set_up, tear_down);
    TCase *failing = house_scenarios(suite, "failing", set_up, tear_down);
    TCase *emails = house_scenarios(suite, "emails", set_up, tear_down);

    tcase_add_test(asking, takes_both_spellings_and_both_forms);
    tcase_add_test(asking, refuses_what_is_wrong_and_names_the_field);
    tcase_add_test(asking, spells_the_id_as_it_is_told);
    tcase_add_test(asking, honours_client_ids_unless_told_not_to);
    tcase_add_test(deciding, tells_those_who_poll);
    tcase_add_test(deciding, signs_as_published);
    tcase_add_test(deciding, is_understood_by_assentd_in_every_form);
    tcase_add_test(deciding, posts_that_a_request_expired);
    tcase_add_test(failing, fails_as_it_is_told_and_then_no_more);
    tcase_add_test(failing, says_when_to_try_again);
    tcase_add_test(failing, fails_those_who_poll);
    tcase_add_test(failing, is_silent_and_down_when_told_to_be);
    tcase_add_test(emails, sends_each_email_once_whatever_is_cut);
    tcase_add_test(emails, counts_what_is_sent_twice);
    tcase_add_test(emails, limits_the_rate_of_emails);
    return suite_run(suite);
}
