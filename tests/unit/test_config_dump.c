/*
 * The dump is a configuration that means the same; the example has every key and can be loaded.
 */
#include <check.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "assent/config/keys.h"
#include "support/suite.h"
#include "support/tls_server.h"
#include "unit/config_scratch.h"

/* Loads the text, dumps, loads the dump, dumps: both dumps and all that roles are given must be
 * the same. Returns the dump. */
static char *dump_twice(const char *text)
{
    struct config *first = scratch_load(text);
    char *first_dump = scratch_dump(first);
    struct config *second = scratch_load(first_dump);
    char *second_dump = scratch_dump(second);
    ck_assert_str_eq(first_dump, second_dump);
    ck_assert_uint_eq(first->hook_count, second->hook_count);
    for (size_t i = 0; i < first->hook_count; i++) {
        ck_assert_mem_eq(first->hooks[i].digest, second->hooks[i].digest, PROTOCOL_DIGEST_SIZE);
    }
    free(second_dump);
    config_free(first);
    config_free(second);
    return first_dump;
}

START_TEST(a_dump_shows_the_defaults)
{
    char *dump = dump_twice(SERVER);
    ck_assert_str_eq(dump, "[server]\n"
                           "listen = 127.0.0.1:8787\n"
                           "max_body = 256K\n"
                           "max_connections = 1024\n"
                           "max_connections_per_address = 64\n"
                           "request_timeout = 10s\n"
                           "log_level = info\n"
                           "jail = on\n"
                           "\n"
                           "[control]\n"
                           "socket = /run/assentd/control.sock\n"
                           "socket_mode = 0600\n"
                           "\n"
                           "[store]\n"
                           "path = /var/lib/assentd/assentd.db\n"
                           "retention = 90d\n"
                           "\n"
                           "[requests]\n"
                           "expires_in = 1h\n"
                           "expiry_grace = 30s\n"
                           "keep_early = 24h\n"
                           "\n"
                           "[runner]\n"
                           "concurrency = 16\n"
                           "\n");
    free(dump);
}
END_TEST

START_TEST(a_dump_names_secrets_and_does_not_show_them)
{
    scratch_text("token", "tokenbytes");
    char *dump = dump_twice(SERVER SERVICE "[hook h]\nhttp = GET https://a.example/\n"
                                           "bearer_file = token\n");
    ck_assert_ptr_nonnull(strstr(dump, "\n# 13 bytes\nsecret_file = secret\n"));
    ck_assert_ptr_nonnull(strstr(dump, "\n# 10 bytes\nbearer_file = token\n"));
    ck_assert_ptr_null(strstr(dump, SECRET));
    ck_assert_ptr_null(strstr(dump, "tokenbytes"));
    free(dump);
}
END_TEST

START_TEST(a_dump_shows_what_follows_for_each_kind_of_hook)
{
    char *dump = dump_twice(SERVER "[hook a]\nexec = true\n"
                                   "[hook b]\nhttp = PUT https://b.example/{job.key}\n");
    ck_assert_ptr_nonnull(strstr(dump, "[hook a]\nexec = true\ntimeout = 5m\nretries = 0\n"
                                       "backoff = 2s\nbackoff_max = 10m\nconcurrency = 0\n"
                                       "delay = 0\non_interrupt = hold\n"
                                       "output_limit = 64K\nkill_after = 10s\numask = 077\n\n"));
    ck_assert_ptr_nonnull(strstr(dump,
                                 "[hook b]\nhttp = PUT https://b.example/{job.key}\n"
                                 "timeout = 30s\nretries = 5\nbackoff = 2s\nbackoff_max = 10m\n"
                                 "concurrency = 0\ndelay = 0\n"
                                 "on_interrupt = retry\noutput_limit = 64K\n"
                                 "expect = 200-299\nredirects = 0\n\n"));
    free(dump);
}
END_TEST

START_TEST(values_of_several_lines_keep_their_form)
{
    char *dump =
        dump_twice(SERVER "[hook a]\nshell = if true  \n  then\n      echo  \n\t[x]\n  # c\n"
                          "[hook b]\nshell =\n  {\n    echo\n  }\nenv = A=1\n  2\n");
    struct config *config = scratch_load(dump);
    ck_assert_str_eq(config->hooks[0].shell, "if true  \nthen\n    echo  \n\t[x]\n# c");
    ck_assert_str_eq(config->hooks[1].shell, "{\n  echo\n}");
    ck_assert_str_eq(config->hooks[1].env.items[0], "A=1\n2");
    config_free(config);
    free(dump);
}
END_TEST

START_TEST(a_dump_joins_all_files)
{
    scratch_directory("conf.d");
    scratch_text("conf.d/a.conf", "[store]\npath = /a.db\n[action *]\non_denied = h\n");
    struct config *config = scratch_load("[hook h]\nshell = x\n" SERVER);
    char *dump = scratch_dump(config);
    config_free(config);
    scratch_text("conf.d/a.conf", "");
    char *again = dump_twice(dump);
    ck_assert_str_eq(again, dump);
    ck_assert_ptr_nonnull(strstr(dump, "path = /a.db\n"));
    free(again);
    free(dump);
}
END_TEST

START_TEST(a_dump_that_can_not_be_written_is_an_error)
{
    struct config *config = scratch_load(SERVER);
    FILE *out = fopen("/dev/full", "w");
    ck_assert_ptr_nonnull(out);
    ck_assert_int_eq(config_dump(config, out), -EIO);
    (void)fclose(out);
    config_free(config);
}
END_TEST

/* --- the example ------------------------------------------------------------------------------ */

static char *example;

