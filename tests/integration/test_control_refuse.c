/*
 * What the control interface refuses, with words that say what was wrong, and what it tells of
 * itself.
 */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "integration/harness.h"
#include "support/suite.h"

#define MEBIBYTE ((size_t)1 << 20)

#define COUNT_OF(list) (sizeof(list) / sizeof(list)[0])

static struct house *house;

static void set_up(void)
{
    house = house_new();
    house_configure(house, HOUSE_NOTE);
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

/* --- what is refused, and how ----------------------------------------------------------------- */

#define START "{\"requestId\":\"r\",\"action\":\"x\","

static const struct {
    const char *body;
    const char *told; /* the field stands in front */
} refusals[] = {
    {"{\"action\":\"x\"}", "requestId: expected"},
    {"{\"requestId\":\"\",\"action\":\"x\"}", "requestId: expected"},
    {"{\"requestId\":\"-r\",\"action\":\"x\"}", "requestId: expected"},
    {"{\"requestId\":\"a b\",\"action\":\"x\"}", "requestId: expected"},
    {"{\"requestId\":\"../r\",\"action\":\"x\"}", "requestId: expected"},
    {"{\"requestId\":\"\xc3\xa9\",\"action\":\"x\"}", "requestId: expected"},
    {"{\"requestId\":7,\"action\":\"x\"}", "requestId: expected"},
    {"{\"requestId\":\"r\"}", "action: expected"},
    {"{\"requestId\":\"r\",\"action\":\"\"}", "action: expected"},
    {"{\"requestId\":\"r\",\"action\":[]}", "action: expected"},
    {START "\"service\":\"other\"}", "service: other is not configured"},
    {START "\"service\":1}", "service: expected"},
    {START "\"reason\":1}", "reason: expected"},
    {START "\"urgency\":\"HIGH\"}", "urgency: expected low, medium or high"},
    {START "\"urgency\":2}", "urgency: expected low, medium or high"},
    {START "\"expiresIn\":0}", "expiresIn: expected"},
    {START "\"expiresIn\":-1}", "expiresIn: expected"},
    {START "\"expiresIn\":1.5}", "expiresIn: expected"},
    {START "\"expiresIn\":\"60\"}", "expiresIn: expected"},
    {START "\"expiresIn\":9223372036854775807}", "expiresIn: expected"},
    {START "\"expiresAt\":\"tomorrow\"}", "expiresAt: expected a time such as"},
    {START "\"expiresAt\":1900000000}", "expiresAt: expected a time such as"},
    {START "\"expiresIn\":1,\"expiresAt\":\"2031-01-01T00:00:00Z\"}", "expiresAt: expected either"},
    {START "\"expiresIn\":1,\"expires_in\":2}", "expires_in: it is given twice"},
    {START "\"clientId\":1}", "clientId: expected"},
    {START "\"clientId\":\"a\",\"client_id\":\"b\"}", "client_id: it is given twice"},
    {START "\"context\":[]}", "context: expected an object"},
    {START "\"context\":\"{}\"}", "context: expected an object"},
    {START "\"contxt\":{}}", "contxt: unknown field"},
    {START "\"status\":\"approved\"}", "status: unknown field"},
    {START "\"on_granted\":\"note\"}", "on_granted: unknown field"},
    {START "\"action\":\"y\"}", NULL},
    {START "\"context\":{\"a\":1,\"a\":2}}", NULL},
    {"", NULL},
    {"nonsense", NULL},
    {"[]", "expected a JSON object"},
    {"{\"requestId\":\"r\",\"action\":\"x\"", NULL},
    {"{\"requestId\":\"r\",\"action\":\"x\"}}", NULL},
    {"{\"requestId\":\"r\\u0000\",\"action\":\"x\"}", NULL},
    {START "\"reason\":\"\xff\"}", NULL},
};

START_TEST(a_wrong_body_is_refused_by_the_name_of_its_field)
{
    for (size_t i = 0; i < COUNT_OF(refusals); i++) {
        answer_expect_error(post(refusals[i].body), 400, "invalid_request", refusals[i].told);
    }
    answer_expect_error(get("/v1/approvals/r"), 404, "not_found", NULL);
}
END_TEST

/* A text of `length` bytes between the two others; to be freed. */
static char *with_text(const char *before, size_t length, const char *after)
{
    size_t start = strlen(before);
    char *text = malloc(start + length + strlen(after) + 1);

    ck_assert_ptr_nonnull(text);
    memcpy(text, before, start);
    memset(text + start, 'a', length);
    memcpy(text + start + length, after, strlen(after) + 1);
    return text;
}

static void expect_of_length(const char *before, size_t length, const char *after, int status,
                             const char *told)
{
    char *body = with_text(before, length, after);
    struct answer answer = post(body);

    if (status == 201) {
        json_decref(answer_take(answer, status));
    } else {
        answer_expect_error(answer, status, status == 413 ? "body_too_large" : "invalid_request",
                            told);
    }
    free(body);
}

START_TEST(each_text_has_a_limit)
{
    expect_of_length("{\"action\":\"x\",\"requestId\":\"", 201, "\"}", 400, "requestId: expected");
    expect_of_length("{\"action\":\"x\",\"requestId\":\"", 200, "\"}", 201, NULL);
    expect_of_length("{\"requestId\":\"r1\",\"action\":\"", 201, "\"}", 400, "action: expected");
    expect_of_length("{\"requestId\":\"r1\",\"action\":\"", 200, "\"}", 201, NULL);
    expect_of_length(START "\"reason\":\"", 16385, "\"}", 400, "reason: expected");
    expect_of_length(START "\"clientId\":\"", 201, "\"}", 400, "clientId: expected");
    expect_of_length(START "\"reason\":\"", 16384, "\"}", 201, NULL);
}
END_TEST

START_TEST(a_context_may_have_16_mebibytes)
{
    static const char before[] = START "\"context\":{\"a\":\"";
    size_t room = 16 * MEBIBYTE - strlen("{\"a\":\"\"}");
    json_t *request;

    expect_of_length(before, room + 1, "\"}}", 413, "context: expected at most 16 MiB");
    expect_of_length(before, 19 * MEBIBYTE, "\"}}", 413, NULL);
    expect_of_length(before, room, "\"}}", 201, NULL);
    request = house_show(house, "r");
    ck_assert_uint_eq(strlen(text_at(request, "/context/a")), room);
    json_decref(request);
}
END_TEST

START_TEST(a_context_may_be_32_deep)
{
    expect_of_length(START "\"context\":{\"b\":[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[\"", 1,
                     "\"]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]}}", 201, NULL);
    expect_of_length("{\"requestId\":\"r2\",\"action\":\"x\","
                     "\"context\":{\"b\":[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[\"",
                     1, "\"]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]}}", 400, NULL);
}
END_TEST

START_TEST(a_refusal_may_quote_any_text)
{
    char field[512] = START "\"";
    size_t length = strlen(field);

    for (size_t i = 0; i < 99; i++) {
        field[length++] = 'a';
    }
    (void)snprintf(field + length, sizeof field - length, "\xc3\xa9\":1}");
    answer_expect_error(post(field), 400, "invalid_request", "unknown field");
    answer_expect_error(post(START "\"\\n\\u001b[31m\":1}"), 400, "invalid_request",
                        "unknown field");
    house_await_ready(house);
}
END_TEST

/* --- what is not there ------------------------------------------------------------------------ */

static const char *const nowhere[] = {
    "/",
    "/v1",
    "/v1/",
    "/v1/requests/",
    "/v1//requests",
    "/v2/requests",
    "/v1/requests/a/b",
    "/v1/requests/a/cancel/b",
    "/v1/jobs/1/outputs",
    "/v1/approvals",
    "/metrics/all",
    "/v1/events/1",
    "/v1/approvals/req_1",
    "/v1/requests/req_1",
    "/v1/approvals/%2e%2e",
    "/v1/jobs/1",
    "/v1/jobs/0",
    "/v1/jobs/x",
    "/v1/jobs/-1",
    "/v1/jobs/99999999999999999999",
    "/v1/jobs/1/output",
    "/v1/jobs?request=req_1",
};

START_TEST(what_is_not_there_is_404)
{
    for (size_t i = 0; i < COUNT_OF(nowhere); i++) {
        answer_expect_error(get(nowhere[i]), 404, "not_found", NULL);
    }
}
END_TEST

static const struct {
    const char *method;
    const char *path;
    const char *allow;
} wrong_methods[] = {
    {"DELETE", "/v1/requests", "Allow: GET, POST"},
    {"POST", "/v1/approvals/req_1", "Allow: GET"},
    {"DELETE", "/v1/requests/req_1", "Allow: GET"},
    {"GET", "/v1/requests/req_1/cancel", "Allow: POST"},
    {"GET", "/v1/jobs/1/retry", "Allow: POST"},
    {"POST", "/v1/jobs/1/output", "Allow: GET"},
    {"POST", "/readyz", "Allow: GET"},
    {"POST", "/metrics", "Allow: GET"},
    {"POST", "/v1/events", "Allow: GET"},
    {"POST", "/v1/stream", "Allow: GET"},
};

START_TEST(another_method_is_405_with_allow)
{
    for (size_t i = 0; i < COUNT_OF(wrong_methods); i++) {
        struct answer answer =
            house_control(house, wrong_methods[i].method, wrong_methods[i].path, NULL);

        ck_assert_msg(strstr(answer.headers, wrong_methods[i].allow) != NULL, "%s", answer.headers);
        answer_expect_error(answer, 405, "method_not_allowed", NULL);
    }
}
END_TEST

static const char *const malformed[] = {
    "/v1/approvals/%",
    "/v1/approvals/%4",
    "/v1/approvals/%zz",
    "/v1/approvals/%00",
    "/v1/approvals/req%FF",
    "/v1/approvals/req_1?service=%FF",
    "/v1/approvals/req_1?wait=%",
    "/v1/approvals/req_1?wait=56",
    "/v1/approvals/req_1?wait=-1",
    "/v1/approvals/req_1?wait=soon",
    "/v1/approvals/req_1?wait=",
    "/v1/requests?state=open",
    "/v1/requests?state=%zz",
    "/v1/requests?limit=0",
    "/v1/requests?limit=501",
    "/v1/requests?limit=x",
    "/v1/requests?limit=",
    "/v1/requests?cursor=0",
    "/v1/requests?cursor=x",
    "/v1/requests?cursor=99999999999999999999",
    "/v1/jobs?state=open",
    "/v1/jobs?limit=0",
    "/v1/jobs?cursor=x",
};

START_TEST(a_malformed_call_is_400)
{
    house_register(house, "{\"requestId\":\"req_1\",\"action\":\"x\"}");
    for (size_t i = 0; i < COUNT_OF(malformed); i++) {
        answer_expect_error(get(malformed[i]), 400, "invalid_request", NULL);
    }
}
END_TEST

START_TEST(readiness_tells_who_is_there_and_how_much)
{
    struct answer answer;
    json_t *status;

    house_register(house, "{\"requestId\":\"req_1\",\"action\":\"note\"}");
    house_register(house, "{\"requestId\":\"req_2\",\"action\":\"note\"}");
    house_decide(house, "{\"requestId\":\"req_1\",\"status\":\"approved\"}", "matched");
    house_await_jobs(house, "req_1", 1, "succeeded");
    status = house_get(house, "/readyz");
    ck_assert(true_at(status, "/ready"));
    ck_assert_str_eq(text_at(status, "/store"), "writable");
    ck_assert_str_eq(text_at(status, "/runner"), "connected");
    ck_assert_str_eq(text_at(status, "/caller"), "connected");
    ck_assert_int_eq(number_at(status, "/requests/pending"), 1);
    ck_assert_int_eq(number_at(status, "/requests/approved"), 1);
    ck_assert_int_eq(number_at(status, "/jobs/succeeded"), 1);
    ck_assert_int_eq(number_at(status, "/jobs/running"), 0);
    json_decref(status);
    answer = get("/healthz");
    ck_assert_int_eq(answer.status, 200);
    ck_assert_str_eq(text_at(answer.json, "/result/status"), "ok");
    answer_clear(&answer);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("control refuse");
    TCase *bodies = house_scenarios(suite, "bodies", set_up, tear_down);
    TCase *calls = house_scenarios(suite, "calls", set_up, tear_down);

    tcase_add_test(bodies, a_wrong_body_is_refused_by_the_name_of_its_field);
    tcase_add_test(bodies, each_text_has_a_limit);
    tcase_add_test(bodies, a_context_may_have_16_mebibytes);
    tcase_add_test(bodies, a_context_may_be_32_deep);
    tcase_add_test(bodies, a_refusal_may_quote_any_text);
    tcase_add_test(calls, what_is_not_there_is_404);
    tcase_add_test(calls, another_method_is_405_with_allow);
    tcase_add_test(calls, a_malformed_call_is_400);
    tcase_add_test(calls, readiness_tells_who_is_there_and_how_much);
    return suite_run(suite);
}
