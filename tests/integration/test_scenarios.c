/*
 * The nine scenarios that must work, from the agent that asks to the hook that runs, with the service's
 * own webhooks; and an agent that does not know that assentd is there.
 */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "assent/base/buffer.h"
#include "integration/harness.h"
#include "integration/service_rig.h"
#include "support/suite.h"

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

/* The service was asked for that action, in the words of the agent, and shall post to assentd; json_decref. */
static json_t *asked_of(size_t index, const char *action)
{
    json_t *request = service_asked(service, index);
    char *callback =
        house_format(house, "http://127.0.0.1:%d/webhook/approval?request=", house_port(house));

    ck_assert_str_eq(text_at(request, "/body/type"), "approval_request");
    ck_assert_str_eq(text_at(request, "/body/action"), action);
    ck_assert_ptr_eq(strstr(text_at(request, "/body/callbackUrl"), callback),
                     text_at(request, "/body/callbackUrl"));
    free(callback);
    return request;
}

/* So many exist, each for another recipient, and none was sent again after it was acknowledged. */
static void expect_emails(int created)
{
    json_t *emails;

    service_await_emails(service, created);
    emails = service_emails(service, false);
    ck_assert_int_eq(number_at(emails, "/created"), created);
    ck_assert_int_eq(number_at(emails, "/client_ids"), created);
    ck_assert_int_eq(number_at(emails, "/created_twice"), 0);
    ck_assert_int_eq(number_at(emails, "/seen_again"), 0);
    json_decref(emails);
}

static void expect_recipients(int count)
{
    json_t *emails = service_emails(service, false);

    ck_assert_int_eq(number_at(emails, "/recipients"), count);
    ck_assert_int_eq(number_at(emails, "/sent_twice"), 0);
    json_decref(emails);
}

/* The request has that text, such as a status, at a JSON Pointer. */
static void expect_shown(const char *id, const char *pointer, const char *text)
{
    json_t *request = house_show(house, id);

    ck_assert_str_eq(text_at(request, pointer), text);
    json_decref(request);
}

/* A line of the log tells how the request ended, after how long, and by whom. */
static void expect_logged_end(const char *id, const char *what, const char *by)
{
    char *end = house_format(house, "by %s\" request=%s ", by, id);
    char *begin = house_format(house, " msg=\"%s after ", what);
    char *log;
    char *found;

    house_await_log(house, end);
    log = house_log(house);
    found = strstr(log, end);
    *found = '\0';
    found = strrchr(log, '\n');
    ck_assert_ptr_nonnull(strstr(found ? found : log, begin));
    free(log);
    free(begin);
    free(end);
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
    json_t *request = asked_of(0, "bulk_send");

    ck_assert_str_eq(text_at(request, "/id"), id);
    ck_assert_str_eq(text_at(request, "/body/urgency"), "medium");
    ck_assert_int_gt(number_at(request, "/body/expiresIn"), 3600 - HOUSE_PATIENCE_MS / 1000);
    ck_assert_int_le(number_at(request, "/body/expiresIn"), 3600);
    ck_assert_int_eq(number_at(request, "/body/context/recipient_count"), 500);
    ck_assert_str_eq(text_at(request, "/body/context/subject"), "Offer");
    ck_assert_str_eq(text_at(request, "/body/context/preview"), "Ten percent");
    ck_assert_str_eq(text_at(request, "/body/context/recipients/499"), "p499@example.org");
    json_decref(request);
    expect_emails(0);
    decide(id, "approved", "javascript", "", "matched");
    house_await_jobs(house, id, 2, "succeeded");
    expect_emails(500);
    expect_recipients(500);
    free(id);
}
END_TEST

START_TEST(scenario_2_a_campaign_to_80_needs_nobody)
{
    char *id = asked_bulk(80, "", 200);

    expect_shown(id, "/status", "approved");
    expect_shown(id, "/decidedBy", "policy");
    house_await_jobs(house, id, 1, "succeeded");
    expect_emails(80);
    expect_recipients(80);
    ck_assert_uint_eq(service_asked_count(service), 0);
    free(id);
}
END_TEST

