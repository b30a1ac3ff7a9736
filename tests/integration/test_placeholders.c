/*
 * What arrives at the other end, whatever an agent has put into its request: real calls to a real
 * server, and real programs, judged by the oracle of templates.
 */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>

#include "assent/base/json.h"
#include "integration/caller_rig.h"
#include "integration/runner_rig.h"
#include "support/http_server.h"
#include "support/odd_record.h"
#include "support/suite.h"
#include "support/template_oracle.h"

#define CALLS    400
#define PROGRAMS 50 /* their frames have to fit into the rig */

#define PATH     "/v1/{item}/x{context.b}/end?r={reason}&n={context.a|}"
#define HEADER_A "X-Item: <{item}>"
#define HEADER_B "X-Reason: {reason}"
#define BODY     "{\"{{\":[\"-\",{\"x\":\"{item}\",\"t\":\"<{reason}>\"}],\"n\":\"{index}\"}"

static struct caller_rig caller;
static struct runner_rig runner;
static struct http_server *server;
static uint64_t state;

static void assert_right(enum template_kind kind, const char *text, const struct buffer *record,
                         const char *came, size_t length)
{
    struct buffer copy = {0};
    json_t *json = NULL;
    const char *wrong;

    ck_assert_int_eq(json_parse(record->data, record->length, &json, NULL), 0);
    ck_assert_int_eq(buffer_append(&copy, came, length), 0);
    wrong = template_oracle(kind, text, json, &copy);
    ck_assert_msg(!wrong, "%s: %s: %s\n%s", text, wrong, came, (const char *)record->data);
    buffer_free(&copy);
    json_decref(json);
}

/* --- calls ------------------------------------------------------------------------------------ */

static void start_caller(void)
{
    state = ODD_RECORD_STATE;
    caller_rig_start(&caller);
    server = http_server_start();
    caller.port = http_server_port(server);
    caller_rig_begin(&caller, "[hook h]\nfor_each = context.to\n"
                              "http = PUT http://127.0.0.1:PORT" PATH "\n"
                              "header = " HEADER_A "\nheader = " HEADER_B "\nbody = " BODY "\n");
}

static void stop_caller(void)
{
    caller_rig_free(&caller);
    http_server_stop(server);
}

static void assert_url(const char *url, const struct buffer *record)
{
    char *whole = NULL;

    ck_assert_int_gt(asprintf(&whole, "http://host%s", url), 0);
    assert_right(TEMPLATE_URL, "http://host" PATH, record, whole, strlen(whole));
    free(whole);
}

/* Each of these once, and no other. White space at its end is no part of a header's value. */
static void assert_headers(const char *headers, const struct buffer *record)
{
    static const char *const names[] = {
        "Host", "Accept", "User-Agent", "X-Item:", "X-Reason", "Content-Type", "Content-Length"};
    char *copy = strdup(headers);
    size_t count = 0;

    for (char *rest = copy, *line; (line = strsep(&rest, "\n"));) {
        size_t length = strlen(line);

        if (length > 0 && line[length - 1] == '\r') {
            line[--length] = '\0';
        }
        count += length > 0;
        if (strncmp(line, "X-Item:", 7) == 0) {
            assert_right(TEMPLATE_HEADER, HEADER_A, record, line, length);
        }
    }
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        ck_assert_msg(strcasestr(headers, names[i]), "%s is missing: %s", names[i], headers);
    }
    ck_assert_msg(count == sizeof names / sizeof names[0], "%zu headers: %s", count, headers);
    free(copy);
}

