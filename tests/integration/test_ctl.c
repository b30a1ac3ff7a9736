/*
 * assentctl against a real assentd: each command, each exit status.
 */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "integration/ctl_rig.h"
#include "support/suite.h"

static struct house *house;

static const char sections[] = "[action pay]\n"
                               "on_granted = note\n"
                               "[action chatter]\n"
                               "on_granted = chatter\n"
                               "[action fail]\n"
                               "on_granted = fail\n"
                               "[hook note]\n"
                               "shell = echo \"$ASSENT_REQUEST_ID\" >>%DIR%/notes\n"
                               "[hook chatter]\n"
                               "shell = printf 'red \\033[31m\\n'; seq 1 40000; echo sorry >&2\n"
                               "[hook fail]\n"
                               "shell = echo tried >>%DIR%/tries; exit 3\n";

static void begin(void)
{
    house = house_new();
    house_configure(house, sections);
    house_start(house);
    said = (struct said){0};
}

static void end(void)
{
    said_clear(&said);
    house_free(house);
}

/* What it said as JSON; json_decref. */
static json_t *said_json(void)
{
    json_t *json = json_loads(said.out, 0, NULL);

    ck_assert_msg(json != NULL, "no JSON: %s", said.out);
    return json;
}

/* --- registering and looking ------------------------------------------------------------------ */

START_TEST(what_was_registered_is_shown)
{
    CTL("register", "--id", "req:1", "--action", "pay", "--reason", "rent", "--urgency", "high",
        "--context", "{\"amount\": 12.5}", "--expires-in", "2h", "--client-id", "c1");
    assert_exit(0);
    ck_assert_str_eq(said.out, "req:1 pending, 2h left\n");
    CTL("show", "req:1");
    assert_exit(0);
    assert_says("Request       req:1\n");
    assert_says("Action        pay\n");
    assert_says("Urgency       high\n");
    assert_says("Reason        rent\n");
    assert_says("\"amount\": 12.5\n");
    assert_says("Client id     c1\n");
    assert_says("request.registered by uid:");
    CTL("list");
    assert_exit(0);
    assert_says("REQUEST  ACTION  STATE ");
    assert_says("\nreq:1    pay     pending ");
}
END_TEST

START_TEST(json_is_what_the_daemon_answers)
{
    struct answer answer;
    json_t *json;

    CTL("register", "--id", "req_1", "--action", "pay", "--json");
    assert_exit(0);
    json = said_json();
    ck_assert_str_eq(json_string_value(json_object_get(json, "requestId")), "req_1");
    json_decref(json);
    CTL("--json", "show", "req_1");
    assert_exit(0);
    ck_assert_ptr_eq(strchr(said.out, '\n'), said.out + strlen(said.out) - 1);
    json = said_json();
    answer = house_control(house, "GET", "/v1/requests/req_1", NULL);
    ck_assert(json_equal(json, json_object_get(answer.json, "result")));
    answer_clear(&answer);
    json_decref(json);
}
END_TEST

START_TEST(a_file_is_registered_as_it_is)
{
    char *path = house_file(house, "request.json");

    house_write(house, "request.json", "{\"request_id\": \"req_1\", \"action\": \"pay\"}");
    CTL("register", "--file", path);
    assert_exit(0);
    ck_assert_str_eq(said.out, "req_1 pending, 1h left\n");
    free(path);
}
END_TEST

START_TEST(errors_of_the_daemon_are_told_and_are_status_1)
{
    CTL("register", "--id", "req_1", "--action", "pay");
    CTL("register", "--id", "req_1", "--action", "other");
    assert_exit(1);
    assert_complains("assentctl: request req_1 is registered already, with another body\n");
    CTL("show", "req_2");
    assert_exit(1);
    assert_complains("assentctl: there is no request req_2\n");
    CTL("--json", "show", "req_2");
    assert_exit(1);
    assert_complains("{\"error\":\"not_found\",");
    CTL("output", "17");
    assert_exit(1);
    assert_complains("there is no job 17");
    CTL("list", "--state", "nonsense");
    assert_exit(1);
    assert_complains("state: expected held,");
}
END_TEST

