/*
 * Loading: which files are read, where secrets come from, and that all errors are told at once.
 */
#include <check.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "support/suite.h"
#include "unit/config_scratch.h"

START_TEST(a_server_with_a_listener_is_enough)
{
    struct config *config = scratch_load(SERVER);
    ck_assert_uint_eq(config->listen.count, 1);
    ck_assert_str_eq(config->listen.items[0], "127.0.0.1:8787");
    ck_assert_uint_eq(config->service_count + config->action_count + config->hook_count, 0);
    config_free(config);
}
END_TEST

START_TEST(without_the_file_there_is_one_error_that_says_so)
{
    struct config *config = NULL;
    struct config_errors errors = {0};
    ck_assert_int_eq(config_load("/nonexistent/assentd.conf", &config, &errors), -EINVAL);
    ck_assert_uint_eq(errors.count, 1);
    ck_assert_str_eq(errors.lines[0],
                     "/nonexistent/assentd.conf: it can't be read: No such file or directory");
    config_errors_free(&errors);
}
END_TEST

/* Loads scratch_path(name), which is no file that can be one. */
static void expect_unusable(const char *name, const char *what)
{
    struct config *config = NULL;
    struct config_errors errors = {0};
    ck_assert_int_eq(config_load(scratch_path(name), &config, &errors), -EINVAL);
    ck_assert_uint_eq(errors.count, 1);
    ck_assert_msg(strstr(errors.lines[0], what) != NULL, "%s", errors.lines[0]);
    config_errors_free(&errors);
}

START_TEST(the_file_must_be_a_regular_one_of_at_most_4_mib)
{
    scratch_directory("directory");
    expect_unusable("directory", "directory");
    ck_assert_int_eq(mkfifo(scratch_path("fifo"), 0600), 0);
    expect_unusable("fifo", "no regular file");
    scratch_text("large", "");
    ck_assert_int_eq(truncate(scratch_path("large"), (4 << 20) + 1), 0);
    expect_unusable("large", "over 4096 KiB");
}
END_TEST

START_TEST(a_path_without_a_directory_is_in_this_one)
{
    struct config *config = NULL;
    struct config_errors errors = {0};
    char here[4096];
    ck_assert_ptr_nonnull(getcwd(here, sizeof here));
    scratch_text("assentd.conf", SERVER SERVICE);
    ck_assert_int_eq(chdir(scratch_path("")), 0);
    int r = config_load("assentd.conf", &config, &errors);
    ck_assert_int_eq(chdir(here), 0);
    ck_assert_int_eq(r, 0);
    ck_assert_uint_eq(config->services[0].secret_count, 1);
    config_free(config);
}
END_TEST

START_TEST(parts_in_conf_d_are_read_in_the_order_of_their_names)
{
    scratch_directory("conf.d");
    scratch_text("conf.d/20-b.conf", "[hook b]\nshell = b\n");
    scratch_text("conf.d/10-a.conf", "[hook a]\nshell = a\n");
    scratch_text("conf.d/.hidden.conf", "nonsense");
    scratch_text("conf.d/30-c.conf.bak", "nonsense");
    scratch_text("conf.d/.conf", "nonsense");
    struct config *config = scratch_load("[hook z]\nshell = z\n" SERVER);
    ck_assert_uint_eq(config->hook_count, 3);
    ck_assert_str_eq(config->hooks[0].name, "z");
    ck_assert_str_eq(config->hooks[1].name, "a");
    ck_assert_str_eq(config->hooks[2].name, "b");
    config_free(config);
}
END_TEST

START_TEST(a_part_may_refer_to_what_another_has)
{
    scratch_directory("conf.d");
    scratch_text("conf.d/hooks.conf", "[hook tell]\nshell = true\n");
    scratch_text("conf.d/server.conf", SERVER);
    struct config *config = scratch_load("[action a]\non_granted = tell\n");
    ck_assert_str_eq(config->actions[0].on_granted.items[0], config->hooks[0].name);
    config_free(config);
}
END_TEST

START_TEST(an_unreadable_part_is_an_error_like_others)
{
    scratch_directory("conf.d");
    scratch_directory("conf.d/a.conf");
    scratch_text("conf.d/b.conf", "[nothing]\n");
    EXPECT_ERRORS(SERVER "x = 1\n", "3: [server] x: unknown key",
                  "conf.d/a.conf: this is a directory", "conf.d/b.conf:1: [nothing]: unknown");
}
END_TEST

