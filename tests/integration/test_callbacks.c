/*
 * URLs on which decisions come and go: those with a token, made for one request, and those that
 * agents bring along.
 */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "assent/base/json.h"
#include "assent/domain/standard_webhooks.h"
#include "assent/domain/url_token.h"
#include "integration/ctl_rig.h"
#include "integration/service_rig.h"
#include "support/http_server.h"
#include "support/suite.h"

#define PATH         "/webhook/approval"
#define RELAY_SECRET "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"

static struct house *house;
static struct service_rig *service;
static struct http_server *agent;

static void set_up(void)
{
    house = house_new();
    service = service_start();
    house_write(house, "api-key", SERVICE_KEY);
    house_write(house, "relay-secret", RELAY_SECRET);
    agent = http_server_start();
}

static void tear_down(void)
{
    house_free(house);
    service_free(service);
    http_server_stop(agent);
    said_clear(&said);
}

/* With one service that is asked, by that scheme. */
static void configure(const char *scheme, const char *further)
{
    char *text = NULL;

    ck_assert_int_ge(asprintf(&text,
                              "[server]\nlisten = 127.0.0.1:%%PORT%%\n%%JAIL%%"
                              "[control]\nsocket = %%DIR%%/control.sock\n"
                              "[store]\npath = %%DIR%%/state/assentd.db\n"
                              "[service daimon]\npath = " PATH "\n%s"
                              "url = %s\napi_key_file = api-key\n"
                              "callback_url = http://127.0.0.1:%%PORT%%" PATH "\n%s",
                              scheme, service_url(service), further),
                     0);
    house_configure_all(house, text);
    free(text);
}

static void begin(const char *scheme, const char *further)
{
    configure(scheme, further);
    house_start(house);
}

/* Asks for an action, and returns its id. */
static char *ask(const char *further)
{
    char *body = NULL;
    json_t *result;
    char *id;

    ck_assert_int_ge(
        asprintf(&body, "{\"type\":\"approval_request\",\"action\":\"pay\"%s}", further), 0);
    result = answer_take(house_control(house, "POST", "/v1/notify-operator", body), 200);
    id = strdup(text_at(result, "/requestId"));
    ck_assert_str_ne(id, "");
    json_decref(result);
    free(body);
    return id;
}

static json_t *decision(const char *id, const char *status)
{
    json_t *body = json_pack("{s:s, s:s}", "requestId", id, "status", status);

    ck_assert_ptr_nonnull(body);
    return body;
}

static int post(const char *path, const char *id)
{
    static const char *const headers[] = {"Content-Type: application/json", NULL};
    json_t *body = decision(id, "approved");
    char *text = json_text(body);
    struct answer answer = house_public(house, "POST", path, headers, text);
    int status = answer.status;

    answer_clear(&answer);
    free(text);
    json_decref(body);
    return status;
}

/* The path on which decisions about the latest request come. */
static void last_path(char path[128])
{
    json_t *asked = service_asked(service, service_asked_count(service) - 1);
    const char *url = text_at(asked, "/body/callbackUrl");
    const char *begins = strstr(url, PATH "/");

    ck_assert_msg(begins != NULL, "%s", url);
    ck_assert_msg(url_token_below(PATH, begins) != NULL, "%s", url);
    (void)snprintf(path, 128, "%s", begins);
    json_decref(asked);
}

/* --- URLs with a token ------------------------------------------------------------------------ */

START_TEST(a_decision_comes_on_the_url_that_was_made_for_it)
{
    char *id;

    begin("scheme = url-token\n", "");
    id = ask("");
    service_decide_as(service, id, "approved", "matched");
    house_await_status(house, id, "approved");
    free(id);
}
END_TEST