START_TEST(wrong_command_lines_are_status_64)
{
    CTL("frobnicate");
    assert_exit(64);
    assert_complains("assentctl: there is no command 'frobnicate'\nSee 'assentctl --help'.\n");
    CTL("show");
    assert_exit(64);
    assert_complains("assentctl: show: expected REQUEST\nSee 'assentctl show --help'.\n");
    CTL("show", "one", "two");
    assert_exit(64);
    CTL("list", "--limit", "none");
    assert_exit(64);
    CTL("register", "--action", "pay");
    assert_exit(64);
    CTL("wait", "req_1", "--timeout", "soon");
    assert_exit(64);
    CTL("send", "--request", "req_1", "--status", "maybe");
    assert_exit(64);
    said_clear(&said);
    said = ctl(house, NULL);
    assert_exit(64);
}
END_TEST

START_TEST(help_and_version_need_no_daemon)
{
    CTL("--socket=/nowhere", "--help");
    assert_exit(0);
    assert_says("Usage: assentctl ");
    CTL("wait", "--help", "--socket=/nowhere");
    assert_exit(0);
    assert_says("Usage: assentctl wait REQUEST ");
    CTL("--version");
    assert_exit(0);
    ck_assert_str_eq(said.out, "assentctl " ASSENT_VERSION "\n");
}
END_TEST

START_TEST(without_a_daemon_every_command_is_status_5)
{
    static const char *const lines[][4] = {
        {"list"},
        {"show", "r"},
        {"wait", "r"},
        {"cancel", "r"},
        {"jobs"},
        {"jobs", "1"},
        {"output", "1"},
        {"retry", "1"},
        {"status"},
        {"register", "--id=r", "--action=a"},
        {"register", "--id=r", "--action=a", "--wait"},
    };

    (void)house_stop(house);
    for (size_t i = 0; i < sizeof lines / sizeof lines[0]; i++) {
        const char *const *line = lines[i];

        CTL("--socket", "/nowhere/control.sock", line[0], line[1], line[2], line[3]);
        assert_exit(5);
        assert_complains(
            "assentctl: no daemon at /nowhere/control.sock: No such file or directory; "
            "is assentd running? --socket names another\n");
    }
    CTL("send", "--request=r", "--status=approved");
    assert_exit(5);
    assert_complains("Connection refused");
    house_start(house);
}
END_TEST

START_TEST(a_list_can_be_narrowed_and_says_if_there_is_more)
{
    CTL("register", "--id=req_1", "--action=pay");
    CTL("register", "--id=req_2", "--action=other");
    CTL("register", "--id=req_3", "--action=pay");
    CTL("cancel", "req_3");
    CTL("list", "--action", "pay", "--state", "pending");
    assert_says("\nreq_1 ");
    ck_assert_ptr_null(strstr(said.out, "req_2"));
    ck_assert_ptr_null(strstr(said.out, "req_3"));
    CTL("list", "--limit", "2");
    assert_says("\nreq_3 ");
    assert_says("\nreq_2 ");
    assert_says("\n(the newest 2: --limit N or --all shows more)\n");
    ck_assert_ptr_null(strstr(said.out, "req_1"));
    CTL("list", "--state", "denied");
    assert_exit(0);
    ck_assert_str_eq(said.out, "There are no such requests.\n");
}
END_TEST