START_TEST(conf_d_must_be_a_directory)
{
    scratch_text("conf.d", "");
    EXPECT_ERRORS(SERVER, "conf.d: it can't be read: Not a directory");
}
END_TEST

START_TEST(all_errors_are_told_in_the_order_of_files_and_lines)
{
    scratch_directory("conf.d");
    scratch_text("conf.d/a.conf", "[action a]\non_granted = nobody\nexpires_in = soon\n=\n");
    scratch_text("conf.d/b.conf", "[server]\nlisten = 127.0.0.1:2\n");
    EXPECT_ERRORS(
        "nonsense\n"               /* 1 */
        "[server]\n"               /* 2 */
        "listen = here\n"          /* 3 */
        "max_body = big\n"         /* 4 */
        "[hook h]\n"               /* 5 */
        "timeout = 5\n"            /* 6 */
        "[service s]\n"            /* 7 */
        "secret_file = missing\n", /* 8 */
        "1: this line is neither a section nor a setting; expected",
        "3: [server] listen: the port is missing; expected host:port",
        "4: [server] max_body: this is no size; expected a size",
        "5: [hook h]: the hook has nothing to run; expected exactly one of",
        "7: [service s]: path is missing; expected a path",
        "7: [service s]: scheme is missing; expected daimon, url-token, both with a comma between "
        "them, or none",
        "8: [service s] secret_file: ",
        "conf.d/a.conf:2: [action a] on_granted: there is no hook nobody; expected",
        "conf.d/a.conf:3: [action a] expires_in: this is no duration; expected",
        "conf.d/a.conf:4: [action a]: there is no key",
        "conf.d/b.conf:1: [server]: given twice; expected once, and it is in");
}
END_TEST

START_TEST(an_error_is_one_line)
{
    EXPECT_ERRORS(SERVER "[hook h]\nhttp = POST https://a.example/\nbody_file = a\n  b\n",
                  "5: [hook h] body_file: ");
}
END_TEST

START_TEST(without_a_server_there_is_no_listener)
{
    EXPECT_ERRORS("[store]\n", " the section [server] with its listen is missing");
    EXPECT_ERRORS("[server]\n", "1: [server]: listen is missing; expected host:port");
}
END_TEST

START_TEST(an_unknown_key_is_told_with_the_nearest_known_one)
{
    EXPECT_ERRORS(SERVER "max_bdoy = 1K\nlog-level = info\nconcurrency = 5\n",
                  "3: [server] max_bdoy: unknown key; did you mean max_body?",
                  "4: [server] log-level: unknown key; did you mean log_level?",
                  "5: [server] concurrency: unknown key; [server] has listen, max_body, "
                  "max_connections, max_connections_per_address, request_timeout, request_rate, "
                  "trusted_proxy, tls_certificate, tls_key, client_ca, log_level");
}
END_TEST

START_TEST(keys_of_other_sections_are_unknown)
{
    EXPECT_ERRORS(SERVER "socket = /s\n", "3: [server] socket: unknown key");
    EXPECT_ERRORS(SERVER "Listen = a:1\n", "3: [server] Listen: unknown key; did you mean listen?");
}
END_TEST

START_TEST(an_unknown_section_is_told_with_the_nearest_known_one)
{
    EXPECT_ERRORS(SERVER "[servcie x]\npath = /\n[webhooks]\n[Server]\n",
                  "3: [servcie x]: unknown section; did you mean [service NAME]?",
                  "5: [webhooks]: unknown section; expected [server], [control], [agent], [store]",
                  "6: [Server]: unknown section; did you mean [server]?");
}
END_TEST

START_TEST(names_are_checked)
{
    EXPECT_ERRORS(SERVER "[hook]\n[service a b]\n[hook _x]\n[store x]\n[action a b]\n",
                  "3: [hook]: the name is missing; expected [hook NAME]",
                  "4: [service a b]: this can't be a name; expected 1 to 64 of",
                  "5: [hook _x]: this can't be a name",
                  "6: [store x]: this section has no name; expected [store]",
                  "7: [action a b]: this can't be the name of an action; expected 1 to 200");
}
END_TEST

