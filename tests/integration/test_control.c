/*
 * The control interface, as agents and operators see it: what may be registered, under which name,
 * and what is refused, with words that say what was wrong.
 */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "assent/base/text.h"
#include "integration/harness.h"

#define MEBIBYTE ((size_t)1 << 20)
#define NOBODY   65534

#define COUNT_OF(list) (sizeof(list) / sizeof(list)[0])

static struct house *house;

static const char sections[] = "[action note]\n"
                               "on_granted = note\n"
                               "[action hasty]\n"
                               "expires_in = 5m\n"
                               "[hook note]\n"
                               "shell = echo \"$ASSENT_REQUEST_ID\" >>%DIR%/notes\n";

static void set_up(void)
{
    house = house_new();
    house_configure(house, sections);
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

START_TEST(one_id_in_two_services_is_two_requests)
{
    json_t *request;

    house_register(house, "{\"requestId\":\"req_1\",\"action\":\"a\",\"service\":\"daimon\"}");
    house_register(house, "{\"requestId\":\"req_1\",\"action\":\"b\",\"service\":\"other\"}");
    answer_expect_error(get("/v1/approvals/req_1"), 409, "ambiguous", "req_1");
    answer_expect_error(house_control(house, "POST", "/v1/requests/req_1/cancel", NULL), 409,
                        "ambiguous", "req_1");
    answer_expect_error(get("/v1/jobs?request=req_1"), 409, "ambiguous", "req_1");
    request = answer_take(get("/v1/approvals/req_1?service=other"), 200);
    ck_assert_str_eq(text_at(request, "/action"), "b");
    json_decref(request);
    request = answer_take(get("/v1/approvals/req_1?service=daimon"), 200);
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
    request = answer_take(get("/v1/approvals/req_1?service=daimon"), 200);
    ck_assert_str_eq(text_at(request, "/status"), "pending");
    json_decref(request);
    request = answer_take(
        house_control(house, "POST", "/v1/requests/req_1/cancel?service=daimon", NULL), 200);
    ck_assert_str_eq(text_at(request, "/action"), "a");
    ck_assert_str_eq(text_at(request, "/status"), "canceled");
    json_decref(request);
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
    "/metrics",
    "/v1/events",
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
    status = answer_take(get("/readyz"), 200);
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

static TCase *scenarios(Suite *suite, const char *name, void (*before)(void))
{
    TCase *tests = tcase_create(name);

    tcase_add_checked_fixture(tests, before, tear_down);
    tcase_set_timeout(tests, 120);
    suite_add_tcase(suite, tests);
    return tests;
}

static void add_registering(TCase *tests)
{
    tcase_add_test(tests, takes_the_spelling_of_javascript);
    tcase_add_test(tests, takes_the_spelling_of_python);
    tcase_add_test(tests, takes_both_spellings_if_they_agree);
    tcase_add_test(tests, says_what_was_not_said);
    tcase_add_test(tests, an_action_has_an_expiry_of_its_own);
    tcase_add_test(tests, an_expiry_may_be_a_time);
    tcase_add_test(tests, an_expiry_long_ago_is_over_at_once);
    tcase_add_test(tests, the_same_body_again_is_the_same_request);
    tcase_add_test(tests, the_same_body_after_the_decision_tells_it_and_runs_nothing);
    tcase_add_test(tests, another_body_under_the_same_id_is_409);
    tcase_add_test(tests, a_client_id_names_one_request);
    tcase_add_test(tests, it_is_recorded_who_registered);
    tcase_add_test(tests, client_ids_are_each_ones_own);
    tcase_add_test(tests, the_socket_is_its_owners);
}

static void add_refusals(TCase *tests)
{
    tcase_add_test(tests, a_wrong_body_is_refused_by_the_name_of_its_field);
    tcase_add_test(tests, each_text_has_a_limit);
    tcase_add_test(tests, a_context_may_have_16_mebibytes);
    tcase_add_test(tests, a_context_may_be_32_deep);
    tcase_add_test(tests, a_refusal_may_quote_any_text);
    tcase_add_test(tests, what_is_not_there_is_404);
    tcase_add_test(tests, another_method_is_405_with_allow);
    tcase_add_test(tests, a_malformed_call_is_400);
    tcase_add_test(tests, readiness_tells_who_is_there_and_how_much);
}

static void add_services(TCase *tests)
{
    tcase_add_test(tests, with_several_services_one_must_be_named);
    tcase_add_test(tests, one_id_in_two_services_is_two_requests);
    tcase_add_test(tests, no_service_answers_for_another);
}

int main(void)
{
    Suite *suite = suite_create("control");
    SRunner *runner;
    int failed;

    add_registering(scenarios(suite, "registering", set_up));
    add_refusals(scenarios(suite, "refusals", set_up));
    add_services(scenarios(suite, "services", set_up_two));
    runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