START_TEST(any_other_url_decides_nothing)
{
    char path[128];
    char wrong[128];
    char *id;

    begin("scheme = url-token\n", "");
    id = ask("");
    last_path(path);
    (void)snprintf(wrong, sizeof wrong, "%s", path);
    wrong[strlen(wrong) - 1] = wrong[strlen(wrong) - 1] == 'A' ? 'B' : 'A';
    ck_assert_int_eq(post(wrong, id), 401);
    ck_assert_int_eq(post(PATH, id), 401);
    wrong[strlen(wrong) - 1] = '\0';
    ck_assert_int_eq(post(wrong, id), 404);
    house_await_status(house, id, "pending");
    ck_assert_int_eq(post(path, id), 200);
    house_await_status(house, id, "approved");
    free(id);
}
END_TEST

START_TEST(a_url_decides_about_its_own_request_only)
{
    char path[128];
    char *first;
    char *second;

    begin("scheme = url-token\n", "");
    first = ask("");
    second = ask("");
    last_path(path);
    (void)post(path, first);
    house_await_status(house, first, "pending");
    free(first);
    free(second);
}
END_TEST

START_TEST(both_must_hold_where_both_are_asked_for)
{
    char path[128];
    char *id;

    house_write(house, "secret", HOUSE_SECRET);
    begin("scheme = daimon, url-token\nsecret_file = secret\n", "");
    id = ask("");
    last_path(path);
    ck_assert_int_eq(post(path, id), 401);
    house_await_status(house, id, "pending");
    service_decide_as(service, id, "denied", "matched");
    house_await_status(house, id, "denied");
    free(id);
}
END_TEST

START_TEST(a_service_with_tokens_does_not_hide_what_is_below_its_path)
{
    static const char body[] = "{\"requestId\":\"nobody\",\"status\":\"approved\"}";
    struct answer answer;

    house_write(house, "other-secret", "whsec_other");
    begin("scheme = url-token\n", "[service below]\npath = " PATH "/below\nscheme = daimon\n"
                                  "secret_file = other-secret\n");
    answer = house_webhook_to(house, PATH "/below", "whsec_other", body);
    ck_assert_int_eq(answer.status, 200);
    answer_clear(&answer);
}
END_TEST

START_TEST(a_webhook_can_be_tried_with_and_without_the_token)
{
    char *id;

    begin("scheme = url-token\n", "[action registered]\naccept = register\n");
    id = ask("");
    CTL("send", "--request", id, "--status=approved", "--wrong-signature");
    assert_exit(1);
    ck_assert_int_eq(strncmp(said.out, "401 ", 4), 0);
    CTL("send", "--request", id, "--status=approved", "--unsigned");
    assert_exit(1);
    ck_assert_int_eq(strncmp(said.out, "401 ", 4), 0);
    house_await_status(house, id, "pending");
    CTL("send", "--request", id, "--status=approved");
    ck_assert_str_eq(said.out, "200 matched\n");
    house_await_status(house, id, "approved");
    house_register_as(house, "registered", "registered");
    CTL("send", "--request=registered", "--status=approved");
    assert_exit(1);
    assert_complains("request registered has no URL with a token");
    free(id);
}
END_TEST

/* --- decisions that are passed on ------------------------------------------------------------- */

static void begin_with_relay(void)
{
    char *relay = NULL;

    house_write(house, "secret", HOUSE_SECRET);
    ck_assert_int_ge(asprintf(&relay,
                              "[relay]\nallow = http://127.0.0.1:%d/hooks\n"
                              "secret_file = relay-secret\n",
                              http_server_port(agent)),
                     0);
    begin("scheme = daimon\nsecret_file = secret\n", relay);
    free(relay);
}

static char *ask_with_callback(const char *path)
{
    char further[128];

    (void)snprintf(further, sizeof further, ",\"callbackUrl\":\"http://127.0.0.1:%d%s\"",
                   http_server_port(agent), path);
    return ask(further);
}