START_TEST(scenario_3_an_upgrade_is_approved_in_the_words_of_python)
{
    char *id =
        asked("{\"type\":\"approval_request\",\"action\":\"account_upgrade\",\"urgency\":\"high\","
              "\"expires_in\":3600,\"context\":{\"currentTier\":\"free\",\"requestedTier\":\"pro\","
              "\"monthlyCost\":49,\"reason\":\"limits\"}}",
              200);
    json_t *request = asked_of(0, "account_upgrade");

    ck_assert_str_eq(text_at(request, "/body/urgency"), "high");
    ck_assert_str_eq(text_at(request, "/body/context/currentTier"), "free");
    ck_assert_str_eq(text_at(request, "/body/context/requestedTier"), "pro");
    ck_assert_int_eq(number_at(request, "/body/context/monthlyCost"), 49);
    ck_assert_str_eq(text_at(request, "/body/context/reason"), "limits");
    json_decref(request);
    decide(id, "approved", "python", "", "matched");
    expect_notes("account_upgrade approved ops@example.com \n");
    expect_logged_end(id, "approved", "ops@example.com");
    free(id);
}
END_TEST

START_TEST(scenario_4_a_deletion_is_denied)
{
    char *id = asked("{\"action\":\"data_deletion\",\"context\":{\"table\":\"customers\"}}", 200);
    char *deleted;

    decide(id, "denied", "javascript", "the live table", "matched");
    expect_notes("data_deletion denied ops@example.com the live table\n");
    expect_shown(id, "/denialReason", "the live table");
    house_await_jobs(house, id, 2, "succeeded");
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
    house_await_log(house, "msg=\"decision for an unknown request: kept until it is registered\" "
                           "request=req_early ");
    jobs = house_get(house, "/v1/jobs");
    ck_assert_uint_eq(json_array_size(json_object_get(jobs, "jobs")), 0);
    json_decref(jobs);
    house_register_as(house, "req_early", "account_upgrade");
    house_await_jobs(house, "req_early", 1, "succeeded");
    house_register_as(house, "req_other", "reboot");
    house_approve(house, "req_other");
    house_await_log(house, " request=req_other service=daimon action=reboot hooks=0");
    jobs = house_get(house, "/v1/jobs?request=req_other");
    ck_assert_uint_eq(json_array_size(json_object_get(jobs, "jobs")), 0);
    json_decref(jobs);
}
END_TEST

START_TEST(scenario_6_a_second_step_waits_for_the_first)
{
    char *first = asked("{\"action\":\"account_upgrade\"}", 200);
    char *after = house_format(house, ",\"after\":\"%s\"", first);
    char *second = asked_bulk(200, after, 202);
    json_t *request;

    house_await_status(house, second, "held");
    ck_assert_uint_eq(service_asked_count(service), 1);
    decide(first, "approved", "javascript", "", "matched");
    house_await_status(house, second, "pending");
    ck_assert_uint_eq(service_asked_count(service), 2);
    expect_emails(0);
    request = house_show(house, second);
    decide(text_at(request, "/requestId"), "approved", "javascript", "", "matched");
    json_decref(request);
    house_await_jobs(house, second, 2, "succeeded");
    expect_emails(200);
    expect_recipients(200);
    free(after);
    free(first);
    free(second);
}
END_TEST

START_TEST(scenario_6_a_second_step_ends_with_the_first_that_is_denied)
{
    char *first = asked("{\"action\":\"account_upgrade\"}", 200);
    char *after = house_format(house, ",\"after\":[\"%s\"]", first);
    char *second = asked_bulk(200, after, 202);

    decide(first, "denied", "javascript", "too dear", "matched");
    house_await_status(house, second, "canceled");
    house_await_jobs(house, second, 0, "succeeded");
    ck_assert_uint_eq(service_asked_count(service), 1);
    expect_emails(0);
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

    expect_shown(cheap, "/decidedBy", "policy");
    house_await_jobs(house, cheap, 1, "succeeded");
    expect_shown(dear, "/status", "pending");
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
    expect_shown(id, "/status", "expired");
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
    expect_notes("account_upgrade approved  \n");
    free(body);
    free(id);
}
END_TEST

/* --- an agent that does not know about assentd -------------------------------------------------------- */

/* What the agent prints from now on to its end; free(). */
static char *rest_of_output(FILE *agent)
{
    struct buffer output = {0};
    char line[256];

    while (fgets(line, sizeof line, agent)) {
        ck_assert_int_eq(buffer_append_text(&output, line), 0);
    }
    ck_assert_int_eq(buffer_append_text(&output, ""), 0);
    return buffer_take_text(&output);
}

/* Runs it against that base URL, decides once the service was asked, which refuses so often before, and
 * returns what it prints after the id; free(). */
