/*
 * The nine scenarios that must work, from the agent that asks to the hook that runs, with the service's
 * own webhooks; and an agent that does not know that assentd is there.
 */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "assent/base/buffer.h"
#include "integration/harness.h"
#include "integration/service_rig.h"

static struct house *house;
static struct service_rig *service;
static int agent_port;

static void set_up(void)
{
    char *text;

    house = house_new();
    service = service_start();
    agent_port = house_reserve_port();
    text = house_format(
        house,
        "url = %s\n"
        "api_key_file = api-key\n"
        "callback_url = http://127.0.0.1:%d/webhook/approval\n"
        "[agent]\n"
        "socket = %%DIR%%/agent.sock\n"
        "listen = 127.0.0.1:%d\n"
        "token_file = agent-token\n"
        "[requests]\n"
        "expiry_grace = 100ms\n"
        "[action bulk_send]\n"
        "require_approval_if = len(context.recipients) > 100\n"
        "on_granted = send\n"
        "[action execute_campaign]\n"
        "require_approval_if = context.estimatedCost > 100\n"
        "on_granted = note\n"
        "[action account_upgrade]\n"
        "on_granted = note\n"
        "[action data_deletion]\n"
        "on_granted = delete\n"
        "on_denied = note\n"
        "[action data_export]\n"
        "on_granted = full\n"
        "on_expired = safe\n"
        "[hook send]\n"
        "http = POST %s/v1/inboxes/{context.inbox_id}/send\n"
        "bearer_file = api-key\n"
        "body = {\"to\": \"{item}\", \"subject\": \"{context.subject}\", \"body\": \"{context.preview}\", "
        "\"client_id\": \"{job.key}\"}\n"
        "for_each = context.recipients\n"
        "[hook note]\n"
        "shell = echo \"$ASSENT_ACTION $ASSENT_STATUS $ASSENT_DECIDED_BY $ASSENT_DENIAL_REASON\" "
        ">>%%DIR%%/notes\n"
        "[hook delete]\n"
        "shell = echo deleted >>%%DIR%%/deleted\n"
        "[hook full]\n"
        "shell = echo full >>%%DIR%%/exports\n"
        "[hook safe]\n"
        "shell = echo safe >>%%DIR%%/exports\n",
        service_url(service), house_port(house), agent_port, service_url(service));
    house_write(house, "api-key", SERVICE_KEY "\n");
    house_write(house, "agent-token", SERVICE_KEY "\n");
    house_configure(house, text);
    free(text);
    house_start(house);
}

static void tear_down(void)
{
    house_free(house);
    service_free(service);
}

/* Asks, and gives the id that was answered; free(). */
static char *asked(const char *body, int status)
{
    struct answer answer = house_control(house, "POST", "/v1/notify-operator", body);
    char *id;

    ck_assert_msg(answer.status == status, "%d: %s", answer.status, answer.body);
    id = strdup(text_at(answer.json, "/requestId"));
    answer_clear(&answer);
    return id;
}

static char *bulk(int count, const char *after)
{
    struct buffer body = {0};

    ck_assert_int_eq(
        buffer_append_format(
            &body,
            "{\"type\":\"approval_request\",\"action\":\"bulk_send\",\"urgency\":\"medium\","
            "\"expiresIn\":3600%s,\"context\":{\"inbox_id\":\"inb_1\",\"recipient_count\":%d,"
            "\"subject\":\"Offer\",\"preview\":\"Ten percent\",\"recipients\":[",
            after, count),
        0);
    for (int i = 0; i < count; i++) {
        ck_assert_int_eq(buffer_append_format(&body, "%s\"p%d@example.org\"", i > 0 ? "," : "", i),
                         0);
    }
    ck_assert_int_eq(buffer_append_text(&body, "]}}"), 0);
    return buffer_take_text(&body);
}

static char *asked_bulk(int count, const char *after, int status)
{
    char *body = bulk(count, after);
    char *id = asked(body, status);

    free(body);
    return id;
}

static void decide(const char *id, const char *status, const char *form, const char *reason,
                   const char *outcome)
{
    char *decision = house_format(house,
                                  "{\"id\":\"%s\",\"status\":\"%s\",\"by\":\"ops@example.com\","
                                  "\"form\":\"%s\",\"reason\":\"%s\"}",
                                  id, status, form, reason);
    json_t *told = service_decide(service, decision);

    ck_assert_str_eq(text_at(told, "/deliveries/0/answer/result/outcome"), outcome);
    json_decref(told);
    free(decision);
}

static void expect_emails(int created)
{
    json_t *emails;

    service_await_emails(service, created);
    emails = service_emails(service, false);
    ck_assert_int_eq(number_at(emails, "/created"), created);
    json_decref(emails);
}

