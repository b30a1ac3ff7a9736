/*
 * What agents ask for through assentd: it goes to the service as theirs would, they are answered as
 * the service answers, and whatever fails in between is made up for.
 */
#include <check.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>

#include "integration/harness.h"
#include "integration/service_rig.h"
#include "support/http_server.h"
#include "support/suite.h"

static struct house *house;
static struct service_rig *service;

static void set_up(void)
{
    house = house_new();
    service = service_start();
}

static void tear_down(void)
{
    house_free(house);
    service_free(service);
}

static void start(const char *sections)
{
    service_configure(service, house, sections);
    house_start(house);
}

/* The service is that server. */
static void start_with(const struct http_server *server)
{
    char *text = house_format(house,
                              "url = http://127.0.0.1:%d\napi_key_file = api-key\n"
                              "callback_url = http://127.0.0.1:%d/webhook/approval\n",
                              http_server_port(server), house_port(house));

    house_write(house, "api-key", SERVICE_KEY "\n");
    house_configure(house, text);
    free(text);
    house_start(house);
}

static struct answer ask(const char *body)
{
    return house_control(house, "POST", "/v1/notify-operator", body);
}

/* Asks, expects that status, and gives the id that was answered; free(). */
static char *asked_id(const char *body, int status)
{
    struct answer answer = ask(body);
    char *id;

    ck_assert_msg(answer.status == status, "%d: %s", answer.status, answer.body);
    ck_assert_str_eq(text_at(answer.json, "/requestId"), text_at(answer.json, "/request_id"));
    id = strdup(text_at(answer.json, "/requestId"));
    ck_assert_str_ne(id, "");
    answer_clear(&answer);
    return id;
}

#define AT_ONCE 40

#define BULK                                                                                      \
    "{\"type\":\"approval_request\",\"action\":\"bulk_send\",\"context\":{\"recipients\":[\"a\"," \
    "\"b\"]},\"reason\":\"a campaign\",\"urgency\":\"high\",\"callbackUrl\":\"https://"           \
    "agent.example/x\",\"expiresIn\":600}"

/* --- asking ----------------------------------------------------------------------------------- */

START_TEST(what_is_asked_reaches_the_service_with_our_callback)
{
    json_t *asked;
    char *id;

    start("[action bulk_send]\non_granted = note\n[hook note]\nshell = cat\n");
    id = asked_id(BULK, 200);
    asked = service_asked(service, 0);
    ck_assert_str_eq(text_at(asked, "/id"), id);
    ck_assert_str_eq(text_at(asked, "/body/type"), "approval_request");
    ck_assert_str_eq(text_at(asked, "/body/action"), "bulk_send");
    ck_assert_str_eq(text_at(asked, "/body/context/recipients/1"), "b");
    ck_assert_str_eq(text_at(asked, "/body/reason"), "a campaign");
    ck_assert_str_eq(text_at(asked, "/body/urgency"), "high");
    ck_assert_int_gt(number_at(asked, "/body/expiresIn"), 590);
    ck_assert_int_le(number_at(asked, "/body/expiresIn"), 600);
    ck_assert_ptr_nonnull(strstr(text_at(asked, "/body/callbackUrl"), "/webhook/approval"));
    ck_assert_ptr_null(strstr(text_at(asked, "/body/callbackUrl"), "agent.example"));
    json_decref(asked);
    service_decide_as(service, id, "approved", "matched");
    house_await_jobs(house, id, 2, "succeeded");
    free(id);
}
END_TEST

START_TEST(fields_that_we_do_not_know_are_the_services_matter)
{
    json_t *asked;
    char *id;

    start("");
    id = asked_id("{\"action\":\"a\",\"inbox_id\":\"in_1\",\"metadata\":{\"x\":[1]}}", 200);
    asked = service_asked(service, 0);
    ck_assert_str_eq(text_at(asked, "/body/inbox_id"), "in_1");
    ck_assert_int_eq(number_at(asked, "/body/metadata/x/0"), 1);
    json_decref(asked);
    free(id);
}
END_TEST

