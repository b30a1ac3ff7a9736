/*
 * Agents at their own socket: they register, and see, wait for and cancel what is their own. What is
 * another's is to them as if it were not there.
 */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "integration/ctl_rig.h"
#include "integration/harness.h"
#include "support/suite.h"

/* Two agents, and what operators are in these tests. */
#define ALICE 70001
#define BOB   70002

static struct house *house;
static char *agent_socket;

/* The service can be asked, so that actions may insist on it. */
static const char sections[] = "url = http://127.0.0.1:9\n"
                               "callback_url = http://127.0.0.1:9/webhook\n"
                               "[agent]\n"
                               "socket = %DIR%/agent.sock\n"
                               "socket_mode = 0666\n"
                               "[action note]\n"
                               "accept = register\n"
                               "on_granted = note\n"
                               "[action pay]\n"
                               "accept = ask\n"
                               "[action both]\n"
                               "accept = ask, register\n"
                               "[action *]\n"
                               "accept = register\n"
                               "[hook note]\n"
                               "shell = echo done by hook\n";

static void begin(void)
{
    house = house_new();
    /* So that others than root come to the socket. */
    ck_assert_int_eq(chmod(house_directory(house), 0711), 0);
    house_configure(house, sections);
    house_start(house);
    agent_socket = house_file(house, "agent.sock");
    said = (struct said){0};
}

static void end(void)
{
    said_clear(&said);
    free(agent_socket);
    house_free(house);
}

/* What the agent with that uid is answered; 0: the one who runs the tests. */
static struct answer ask(uid_t uid, const char *method, const char *path, const char *body)
{
    static const char *const headers[] = {"Content-Type: application/json", NULL};
    char *url = NULL;
    struct answer answer;

    ck_assert_int_ge(asprintf(&url, "http://localhost%s", path), 0);
    ck_assert_int_eq(uid ? seteuid(uid) : 0, 0);
    answer = house_call(agent_socket, method, url, headers, body);
    ck_assert_int_eq(uid ? seteuid(0) : 0, 0);
    free(url);
    return answer;
}

static struct answer get(uid_t uid, const char *path)
{
    return ask(uid, "GET", path, NULL);
}

static void registers(uid_t uid, const char *body)
{
    json_decref(answer_take(ask(uid, "POST", "/v1/requests", body), 201));
}

static void expect_hidden(uid_t uid, const char *method, const char *path)
{
    answer_expect_error(ask(uid, method, path, NULL), 404, "not_found", NULL);
}

/* Fails unless the list at `path` has exactly `count` members. */
static void expect_listed(uid_t uid, const char *path, const char *member, size_t count)
{
    json_t *result = answer_take(get(uid, path), 200);

    ck_assert_msg(json_array_size(json_object_get(result, member)) == count, "%s has %zu, not %zu",
                  path, json_array_size(json_object_get(result, member)), count);
    json_decref(result);
}

/* Has a request of Alice's approved and its hook run, and returns the number of the job. */
static long long run_of_alice(void)
{
    json_t *request;
    long long job;

    registers(ALICE, "{\"requestId\":\"a1\",\"action\":\"note\"}");
    house_decide(house, "{\"requestId\":\"a1\",\"status\":\"approved\"}", "matched");
    house_await_jobs(house, "a1", 1, "succeeded");
    request = house_show(house, "a1");
    job = (long long)number_at(request, "/jobs/0/job");
    json_decref(request);
    return job;
}

/* --- the gate --------------------------------------------------------------------------------- */

static bool has_agent_gate(void)
{
    return house_has_role(house, "assentd: gate agent");
}

START_TEST(agents_have_a_gate_where_the_configuration_says_so)
{
    ck_assert(has_agent_gate());
    ck_assert_int_eq(house_stop(house), 0);
    house_configure(house, "");
    house_start(house);
    ck_assert(!has_agent_gate());
    struct answer answer = get(0, "/healthz");
    ck_assert_int_eq(answer.status, 0);
    answer_clear(&answer);
}
END_TEST

START_TEST(the_gate_is_started_again)
{
    pid_t old = house_kill_role(house, "assentd: gate agent");

    (void)house_next_role(house, "assentd: gate agent", old);
    registers(0, "{\"requestId\":\"a1\",\"action\":\"note\"}");
}
END_TEST

