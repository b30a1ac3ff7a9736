/*
 * assentctl and the runs of hooks: items, outputs that grow, retries, cancels, pauses, and runs that
 * do not take place.
 */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "integration/ctl_rig.h"
#include "support/suite.h"

static struct house *house;

/* `steps` waits for the file `go` before each of its lines but the first. */
static const char sections[] =
    "[runner]\n"
    "concurrency = 4\n"
    "[action send]\n"
    "on_granted = each\n"
    "[action talk]\n"
    "on_granted = talk\n"
    "[action bytes]\n"
    "on_granted = bytes\n"
    "[action fail]\n"
    "on_granted = fail\n"
    "[action block]\n"
    "on_granted = block\n"
    "[hook each]\n"
    "shell = case $ASSENT_JOB_KEY in *-1) test -e %DIR%/mended || { echo full >&2; exit 1; };; esac; "
    "echo sent\n"
    "for_each = context.to\n"
    "concurrency = 2\n"
    "[hook talk]\n"
    "shell = printf 'one\\n\\303'; while ! test -e %DIR%/go; do sleep 0.02; done; printf '\\251\\n'; "
    "echo late >&2\n"
    "[hook bytes]\n"
    "shell = printf '\\377\\000a\\033'\n"
    "[hook fail]\n"
    "shell = echo tried >>%DIR%/tries; exit 3\n"
    "[hook block]\n"
    "shell = echo started >>%DIR%/starts; while :; do sleep 0.05; done\n"
    "concurrency = 1\n"
    "kill_after = 1s\n"
    "[hook call]\n"
    "http = POST http://127.0.0.1:1/to/{item.name}\n"
    "header = X-By: {decided_by|nobody}\n"
    "bearer_file = secret\n"
    "body = {\"to\": \"{item.mail}\", \"n\": \"{context.n}\", \"key\": \"{job.key}\"}\n"
    "for_each = context.to\n"
    "[hook program]\n"
    "exec = /bin/echo --id={request_id} -- {context.text}\n"
    "env = EXTRA=more\n"
    "workdir = /\n";

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

static void approve(const char *id, const char *action)
{
    house_register_as(house, id, action);
    house_approve(house, id);
}

/* The request's one job has three items, of which the second fails. */
static void fan_out(void)
{
    house_register(house, "{\"requestId\":\"req_1\",\"action\":\"send\",\"context\":"
                          "{\"to\":[\"a@b\",\"c@d\",\"e@f\"]}}");
    house_approve(house, "req_1");
    house_await_jobs(house, "req_1", 1, "failed");
}

/* --- items ------------------------------------------------------------------------------------ */

START_TEST(the_items_of_a_fan_out_are_shown_and_only_failed_ones_run_again)
{
    fan_out();
    CTL("jobs");
    assert_says("1 of 3 items failed\n");
    CTL("jobs", "1");
    assert_exit(0);
    assert_says("3: 2 succeeded, 1 failed, 0 running, 0 to come\n");
    assert_says("\nItems that failed\n");
    assert_says("\n   1  c@d    failed ");
    CTL("items", "1");
    assert_exit(0);
    assert_says("\n   0  a@b    succeeded ");
    assert_says("\n   2  e@f    succeeded ");
    CTL("items", "1", "--state=failed", "--json");
    assert_says("\"items\":[{\"index\":1,\"state\":\"failed\"");
    CTL("output", "1", "--item=1");
    assert_exit(0);
    ck_assert_str_eq(said.err, "full\n");
    CTL("output", "1", "--item=2", "--follow");
    assert_exit(0);
    ck_assert_str_eq(said.out, "sent\n");
    ck_assert_str_eq(said.err, "assentctl: item 2 of job 1 succeeded\n");
    CTL("output", "1", "--follow");
    assert_exit(1);
    assert_complains("job 1 has items: name one with --item");
    CTL("output", "1", "--item=3", "-f");
    assert_exit(1);
    assert_complains("job 1 has no item 3");
    house_write(house, "mended", "");
    CTL("retry", "1");
    assert_exit(0);
    house_await_jobs(house, "req_1", 1, "succeeded");
    CTL("items", "1");
    assert_says("\n   0  a@b    succeeded    1 ");
    assert_says("\n   1  c@d    succeeded    2 ");
}
END_TEST

