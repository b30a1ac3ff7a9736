/*
 * Values: what each key takes, what it refuses and says then, and what holds without it.
 */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "support/suite.h"
#include "unit/config_scratch.h"

START_TEST(defaults_hold_where_nothing_is_said)
{
    struct config *config = scratch_load(SERVER SERVICE);
    ck_assert_uint_eq(config->max_body, 256 << 10);
    ck_assert_int_eq(config->log_level, LOG_LEVEL_INFO);
    ck_assert_str_eq(config->control.socket, "/run/assentd/control.sock");
    ck_assert_uint_eq(config->control.socket_mode, 0600);
    ck_assert_ptr_null(config->control.socket_group);
    ck_assert_uint_eq(config->max_connections, 1024);
    ck_assert_uint_eq(config->max_connections_per_address, 64);
    ck_assert_int_eq(config->request_timeout_ms, 10 * 1000);
    ck_assert_uint_eq(config->request_rate.count, 0);
    ck_assert_uint_eq(config->trusted_proxies.count, 0);
    ck_assert_uint_eq(config->tls_certificate.length, 0);
    ck_assert_str_eq(config->store_path, "/var/lib/assentd/assentd.db");
    ck_assert_int_eq(config->retention_ms, INT64_C(90) * 24 * 3600 * 1000);
    ck_assert_int_eq(config->expires_in_ms, 3600 * 1000);
    ck_assert_int_eq(config->expiry_grace_ms, 30 * 1000);
    ck_assert_int_eq(config->keep_early_ms, 24 * 3600 * 1000);
    ck_assert(!config->services[0].allow_unsigned);
    ck_assert_ptr_null(config->services[0].pointers.request_id);
    config_free(config);
}
END_TEST

START_TEST(what_is_said_holds)
{
    struct config *config = scratch_load("[server]\n"
                                         "listen = [::1]:443\n"
                                         "listen = unix:/run/a.sock\n"
                                         "max_body = 1M\n"
                                         "log_level = debug\n"
                                         "[control]\n"
                                         "socket = /tmp/c.sock\n"
                                         "socket_mode = 0660\n"
                                         "socket_group = root\n"
                                         "[store]\n"
                                         "path = /tmp/a.db\n"
                                         "retention = 1d\n"
                                         "[requests]\n"
                                         "expires_in = 5m\n"
                                         "expiry_grace = 0\n"
                                         "keep_early = 500ms\n");
    ck_assert_uint_eq(config->listen.count, 2);
    ck_assert_str_eq(config->listen.items[1], "unix:/run/a.sock");
    ck_assert_uint_eq(config->max_body, 1 << 20);
    ck_assert_int_eq(config->log_level, LOG_LEVEL_DEBUG);
    ck_assert_str_eq(config->control.socket, "/tmp/c.sock");
    ck_assert_uint_eq(config->control.socket_mode, 0660);
    ck_assert_str_eq(config->control.socket_group, "root");
    ck_assert_str_eq(config->store_path, "/tmp/a.db");
    ck_assert_int_eq(config->retention_ms, 24 * 3600 * 1000);
    ck_assert_int_eq(config->expires_in_ms, 300 * 1000);
    ck_assert_int_eq(config->expiry_grace_ms, 0);
    ck_assert_int_eq(config->keep_early_ms, 500);
    config_free(config);
}
END_TEST

START_TEST(a_service_says_where_its_fields_are)
{
    struct config *config = scratch_load(SERVER SERVICE "request_id = /payload/approval/id\n"
                                                        "decision = /a\n"
                                                        "decided_by = /b\n"
                                                        "decided_at = /c\n"
                                                        "reason = /d~1e\n"
                                                        "event_id = /f\n");
    const struct event_pointers *pointers = &config->services[0].pointers;
    ck_assert_str_eq(pointers->request_id, "/payload/approval/id");
    ck_assert_str_eq(pointers->decision, "/a");
    ck_assert_str_eq(pointers->decided_by, "/b");
    ck_assert_str_eq(pointers->decided_at, "/c");
    ck_assert_str_eq(pointers->reason, "/d~1e");
    ck_assert_str_eq(pointers->event_id, "/f");
    config_free(config);
}
END_TEST

