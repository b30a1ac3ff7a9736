#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "assent/base/json.h"
#include "integration/harness.h"
#include "support/suite.h"

#define TEST_SECONDS 600

/* --- what was answered ------------------------------------------------------------------------ */

const char *text_at(const json_t *json, const char *pointer)
{
    const char *text = json_string_value(json_at_pointer(json, pointer));

    return text ? text : "";
}

int64_t number_at(const json_t *json, const char *pointer)
{
    const json_t *value = json_at_pointer(json, pointer);

    return json_is_integer(value) ? json_integer_value(value) : -1;
}

bool true_at(const json_t *json, const char *pointer)
{
    return json_is_true(json_at_pointer(json, pointer));
}

json_t *answer_take(struct answer answer, int status)
{
    json_t *result = json_incref(json_object_get(answer.json, "result"));

    ck_assert_msg(answer.status == status && result, "expected %d, got %d %.1000s", status,
                  answer.status, answer.body);
    ck_assert(json_is_array(json_object_get(answer.json, "next_steps")));
    answer_clear(&answer);
    return result;
}

void answer_expect_error(struct answer answer, int status, const char *code, const char *told)
{
    const char *message = text_at(answer.json, "/message");

    ck_assert_msg(answer.status == status && strcmp(text_at(answer.json, "/error"), code) == 0 &&
                      (!told || strstr(message, told)),
                  "expected %d %s about %s, got %d %.1000s", status, code, told ? told : "anything",
                  answer.status, answer.body);
    ck_assert_int_gt((int)strlen(message), 0);
    ck_assert(json_is_array(json_object_get(answer.json, "next_steps")));
    answer_clear(&answer);
}

void answer_expect_put_off(struct answer answer)
{
    ck_assert_msg(strstr(answer.headers, "\nRetry-After: ") != NULL, "%d %s", answer.status,
                  answer.headers);
    answer_expect_error(answer, 503, "unavailable", NULL);
}

/* --- requests --------------------------------------------------------------------------------- */

void house_register(const struct house *house, const char *body)
{
    struct answer answer = house_control(house, "POST", "/v1/requests", body);

    ck_assert_msg(answer.status == 201, "registering: %d %s", answer.status, answer.body);
    answer_clear(&answer);
}

void house_register_as(const struct house *house, const char *id, const char *action)
{
    char *body = house_format(house, "{\"requestId\":\"%s\",\"action\":\"%s\"}", id, action);

    house_register(house, body);
    free(body);
}

void house_decide(const struct house *house, const char *body, const char *outcome)
{
    struct answer answer = house_webhook(house, body);
    const char *told =
        json_string_value(json_object_get(json_object_get(answer.json, "result"), "outcome"));

    ck_assert_msg(answer.status == 200 && told && strcmp(told, outcome) == 0,
                  "expected %s for %s, got %d %s", outcome, body, answer.status, answer.body);
    answer_clear(&answer);
}

void house_decide_as(const struct house *house, const char *id, const char *status,
                     const char *outcome)
{
    char *body = house_format(house, "{\"requestId\":\"%s\",\"status\":\"%s\"}", id, status);

    house_decide(house, body, outcome);
    free(body);
}

void house_approve(const struct house *house, const char *id)
{
    house_decide_as(house, id, "approved", "matched");
}

void house_expect_note(const struct house *house, const char *id)
{
    int before = house_count_lines(house, "notes");

    house_register_as(house, id, "note");
    house_approve(house, id);
    house_await_jobs(house, id, 1, "succeeded");
    ck_assert_int_eq(house_count_lines(house, "notes"), before + 1);
}

struct answer house_cancel(const struct house *house, const char *id)
{
    char *path = house_format(house, "/v1/requests/%s/cancel", id);
    struct answer answer = house_control(house, "POST", path, NULL);

    free(path);
    return answer;
}

json_t *house_get(const struct house *house, const char *path)
{
    return answer_take(house_control(house, "GET", path, NULL), 200);
}

json_t *house_show(const struct house *house, const char *id)
{
    char *path = NULL;
    struct answer answer;
    json_t *result;

    ck_assert_int_ge(asprintf(&path, "/v1/approvals/%s", id), 0);
    answer = house_control(house, "GET", path, NULL);
    ck_assert_msg(answer.status == 200, "%s: %d %s", path, answer.status, answer.body);
    result = json_incref(json_object_get(answer.json, "result"));
    answer_clear(&answer);
    free(path);
    return result;
}

static bool status_is(const struct house *house, const char *path, const char *status)
{
    struct answer answer = house_control(house, "GET", path, NULL);
    const char *now =
        json_string_value(json_object_get(json_object_get(answer.json, "result"), "status"));
    bool is = now && strcmp(now, status) == 0;

    answer_clear(&answer);
    return is;
}

/* ?wait= waits for these alone. */
static bool is_final(const char *status)
{
    return strcmp(status, "held") != 0 && strcmp(status, "submitting") != 0 &&
           strcmp(status, "pending") != 0;
}

