/* What the end of a call means: every row of the table, with and without {job.key}. */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "assent/caller/verdict.h"
#include "support/suite.h"

#define HOUR_MS INT64_C(3600000)

static const struct config_status_range expect[] = {{200, 204}, {409, 409}, {502, 502}};

static struct verdict verdict;
static struct buffer why;

static void reach(bool sends_key, struct http_end end)
{
    const struct verdict_rules rules = {
        .expect = expect, .expect_count = 3, .sends_key = sends_key, .timeout_ms = 30000};

    end.phrase = end.phrase ? end.phrase : "";
    why.length = 0;
    ck_assert_int_eq(verdict_reach(&rules, &end, &verdict, &why), 0);
    ck_assert(verdict_succeeds(&rules, &end) == (verdict.ending == ENDING_SUCCEEDED));
}

static void assert_verdict(enum protocol_ending ending, enum protocol_again again, const char *text)
{
    ck_assert_str_eq(buffer_text(&why), text);
    ck_assert_int_eq(verdict.ending, ending);
    ck_assert_int_eq(verdict.again, again);
}

static struct http_end answer(int status, const char *phrase)
{
    return (struct http_end){.outcome = HTTP_ANSWERED, .status = status, .phrase = phrase};
}

static void stop(void)
{
    buffer_free(&why);
}

START_TEST(what_was_never_sent_may_be_sent_again)
{
    for (int key = 0; key <= 1; key++) {
        reach(key, (struct http_end){.outcome = HTTP_NOT_SENT, .cause = "no such host"});
        assert_verdict(ENDING_FAILED, AGAIN_COUNTED, "not sent: no such host");
        reach(key, (struct http_end){.outcome = HTTP_NOT_SENT, .timed_out = true});
        assert_verdict(ENDING_FAILED, AGAIN_COUNTED, "not sent: no connection within 30s");
    }
}
END_TEST

START_TEST(what_is_not_answered_is_not_known)
{
    for (int key = 0; key <= 1; key++) {
        reach(key, (struct http_end){.outcome = HTTP_NO_ANSWER, .cause = "cut"});
        assert_verdict(ENDING_INTERRUPTED, AGAIN_NEVER, "no answer: cut; it may have been done");
        reach(key, (struct http_end){.outcome = HTTP_NO_ANSWER, .timed_out = true});
        assert_verdict(ENDING_INTERRUPTED, AGAIN_NEVER,
                       "no answer within 30s; it may have been done");
    }
}
END_TEST

START_TEST(what_is_expected_succeeds_whatever_it_is)
{
    for (int key = 0; key <= 1; key++) {
        reach(key, answer(204, "No Content"));
        assert_verdict(ENDING_SUCCEEDED, AGAIN_NEVER, "");
        reach(key, answer(409, "Conflict"));
        assert_verdict(ENDING_SUCCEEDED, AGAIN_NEVER, "");
        reach(key, answer(502, "Bad Gateway"));
        assert_verdict(ENDING_SUCCEEDED, AGAIN_NEVER, "");
    }
}
END_TEST

START_TEST(not_now_means_later)
{
    for (int key = 0; key <= 1; key++) {
        reach(key, answer(425, "Too Early"));
        assert_verdict(ENDING_FAILED, AGAIN_COUNTED,
                       "HTTP 425 Too Early, expected 200-204, 409, 502; nothing was done");
        reach(key, answer(429, ""));
        assert_verdict(ENDING_FAILED, AGAIN_COUNTED,
                       "HTTP 429, expected 200-204, 409, 502; nothing was done");
        reach(key, answer(503, ""));
        assert_verdict(ENDING_FAILED, AGAIN_COUNTED,
                       "HTTP 503, expected 200-204, 409, 502; nothing was done");
    }
}
END_TEST

START_TEST(a_broken_server_is_asked_again_only_with_a_key)
{
    static const int statuses[] = {500, 501, 504, 505, 599};
    char text[128];

    for (size_t i = 0; i < sizeof statuses / sizeof *statuses; i++) {
        reach(false, answer(statuses[i], ""));
        (void)snprintf(text, sizeof text,
                       "HTTP %d, expected 200-204, 409, 502; it may have been done", statuses[i]);
        assert_verdict(ENDING_INTERRUPTED, AGAIN_NEVER, text);
        reach(true, answer(statuses[i], ""));
        (void)snprintf(text, sizeof text,
                       "HTTP %d, expected 200-204, 409, 502; it may have been done, and {job.key} "
                       "makes a repeat harmless",
                       statuses[i]);
        assert_verdict(ENDING_FAILED, AGAIN_COUNTED, text);
    }
}
END_TEST

START_TEST(any_other_answer_is_final)
{
    static const int statuses[] = {205, 301, 302, 304, 400, 401, 404, 408, 422, 499};
    char text[128];

    for (size_t i = 0; i < sizeof statuses / sizeof *statuses; i++) {
        struct http_end end = answer(statuses[i], "");

        end.retry_after_ms = HOUR_MS;
        (void)snprintf(text, sizeof text, "HTTP %d, expected 200-204, 409, 502", statuses[i]);
        for (int key = 0; key <= 1; key++) {
            reach(key, end);
            assert_verdict(ENDING_FAILED, AGAIN_NEVER, text);
            ck_assert_int_eq(verdict.again_after_ms, 0);
        }
    }
}
END_TEST