START_TEST(an_action_starts_a_list_of_hooks)
{
    struct config *config = scratch_load(SERVER "[action a]\n"
                                                "on_granted = one , two,\n    three\n"
                                                "on_denied = two\n"
                                                "on_expired = three\n"
                                                "expires_in = 2h\n"
                                                "[hook one]\nshell = 1\n"
                                                "[hook two]\nshell = 2\n"
                                                "[hook three]\nshell = 3\n");
    const struct config_action *action = &config->actions[0];
    ck_assert_uint_eq(action->on_granted.count, 3);
    ck_assert_str_eq(action->on_granted.items[0], "one");
    ck_assert_str_eq(action->on_granted.items[1], "two");
    ck_assert_str_eq(action->on_granted.items[2], "three");
    ck_assert_str_eq(action->on_denied.items[0], "two");
    ck_assert_str_eq(action->on_expired.items[0], "three");
    ck_assert_int_eq(action->expires_in_ms, 2 * 3600 * 1000);
    config_free(config);
}
END_TEST

START_TEST(an_action_has_its_policy)
{
    struct config *config = scratch_load(SERVER "[action a]\n"
                                                "require_approval_if =\n"
                                                "    context.cost > 100\n"
                                                "        or urgency == \"high\"\n"
                                                "refuse_if = not has(context.cost)\n"
                                                "max_per_day = 20\n"
                                                "[action b]\n");
    const struct policy_rules *policy = &config->actions[0].policy;
    ck_assert_str_eq(policy_text(policy->require_approval_if),
                     "context.cost > 100\n    or urgency == \"high\"");
    ck_assert_str_eq(policy_text(policy->refuse_if), "not has(context.cost)");
    ck_assert_uint_eq(policy->max_per_day, 20);
    policy = &config->actions[1].policy;
    ck_assert_ptr_null(policy->require_approval_if);
    ck_assert_ptr_null(policy->refuse_if);
    ck_assert_uint_eq(policy->max_per_day, 0);
    config_free(config);
}
END_TEST

START_TEST(a_policy_of_several_lines_says_which_is_wrong)
{
    EXPECT_ERRORS(SERVER "[action a]\nrefuse_if =\n    context.cost > 100\n    or cost < 5\n",
                  "4: [action a] refuse_if: line 2, column 4: there is no cost; there are "
                  "context.NAME, urgency, action and reason, and a string stands in quotes: "
                  "\"cost\"; expected a condition such as len(context.recipients) > 100");
}
END_TEST

START_TEST(things_are_found_by_name)
{
    struct config *config = scratch_load(SERVER SERVICE "[action a:b/c]\n[action *]\n"
                                                        "[hook h]\nshell = 1\n");
    ck_assert_str_eq(config_service(config, "daimon")->path, "/webhook");
    ck_assert_ptr_null(config_service(config, "Daimon"));
    ck_assert_str_eq(config_action(config, "a:b/c")->name, "a:b/c");
    ck_assert_str_eq(config_action(config, "other")->name, "*");
    ck_assert_str_eq(config_hook(config, "h")->shell, "1");
    ck_assert_ptr_null(config_hook(config, "i"));
    config_free(config);
}
END_TEST

START_TEST(without_a_star_other_actions_have_nothing)
{
    struct config *config = scratch_load(SERVER "[action a]\n");
    ck_assert_ptr_null(config_action(config, "b"));
    ck_assert_int_eq(config_action(config, "a")->expires_in_ms, 0);
    config_free(config);
}
END_TEST

