/*
 * Operators and agents over TCP, where only a token says who somebody is.
 */
#include <arpa/inet.h>
#include <check.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "integration/ctl_rig.h"
#include "integration/harness.h"
#include "support/listener.h"
#include "support/suite.h"

#define OPERATOR   "token-of-the-operator"
#define OPERATOR_B "token-of-another-operator"
#define ALICE      "token-of-alice-0123456789"
#define BOB        "token-of-bob-0123456789abc"

static struct house *house;
static int control_port;
static int agent_port;

static void configure(const char *more)
{
    char *text = NULL;

    ck_assert_int_ge(asprintf(&text,
                              "[server]\nlisten = 127.0.0.1:%%PORT%%\n%%JAIL%%"
                              "[control]\nsocket = %%DIR%%/control.sock\n"
                              "listen = 127.0.0.1:%d\ntoken_file = ops\n"
                              "[agent]\nsocket = %%DIR%%/agent.sock\n"
                              "listen = 127.0.0.1:%d\ntoken_file = alice\ntoken_file = bob\n"
                              "[store]\npath = %%DIR%%/state/assentd.db\n"
                              "[service daimon]\npath = /webhook/approval\nscheme = daimon\n"
                              "secret_file = secret\n%s",
                              control_port, agent_port, more),
                     0);
    house_configure_all(house, text);
    free(text);
}

static void begin(void)
{
    house = house_new();
    control_port = house_reserve_port();
    do {
        agent_port = house_reserve_port();
    } while (agent_port == control_port || agent_port == house_port(house));
    house_write(house, "ops", OPERATOR "\n");
    house_write(house, "alice", ALICE "\n");
    house_write(house, "bob", BOB);
    configure("");
    house_start(house);
    said = (struct said){0};
}

static void end(void)
{
    said_clear(&said);
    house_free(house);
}

/* A call with these headers, up to a NULL each. */
static struct answer call(int port, const char *first, const char *second, const char *method,
                          const char *path, const char *body)
{
    const char *headers[] = {"Content-Type: application/json", first, second, NULL};
    char url[256];

    (void)snprintf(url, sizeof url, "http://127.0.0.1:%d%s", port, path);
    return house_call(NULL, method, url, headers, body);
}

static struct answer ask(int port, const char *token, const char *method, const char *path,
                         const char *body)
{
    char header[256];

    (void)snprintf(header, sizeof header, "Authorization: Bearer %s", token);
    return call(port, header, NULL, method, path, body);
}

static json_t *registers(int port, const char *token, const char *body)
{
    return answer_take(ask(port, token, "POST", "/v1/requests", body), 201);
}

static void expect_unknown(struct answer answer)
{
    ck_assert_str_eq(answer.body,
                     "{\"error\":\"unauthorized\",\"message\":\"the token is missing or wrong\","
                     "\"next_steps\":[\"Send the header Authorization: Bearer TOKEN.\"]}");
    ck_assert_ptr_nonnull(strstr(answer.headers, "\r\nWWW-Authenticate: Bearer\r\n"));
    answer_expect_error(answer, 401, "unauthorized", NULL);
}

/* --- who is let in ---------------------------------------------------------------------------- */

START_TEST(without_the_right_token_nothing_is_told)
{
    static const char *const wrong[] = {
        NULL,
        "Authorization: Bearer",
        "Authorization: Bearer ",
        "Authorization: Bearer x",
        "Authorization: Bearer " OPERATOR "x",
        "Authorization: Bearer token-of-the-operato",
        "Authorization: Bearer " ALICE " " ALICE,
        "Authorization: Basic " ALICE,
        "Authorization: " ALICE,
        "X-Authorization: Bearer " ALICE,
    };
    static const char *const paths[] = {"/v1/requests", "/readyz", "/healthz", "/nothing"};

    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        expect_unknown(call(control_port, wrong[i], NULL, "GET", "/v1/requests", NULL));
        expect_unknown(call(agent_port, wrong[i], NULL, "GET", "/v1/requests", NULL));
    }
    for (size_t i = 0; i < sizeof paths / sizeof paths[0]; i++) {
        expect_unknown(call(agent_port, NULL, NULL, "GET", paths[i], NULL));
    }
    house_await_log(house, "call refused: no token or a wrong one\" listener=agent peer=127.0.0.1");
}
END_TEST

