/*
 * Webhooks, as a sender sees them: every answer of the public listener, on a real daemon.
 */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "assent/base/digest.h"
#include "assent/base/text.h"
#include "integration/harness.h"
#include "support/suite.h"

static struct house *house;

static void set_up(void)
{
    house = house_new();
    house_configure(house, "[action note]\n"
                           "on_granted = note\n"
                           "on_denied = note\n"
                           "on_expired = note\n"
                           "[hook note]\n"
                           "shell = echo \"$ASSENT_REQUEST_ID $ASSENT_STATUS $ASSENT_DECIDED_BY\" "
                           ">>%DIR%/notes\n");
    house_start(house);
}

static void tear_down(void)
{
    house_free(house);
}

static void expect_error(struct answer answer, int status, const char *code)
{
    const char *told = json_string_value(json_object_get(answer.json, "error"));

    ck_assert_msg(answer.status == status && told && strcmp(told, code) == 0,
                  "expected %d %s, got %d %s", status, code, answer.status, answer.body);
    ck_assert(json_is_string(json_object_get(answer.json, "message")));
    ck_assert(json_is_array(json_object_get(answer.json, "next_steps")));
    answer_clear(&answer);
}

static void expect_note(const char *line)
{
    char *notes;

    house_await_lines(house, "notes", 1);
    notes = house_read(house, "notes");
    ck_assert_str_eq(notes, line);
    free(notes);
}

/* --- the bodies that the service and its clients send ----------------------------------------- */

START_TEST(takes_the_javascript_form)
{
    house_register_as(house, "req_1", "note");
    house_decide(house,
                 "{\"requestId\":\"req_1\",\"status\":\"approved\",\"approvedAt\":"
                 "\"2026-03-16T10:30:45.123Z\",\"approvedBy\":\"ops@example.com\"}",
                 "matched");
    expect_note("req_1 approved ops@example.com\n");
}
END_TEST

START_TEST(takes_the_python_form)
{
    json_t *request;

    house_register_as(house, "req_1", "note");
    house_decide(house,
                 "{\"request_id\":\"req_1\",\"status\":\"denied\",\"denied_at\":"
                 "\"2026-03-16T10:30:45Z\",\"approved_by\":\"ops@example.com\",\"denial_reason\":"
                 "\"too many recipients\"}",
                 "matched");
    expect_note("req_1 denied ops@example.com\n");
    request = house_show(house, "req_1");
    ck_assert_str_eq(json_string_value(json_object_get(request, "denialReason")),
                     "too many recipients");
    ck_assert_str_eq(json_string_value(json_object_get(request, "decidedAt")),
                     "2026-03-16T10:30:45.000Z");
    json_decref(request);
}
END_TEST

START_TEST(takes_the_flat_event)
{
    house_register_as(house, "req_1", "note");
    house_decide(house,
                 "{\"event\":\"approval.expired\",\"event_id\":\"evt_9\",\"timestamp\":"
                 "\"2026-03-16T11:30:45.123Z\",\"requestId\":\"req_1\",\"status\":\"expired\"}",
                 "matched");
    expect_note("req_1 expired \n");
}
END_TEST

START_TEST(takes_the_event_with_data)
{
    house_register_as(house, "req_1", "note");
    house_decide(house,
                 "{\"event\":\"approval.granted\",\"webhook_id\":\"wh_xyz\",\"timestamp\":"
                 "\"2026-03-16T10:30:45Z\",\"data\":{\"requestId\":\"req_1\",\"status\":"
                 "\"approved\",\"approvedBy\":\"ops@example.com\"}}",
                 "matched");
    expect_note("req_1 approved ops@example.com\n");
}
END_TEST

START_TEST(takes_a_bare_signature)
{
    static const char body[] = "{\"requestId\":\"req_1\",\"status\":\"approved\"}";
    char signature[128];
    char bare[128];
    const char *headers[] = {"Content-Type: application/json; charset=utf-8", bare, NULL};
    struct answer answer;

    house_register_as(house, "req_1", "note");
    house_sign(body, strlen(body), signature);
    (void)snprintf(bare, sizeof bare, "X-Daimon-Signature: %s", strchr(signature, '=') + 1);
    answer = house_public(house, "POST", "/webhook/approval", headers, body);
    ck_assert_int_eq(answer.status, 200);
    answer_clear(&answer);
}
END_TEST