START_TEST(snake_case_is_as_good)
{
    json_t *asked;
    char *id;

    start("");
    service_set(service, "{\"id_as\":\"approval_id\",\"id_in\":\"top\"}");
    id = asked_id("{\"type\":\"approval_request\",\"action\":\"a\",\"expires_in\":60,"
                  "\"callback_url\":\"https://agent.example/x\",\"client_id\":\"c-1\"}",
                  200);
    asked = service_asked(service, 0);
    ck_assert_str_eq(text_at(asked, "/id"), id);
    ck_assert_int_le(number_at(asked, "/body/expiresIn"), 60);
    json_decref(asked);
    free(id);
}
END_TEST

static const struct {
    const char *body;
    const char *told;
} faults[] = {
    {"{}", "action: expected"},
    {"[]", "expected a JSON object"},
    {"{\"action\":\"a\",\"urgency\":\"urgent\"}", "urgency: expected low, medium or high"},
    {"{\"action\":\"a\",\"expiresIn\":0}", "expiresIn: expected"},
    {"{\"action\":\"a\",\"context\":[]}", "context: expected an object"},
    {"{\"action\":\"a\",\"type\":\"notice\"}", "type: expected approval_request"},
    {"{\"action\":\"a\",\"requestId\":\"r\"}", "requestId: expected none"},
    {"{\"issue\":\"\"}", "issue: expected a text of 1 to 1000 characters"},
    {"{\"action\":\"a\",\"after\":[7]}", "after: expected the id"},
    {"{\"action\":\"a\",\"after\":\"nobody\"}", "after: there is no request nobody"},
};

START_TEST(what_can_not_be_asked_names_the_field)
{
    start("");
    answer_expect_error(ask(faults[_i].body), 400, "invalid_request", faults[_i].told);
    ck_assert_uint_eq(service_asked_count(service), 0);
}
END_TEST

START_TEST(a_notice_is_passed_on_and_counts_as_delivered)
{
    json_t *asked;
    json_t *request;
    char *id;

    start("[action *]\non_granted = note\n[hook note]\nshell = cat\n");
    id = asked_id("{\"issue\":\"the disk is full\",\"context\":{\"host\":\"a\"},"
                  "\"action_label\":\"Look\"}",
                  200);
    asked = service_asked(service, 0);
    ck_assert_str_eq(text_at(asked, "/body/issue"), "the disk is full");
    ck_assert_str_eq(text_at(asked, "/body/action_label"), "Look");
    ck_assert_str_eq(text_at(asked, "/body/context/host"), "a");
    ck_assert_ptr_null(json_object_get(json_object_get(asked, "body"), "type"));
    json_decref(asked);
    request = house_show(house, id);
    ck_assert_str_eq(text_at(request, "/status"), "delivered");
    ck_assert_str_eq(text_at(request, "/kind"), "notice");
    json_decref(request);
    free(id);
}
END_TEST

/* --- when the service does not answer as it should ---------------------------------------------- */

START_TEST(a_refusal_of_the_service_is_passed_on)
{
    json_t *list;

    start("");
    service_fail_as(service, "{\"on\":\"notify\",\"what\":422,\"times\":1,"
                             "\"message\":\"no such inbox\"}");
    answer_expect_error(ask(BULK), 422, "validation_error", "no such inbox");
    list = house_get(house, "/v1/requests?state=failed");
    ck_assert_uint_eq(json_array_size(json_object_get(list, "requests")), 1);
    ck_assert_ptr_nonnull(strstr(text_at(list, "/requests/0/denialReason"), "no such inbox"));
    json_decref(list);
}
END_TEST

