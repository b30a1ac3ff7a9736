/*
 * Requests, jobs and output as people read them.
 */
#include <check.h>
#include <locale.h>
#include <stdlib.h>
#include <string.h>

#include "assent/ctl/ctl.h"
#include "assent/ctl/job_view.h"
#include "assent/ctl/progress.h"
#include "assent/ctl/request_view.h"
#include "support/suite.h"

#define NOW 1773657045000 /* 2026-03-16 10:30:45Z */

static struct screen screen;

static void begin(void)
{
    screen = (struct screen){.now = NOW};
}

static const char *shown(void)
{
    return buffer_text(&screen.text);
}

static void end(void)
{
    screen_free(&screen);
}

static json_t *json(const char *text)
{
    json_t *value = json_loads(text, JSON_DECODE_ANY, NULL);

    ck_assert_ptr_nonnull(value);
    return value;
}

static void assert_shown(const char *text)
{
    ck_assert_msg(strstr(shown(), text) != NULL, "not shown: %s\n%.2000s", text, shown());
}

static void assert_fits_and_is_harmless(void)
{
    char *copy = strdup(shown());
    char *rest = copy;
    char *line;

    while ((line = strsep(&rest, "\n"))) {
        ck_assert_msg(screen_columns(line) <= 80, "too wide: %.500s", line);
        for (const char *at = line; *at; at++) {
            ck_assert_msg((unsigned char)*at >= ' ' && *at != 0x7f, "not escaped: %.500s", line);
        }
    }
    free(copy);
}

/* --- requests --------------------------------------------------------------------------------- */

static void show_line(const char *text)
{
    json_t *request = json(text);

    request_view_line(&screen, request);
    json_decref(request);
}

START_TEST(a_line_says_how_a_request_ended)
{
    show_line("{\"requestId\":\"req_1\",\"status\":\"approved\",\"decidedBy\":\"ops@example.com\","
              "\"createdAt\":\"2026-03-16T10:00:00Z\",\"finalAt\":\"2026-03-16T10:04:12Z\"}");
    ck_assert_str_eq(shown(), "req_1 approved after 4m12s by ops@example.com\n");
}
END_TEST

START_TEST(a_line_says_how_long_an_open_request_has_left)
{
    show_line("{\"requestId\":\"req_1\",\"status\":\"pending\",\"decidedBy\":null,"
              "\"expiresAt\":\"2026-03-16T11:25:45Z\",\"finalAt\":null}");
    ck_assert_str_eq(shown(), "req_1 pending, 55m left\n");
}
END_TEST

START_TEST(a_request_past_its_time_but_not_yet_expired_says_so)
{
    show_line("{\"requestId\":\"req_1\",\"status\":\"pending\",\"expiresAt\":"
              "\"2026-03-16T10:30:44Z\"}");
    ck_assert_str_eq(shown(), "req_1 pending, about to expire\n");
}
END_TEST

START_TEST(each_state_has_its_exit_status)
{
    static const struct {
        const char *state;
        int exit;
    } states[] = {{"held", 4},      {"submitting", 4}, {"pending", 4},  {"approved", 0},
                  {"denied", 1},    {"expired", 2},    {"canceled", 3}, {"failed", 3},
                  {"delivered", 3}, {"whatever", 4}};

    for (size_t i = 0; i < sizeof states / sizeof states[0]; i++) {
        json_t *request = json_pack("{s:s}", "status", states[i].state);

        ck_assert_msg(request_exit(request) == states[i].exit, "%s: %d", states[i].state,
                      request_exit(request));
        json_decref(request);
    }
}
END_TEST

