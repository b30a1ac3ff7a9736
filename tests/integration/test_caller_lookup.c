/* What the caller asks a service about a request, and what core hears of it. */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "assent/caller/lookup_call.h"
#include "caller_rig.h"
#include "support/http_server.h"
#include "support/suite.h"

#define HOOK "lookup daimon"
#define SERVICE                                      \
    "url = http://127.0.0.1:PORT/base/\n"            \
    "callback_url = https://agent.example/webhook\n" \
    "api_key_file = api-key\n"

static struct caller_rig rig;
static struct http_server *server;
static struct protocol_looked_up answer;

static void start(void)
{
    caller_rig_start(&rig);
    caller_rig_file(&rig, "api-key", "key-of-the-service");
    server = http_server_start();
    rig.port = http_server_port(server);
    caller_rig_begin(&rig, SERVICE);
}

static void stop(void)
{
    caller_rig_free(&rig);
    http_server_stop(server);
}

static void answer_with(const char *path, int status, const char *headers, const char *body)
{
    http_server_script(server,
                       &(struct http_server_script){
                           .path = path, .status = status, .headers = headers, .body = body});
}

static void look_up(uint64_t id, const char *record)
{
    caller_rig_send_lookup(&rig, id, HOOK, record);
    caller_rig_receive_looked_up(&rig, &answer);
    ck_assert_uint_eq(answer.id, id);
}

static void expect_error(int status, const char *error)
{
    ck_assert_ptr_nonnull(answer.error);
    ck_assert_msg(strstr(answer.error, error) != NULL, "%s", answer.error);
    ck_assert_int_eq(answer.http_status, status);
}

START_TEST(a_request_is_looked_up_with_the_key_of_its_service)
{
    const struct http_server_request *request;
    char value[64];

    answer_with("/base/v1/approvals/req_1%3Ax", 200, NULL, "{\"status\":\"approved\"}");
    look_up(7, "{\"request_id\":\"req_1:x\"}");
    ck_assert_ptr_null(answer.error);
    ck_assert_int_eq(answer.http_status, 200);
    ck_assert_int_eq(answer.again_after_ms, 0);
    ck_assert_uint_eq(answer.body_length, strlen("{\"status\":\"approved\"}"));
    ck_assert_mem_eq(answer.body, "{\"status\":\"approved\"}", answer.body_length);
    ck_assert_uint_eq(http_server_wait(server, 1), 1);
    request = http_server_request(server, 0);
    ck_assert_str_eq(request->method, "GET");
    ck_assert_str_eq(request->url, "/base/v1/approvals/req_1%3Ax");
    ck_assert_uint_eq(http_server_header(request, "Authorization", value, sizeof value), 1);
    ck_assert_str_eq(value, "Bearer key-of-the-service");
    ck_assert_uint_eq(request->body_length, 0);
}
END_TEST

START_TEST(another_answer_is_an_error_with_its_body)
{
    answer_with("/base/v1/approvals/r", 404, NULL, "{\"error\":\"not_found\"}");
    look_up(1, "{\"request_id\":\"r\"}");
    expect_error(404, "HTTP 404");
    ck_assert_uint_eq(answer.body_length, strlen("{\"error\":\"not_found\"}"));
    answer_with("/base/v1/approvals/r", 429, "Retry-After: 90\r\n", NULL);
    look_up(2, "{\"request_id\":\"r\"}");
    expect_error(429, "HTTP 429");
    ck_assert_int_eq(answer.again_after_ms, 90000);
    answer_with("/base/v1/approvals/r", 302, "Location: /base/v1/approvals/other\r\n", NULL);
    look_up(3, "{\"request_id\":\"r\"}");
    expect_error(302, "HTTP 302");
    ck_assert_uint_eq(http_server_wait(server, 3), 3);
}
END_TEST

START_TEST(an_answer_that_is_too_long_is_none)
{
    http_server_script(server, &(struct http_server_script){.path = "/base/v1/approvals/r",
                                                            .body = "0123456789abcdef",
                                                            .repeat = (256 << 10) / 16 + 1});
    look_up(1, "{\"request_id\":\"r\"}");
    expect_error(200, "the answer is too long");
    ck_assert_uint_eq(answer.body_length, 0);
}
END_TEST

START_TEST(what_can_not_be_sent_is_told)
{
    look_up(1, "{}");
    expect_error(0, "not sent: url: ");
    look_up(2, "no JSON");
    expect_error(0, "not sent: the record is not JSON");
    http_server_stop(server);
    server = NULL;
    look_up(3, "{\"request_id\":\"r\"}");
    expect_error(0, "not sent: ");
}
END_TEST