/* Whoever knows the URL could decide, and a service may well quote it when it does not like it. */
START_TEST(a_refusal_that_quotes_our_url_is_not_passed_on)
{
    json_t *asked;
    json_t *request;
    char *local;
    char *fault;
    char *log;
    const char *url;

    start("");
    service_fail(service, "notify", "503", 1);
    local = asked_id(BULK, 202);
    service_await_asked(service, 1);
    asked = service_asked(service, 0);
    url = text_at(asked, "/body/callbackUrl");
    ck_assert_ptr_nonnull(strstr(url, "?request="));
    fault = house_format(house,
                         "{\"on\":\"notify\",\"what\":422,\"times\":1,"
                         "\"message\":\"%s is not https\"}",
                         url);
    service_fail_as(service, fault);
    house_await_status(house, local, "failed");
    request = house_show(house, local);
    ck_assert_ptr_null(strstr(text_at(request, "/denialReason"), url));
    ck_assert_ptr_nonnull(strstr(text_at(request, "/denialReason"), "422"));
    log = house_log(house);
    ck_assert_ptr_null(strstr(log, strstr(url, "?request=")));
    free(log);
    free(fault);
    free(local);
    json_decref(request);
    json_decref(asked);
}
END_TEST

/* Each list of requests would have it, and each line of the log about this one. */
START_TEST(what_a_refusal_says_at_length_or_not_at_all_is_no_reason)
{
    const size_t length = _i == 0 ? 0 : 100000;
    struct http_server *other = http_server_start();
    char *message = calloc(length + 1, 1);
    struct answer answer;
    json_t *list;
    char *body;

    ck_assert_ptr_nonnull(message);
    memset(message, 'x', length);
    body = house_format(house, "{\"error\":\"refused\",\"message\":\"%s\"}", message);
    http_server_script(other, &(struct http_server_script){
                                  .path = "/v1/notify-operator", .status = 422, .body = body});
    start_with(other);
    answer = ask(BULK);
    ck_assert_int_eq(answer.status, 422);
    ck_assert_str_eq(text_at(answer.json, "/message"), message);
    answer_clear(&answer);
    list = house_get(house, "/v1/requests?state=failed");
    ck_assert_ptr_nonnull(strstr(text_at(list, "/requests/0/denialReason"), "HTTP 422"));
    json_decref(list);
    free(body);
    free(message);
    http_server_stop(other);
}
END_TEST

/* What fails for a while: how, and whether the service takes the request all the same. */
static const char *const passing[] = {"429", "500", "503", "close", "cut", "take"};

START_TEST(what_fails_for_a_while_is_made_up_for)
{
    json_t *request;
    char *local;

    start("[action bulk_send]\non_granted = note\n[hook note]\nshell = cat\n");
    service_fail(service, "notify", passing[_i], 1);
    local = asked_id(BULK, 202);
    service_await_asked(service, 2);
    house_await_status(house, local, "pending");
    request = house_show(house, local);
    ck_assert_str_ne(text_at(request, "/requestId"), local);
    service_decide_as(service, text_at(request, "/requestId"), "approved", "matched");
    house_await_status(house, local, "approved");
    json_decref(request);
    free(local);
}
END_TEST

START_TEST(nothing_is_lost_while_nobody_is_there)
{
    char *local;

    start("");
    service_listen(service, false);
    local = asked_id(BULK, 202);
    house_kill(house);
    service_listen(service, true);
    house_start(house);
    house_await_status(house, local, "pending");
    ck_assert_uint_eq(service_request_count(service), 1);
    free(local);
}
END_TEST

START_TEST(a_decision_on_either_of_two_links_counts_once)
{
    json_t *first;
    char *local;

    start("[action bulk_send]\non_granted = note\n[hook note]\nshell = cat\n");
    service_set(service, "{\"honour_client_id\":false}");
    service_fail(service, "notify", "take", 1);
    local = asked_id(BULK, 202);
    service_await_asked(service, 2);
    house_await_status(house, local, "pending");
    ck_assert_uint_eq(service_request_count(service), 2);
    first = service_asked(service, 0);
    service_decide_as(service, text_at(first, "/id"), "approved", "matched");
    json_decref(first);
    first = service_asked(service, 1);
    service_decide_as(service, text_at(first, "/id"), "denied", "conflict");
    json_decref(first);
    house_await_jobs(house, local, 2, "succeeded");
    free(local);
}
END_TEST