START_TEST(names_have_limits)
{
    char text[1024];
    char name[202];
    memset(name, 'n', sizeof name);
    (void)snprintf(text, sizeof text, SERVER "[hook %.64s]\nshell = a\n[action %.200s]\n", name,
                   name);
    config_free(scratch_load(text));
    (void)snprintf(text, sizeof text, SERVER "[hook %.65s]\nshell = a\n[action %.201s]\n", name,
                   name);
    scratch_text("assentd.conf", text);
    struct config *config = NULL;
    struct config_errors errors = {0};
    ck_assert_int_eq(config_load(scratch_path("assentd.conf"), &config, &errors), -EINVAL);
    ck_assert_uint_eq(errors.count, 2);
    config_errors_free(&errors);
}
END_TEST

START_TEST(what_is_given_twice_is_an_error)
{
    EXPECT_ERRORS(SERVER "log_level = info\nlog_level = debug\n[hook h]\nshell = a\n[hook h]\n"
                         "shell = b\n",
                  "4: [server] log_level: given twice; expected once, and it is in line 3 already",
                  "7: [hook h]: given twice; expected once, and it is in /tmp/");
    EXPECT_ERRORS(SERVER "listen = 127.0.0.1:8787\n",
                  "3: [server] listen: the same is given twice");
    config_free(scratch_load(SERVER "listen = 127.0.0.1:8788\n"));
}
END_TEST

START_TEST(a_setting_needs_a_value)
{
    EXPECT_ERRORS("[server]\nlisten =\n", "2: [server] listen: there is no value; expected host");
}
END_TEST

/* --- secrets ---------------------------------------------------------------------------------- */

static void expect_secret(const void *bytes, size_t length, const char *expected)
{
    scratch_write("secret", bytes, length, 0600);
    struct config *config = scratch_load(SERVER SERVICE);
    const struct signature_secret *secret = &config->services[0].secrets[0];
    ck_assert_uint_eq(secret->length, strlen(expected));
    ck_assert_mem_eq(secret->bytes, expected, secret->length);
    config_free(config);
}

START_TEST(one_newline_at_the_end_of_a_secret_is_ignored)
{
    expect_secret("abc", 3, "abc");
    expect_secret("abc\n", 4, "abc");
    expect_secret("abc\r\n", 5, "abc");
    expect_secret("abc\n\n", 5, "abc\n");
    expect_secret("abc\r", 4, "abc\r");
    expect_secret(" abc ", 5, " abc ");
}
END_TEST

static void expect_secret_error(const char *name, const char *what)
{
    char expected[512];
    (void)snprintf(expected, sizeof expected, "6: [service daimon] secret_file: %s: %s",
                   scratch_path(name), what);
    EXPECT_ERRORS(SERVER SERVICE, expected);
}

START_TEST(an_empty_secret_is_refused)
{
    scratch_text("secret", "");
    expect_secret_error("secret", "it is empty");
    scratch_text("secret", "\r\n");
    expect_secret_error("secret", "it is empty");
}
END_TEST

START_TEST(a_secret_that_others_can_read_is_refused)
{
    scratch_write("secret", "abc", 3, 0644);
    expect_secret_error("secret", "others can read or write it (mode 644)");
    scratch_write("secret", "abc", 3, 0602);
    expect_secret_error("secret", "others can read or write it (mode 602)");
    scratch_write("secret", "abc", 3, 0640);
    config_free(scratch_load(SERVER SERVICE));
}
END_TEST

START_TEST(a_secret_is_a_regular_file_of_at_most_64_kib)
{
    static char bytes[(64 << 10) + 1] = {'x'};
    scratch_write("secret", bytes, sizeof bytes, 0600);
    expect_secret_error("secret", "the file is over 64 KiB");
    scratch_write("secret", bytes, sizeof bytes - 1, 0600);
    config_free(scratch_load(SERVER SERVICE));
    ck_assert_int_eq(unlink(scratch_path("secret")), 0);
    expect_secret_error("secret", "it can't be read: No such file or directory");
    scratch_directory("secret");
    expect_secret_error("secret", "this is a directory");
}
END_TEST

