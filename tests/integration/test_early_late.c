/*
 * Decisions that come before their request is registered, and those that come when it has long been
 * removed.
 */
#include <check.h>
#include <curl/curl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "assent/base/clock.h"
#include "assent/base/text.h"
#include "integration/harness.h"
#include "support/suite.h"

#define EARLY_LIMIT 10000 /* for each service */
#define SENDERS     8

static struct house *house;

static void set_up(void)
{
    house = house_new();
    house_configure(house, "[action note]\n"
                           "on_granted = note\n"
                           "on_denied = note\n"
                           "[hook note]\n"
                           "shell = echo \"$ASSENT_REQUEST_ID $ASSENT_STATUS\" >>%DIR%/notes\n");
    house_start(house);
}

static void tear_down(void)
{
    house_free(house);
}

/* --- early decisions -------------------------------------------------------------------------- */

START_TEST(early_decisions_are_applied_in_their_order)
{
    house_decide_as(house, "req_1", "denied", "early");
    house_decide_as(house, "req_1", "approved", "early");
    house_decide(house, "{\"event_id\":\"3\",\"requestId\":\"req_1\",\"status\":\"denied\"}",
                 "early");
    house_decide_as(house, "req_2", "approved", "early");
    house_kill(house);
    house_start(house);
    house_register_as(house, "req_1", "note");
    house_await_jobs(house, "req_1", 1, "succeeded");
    house_expect_events(house, "req_1",
                        "request.registered request.denied job.queued decision.conflict "
                        "decision.late job.started job.succeeded");
    house_decide_as(house, "req_1", "denied", "duplicate");
    house_decide_as(house, "req_1", "approved", "duplicate");
    house_register_as(house, "req_2", "note");
    house_await_jobs(house, "req_2", 1, "succeeded");
    ck_assert_int_eq(house_count_lines(house, "notes"), 2);
}
END_TEST

static void register_over(const char *id, int64_t ago_ms)
{
    char expires_at[TEXT_TIME_SIZE];
    char *body;

    text_from_time(clock_now_ms() - ago_ms, expires_at);
    body = house_format(house, "{\"requestId\":\"%s\",\"action\":\"note\",\"expiresAt\":\"%s\"}",
                        id, expires_at);
    house_register(house, body);
    free(body);
}

/* As it would have been if they had been registered in time. */
START_TEST(what_came_when_its_request_was_over_comes_too_late)
{
    house_decide_as(house, "over", "approved", "early");
    house_decide_as(house, "in_grace", "approved", "early");
    register_over("over", 3600 * 1000);
    register_over("in_grace", 1000);
    house_await_status(house, "over", "expired");
    house_expect_events(house, "over", "request.registered request.expired decision.late");
    house_await_jobs(house, "in_grace", 1, "succeeded");
    ck_assert_int_eq(house_count_lines(house, "notes"), 1);
}
END_TEST

struct sender {
    pthread_t thread;
    int first;
    int refused;
};

static size_t drop(char *bytes, size_t size, size_t count, void *userdata)
{
    (void)bytes;
    (void)userdata;
    return size * count;
}

/* One after another on one connection; without assertions, which are for the test's own thread. */
static void *send_early(void *userdata)
{
    struct sender *sender = userdata;
    CURL *curl = curl_easy_init();
    char url[64];

    (void)snprintf(url, sizeof url, "http://127.0.0.1:%d/webhook/approval", house_port(house));
    (void)curl_easy_setopt(curl, CURLOPT_URL, url);
    (void)curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
    (void)curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, drop);
    for (int i = 0; i < EARLY_LIMIT / SENDERS; i++) {
        struct curl_slist *headers = curl_slist_append(NULL, "Content-Type: application/json");
        char signature[128];
        char body[128];
        long status = 0;

        (void)snprintf(body, sizeof body, "{\"requestId\":\"req_%d\",\"status\":\"approved\"}",
                       sender->first + i);
        house_sign(body, strlen(body), signature);
        headers = curl_slist_append(headers, signature);
        (void)curl_easy_setopt(curl, CURLOPT_POSTFIELDS, body);
        (void)curl_easy_setopt(curl, CURLOPT_HTTPHEADER, headers);
        (void)curl_easy_perform(curl);
        (void)curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &status);
        sender->refused += status != 200;
        curl_slist_free_all(headers);
    }
    curl_easy_cleanup(curl);
    return NULL;
}

#define OVER_MEANWHILE 2000

/* Their ends are gone through when it starts, and before that has come to the last of them, decisions
 * come that a service sends again. */
START_TEST(what_was_over_while_nobody_was_there_is_over_at_once)
{
    int64_t end = 0;
    char *id = NULL;

    house_configure(house, "[action note]\non_granted = note\n"
                           "[hook note]\nshell = echo >>%DIR%/notes\n"
                           "[requests]\nexpiry_grace = 0\n");
    house_reload(house);
    for (int i = 0; i < OVER_MEANWHILE; i++) {
        char *body = house_format(
            house, "{\"requestId\":\"req_%d\",\"action\":\"note\",\"expiresIn\":10}", i);

        house_register(house, body);
        free(body);
    }
    end = house_now_ms() + 10000;
    house_kill(house);
    while (house_now_ms() < end) {
        (void)poll(NULL, 0, 100);
    }
    house_start(house);
    id = house_format(house, "req_%d", OVER_MEANWHILE - 1);
    house_decide_as(house, id, "approved", "late");
    house_await_status(house, id, "expired");
    free(id);
}
END_TEST