/* The webhook went to the plain path, and nobody knew yet whose id that is. */
START_TEST(what_came_early_counts_before_what_comes_by_the_url)
{
    json_t *asked;
    char *decision;
    char *local;

    start("");
    service_fail(service, "notify", "take", 1);
    local = asked_id(BULK, 202);
    service_listen(service, false);
    asked = service_asked(service, 0);
    decision =
        house_format(house, "{\"requestId\":\"%s\",\"status\":\"denied\"}", text_at(asked, "/id"));
    house_decide(house, decision, "early");
    service_decide_as(service, text_at(asked, "/id"), "approved", "conflict");
    house_await_status(house, local, "denied");
    service_listen(service, true);
    free(decision);
    free(local);
    json_decref(asked);
}
END_TEST

START_TEST(an_answer_without_an_id_is_no_submission)
{
    start("");
    service_fail(service, "notify", "no_id", 1);
    answer_expect_error(ask(BULK), 502, "submission_failed", "no id");
}
END_TEST

/* What services that are not ours may say of what they took, and the id that decisions come for. */
static const struct {
    const char *body;
    const char *id;
} answers[] = {
    {"{\"result\":{\"requestId\":\"req_1\"}}", "req_1"},
    {"{\"id\":\"req_1\"}", "req_1"},
    {"{\"result\":{\"id\":\"req_1\"}}", "req_1"},
    {"{\"requestId\":null,\"request_id\":\"req_1\"}", "req_1"},
    {"{\"requestId\":\"\",\"result\":{\"request_id\":null,\"approval_id\":\"req_1\"}}", "req_1"},
    {"{\"id\":\"call-7\",\"result\":{\"requestId\":\"req_1\"}}", "req_1"},
};

START_TEST(the_id_is_found_wherever_the_service_has_it)
{
    struct http_server *other = http_server_start();
    char *id;

    http_server_script(other, &(struct http_server_script){.path = "/v1/notify-operator",
                                                           .body = answers[_i].body});
    start_with(other);
    id = asked_id(BULK, 200);
    ck_assert_str_eq(id, answers[_i].id);
    free(id);
    http_server_stop(other);
}
END_TEST

/* --- the same again ------------------------------------------------------------------------------ */

START_TEST(the_same_client_id_is_the_same_request)
{
    static const char body[] = "{\"action\":\"a\",\"clientId\":\"c-1\"}";
    char *first;
    char *second;

    start("");
    first = asked_id(body, 200);
    second = asked_id(body, 200);
    ck_assert_str_eq(first, second);
    ck_assert_uint_eq(service_asked_count(service), 1);
    answer_expect_error(ask("{\"action\":\"b\",\"clientId\":\"c-1\"}"), 409, "conflict", "c-1");
    free(first);
    free(second);
}
END_TEST

/* --- policy ---------------------------------------------------------------------------------------- */

#define POLICY                                                                    \
    "[action bulk_send]\nrequire_approval_if = len(context.recipients) > 2\n"     \
    "refuse_if = has(context.forbidden) and context.forbidden\nmax_per_day = 2\n" \
    "on_granted = note\n[hook note]\nshell = cat\n"

static char *bulk(const char *context)
{
    return house_format(house, "{\"action\":\"bulk_send\",\"context\":%s}", context);
}

START_TEST(below_the_threshold_nobody_is_asked_up_to_a_number_a_day)
{
    char *body = NULL;
    char *id;
    json_t *request;

    start(POLICY);
    body = bulk("{\"recipients\":[1,2]}");
    for (int i = 0; i < 2; i++) {
        id = asked_id(body, 200);
        request = house_show(house, id);
        ck_assert_str_eq(text_at(request, "/status"), "approved");
        ck_assert_str_eq(text_at(request, "/decidedBy"), "policy");
        json_decref(request);
        house_await_jobs(house, id, 1, "succeeded");
        free(id);
    }
    ck_assert_uint_eq(service_asked_count(service), 0);
    id = asked_id(body, 200);
    ck_assert_uint_eq(service_asked_count(service), 1);
    free(id);
    free(body);
}
END_TEST

START_TEST(what_can_not_be_evaluated_needs_approval)
{
    char *body;
    char *id;

    start(POLICY);
    body = bulk("{\"recipients\":7}");
    id = asked_id(body, 200);
    ck_assert_uint_eq(service_asked_count(service), 1);
    free(id);
    free(body);
}
END_TEST

