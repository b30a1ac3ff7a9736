/*
 * What each role is given: all that it needs, and nothing that it must not know.
 */
#include <check.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "support/suite.h"
#include "unit/config_scratch.h"

/* Every value that not all may know begins with `only-`, so that it can be sought in the bytes. */
static const char everything[] = "[server]\n"
                                 "listen = unix:/only-listen\n"
                                 "max_body = 12345\n"
                                 "log_level = debug\n"
                                 "[control]\n"
                                 "socket = /only-control\n"
                                 "[store]\n"
                                 "path = /state/only-store.db\n"
                                 "retention = 3d\n"
                                 "[requests]\n"
                                 "expires_in = 2h\n"
                                 "[service only-service]\n"
                                 "path = /only-path\n"
                                 "scheme = daimon\n"
                                 "secret_file = only-secret-file\n"
                                 "request_id = /only-pointer\n"
                                 "[action only-action]\n"
                                 "on_granted = program, text, call\n"
                                 "require_approval_if = reason != 'only-rule'\n"
                                 "refuse_if =\n    context.a or\n    context.b\n"
                                 "max_per_day = 7\n"
                                 "[hook program]\n"
                                 "exec = true --only-exec={request_id}\n"
                                 "env = A=only-env\n"
                                 "workdir = /tmp\n"
                                 "kill_after = 3s\n"
                                 "timeout = 7s\n"
                                 "[hook text]\n"
                                 "shell = only-shell\n"
                                 "on_interrupt = retry\n"
                                 "[hook call]\n"
                                 "http = POST https://a.example/only-url\n"
                                 "header = Key: {job.key} only-header\n"
                                 "body_file = body\n"
                                 "bearer_file = only-bearer-file\n"
                                 "tls_ca = ca.pem\n"
                                 "output_limit = 1K\n";

static struct config *whole;
static struct config *part;

static void start(void)
{
    scratch_make();
    scratch_text("only-secret-file", "only-secret");
    scratch_text("only-bearer-file", "only-bearer");
    scratch_text("body", "\"only-body\"");
    scratch_text("ca.pem", "-----BEGIN CERTIFICATE-----\nonly-ca");
    whole = scratch_load(everything);
    part = NULL;
}

static void finish(void)
{
    config_free(part);
    config_free(whole);
    scratch_remove();
}

/* Fails unless of all the `only-` values the role's bytes hold exactly these. */
static void expect_known(enum role role, const char *const *known)
{
    static const char *const values[] = {
        "only-listen", "only-control", "only-store",  "only-service", "only-path",
        "only-secret", "only-pointer", "only-action", "only-exec",    "only-env",
        "only-shell",  "only-url",     "only-header", "only-body",    "only-bearer-file",
        "only-ca",     "only-rule",
    };
    struct buffer bytes = scratch_pack(whole, role);
    for (size_t i = 0; i < sizeof values / sizeof values[0]; i++) {
        bool expected = false;
        for (size_t j = 0; known[j]; j++) {
            expected = expected || strcmp(known[j], values[i]) == 0;
        }
        bool found = memmem(bytes.data, bytes.length, values[i], strlen(values[i])) != NULL;
        ck_assert_msg(found == expected, "%s: %s", role_name(role), values[i]);
    }
    buffer_wipe(&bytes);
}

#define EXPECT_KNOWN(role, ...) expect_known((role), (const char *const[]){__VA_ARGS__, NULL})

START_TEST(the_public_gate_knows_paths_and_the_size_of_bodies)
{
    EXPECT_KNOWN(ROLE_GATE_PUBLIC, "only-service", "only-path");
    part = scratch_role(whole, ROLE_GATE_PUBLIC);
    ck_assert_uint_eq(part->max_body, 12345);
    ck_assert_int_eq(part->log_level, LOG_LEVEL_DEBUG);
    ck_assert_str_eq(part->services[0].path, "/only-path");
    ck_assert_uint_eq(part->services[0].secret_count, 0);
    ck_assert_uint_eq(part->hook_count + part->action_count + part->listen.count, 0);
}
END_TEST

START_TEST(the_control_gate_knows_the_log_level_only)
{
    EXPECT_KNOWN(ROLE_GATE_CONTROL, NULL);
    part = scratch_role(whole, ROLE_GATE_CONTROL);
    ck_assert_int_eq(part->log_level, LOG_LEVEL_DEBUG);
    ck_assert_uint_eq(part->service_count, 0);
    ck_assert_ptr_null(part->control.socket);
    ck_assert_ptr_null(part->store_path);
}
END_TEST