START_TEST(no_request_can_change_what_a_call_is)
{
    struct protocol_result result;
    size_t came = 0;

    for (int round = 0; round < CALLS; round++) {
        struct buffer record = odd_record(&state, 0);
        const struct http_server_request *request;

        caller_rig_run(&caller, "h", (const char *)record.data, &result);
        if (result.ending == ENDING_SUCCEEDED) {
            ck_assert_uint_eq(http_server_wait(server, ++came), came);
            request = http_server_request(server, came - 1);
            ck_assert_str_eq(request->method, "PUT");
            assert_url(request->url, &record);
            assert_headers(request->headers, &record);
            assert_right(TEMPLATE_JSON, BODY, &record, request->body, request->body_length);
        } else {
            ck_assert_int_eq(result.ending, ENDING_FAILED);
            ck_assert_msg(strncmp(result.error, "not sent: ", 10) == 0, "%s", result.error);
        }
        buffer_free(&record);
    }
    ck_assert_uint_gt(came, CALLS / 20);
    ck_assert_uint_lt(came, CALLS);
    ck_assert_uint_eq(http_server_connections(server), came);
}
END_TEST

/* --- programs --------------------------------------------------------------------------------- */

static const char *const words[] = {"--to={item}",
                                    "x{item.b|none}y",
                                    "--",
                                    "{reason}",
                                    "{context.b} {context.b}",
                                    "",
                                    "{context.a|}",
                                    "last"};
#define WORD_COUNT (sizeof words / sizeof words[0])

static void start_runner(void)
{
    FILE *program;

    state = ODD_RECORD_STATE;
    runner_rig_open(&runner);
    program = fopen(runner_rig_path(&runner, "tell-words"), "w");
    ck_assert_ptr_nonnull(program);
    (void)fputs("#!/bin/sh\nprintf '%s\\0' \"$@\"\n", program);
    ck_assert_int_eq(fclose(program), 0);
    ck_assert_int_eq(chmod(runner_rig_path(&runner, "tell-words"), 0755), 0);
    runner_rig_start(&runner, "[hook h]\nfor_each = context.to\n"
                              "exec = @/tell-words --to={item} x{item.b|none}y -- {reason} "
                              "\"{context.b} {context.b}\" '' {context.a|} last\n");
}

static void stop_runner(void)
{
    runner_rig_clear(&runner);
}

static void assert_words(const struct protocol_output *output, const struct buffer *record)
{
    const char *at = output->head;
    const char *end = at + output->head_length;

    ck_assert_uint_eq(output->tail_length, 0);
    ck_assert_uint_eq(output->dropped, 0);
    for (size_t i = 0; i < WORD_COUNT; i++) {
        ck_assert_msg(at < end, "only %zu words came: %s", i, (const char *)record->data);
        assert_right(TEMPLATE_WORD, words[i], record, at, strnlen(at, (size_t)(end - at)));
        at += strnlen(at, (size_t)(end - at)) + 1;
    }
    ck_assert_msg(at == end, "more words came: %s", (const char *)record->data);
}

START_TEST(no_request_can_change_how_many_words_a_program_gets)
{
    size_t started = 0;

    for (int round = 0; round < PROGRAMS; round++) {
        struct buffer record = odd_record(&state, 0);
        struct protocol_result result;
        char key[32];

        (void)snprintf(key, sizeof key, "key-%d", round);
        runner_rig_run_with(&runner, "h", key, (const char *)record.data, record.length);
        result = runner_rig_result(&runner);
        ck_assert_str_eq(result.attempt.key, key);
        if (result.ending == ENDING_SUCCEEDED) {
            assert_words(&result.standard_output, &record);
            started++;
        } else {
            ck_assert_int_eq(result.started_at, 0);
            ck_assert_str_ne(result.error, "");
        }
        buffer_free(&record);
    }
    ck_assert_uint_gt(started, PROGRAMS / 5);
    ck_assert_uint_lt(started, PROGRAMS);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("placeholders");
    TCase *calls = suite_case(suite, "calls", start_caller, stop_caller);
    TCase *programs = suite_case(suite, "programs", start_runner, stop_runner);

    tcase_set_timeout(calls, 120);
    tcase_add_test(calls, no_request_can_change_what_a_call_is);
    tcase_set_timeout(programs, 120);
    tcase_add_test(programs, no_request_can_change_how_many_words_a_program_gets);
    return suite_run(suite);
}
