/*
 * What is run when a decision came, and what it is given: programs, shell texts and calls, all the
 * way from the webhook to the output that the API shows.
 */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "assent/base/json.h"
#include "integration/run_rig.h"
#include "support/suite.h"

#define MEBIBYTE ((size_t)1 << 20)

/* --- programs --------------------------------------------------------------------------------- */

START_TEST(a_program_gets_each_word_as_it_was_written)
{
    start("[action go]\n"
          "on_granted = show\n"
          "[hook show]\n"
          "exec = printf [%s]\\\\n plain 'one word' \"two\\twords\" a\\x20b '' \"it's\" {{}}\n");
    register_with("");
    approve();
    expect_output("[plain]\n[one word]\n[two\twords]\n[a b]\n[]\n[it's]\n[{}]\n");
}
END_TEST

START_TEST(a_placeholder_stays_inside_its_word)
{
    start("[action go]\n"
          "on_granted = show\n"
          "[hook show]\n"
          "exec = printf [%s]\\\\n --id={request_id} -- {context.text} {context.list.1.n} "
          "'{action}, {status} by {decided_by}' {denial_reason|none} {attempt} x{context.yes}\n");
    register_with(",\"context\":{\"text\":\"$(touch x) `id` 'a' \\\"b\\\" *;\\n-rf\",\"list\":"
                  "[0,{\"n\":1.5}],\"yes\":true}");
    approve();
    expect_output("[--id=req_1]\n[--]\n[$(touch x) `id` 'a' \"b\" *;\n-rf]\n[1.5]\n"
                  "[go, approved by ops@example.com]\n[none]\n[1]\n[xtrue]\n");
}
END_TEST

START_TEST(a_shell_text_stays_as_it_is)
{
    start("[action go]\n"
          "on_granted = show\n"
          "[hook show]\n"
          "shell =\n"
          "  # not a {request_id}\n"
          "  for word in \"$ASSENT_CONTEXT_TEXT\" {request_id}; do\n"
          "    printf '[%s]' \"$word\"\n"
          "  done\n");
    register_with(",\"context\":{\"text\":\"$(echo no) `id`; exit 1\"}");
    approve();
    expect_output("[$(echo no) `id`; exit 1][{request_id}]");
}
END_TEST

static void poison(void *userdata)
{
    (void)userdata;
    (void)setenv("BASH_ENV", "/tmp/poison", 1);
    (void)setenv("LD_LIBRARY_PATH", "/tmp/poison", 1);
    (void)setenv("ASSENT_EXTRA", "poison", 1);
    (void)setenv("LANG", "C.UTF-8", 1);
}

/* The sorted names of what `env` has written; to be freed. */
static char *names_of(const char *text)
{
    char *names = calloc(1, strlen(text) + 1);

    for (const char *line = text; *line; line += strcspn(line, "\n") + 1) {
        (void)strncat(names, line, strcspn(line, "="));
        (void)strcat(names, "\n");
        if (!strchr(line, '\n')) {
            break;
        }
    }
    return names;
}

START_TEST(a_program_gets_an_environment_of_known_things_only)
{
    json_t *output;
    char *names;

    house_prepare(house, poison, NULL);
    start("[action go]\n"
          "on_granted = show\n"
          "[hook show]\n"
          "shell = env | LC_ALL=C sort\n"
          "env = EXTRA=1 2\n"
          "env = HOME=/nowhere\n");
    register_with(",\"reason\":\"why\",\"context\":{\"to-whom\":\"x\",\"n\":7,\"list\":[1],"
                  "\"path\":\"y\",\"no\":null,\"A\":1,\"a\":2}");
    approve();
    json_decref(house_job_in(house, "req_1", "succeeded"));
    output = house_output(house, "req_1");
    names = names_of(text_at(output, "/stdout/head"));
    ck_assert_str_eq(names, "ASSENT_ACTION\nASSENT_ATTEMPT\nASSENT_CONTEXT_N\nASSENT_CONTEXT_PATH\n"
                            "ASSENT_CONTEXT_TO_WHOM\nASSENT_DECIDED_AT\nASSENT_DECIDED_BY\n"
                            "ASSENT_EVENT\nASSENT_JOB\nASSENT_JOB_KEY\nASSENT_REASON\n"
                            "ASSENT_REQUEST_ID\nASSENT_STATUS\nASSENT_URGENCY\nEXTRA\nHOME\nLANG\n"
                            "PATH\nPWD\n");
    ck_assert_ptr_nonnull(strstr(text_at(output, "/stdout/head"), "\nHOME=/nowhere\n"));
    ck_assert_ptr_nonnull(strstr(text_at(output, "/stdout/head"), "\nEXTRA=1 2\n"));
    ck_assert_ptr_nonnull(
        strstr(text_at(output, "/stdout/head"), "\nASSENT_EVENT=approval.granted"));
    ck_assert_ptr_nonnull(
        strstr(text_at(output, "/stdout/head"), "\nASSENT_DECIDED_AT=2026-03-16T10:30:45.123Z\n"));
    free(names);
    json_decref(output);
}
END_TEST