/* One setting that is refused: where it stands, and what is told. */
static const struct {
    const char *section;
    const char *setting;
    const char *told; /* after the key */
} refused[] = {
    {"[server]", "listen = 8787", "the port is missing; expected host:port, [v6]:port or unix:"},
    {"[server]", "listen = :8787", "the port is missing"},
    {"[server]", "listen = 127.0.0.1:", "the port is no number up to 65535"},
    {"[server]", "listen = 127.0.0.1:65536", "the port is no number up to 65535"},
    {"[server]", "listen = 127.0.0.1:http", "the port is no number up to 65535"},
    {"[server]", "listen = 127.0.0.256:80", "the host is no name or address"},
    {"[server]", "listen = 127.1:80", "the host is no name or address"},
    {"[server]", "listen = ::1:80", "the host is no name or address"},
    {"[server]", "listen = [::g]:80", "the host is no name or address"},
    {"[server]", "listen = [::1]", "the port is missing"},
    {"[server]", "listen = a b:80", "the host is no name or address"},
    {"[server]", "listen = unix:relative", "unix: takes an absolute path"},
    {"[server]", "listen = unix:", "unix: takes an absolute path"},
    {"[server]", "max_body = 0", "out of range; expected a size of 1 to 16M such as 256K"},
    {"[server]", "max_body = 17M", "out of range"},
    {"[server]", "max_body = 1k", "this is no size"},
    {"[server]", "log_level = loud", "there is no such level; expected error, warning, info or"},
    {"[control]", "socket = control.sock", "this is no absolute path; expected an absolute path"},
    {"[control]", "socket_mode = 0800", "this is no octal number"},
    {"[control]", "socket_mode = 01777", "this is no octal number"},
    {"[control]", "socket_mode = 1777", "only the permission bits up to 0777"},
    {"[control]", "socket_group = no-such-group-here", "there is no such group; expected the name"},
    {"[control]", "socket_group = a b", "this can't be the name of a group"},
    {"[store]", "path = assentd.db", "this is no absolute path; expected the absolute path of"},
    {"[store]", "retention = 90", "this is no duration; expected a duration over 0"},
    {"[store]", "retention = 0", "out of range"},
    {"[store]", "retention = 99999d", "over ten years"},
    {"[requests]", "expires_in = 0", "out of range"},
    {"[requests]", "expiry_grace = -1s", "this is no duration"},
    {"[requests]", "keep_early = 1 h", "this is no duration"},
    {"[service x]\nscheme = daimon\nsecret_file = secret", "path = webhook",
     "a path begins with /"},
    {"[service x]\nscheme = daimon\nsecret_file = secret", "path = /a?b", "a path has letters,"},
    {"[service x]\nscheme = daimon\nsecret_file = secret", "path = /a%20b", "a path has letters,"},
    {"[service x]\nscheme = daimon\nsecret_file = secret", "path = /a/../b",
     "a segment can't be ."},
    {"[service x]\nscheme = daimon\nsecret_file = secret", "path = /a/.", "a segment can't be ."},
    {"[service x]\nscheme = daimon\nsecret_file = secret", "path = /healthz", "/healthz is"},
    {"[service x]\npath = /x\nsecret_file = secret", "scheme = github", "there is no such scheme"},
    {"[service x]\npath = /x\nscheme = daimon\nsecret_file = secret", "allow_unsigned = true",
     "this is neither yes nor no; expected yes or no"},
    {"[service x]\npath = /x\nscheme = daimon\nsecret_file = secret", "request_id = payload/id",
     "this is no JSON Pointer; expected a JSON Pointer such as /payload/approval/id"},
    {"[action x]", "on_granted = nobody", "there is no hook nobody; expected a section [hook nob"},
    {"[action x]", "on_denied = a,,b", "a name is missing; expected names of hooks with commas"},
    {"[action x]", "on_denied = a,", "a name is missing"},
    {"[action x]", "on_expired = a, a", "a is given twice"},
    {"[action x]", "expires_in = 0s", "out of range"},
    {"[action x]", "require_approval_if = len(context.recipients > 100",
     "column 24: ) belongs here, not >; expected a condition such as len(context.recipients) > "
     "100"},
    {"[action x]", "refuse_if = urgency > \"low\"", "column 1: urgency is a string; < <= > and >="},
    {"[action x]", "refuse_if = context.Ã¶ > 1", "column 9: a name with other characters"},
    {"[action x]", "refuse_if =", "there is no value; expected a condition"},
    {"[action x]\nrequire_approval_if = false", "max_per_day = 0",
     "out of range; expected a number from 1 to 1000000"},
    {"[action x]\nrequire_approval_if = false", "max_per_day = 1000001", "out of range"},
    {"[action x]\nrequire_approval_if = false", "max_per_day = -1", "this is no number"},
    {"[action x]", "max_per_day = 5",
     "without require_approval_if approval is always required, and there is nothing to count; "
     "expected require_approval_if beside it"},
};