START_TEST(behind_a_redirect_not_now_leaves_the_call_itself_unknown)
{
    struct http_end end = answer(503, "");

    end.redirected = true;
    end.retry_after_ms = HOUR_MS;
    reach(false, end);
    assert_verdict(ENDING_INTERRUPTED, AGAIN_NEVER,
                   "HTTP 503, expected 200-204, 409, 502; it may have been done");
    ck_assert_int_eq(verdict.again_after_ms, 0);
    reach(true, end);
    ck_assert_int_eq(verdict.ending, ENDING_FAILED);
    ck_assert_int_eq(verdict.again, AGAIN_COUNTED);
    ck_assert_int_eq(verdict.again_after_ms, HOUR_MS);
}
END_TEST

/* --- when ------------------------------------------------------------------------------------- */

struct advice {
    int64_t header_ms;
    const char *body;
    int64_t expected_ms;
};

static const struct advice advices[] = {
    {0, "", 0},
    {30000, "", 30000},
    {30000, "not JSON", 30000},
    {30000, "{\"retry_after\": 12}", 30000},
    {5000, "{\"retry_after\": 12}", 12000},
    {0, "{\"retry_after\": 1.5}", 1500},
    {0, "{\"retry_after\": 0.0001}", 1},
    {0, "{\"retry_after\": 0}", 0},
    {0, "{\"retry_after\": -5}", 0},
    {0, "{\"retry_after\": \"5\"}", 0},
    {0, "{\"retry_after\": null}", 0},
    {0, "{\"retry_after\": {}}", 0},
    {0, "{\"error\": \"rate_limited\", \"retry_after\": 7}", 7000},
    {0, "{\"error\": {\"code\": 429, \"retry_after\": 8}}", 8000},
    {0, "{\"result\": {\"retry_after\": 9}}", 9000},
    {0, "{\"result\": {\"error\": {\"retry_after\": 9}}}", 0},
    {0, "{\"error\": {\"retry_after\": 2}, \"result\": {\"retry_after\": 9}, \"retry_after\": 3}",
     9000},
    {0, "[{\"retry_after\": 9}]", 0},
    {0, "\"retry_after\"", 0},
    {0, "{\"retry_after\": 1e300}", VERDICT_PAUSE_LIMIT_MS},
    {0, "{\"retry_after\": 9223372036854775807}", VERDICT_PAUSE_LIMIT_MS},
    {0, "{\"retry_after\": 86400}", VERDICT_PAUSE_LIMIT_MS},
    {INT64_MAX, "", VERDICT_PAUSE_LIMIT_MS},
};

START_TEST(the_longer_of_what_header_and_body_say_counts)
{
    const struct advice *advice = &advices[_i];
    struct http_end end = answer(429, "");

    end.retry_after_ms = advice->header_ms;
    end.refusal = advice->body;
    end.refusal_length = strlen(advice->body);
    reach(false, end);
    ck_assert_int_eq(verdict.ending, ENDING_FAILED);
    ck_assert_int_eq(verdict.again, AGAIN_COUNTED);
    ck_assert_int_eq(verdict.again_after_ms, advice->expected_ms);
}
END_TEST

START_TEST(people_are_told_when)
{
    struct http_end end = answer(503, "Service Unavailable");

    end.retry_after_ms = 90000;
    reach(false, end);
    assert_verdict(ENDING_FAILED, AGAIN_COUNTED,
                   "HTTP 503 Service Unavailable, expected 200-204, 409, 502; nothing was done, "
                   "to be tried again after 1m30s");
}
END_TEST

static Suite *suite(void)
{
    Suite *verdicts = suite_create("verdict");
    TCase *ends = tcase_create("ends");
    TCase *pauses = tcase_create("pauses");

    tcase_add_checked_fixture(ends, NULL, stop);
    tcase_add_test(ends, what_was_never_sent_may_be_sent_again);
    tcase_add_test(ends, what_is_not_answered_is_not_known);
    tcase_add_test(ends, what_is_expected_succeeds_whatever_it_is);
    tcase_add_test(ends, not_now_means_later);
    tcase_add_test(ends, a_broken_server_is_asked_again_only_with_a_key);
    tcase_add_test(ends, any_other_answer_is_final);
    tcase_add_test(ends, behind_a_redirect_not_now_leaves_the_call_itself_unknown);
    suite_add_tcase(verdicts, ends);

    tcase_add_checked_fixture(pauses, NULL, stop);
    tcase_add_loop_test(pauses, the_longer_of_what_header_and_body_say_counts, 0,
                        sizeof advices / sizeof *advices);
    tcase_add_test(pauses, people_are_told_when);
    suite_add_tcase(verdicts, pauses);
    return verdicts;
}

int main(void)
{
    return suite_run(suite());
}