START_TEST(ignores_what_is_no_approval)
{
    house_register_as(house, "req_1", "note");
    house_decide(house,
                 "{\"event\":\"message.received\",\"event_id\":\"evt_1\",\"requestId\":\"req_1\","
                 "\"status\":\"approved\"}",
                 "ignored");
    house_decide(house, "{\"event\":\"webhook.unhealthy\"}", "ignored");
    house_await_status(house, "req_1", "pending");
    ck_assert_int_eq(house_count_lines(house, "notes"), 0);
}
END_TEST

START_TEST(finds_fields_where_a_service_says_they_are)
{
    json_t *request;

    house_configure(house, "request_id = /payload/approval/id\n"
                           "decision = /payload/state\n"
                           "decided_by = /who/name\n");
    house_reload(house);
    house_register(house, "{\"requestId\":\"req_1\",\"action\":\"other\"}");
    house_decide(house,
                 "{\"payload\":{\"approval\":{\"id\":\"req_1\"},\"state\":\"rejected\"},\"who\":"
                 "{\"name\":\"ann\"}}",
                 "matched");
    request = house_show(house, "req_1");
    ck_assert_str_eq(json_string_value(json_object_get(request, "status")), "denied");
    ck_assert_str_eq(json_string_value(json_object_get(request, "decidedBy")), "ann");
    json_decref(request);
}
END_TEST

/* --- outcomes --------------------------------------------------------------------------------- */

START_TEST(a_repeat_is_a_duplicate_and_runs_nothing)
{
    static const char body[] = "{\"requestId\":\"req_1\",\"status\":\"approved\"}";

    house_register_as(house, "req_1", "note");
    house_decide(house, body, "matched");
    house_decide(house, body, "duplicate");
    house_await_jobs(house, "req_1", 1, "succeeded");
    house_decide(house, body, "duplicate");
    ck_assert_int_eq(house_count_lines(house, "notes"), 1);
}
END_TEST

START_TEST(the_same_decision_in_another_delivery_is_late)
{
    house_register_as(house, "req_1", "note");
    house_decide(house, "{\"event_id\":\"a\",\"requestId\":\"req_1\",\"status\":\"approved\"}",
                 "matched");
    house_decide(house, "{\"event_id\":\"b\",\"requestId\":\"req_1\",\"status\":\"approved\"}",
                 "late");
    house_await_jobs(house, "req_1", 1, "succeeded");
}
END_TEST

START_TEST(the_first_decision_stands)
{
    house_register_as(house, "req_1", "note");
    house_decide(house, "{\"requestId\":\"req_1\",\"status\":\"denied\"}", "matched");
    house_decide(house, "{\"requestId\":\"req_1\",\"status\":\"approved\"}", "conflict");
    house_await_jobs(house, "req_1", 1, "succeeded");
    expect_note("req_1 denied \n");
    house_await_log(house, "contradicts");
}
END_TEST

START_TEST(an_early_decision_is_applied_when_the_request_comes)
{
    house_decide(house, "{\"requestId\":\"req_1\",\"status\":\"approved\",\"approvedBy\":\"ann\"}",
                 "early");
    house_decide(house, "{\"requestId\":\"req_1\",\"status\":\"approved\",\"approvedBy\":\"ann\"}",
                 "duplicate");
    house_kill_role(house, "assentd: core");
    house_await_ready(house);
    ck_assert_int_eq(house_count_lines(house, "notes"), 0);
    house_register_as(house, "req_1", "note");
    expect_note("req_1 approved ann\n");
    house_await_jobs(house, "req_1", 1, "succeeded");
}
END_TEST

START_TEST(a_decision_after_a_cancel_is_late)
{
    struct answer answer;

    house_register_as(house, "req_1", "note");
    answer = house_control(house, "POST", "/v1/requests/req_1/cancel", "{}");
    ck_assert_int_eq(answer.status, 200);
    answer_clear(&answer);
    house_decide(house, "{\"requestId\":\"req_1\",\"status\":\"approved\"}", "late");
    house_await_status(house, "req_1", "canceled");
    ck_assert_int_eq(house_count_lines(house, "notes"), 0);
}
END_TEST

/* --- refusals, in the order of their checks --------------------------------------------------- */

START_TEST(an_unknown_path_is_404)
{
    expect_error(house_public(house, "POST", "/webhook/other", NULL, "x"), 404, "not_found");
    expect_error(house_public(house, "GET", "/v1/requests", NULL, NULL), 404, "not_found");
}
END_TEST

START_TEST(another_method_is_405_with_allow)
{
    struct answer answer = house_public(house, "GET", "/webhook/approval", NULL, NULL);

    ck_assert_ptr_nonnull(strstr(answer.headers, "Allow: POST"));
    expect_error(answer, 405, "method_not_allowed");
    expect_error(house_public(house, "DELETE", "/webhook/approval", NULL, NULL), 405,
                 "method_not_allowed");
}
END_TEST