static const char denied[] =
    "{\"requestId\":\"req_1\",\"service\":\"daimon\",\"action\":\"bulk_send\",\"status\":\"denied\","
    "\"urgency\":\"high\",\"reason\":\"the spring campaign\",\"createdAt\":\"2026-03-16T10:26:33Z\","
    "\"expiresAt\":\"2026-03-16T11:26:33Z\",\"finalAt\":\"2026-03-16T10:30:45Z\",\"decidedAt\":"
    "\"2026-03-16T10:30:43Z\",\"decidedBy\":\"ops@example.com\",\"denialReason\":\"too many "
    "recipients\",\"context\":{\"count\":500},\"clientId\":\"c-1\",\"registeredBy\":\"uid:1000\","
    "\"jobs\":[{\"job\":17,\"hook\":\"tell-team\",\"state\":\"failed\",\"attempt\":2,\"startedAt\":"
    "\"2026-03-16T10:30:45Z\",\"endedAt\":\"2026-03-16T10:30:48Z\",\"error\":\"exit status 3\"}],"
    "\"events\":[{\"sequence\":1,\"at\":\"2026-03-16T10:26:33Z\",\"kind\":\"request.registered\","
    "\"job\":null,\"details\":null},{\"sequence\":2,\"at\":\"2026-03-16T10:30:45Z\",\"kind\":"
    "\"request.denied\",\"job\":null,\"details\":{\"decision\":\"denied\",\"decidedBy\":"
    "\"ops@example.com\",\"reason\":\"too many recipients\"}},{\"sequence\":3,\"at\":"
    "\"2026-03-16T10:30:48Z\",\"kind\":\"job.failed\",\"job\":17,\"details\":{\"hook\":\"tell-team\","
    "\"attempt\":2,\"error\":\"exit status 3\"}}]}";

START_TEST(a_request_is_shown_with_all_there_is_to_know)
{
    json_t *request = json(denied);

    request_view(&screen, request);
    ck_assert_str_eq(shown(), "Request       req_1\n"
                              "Service       daimon\n"
                              "Action        bulk_send\n"
                              "Urgency       high\n"
                              "Reason        the spring campaign\n"
                              "State         denied after 4m12s\n"
                              "Decided by    ops@example.com\n"
                              "Decided       2026-03-16 10:30:43Z, 2s ago\n"
                              "Because       too many recipients\n"
                              "Registered by uid:1000\n"
                              "Registered    2026-03-16 10:26:33Z, 4m12s ago\n"
                              "Expires       2026-03-16 11:26:33Z, in 55m48s\n"
                              "Client id     c-1\n"
                              "Context       {\n"
                              "                \"count\": 500\n"
                              "              }\n"
                              "\n"
                              "Jobs\n"
                              "  17  tell-team  failed after 3s, attempt 2\n"
                              "    exit status 3\n"
                              "\n"
                              "Events\n"
                              "  2026-03-16 10:26:33Z  request.registered\n"
                              "  2026-03-16 10:30:45Z  request.denied: denied by ops@example.com: "
                              "too many\n"
                              "                        recipients\n"
                              "  2026-03-16 10:30:48Z  job.failed: job 17 tell-team: exit status 3 "
                              "(attempt 2)\n");
    json_decref(request);
}
END_TEST

/* Puts the text in place of every text in the value that is neither a time nor a word of the
 * daemon's own. */
static void spoil(json_t *value, const char *text)
{
    const char *key;
    json_t *member;
    size_t i;

    json_object_foreach(value, key, member) {
        if (json_is_string(member) && !strstr(key, "At") && strcmp(key, "at") != 0 &&
            strcmp(key, "status") != 0 && strcmp(key, "state") != 0) {
            ck_assert_int_eq(json_string_set(member, text), 0);
        }
        spoil(member, text);
    }
    for (i = 0; i < json_array_size(value); i++) {
        spoil(json_array_get(value, i), text);
    }
}

START_TEST(no_text_from_outside_breaks_the_view_of_a_request)
{
    json_t *request = json(denied);
    char evil[600];

    memset(evil, '\033', sizeof evil - 1);
    evil[sizeof evil - 1] = '\0';
    (void)json_object_set_new(json_object_get(request, "context"), "text", json_string("x"));
    spoil(request, evil);
    request_view(&screen, request);
    request_view_line(&screen, request);
    assert_shown("Because       \\x1b\\x1b");
    assert_shown("\"text\": \"\\u001B\\u001B");
    assert_fits_and_is_harmless();
    json_decref(request);
}
END_TEST

START_TEST(an_answer_without_any_of_the_members_is_survived)
{
    json_t *nothing = json("{}");
    json_t *wrong = json("{\"requestId\":5,\"status\":[],\"jobs\":{},\"events\":\"x\","
                         "\"createdAt\":\"yesterday\",\"context\":[1]}");

    request_view(&screen, nothing);
    request_view(&screen, wrong);
    job_view(&screen, nothing);
    job_view(&screen, wrong);
    request_view_line(&screen, wrong);
    assert_fits_and_is_harmless();
    json_decref(nothing);
    json_decref(wrong);
}
END_TEST