START_TEST(the_credentials_directory_comes_first)
{
    scratch_directory("credentials");
    scratch_text("credentials/secret", "from credentials");
    ck_assert_int_eq(setenv("CREDENTIALS_DIRECTORY", scratch_path("credentials"), 1), 0);
    struct config *config = scratch_load(SERVER SERVICE);
    ck_assert_mem_eq(config->services[0].secrets[0].bytes, "from credentials", 16);
    config_free(config);
    scratch_write("credentials/secret", "abc", 3, 0644);
    expect_secret_error("credentials/secret", "others can read or write it");
    ck_assert_int_eq(unlink(scratch_path("credentials/secret")), 0);
    config = scratch_load_again();
    ck_assert_mem_eq(config->services[0].secrets[0].bytes, SECRET, strlen(SECRET));
    config_free(config);
}
END_TEST

START_TEST(files_that_are_no_secrets_are_not_sought_among_credentials)
{
    scratch_directory("credentials");
    scratch_text("credentials/body", "\"credentials\"");
    scratch_write("body", "\"beside\"", 8, 0644);
    ck_assert_int_eq(setenv("CREDENTIALS_DIRECTORY", scratch_path("credentials"), 1), 0);
    struct config *config =
        scratch_load(SERVER "[hook h]\nhttp = POST https://a.example/\nbody_file = body\n");
    ck_assert_ptr_nonnull(config->hooks[0].body);
    config_free(config);
    ck_assert_int_eq(unlink(scratch_path("body")), 0);
    EXPECT_ERRORS(SERVER "[hook h]\nhttp = POST https://a.example/\nbody_file = body\n",
                  "5: [hook h] body_file: ");
}
END_TEST

START_TEST(an_absolute_name_is_taken_as_it_is)
{
    char text[1024];
    (void)snprintf(text, sizeof text,
                   SERVER "[service a]\npath = /a\nscheme = daimon\nsecret_file = %s\n",
                   scratch_path("secret"));
    ck_assert_int_eq(setenv("CREDENTIALS_DIRECTORY", "/nonexistent", 1), 0);
    config_free(scratch_load(text));
}
END_TEST

/* --- services seen together ------------------------------------------------------------------- */

START_TEST(a_secret_can_be_rotated)
{
    scratch_text("new", "another");
    struct config *config = scratch_load(SERVER SERVICE "secret_file = new\n");
    ck_assert_uint_eq(config->services[0].secret_count, 2);
    ck_assert_mem_eq(config->services[0].secrets[1].bytes, "another", 7);
    config_free(config);
}
END_TEST

START_TEST(two_services_with_the_same_secret_are_refused)
{
    scratch_text("first", "first");
    scratch_text("same", SECRET);
    EXPECT_ERRORS(SERVER SERVICE "[service b]\npath = /b\nscheme = daimon\nsecret_file = first\n"
                                 "secret_file = same\n",
                  "11: [service b] secret_file: [service daimon] has the same secret; expected");
}
END_TEST

START_TEST(two_services_with_the_same_path_are_refused)
{
    scratch_text("b", "b");
    EXPECT_ERRORS(SERVER SERVICE "[service b]\npath = /webhook\nscheme = daimon\nsecret_file = b\n",
                  "8: [service b] path: [service daimon] has this path already; expected another");
}
END_TEST

START_TEST(daimon_needs_a_secret)
{
    EXPECT_ERRORS(SERVER "[service a]\npath = /a\nscheme = daimon\n",
                  "5: [service a] scheme: signatures can't be checked without a secret; expected");
}
END_TEST

#define UNSIGNED "[service a]\npath = /a\nscheme = none\n"

START_TEST(unsigned_webhooks_must_be_allowed)
{
    EXPECT_ERRORS(SERVER UNSIGNED, "5: [service a] scheme: anyone could decide; expected");
    EXPECT_ERRORS(SERVER UNSIGNED "allow_unsigned = no\n", "5: [service a] scheme: anyone could");
    struct config *config = scratch_load(SERVER UNSIGNED "allow_unsigned = yes\n");
    ck_assert_int_eq(config->services[0].scheme, SIGNATURE_NONE);
    ck_assert(config->services[0].allow_unsigned);
    config_free(config);
}
END_TEST