static char *run_agent(const char *base, const char *form, const char *decision, size_t refusals)
{
    const char *source = getenv("ASSENT_SOURCE");
    size_t already = service_asked_count(service);
    char *command = house_format(house, "exec %s/tests/integration/agent.sh %s %s %s",
                                 source ? source : ".", base, SERVICE_KEY, form);
    FILE *agent = popen(command, "re");
    char id[256] = "";
    json_t *request;
    char *output;

    ck_assert_ptr_nonnull(agent);
    ck_assert_ptr_nonnull(fgets(id, sizeof id, agent));
    id[strcspn(id, "\n")] = '\0';
    if (refusals > 0) {
        house_await_status(house, id, "pending");
    }
    request = service_asked(service, already + refusals);
    ck_assert_str_eq(text_at(request, "/body/context/requestedTier"), "pro");
    ck_assert_str_eq(text_at(request, "/body/reason"), "at the rate limit");
    if (strcmp(base, service_url(service)) == 0) {
        service_decide_silently(service, text_at(request, "/id"), decision);
    } else {
        service_decide_as(service, text_at(request, "/id"), decision, "matched");
    }
    output = rest_of_output(agent);
    ck_assert_int_eq(pclose(agent), 0);
    ck_assert_uint_eq(service_asked_count(service), already + refusals + 2);
    json_decref(request);
    request = service_asked(service, already + refusals + 1);
    ck_assert_str_eq(text_at(request, "/body/issue"), "The upgrade is settled");
    ck_assert_str_eq(text_at(request, "/body/context/tier"), "pro");
    ck_assert_str_eq(text_at(request, "/body/action_label"), "Look");
    json_decref(request);
    free(command);
    return output;
}

/* The spelling of the agent, and of what the service answers. */
static const struct {
    const char *form;
    const char *settings;
    const char *decision;
    const char *printed;
} agents[] = {
    {"javascript", "{\"id_as\":\"requestId\"}", "approved", "approved\ndelivered\n"},
    {"javascript", "{\"id_as\":\"requestId\",\"id_in\":\"top\"}", "denied", "denied\ndelivered\n"},
    {"python", "{\"id_as\":\"request_id\"}", "approved", "approved\ndelivered\n"},
    {"python", "{\"id_as\":\"request_id\",\"id_in\":\"top\"}", "denied", "denied\ndelivered\n"},
};

START_TEST(an_agent_runs_unchanged_with_assentd_in_front_of_the_service)
{
    char *assentd = house_format(house, "http://127.0.0.1:%d", agent_port);
    char *alone;
    char *with_assentd;

    service_set(service, agents[_i].settings);
    alone = run_agent(service_url(service), agents[_i].form, agents[_i].decision, 0);
    with_assentd = run_agent(assentd, agents[_i].form, agents[_i].decision, 0);
    ck_assert_str_eq(alone, agents[_i].printed);
    ck_assert_str_eq(with_assentd, alone);
    free(with_assentd);
    free(alone);
    free(assentd);
}
END_TEST

/* It polls while the request is pending, and the word of the service is all that it knows. */
START_TEST(an_agent_polls_through_an_outage_of_the_service)
{
    char *assentd = house_format(house, "http://127.0.0.1:%d", agent_port);
    char *printed;

    service_fail(service, "notify", "503", 1);
    printed = run_agent(assentd, agents[_i].form, agents[_i].decision, 1);
    ck_assert_str_eq(printed, agents[_i].printed);
    free(printed);
    free(assentd);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("scenarios");
    TCase *tests = house_scenarios(suite, "scenarios", set_up, tear_down);

    tcase_add_test(tests, scenario_1_a_campaign_to_500_is_approved);
    tcase_add_test(tests, scenario_2_a_campaign_to_80_needs_nobody);
    tcase_add_test(tests, scenario_3_an_upgrade_is_approved_in_the_words_of_python);
    tcase_add_test(tests, scenario_4_a_deletion_is_denied);
    tcase_add_test(tests, scenario_5_what_is_unknown_is_kept_and_what_has_no_section_runs_nothing);
    tcase_add_test(tests, scenario_6_a_second_step_waits_for_the_first);
    tcase_add_test(tests, scenario_6_a_second_step_ends_with_the_first_that_is_denied);
    tcase_add_test(tests, scenario_7_a_campaign_needs_approval_above_a_cost);
    tcase_add_test(tests, scenario_8_nobody_answers_in_time);
    tcase_add_test(tests, scenario_9_a_forged_an_unsigned_and_a_replayed_webhook);
    tcase_add_loop_test(tests, an_agent_runs_unchanged_with_assentd_in_front_of_the_service, 0,
                        sizeof agents / sizeof agents[0]);
    tcase_add_loop_test(tests, an_agent_polls_through_an_outage_of_the_service, 0,
                        sizeof agents / sizeof agents[0]);
    return suite_run(suite);
}
