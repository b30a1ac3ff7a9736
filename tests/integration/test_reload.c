/*
 * SIGHUP: a good configuration is taken while requests go on, a broken one changes nothing.
 */
#include <check.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "integration/broken_config.h"
#include "integration/harness.h"
#include "support/suite.h"

#define OTHER_SECRET "whsec_another-secret"

static struct house *house;

static void set_up(void)
{
    house = house_new();
    house_write(house, "other-secret", OTHER_SECRET "\n");
}

static void tear_down(void)
{
    house_free(house);
}

static void start(const char *sections)
{
    house_configure(house, sections);
    house_start(house);
}

static void expect_outcome(struct answer answer, const char *outcome)
{
    ck_assert_msg(answer.status == 200 &&
                      strcmp(text_at(answer.json, "/result/outcome"), outcome) == 0,
                  "expected %s, got %d %s", outcome, answer.status, answer.body);
    answer_clear(&answer);
}

#define OTHER_SERVICE         \
    "[service other]\n"       \
    "path = /webhook/other\n" \
    "scheme = daimon\n"       \
    "secret_file = other-secret\n"

START_TEST(a_reload_brings_secrets_hooks_and_paths)
{
    static const char approval[] = "{\"requestId\":\"req_1\",\"status\":\"approved\"}";

    start("");
    answer_expect_error(house_webhook_to(house, "/webhook/approval", OTHER_SECRET, approval), 401,
                        "unauthorized", NULL);
    answer_expect_error(house_webhook_to(house, "/webhook/other", OTHER_SECRET, approval), 404,
                        "not_found", NULL);
    house_configure(house, "secret_file = other-secret\n"
                           "[service third]\npath = /webhook/third\nscheme = daimon\n"
                           "secret_file = third-secret\n"
                           "[action *]\non_granted = note\n"
                           "[hook note]\nshell = echo \"$ASSENT_REQUEST_ID\" >>%DIR%/notes\n");
    house_write(house, "third-secret", "whsec_third\n");
    house_reload(house);
    expect_outcome(house_webhook_to(house, "/webhook/approval", OTHER_SECRET, approval), "early");
    expect_outcome(house_webhook_to(house, "/webhook/approval", HOUSE_SECRET, approval),
                   "duplicate");
    expect_outcome(house_webhook_to(house, "/webhook/third", "whsec_third", approval), "early");
    house_register(house, "{\"requestId\":\"req_1\",\"action\":\"x\",\"service\":\"third\"}");
    house_await_jobs(house, "req_1", 1, "succeeded");
    house_configure(house, HOUSE_NOTE);
    house_write(house, "secret", OTHER_SECRET "\n");
    house_reload(house);
    answer_expect_error(house_webhook(house, approval), 401, "unauthorized", NULL);
    answer_expect_error(house_webhook_to(house, "/webhook/third", "whsec_third", approval), 404,
                        "not_found", NULL);
    expect_outcome(house_webhook_to(house, "/webhook/approval", OTHER_SECRET, approval),
                   "duplicate");
}
END_TEST

START_TEST(when_a_reload_is_told_to_be_over_it_is)
{
    static const char approval[] = "{\"requestId\":\"req_1\",\"status\":\"approved\"}";

    start(HOUSE_NOTE);
    for (int i = 0; i < 20; i++) {
        house_configure(house, OTHER_SERVICE);
        house_reload(house);
        expect_outcome(house_webhook_to(house, "/webhook/other", OTHER_SECRET, approval),
                       i == 0 ? "early" : "duplicate");
        house_configure(house, HOUSE_NOTE);
        house_reload(house);
        answer_expect_error(house_webhook_to(house, "/webhook/other", OTHER_SECRET, approval), 404,
                            "not_found", NULL);
    }
}
END_TEST

struct sender {
    pthread_t thread;
    int number;
    atomic_bool enough;
    int sent;
    int refused;
};

/* Without assertions, which are for the test's own thread. */
static void *send_webhooks(void *userdata)
{
    struct sender *sender = userdata;

    while (!sender->enough) {
        char *body = NULL;
        struct answer answer;

        if (asprintf(&body, "{\"requestId\":\"req_%d_%d\",\"status\":\"approved\"}", sender->number,
                     sender->sent) < 0) {
            return NULL;
        }
        answer = house_webhook(house, body);
        sender->refused += answer.status != 200;
        sender->sent++;
        answer_clear(&answer);
        free(body);
    }
    return NULL;
}

START_TEST(nobody_notices_a_reload)
{
    struct sender senders[4] = {0};

    start(HOUSE_NOTE);
    for (int i = 0; i < 4; i++) {
        senders[i].number = i;
        ck_assert_int_eq(pthread_create(&senders[i].thread, NULL, send_webhooks, &senders[i]), 0);
    }
    for (int i = 0; i < 10; i++) {
        house_configure(house, i % 2 ? HOUSE_NOTE : "secret_file = other-secret\n");
        house_reload(house);
        expect_outcome(house_webhook(house, "{\"requestId\":\"x\",\"status\":\"approved\"}"),
                       i == 0 ? "early" : "duplicate");
    }
    for (int i = 0; i < 4; i++) {
        senders[i].enough = true;
        ck_assert_int_eq(pthread_join(senders[i].thread, NULL), 0);
        ck_assert_int_gt(senders[i].sent, 0);
        ck_assert_int_eq(senders[i].refused, 0);
    }
}
END_TEST

START_TEST(a_broken_file_changes_nothing)
{
    start(HOUSE_NOTE);
    house_configure_all(house, broken_config);
    house_reload(house);
    for (size_t i = 0; broken_places[i]; i++) {
        house_await_log(house, broken_places[i]);
    }
    house_await_log(house, "not reloaded: the configuration is as it was");
    house_expect_note(house, "req_1");
    (void)house_kill_role(house, "assentd: core");
    house_await_ready(house);
    house_expect_note(house, "req_2");
    house_configure(house, "[action note]\non_granted = other\n[hook other]\nshell = exit 7\n");
    house_reload(house);
    house_register(house, "{\"requestId\":\"req_3\",\"action\":\"note\"}");
    house_decide(house, "{\"requestId\":\"req_3\",\"status\":\"approved\"}", "matched");
    house_await_jobs(house, "req_3", 1, "failed");
}
END_TEST

START_TEST(what_needs_a_restart_is_told)
{
    start("");
    house_configure_all(house, "[server]\n"
                               "listen = 127.0.0.1:1\n%JAIL%"
                               "[control]\n"
                               "socket = %DIR%/other.sock\n"
                               "[store]\n"
                               "path = %DIR%/other/assentd.db\n"
                               "[service daimon]\n"
                               "path = /webhook/approval\n"
                               "scheme = daimon\n"
                               "secret_file = secret\n");
    house_reload(house);
    house_await_log(house, "key=\"[server] listen\"");
    house_await_log(house, "key=\"[control] socket\"");
    house_await_log(house, "key=\"[store] path\"");
    house_await_ready(house);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("reload");
    TCase *tests = house_scenarios(suite, "reloading", set_up, tear_down);

    tcase_add_test(tests, a_reload_brings_secrets_hooks_and_paths);
    tcase_add_test(tests, when_a_reload_is_told_to_be_over_it_is);
    tcase_add_test(tests, nobody_notices_a_reload);
    tcase_add_test(tests, a_broken_file_changes_nothing);
    tcase_add_test(tests, what_needs_a_restart_is_told);
    return suite_run(suite);
}