START_TEST(a_section_that_comes_or_goes_waits_for_a_restart)
{
    house_configure(house, "");
    house_reload(house);
    house_await_log(house, "key=\"[agent] socket\"");
    ck_assert(has_agent_gate());
}
END_TEST

START_TEST(the_socket_has_its_mode)
{
    struct stat status;

    ck_assert_int_eq(stat(agent_socket, &status), 0);
    ck_assert_uint_eq(status.st_mode & 0777, 0666);
}
END_TEST

/* --- what an agent may ------------------------------------------------------------------------ */

START_TEST(an_agent_registers_and_follows_its_request)
{
    char who[64];
    json_t *request = answer_take(
        ask(0, "POST", "/v1/requests", "{\"requestId\":\"r\",\"action\":\"note\"}"), 201);

    (void)snprintf(who, sizeof who, "agent uid:%d", (int)geteuid());
    ck_assert_str_eq(text_at(request, "/registeredBy"), who);
    ck_assert_str_eq(text_at(request, "/events/0/kind"), "request.registered");
    ck_assert_str_eq(text_at(request, "/events/0/details/by"), who);
    json_decref(request);
    house_decide(house, "{\"requestId\":\"r\",\"status\":\"approved\"}", "matched");
    house_await_jobs(house, "r", 1, "succeeded");
    request = answer_take(get(0, "/v1/approvals/r"), 200);
    ck_assert_str_eq(text_at(request, "/status"), "approved");
    json_decref(request);
    expect_listed(0, "/v1/requests", "requests", 1);
    expect_listed(0, "/v1/requests?state=approved&action=note", "requests", 1);
    expect_listed(0, "/v1/requests?state=pending", "requests", 0);
    expect_listed(0, "/v1/requests?action=other", "requests", 0);
    expect_listed(0, "/v1/jobs?hook=note&state=succeeded", "jobs", 1);
    expect_listed(0, "/v1/jobs?request=r", "jobs", 1);
    expect_listed(0, "/v1/jobs?state=failed", "jobs", 0);
    expect_listed(0, "/v1/jobs?hook=other", "jobs", 0);
    house_await_log(house, "msg=registered request=r service=daimon action=note urgency=medium "
                           "by=\"agent uid:");
}
END_TEST

START_TEST(an_agent_waits_for_its_decision)
{
    struct exchange *waiting;

    registers(0, "{\"requestId\":\"r\",\"action\":\"note\"}");
    waiting = house_begin_at(agent_socket, "GET", "/v1/approvals/r?wait=55", NULL);
    ck_assert(!exchange_answered(waiting, 100));
    house_decide(house, "{\"requestId\":\"r\",\"status\":\"denied\"}", "matched");
    json_t *request = answer_take(exchange_end(waiting), 200);
    ck_assert_str_eq(text_at(request, "/status"), "denied");
    json_decref(request);
}
END_TEST

START_TEST(an_agent_cancels_what_is_its_own)
{
    char who[64];
    json_t *request;

    (void)snprintf(who, sizeof who, "agent uid:%d", (int)geteuid());
    registers(0, "{\"requestId\":\"r\",\"action\":\"note\"}");
    request = answer_take(ask(0, "POST", "/v1/requests/r/cancel", NULL), 200);
    ck_assert_str_eq(text_at(request, "/status"), "canceled");
    ck_assert_str_eq(text_at(request, "/decidedBy"), who);
    ck_assert_str_eq(text_at(request, "/events/1/details/decidedBy"), who);
    json_decref(request);
    house_await_log(house, " by agent uid:");
}
END_TEST

START_TEST(an_agent_is_no_operator)
{
    house_register(house, "{\"requestId\":\"r\",\"action\":\"note\",\"clientId\":\"c\"}");
    expect_hidden(0, "GET", "/v1/requests/r");
    expect_hidden(0, "GET", "/v1/approvals/r?service=daimon");
    expect_hidden(0, "GET", "/v1/approvals/r?wait=1");
    expect_hidden(0, "POST", "/v1/requests/r/cancel");
    expect_listed(0, "/v1/requests", "requests", 0);
    house_await_status(house, "r", "pending");
    /* Nor is an operator the agent with the same uid. */
    registers(0, "{\"requestId\":\"s\",\"action\":\"note\",\"clientId\":\"c\"}");
    expect_listed(0, "/v1/requests", "requests", 1);
}
END_TEST