START_TEST(two_tokens_in_one_request_are_none)
{
    struct answer answer = call(agent_port, "Authorization: Bearer " ALICE,
                                "Authorization: Bearer " BOB, "GET", "/v1/requests", NULL);

    /* By the gate, or by core. */
    ck_assert_msg(answer.status == 400 || answer.status == 401, "%s", answer.body);
    answer_clear(&answer);
}
END_TEST

START_TEST(the_scheme_is_known_in_any_case)
{
    json_decref(answer_take(
        call(agent_port, "authorization: bearer  " ALICE, NULL, "GET", "/v1/requests", NULL), 200));
}
END_TEST

START_TEST(a_token_opens_its_own_listener_only)
{
    expect_unknown(ask(control_port, ALICE, "GET", "/v1/requests", NULL));
    expect_unknown(ask(agent_port, OPERATOR, "GET", "/v1/requests", NULL));
    json_decref(answer_take(ask(control_port, OPERATOR, "GET", "/v1/requests", NULL), 200));
    json_decref(answer_take(ask(agent_port, ALICE, "GET", "/v1/requests", NULL), 200));
}
END_TEST

START_TEST(no_token_is_ever_logged)
{
    char *log;

    json_decref(registers(agent_port, ALICE, "{\"requestId\":\"r\",\"action\":\"a\"}"));
    expect_unknown(ask(agent_port, "wrong-" BOB, "GET", "/v1/requests", NULL));
    ck_assert_int_eq(house_stop(house), 0);
    log = house_log(house);
    ck_assert_ptr_null(strstr(log, "token-of"));
    free(log);
}
END_TEST

/* --- who is who ------------------------------------------------------------------------------- */

START_TEST(the_name_of_a_token_is_noted)
{
    json_t *request = registers(agent_port, ALICE, "{\"requestId\":\"a\",\"action\":\"x\"}");

    ck_assert_str_eq(text_at(request, "/registeredBy"), "agent token:alice");
    json_decref(request);
    request = registers(control_port, OPERATOR, "{\"requestId\":\"o\",\"action\":\"x\"}");
    ck_assert_str_eq(text_at(request, "/registeredBy"), "token:ops");
    json_decref(request);
    request = answer_take(ask(control_port, OPERATOR, "POST", "/v1/requests/a/cancel", NULL), 200);
    ck_assert_str_eq(text_at(request, "/decidedBy"), "token:ops");
    json_decref(request);
    house_await_log(house, "by token:ops");
}
END_TEST

START_TEST(one_agent_does_not_see_what_is_the_others)
{
    json_t *list;

    json_decref(registers(agent_port, ALICE, "{\"requestId\":\"a\",\"action\":\"x\"}"));
    answer_expect_error(ask(agent_port, BOB, "GET", "/v1/requests/a", NULL), 404, "not_found",
                        NULL);
    answer_expect_error(ask(agent_port, BOB, "POST", "/v1/requests/a/cancel", NULL), 404,
                        "not_found", NULL);
    list = answer_take(ask(agent_port, BOB, "GET", "/v1/requests", NULL), 200);
    ck_assert_uint_eq(json_array_size(json_object_get(list, "requests")), 0);
    json_decref(list);
    json_decref(answer_take(ask(agent_port, ALICE, "GET", "/v1/requests/a", NULL), 200));
}
END_TEST

START_TEST(an_operator_over_tcp_may_do_everything)
{
    json_t *status;

    json_decref(registers(agent_port, ALICE, "{\"requestId\":\"a\",\"action\":\"x\"}"));
    json_decref(answer_take(ask(control_port, OPERATOR, "GET", "/v1/requests/a", NULL), 200));
    answer_expect_error(ask(control_port, OPERATOR, "POST", "/v1/jobs/1/retry", NULL), 404,
                        "not_found", NULL);
    status = answer_take(ask(control_port, OPERATOR, "GET", "/readyz", NULL), 200);
    ck_assert_int_eq(number_at(status, "/requests/pending"), 1);
    json_decref(status);
}
END_TEST