START_TEST(core_knows_services_actions_and_of_hooks_what_to_do_about_them)
{
    EXPECT_KNOWN(ROLE_CORE, "only-store", "only-service", "only-path", "only-secret",
                 "only-pointer", "only-action", "only-rule");
    part = scratch_role(whole, ROLE_CORE);
    ck_assert_str_eq(part->store_path, "/state/only-store.db");
    ck_assert_int_eq(part->retention_ms, 3 * 24 * 3600 * 1000);
    ck_assert_int_eq(part->expires_in_ms, 2 * 3600 * 1000);
    ck_assert_int_eq(part->expiry_grace_ms, 30 * 1000);
    ck_assert_uint_eq(part->max_body, 12345);
    const struct config_service *service = config_service(part, "only-service");
    ck_assert_int_eq(service->scheme, SIGNATURE_DAIMON);
    ck_assert_uint_eq(service->secrets[0].length, strlen("only-secret"));
    ck_assert_mem_eq(service->secrets[0].bytes, "only-secret", strlen("only-secret"));
    ck_assert_str_eq(service->pointers.request_id, "/only-pointer");
    const struct config_action *action = config_action(part, "only-action");
    ck_assert_uint_eq(action->on_granted.count, 3);
    ck_assert_str_eq(policy_text(action->policy.require_approval_if), "reason != 'only-rule'");
    ck_assert_str_eq(policy_text(action->policy.refuse_if), "context.a or\ncontext.b");
    ck_assert_uint_eq(action->policy.max_per_day, 7);
    for (size_t i = 0; i < whole->hook_count; i++) {
        const struct config_hook *hook = config_hook(part, whole->hooks[i].name);
        ck_assert_int_eq(hook->kind, whole->hooks[i].kind);
        ck_assert_int_eq(hook->on_interrupt, whole->hooks[i].on_interrupt);
        ck_assert_uint_eq(hook->retries, whole->hooks[i].retries);
        ck_assert_mem_eq(hook->digest, whole->hooks[i].digest, PROTOCOL_DIGEST_SIZE);
        ck_assert_ptr_null(hook->shell);
        ck_assert_ptr_null(hook->url);
        ck_assert_uint_eq(hook->words.count, 0);
    }
    ck_assert_uint_eq(config_hook(part, "call")->retries, 5);
    ck_assert_uint_eq(config_hook(part, "text")->retries, 0);
}
END_TEST

START_TEST(the_runner_knows_programs_and_where_the_state_is)
{
    EXPECT_KNOWN(ROLE_RUNNER, "only-store", "only-exec", "only-env", "only-shell");
    part = scratch_role(whole, ROLE_RUNNER);
    ck_assert_uint_eq(part->hook_count, 2);
    const struct config_hook *program = config_hook(part, "program");
    ck_assert_uint_eq(program->words.count, 2);
    ck_assert(template_uses(program->words.items[1], "request_id"));
    ck_assert_str_eq(program->env.items[0], "A=only-env");
    ck_assert_str_eq(program->workdir, "/tmp");
    ck_assert_int_eq(program->kill_after_ms, 3000);
    ck_assert_int_eq(program->timeout_ms, 7000);
    ck_assert_uint_eq(program->umask, 077);
    const struct config_hook *text = config_hook(part, "text");
    ck_assert_str_eq(text->shell, "only-shell");
    ck_assert_int_eq(text->timeout_ms, 5 * 60 * 1000);
    ck_assert_int_eq(text->on_interrupt, ON_INTERRUPT_RETRY);
    ck_assert_mem_eq(text->digest, config_hook(whole, "text")->digest, PROTOCOL_DIGEST_SIZE);
    ck_assert_str_eq(part->store_path, "/state/only-store.db");
    ck_assert_int_eq(part->retention_ms, 0);
}
END_TEST