START_TEST(an_operator_sees_and_cancels_everything)
{
    json_t *request;

    registers(0, "{\"requestId\":\"r\",\"action\":\"note\"}");
    request = house_show(house, "r");
    ck_assert_int_eq(strncmp(text_at(request, "/registeredBy"), "agent uid:", 10), 0);
    json_decref(request);
    json_decref(answer_take(house_cancel(house, "r"), 200));
    request = answer_take(get(0, "/v1/approvals/r"), 200);
    ck_assert_int_eq(strncmp(text_at(request, "/decidedBy"), "uid:", 4), 0);
    json_decref(request);
}
END_TEST

START_TEST(an_agent_retries_nothing)
{
    registers(0, "{\"requestId\":\"r\",\"action\":\"note\"}");
    house_decide(house, "{\"requestId\":\"r\",\"status\":\"approved\"}", "matched");
    house_await_jobs(house, "r", 1, "succeeded");
    answer_expect_error(ask(0, "POST", "/v1/jobs/1/retry", NULL), 403, "forbidden",
                        "only operators may");
    answer_expect_error(ask(0, "POST", "/v1/jobs/99/retry", NULL), 403, "forbidden", NULL);
    answer_expect_error(ask(0, "GET", "/metrics", NULL), 403, "forbidden", NULL);
    answer_expect_error(house_control(house, "POST", "/v1/jobs/1/retry", NULL), 409, "conflict",
                        NULL);
}
END_TEST

START_TEST(an_agent_learns_that_assentd_is_ready_and_no_more)
{
    struct answer health;
    json_t *result;

    house_await_ready(house);
    result = answer_take(get(0, "/readyz"), 200);
    ck_assert(true_at(result, "/ready"));
    ck_assert_uint_eq(json_object_size(result), 1);
    json_decref(result);
    json_decref(answer_take(house_control(house, "GET", "/readyz", NULL), 200));
    health = get(0, "/healthz");
    ck_assert_int_eq(health.status, 200);
    answer_clear(&health);
    answer_expect_error(get(0, "/v1/nothing"), 404, "not_found", NULL);
}
END_TEST

START_TEST(a_token_says_nothing_on_a_socket)
{
    static const char *const headers[] = {"Content-Type: application/json",
                                          "Authorization: Bearer 0123456789abcdef", NULL};
    json_t *request = answer_take(house_call(agent_socket, "POST", "http://localhost/v1/requests",
                                             headers, "{\"requestId\":\"r\",\"action\":\"note\"}"),
                                  201);

    ck_assert_int_eq(strncmp(text_at(request, "/registeredBy"), "agent uid:", 10), 0);
    json_decref(request);
}
END_TEST

/* --- accept ----------------------------------------------------------------------------------- */

START_TEST(an_action_may_refuse_what_agents_register)
{
    static const char body[] = "{\"requestId\":\"p\",\"action\":\"pay\"}";

    answer_expect_error(ask(0, "POST", "/v1/requests", body), 403, "forbidden", "action pay");
    answer_expect_error(house_control(house, "GET", "/v1/approvals/p", NULL), 404, "not_found",
                        NULL);
    house_register(house, body);
    registers(0, "{\"requestId\":\"b\",\"action\":\"both\"}");
    registers(0, "{\"requestId\":\"n\",\"action\":\"without-a-section\"}");
}
END_TEST

START_TEST(all_actions_without_a_section_may_refuse_it)
{
    house_configure(house, "url = http://127.0.0.1:9\n"
                           "callback_url = http://127.0.0.1:9/webhook\n"
                           "[agent]\nsocket = %DIR%/agent.sock\nsocket_mode = 0666\n"
                           "[action *]\naccept = ask\n[action note]\naccept = register\n");
    house_reload(house);
    answer_expect_error(
        ask(0, "POST", "/v1/requests", "{\"requestId\":\"r\",\"action\":\"anything\"}"), 403,
        "forbidden", "action anything");
    registers(0, "{\"requestId\":\"r\",\"action\":\"note\"}");
}
END_TEST

/* --- several agents: as root, who can be anyone ----------------------------------------------- */