/* --- tokens come and go ----------------------------------------------------------------------- */

START_TEST(a_reload_changes_tokens)
{
    json_t *request;

    json_decref(registers(agent_port, ALICE, "{\"requestId\":\"a\",\"action\":\"x\"}"));
    house_write(house, "alice", "the-next-token-of-alice");
    house_reload(house);
    house_await_log(house, "configuration reloaded");
    request = answer_take(
        ask(agent_port, "the-next-token-of-alice", "GET", "/v1/approvals/a", NULL), 200);
    ck_assert_str_eq(text_at(request, "/registeredBy"), "agent token:alice");
    json_decref(request);
    expect_unknown(ask(agent_port, ALICE, "GET", "/v1/approvals/a", NULL));
}
END_TEST

static struct listener follow(int port, const char *token)
{
    const struct timeval patience = {.tv_sec = HOUSE_PATIENCE_MS / 1000};
    const struct sockaddr_in address = {.sin_family = AF_INET,
                                        .sin_port = htons((uint16_t)port),
                                        .sin_addr = {htonl(INADDR_LOOPBACK)}};
    struct listener listener = {.fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)};
    char header[128];

    (void)setsockopt(listener.fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    ck_assert_int_eq(connect(listener.fd, (const struct sockaddr *)&address, sizeof address), 0);
    (void)snprintf(header, sizeof header, "Authorization: Bearer %s\r\n", token);
    listener_ask(&listener, "/v1/stream", header);
    ck_assert_int_eq(listener_status(&listener), 200);
    return listener;
}

START_TEST(who_has_no_token_any_more_is_told_nothing_more)
{
    struct listener alice = follow(agent_port, ALICE);
    struct listener bob = follow(agent_port, BOB);
    struct listener operators = follow(control_port, OPERATOR);
    char event[4096];

    house_write(house, "alice", "the-next-token-of-alice");
    house_write(house, "ops", OPERATOR_B "\n");
    house_reload(house);
    ck_assert_int_eq(listener_next(&alice, event, sizeof event), 0);
    ck_assert_int_eq(listener_next(&operators, event, sizeof event), 0);
    json_decref(registers(agent_port, BOB, "{\"requestId\":\"b\",\"action\":\"x\"}"));
    ck_assert_int_gt(listener_next(&bob, event, sizeof event), 0);
    listener_close(&operators);
    listener_close(&bob);
    listener_close(&alice);
}
END_TEST

START_TEST(a_listener_that_others_reach_is_warned_of)
{
    char *more = NULL;
    char *log;

    ck_assert_int_eq(house_stop(house), 0);
    log = house_log(house);
    ck_assert_ptr_null(strstr(log, "other machines can connect"));
    free(log);
    ck_assert_int_ge(asprintf(&more,
                              "[server]\nlisten = 127.0.0.1:%%PORT%%\n%%JAIL%%"
                              "[control]\nsocket = %%DIR%%/control.sock\n"
                              "[agent]\nsocket = %%DIR%%/agent.sock\nlisten = 0.0.0.0:%d\n"
                              "token_file = alice\n[store]\npath = %%DIR%%/state/assentd.db\n",
                              agent_port),
                     0);
    house_configure_all(house, more);
    house_start(house);
    house_await_log(house, "other machines can connect here");
    free(more);
}
END_TEST

/* --- assentctl -------------------------------------------------------------------------------- */