static void read_example(void)
{
    char path[4096];
    const char *source = getenv("ASSENT_SOURCE");
    scratch_make();
    (void)snprintf(path, sizeof path, "%s/config/assentd.conf", source ? source : ".");
    FILE *in = fopen(path, "r");
    ck_assert_msg(in != NULL, "%s", path);
    size_t size = 0;
    ck_assert_int_gt(getdelim(&example, &size, '\0', in), 0);
    (void)fclose(in);
}

static void free_example(void)
{
    free(example);
    example = NULL;
    scratch_remove();
}

/* Takes away each # that no space follows, and puts what is on this machine in place of paths. */
static char *uncommented(void)
{
    static const char *const places[][2] = {
        {"/usr/local/lib/agent/send-campaign", "/bin/true"},
        {"/var/lib/agent", "/tmp"},
        {"socket_group = adm", "socket_group = root"},
        {"socket_group = agents", "socket_group = root"},
        {"tls/fullchain.pem", "tls/tls-cert.pem"},
        {"tls/key.pem", "tls/tls-key.pem"},
        {"tls/clients.pem", "tls/tls-cert.pem"},
    };
    char *text = NULL;
    size_t length;
    FILE *out = open_memstream(&text, &length);
    for (const char *at = example; *at != '\0';) {
        bool line_begins = at == example || at[-1] == '\n';
        if (line_begins && at[0] == '#' && (at[1] != ' ' || at[2] == ' ') && at[1] != '\n') {
            at++;
        }
        for (size_t i = 0; i < sizeof places / sizeof places[0]; i++) {
            if (strncmp(at, places[i][0], strlen(places[i][0])) == 0) {
                (void)fputs(places[i][1], out);
                at += strlen(places[i][0]);
            }
        }
        (void)fputc(*at++, out);
    }
    ck_assert_int_eq(fclose(out), 0);
    return text;
}

START_TEST(the_example_can_be_loaded_as_it_is)
{
    struct config *config = scratch_load(example);
    ck_assert_uint_eq(config->listen.count, 1);
    config_free(config);
}
END_TEST

START_TEST(the_example_can_be_loaded_with_all_that_it_shows)
{
    scratch_text("daimon-webhook-secret", "whsec_1");
    scratch_text("daimon-api-key", "key");
    scratch_text("daimon-ca.pem", "-----BEGIN CERTIFICATE-----\n");
    scratch_text("relay-secret", "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw");
    scratch_text("archive-token", "token");
    scratch_text("control-token", "operators-0123456789");
    scratch_text("agent-campaigns", "campaigns-0123456789");
    scratch_text("archive-body.json", "{\"id\": \"{request_id}\"}");
    scratch_text("archive-ca.pem", "-----BEGIN CERTIFICATE-----\n");
    scratch_directory("tls");
    struct tls_server server;
    tls_server_certify(&server, scratch_path("tls"), "tls", "DNS:localhost");
    char *text = uncommented();
    free(dump_twice(text));
    free(text);
}
END_TEST

START_TEST(the_example_shows_the_defaults_and_every_key)
{
    const struct config_key *key;
    for (size_t i = 0; (key = config_key_at(i)) != NULL; i++) {
        char line[256];
        char title[64];
        (void)snprintf(title, sizeof title, "[%s", section_rule(key->section)->kind);
        (void)snprintf(line, sizeof line, "%s =", key->name);
        bool found = false;
        const char *section = strstr(example, title);
        for (const char *at = section; at != NULL && !found; at = strchr(at, '\n')) {
            at += strspn(at, "\n#");
            const char *kind = at[0] == '[' ? at + 1 : section + 1;
            size_t length = strlen(title) - 1;
            section = at[0] == '[' ? at : section;
            found = strncmp(kind, title + 1, length) == 0 && strncmp(at, line, strlen(line)) == 0;
        }
        ck_assert_msg(found, "[%s] %s is not in the example", title + 1, key->name);
    }
}
END_TEST

START_TEST(every_key_has_a_purpose)
{
    const struct config_key *key;
    size_t count = 0;
    for (; (key = config_key_at(count)) != NULL; count++) {
        ck_assert_ptr_nonnull(key->expected);
        ck_assert_ptr_nonnull(key->set);
        ck_assert_msg((key->hooks != 0) == (key->section == SECTION_HOOK), "%s", key->name);
        ck_assert_msg((key->roles & ~section_rule(key->section)->roles) == 0, "%s", key->name);
        ck_assert_ptr_eq(config_key_find(key->section, key->name), key);
    }
    ck_assert_uint_gt(count, 30);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("config_dump");
    TCase *dumps = tcase_create("dumps");
    TCase *examples = tcase_create("examples");
    tcase_add_checked_fixture(dumps, scratch_make, scratch_remove);
    tcase_add_test(dumps, a_dump_shows_the_defaults);
    tcase_add_test(dumps, a_dump_names_secrets_and_does_not_show_them);
    tcase_add_test(dumps, a_dump_shows_what_follows_for_each_kind_of_hook);
    tcase_add_test(dumps, values_of_several_lines_keep_their_form);
    tcase_add_test(dumps, a_dump_joins_all_files);
    tcase_add_test(dumps, a_dump_that_can_not_be_written_is_an_error);
    suite_add_tcase(suite, dumps);
    tcase_add_checked_fixture(examples, read_example, free_example);
    tcase_add_test(examples, the_example_can_be_loaded_as_it_is);
    tcase_add_test(examples, the_example_can_be_loaded_with_all_that_it_shows);
    tcase_add_test(examples, the_example_shows_the_defaults_and_every_key);
    tcase_add_test(examples, every_key_has_a_purpose);
    suite_add_tcase(suite, examples);
    return suite_run(suite);
}