START_TEST(what_is_another_agents_is_not_there)
{
    char path[64];
    char retry[64];
    long long job = run_of_alice();

    expect_hidden(BOB, "GET", "/v1/requests/a1");
    expect_hidden(BOB, "GET", "/v1/approvals/a1?service=daimon");
    expect_hidden(BOB, "GET", "/v1/approvals/a1?wait=1");
    expect_hidden(BOB, "POST", "/v1/requests/a1/cancel");
    expect_hidden(BOB, "GET", "/v1/jobs?request=a1");
    (void)snprintf(path, sizeof path, "/v1/jobs/%lld", job);
    expect_hidden(BOB, "GET", path);
    json_decref(answer_take(get(ALICE, path), 200));
    (void)snprintf(path, sizeof path, "/v1/jobs/%lld/output", job);
    expect_hidden(BOB, "GET", path);
    json_t *output = answer_take(get(ALICE, path), 200);
    ck_assert_str_eq(text_at(output, "/stdout/head"), "done by hook\n");
    json_decref(output);
    (void)snprintf(retry, sizeof retry, "/v1/jobs/%lld/retry", job);
    answer_expect_error(ask(BOB, "POST", retry, NULL), 403, "forbidden", NULL);
    expect_listed(BOB, "/v1/requests", "requests", 0);
    expect_listed(BOB, "/v1/jobs", "jobs", 0);
    expect_listed(ALICE, "/v1/requests", "requests", 1);
    expect_listed(ALICE, "/v1/jobs", "jobs", 1);
}
END_TEST

START_TEST(what_is_hidden_is_told_in_the_words_for_what_is_not_there)
{
    struct answer hidden, absent;

    registers(ALICE, "{\"requestId\":\"x1\",\"action\":\"note\"}");
    hidden = get(BOB, "/v1/approvals/x1");
    absent = get(BOB, "/v1/approvals/x2");
    *strstr(hidden.body, "x1") = 'y';
    *strstr(absent.body, "x2") = 'y';
    hidden.body[strcspn(hidden.body, "y") + 1] = '_';
    absent.body[strcspn(absent.body, "y") + 1] = '_';
    ck_assert_str_eq(hidden.body, absent.body);
    answer_clear(&hidden);
    answer_clear(&absent);
}
END_TEST

START_TEST(an_id_that_is_anothers_is_taken_and_tells_nothing)
{
    static const char body[] = "{\"requestId\":\"a1\",\"action\":\"note\"}";

    (void)run_of_alice();
    answer_expect_error(ask(BOB, "POST", "/v1/requests", body), 409, "conflict",
                        "request a1 is another's, or was");
    answer_expect_error(
        ask(BOB, "POST", "/v1/requests", "{\"requestId\":\"a1\",\"action\":\"both\"}"), 409,
        "conflict", "request a1 is another's, or was");
    json_decref(answer_take(ask(ALICE, "POST", "/v1/requests", body), 200));
}
END_TEST

START_TEST(client_ids_of_two_agents_are_two)
{
    registers(ALICE, "{\"requestId\":\"a1\",\"action\":\"note\",\"clientId\":\"c\"}");
    registers(BOB, "{\"requestId\":\"b1\",\"action\":\"note\",\"clientId\":\"c\"}");
    answer_expect_error(ask(BOB, "POST", "/v1/requests",
                            "{\"requestId\":\"b2\",\"action\":\"note\",\"clientId\":\"c\"}"),
                        409, "conflict", "b1");
}
END_TEST

START_TEST(pages_of_an_agent_have_its_own_alone)
{
    char body[128];
    json_t *page;
    char *next;

    for (int i = 0; i < 6; i++) {
        (void)snprintf(body, sizeof body, "{\"requestId\":\"r%d\",\"action\":\"note\"}", i);
        registers(i % 2 ? BOB : ALICE, body);
    }
    page = answer_take(get(ALICE, "/v1/requests?limit=2"), 200);
    ck_assert_str_eq(text_at(page, "/requests/0/requestId"), "r4");
    ck_assert_str_eq(text_at(page, "/requests/1/requestId"), "r2");
    ck_assert_int_ge(asprintf(&next, "/v1/requests?limit=2&cursor=%s", text_at(page, "/cursor")),
                     0);
    json_decref(page);
    page = answer_take(get(ALICE, next), 200);
    ck_assert_str_eq(text_at(page, "/requests/0/requestId"), "r0");
    ck_assert(json_is_null(json_object_get(page, "cursor")));
    json_decref(page);
    free(next);
}
END_TEST