START_TEST(what_is_refused_is_never_written_down)
{
    json_t *list;
    char *body;

    start(POLICY);
    body = bulk("{\"recipients\":[],\"forbidden\":true}");
    answer_expect_error(ask(body), 403, "refused_by_policy", "refuse_if");
    list = house_get(house, "/v1/requests");
    ck_assert_uint_eq(json_array_size(json_object_get(list, "requests")), 0);
    json_decref(list);
    free(body);
}
END_TEST

START_TEST(explain_says_what_policy_would_do_and_does_nothing)
{
    json_t *result;

    start(POLICY);
    result = answer_take(
        house_control(house, "POST", "/v1/explain",
                      "{\"action\":\"bulk_send\",\"context\":{\"recipients\":[1,2,3]}}"),
        200);
    ck_assert_str_eq(text_at(result, "/verdict"), "approval required");
    ck_assert_str_eq(text_at(result, "/rule"), "len(context.recipients) > 2");
    json_decref(result);
    result =
        answer_take(house_control(house, "POST", "/v1/explain",
                                  "{\"action\":\"bulk_send\",\"context\":{\"recipients\":[]}}"),
                    200);
    ck_assert_str_eq(text_at(result, "/verdict"), "approved by policy");
    json_decref(result);
    ck_assert_uint_eq(service_asked_count(service), 0);
}
END_TEST

/* --- url-token --------------------------------------------------------------------------------------- */

/* The service signs nothing, and the URL of one request lets in a decision about that only. */
START_TEST(a_url_is_for_one_request_only)
{
    static const char *const json[] = {"Content-Type: application/json", NULL};
    char *text = house_format(house,
                              "[server]\nlisten = 127.0.0.1:%%PORT%%\n%%JAIL%%"
                              "[control]\nsocket = %%DIR%%/control.sock\n"
                              "[store]\npath = %%DIR%%/state/assentd.db\n"
                              "[service daimon]\npath = /webhook/approval\nscheme = url-token\n"
                              "url = %s\napi_key_file = api-key\n"
                              "callback_url = http://127.0.0.1:%%PORT%%/webhook/approval\n",
                              service_url(service));
    struct answer answer;
    char *first;
    char *second;
    char *body;
    json_t *asked;
    const char *path;

    house_write(house, "api-key", SERVICE_KEY "\n");
    house_configure_all(house, text);
    free(text);
    house_start(house);
    service_set(service, "{\"signature\":\"none\"}");
    first = asked_id("{\"action\":\"a\"}", 200);
    second = asked_id("{\"action\":\"b\"}", 200);
    asked = service_asked(service, 0);
    path = strstr(text_at(asked, "/body/callbackUrl"), "/webhook/approval");
    ck_assert_uint_eq(strlen(path), strlen("/webhook/approval/") + 43);
    body = house_format(house, "{\"requestId\":\"%s\",\"status\":\"approved\"}", second);
    answer = house_public(house, "POST", path, json, body);
    ck_assert_int_eq(answer.status, 401);
    answer_clear(&answer);
    free(body);
    body = house_format(house, "{\"requestId\":\"%s\",\"status\":\"approved\"}", first);
    answer = house_public(house, "POST", "/webhook/approval", json, body);
    ck_assert_int_eq(answer.status, 401);
    answer_clear(&answer);
    answer = house_public(
        house, "POST", "/webhook/approval/AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA", json, body);
    ck_assert_int_eq(answer.status, 401);
    answer_clear(&answer);
    free(body);
    service_decide_as(service, first, "approved", "matched");
    service_decide_as(service, first, "approved", "late");
    json_decref(asked);
    free(first);
    free(second);
}
END_TEST

/* --- looking up ------------------------------------------------------------------------------------- */