START_TEST(no_item_is_lost_between_pages)
{
    char path[64] = "/v1/jobs/1/items?limit=2";
    int expected = 0;
    bool more = true;

    house_register(house, "{\"requestId\":\"req_1\",\"action\":\"send\",\"context\":"
                          "{\"to\":[0,1,2,3,4,5,6]}}");
    house_approve(house, "req_1");
    house_await_jobs(house, "req_1", 1, "failed");
    while (more) {
        json_t *page = house_get(house, path);
        size_t i;
        json_t *item;

        json_array_foreach(json_object_get(page, "items"), i, item) {
            ck_assert_int_eq(number_at(item, "/index"), expected++);
        }
        more = json_is_string(json_object_get(page, "cursor"));
        (void)snprintf(path, sizeof path, "/v1/jobs/1/items?limit=2&cursor=%s",
                       text_at(page, "/cursor"));
        json_decref(page);
    }
    ck_assert_int_eq(expected, 7);
}
END_TEST

/* --- outputs ---------------------------------------------------------------------------------- */

START_TEST(an_output_is_followed_while_it_grows_and_then_to_its_end)
{
    int terminal;
    char seen[256] = "";
    size_t length = 0;
    pid_t pid;

    approve("req_1", "talk");
    pid = ctl_start_on_terminal(house, 80, 24, &terminal, "output", "1", "-f", NULL);
    /* The first line comes while the program still runs, and of the character only the half is
     * there. */
    while (!strchr(seen, '\n')) {
        ssize_t got = read(terminal, seen + length, sizeof seen - 1 - length);

        ck_assert_int_gt(got, 0);
        length += (size_t)got;
        seen[length] = '\0';
    }
    ck_assert_str_eq(seen, "one\r\n");
    house_write(house, "go", "");
    (void)close(terminal);
    said_clear(&said);
    said = ctl_finish(house, pid);
    CTL("output", "1", "-f");
    assert_exit(0);
    ck_assert_str_eq(said.out, "one\n\xc3\xa9\n");
    ck_assert_str_eq(said.err, "late\nassentctl: job 1 succeeded\n");
}
END_TEST

START_TEST(an_output_that_has_not_begun_is_waited_for)
{
    pid_t pid;

    CTL("pause");
    approve("req_1", "bytes");
    pid = ctl_start(house, "output", "1", "--follow", "--stdout", NULL);
    ctl_await_errors(house, pid, 1);
    CTL("resume");
    said_clear(&said);
    said = ctl_finish(house, pid);
    assert_exit(0);
    ck_assert_str_eq(said.err, "assentctl: job 1 has not begun: waiting\n"
                               "assentctl: job 1 succeeded\n");
}
END_TEST

START_TEST(bytes_go_into_a_file_as_they_were)
{
    char *copy = house_file(house, "copy");
    char command[1024];
    const char *build = getenv("ASSENT_BUILD");
    char *bytes;

    approve("req_1", "bytes");
    house_await_jobs(house, "req_1", 1, "succeeded");
    (void)snprintf(command, sizeof command, "%s/assentctl --socket %s output 1 >%s",
                   build ? build : "build", house_socket(house), copy);
    ck_assert_int_eq(system(command), 0);
    (void)snprintf(command, sizeof command, "od -An -tx1 %s >%s.hex", copy, copy);
    ck_assert_int_eq(system(command), 0);
    bytes = house_read(house, "copy.hex");
    ck_assert_str_eq(bytes, " ff 00 61 1b\n");
    free(bytes);
    free(copy);
    said_clear(&said);
    said = ctl_on_terminal(house, "1", "output", "1", NULL);
    ck_assert_str_eq(said.out, "\\xff\\x00a\\x1b\r\n");
}
END_TEST

/* --- many at once ----------------------------------------------------------------------------- */

START_TEST(many_are_retried_at_once)
{
    approve("req_1", "fail");
    approve("req_2", "fail");
    approve("req_3", "bytes");
    house_await_jobs(house, "req_1", 1, "failed");
    house_await_jobs(house, "req_2", 1, "failed");
    house_await_jobs(house, "req_3", 1, "succeeded");
    CTL("retry", "--state=failed", "--request=req_2");
    assert_exit(0);
    ck_assert_str_eq(said.out, "1 job is queued again\n");
    house_await_lines(house, "tries", 3);
    house_await_jobs(house, "req_2", 1, "failed");
    CTL("retry", "--state=failed", "--hook=fail", "--json");
    ck_assert_str_eq(said.out, "{\"changed\":2}\n");
    house_await_lines(house, "tries", 5);
    CTL("retry", "--state=interrupted");
    ck_assert_str_eq(said.out, "0 jobs are queued again\n");
    CTL("retry");
    assert_exit(64);
    CTL("retry", "--state=running");
    assert_exit(64);
    CTL("retry", "1", "--hook=fail");
    assert_exit(64);
    CTL("retry", "--hook=fail");
    assert_exit(64);
}
END_TEST