START_TEST(an_agent_is_told_where_it_wanted_to_be)
{
    const struct signature_secret secret = {(unsigned char *)RELAY_SECRET, strlen(RELAY_SECRET)};
    const struct http_server_request *request;
    struct buffer expected = {0};
    char value[256];
    char id_sent[128];
    json_t *body;
    char *id;

    begin_with_relay();
    id = ask_with_callback("/hooks");
    service_decide_as(service, id, "denied", "matched");
    ck_assert_uint_eq(http_server_wait(agent, 1), 1);
    request = http_server_request(agent, 0);
    body = json_loadb(request->body, request->body_length, JSON_REJECT_DUPLICATES, NULL);
    ck_assert_str_eq(text_at(body, "/requestId"), id);
    ck_assert_str_eq(text_at(body, "/request_id"), id);
    ck_assert_str_eq(text_at(body, "/status"), "denied");
    ck_assert_str_eq(text_at(body, "/event"), "approval.denied");
    ck_assert_uint_eq(http_server_header(request, "webhook-id", id_sent, sizeof id_sent), 1);
    ck_assert_str_eq(text_at(body, "/event_id"), id_sent);
    ck_assert_uint_eq(http_server_header(request, "webhook-timestamp", value, sizeof value), 1);
    ck_assert_int_eq(standard_webhooks_sign(&secret, id_sent, strtoll(value, NULL, 10),
                                            request->body, request->body_length, &expected),
                     0);
    ck_assert_uint_eq(http_server_header(request, "webhook-signature", value, sizeof value), 1);
    ck_assert_str_eq(value, buffer_text(&expected));
    house_await_jobs(house, id, 2, "succeeded"); /* asking, and passing on */
    buffer_free(&expected);
    json_decref(body);
    free(id);
}
END_TEST

/* It may be run again when there is a [relay] again; until then nobody could decide anything about it. */
START_TEST(what_is_passed_on_is_not_held_for_a_person_when_it_is_passed_on_no_more)
{
    json_t *jobs;
    char *id;

    begin_with_relay();
    http_server_script(
        agent, &(struct http_server_script){.path = "/hooks", .manner = HTTP_SERVER_NEVER_ANSWERS});
    id = ask_with_callback("/hooks");
    service_decide_as(service, id, "approved", "matched");
    ck_assert_uint_eq(http_server_wait(agent, 1), 1);
    configure("scheme = daimon\nsecret_file = secret\n", "");
    house_reload(house);
    (void)house_kill_role(house, "assentd: caller");
    house_await_settled(house, id, 2);
    jobs = house_get(house, "/v1/jobs");
    ck_assert_str_eq(text_at(jobs, "/jobs/0/hook"), "relay decision");
    ck_assert_str_eq(text_at(jobs, "/jobs/0/state"), "failed");
    json_decref(jobs);
    free(id);
}
END_TEST

START_TEST(nobody_else_is_told)
{
    char *elsewhere;
    char *here;

    begin_with_relay();
    elsewhere = ask_with_callback("/hooks/../admin");
    service_decide_as(service, elsewhere, "approved", "matched");
    here = ask_with_callback("/hooks");
    service_decide_as(service, here, "approved", "matched");
    house_await_jobs(house, here, 2, "succeeded");
    house_await_jobs(house, elsewhere, 1, "succeeded");
    ck_assert_uint_eq(http_server_connections(agent), 1);
    free(elsewhere);
    free(here);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("callbacks");
    TCase *tokens = house_scenarios(suite, "tokens", set_up, tear_down);
    TCase *relays = house_scenarios(suite, "relays", set_up, tear_down);

    tcase_add_test(tokens, a_decision_comes_on_the_url_that_was_made_for_it);
    tcase_add_test(tokens, any_other_url_decides_nothing);
    tcase_add_test(tokens, a_url_decides_about_its_own_request_only);
    tcase_add_test(tokens, both_must_hold_where_both_are_asked_for);
    tcase_add_test(tokens, a_service_with_tokens_does_not_hide_what_is_below_its_path);
    tcase_add_test(tokens, a_webhook_can_be_tried_with_and_without_the_token);
    tcase_add_test(relays, an_agent_is_told_where_it_wanted_to_be);
    tcase_add_test(relays, what_is_passed_on_is_not_held_for_a_person_when_it_is_passed_on_no_more);
    tcase_add_test(relays, nobody_else_is_told);
    return suite_run(suite);
}