/* --- the record ------------------------------------------------------------------------------- */

static json_t *record_from(const char *name)
{
    char *text = house_read(house, name);
    struct problem problem = {0};
    json_t *record = NULL;

    ck_assert_msg(json_parse(text, strlen(text), &record, &problem) == 0, "%s: %s", problem.text,
                  text);
    free(text);
    return record;
}

static const char *const record_members[] = {
    "event",      "request_id", "service",       "action",     "status",
    "reason",     "urgency",    "denial_reason", "decided_by", "decided_at",
    "created_at", "expires_at", "context",       "job",        "attempt",
};

#define RECORD_MEMBERS (sizeof record_members / sizeof record_members[0])

START_TEST(a_program_reads_what_was_registered)
{
    static const char context[] =
        "{\"n\":9007199254740993,\"max\":9223372036854775807,\"min\":-9223372036854775808,"
        "\"real\":0.1,\"whole\":1.0,\"large\":1e300,\"text\":\"caf\xc3\xa9 \\u2028 \\ud83c\\udf89 "
        "\\\"\\\\/\\b\\u0001\",\"empty\":{},\"list\":[null,true,[],\"\"],\"\":1,\"\xc3\xa9\":2}";
    json_t *registered = json_loads(context, 0, NULL);
    char *members =
        house_format(house, ",\"reason\":\"why\",\"urgency\":\"high\",\"context\":%s", context);
    json_t *request;
    json_t *record;

    start("[action go]\n"
          "on_granted = keep\n"
          "[hook keep]\n"
          "exec = sh %DIR%/keep\n");
    house_write(house, "keep", "exec cat >\"${0%keep}record\"\n");
    register_with(members);
    approve();
    json_decref(house_job_in(house, "req_1", "succeeded"));
    request = house_show(house, "req_1");
    record = record_from("record");
    ck_assert_uint_eq(json_object_size(record), RECORD_MEMBERS);
    for (size_t i = 0; i < RECORD_MEMBERS; i++) {
        ck_assert_ptr_nonnull(json_object_get(record, record_members[i]));
    }
    ck_assert(json_equal(json_object_get(record, "context"), registered));
    ck_assert(json_equal(json_object_get(request, "context"), registered));
    ck_assert_str_eq(text_at(record, "/event"), "approval.granted");
    ck_assert_str_eq(text_at(record, "/request_id"), "req_1");
    ck_assert_str_eq(text_at(record, "/service"), "daimon");
    ck_assert_str_eq(text_at(record, "/action"), "go");
    ck_assert_str_eq(text_at(record, "/status"), "approved");
    ck_assert_str_eq(text_at(record, "/reason"), "why");
    ck_assert_str_eq(text_at(record, "/urgency"), "high");
    ck_assert(json_is_null(json_object_get(record, "denial_reason")));
    ck_assert_str_eq(text_at(record, "/decided_by"), "ops@example.com");
    ck_assert_str_eq(text_at(record, "/decided_at"), "2026-03-16T10:30:45.123Z");
    ck_assert_str_eq(text_at(record, "/created_at"), text_at(request, "/createdAt"));
    ck_assert_str_eq(text_at(record, "/expires_at"), text_at(request, "/expiresAt"));
    ck_assert_int_eq(number_at(record, "/job/id"), number_at(request, "/jobs/0/job"));
    ck_assert_str_eq(text_at(record, "/job/key"), text_at(request, "/jobs/0/key"));
    ck_assert_str_eq(text_at(record, "/job/hook"), "keep");
    ck_assert_int_eq(number_at(record, "/attempt"), 1);
    json_decref(registered);
    json_decref(request);
    json_decref(record);
    free(members);
}
END_TEST