#define PER_CALL 1000 /* jobs that one call of the daemon changes at most */

/* They fail together once their hook has gone, and can't be retried until it is there again. */
static void fail_many_for_good(const char *without_their_hook)
{
    char id[32];

    CTL("pause", "--hook=gone");
    for (int i = 0; i < PER_CALL; i++) {
        (void)snprintf(id, sizeof id, "gone_%d", i);
        approve(id, "go");
    }
    house_configure(house, without_their_hook);
    house_reload(house);
    house_await_jobs(house, id, 1, "failed");
}

START_TEST(many_that_can_not_be_retried_hide_none_behind_them)
{
    char *with = house_format(
        house, "%s[action go]\non_granted = gone\n[hook gone]\nexec = /bin/true\n", sections);

    house_configure(house, with);
    house_reload(house);
    free(with);
    approve("req_1", "fail");
    house_await_jobs(house, "req_1", 1, "failed");
    fail_many_for_good(sections);
    CTL("retry", "--state=failed");
    assert_exit(0);
    ck_assert_str_eq(said.out, "1 job is queued again\n");
    house_await_lines(house, "tries", 2);
}
END_TEST

START_TEST(jobs_are_canceled_one_by_one_and_many_at_once)
{
    approve("req_1", "block");
    house_await_lines(house, "starts", 1);
    approve("req_2", "block");
    approve("req_3", "block");
    approve("req_4", "block");
    CTL("cancel", "--job=2");
    assert_exit(0);
    ck_assert_str_eq(said.out, "job 2, block, is canceled\n");
    CTL("cancel", "--jobs", "--state=queued", "--hook=block");
    assert_exit(0);
    ck_assert_str_eq(said.out, "2 jobs are canceled\n");
    CTL("cancel", "--job", "1");
    assert_exit(0);
    ck_assert_str_eq(said.out, "job 1, block, is being canceled\n");
    house_await_settled(house, "req_1", 1);
    CTL("cancel", "--job", "1");
    assert_exit(1);
    assert_complains("only queued and running ones can be canceled");
    CTL("cancel");
    assert_exit(64);
    CTL("cancel", "req_1", "--job=1");
    assert_exit(64);
    CTL("cancel", "--jobs");
    assert_exit(64);
    CTL("cancel", "req_1", "--hook=block");
    assert_exit(64);
    ck_assert_int_eq(house_count_lines(house, "starts"), 1);
}
END_TEST

START_TEST(a_pause_is_told_and_holds_until_it_is_taken_back)
{
    CTL("pause", "--hook=bytes");
    assert_exit(0);
    assert_says("PAUSED        hook bytes for ");
    CTL("pause");
    assert_says("PAUSED        all hooks for ");
    approve("req_1", "bytes");
    CTL("status");
    assert_exit(0);
    assert_says("\nPAUSED        all hooks for ");
    assert_says(", by uid:");
    assert_says("\nJobs          1 queued\n");
    CTL("resume");
    assert_exit(0);
    assert_says("PAUSED        hook bytes for ");
    ck_assert_ptr_null(strstr(said.out, "all hooks"));
    CTL("resume", "--hook=bytes");
    ck_assert_str_eq(said.out, "Nothing is paused.\n");
    house_await_jobs(house, "req_1", 1, "succeeded");
    CTL("pause", "--hook=nothing");
    assert_exit(1);
    assert_complains("there is no hook nothing");
}
END_TEST

/* --- runs that do not take place -------------------------------------------------------------- */

START_TEST(a_call_is_shown_without_its_token_and_is_not_made)
{
    char *path = house_file(house, "request.json");

    house_write(
        house, "request.json",
        "{\"requestId\":\"req_1\",\"action\":\"send\",\"context\":{\"n\":1.50,\"to\":["
        "{\"name\":\"a\",\"mail\":\"a@b\"},{\"name\":\"../x y\",\"mail\":\"\\\"q\\\"\"}]}}");
    CTL("test", "call", "--request", path, "--item=1", "--by=ops");
    assert_exit(0);
    assert_says("Item          1 of 2\n");
    assert_says("Note          the configuration does not run this hook then\n");
    assert_says("Method        POST\n");
    assert_says("URL           http://127.0.0.1:1/to/..%2Fx%20y\n");
    assert_says("Headers       X-By: ops\n");
    assert_says("              Authorization: Bearer <bearer: ");
    assert_says("                \"to\": \"\\\"q\\\"\",\n");
    ck_assert_ptr_null(strstr(said.out, HOUSE_SECRET));
    CTL("test", "call", "--request", path, "--json");
    assert_exit(0);
    assert_says("\"call\":{\"method\":\"POST\",\"url\":\"http://127.0.0.1:1/to/a\",");
    ck_assert_ptr_null(strstr(said.out, HOUSE_SECRET));
    CTL("test", "call", "--request", path, "--item=2");
    assert_exit(1);
    assert_complains("has no item 2");
    free(path);
}
END_TEST