START_TEST(an_id_that_two_services_know_is_not_ambiguous_to_whom_one_belongs)
{
    json_t *request;

    house_configure(house, "[agent]\nsocket = %DIR%/agent.sock\nsocket_mode = 0666\n"
                           "[service other]\npath = /other\nscheme = daimon\n"
                           "secret_file = other-secret\n");
    house_write(house, "other-secret", "whsec_another-one");
    house_reload(house);
    registers(ALICE, "{\"requestId\":\"x\",\"action\":\"note\",\"service\":\"daimon\"}");
    registers(BOB, "{\"requestId\":\"x\",\"action\":\"note\",\"service\":\"other\"}");
    request = answer_take(get(BOB, "/v1/approvals/x"), 200);
    ck_assert_str_eq(text_at(request, "/service"), "other");
    json_decref(request);
    expect_hidden(BOB, "GET", "/v1/approvals/x?service=daimon");
    answer_expect_error(house_control(house, "GET", "/v1/approvals/x", NULL), 409, "ambiguous",
                        NULL);
}
END_TEST

/* --- assentctl -------------------------------------------------------------------------------- */

#define ASK(...) (said_clear(&said), said = ctl(house, "--socket", agent_socket, __VA_ARGS__, NULL))

START_TEST(assentctl_serves_agents_too)
{
    house_await_ready(house);
    house_register(house, "{\"requestId\":\"theirs\",\"action\":\"note\"}");
    ASK("register", "--id=r", "--action=note");
    ck_assert_int_eq(said.exit, 0);
    ASK("list");
    ck_assert_ptr_nonnull(strstr(said.out, "r "));
    ck_assert_ptr_null(strstr(said.out, "theirs"));
    ASK("show", "r");
    ck_assert_ptr_nonnull(strstr(said.out, "agent uid:"));
    ASK("show", "theirs");
    ck_assert_int_eq(said.exit, 1);
    ASK("status");
    ck_assert_int_eq(said.exit, 0);
    ck_assert_ptr_nonnull(strstr(said.out, "ready"));
    ck_assert_ptr_null(strstr(said.out, "Runner"));
    ASK("retry", "1");
    ck_assert_int_eq(said.exit, 1);
    ck_assert_ptr_nonnull(strstr(said.err, "only operators may"));
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("agent");
    TCase *tests = tcase_create("an agent");
    TCase *several = tcase_create("several agents");

    tcase_set_timeout(tests, 300);
    tcase_add_checked_fixture(tests, begin, end);
    tcase_add_test(tests, agents_have_a_gate_where_the_configuration_says_so);
    tcase_add_test(tests, the_gate_is_started_again);
    tcase_add_test(tests, a_section_that_comes_or_goes_waits_for_a_restart);
    tcase_add_test(tests, the_socket_has_its_mode);
    tcase_add_test(tests, an_agent_registers_and_follows_its_request);
    tcase_add_test(tests, an_agent_waits_for_its_decision);
    tcase_add_test(tests, an_agent_cancels_what_is_its_own);
    tcase_add_test(tests, an_agent_is_no_operator);
    tcase_add_test(tests, an_operator_sees_and_cancels_everything);
    tcase_add_test(tests, an_agent_retries_nothing);
    tcase_add_test(tests, an_agent_learns_that_assentd_is_ready_and_no_more);
    tcase_add_test(tests, a_token_says_nothing_on_a_socket);
    tcase_add_test(tests, an_action_may_refuse_what_agents_register);
    tcase_add_test(tests, all_actions_without_a_section_may_refuse_it);
    tcase_add_test(tests, assentctl_serves_agents_too);
    suite_add_tcase(suite, tests);
    tcase_set_timeout(several, 300);
    tcase_add_checked_fixture(several, begin, end);
    tcase_add_test(several, what_is_another_agents_is_not_there);
    tcase_add_test(several, what_is_hidden_is_told_in_the_words_for_what_is_not_there);
    tcase_add_test(several, an_id_that_is_anothers_is_taken_and_tells_nothing);
    tcase_add_test(several, client_ids_of_two_agents_are_two);
    tcase_add_test(several, pages_of_an_agent_have_its_own_alone);
    tcase_add_test(several, an_id_that_two_services_know_is_not_ambiguous_to_whom_one_belongs);
    if (geteuid() == 0) {
        suite_add_tcase(suite, several);
    } else {
        (void)puts("skipped: several agents at a socket are several users, which takes root");
    }
    return suite_run(suite);
}