START_TEST(so_many_early_decisions_are_kept_and_none_is_pushed_out)
{
    struct sender senders[SENDERS] = {0};

    (void)curl_global_init(CURL_GLOBAL_DEFAULT);
    for (int i = 0; i < SENDERS; i++) {
        senders[i].first = i * (EARLY_LIMIT / SENDERS);
        ck_assert_int_eq(pthread_create(&senders[i].thread, NULL, send_early, &senders[i]), 0);
    }
    for (int i = 0; i < SENDERS; i++) {
        ck_assert_int_eq(pthread_join(senders[i].thread, NULL), 0);
        ck_assert_int_eq(senders[i].refused, 0);
    }
    answer_expect_put_off(
        house_webhook(house, "{\"requestId\":\"one_more\",\"status\":\"approved\"}"));
    house_register_as(house, "known", "other");
    house_approve(house, "known");
    house_register_as(house, "req_0", "note");
    house_await_jobs(house, "req_0", 1, "succeeded");
    house_decide_as(house, "one_more", "approved", "early");
}
END_TEST

/* --- tombstones ------------------------------------------------------------------------------- */

static void configure_with(const char *retention)
{
    char *all = house_format(house,
                             "[server]\n"
                             "listen = 127.0.0.1:%%PORT%%\n%%JAIL%%"
                             "[control]\n"
                             "socket = %%DIR%%/control.sock\n"
                             "[store]\n"
                             "path = %%DIR%%/state/assentd.db\n"
                             "retention = %s\n"
                             "[service daimon]\n"
                             "path = /webhook/approval\n"
                             "scheme = daimon\n"
                             "secret_file = secret\n"
                             "[action note]\n"
                             "on_granted = note\n"
                             "on_denied = note\n"
                             "[action long]\n"
                             "on_granted = long\n"
                             "[hook note]\n"
                             "shell = echo \"$ASSENT_REQUEST_ID\" >>%%DIR%%/notes\n"
                             "[hook long]\n"
                             "shell = sleep 60\n",
                             retention);

    house_configure_all(house, all);
    free(all);
}

static void set_up_forgetful(void)
{
    house = house_new();
    configure_with("1d");
    house_start(house);
}

static void await_removal(const char *id)
{
    int64_t deadline = house_now_ms() + HOUSE_PATIENCE_MS;
    char *path = house_format(house, "/v1/approvals/%s", id);
    bool gone = false;

    while (!gone) {
        struct answer answer = house_control(house, "GET", path, NULL);

        gone = answer.status == 404;
        ck_assert_msg(gone || house_now_ms() < deadline, "%s stays", id);
        answer_clear(&answer);
    }
    free(path);
}

/* Removing comes soon after a start, and then every minute. */
static void forget(void)
{
    configure_with("1ms");
    house_reload(house);
    (void)house_kill_role(house, "assentd: core");
    house_await_ready(house);
}

START_TEST(what_was_removed_stays_decided)
{
    house_register_as(house, "granted", "note");
    house_register_as(house, "denied", "note");
    house_register_as(house, "canceled", "note");
    house_approve(house, "granted");
    house_decide_as(house, "denied", "denied", "matched");
    json_decref(answer_take(house_cancel(house, "canceled"), 200));
    house_await_jobs(house, "granted", 1, "succeeded");
    house_await_jobs(house, "denied", 1, "succeeded");
    forget();
    await_removal("granted");
    await_removal("denied");
    await_removal("canceled");
    house_decide_as(house, "granted", "approved", "late");
    house_decide_as(house, "granted", "denied", "conflict");
    house_decide_as(house, "denied", "denied", "late");
    house_decide_as(house, "denied", "approved", "conflict");
    house_decide_as(house, "canceled", "approved", "late");
    house_decide_as(house, "granted", "approved", "duplicate");
    answer_expect_error(house_control(house, "POST", "/v1/requests",
                                      "{\"requestId\":\"denied\",\"action\":\"note\"}"),
                        409, "conflict", "denied was denied long ago");
    answer_expect_error(house_control(house, "POST", "/v1/requests",
                                      "{\"requestId\":\"granted\",\"action\":\"note\"}"),
                        409, "conflict", "granted was approved long ago");
    ck_assert_int_eq(house_count_lines(house, "notes"), 2);
}
END_TEST

START_TEST(what_is_not_over_is_not_removed)
{
    house_register_as(house, "pending", "note");
    house_register_as(house, "running", "long");
    house_register_as(house, "over", "other");
    house_approve(house, "running");
    house_approve(house, "over");
    house_decide_as(house, "unknown", "approved", "early");
    house_await_jobs(house, "running", 1, "running");
    forget();
    await_removal("over");
    house_await_status(house, "pending", "pending");
    house_await_jobs(house, "running", 1, "running");
    (void)house_kill_role(house, "assentd: runner");
    house_await_jobs(house, "running", 1, "interrupted");
    configure_with("1d");
    house_reload(house);
    house_register_as(house, "over_too", "other");
    house_approve(house, "over_too");
    forget();
    await_removal("over_too");
    house_await_jobs(house, "running", 1, "interrupted");
    house_register_as(house, "unknown", "note");
    house_await_lines(house, "notes", 1);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("early and late");
    TCase *early = house_scenarios(suite, "early", set_up, tear_down);
    TCase *removed = house_scenarios(suite, "removed", set_up_forgetful, tear_down);

    tcase_add_test(early, early_decisions_are_applied_in_their_order);
    tcase_add_test(early, what_came_when_its_request_was_over_comes_too_late);
    tcase_add_test(early, what_was_over_while_nobody_was_there_is_over_at_once);
    tcase_add_test(early, so_many_early_decisions_are_kept_and_none_is_pushed_out);
    tcase_add_test(removed, what_was_removed_stays_decided);
    tcase_add_test(removed, what_is_not_over_is_not_removed);
    return suite_run(suite);
}