START_TEST(assentctl_asks_over_tcp)
{
    char url[64];
    char *file = house_file(house, "alice");
    char *other = house_file(house, "bob");

    (void)snprintf(url, sizeof url, "--url=http://127.0.0.1:%d/", agent_port);
    CTL(url, "--token-file", file, "register", "--id=r", "--action=x");
    ck_assert_int_eq(said.exit, 0);
    CTL("show", "r", url, "--token-file", file);
    ck_assert_int_eq(said.exit, 0);
    ck_assert_ptr_nonnull(strstr(said.out, "agent token:alice"));
    CTL("show", "r", url, "--token-file", other);
    ck_assert_int_eq(said.exit, 1);
    ck_assert_ptr_nonnull(strstr(said.err, "there is no request r"));
    CTL("status", url);
    ck_assert_int_eq(said.exit, 1);
    ck_assert_ptr_nonnull(strstr(said.err, "the token is missing or wrong"));
    CTL("status", url, "--token-file", file);
    ck_assert_ptr_nonnull(strstr(said.out, "http://127.0.0.1:"));
    free(other);
    free(file);
}
END_TEST

START_TEST(assentctl_says_what_is_wrong_with_url_and_token)
{
    static const struct {
        const char *words[4];
        const char *told;
    } cases[] = {
        {{"--url=127.0.0.1:1"}, "expected http://HOST:PORT"},
        {{"--url=http://127.0.0.1:1/v1"}, "expected http://HOST:PORT"},
        {{"--url=http://a@127.0.0.1:1"}, "expected http://HOST:PORT"},
        {{"--url=http://127.0.0.1:1", "--socket=/x"}, "expected either --socket or --url"},
        {{"--token-file=/dev/null"}, "--token-file: expected --url beside it"},
        {{"--url=http://127.0.0.1:1", "--token-file=/dev/null"}, "expected a token alone in"},
        {{"--url=http://127.0.0.1:1", "--token-file=/nowhere"}, "can't read /nowhere"},
    };

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        CTL("status", cases[i].words[0], cases[i].words[1]);
        ck_assert_msg(said.exit == 64 && strstr(said.err, cases[i].told), "%zu: %d %s", i,
                      said.exit, said.err);
    }
    CTL("status", "--url=http://127.0.0.1:1");
    ck_assert_int_eq(said.exit, 5);
    ck_assert_ptr_nonnull(strstr(said.err, "--url names another"));
    CTL("send", "--url=http://127.0.0.1:1", "--request=r", "--status=approved");
    ck_assert_int_eq(said.exit, 64);
}
END_TEST

START_TEST(assentctl_finds_url_and_token_in_its_environment)
{
    char url[64];
    char *file = house_file(house, "ops");

    (void)snprintf(url, sizeof url, "http://127.0.0.1:%d", control_port);
    (void)setenv("ASSENT_URL", url, 1);
    (void)setenv("ASSENT_TOKEN_FILE", file, 1);
    CTL("status", "--url", url);
    ck_assert_int_eq(said.exit, 0);
    ck_assert_ptr_nonnull(strstr(said.out, "Runner"));
    /* The socket of the environment comes first. */
    CTL("status");
    ck_assert_ptr_nonnull(strstr(said.out, "Socket"));
    free(file);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("tokens");
    TCase *tests = suite_case(suite, "tokens", begin, end);

    tcase_set_timeout(tests, 300);
    tcase_add_test(tests, without_the_right_token_nothing_is_told);
    tcase_add_test(tests, two_tokens_in_one_request_are_none);
    tcase_add_test(tests, the_scheme_is_known_in_any_case);
    tcase_add_test(tests, a_token_opens_its_own_listener_only);
    tcase_add_test(tests, no_token_is_ever_logged);
    tcase_add_test(tests, the_name_of_a_token_is_noted);
    tcase_add_test(tests, one_agent_does_not_see_what_is_the_others);
    tcase_add_test(tests, an_operator_over_tcp_may_do_everything);
    tcase_add_test(tests, a_reload_changes_tokens);
    tcase_add_test(tests, who_has_no_token_any_more_is_told_nothing_more);
    tcase_add_test(tests, a_listener_that_others_reach_is_warned_of);
    tcase_add_test(tests, assentctl_asks_over_tcp);
    tcase_add_test(tests, assentctl_says_what_is_wrong_with_url_and_token);
    tcase_add_test(tests, assentctl_finds_url_and_token_in_its_environment);
    return suite_run(suite);
}