START_TEST(a_program_is_shown_for_a_request_that_the_daemon_has_and_is_not_run)
{
    house_register(house, "{\"requestId\":\"req_1\",\"action\":\"send\",\"context\":"
                          "{\"text\":\"a 'b' \\\"c\\\"\"}}");
    CTL("test", "program", "--request=req_1", "--status=denied", "--reason=no");
    assert_exit(0);
    assert_says("Status        denied\n");
    assert_says("Words         \"/bin/echo\"\n"
                "              \"--id=req_1\"\n"
                "              \"--\"\n"
                "              \"a 'b' \\\"c\\\"\"\n");
    assert_says("              ASSENT_DENIAL_REASON=\"no\"\n");
    assert_says("              EXTRA=\"more\"\n");
    assert_says("Directory     /\n");
    CTL("test", "program", "--request=req_2");
    assert_exit(1);
    assert_complains("there is no request req_2");
    CTL("test", "program", "--request=req_1", "--socket=/nowhere");
    assert_exit(5);
    CTL("test", "nothing", "--request=req_1");
    assert_exit(64);
    CTL("test", "program");
    assert_exit(64);
    CTL("test", "program", "--request=no such file");
    assert_exit(64);
    CTL("test", "program", "--request=req_1", "-c", "/nowhere/assentd.conf");
    assert_exit(78);
    CTL("jobs");
    ck_assert_str_eq(said.out, "There are no such jobs.\n");
}
END_TEST

/* What `test` shows is what a run gets. */
START_TEST(what_is_shown_is_what_is_run)
{
    json_t *shown;
    const json_t *record;
    json_t *got;
    char *text;

    house_configure(house, "[action keep]\n"
                           "on_granted = keep\n"
                           "[hook keep]\n"
                           "shell = cat >%DIR%/record\n");
    house_reload(house);
    house_register(house, "{\"requestId\":\"req_1\",\"action\":\"keep\",\"reason\":\"r\","
                          "\"urgency\":\"high\",\"context\":{\"n\":[1,2]}}");
    house_decide(house, "{\"requestId\":\"req_1\",\"status\":\"approved\",\"approvedBy\":\"ops\"}",
                 "matched");
    house_await_jobs(house, "req_1", 1, "succeeded");
    CTL("test", "keep", "--request=req_1", "--json");
    assert_exit(0);
    shown = json_loads(said.out, 0, NULL);
    text = house_read(house, "record");
    got = json_loads(text, 0, NULL);
    ck_assert_ptr_nonnull(got);
    record = json_object_get(shown, "record");
    /* But for the job, which is made up. */
    (void)json_object_set(got, "job", json_object_get(record, "job"));
    ck_assert_msg(json_equal(record, got), "%s\n%s", said.out, text);
    free(text);
    json_decref(got);
    json_decref(shown);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("assentctl and jobs");
    TCase *tests = house_scenarios(suite, "jobs", begin, end);

    tcase_add_test(tests, the_items_of_a_fan_out_are_shown_and_only_failed_ones_run_again);
    tcase_add_test(tests, no_item_is_lost_between_pages);
    tcase_add_test(tests, an_output_is_followed_while_it_grows_and_then_to_its_end);
    tcase_add_test(tests, an_output_that_has_not_begun_is_waited_for);
    tcase_add_test(tests, bytes_go_into_a_file_as_they_were);
    tcase_add_test(tests, many_are_retried_at_once);
    tcase_add_test(tests, many_that_can_not_be_retried_hide_none_behind_them);
    tcase_add_test(tests, jobs_are_canceled_one_by_one_and_many_at_once);
    tcase_add_test(tests, a_pause_is_told_and_holds_until_it_is_taken_back);
    tcase_add_test(tests, a_call_is_shown_without_its_token_and_is_not_made);
    tcase_add_test(tests, a_program_is_shown_for_a_request_that_the_daemon_has_and_is_not_run);
    tcase_add_test(tests, what_is_shown_is_what_is_run);
    return suite_run(suite);
}