static const struct {
    const char *listen;
    bool local;
} listeners[] = {
    {"127.0.0.1:1", true},
    {"127.255.0.9:1", true},
    {"localhost:1", true},
    {"[::1]:1", true},
    {"unix:/run/a", true},
    {"128.0.0.1:1", false},
    {"0.0.0.0:1", false},
    {"[::]:1", false},
    {"localhost.example.com:1", false},
    {"127.0.0.1.example.com:1", false},
    {"[::ffff:127.0.0.1]:1", false},
};

START_TEST(unsigned_webhooks_come_by_local_listeners_only)
{
    char text[512];
    (void)snprintf(text, sizeof text,
                   "[server]\nlisten = 127.0.0.1:9\nlisten = %s\n" UNSIGNED
                   "allow_unsigned = yes\n",
                   listeners[_i].listen);
    if (listeners[_i].local) {
        config_free(scratch_load(text));
    } else {
        EXPECT_ERRORS(text, "6: [service a] scheme: anyone who reaches ");
    }
}
END_TEST

#define COUNT(array) (int)(sizeof array / sizeof array[0])

static TCase *files(void)
{
    TCase *tests = tcase_create("files");
    tcase_add_checked_fixture(tests, scratch_make, scratch_remove);
    tcase_add_test(tests, a_server_with_a_listener_is_enough);
    tcase_add_test(tests, without_the_file_there_is_one_error_that_says_so);
    tcase_add_test(tests, the_file_must_be_a_regular_one_of_at_most_4_mib);
    tcase_add_test(tests, a_path_without_a_directory_is_in_this_one);
    tcase_add_test(tests, parts_in_conf_d_are_read_in_the_order_of_their_names);
    tcase_add_test(tests, a_part_may_refer_to_what_another_has);
    tcase_add_test(tests, an_unreadable_part_is_an_error_like_others);
    tcase_add_test(tests, conf_d_must_be_a_directory);
    return tests;
}

static TCase *errors(void)
{
    TCase *tests = tcase_create("errors");
    tcase_add_checked_fixture(tests, scratch_make, scratch_remove);
    tcase_add_test(tests, all_errors_are_told_in_the_order_of_files_and_lines);
    tcase_add_test(tests, an_error_is_one_line);
    tcase_add_test(tests, without_a_server_there_is_no_listener);
    tcase_add_test(tests, an_unknown_key_is_told_with_the_nearest_known_one);
    tcase_add_test(tests, keys_of_other_sections_are_unknown);
    tcase_add_test(tests, an_unknown_section_is_told_with_the_nearest_known_one);
    tcase_add_test(tests, names_are_checked);
    tcase_add_test(tests, names_have_limits);
    tcase_add_test(tests, what_is_given_twice_is_an_error);
    tcase_add_test(tests, a_setting_needs_a_value);
    return tests;
}

static TCase *secrets(void)
{
    TCase *tests = tcase_create("secrets");
    tcase_add_checked_fixture(tests, scratch_make, scratch_remove);
    tcase_add_test(tests, one_newline_at_the_end_of_a_secret_is_ignored);
    tcase_add_test(tests, an_empty_secret_is_refused);
    tcase_add_test(tests, a_secret_that_others_can_read_is_refused);
    tcase_add_test(tests, a_secret_is_a_regular_file_of_at_most_64_kib);
    tcase_add_test(tests, the_credentials_directory_comes_first);
    tcase_add_test(tests, files_that_are_no_secrets_are_not_sought_among_credentials);
    tcase_add_test(tests, an_absolute_name_is_taken_as_it_is);
    return tests;
}

static TCase *services(void)
{
    TCase *tests = tcase_create("services");
    tcase_add_checked_fixture(tests, scratch_make, scratch_remove);
    tcase_add_test(tests, a_secret_can_be_rotated);
    tcase_add_test(tests, two_services_with_the_same_secret_are_refused);
    tcase_add_test(tests, two_services_with_the_same_path_are_refused);
    tcase_add_test(tests, daimon_needs_a_secret);
    tcase_add_test(tests, unsigned_webhooks_must_be_allowed);
    tcase_add_loop_test(tests, unsigned_webhooks_come_by_local_listeners_only, 0, COUNT(listeners));
    return tests;
}

int main(void)
{
    Suite *suite = suite_create("config_load");
    suite_add_tcase(suite, files());
    suite_add_tcase(suite, errors());
    suite_add_tcase(suite, secrets());
    suite_add_tcase(suite, services());
    return suite_run(suite);
}
