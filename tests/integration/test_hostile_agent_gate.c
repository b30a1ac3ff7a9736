/*
 * An attacker who owns the gate of agents: whatever is said in its place, to a real core it is never
 * an operator, and never sees what an operator made.
 */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "integration/core_rig.h"
#include "support/suite.h"

static struct core_rig rig;
static uint64_t last_id;

/* The operator of these tests is uid:1000; these are what the gate may say instead. */
static const char *const peers[] = {"uid:1000",  "uid:0",      "uid:",        "operator",
                                    "127.0.0.1", "token:ops",  "agent uid:1", "",
                                    "unknown",   "uid:1000\n", "uid:1000 x",  "UID:1000"};

static void set_up(void)
{
    core_rig_open(&rig);
    core_rig_hello(&rig, ROLE_RUNNER, 1);
    core_rig_hello(&rig, ROLE_CALLER, 1);
    core_rig_settle_executor(&rig, ROLE_RUNNER);
    core_rig_settle_executor(&rig, ROLE_CALLER);
    core_rig_register(&rig, "daimon", "req_1", "pay");
}

static void tear_down(void)
{
    core_rig_listen(&rig, ROLE_GATE_AGENT);
    ck_assert(!core_rig_was_told(&rig, ROLE_GATE_AGENT, CORE_RIG_CONFIDENTIAL));
    ck_assert(!core_rig_was_told(&rig, ROLE_GATE_AGENT, CORE_RIG_SECRET));
    core_rig_settle_executor(&rig, ROLE_RUNNER);
    core_rig_settle_executor(&rig, ROLE_CALLER);
    core_rig_close(&rig);
}

static unsigned ask(const char *peer, const char *method, const char *path, const char *query,
                    const char *body, json_t **ret_json)
{
    const struct protocol_request request = {
        .id = ++last_id,
        .method = method,
        .path = path,
        .query = query,
        .peer = peer,
        .body = body,
        .body_length = strlen(body),
        .header_count = 1,
        .headers = {{"authorization", "Bearer 0123456789abcdef"}},
    };

    return core_rig_ask(&rig, ROLE_GATE_AGENT, &request, ret_json);
}

static void expect_refused(const char *method, const char *path, const char *query)
{
    for (size_t i = 0; i < sizeof peers / sizeof peers[0]; i++) {
        unsigned status = ask(peers[i], method, path, query, "", NULL);

        ck_assert_msg(status == 401 || status == 403 || status == 404, "%s: %s %s?%s: %u", peers[i],
                      method, path, query, status);
    }
}

START_TEST(no_peer_that_it_names_sees_what_an_operator_made)
{
    expect_refused("GET", "/v1/requests/req_1", "");
    expect_refused("GET", "/v1/approvals/req_1", "service=daimon");
    expect_refused("GET", "/v1/approvals/req_1", "wait=55");
    expect_refused("GET", "/v1/jobs", "request=req_1");
    for (size_t i = 0; i < sizeof peers / sizeof peers[0]; i++) {
        json_t *json = NULL;
        json_t *result;

        if (ask(peers[i], "GET", "/v1/requests", "", "", &json) == 200) {
            result = json_object_get(json, "result");
            ck_assert_uint_eq(json_array_size(json_object_get(result, "requests")), 0);
        }
        json_decref(json);
    }
}
END_TEST

START_TEST(no_peer_that_it_names_cancels_what_an_operator_made)
{
    expect_refused("POST", "/v1/requests/req_1/cancel", "");
    expect_refused("POST", "/v1/requests/req_1/cancel", "service=daimon");
    ck_assert_uint_eq(core_rig_count(&rig, "requests", "state=pending"), 1);
}
END_TEST

START_TEST(no_peer_that_it_names_touches_a_job)
{
    core_rig_register(&rig, "daimon", "req_2", "slow");
    ck_assert_uint_eq(core_rig_webhook(&rig, CORE_RIG_PATH, CORE_RIG_SECRET,
                                       "{\"requestId\":\"req_2\",\"status\":\"approved\"}"),
                      200);
    (void)core_rig_started(&rig, ROLE_RUNNER, "retry-program");
    expect_refused("GET", "/v1/jobs/1", "");
    expect_refused("GET", "/v1/jobs/1/output", "");
    expect_refused("POST", "/v1/jobs/1/retry", "");
    ck_assert_uint_eq(core_rig_count(&rig, "jobs", "state=running"), 1);
}
END_TEST

START_TEST(what_it_registers_is_an_agents)
{
    json_t *json = NULL;
    json_t *shown;

    ck_assert_uint_eq(ask("uid:1000", "POST", "/v1/requests", "",
                          "{\"requestId\":\"mine\",\"action\":\"pay\",\"service\":\"daimon\"}",
                          &json),
                      201);
    json_decref(json);
    shown = core_rig_control(&rig, "GET", "/v1/requests/mine", "", "");
    ck_assert_str_eq(json_string_value(json_object_get(shown, "registeredBy")), "agent uid:1000");
    json_decref(shown);
    /* The operator's id stays the operator's. */
    ck_assert_uint_eq(ask("uid:1000", "POST", "/v1/requests", "",
                          "{\"requestId\":\"req_1\",\"action\":\"pay\",\"service\":\"daimon\"}",
                          NULL),
                      409);
}
END_TEST

START_TEST(its_end_and_its_ids_do_not_touch_operators)
{
    const struct buffer nothing = {0};

    ck_assert(core_rig_say(&rig, ROLE_GATE_AGENT, FRAME_DRAIN, &nothing));
    core_rig_replace(&rig, ROLE_GATE_AGENT);
    ck_assert_uint_eq(ask("uid:1", "GET", "/healthz", "", "", NULL), 200);
    ck_assert_uint_eq(core_rig_count(&rig, "requests", "state=pending"), 1);
}
END_TEST

START_TEST(frames_of_executors_break_it)
{
    struct buffer payload = {0};

    ck_assert_int_eq(buffer_append_text(&payload, "START"), 0);
    (void)core_rig_say(&rig, ROLE_GATE_AGENT, FRAME_RESULT, &payload);
    core_rig_expect_broken_and_replace(&rig, ROLE_GATE_AGENT);
    buffer_free(&payload);
    ck_assert_uint_eq(core_rig_count(&rig, "requests", "state=pending"), 1);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("a hostile gate of agents");
    TCase *tests = suite_case(suite, "a hostile gate of agents", set_up, tear_down);

    tcase_set_timeout(tests, 300);
    tcase_add_test(tests, no_peer_that_it_names_sees_what_an_operator_made);
    tcase_add_test(tests, no_peer_that_it_names_cancels_what_an_operator_made);
    tcase_add_test(tests, no_peer_that_it_names_touches_a_job);
    tcase_add_test(tests, what_it_registers_is_an_agents);
    tcase_add_test(tests, its_end_and_its_ids_do_not_touch_operators);
    tcase_add_test(tests, frames_of_executors_break_it);
    return suite_run(suite);
}