static void expect_notes(const char *text)
{
    char *notes;

    house_await_lines(house, "notes", 1);
    notes = house_read(house, "notes");
    ck_assert_str_eq(notes, text);
    free(notes);
}

START_TEST(scenario_1_a_campaign_to_500_is_approved)
{
    char *id = asked_bulk(500, "", 200);

    decide(id, "approved", "javascript", "", "matched");
    house_await_jobs(house, id, 2, "succeeded");
    expect_emails(500);
    free(id);
}
END_TEST

START_TEST(scenario_2_a_campaign_to_80_needs_nobody)
{
    char *id = asked_bulk(80, "", 200);

    house_await_jobs(house, id, 1, "succeeded");
    expect_emails(80);
    ck_assert_uint_eq(service_asked_count(service), 0);
    free(id);
}
END_TEST

START_TEST(scenario_3_an_upgrade_is_approved_in_the_words_of_python)
{
    char *id =
        asked("{\"type\":\"approval_request\",\"action\":\"account_upgrade\",\"urgency\":\"high\","
              "\"context\":{\"currentTier\":\"free\",\"requestedTier\":\"pro\",\"monthlyCost\":49,"
              "\"reason\":\"limits\"}}",
              200);

    decide(id, "approved", "python", "", "matched");
    expect_notes("account_upgrade approved ops@example.com \n");
    house_await_log(house, "by ops@example.com");
    house_await_log(house, "approved after");
    free(id);
}
END_TEST

START_TEST(scenario_4_a_deletion_is_denied)
{
    char *id = asked("{\"action\":\"data_deletion\",\"context\":{\"table\":\"customers\"}}", 200);
    char *deleted;

    decide(id, "denied", "javascript", "the live table", "matched");
    expect_notes("data_deletion denied ops@example.com the live table\n");
    deleted = house_read(house, "deleted");
    ck_assert_str_eq(deleted, "");
    free(deleted);
    free(id);
}
END_TEST

START_TEST(scenario_5_what_is_unknown_is_kept_and_what_has_no_section_runs_nothing)
{
    json_t *jobs;

    house_decide_as(house, "req_early", "approved", "early");
    jobs = house_get(house, "/v1/jobs");
    ck_assert_uint_eq(json_array_size(json_object_get(jobs, "jobs")), 0);
    json_decref(jobs);
    house_register_as(house, "req_early", "account_upgrade");
    house_await_jobs(house, "req_early", 1, "succeeded");
    house_register_as(house, "req_other", "reboot");
    house_approve(house, "req_other");
    jobs = house_get(house, "/v1/jobs?request=req_other");
    ck_assert_uint_eq(json_array_size(json_object_get(jobs, "jobs")), 0);
    json_decref(jobs);
}
END_TEST

START_TEST(scenario_6_a_second_step_waits_for_the_first)
{
    char *first = asked("{\"action\":\"account_upgrade\",\"clientId\":\"a\"}", 200);
    char *after = house_format(house, ",\"after\":\"%s\"", first);
    char *second = asked_bulk(200, after, 202);
    json_t *request;

    house_await_status(house, second, "held");
    ck_assert_uint_eq(service_asked_count(service), 1);
    decide(first, "approved", "javascript", "", "matched");
    house_await_status(house, second, "pending");
    request = house_show(house, second);
    decide(text_at(request, "/requestId"), "approved", "javascript", "", "matched");
    json_decref(request);
    expect_emails(200);
    free(after);
    free(first);
    free(second);
    first = asked("{\"action\":\"account_upgrade\",\"clientId\":\"b\"}", 200);
    after = house_format(house, ",\"after\":[\"%s\"]", first);
    second = asked_bulk(200, after, 202);
    decide(first, "denied", "javascript", "too dear", "matched");
    house_await_status(house, second, "canceled");
    expect_emails(200);
    free(after);
    free(first);
    free(second);
}
END_TEST

START_TEST(scenario_7_a_campaign_needs_approval_above_a_cost)
{
    char *cheap =
        asked("{\"action\":\"execute_campaign\",\"context\":{\"estimatedCost\":100}}", 200);
    char *dear =
        asked("{\"action\":\"execute_campaign\",\"context\":{\"estimatedCost\":100.5}}", 200);

    house_await_jobs(house, cheap, 1, "succeeded");
    house_await_status(house, dear, "pending");
    ck_assert_uint_eq(service_asked_count(service), 1);
    decide(dear, "approved", "envelope", "", "matched");
    house_await_jobs(house, dear, 2, "succeeded");
    free(cheap);
    free(dear);
}
END_TEST