static unsigned count_lines(const char *text)
{
    unsigned lines = 0;
    for (; *text != '\0'; text++) {
        lines += *text == '\n';
    }
    return lines;
}

START_TEST(a_wrong_value_is_told_with_what_was_expected)
{
    char text[1024];
    char expected[512];
    const char *section = refused[_i].section;
    (void)snprintf(text, sizeof text, "%s%s%s\n%s\n[hook a]\nshell = a\n[hook b]\nshell = b\n",
                   strcmp(section, "[server]") == 0 ? "" : SERVER, section,
                   strcmp(section, "[server]") == 0 ? "\nlisten = 127.0.0.1:1" : "",
                   refused[_i].setting);
    (void)snprintf(expected, sizeof expected, "%u: %.*s %.*s: %s", count_lines(text) - 4,
                   (int)strcspn(section, "\n"), section, (int)strcspn(refused[_i].setting, " "),
                   refused[_i].setting, refused[_i].told);
    /* Some of the lists above end before a second hook that is wrong too. */
    EXPECT_ERRORS(text, expected);
}
END_TEST

/* One setting that is right at its limits. */
static const char *const accepted[] = {
    "[server]\nlisten = 127.0.0.1:65535",
    "[server]\nlisten = example.com:80",
    "[server]\nlisten = 0.0.0.0:80",
    "[server]\nlisten = [2001:db8::1]:80",
    "[server]\nlisten = 127.0.0.1:1\nmax_body = 16M",
    "[server]\nlisten = 127.0.0.1:1\nlog_level = error",
    SERVER "[control]\nsocket_mode = 777",
    SERVER "[store]\nretention = 1ms",
    SERVER "[store]\nretention = 3653d",
    SERVER "[requests]\nkeep_early = 0",
    SERVER "[action x]\nrequire_approval_if = true\nmax_per_day = 1",
    SERVER "[action x]\nrequire_approval_if = true\nmax_per_day = 1000000",
    SERVER "[service x]\nscheme = daimon\nsecret_file = secret\npath = /",
    SERVER "[service x]\nscheme = daimon\nsecret_file = secret\npath = /.well-known/a..b/...",
};

START_TEST(limits_are_included)
{
    config_free(scratch_load(accepted[_i]));
}
END_TEST

START_TEST(a_socket_path_has_at_most_107_bytes)
{
    char text[512];
    (void)snprintf(text, sizeof text, SERVER "[control]\nsocket = /%0106d\n", 0);
    config_free(scratch_load(text));
    (void)snprintf(text, sizeof text, SERVER "[control]\nsocket = /%0107d\n", 0);
    EXPECT_ERRORS(text, "4: [control] socket: the path is too long for a socket; expected");
}
END_TEST

#define COUNT(array) (int)(sizeof array / sizeof array[0])

int main(void)
{
    Suite *suite = suite_create("config_values");
    TCase *values = tcase_create("values");
    tcase_add_checked_fixture(values, scratch_make, scratch_remove);
    tcase_add_test(values, defaults_hold_where_nothing_is_said);
    tcase_add_test(values, what_is_said_holds);
    tcase_add_test(values, a_service_says_where_its_fields_are);
    tcase_add_test(values, an_action_starts_a_list_of_hooks);
    tcase_add_test(values, an_action_has_its_policy);
    tcase_add_test(values, a_policy_of_several_lines_says_which_is_wrong);
    tcase_add_test(values, things_are_found_by_name);
    tcase_add_test(values, without_a_star_other_actions_have_nothing);
    tcase_add_loop_test(values, a_wrong_value_is_told_with_what_was_expected, 0, COUNT(refused));
    tcase_add_loop_test(values, limits_are_included, 0, COUNT(accepted));
    tcase_add_test(values, a_socket_path_has_at_most_107_bytes);
    suite_add_tcase(suite, values);
    return suite_run(suite);
}