START_TEST(a_long_context_is_cut_and_that_is_said)
{
    json_t *request =
        json("{\"requestId\":\"r\",\"status\":\"pending\",\"context\":{\"list\":[]}}");
    json_t *list = json_object_get(json_object_get(request, "context"), "list");

    for (int i = 0; i < 500; i++) {
        (void)json_array_append_new(list, json_integer(i));
    }
    request_view(&screen, request);
    assert_shown("                  37,\n              (464 lines more: --json shows all)\n");
    json_decref(request);
}
END_TEST

START_TEST(a_list_of_requests_fits_whatever_is_in_it)
{
    struct table *table = request_table_new();
    json_t *request = json(denied);

    request_table_row(table, request, NOW);
    spoil(request,
          "an-identifier-that-is-much-longer-than-anybody-would-ever-want-it-to-be-in-a-table");
    request_table_row(table, request, NOW);
    table_show(table, &screen);
    assert_shown("REQUEST ");
    assert_shown("bulk_");
    assert_fits_and_is_harmless();
    table_free(table);
    json_decref(request);
}
END_TEST

START_TEST(only_open_requests_have_time_left)
{
    struct table *table = request_table_new();
    json_t *open =
        json("{\"requestId\":\"a\",\"action\":\"x\",\"status\":\"pending\",\"createdAt\":"
             "\"2026-03-16T10:29:45Z\",\"expiresAt\":\"2026-03-16T10:40:45Z\"}");
    json_t *over = json("{\"requestId\":\"b\",\"action\":\"y\",\"status\":\"denied\",\"createdAt\":"
                        "\"2026-03-16T10:29:45Z\",\"expiresAt\":\"2026-03-16T10:40:45Z\","
                        "\"decidedBy\":\"ops\"}");

    request_table_row(table, open, NOW);
    request_table_row(table, over, NOW);
    table_show(table, &screen);
    ck_assert_str_eq(shown(), "REQUEST  ACTION  STATE    AGE  LEFT  BY\n"
                              "a        x       pending   1m   10m\n"
                              "b        y       denied    1m        ops\n");
    table_free(table);
    json_decref(open);
    json_decref(over);
}
END_TEST

/* --- jobs ------------------------------------------------------------------------------------- */

static const char job_text[] =
    "{\"job\":17,\"requestId\":\"req_1\",\"service\":\"daimon\",\"action\":\"pay\",\"hook\":\"note\","
    "\"state\":\"running\",\"attempt\":3,\"key\":\"k.1\",\"createdAt\":\"2026-03-16T10:30:00Z\","
    "\"startedAt\":\"2026-03-16T10:30:40Z\",\"endedAt\":null,\"error\":null,\"attempts\":["
    "{\"attempt\":1,\"executor\":\"runner\",\"state\":\"failed\",\"startedAt\":"
    "\"2026-03-16T10:30:00Z\",\"endedAt\":\"2026-03-16T10:30:02Z\",\"exitCode\":3,\"signal\":null,"
    "\"httpStatus\":null,\"error\":\"exit status 3\"},{\"attempt\":2,\"executor\":\"caller\","
    "\"state\":\"succeeded\",\"startedAt\":\"2026-03-16T10:30:10Z\",\"endedAt\":"
    "\"2026-03-16T10:30:10.250Z\",\"exitCode\":null,\"signal\":null,\"httpStatus\":204,\"error\":"
    "null},{\"attempt\":3,\"executor\":\"runner\",\"state\":\"running\",\"startedAt\":"
    "\"2026-03-16T10:30:40Z\",\"endedAt\":null,\"exitCode\":null,\"signal\":null,\"httpStatus\":"
    "null,\"error\":null}]}";