START_TEST(a_look_up_by_another_configuration_or_hook_is_refused)
{
    struct config_hook *hook = (struct config_hook *)config_hook(rig.config, HOOK);

    hook->digest[0] ^= 1;
    look_up(1, "{\"request_id\":\"r\"}");
    expect_error(0, "the configuration is another here");
    caller_rig_send_lookup(&rig, 2, "submit daimon", "{\"request_id\":\"r\"}");
    caller_rig_receive_looked_up(&rig, &answer);
    ck_assert_uint_eq(answer.id, 2);
    expect_error(0, "there is no such look-up here");
    ck_assert_uint_eq(http_server_connections(server), 0);
}
END_TEST

START_TEST(there_are_not_too_many_at_once)
{
    bool seen[LOOKUP_CALL_LIMIT] = {false};

    http_server_script(
        server, &(struct http_server_script){.path = "/base/v1/approvals/slow", .delay_ms = 1500});
    for (uint64_t id = 0; id < LOOKUP_CALL_LIMIT; id++) {
        caller_rig_send_lookup(&rig, id, HOOK, "{\"request_id\":\"slow\"}");
    }
    look_up(1000, "{\"request_id\":\"r\"}");
    expect_error(0, "too many look-ups at once");
    for (size_t i = 0; i < LOOKUP_CALL_LIMIT; i++) {
        caller_rig_receive_looked_up(&rig, &answer);
        ck_assert_ptr_null(answer.error);
        ck_assert_uint_lt(answer.id, LOOKUP_CALL_LIMIT);
        ck_assert(!seen[answer.id]);
        seen[answer.id] = true;
    }
    look_up(1001, "{\"request_id\":\"r\"}");
    ck_assert_ptr_null(answer.error);
}
END_TEST

START_TEST(a_new_core_hears_nothing_of_what_the_old_one_asked)
{
    http_server_script(server, &(struct http_server_script){.path = "/base/v1/approvals/old",
                                                            .body = "old",
                                                            .delay_ms = 300});
    http_server_script(server, &(struct http_server_script){.path = "/base/v1/approvals/new",
                                                            .body = "new",
                                                            .delay_ms = 1200});
    caller_rig_send_lookup(&rig, 5, HOOK, "{\"request_id\":\"old\"}");
    ck_assert_uint_eq(http_server_wait(server, 1), 1);
    caller_rig_new_core(&rig);
    look_up(5, "{\"request_id\":\"new\"}");
    ck_assert_ptr_null(answer.error);
    ck_assert_mem_eq(answer.body, "new", 3);
}
END_TEST

START_TEST(a_look_up_goes_on_through_a_reload)
{
    http_server_script(server, &(struct http_server_script){.path = "/base/v1/approvals/r",
                                                            .body = "there",
                                                            .delay_ms = 300});
    caller_rig_send_lookup(&rig, 5, HOOK, "{\"request_id\":\"r\"}");
    ck_assert_uint_eq(http_server_wait(server, 1), 1);
    caller_rig_configure(&rig, "");
    ck_assert_uint_eq(caller_rig_reloaded(&rig), 0);
    /* The new list of hooks comes first. */
    ck_assert_uint_eq(caller_rig_receive(&rig), FRAME_DIGESTS);
    caller_rig_receive_looked_up(&rig, &answer);
    ck_assert_uint_eq(answer.id, 5);
    ck_assert_ptr_null(answer.error);
    ck_assert_mem_eq(answer.body, "there", 5);
}
END_TEST

START_TEST(a_stop_does_not_wait_for_look_ups)
{
    http_server_script(server, &(struct http_server_script){.path = "/base/v1/approvals/r",
                                                            .manner = HTTP_SERVER_NEVER_ANSWERS});
    caller_rig_send_lookup(&rig, 5, HOOK, "{\"request_id\":\"r\"}");
    ck_assert_uint_eq(http_server_wait(server, 1), 1);
    caller_rig_order_stop(&rig);
    ck_assert_int_eq(caller_rig_wait(&rig), 0);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("caller_lookup");
    TCase *tests = suite_case(suite, "lookup", start, stop);

    tcase_add_test(tests, a_request_is_looked_up_with_the_key_of_its_service);
    tcase_add_test(tests, another_answer_is_an_error_with_its_body);
    tcase_add_test(tests, an_answer_that_is_too_long_is_none);
    tcase_add_test(tests, what_can_not_be_sent_is_told);
    tcase_add_test(tests, a_look_up_by_another_configuration_or_hook_is_refused);
    tcase_add_test(tests, there_are_not_too_many_at_once);
    tcase_add_test(tests, a_new_core_hears_nothing_of_what_the_old_one_asked);
    tcase_add_test(tests, a_look_up_goes_on_through_a_reload);
    tcase_add_test(tests, a_stop_does_not_wait_for_look_ups);
    return suite_run(suite);
}