START_TEST(all_follows_the_pages)
{
    char *line;
    char *rest;
    size_t rows = 0;

    for (int i = 0; i < 501; i++) {
        char body[128];

        (void)snprintf(body, sizeof body, "{\"requestId\":\"req_%d\",\"action\":\"pay\"}", i);
        house_register(house, body);
    }
    CTL("list", "--all");
    assert_exit(0);
    rest = said.out;
    while ((line = strsep(&rest, "\n"))) {
        ck_assert_uint_le(strlen(line), 80);
        rows += strncmp(line, "req_", 4) == 0;
    }
    ck_assert_uint_eq(rows, 501);
    CTL("list", "--all", "--json");
    rest = said.out;
    rows = 0;
    while ((line = strsep(&rest, "\n")) && *line) {
        json_t *page = json_loads(line, 0, NULL);

        rows += json_array_size(json_object_get(page, "requests"));
        json_decref(page);
    }
    ck_assert_uint_eq(rows, 501);
}
END_TEST

/* --- waiting ---------------------------------------------------------------------------------- */

START_TEST(a_wait_ends_with_the_decision)
{
    static const struct {
        const char *status;
        int exit;
        const char *line;
    } cases[] = {{"approved", 0, "req_1 approved after "},
                 {"denied", 1, "req_1 denied after "},
                 {"expired", 2, "req_1 expired after "}};
    size_t i = (size_t)_i;
    pid_t pid = ctl_start(house, "register", "--id=req_1", "--action=other", "--wait", NULL);

    house_await_log(house, "msg=registered");
    CTL("send", "--request=req_1", "--status", cases[i].status);
    assert_exit(0);
    said_clear(&said);
    said = ctl_finish(house, pid);
    assert_exit(cases[i].exit);
    assert_says(cases[i].line);
    CTL("wait", "req_1");
    assert_exit(cases[i].exit);
}
END_TEST

START_TEST(a_wait_for_a_canceled_request_is_status_3)
{
    pid_t pid = ctl_start(house, "register", "--id=req_1", "--action=pay", "--wait", NULL);

    house_await_log(house, "msg=registered");
    CTL("cancel", "req_1");
    assert_exit(0);
    assert_says("req_1 canceled after ");
    said_clear(&said);
    said = ctl_finish(house, pid);
    assert_exit(3);
    CTL("send", "--request=req_1", "--status=approved");
    assert_exit(0);
    ck_assert_str_eq(said.out, "200 late\n");
    CTL("cancel", "req_1");
    assert_exit(0);
}
END_TEST

START_TEST(a_wait_that_takes_too_long_is_status_4)
{
    int64_t before = house_now_ms();

    CTL("register", "--id=req_1", "--action=pay", "--wait", "--timeout=1s");
    assert_exit(4);
    assert_says("req_1 pending, ");
    ck_assert_int_ge(house_now_ms() - before, 1000);
    CTL("wait", "req_1", "--timeout=0");
    assert_exit(4);
}
END_TEST

START_TEST(an_error_never_looks_like_a_denial)
{
    CTL("wait", "req_1");
    assert_exit(6);
    assert_complains("there is no request req_1");
    CTL("register", "--id=..", "--action=pay", "--wait");
    assert_exit(6);
}
END_TEST

/* Registers a request, and starts to wait for it. */
static pid_t begin_waiting(void)
{
    pid_t pid;

    CTL("register", "--id=req_1", "--action=other");
    house_await_connections(house, 0);
    pid = ctl_start(house, "wait", "req_1", NULL);
    house_await_connections(house, 1);
    return pid;
}

START_TEST(a_wait_outlives_a_restart_of_the_daemon)
{
    pid_t pid = begin_waiting();

    ck_assert_int_eq(house_stop(house), 0);
    house_start(house);
    CTL("send", "--request=req_1", "--status=approved");
    assert_exit(0);
    said_clear(&said);
    said = ctl_finish(house, pid);
    assert_exit(0);
    assert_says("req_1 approved after ");
}
END_TEST

START_TEST(a_wait_outlives_a_crash_of_the_daemon)
{
    pid_t pid = begin_waiting();

    house_kill(house);
    house_start(house);
    CTL("send", "--request=req_1", "--status=denied");
    assert_exit(0);
    said_clear(&said);
    said = ctl_finish(house, pid);
    assert_exit(1);
}
END_TEST

