/*
 * How runs end, and what is kept of them: exit status, signals, output, answers of calls, and what
 * could not be begun.
 */
#include <check.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "assent/base/json.h"
#include "integration/run_rig.h"
#include "support/suite.h"

static void expect_job(const char *state, const char *error)
{
    json_t *job = house_job_in(house, "req_1", state);

    ck_assert_str_eq(text_at(job, "/error"), error);
    json_decref(job);
}

/* --- how they end ----------------------------------------------------------------------------- */

START_TEST(exit_status_and_output_are_kept)
{
    json_t *output;
    json_t *job;

    start("[action go]\n"
          "on_granted = fail\n"
          "[hook fail]\n"
          "shell = echo out; echo err >&2; exit 3\n");
    register_with("");
    approve();
    job = house_job_in(house, "req_1", "failed");
    ck_assert_str_eq(text_at(job, "/error"), "exit status 3");
    ck_assert_int_eq(number_at(job, "/attempts/0/exitCode"), 3);
    ck_assert_str_eq(text_at(job, "/attempts/0/error"), "exit status 3");
    ck_assert_str_ge(text_at(job, "/endedAt"), text_at(job, "/startedAt"));
    output = house_output(house, "req_1");
    ck_assert_str_eq(text_at(output, "/stdout/head"), "out\n");
    ck_assert_str_eq(text_at(output, "/stderr/head"), "err\n");
    json_decref(output);
    json_decref(job);
}
END_TEST

START_TEST(a_signal_is_told_by_its_name)
{
    json_t *job;

    start("[action go]\n"
          "on_granted = fail\n"
          "[hook fail]\n"
          "shell = kill -SEGV $$\n");
    register_with("");
    approve();
    job = house_job_in(house, "req_1", "failed");
    ck_assert_str_eq(text_at(job, "/error"), "killed by SIGSEGV");
    ck_assert_int_eq(number_at(job, "/attempts/0/signal"), SIGSEGV);
    ck_assert(json_is_null(json_at_pointer(job, "/attempts/0/exitCode")));
    json_decref(job);
}
END_TEST

START_TEST(output_may_be_any_bytes)
{
    start("[action go]\n"
          "on_granted = show\n"
          "[hook show]\n"
          "exec = printf 'a\\\\000b\\\\377\\\\n\\\\303\\\\251\\\\033[31m\\\\303'\n");
    register_with("");
    approve();
    expect_output("a\xef\xbf\xbd"
                  "b\xef\xbf\xbd\n\xc3\xa9\033[31m\xef\xbf\xbd");
}
END_TEST

START_TEST(of_much_output_head_and_tail_are_kept)
{
    json_t *output;

    start("[action go]\n"
          "on_granted = show\n"
          "[hook show]\n"
          "output_limit = 1K\n"
          "shell = printf begin; head -c 100000 /dev/zero | tr '\\0' x; printf end\n");
    register_with("");
    approve();
    json_decref(house_job_in(house, "req_1", "succeeded"));
    output = house_output(house, "req_1");
    ck_assert_int_eq(strncmp(text_at(output, "/stdout/head"), "beginxxx", 8), 0);
    ck_assert_str_eq(text_at(output, "/stdout/tail") + strlen(text_at(output, "/stdout/tail")) - 6,
                     "xxxend");
    ck_assert_int_eq((int64_t)(strlen(text_at(output, "/stdout/head")) +
                               strlen(text_at(output, "/stdout/tail"))) +
                         number_at(output, "/stdout/dropped"),
                     100008);
    json_decref(output);
}
END_TEST

START_TEST(a_program_that_has_gone_fails_its_run_only)
{
    char *path = house_file(house, "program");
    char *error = house_format(house, "can't run %s: No such file or directory", path);

    house_write(house, "program", "#!/bin/sh\n");
    ck_assert_int_eq(chmod(path, 0700), 0);
    start("[action go]\n"
          "on_granted = it\n"
          "[hook it]\n"
          "exec = %DIR%/program --id={request_id}\n");
    ck_assert_int_eq(unlink(path), 0);
    register_with("");
    approve();
    expect_job("failed", error);
    house_await_ready(house);
    free(error);
    free(path);
}
END_TEST

static const struct {
    const char *hook;
    const char *error;
} without_value[] = {
    {"exec = touch -- %DIR%/sent {context.missing}",
     "{context.missing} has no value; {context.missing|TEXT} would take TEXT then"},
    {"exec = touch -- %DIR%/sent {context.list}",
     "{context.list} is an array, where only text or a number can stand"},
    {"http = POST %HTTP%/{context.missing}/x",
     "not sent: url: {context.missing} has no value; {context.missing|TEXT} would take TEXT then"},
    {"http = POST %HTTP%/{context.empty}/x",
     "not sent: url: {context.empty} would make a segment of the URL's path empty, \".\" or "
     "\"..\""},
    {"http = POST %HTTP%/\nheader = X-Reason: {denial_reason}",
     "not sent: header: {denial_reason} has no value; {denial_reason|TEXT} would take TEXT then"},
    {"http = POST %HTTP%/\nbody = {\"a\": [\"{context.missing.too}\"]}",
     "not sent: body: {context.missing.too} has no value; {context.missing.too|TEXT} would take "
     "TEXT then"},
};