START_TEST(a_job_is_shown_with_all_its_attempts)
{
    json_t *job = json(job_text);

    job_view(&screen, job);
    ck_assert_str_eq(shown(), "Job           17\n"
                              "Hook          note\n"
                              "Request       req_1\n"
                              "Service       daimon\n"
                              "Action        pay\n"
                              "State         running\n"
                              "Key           k.1\n"
                              "Queued        2026-03-16 10:30:00Z\n"
                              "\n"
                              "Attempts\n"
                              "  1  2026-03-16 10:30:00Z  failed after 2s\n"
                              "    exit status 3\n"
                              "  2  2026-03-16 10:30:10Z  succeeded after 250ms, HTTP status 204\n"
                              "  3  2026-03-16 10:30:40Z  running for 5s\n");
    json_decref(job);
}
END_TEST

START_TEST(a_list_of_jobs_fits_whatever_is_in_it)
{
    struct table *table = job_table_new();
    json_t *job = json(job_text);

    spoil(job, "\xe6\x97\xa5\xe6\x97\xa5\xe6\x97\xa5\xe6\x97\xa5\xe6\x97\xa5\xe6\x97\xa5\xe6\x97"
               "\xa5\xe6\x97\xa5\xe6\x97\xa5\xe6\x97\xa5\xe6\x97\xa5\xe6\x97\xa5\xe6\x97\xa5");
    (void)json_object_set_new(job, "state", json_string("interrupted"));
    (void)json_object_set_new(job, "error", json_string("it was cut off, nobody knows when\n"));
    job_table_row(table, job, NOW);
    table_show(table, &screen);
    assert_shown("interrupted");
    assert_fits_and_is_harmless();
    table_free(table);
    json_decref(job);
}
END_TEST

/* --- fan-outs, retries ------------------------------------------------------------------------ */

static const char fan_out[] =
    "{\"job\":4,\"requestId\":\"req_1\",\"hook\":\"send\",\"state\":\"running\",\"attempt\":0,"
    "\"retries\":0,\"createdAt\":\"2026-03-16T10:30:00Z\",\"startedAt\":"
    "\"2026-03-16T10:30:05Z\",\"endedAt\":null,\"error\":null,\"items\":{\"total\":500,"
    "\"queued\":370,\"running\":10,\"succeeded\":116,\"failed\":3,\"interrupted\":1,"
    "\"canceled\":0,\"estimatedEnd\":\"2026-03-16T10:32:45Z\"}}";

START_TEST(a_fan_out_says_how_far_it_has_come)
{
    json_t *job = json(fan_out);
    struct table *table = job_table_new();

    job_table_row(table, job, NOW);
    table_show(table, &screen);
    ck_assert_str_eq(shown(), "JOB  REQUEST  HOOK  STATE    TRY  AGE  TOOK  NOTE\n"
                              "  4  req_1    send  running       45s   40s  120 of 500, 3 failed, "
                              "1 interrupte\xe2\x80\xa6\n");
    screen.text.length = 0;
    job_view(&screen, job);
    assert_shown("\nItems         [");
    assert_shown("\n              500: 116 succeeded, 3 failed, 10 running, 370 to come\n");
    assert_shown("\nInterrupted   1\n");
    assert_shown("\nLikely end    2026-03-16 10:32:45Z, in 2m\n");
    assert_fits_and_is_harmless();
    table_free(table);
    json_decref(job);
}
END_TEST

START_TEST(a_run_that_is_tried_again_says_when_and_why)
{
    json_t *job = json("{\"job\":5,\"requestId\":\"r\",\"hook\":\"call\",\"state\":\"queued\","
                       "\"attempt\":2,\"retries\":2,\"createdAt\":\"2026-03-16T10:30:00Z\","
                       "\"notBefore\":\"2026-03-16T10:31:15Z\",\"error\":\"HTTP status 503\"}");

    job_view_line(&screen, job);
    ck_assert_str_eq(shown(), "  5  call  queued, attempt 2\n"
                              "    next try in 30s; HTTP status 503\n");
    job_view(&screen, job);
    assert_shown("\nNext try      2026-03-16 10:31:15Z, in 30s\n");
    assert_shown("\nRetries       2\n");
    json_decref(job);
}
END_TEST

START_TEST(a_run_that_is_being_canceled_says_so)
{
    json_t *job = json(fan_out);
    struct buffer note = {0};

    (void)json_object_set_new(job, "canceling", json_true());
    (void)json_object_del(job, "items");
    job_note_append(&note, job, NOW);
    ck_assert_str_eq((const char *)note.data, "being canceled");
    buffer_free(&note);
    json_decref(job);
}
END_TEST