START_TEST(scenario_8_nobody_answers_in_time)
{
    char *id = asked("{\"action\":\"data_export\",\"expiresIn\":1}", 200);
    char *exports;

    house_await_status(house, id, "expired");
    house_await_jobs(house, id, 2, "succeeded");
    decide(id, "approved", "javascript", "", "late");
    house_await_jobs(house, id, 2, "succeeded");
    exports = house_read(house, "exports");
    ck_assert_str_eq(exports, "safe\n");
    free(exports);
    free(id);
}
END_TEST

START_TEST(scenario_9_a_forged_an_unsigned_and_a_replayed_webhook)
{
    static const char *const unsigned_one[] = {"Content-Type: application/json", NULL};
    static const char *const forged[] = {
        "Content-Type: application/json",
        "X-Daimon-Signature: sha256=0000000000000000000000000000000000000000000000000000000000000000",
        NULL};
    char *id = asked("{\"action\":\"account_upgrade\"}", 200);
    char *body = house_format(house, "{\"requestId\":\"%s\",\"status\":\"approved\"}", id);
    struct answer answer = house_public(house, "POST", "/webhook/approval", forged, body);

    ck_assert_int_eq(answer.status, 401);
    answer_clear(&answer);
    answer = house_public(house, "POST", "/webhook/approval", unsigned_one, body);
    ck_assert_int_eq(answer.status, 401);
    answer_clear(&answer);
    house_await_status(house, id, "pending");
    house_decide(house, body, "matched");
    house_await_jobs(house, id, 2, "succeeded");
    house_decide(house, body, "duplicate");
    house_await_jobs(house, id, 2, "succeeded");
    free(body);
    free(id);
}
END_TEST

/* Runs the agent against that base URL, decides once the service was asked, and returns its status. */
static void run_agent(const char *base, const char *form, size_t already, const char *decision)
{
    const char *source = getenv("ASSENT_SOURCE");
    char *command = house_format(house, "%s/tests/integration/agent.sh %s %s %s",
                                 source ? source : ".", base, SERVICE_KEY, form);
    FILE *agent = popen(command, "re");
    char id[256] = "";
    char status[64] = "";
    json_t *request;

    ck_assert_ptr_nonnull(agent);
    service_await_asked(service, already + 1);
    request = service_asked(service, already);
    ck_assert_ptr_nonnull(fgets(id, sizeof id, agent));
    id[strcspn(id, "\n")] = '\0';
    ck_assert_str_eq(id, text_at(request, "/id"));
    ck_assert_str_eq(text_at(request, "/body/context/requestedTier"), "pro");
    if (strcmp(base, service_url(service)) == 0) {
        service_decide_silently(service, id, decision);
    } else {
        service_decide_as(service, id, decision, "matched");
    }
    ck_assert_ptr_nonnull(fgets(status, sizeof status, agent));
    status[strcspn(status, "\n")] = '\0';
    ck_assert_str_eq(status, decision);
    ck_assert_int_eq(pclose(agent), 0);
    json_decref(request);
    free(command);
}

START_TEST(an_agent_runs_unchanged_with_assentd_in_front_of_the_service)
{
    char *assentd = house_format(house, "http://127.0.0.1:%d", agent_port);

    run_agent(service_url(service), "javascript", 0, "approved");
    run_agent(service_url(service), "python", 1, "denied");
    run_agent(assentd, "javascript", 2, "approved");
    run_agent(assentd, "python", 3, "denied");
    free(assentd);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("scenarios");
    TCase *tests = tcase_create("scenarios");
    SRunner *runner = srunner_create(suite);
    int failed;

    tcase_set_timeout(tests, 120);
    tcase_add_checked_fixture(tests, set_up, tear_down);
    tcase_add_test(tests, scenario_1_a_campaign_to_500_is_approved);
    tcase_add_test(tests, scenario_2_a_campaign_to_80_needs_nobody);
    tcase_add_test(tests, scenario_3_an_upgrade_is_approved_in_the_words_of_python);
    tcase_add_test(tests, scenario_4_a_deletion_is_denied);
    tcase_add_test(tests, scenario_5_what_is_unknown_is_kept_and_what_has_no_section_runs_nothing);
    tcase_add_test(tests, scenario_6_a_second_step_waits_for_the_first);
    tcase_add_test(tests, scenario_7_a_campaign_needs_approval_above_a_cost);
    tcase_add_test(tests, scenario_8_nobody_answers_in_time);
    tcase_add_test(tests, scenario_9_a_forged_an_unsigned_and_a_replayed_webhook);
    tcase_add_test(tests, an_agent_runs_unchanged_with_assentd_in_front_of_the_service);
    suite_add_tcase(suite, tests);
    srunner_run_all(runner, CK_ENV);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
