/*
 * /metrics of a daemon that has worked: promtool has nothing to say against it, and the numbers are
 * what happened.
 */
#include <check.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "integration/harness.h"
#include "support/suite.h"

static struct house *house;

static void begin(void)
{
    house = house_new();
    house_configure(house, "[action pay]\naccept = register\non_granted = note, fail\n"
                           "[action many]\naccept = register\non_granted = fan\n"
                           "[action *]\naccept = register\n"
                           "[hook note]\nshell = true\n"
                           "[hook fail]\nshell = exit 3\n"
                           "[hook fan]\nfor_each = context.all\nshell = true\n");
    house_start(house);
    house_await_ready(house);
}

static void end(void)
{
    house_free(house);
}

static struct answer metrics(void)
{
    return house_control(house, "GET", "/metrics", NULL);
}

/* The value of a series, named as it stands in the text. */
static double value_in(const char *text, const char *series)
{
    char line[256];

    (void)snprintf(line, sizeof line, "\n%s ", series);
    const char *found = strstr(text, line);

    ck_assert_msg(found != NULL, "there is no %s in\n%s", series, text);
    return strtod(found + strlen(line), NULL);
}

static double value_of(const char *series)
{
    struct answer answer = metrics();
    double value = value_in(answer.body, series);

    answer_clear(&answer);
    return value;
}

#define expect(series, value) ck_assert_double_eq(value_of(series), value)

static void work(void)
{
    house_register_as(house, "req_1", "pay");
    house_approve(house, "req_1");
    house_decide_as(house, "req_1", "denied", "conflict");
    house_register_as(house, "req_2", "other");
    house_decide_as(house, "req_2", "denied", "matched");
    house_register_as(house, "req_3", "other");
    house_decide_as(house, "unknown", "approved", "early");
    house_register(house, "{\"requestId\":\"req_4\",\"service\":\"daimon\",\"action\":\"many\","
                          "\"context\":{\"all\":[1,2,3]}}");
    house_approve(house, "req_4");
    house_await_settled(house, "req_1", 2);
    house_await_settled(house, "req_4", 1);
}

static int check_with_promtool(const char *path, const char *log)
{
    const char *promtool = getenv("ASSENT_PROMTOOL");
    int status = -1;
    pid_t pid;

    ck_assert_msg(promtool && access(promtool, X_OK) == 0,
                  "there is no promtool at ASSENT_PROMTOOL: run this by make, after make deps");
    pid = fork();
    if (pid == 0) {
        int in = open(path, O_RDONLY);
        int out = open(log, O_WRONLY | O_CREAT | O_TRUNC, 0600);

        if (dup2(in, 0) == 0 && dup2(out, 1) == 1 && dup2(out, 2) == 2) {
            (void)execl(promtool, "promtool", "check", "metrics", (char *)NULL);
        }
        _exit(127);
    }
    ck_assert_int_eq(waitpid(pid, &status, 0), pid);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128;
}

START_TEST(promtool_has_nothing_to_say)
{
    work();
    struct answer answer = metrics();

    ck_assert_int_eq(answer.status, 200);
    ck_assert_ptr_nonnull(
        strstr(answer.headers, "Content-Type: text/plain; version=0.0.4; charset=utf-8\r\n"));
    house_write(house, "metrics", answer.body);
    char *path = house_file(house, "metrics");
    char *log = house_file(house, "promtool.log");
    int status = check_with_promtool(path, log);
    char *said = house_read(house, "promtool.log");

    ck_assert_str_eq(said, "");
    ck_assert_int_eq(status, 0);
    free(said);
    free(log);
    free(path);
    answer_clear(&answer);
}
END_TEST

START_TEST(the_numbers_are_what_happened)
{
    static const char *const headers[] = {"Content-Type: application/json",
                                          "X-Daimon-Signature: sha256=00", NULL};

    work();
    struct answer refused = house_public(house, "POST", "/webhook/approval", headers, "{}");

    ck_assert_int_eq(refused.status, 401);
    answer_clear(&refused);
    answer_expect_error(house_webhook(house, "[]"), 400, "invalid_request", NULL);
    expect("assentd_webhooks_total{service=\"daimon\",outcome=\"matched\"}", 3);
    expect("assentd_webhooks_total{service=\"daimon\",outcome=\"conflict\"}", 1);
    expect("assentd_webhooks_total{service=\"daimon\",outcome=\"early\"}", 1);
    expect("assentd_webhooks_total{service=\"daimon\",outcome=\"refused\"}", 1);
    expect("assentd_webhooks_total{service=\"daimon\",outcome=\"invalid\"}", 1);
    expect("assentd_webhooks_total{service=\"daimon\",outcome=\"put_off\"}", 0);
    expect("assentd_requests{state=\"pending\"}", 1);
    expect("assentd_requests{state=\"approved\"}", 2);
    expect("assentd_jobs_ended_total{hook=\"note\",result=\"succeeded\"}", 1);
    expect("assentd_jobs_ended_total{hook=\"fail\",result=\"failed\"}", 1);
    expect("assentd_jobs_ended_total{hook=\"fan\",result=\"succeeded\"}", 1);
    expect("assentd_attempts_started_total{hook=\"fan\"}", 3);
    expect("assentd_attempts_running{hook=\"note\"}", 0);
    expect("assentd_items_left{hook=\"fan\"}", 0);
    ck_assert_double_gt(value_of("assentd_oldest_pending_request_age_seconds"), 0);
    ck_assert_double_gt(value_of("assentd_store_size_bytes"), 0);
    ck_assert_double_gt(value_of("assentd_store_free_bytes"), 0);
    ck_assert_double_gt(value_of("assentd_commit_duration_seconds_count"), 5);
    house_decide_as(house, "req_3", "denied", "matched");
    expect("assentd_oldest_pending_request_age_seconds", 0);
}
END_TEST

START_TEST(what_waits_is_counted)
{
    json_decref(answer_take(house_control(house, "POST", "/v1/pause", "{}"), 200));
    expect("assentd_paused{hook=\"note\"}", 1);
    house_register_as(house, "req_1", "pay");
    house_approve(house, "req_1");
    expect("assentd_jobs_queued{hook=\"note\"}", 1);
    expect("assentd_jobs{state=\"queued\"}", 2);
    json_decref(answer_take(house_control(house, "POST", "/v1/resume", "{}"), 200));
    house_await_settled(house, "req_1", 2);
    expect("assentd_jobs_queued{hook=\"note\"}", 0);
    expect("assentd_paused{hook=\"note\"}", 0);
}
END_TEST

START_TEST(a_role_that_was_restarted_has_connected_again)
{
    expect("assentd_role_connections_total{role=\"runner\"}", 1);
    (void)house_next_role(house, "assentd: runner", house_kill_role(house, "assentd: runner"));
    house_await_ready(house);
    expect("assentd_role_connections_total{role=\"runner\"}", 2);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("metrics");
    TCase *tests = house_scenarios(suite, "metrics", begin, end);

    tcase_add_test(tests, promtool_has_nothing_to_say);
    tcase_add_test(tests, the_numbers_are_what_happened);
    tcase_add_test(tests, what_waits_is_counted);
    tcase_add_test(tests, a_role_that_was_restarted_has_connected_again);
    return suite_run(suite);
}