START_TEST(a_body_over_the_limit_is_413_even_unsigned)
{
    size_t length = (256u << 10) + 1;
    char *body = malloc(length + 1);

    memset(body, ' ', length);
    body[length] = '\0';
    expect_error(house_webhook(house, body), 413, "body_too_large");
    free(body);
}
END_TEST

START_TEST(a_body_at_the_limit_is_taken)
{
    static const char json[] = "{\"requestId\":\"req_1\",\"status\":\"approved\"}";
    size_t length = 256u << 10;
    char *body = malloc(length + 1);

    memset(body, ' ', length);
    memcpy(body, json, strlen(json));
    body[length] = '\0';
    house_decide(house, body, "early");
    free(body);
}
END_TEST

START_TEST(another_content_type_is_415)
{
    static const char *const text[] = {"Content-Type: text/plain", NULL};
    static const char *const none[] = {"Content-Type:", NULL};

    expect_error(house_public(house, "POST", "/webhook/approval", text, "{}"), 415,
                 "unsupported_media_type");
    expect_error(house_public(house, "POST", "/webhook/approval", none, "{}"), 415,
                 "unsupported_media_type");
}
END_TEST

START_TEST(every_lack_of_a_right_signature_has_one_answer)
{
    static const char *const signatures[] = {
        "X-Other: 1",
        "X-Daimon-Signature;",
        "X-Daimon-Signature: sha256=",
        ("X-Daimon-Signature: sha256="
         "0000000000000000000000000000000000000000000000000000000000000000"),
        "X-Daimon-Signature: sha256=00",
        "X-Daimon-Signature: nonsense",
    };
    char *first = NULL;

    house_register_as(house, "req_1", "note");
    for (size_t i = 0; i < sizeof signatures / sizeof signatures[0]; i++) {
        const char *headers[] = {"Content-Type: application/json", signatures[i], NULL};
        struct answer answer = house_public(house, "POST", "/webhook/approval", headers,
                                            "{\"requestId\":\"req_1\",\"status\":\"approved\"}");

        ck_assert_int_eq(answer.status, 401);
        first = first ? first : strdup(answer.body);
        ck_assert_str_eq(answer.body, first);
        answer_clear(&answer);
    }
    free(first);
    house_await_status(house, "req_1", "pending");
    house_await_log(house, "webhook refused");
}
END_TEST

START_TEST(a_body_changed_by_one_byte_is_401)
{
    static const char signed_body[] = "{\"requestId\":\"req_1\",\"status\":\"approved\"}";
    static const char sent_body[] = "{\"requestId\":\"req_2\",\"status\":\"approved\"}";
    char signature[128];
    const char *headers[] = {"Content-Type: application/json", signature, NULL};

    house_sign(signed_body, strlen(signed_body), signature);
    expect_error(house_public(house, "POST", "/webhook/approval", headers, sent_body), 401,
                 "unauthorized");
}
END_TEST

static const char *const bad_bodies[] = {
    "",
    "nonsense",
    "[]",
    "{\"requestId\":\"req_1\",\"status\":\"approved\"",
    "{\"requestId\":\"req_1\",\"status\":\"approved\"} x",
    "{\"requestId\":\"req_1\",\"status\":\"approved\",\"status\":\"denied\"}",
    "{\"status\":\"approved\"}",
    "{\"requestId\":\"req_1\"}",
    "{\"requestId\":\"req_1\",\"status\":\"maybe\"}",
    "{\"requestId\":\"req_1\",\"status\":\"APPROVED\"}",
    "{\"requestId\":\"req_1\",\"event\":\"approval.denied\",\"status\":\"approved\"}",
    "{\"requestId\":\"req_1\",\"request_id\":\"req_2\",\"status\":\"approved\"}",
    "{\"requestId\":\"req_1\",\"status\":\"approved\",\"data\":{\"requestId\":\"req_2\"}}",
    "{\"requestId\":17,\"status\":\"approved\"}",
    "{\"requestId\":\"../etc\",\"status\":\"approved\"}",
    "{\"requestId\":\"req_1\\u0000\",\"status\":\"approved\"}",
};

START_TEST(a_signed_body_that_is_not_understood_is_400)
{
    house_register_as(house, "req_1", "note");
    expect_error(house_webhook(house, bad_bodies[_i]), 400, "invalid_request");
    house_await_status(house, "req_1", "pending");
}
END_TEST