/* --- jobs ------------------------------------------------------------------------------------- */

static void approve(const char *id, const char *action)
{
    CTL("register", "--id", id, "--action", action);
    assert_exit(0);
    CTL("send", "--request", id, "--status=approved", "--by=ops@example.com");
    assert_exit(0);
}

START_TEST(output_is_told_apart_and_what_is_missing_is_counted)
{
    approve("req_1", "chatter");
    house_await_jobs(house, "req_1", 1, "succeeded");
    CTL("output", "1");
    assert_exit(0);
    ck_assert_str_eq(said.err, "sorry\n");
    ck_assert_int_eq(strncmp(said.out, "red \033[31m\n1\n2\n", 14), 0);
    assert_says(" bytes dropped ...]\n");
    assert_says("\n39999\n40000\n");
    CTL("output", "1", "--stderr");
    ck_assert_str_eq(said.out, "sorry\n");
    ck_assert_str_eq(said.err, "");
    CTL("output", "1", "--stdout");
    assert_says("\n40000\n");
    ck_assert_str_eq(said.err, "");
    CTL("output", "1", "--attempt=2");
    assert_exit(1);
}
END_TEST

START_TEST(a_failed_job_is_retried_by_hand)
{
    approve("req_1", "fail");
    house_await_jobs(house, "req_1", 1, "failed");
    CTL("jobs", "--state=failed", "--hook=fail", "--request=req_1");
    assert_says("JOB  REQUEST  HOOK  STATE ");
    assert_says("\n  1  req_1    fail  failed ");
    assert_says("exit status 3\n");
    CTL("retry", "1");
    assert_exit(0);
    ck_assert_str_eq(said.out, "job 1, fail, is queued again after 1 attempt\n");
    house_await_lines(house, "tries", 2);
    house_await_jobs(house, "req_1", 1, "failed");
    CTL("jobs", "1");
    assert_exit(0);
    assert_says("\n  2  ");
    CTL("jobs", "--state=running");
    ck_assert_str_eq(said.out, "There are no such jobs.\n");
}
END_TEST

START_TEST(a_job_that_succeeded_is_not_retried)
{
    approve("req_1", "pay");
    house_await_jobs(house, "req_1", 1, "succeeded");
    CTL("retry", "1");
    assert_exit(1);
    assert_complains("only failed and interrupted ones can be retried");
    ck_assert_int_eq(house_count_lines(house, "notes"), 1);
}
END_TEST

/* --- status, send, terminals ------------------------------------------------------------------ */

START_TEST(status_says_that_the_daemon_is_ready)
{
    approve("req_1", "pay");
    house_await_jobs(house, "req_1", 1, "succeeded");
    CTL("status");
    assert_exit(0);
    assert_says("Daemon        ready, assentd " ASSENT_VERSION "\n");
    assert_says("Store         writable\n");
    assert_says("Runner        connected\n");
    assert_says("Caller        connected\n");
    assert_says("Requests      1 approved\n");
    assert_says("Jobs          1 succeeded\n");
}
END_TEST

START_TEST(every_form_of_webhook_is_taken)
{
    static const char *const forms[] = {"js", "python", "event", "envelope"};
    const char *form = forms[_i];

    CTL("register", "--id=req_1", "--action=other");
    CTL("send", "--request=req_1", "--status=denied", "--by=ops@example.com", "--reason=no",
        "--form", form);
    assert_exit(0);
    ck_assert_str_eq(said.out, "200 matched\n");
    CTL("show", "req_1");
    assert_says("Decided by    ops@example.com\n");
    assert_says("Because       no\n");
}
END_TEST