void house_await_status(const struct house *house, const char *id, const char *status)
{
    char *path = house_format(house, "/v1/approvals/%s%s", id, is_final(status) ? "?wait=10" : "");
    int64_t deadline = house_now_ms() + HOUSE_PATIENCE_MS;

    while (!status_is(house, path, status)) {
        ck_assert_msg(house_now_ms() < deadline, "%s never got %s", id, status);
        pause_a_little();
    }
    free(path);
}

static bool jobs_are(const json_t *request, size_t count, const char *state)
{
    const json_t *jobs = json_object_get(request, "jobs");
    bool all = json_array_size(jobs) == count;

    for (size_t i = 0; all && i < count; i++) {
        const char *now = json_string_value(json_object_get(json_array_get(jobs, i), "state"));

        all = now && strcmp(now, state) == 0;
    }
    return all;
}

void house_await_jobs(const struct house *house, const char *id, int count, const char *state)
{
    int64_t deadline = house_now_ms() + HOUSE_PATIENCE_MS;
    bool reached = false;

    while (!reached) {
        json_t *request = house_show(house, id);
        char *text = json_dumps(json_object_get(request, "jobs"), 0);

        reached = jobs_are(request, (size_t)count, state);
        ck_assert_msg(reached || house_now_ms() < deadline, "%s never had %d jobs that are %s: %s",
                      id, count, state, text);
        free(text);
        json_decref(request);
        if (!reached) {
            pause_a_little();
        }
    }
}

static bool jobs_are_settled(const json_t *request, size_t count)
{
    const json_t *jobs = json_object_get(request, "jobs");
    bool all = json_array_size(jobs) == count;

    for (size_t i = 0; all && i < count; i++) {
        const char *now = text_at(json_array_get(jobs, i), "/state");

        all = strcmp(now, "queued") != 0 && strcmp(now, "running") != 0;
    }
    return all;
}

void house_await_settled(const struct house *house, const char *id, int count)
{
    int64_t deadline = house_now_ms() + HOUSE_PATIENCE_MS;
    bool settled = false;

    while (!settled) {
        json_t *request = house_show(house, id);

        settled = jobs_are_settled(request, (size_t)count);
        json_decref(request);
        ck_assert_msg(settled || house_now_ms() < deadline, "%s never had %d jobs that ended", id,
                      count);
        if (!settled) {
            pause_a_little();
        }
    }
}

void house_expect_over(const struct house *house, const char *id, const char *status,
                       const char *why)
{
    json_t *request;

    house_await_status(house, id, status);
    request = house_show(house, id);
    ck_assert_msg(strstr(text_at(request, "/denialReason"), why) != NULL, "%s",
                  text_at(request, "/denialReason"));
    json_decref(request);
}

/* GET or POST of the request's first job, or what is below it. */
static json_t *call_first_job(const struct house *house, const char *method, const char *id,
                              const char *below)
{
    json_t *request = house_show(house, id);
    char *path =
        house_format(house, "/v1/jobs/%d%s", (int)number_at(request, "/jobs/0/job"), below);
    json_t *result = answer_take(house_control(house, method, path, NULL), 200);

    json_decref(request);
    free(path);
    return result;
}

json_t *house_job(const struct house *house, const char *id)
{
    return call_first_job(house, "GET", id, "");
}

json_t *house_job_in(const struct house *house, const char *id, const char *state)
{
    json_t *job;

    house_await_settled(house, id, 1);
    job = house_job(house, id);
    ck_assert_msg(strcmp(text_at(job, "/state"), state) == 0, "expected %s, got %s: %s", state,
                  text_at(job, "/state"), text_at(job, "/error"));
    return job;
}

json_t *house_output(const struct house *house, const char *id)
{
    return call_first_job(house, "GET", id, "/output");
}

json_t *house_retry(const struct house *house, const char *id)
{
    return call_first_job(house, "POST", id, "/retry");
}

char *event_kinds(const json_t *request)
{
    const json_t *events = json_object_get(request, "events");
    char *kinds = calloc(1, json_array_size(events) * 40 + 1);
    int64_t last = 0;

    for (size_t i = 0; i < json_array_size(events); i++) {
        const json_t *event = json_array_get(events, i);

        ck_assert_int_gt(number_at(event, "/sequence"), last);
        last = number_at(event, "/sequence");
        (void)strcat(strcat(kinds, i ? " " : ""), text_at(event, "/kind"));
    }
    return kinds;
}

void house_expect_events(const struct house *house, const char *id, const char *expected)
{
    json_t *request = house_show(house, id);
    char *kinds = event_kinds(request);

    ck_assert_str_eq(kinds, expected);
    free(kinds);
    json_decref(request);
}

/* --- suites ----------------------------------------------------------------------------------- */

TCase *house_scenarios(Suite *suite, const char *name, void (*before)(void), void (*after)(void))
{
    TCase *tests = suite_case(suite, name, before, after);

    tcase_set_timeout(tests, TEST_SECONDS);
    return tests;
}
