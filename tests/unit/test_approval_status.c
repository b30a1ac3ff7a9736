/*
 * What a service answers to those who ask about a request: who is meant by it, and whether it is
 * decided.
 */
#include <check.h>
#include <errno.h>
#include <string.h>

#include "assent/domain/approval_status.h"
#include "support/suite.h"

static struct problem problem;
static struct event event;

static int parse_at(const struct event_pointers *pointers, const char *body)
{
    problem = (struct problem){.text = ""};
    return approval_status_parse(body, strlen(body), "req_1", pointers, &event, &problem);
}

static void assert_decided(const struct event_pointers *pointers, const char *body,
                           enum decision decision)
{
    ck_assert_msg(parse_at(pointers, body) == 1, "%s: %s", body, problem.text);
    ck_assert_str_eq(event.request_id, "req_1");
    ck_assert_int_eq(event.decision, decision);
    event_free(&event);
}

static void assert_undecided(const struct event_pointers *pointers, const char *body)
{
    ck_assert_msg(parse_at(pointers, body) == 0, "%s: %s", body, problem.text);
}

static void assert_refused(const struct event_pointers *pointers, const char *body,
                           const char *told)
{
    ck_assert_msg(parse_at(pointers, body) == -EBADMSG, "%s", body);
    ck_assert_msg(strstr(problem.text, told) != NULL, "%s: %s", body, problem.text);
}

/* --- the usual places ------------------------------------------------------------------------- */

START_TEST(a_decision_is_found_wherever_the_service_has_it)
{
    assert_decided(NULL, "{\"status\":\"approved\"}", DECISION_GRANTED);
    assert_decided(NULL, "{\"requestId\":\"req_1\",\"status\":\"denied\"}", DECISION_DENIED);
    assert_decided(NULL, "{\"result\":{\"request_id\":\"req_1\",\"status\":\"expired\"}}",
                   DECISION_EXPIRED);
    assert_decided(NULL, "{\"data\":{\"approval_id\":\"req_1\",\"status\":\"granted\"}}",
                   DECISION_GRANTED);
    assert_decided(NULL, "{\"requestId\":\"req_1\",\"result\":{\"status\":\"rejected\"}}",
                   DECISION_DENIED);
}
END_TEST

/* As in a webhook. */
START_TEST(every_word_for_a_decision_is_one)
{
    assert_decided(NULL, "{\"status\":\"approval.granted\"}", DECISION_GRANTED);
    assert_decided(NULL, "{\"status\":\"approval.approved\"}", DECISION_GRANTED);
    assert_decided(NULL, "{\"status\":\"approval.denied\"}", DECISION_DENIED);
    assert_decided(NULL, "{\"status\":\"approval.rejected\"}", DECISION_DENIED);
    assert_decided(NULL, "{\"status\":\"approval.expired\"}", DECISION_EXPIRED);
}
END_TEST

START_TEST(every_other_status_is_no_decision)
{
    assert_undecided(NULL, "{\"requestId\":\"req_1\",\"status\":\"pending\"}");
    assert_undecided(NULL, "{\"result\":{\"status\":\"sent\",\"type\":\"approval_request\"}}");
    assert_undecided(NULL, "{\"status\":\"\"}");
}
END_TEST

START_TEST(what_is_no_status_is_an_error)
{
    assert_refused(NULL, "{}", "status: expected a text");
    assert_refused(NULL, "[]", "status: expected a text");
    assert_refused(NULL, "{\"status\":1}", "status: expected a text");
    assert_refused(NULL, "{\"status\":\"approved\",\"status\":\"denied\"}", "status");
    assert_refused(NULL, "{\"status\":\"approved\",\"denialReason\":\"no\"}", "contradictory");
}
END_TEST

/* A service may use that name for the call that it answers. */
START_TEST(the_id_of_the_record_counts_before_one_beside_it)
{
    assert_decided(NULL,
                   "{\"request_id\":\"call-7\",\"result\":{\"requestId\":\"req_1\","
                   "\"status\":\"approved\"}}",
                   DECISION_GRANTED);
}
END_TEST

START_TEST(an_id_that_is_null_is_none)
{
    assert_decided(NULL, "{\"requestId\":null,\"status\":\"approved\"}", DECISION_GRANTED);
    assert_decided(NULL, "{\"requestId\":null,\"request_id\":\"req_1\",\"status\":\"denied\"}",
                   DECISION_DENIED);
    assert_refused(NULL,
                   "{\"requestId\":\"req_2\",\"result\":{\"requestId\":null,"
                   "\"status\":\"approved\"}}",
                   "another request");
}
END_TEST

START_TEST(an_answer_about_another_request_decides_nothing)
{
    assert_refused(NULL, "{\"requestId\":\"req_2\",\"status\":\"approved\"}", "another request");
    assert_refused(NULL, "{\"result\":{\"requestId\":\"req_2\",\"status\":\"approved\"}}",
                   "another request");
    assert_refused(NULL, "{\"requestId\":\"req_2\",\"result\":{\"status\":\"approved\"}}",
                   "another request");
    assert_refused(NULL, "{\"approval_id\":7,\"data\":{\"status\":\"approved\"}}", "not a string");
}
END_TEST

/* --- places of the service's own ---------------------------------------------------------------- */

static const struct event_pointers pointers = {.request_id = "/payload/id",
                                               .decision = "/payload/state"};

START_TEST(a_decision_is_found_where_its_pointer_says)
{
    assert_decided(&pointers, "{\"payload\":{\"id\":\"req_1\",\"state\":\"approved\"}}",
                   DECISION_GRANTED);
    assert_decided(&pointers, "{\"payload\":{\"id\":\"req_1\",\"state\":\"approval.denied\"}}",
                   DECISION_DENIED);
    assert_refused(&pointers, "{\"payload\":{\"id\":\"req_2\",\"state\":\"approved\"}}",
                   "another request");
}
END_TEST

/* It would be looked up less and less often, with a warning each time. */
START_TEST(to_wait_for_a_person_is_no_error_there_either)
{
    assert_undecided(&pointers, "{\"payload\":{\"id\":\"req_1\",\"state\":\"pending\"}}");
    assert_undecided(&pointers, "{\"payload\":{\"id\":\"req_1\",\"state\":null}}");
}
END_TEST

START_TEST(a_pointer_that_leads_nowhere_is_an_error)
{
    assert_refused(&pointers, "{\"status\":\"pending\"}", "nothing at \"/payload/state\"");
    assert_refused(&pointers, "{\"payload\":{\"state\":7}}", "not a string");
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("approval_status");
    TCase *usual = tcase_create("the usual places");
    TCase *own = tcase_create("places of the service's own");

    tcase_add_test(usual, a_decision_is_found_wherever_the_service_has_it);
    tcase_add_test(usual, every_word_for_a_decision_is_one);
    tcase_add_test(usual, every_other_status_is_no_decision);
    tcase_add_test(usual, what_is_no_status_is_an_error);
    tcase_add_test(usual, the_id_of_the_record_counts_before_one_beside_it);
    tcase_add_test(usual, an_id_that_is_null_is_none);
    tcase_add_test(usual, an_answer_about_another_request_decides_nothing);
    suite_add_tcase(suite, usual);
    tcase_add_test(own, a_decision_is_found_where_its_pointer_says);
    tcase_add_test(own, to_wait_for_a_person_is_no_error_there_either);
    tcase_add_test(own, a_pointer_that_leads_nowhere_is_an_error);
    suite_add_tcase(suite, own);
    return suite_run(suite);
}