START_TEST(forged_and_unsigned_webhooks_are_refused)
{
    CTL("register", "--id=req_1", "--action=pay");
    CTL("send", "--request=req_1", "--status=approved", "--wrong-signature");
    assert_exit(1);
    ck_assert_int_eq(strncmp(said.out, "401 ", 4), 0);
    CTL("send", "--request=req_1", "--status=approved", "--unsigned", "--json");
    assert_exit(1);
    ck_assert_int_eq(strncmp(said.out, "{\"status\":401,", 14), 0);
    house_await_status(house, "req_1", "pending");
}
END_TEST

START_TEST(the_same_event_id_again_is_a_duplicate)
{
    CTL("register", "--id=req_1", "--action=pay");
    CTL("send", "--request=req_1", "--status=approved", "--event-id=evt_1");
    ck_assert_str_eq(said.out, "200 matched\n");
    CTL("send", "--request=req_1", "--status=approved", "--event-id=evt_1");
    assert_exit(0);
    ck_assert_str_eq(said.out, "200 duplicate\n");
}
END_TEST

START_TEST(a_webhook_can_be_sent_to_a_url)
{
    char *url = house_format(house, "http://127.0.0.1:%%PORT%%/nothing/here");

    CTL("send", "--request=req_1", "--status=approved", "--to", url);
    assert_exit(1);
    ck_assert_int_eq(strncmp(said.out, "404 ", 4), 0);
    CTL("send", "--request=req_1", "--status=approved", "--to=ftp://127.0.0.1/");
    assert_exit(64);
    free(url);
}
END_TEST

START_TEST(a_webhook_is_sent_to_a_unix_socket_and_as_the_service_that_is_named)
{
    (void)house_stop(house);
    house_write(house, "other-secret", "whsec_another-secret-of-the-tests\n");
    house_configure_all(house, "[server]\n"
                               "listen = unix:%DIR%/public.sock\n%JAIL%"
                               "[control]\n"
                               "socket = %DIR%/control.sock\n"
                               "[store]\n"
                               "path = %DIR%/state/assentd.db\n"
                               "[service one]\n"
                               "path = /one\n"
                               "scheme = daimon\n"
                               "secret_file = secret\n"
                               "[service two]\n"
                               "path = /two\n"
                               "scheme = daimon\n"
                               "secret_file = other-secret\n"
                               "[action *]\n");
    house_start(house);
    CTL("register", "--id=req_1", "--action=pay", "--service=one");
    CTL("register", "--id=req_1", "--action=pay", "--service=two");
    CTL("send", "--request=req_1", "--status=approved");
    assert_exit(64);
    assert_complains("the configuration has 2 services; name one with --service");
    CTL("send", "--request=req_1", "--status=approved", "--service=two");
    assert_exit(0);
    ck_assert_str_eq(said.out, "200 matched\n");
    CTL("show", "req_1");
    assert_exit(1);
    assert_complains("several services have a request req_1: name one with --service\n");
    CTL("wait", "req_1", "--service=two");
    assert_exit(0);
    CTL("wait", "req_1", "--service=one", "--timeout=0");
    assert_exit(4);
}
END_TEST

START_TEST(a_broken_configuration_is_status_78)
{
    char *path = house_file(house, "broken.conf");

    house_write(house, "broken.conf", "[server]\nlisten = nowhere\n");
    CTL("send", "--request=req_1", "--status=approved", "-c", path);
    assert_exit(78);
    assert_complains("broken.conf:2: [server] listen: ");
    free(path);
}
END_TEST

START_TEST(only_a_terminal_gets_colour_and_only_if_wanted)
{
    CTL("register", "--id=req_1", "--action=pay");
    CTL("list");
    ck_assert_ptr_null(strchr(said.out, '\033'));
    said_clear(&said);
    said = ctl_on_terminal(house, NULL, "list", NULL);
    assert_exit(0);
    assert_says("\033[33mpending\033[0m");
    said_clear(&said);
    said = ctl_on_terminal(house, "1", "list", NULL);
    assert_exit(0);
    assert_says("pending");
    ck_assert_ptr_null(strchr(said.out, '\033'));
    said_clear(&said);
    said = ctl_on_terminal(house, "1", "show", "req_1", "--json", NULL);
    assert_says("{\r\n  \"requestId\": \"req_1\",\r\n");
}
END_TEST

