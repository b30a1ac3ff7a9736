/*
 * From the options of `register` to the body that is posted; and paths, in which ids are encoded.
 */
#include <check.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "assent/ctl/ask.h"
#include "assent/ctl/registration_body.h"
#include "support/suite.h"

static struct arguments arguments;
static struct buffer body;
static struct problem problem;

static void begin(void)
{
    arguments = (struct arguments){0};
    body = (struct buffer){0};
    problem = (struct problem){.text = ""};
}

static void end(void)
{
    buffer_free(&body);
}

/* Reads `register`'s own options. */
static int build(const char *const *words)
{
    int count = 0;

    while (words[count]) {
        count++;
    }
    begin();
    ck_assert_int_eq(
        arguments_parse(&arguments, count, words, command_register.options, NULL, false, &problem),
        count);
    return registration_body(&arguments, &body, &problem);
}

#define BUILD(...) build((const char *const[]){__VA_ARGS__, NULL})

START_TEST(every_option_becomes_its_field)
{
    ck_assert_int_eq(BUILD("--id", "req_1", "--action=pay", "--reason", "why", "--urgency=high",
                           "--service=daimon", "--client-id=c", "--expires-in=90m",
                           "--context={\"b\":1,\"a\":[]}"),
                     0);
    ck_assert_str_eq(buffer_text(&body),
                     "{\"requestId\":\"req_1\",\"action\":\"pay\",\"reason\":\"why\",\"urgency\":"
                     "\"high\",\"service\":\"daimon\",\"clientId\":\"c\",\"expiresIn\":5400,"
                     "\"context\":{\"b\":1,\"a\":[]}}");
    end();
    ck_assert_int_eq(BUILD("--id=r", "--action=a", "--expires-at=2026-03-16T10:30:45Z"), 0);
    ck_assert_str_eq(
        buffer_text(&body),
        "{\"requestId\":\"r\",\"action\":\"a\",\"expiresAt\":\"2026-03-16T10:30:45Z\"}");
}
END_TEST

START_TEST(what_is_wrong_is_named_before_anything_is_sent)
{
    static const struct {
        const char *words[6];
        const char *problem;
    } cases[] = {
        {{"--action=a"}, "expected --id ID and --action NAME, or --file FILE"},
        {{"--id=r"}, "expected --id ID and --action NAME, or --file FILE"},
        {{"--id=r", "--action=a", "--urgency=urgent"},
         "--urgency: expected low|medium|high, not 'urgent'"},
        {{"--id=r", "--action=a", "--expires-in=1h", "--expires-at=2026-03-16T10:30:45Z"},
         "expected either --expires-in or --expires-at, not both"},
        {{"--id=r", "--action=a", "--expires-in=1500ms"},
         "--expires-in: expected whole seconds, at least one"},
        {{"--id=r", "--action=a", "--expires-in=0"},
         "--expires-in: expected whole seconds, at least one"},
        {{"--id=r", "--action=a", "--expires-at=tomorrow"},
         "--expires-at: expected a time such as 2026-03-16T10:30:45Z, not 'tomorrow'"},
        {{"--id=r", "--action=a", "--context=[]"}, "--context: expected a JSON object"},
        {{"--id=r", "--action=a", "--context={", NULL},
         "--context: line 1, column 2: the JSON text ends before its value is complete"},
        {{"--id=r", "--action=a", "--context={}", "--context-file=x"},
         "expected either --context or --context-file, not both"},
        {{"--id=r", "--action=a", "--context-file=/nowhere/at/all"},
         "can't read /nowhere/at/all: No such file or directory"},
        {{"--file=x", "--reason=why"},
         "--file is the whole request: --reason can't stand beside it"},
        {{"--id=\xff", "--action=a"}, "--id: this is not valid UTF-8"},
    };

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        ck_assert_int_eq(build(cases[i].words), -EINVAL);
        ck_assert_str_eq(problem.text, cases[i].problem);
        end();
    }
}
END_TEST

START_TEST(a_file_is_sent_as_it_is)
{
    char path[] = "/tmp/assentctl-test.XXXXXX";
    static const char text[] = "{ \"requestId\": \"req_1\",\n  \"action\": \"x\" }\n";
    int fd = mkstemp(path);
    const char *words[] = {"--file", path, NULL};

    ck_assert_int_eq(write(fd, text, sizeof text - 1), (ssize_t)sizeof text - 1);
    (void)close(fd);
    ck_assert_int_eq(build(words), 0);
    ck_assert_str_eq(buffer_text(&body), text);
    end();
    words[0] = "--context-file";
    ck_assert_int_eq(BUILD("--id=r", "--action=a", words[0], words[1]), 0);
    ck_assert_str_eq(buffer_text(&body), "{\"requestId\":\"r\",\"action\":\"a\",\"context\":"
                                         "{\"requestId\":\"req_1\",\"action\":\"x\"}}");
    (void)unlink(path);
}
END_TEST

START_TEST(whatever_an_id_holds_stays_one_segment_of_the_path)
{
    path_append(&body, "/v1/requests/%s/cancel", "a:b/../c?d=%&\xc3\xa4");
    path_option(&body, "service", NULL);
    ck_assert_str_eq(path_text(&body), "/v1/requests/a%3Ab%2F..%2Fc%3Fd%3D%25%26%C3%A4/cancel");
    path_option(&body, "service", "x&y=z");
    path_option(&body, "wait", "5");
    ck_assert_str_eq(path_text(&body), "/v1/requests/a%3Ab%2F..%2Fc%3Fd%3D%25%26%C3%A4/cancel"
                                       "?service=x%26y%3Dz&wait=5");
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("ctl register");
    TCase *tests = tcase_create("register");

    tcase_add_checked_fixture(tests, begin, end);
    tcase_add_test(tests, every_option_becomes_its_field);
    tcase_add_test(tests, what_is_wrong_is_named_before_anything_is_sent);
    tcase_add_test(tests, a_file_is_sent_as_it_is);
    tcase_add_test(tests, whatever_an_id_holds_stays_one_segment_of_the_path);
    suite_add_tcase(suite, tests);
    return suite_run(suite);
}