START_TEST(a_decision_whose_webhook_never_came_is_found)
{
    char *id;

    start("poll_interval = 1s\n[action a]\non_denied = note\n[hook note]\nshell = cat\n");
    id = asked_id("{\"action\":\"a\"}", 200);
    service_await_polls(service, id, 1);
    service_decide_silently(service, id, "denied");
    house_await_status(house, id, "denied");
    service_decide_as(service, id, "denied", "late");
    house_await_jobs(house, id, 2, "succeeded");
    free(id);
}
END_TEST

/* Also of what was asked before. */
START_TEST(polling_may_begin_or_become_frequent_with_a_reload)
{
    char *id;

    start(_i < 2 ? "" : "poll_interval = 1d\n");
    id = asked_id("{\"action\":\"a\"}", 200);
    service_configure(service, house, "poll_interval = 1s\n");
    if (_i % 2 == 0) {
        house_reload(house);
    } else {
        house_kill(house);
        house_start(house);
    }
    service_await_polls(service, id, 1);
    service_decide_silently(service, id, "denied");
    house_await_status(house, id, "denied");
    free(id);
}
END_TEST

/* The decisions fall into the look-ups, which all of them are in at the time: some are told of first by the
 * one, some by the other, and the second of them is late. */
START_TEST(a_decision_that_comes_both_ways_at_once_counts_once)
{
    char *ids[AT_ONCE];
    char *decision;

    start("poll_interval = 1s\n[action a]\non_granted = note\n"
          "[hook note]\nshell = echo >>%DIR%/notes\n");
    for (int i = 0; i < AT_ONCE; i++) {
        ids[i] = asked_id("{\"action\":\"a\"}", 200);
    }
    for (int i = 0; i < AT_ONCE; i++) {
        service_await_polls(service, ids[i], 1);
        decision = house_format(house, "{\"id\":\"%s\",\"status\":\"approved\"}", ids[i]);
        json_decref(service_decide(service, decision));
        free(decision);
    }
    for (int i = 0; i < AT_ONCE; i++) {
        house_await_status(house, ids[i], "approved");
        house_await_jobs(house, ids[i], 2, "succeeded");
        free(ids[i]);
    }
    ck_assert_int_eq(house_count_lines(house, "notes"), AT_ONCE);
}
END_TEST

START_TEST(the_service_is_asked_once_more_before_a_request_expires)
{
    char *id;

    start("[requests]\nexpiry_grace = 0\n");
    id = asked_id("{\"action\":\"a\",\"expiresIn\":2}", 200);
    service_decide_silently(service, id, "approved");
    house_await_status(house, id, "approved");
    free(id);
    id = asked_id("{\"action\":\"a\",\"expiresIn\":1}", 200);
    house_await_status(house, id, "expired");
    service_await_polls(service, id, 1);
    free(id);
}
END_TEST

/* A decision may have been given meanwhile, and no webhook found anybody. */
START_TEST(what_was_over_while_nobody_was_there_is_asked_about_too)
{
    int64_t over;
    char *id;

    start("[requests]\nexpiry_grace = 0\n");
    id = asked_id("{\"action\":\"a\",\"expiresIn\":3}", 200);
    over = house_now_ms() + 3000;
    service_decide_silently(service, id, "approved");
    house_kill(house);
    while (house_now_ms() < over) {
        (void)poll(NULL, 0, 100);
    }
    house_start(house);
    house_await_status(house, id, "approved");
    free(id);
}
END_TEST

/* Who asks, and who wanted to know, may end before the answer comes. */
static const char *const those_who_ask[] = {"assentd: caller", "assentd: core"};

START_TEST(what_was_asked_once_more_in_vain_is_asked_again)
{
    char *id;

    start("[requests]\nexpiry_grace = 0\n");
    id = asked_id("{\"action\":\"a\",\"expiresIn\":1}", 200);
    service_fail_as(service, "{\"on\":\"approvals\",\"what\":\"silent\",\"done\":true}");
    service_await_polls(service, id, 1);
    service_decide_silently(service, id, "approved");
    (void)house_kill_role(house, those_who_ask[_i]);
    house_await_status(house, id, "approved");
    free(id);
}
END_TEST