START_TEST(a_terminal_is_not_given_control_characters)
{
    approve("req_1", "chatter");
    house_await_jobs(house, "req_1", 1, "succeeded");
    said_clear(&said);
    said = ctl_on_terminal(house, NULL, "output", "1", NULL);
    assert_exit(0);
    assert_says("red \\x1b[31m\r\n1\r\n2\r\n");
    ck_assert_ptr_null(strchr(said.out, '\033'));
}
END_TEST

static TCase *new_case(const char *name)
{
    TCase *tests = tcase_create(name);

    tcase_add_checked_fixture(tests, begin, end);
    tcase_set_timeout(tests, 300);
    return tests;
}

static TCase *request_tests(void)
{
    TCase *tests = new_case("requests");

    tcase_add_test(tests, what_was_registered_is_shown);
    tcase_add_test(tests, json_is_what_the_daemon_answers);
    tcase_add_test(tests, a_file_is_registered_as_it_is);
    tcase_add_test(tests, errors_of_the_daemon_are_told_and_are_status_1);
    tcase_add_test(tests, wrong_command_lines_are_status_64);
    tcase_add_test(tests, help_and_version_need_no_daemon);
    tcase_add_test(tests, without_a_daemon_every_command_is_status_5);
    tcase_add_test(tests, a_list_can_be_narrowed_and_says_if_there_is_more);
    tcase_add_test(tests, all_follows_the_pages);
    return tests;
}

static TCase *wait_tests(void)
{
    TCase *tests = new_case("waiting");

    tcase_add_loop_test(tests, a_wait_ends_with_the_decision, 0, 3);
    tcase_add_test(tests, a_wait_for_a_canceled_request_is_status_3);
    tcase_add_test(tests, a_wait_that_takes_too_long_is_status_4);
    tcase_add_test(tests, an_error_never_looks_like_a_denial);
    tcase_add_test(tests, a_wait_outlives_a_restart_of_the_daemon);
    tcase_add_test(tests, a_wait_outlives_a_crash_of_the_daemon);
    return tests;
}

static TCase *job_tests(void)
{
    TCase *tests = new_case("jobs");

    tcase_add_test(tests, output_is_told_apart_and_what_is_missing_is_counted);
    tcase_add_test(tests, a_failed_job_is_retried_by_hand);
    tcase_add_test(tests, a_job_that_succeeded_is_not_retried);
    return tests;
}

static TCase *other_tests(void)
{
    TCase *tests = new_case("status, send, terminals");

    tcase_add_test(tests, status_says_that_the_daemon_is_ready);
    tcase_add_loop_test(tests, every_form_of_webhook_is_taken, 0, 4);
    tcase_add_test(tests, forged_and_unsigned_webhooks_are_refused);
    tcase_add_test(tests, the_same_event_id_again_is_a_duplicate);
    tcase_add_test(tests, a_webhook_can_be_sent_to_a_url);
    tcase_add_test(tests, a_webhook_is_sent_to_a_unix_socket_and_as_the_service_that_is_named);
    tcase_add_test(tests, a_broken_configuration_is_status_78);
    tcase_add_test(tests, only_a_terminal_gets_colour_and_only_if_wanted);
    tcase_add_test(tests, a_terminal_is_not_given_control_characters);
    return tests;
}

int main(void)
{
    Suite *suite = suite_create("assentctl");

    suite_add_tcase(suite, request_tests());
    suite_add_tcase(suite, wait_tests());
    suite_add_tcase(suite, job_tests());
    suite_add_tcase(suite, other_tests());
    return suite_run(suite);
}