START_TEST(nesting_over_32_is_400)
{
    char body[256] = "{\"requestId\":\"req_1\",\"status\":\"approved\",\"x\":";
    size_t length = strlen(body);

    memset(body + length, '[', 40);
    memset(body + length + 40, ']', 40);
    memcpy(body + length + 80, "}", 2);
    expect_error(house_webhook(house, body), 400, "invalid_request");
}
END_TEST

/* --- health ----------------------------------------------------------------------------------- */

START_TEST(health_is_200_and_503_while_core_is_away)
{
    struct answer answer = house_public(house, "GET", "/healthz", NULL, NULL);
    pid_t core = house_role(house, "assentd: core");

    ck_assert_int_eq(answer.status, 200);
    answer_clear(&answer);
    house_kill_role(house, "assentd: core");
    do {
        answer_clear(&answer);
        answer = house_public(house, "GET", "/healthz", NULL, NULL);
        if (answer.status == 503) {
            ck_assert_ptr_nonnull(strstr(answer.headers, "Retry-After: "));
        }
    } while (answer.status == 503);
    ck_assert_int_eq(answer.status, 200);
    answer_clear(&answer);
    ck_assert_int_ne(house_role(house, "assentd: core"), core);
}
END_TEST

START_TEST(unsigned_is_taken_where_it_is_allowed)
{
    static const char *const headers[] = {"Content-Type: application/json", NULL};
    struct answer answer;

    house_configure_all(house, "[server]\n"
                               "listen = 127.0.0.1:%PORT%\n%JAIL%"
                               "[control]\n"
                               "socket = %DIR%/control.sock\n"
                               "[store]\n"
                               "path = %DIR%/state/assentd.db\n"
                               "[service daimon]\n"
                               "path = /webhook/approval\n"
                               "scheme = none\n"
                               "allow_unsigned = yes\n");
    house_reload(house);
    house_register(house, "{\"requestId\":\"req_1\",\"action\":\"other\"}");
    answer = house_public(house, "POST", "/webhook/approval", headers,
                          "{\"requestId\":\"req_1\",\"status\":\"approved\"}");
    ck_assert_int_eq(answer.status, 200);
    answer_clear(&answer);
    house_await_status(house, "req_1", "approved");
}
END_TEST

static TCase *scenarios(const char *name)
{
    TCase *tests = tcase_create(name);

    tcase_add_checked_fixture(tests, set_up, tear_down);
    tcase_set_timeout(tests, 120);
    return tests;
}

int main(void)
{
    Suite *suite = suite_create("receive");
    TCase *bodies = scenarios("bodies");
    TCase *outcomes = scenarios("outcomes");
    TCase *refusals = scenarios("refusals");
    TCase *health = scenarios("health");

    tcase_add_test(bodies, takes_the_javascript_form);
    tcase_add_test(bodies, takes_the_python_form);
    tcase_add_test(bodies, takes_the_flat_event);
    tcase_add_test(bodies, takes_the_event_with_data);
    tcase_add_test(bodies, takes_a_bare_signature);
    tcase_add_test(bodies, ignores_what_is_no_approval);
    tcase_add_test(bodies, finds_fields_where_a_service_says_they_are);
    tcase_add_test(outcomes, a_repeat_is_a_duplicate_and_runs_nothing);
    tcase_add_test(outcomes, the_same_decision_in_another_delivery_is_late);
    tcase_add_test(outcomes, the_first_decision_stands);
    tcase_add_test(outcomes, an_early_decision_is_applied_when_the_request_comes);
    tcase_add_test(outcomes, a_decision_after_a_cancel_is_late);
    tcase_add_test(refusals, an_unknown_path_is_404);
    tcase_add_test(refusals, another_method_is_405_with_allow);
    tcase_add_test(refusals, a_body_over_the_limit_is_413_even_unsigned);
    tcase_add_test(refusals, a_body_at_the_limit_is_taken);
    tcase_add_test(refusals, another_content_type_is_415);
    tcase_add_test(refusals, every_lack_of_a_right_signature_has_one_answer);
    tcase_add_test(refusals, a_body_changed_by_one_byte_is_401);
    tcase_add_loop_test(refusals, a_signed_body_that_is_not_understood_is_400, 0,
                        (int)(sizeof bad_bodies / sizeof bad_bodies[0]));
    tcase_add_test(refusals, nesting_over_32_is_400);
    tcase_add_test(health, health_is_200_and_503_while_core_is_away);
    tcase_add_test(health, unsigned_is_taken_where_it_is_allowed);
    suite_add_tcase(suite, bodies);
    suite_add_tcase(suite, outcomes);
    suite_add_tcase(suite, refusals);
    suite_add_tcase(suite, health);
    return suite_run(suite);
}