START_TEST(the_caller_knows_calls_and_what_they_need)
{
    EXPECT_KNOWN(ROLE_CALLER, "only-url", "only-header", "only-body", "only-bearer-file",
                 "only-ca");
    part = scratch_role(whole, ROLE_CALLER);
    ck_assert_uint_eq(part->hook_count, 1);
    const struct config_hook *call = &part->hooks[0];
    ck_assert_str_eq(call->method, "POST");
    ck_assert_ptr_nonnull(call->url);
    ck_assert_uint_eq(call->headers.count, 1);
    ck_assert_ptr_nonnull(call->body);
    ck_assert_mem_eq(call->bearer.bytes, "only-bearer", strlen("only-bearer"));
    ck_assert_str_eq((char *)call->tls_ca.bytes, "-----BEGIN CERTIFICATE-----\nonly-ca");
    ck_assert_uint_eq(call->output_limit, 1024);
    ck_assert_int_eq(call->timeout_ms, 30 * 1000);
    ck_assert_int_eq(call->on_interrupt, ON_INTERRUPT_RETRY);
    ck_assert_uint_eq(call->expect_count, 1);
    ck_assert_ptr_null(part->store_path);
}
END_TEST

START_TEST(an_empty_body_file_is_an_empty_body)
{
    scratch_text("body", "");
    struct config *config = scratch_load_again();
    part = scratch_role(config, ROLE_CALLER);
    ck_assert_str_eq(part->hooks[0].body_verbatim, "");
    config_free(config);
}
END_TEST

START_TEST(an_executor_has_the_digests_that_core_has)
{
    part = scratch_role(whole, ROLE_RUNNER);
    struct config *core = scratch_role(whole, ROLE_CORE);
    struct protocol_digests own, known;
    ck_assert_int_eq(config_digests(part, ROLE_RUNNER, &own), 0);
    ck_assert_int_eq(config_digests(core, ROLE_RUNNER, &known), 0);
    ck_assert_uint_eq(own.count, known.count);
    for (size_t i = 0; i < own.count; i++) {
        ck_assert_str_eq(own.digests[i].hook, known.digests[i].hook);
        ck_assert_mem_eq(own.digests[i].digest, known.digests[i].digest, PROTOCOL_DIGEST_SIZE);
    }
    protocol_digests_free(&own);
    protocol_digests_free(&known);
    config_free(core);
}
END_TEST

START_TEST(bytes_that_are_cut_short_or_go_on_are_refused)
{
    for (enum role role = 0; role < ROLE_COUNT; role++) {
        struct buffer bytes = scratch_pack(whole, role);
        struct config *config = NULL;
        for (size_t length = 0; length < bytes.length; length++) {
            ck_assert_int_eq(config_unpack(bytes.data, length, &config), -EBADMSG);
        }
        ck_assert_int_eq(buffer_append(&bytes, "", 1), 0);
        ck_assert_int_eq(config_unpack(bytes.data, bytes.length, &config), -EBADMSG);
        ck_assert_ptr_null(config);
        buffer_wipe(&bytes);
    }
}
END_TEST

START_TEST(damaged_bytes_do_no_harm)
{
    struct buffer bytes = scratch_pack(whole, ROLE_CALLER);
    for (size_t i = 0; i < bytes.length; i++) {
        for (unsigned bit = 0; bit < 8; bit++) {
            struct config *config = NULL;
            bytes.data[i] ^= (unsigned char)(1u << bit);
            if (config_unpack(bytes.data, bytes.length, &config) == 0) {
                config_free(config);
            } else {
                ck_assert_ptr_null(config);
            }
            bytes.data[i] ^= (unsigned char)(1u << bit);
        }
    }
    part = scratch_role(whole, ROLE_CALLER);
    buffer_wipe(&bytes);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("config_roles");
    TCase *roles = tcase_create("roles");
    tcase_add_checked_fixture(roles, start, finish);
    tcase_add_test(roles, the_public_gate_knows_paths_and_the_size_of_bodies);
    tcase_add_test(roles, the_control_gate_knows_the_log_level_only);
    tcase_add_test(roles, core_knows_services_actions_and_of_hooks_what_to_do_about_them);
    tcase_add_test(roles, the_runner_knows_programs_and_where_the_state_is);
    tcase_add_test(roles, the_caller_knows_calls_and_what_they_need);
    tcase_add_test(roles, an_empty_body_file_is_an_empty_body);
    tcase_add_test(roles, an_executor_has_the_digests_that_core_has);
    tcase_add_test(roles, bytes_that_are_cut_short_or_go_on_are_refused);
    tcase_add_test(roles, damaged_bytes_do_no_harm);
    suite_add_tcase(suite, roles);
    return suite_run(suite);
}