START_TEST(a_request_expires_also_if_the_service_can_not_be_reached)
{
    char *id;

    start("[requests]\nexpiry_grace = 0\n");
    id = asked_id("{\"action\":\"a\",\"expiresIn\":1}", 200);
    service_listen(service, false);
    house_await_status(house, id, "expired");
    free(id);
    id = asked_id("{\"action\":\"a\",\"expiresIn\":1}", 202);
    house_await_status(house, id, "expired");
    free(id);
    service_listen(service, true);
}
END_TEST

/* More than are asked about at once. */
#define SILENT 80

START_TEST(a_service_that_does_not_answer_holds_up_no_others)
{
    char body[128];

    start("[service other]\npath = /other\nscheme = none\nallow_unsigned = yes\n"
          "[requests]\nexpiry_grace = 0\n");
    service_fail(service, "approvals", "silent", 1000);
    for (int i = 0; i < SILENT; i++) {
        (void)snprintf(body, sizeof body,
                       "{\"requestId\":\"r-%d\",\"service\":\"daimon\",\"action\":\"a\","
                       "\"expiresIn\":1}",
                       i);
        house_register(house, body);
    }
    house_register(house, "{\"requestId\":\"other\",\"service\":\"other\",\"action\":\"a\","
                          "\"expiresIn\":2}");
    house_await_status(house, "other", "expired");
    house_await_status(house, "r-0", "pending");
    (void)snprintf(body, sizeof body, "r-%d", SILENT - 1);
    house_await_status(house, body, "pending");
}
END_TEST

START_TEST(a_request_that_is_canceled_is_submitted_no_more)
{
    char *id;

    start("");
    service_listen(service, false);
    id = asked_id("{\"action\":\"a\"}", 202);
    json_decref(answer_take(house_cancel(house, id), 200));
    house_await_jobs(house, id, 1, "canceled");
    service_listen(service, true);
    ck_assert_uint_eq(service_asked_count(service), 0);
    free(id);
}
END_TEST

/* Nobody could say what is to become of a submission that is cut off then. */
START_TEST(a_submission_to_a_service_that_is_gone_is_not_held_for_a_person)
{
    struct exchange *exchange;
    json_t *jobs;

    start("");
    service_fail_as(service, "{\"on\":\"notify\",\"what\":\"silent\",\"done\":true}");
    exchange = house_begin_control(house, "POST", "/v1/notify-operator", "{\"action\":\"a\"}");
    service_await_asked(service, 1);
    house_configure(house, "");
    house_reload(house);
    (void)house_kill_role(house, "assentd: caller");
    answer_expect_error(exchange_end(exchange), 502, "submission_failed", NULL);
    jobs = house_get(house, "/v1/jobs");
    ck_assert_str_eq(text_at(jobs, "/jobs/0/state"), "failed");
    json_decref(jobs);
}
END_TEST

/* Whose submission will not be tried again has failed, and does not wait for its time to be over. */
START_TEST(a_request_whose_submission_is_given_up_has_failed)
{
    char *id;

    start("");
    service_listen(service, false);
    id = asked_id("{\"action\":\"a\"}", 202);
    if (_i == 0) {
        json_decref(answer_take(house_control(house, "POST", "/v1/jobs/1/cancel", NULL), 200));
        house_expect_over(house, id, "failed", "canceled");
    } else {
        house_configure(house, "");
        house_reload(house);
        house_expect_over(house, id, "failed", "configuration");
    }
    service_listen(service, true);
    ck_assert_uint_eq(service_asked_count(service), 0);
    free(id);
}
END_TEST

/* A decision about it could change nothing any more. */
START_TEST(the_submission_of_what_is_over_is_not_run_again)
{
    struct answer answer;

    start("");
    service_fail(service, "notify", "400", 1);
    answer = ask("{\"action\":\"a\"}");
    ck_assert_int_eq(answer.status, 400);
    answer_clear(&answer);
    answer_expect_error(house_control(house, "POST", "/v1/jobs/1/retry", NULL), 409, "conflict",
                        "over");
    json_decref(
        answer_take(house_control(house, "POST", "/v1/jobs/retry?state=failed", NULL), 200));
    house_await_ready(house);
    ck_assert_uint_eq(service_asked_count(service), 1);
}
END_TEST