START_TEST(a_placeholder_without_a_value_fails_the_run_before_anything_is_done)
{
    char *sent = house_file(house, "sent");
    char *sections = NULL;

    ck_assert_int_ge(asprintf(&sections, "[action go]\non_granted = it\n[hook it]\n%s\n",
                              without_value[_i].hook),
                     0);
    start(sections);
    register_with(",\"context\":{\"list\":[1],\"empty\":\"\"}");
    approve();
    expect_job("failed", without_value[_i].error);
    if (server) {
        ck_assert_uint_eq(http_server_connections(server), 0);
    }
    ck_assert_int_ne(access(sent, F_OK), 0);
    free(sections);
    free(sent);
}
END_TEST

/* --- calls ------------------------------------------------------------------------------------ */

START_TEST(a_call_is_made_as_its_hook_says)
{
    const struct http_server_request *request;
    char header[128];
    json_t *output;
    json_t *job;

    house_write(house, "token", "token-of-the-team\n");
    start("[action go]\n"
          "on_granted = tell\n"
          "[hook tell]\n"
          "http = PUT %HTTP%/v1/{context.name}/x?by={decided_by}&n={context.n}\n"
          "header = X-Key: {job.key}\n"
          "bearer_file = token\n"
          "body = {\"text\": \"{action} {request_id}: {status}\", \"n\": \"{context.n}\", "
          "\"all\": \"{context.list}\"}\n");
    http_server_script(server, &(struct http_server_script){.path = "/v1/a%2Fb%20%22/x",
                                                            .status = 201,
                                                            .phrase = "Created",
                                                            .body = "made it"});
    register_with(",\"context\":{\"name\":\"a/b \\\"\",\"n\":5,\"list\":[\"\\\"},\",{}]}");
    approve();
    job = house_job_in(house, "req_1", "succeeded");
    ck_assert_uint_eq(http_server_wait(server, 1), 1);
    request = http_server_request(server, 0);
    ck_assert_str_eq(request->method, "PUT");
    ck_assert_str_eq(request->url, "/v1/a%2Fb%20%22/x?by=ops%40example.com&n=5");
    ck_assert_str_eq(request->body,
                     "{\"text\":\"go req_1: approved\",\"n\":5,\"all\":[\"\\\"},\",{}]}");
    ck_assert_uint_eq(http_server_header(request, "Authorization", header, sizeof header), 1);
    ck_assert_str_eq(header, "Bearer token-of-the-team");
    ck_assert_uint_eq(http_server_header(request, "X-Key", header, sizeof header), 1);
    ck_assert_str_eq(header, text_at(job, "/key"));
    ck_assert_int_eq(number_at(job, "/attempts/0/httpStatus"), 201);
    ck_assert_str_eq(text_at(job, "/attempts/0/executor"), "caller");
    output = house_output(house, "req_1");
    ck_assert_str_eq(text_at(output, "/stdout/head"), "made it");
    json_decref(output);
    json_decref(job);
}
END_TEST

START_TEST(a_call_that_is_refused_is_told_with_its_answer)
{
    json_t *output;
    json_t *job;

    start("[action go]\n"
          "on_granted = tell\n"
          "[hook tell]\n"
          "http = POST %HTTP%/\n"
          "expect = 200, 202\n");
    http_server_script(server, &(struct http_server_script){.path = "/",
                                                            .status = 422,
                                                            .phrase = "Unprocessable",
                                                            .body = "{\"no\":\xff}"});
    register_with("");
    approve();
    job = house_job_in(house, "req_1", "failed");
    ck_assert_str_eq(text_at(job, "/error"), "HTTP 422 Unprocessable, expected 200, 202");
    ck_assert_int_eq(number_at(job, "/attempts/0/httpStatus"), 422);
    output = house_output(house, "req_1");
    ck_assert_str_eq(text_at(output, "/stdout/head"), "{\"no\":\xef\xbf\xbd}");
    json_decref(output);
    json_decref(job);
}
END_TEST

START_TEST(a_call_that_may_have_been_done_waits_for_a_person)
{
    json_t *job;

    start("[action go]\n"
          "on_granted = tell\n"
          "[hook tell]\n"
          "http = POST %HTTP%/\n");
    http_server_script(server,
                       &(struct http_server_script){.path = "/", .manner = HTTP_SERVER_CUTS});
    register_with("");
    approve();
    job = house_job_in(house, "req_1", "interrupted");
    ck_assert_ptr_nonnull(strstr(text_at(job, "/error"), "it may have been done"));
    ck_assert_uint_eq(json_array_size(json_object_get(job, "attempts")), 1);
    ck_assert_uint_eq(http_server_connections(server), 1);
    json_decref(job);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("run ends");
    TCase *programs = house_scenarios(suite, "programs", set_up, tear_down);
    TCase *calls = house_scenarios(suite, "calls", set_up, tear_down);

    tcase_add_test(programs, exit_status_and_output_are_kept);
    tcase_add_test(programs, a_signal_is_told_by_its_name);
    tcase_add_test(programs, output_may_be_any_bytes);
    tcase_add_test(programs, of_much_output_head_and_tail_are_kept);
    tcase_add_test(programs, a_program_that_has_gone_fails_its_run_only);
    tcase_add_loop_test(programs,
                        a_placeholder_without_a_value_fails_the_run_before_anything_is_done, 0,
                        (int)(sizeof without_value / sizeof without_value[0]));
    tcase_add_test(calls, a_call_is_made_as_its_hook_says);
    tcase_add_test(calls, a_call_that_is_refused_is_told_with_its_answer);
    tcase_add_test(calls, a_call_that_may_have_been_done_waits_for_a_person);
    return suite_run(suite);
}