START_TEST(a_large_context_reaches_program_and_call)
{
    char *large = malloc(MEBIBYTE + 1);
    json_t *record;
    char *members;

    memset(large, 'x', MEBIBYTE);
    large[MEBIBYTE] = '\0';
    start("[action go]\n"
          "on_granted = keep, tell\n"
          "[hook keep]\n"
          "shell = cat >%DIR%/record\n"
          "[hook tell]\n"
          "http = POST %HTTP%/\n"
          "body = {\"a\": \"{context.a}\"}\n");
    members = house_format(house, ",\"context\":{\"a\":{\"b\":\"%s\"}}", large);
    register_with(members);
    approve();
    house_await_jobs(house, "req_1", 2, "succeeded");
    record = record_from("record");
    ck_assert(strcmp(text_at(record, "/context/a/b"), large) == 0);
    json_decref(record);
    ck_assert_uint_eq(http_server_wait(server, 1), 1);
    ck_assert_uint_eq(http_server_request(server, 0)->body_length,
                      MEBIBYTE + strlen("{'a':{'b':''}}"));
    free(members);
    free(large);
}
END_TEST

START_TEST(a_denial_tells_why)
{
    json_t *record;

    start("[action go]\n"
          "on_granted = never\n"
          "on_denied = keep\n"
          "[hook keep]\n"
          "shell = cat >%DIR%/record; echo \"$ASSENT_STATUS: $ASSENT_DENIAL_REASON\"\n"
          "[hook never]\n"
          "shell = touch %DIR%/never\n");
    register_with("");
    house_decide(house,
                 "{\"requestId\":\"req_1\",\"status\":\"denied\",\"denial_reason\":\"too many\","
                 "\"context\":{\"a\":\"from the webhook\"},\"action\":\"other\"}",
                 "matched");
    expect_output("denied: too many\n");
    record = record_from("record");
    ck_assert_str_eq(text_at(record, "/event"), "approval.denied");
    ck_assert_str_eq(text_at(record, "/denial_reason"), "too many");
    ck_assert(json_is_null(json_object_get(record, "decided_by")));
    ck_assert_str_eq(text_at(record, "/action"), "go");
    ck_assert_uint_eq(json_object_size(json_object_get(record, "context")), 0);
    ck_assert_int_eq(house_count_lines(house, "never"), 0);
    json_decref(record);
}
END_TEST

START_TEST(all_hooks_of_a_decision_run_once)
{
    start("[action go]\n"
          "on_granted = one, two, three, tell\n"
          "[hook one]\n"
          "shell = echo one >>%DIR%/notes\n"
          "[hook two]\n"
          "shell = echo two >>%DIR%/notes; exit 1\n"
          "[hook three]\n"
          "exec = sh %DIR%/three\n"
          "[hook tell]\n"
          "http = GET %HTTP%/{request_id}\n");
    house_write(house, "three", "echo three >>\"${0%three}notes\"\n");
    register_with("");
    approve();
    house_await_settled(house, "req_1", 4);
    ck_assert_int_eq(house_count_lines(house, "notes"), 3);
    ck_assert_uint_eq(http_server_wait(server, 1), 1);
    ck_assert_str_eq(http_server_request(server, 0)->url, "/req_1");
}
END_TEST

START_TEST(an_action_without_hooks_runs_nothing)
{
    start("[action other]\n"
          "on_granted = note\n"
          "[hook note]\n"
          "shell = echo >>%DIR%/notes\n");
    register_with("");
    approve();
    house_await_log(house, "approved after");
    house_await_jobs(house, "req_1", 0, "");
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("run");
    TCase *programs = house_scenarios(suite, "programs", set_up, tear_down);
    TCase *record = house_scenarios(suite, "record", set_up, tear_down);

    tcase_add_test(programs, a_program_gets_each_word_as_it_was_written);
    tcase_add_test(programs, a_placeholder_stays_inside_its_word);
    tcase_add_test(programs, a_shell_text_stays_as_it_is);
    tcase_add_test(programs, a_program_gets_an_environment_of_known_things_only);
    tcase_add_test(record, a_program_reads_what_was_registered);
    tcase_add_test(record, a_large_context_reaches_program_and_call);
    tcase_add_test(record, a_denial_tells_why);
    tcase_add_test(record, all_hooks_of_a_decision_run_once);
    tcase_add_test(record, an_action_without_hooks_runs_nothing);
    return suite_run(suite);
}