/* Nobody decides a notice, so it has no time in which that is to be done. */
START_TEST(a_notice_is_passed_on_however_long_that_takes)
{
    char *first;
    char *notice;
    char *body;

    start("[requests]\nexpiry_grace = 0\n");
    first = asked_id("{\"action\":\"a\"}", 200);
    body = house_format(house, "{\"issue\":\"i\",\"expiresIn\":1,\"after\":\"%s\"}", first);
    notice = asked_id(body, 202);
    service_fail(service, "notify", "503", 2);
    service_decide_as(service, first, "approved", "matched");
    house_await_status(house, notice, "delivered");
    free(body);
    free(notice);
    free(first);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("ask");
    TCase *tests = suite_case(suite, "ask", set_up, tear_down);

    tcase_set_timeout(tests, 120);
    tcase_add_test(tests, what_is_asked_reaches_the_service_with_our_callback);
    tcase_add_test(tests, fields_that_we_do_not_know_are_the_services_matter);
    tcase_add_test(tests, snake_case_is_as_good);
    tcase_add_loop_test(tests, what_can_not_be_asked_names_the_field, 0,
                        sizeof faults / sizeof *faults);
    tcase_add_test(tests, a_notice_is_passed_on_and_counts_as_delivered);
    tcase_add_test(tests, a_refusal_of_the_service_is_passed_on);
    tcase_add_test(tests, a_refusal_that_quotes_our_url_is_not_passed_on);
    tcase_add_loop_test(tests, what_a_refusal_says_at_length_or_not_at_all_is_no_reason, 0, 2);
    tcase_add_loop_test(tests, what_fails_for_a_while_is_made_up_for, 0,
                        sizeof passing / sizeof *passing);
    tcase_add_test(tests, nothing_is_lost_while_nobody_is_there);
    tcase_add_test(tests, a_decision_on_either_of_two_links_counts_once);
    tcase_add_test(tests, what_came_early_counts_before_what_comes_by_the_url);
    tcase_add_test(tests, an_answer_without_an_id_is_no_submission);
    tcase_add_loop_test(tests, the_id_is_found_wherever_the_service_has_it, 0,
                        sizeof answers / sizeof *answers);
    tcase_add_test(tests, the_same_client_id_is_the_same_request);
    tcase_add_test(tests, below_the_threshold_nobody_is_asked_up_to_a_number_a_day);
    tcase_add_test(tests, what_can_not_be_evaluated_needs_approval);
    tcase_add_test(tests, what_is_refused_is_never_written_down);
    tcase_add_test(tests, explain_says_what_policy_would_do_and_does_nothing);
    tcase_add_test(tests, a_url_is_for_one_request_only);
    tcase_add_test(tests, a_decision_whose_webhook_never_came_is_found);
    tcase_add_loop_test(tests, polling_may_begin_or_become_frequent_with_a_reload, 0, 4);
    tcase_add_test(tests, a_decision_that_comes_both_ways_at_once_counts_once);
    tcase_add_test(tests, the_service_is_asked_once_more_before_a_request_expires);
    tcase_add_test(tests, what_was_over_while_nobody_was_there_is_asked_about_too);
    tcase_add_loop_test(tests, what_was_asked_once_more_in_vain_is_asked_again, 0,
                        sizeof those_who_ask / sizeof *those_who_ask);
    tcase_add_test(tests, a_request_expires_also_if_the_service_can_not_be_reached);
    tcase_add_test(tests, a_service_that_does_not_answer_holds_up_no_others);
    tcase_add_test(tests, a_request_that_is_canceled_is_submitted_no_more);
    tcase_add_test(tests, a_submission_to_a_service_that_is_gone_is_not_held_for_a_person);
    tcase_add_loop_test(tests, a_request_whose_submission_is_given_up_has_failed, 0, 2);
    tcase_add_test(tests, the_submission_of_what_is_over_is_not_run_again);
    tcase_add_test(tests, a_notice_is_passed_on_however_long_that_takes);
    return suite_run(suite);
}