static void assert_bar(struct progress progress, size_t columns, const char *expected)
{
    screen.text.length = 0;
    progress_bar(&screen, &progress, columns);
    ck_assert_str_eq(shown(), expected);
}

START_TEST(a_bar_shows_all_there_is_and_is_full_only_at_the_end)
{
    assert_bar((struct progress){.total = 10}, 12, "[..........]");
    assert_bar((struct progress){.total = 10, .succeeded = 5, .failed = 2, .running = 1}, 12,
               "[#####!!>..]");
    assert_bar((struct progress){.total = 1000000, .succeeded = 1, .interrupted = 1, .running = 1},
               12, "[#!>.......]");
    assert_bar((struct progress){.total = 1000, .succeeded = 999}, 12, "[#########.]");
    assert_bar((struct progress){.total = 3, .succeeded = 2, .failed = 1}, 12, "[#######!!!]");
    assert_bar((struct progress){.total = 0}, 6, "[....]");
    assert_bar((struct progress){.total = 5, .failed = 2, .running = 3}, 3, "[!]");
    assert_bar((struct progress){.total = 5, .failed = 2, .running = 3}, 0, "[!]");
}
END_TEST

START_TEST(a_list_of_items_shows_their_values)
{
    struct table *table = item_table_new();
    json_t *one = json("{\"index\":0,\"state\":\"failed\",\"attempt\":2,\"item\":\"a@b.c\","
                       "\"startedAt\":\"2026-03-16T10:30:00Z\",\"endedAt\":"
                       "\"2026-03-16T10:30:02Z\",\"error\":\"exit status 1\"}");
    json_t *other = json("{\"index\":1,\"state\":\"queued\",\"attempt\":0,\"item\":"
                         "{\"to\":\"\\u001b[31m\"}}");

    item_table_row(table, one, NOW);
    item_table_row(table, other, NOW);
    table_show(table, &screen);
    ck_assert_str_eq(shown(), "ITEM  VALUE                 STATE   TRY  TOOK  NOTE\n"
                              "   0  a@b.c                 failed    2    2s  exit status 1\n"
                              "   1  {\"to\":\"\\\\u001B[31m\"}  queued\n");
    table_free(table);
    json_decref(one);
    json_decref(other);
}
END_TEST

static TCase *request_tests(void)
{
    TCase *tests = tcase_create("requests");

    tcase_add_checked_fixture(tests, begin, end);
    tcase_add_test(tests, a_line_says_how_a_request_ended);
    tcase_add_test(tests, a_line_says_how_long_an_open_request_has_left);
    tcase_add_test(tests, a_request_past_its_time_but_not_yet_expired_says_so);
    tcase_add_test(tests, each_state_has_its_exit_status);
    tcase_add_test(tests, a_request_is_shown_with_all_there_is_to_know);
    tcase_add_test(tests, no_text_from_outside_breaks_the_view_of_a_request);
    tcase_add_test(tests, an_answer_without_any_of_the_members_is_survived);
    tcase_add_test(tests, a_long_context_is_cut_and_that_is_said);
    tcase_add_test(tests, a_list_of_requests_fits_whatever_is_in_it);
    tcase_add_test(tests, only_open_requests_have_time_left);
    return tests;
}

static TCase *job_tests(void)
{
    TCase *tests = tcase_create("jobs");

    tcase_add_checked_fixture(tests, begin, end);
    tcase_add_test(tests, a_job_is_shown_with_all_its_attempts);
    tcase_add_test(tests, a_list_of_jobs_fits_whatever_is_in_it);
    tcase_add_test(tests, a_fan_out_says_how_far_it_has_come);
    tcase_add_test(tests, a_run_that_is_tried_again_says_when_and_why);
    tcase_add_test(tests, a_run_that_is_being_canceled_says_so);
    tcase_add_test(tests, a_bar_shows_all_there_is_and_is_full_only_at_the_end);
    tcase_add_test(tests, a_list_of_items_shows_their_values);
    return tests;
}

int main(void)
{
    Suite *suite = suite_create("ctl views");

    (void)setlocale(LC_CTYPE, "C.UTF-8");
    suite_add_tcase(suite, request_tests());
    suite_add_tcase(suite, job_tests());
    return suite_run(suite);
}
