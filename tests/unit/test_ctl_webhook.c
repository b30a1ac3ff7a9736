/*
 * The webhooks that `send` makes are read as what they were meant to say.
 */
#include <check.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "assent/base/json.h"
#include "assent/ctl/webhook.h"
#include "assent/domain/event.h"
#include "support/suite.h"

static const char *const forms[] = {"js", "python", "event", "envelope"};

static const struct webhook granted = {
    .status = "approved",
    .request_id = "req_1",
    .by = "ops@example.com",
    .random = "abc",
    .at = 1773657045123,
};

static struct buffer body;

static void begin(void)
{
    body = (struct buffer){0};
}

static void end(void)
{
    buffer_free(&body);
}

/* The event that the receiver makes of it; event_free. */
static struct event read_back(const struct webhook *webhook)
{
    struct event event;
    struct problem problem = {.text = ""};

    body.length = 0;
    ck_assert_int_eq(webhook_body(webhook, &body), 0);
    ck_assert_msg(event_parse(body.data, body.length, &webhook->pointers, &event, &problem) == 0,
                  "%s: %s", webhook->form, problem.text);
    return event;
}

START_TEST(every_form_says_who_approved_what_and_when)
{
    for (size_t i = 0; i < 4; i++) {
        struct webhook webhook = granted;
        struct event event;

        webhook.form = forms[i];
        event = read_back(&webhook);
        ck_assert(!event.ignored);
        ck_assert_int_eq(event.decision, DECISION_GRANTED);
        ck_assert_str_eq(event.request_id, "req_1");
        ck_assert_str_eq(event.decided_by, "ops@example.com");
        ck_assert_int_eq(event.decided_at, 1773657045123);
        event_free(&event);
    }
}
END_TEST

START_TEST(every_form_says_why_it_was_denied)
{
    for (size_t i = 0; i < 4; i++) {
        struct webhook webhook = granted;
        struct event event;

        webhook.form = forms[i];
        webhook.status = "denied";
        webhook.reason = "too many \"recipients\"\n";
        event = read_back(&webhook);
        ck_assert_int_eq(event.decision, DECISION_DENIED);
        ck_assert_str_eq(event.reason, "too many \"recipients\"\n");
        event_free(&event);
    }
}
END_TEST

START_TEST(every_form_can_say_expired)
{
    for (size_t i = 0; i < 4; i++) {
        struct webhook webhook = {
            .form = forms[i], .status = "expired", .request_id = "req_1", .random = "abc"};
        struct event event = read_back(&webhook);

        ck_assert_int_eq(event.decision, DECISION_EXPIRED);
        ck_assert_ptr_null(event.decided_by);
        event_free(&event);
    }
}
END_TEST

START_TEST(an_event_id_is_the_delivery_id_in_every_form)
{
    for (size_t i = 0; i < 4; i++) {
        struct webhook webhook = granted;
        struct event event;

        webhook.form = forms[i];
        webhook.event_id = "evt_mine";
        event = read_back(&webhook);
        ck_assert_str_eq(event.delivery_id, "evt_mine");
        event_free(&event);
    }
}
END_TEST

START_TEST(every_form_has_its_fields_where_the_service_does)
{
    for (size_t i = 0; i < 4; i++) {
        struct webhook webhook = granted;
        struct event event;

        webhook.form = forms[i];
        webhook.status = "denied";
        webhook.reason = "no";
        webhook.event_id = "evt_mine";
        webhook.pointers = (struct event_pointers){
            .request_id = "/review/0/ref",
            .decision = "/status/a~1b~0",
            .decided_by = "/reviewer",
            .decided_at = "/review/0/at",
            .reason = "/review/why",
            .event_id = "/data/id",
        };
        event = read_back(&webhook);
        ck_assert_int_eq(event.decision, DECISION_DENIED);
        ck_assert_str_eq(event.request_id, "req_1");
        ck_assert_str_eq(event.decided_by, "ops@example.com");
        ck_assert_int_eq(event.decided_at, 1773657045123);
        ck_assert_str_eq(event.reason, "no");
        ck_assert_str_eq(event.delivery_id, "evt_mine");
        event_free(&event);
    }
}
END_TEST

START_TEST(the_forms_look_as_services_write_them)
{
    static const char *const texts[] = {
        "{\"requestId\":\"req_1\",\"status\":\"approved\",\"approvedAt\":"
        "\"2026-03-16T10:30:45.123Z\",\"approvedBy\":\"ops@example.com\"}",
        "{\"request_id\":\"req_1\",\"status\":\"approved\",\"approved_at\":"
        "\"2026-03-16T10:30:45.123Z\",\"approved_by\":\"ops@example.com\"}",
        "{\"event\":\"approval.granted\",\"event_id\":\"evt_abc\",\"timestamp\":"
        "\"2026-03-16T10:30:45.123Z\",\"requestId\":\"req_1\",\"status\":\"approved\","
        "\"approvedAt\":\"2026-03-16T10:30:45.123Z\",\"approvedBy\":\"ops@example.com\"}",
        "{\"event\":\"approval.granted\",\"webhook_id\":\"wh_abc\",\"timestamp\":"
        "\"2026-03-16T10:30:45.123Z\",\"data\":{\"requestId\":\"req_1\",\"status\":\"approved\","
        "\"approvedAt\":\"2026-03-16T10:30:45.123Z\",\"approvedBy\":\"ops@example.com\"}}",
    };

    for (size_t i = 0; i < 4; i++) {
        struct webhook webhook = granted;

        webhook.form = forms[i];
        body.length = 0;
        ck_assert_int_eq(webhook_body(&webhook, &body), 0);
        ck_assert_str_eq(buffer_text(&body), texts[i]);
    }
}
END_TEST

START_TEST(a_listener_is_reached_where_it_listens)
{
    static const struct {
        const char *listen, *url, *unix_socket;
    } cases[] = {
        {"127.0.0.1:8787", "http://127.0.0.1:8787/hook", ""},
        {"hooks.example.com:80", "http://hooks.example.com:80/hook", ""},
        {"0.0.0.0:8787", "http://127.0.0.1:8787/hook", ""},
        {"[::]:8787", "http://[::1]:8787/hook", ""},
        {"[2001:db8::1]:8787", "http://[2001:db8::1]:8787/hook", ""},
        {"unix:/run/a/b.sock", "http://localhost/hook", "/run/a/b.sock"},
    };

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct webhook_target target;
        struct problem problem;

        ck_assert_int_eq(webhook_target(cases[i].listen, "/hook", &target, &problem), 0);
        ck_assert_str_eq(target.url, cases[i].url);
        ck_assert_str_eq(target.unix_socket, cases[i].unix_socket);
    }
}
END_TEST

START_TEST(a_socket_or_url_that_is_too_long_is_refused)
{
    struct webhook_target target;
    struct problem problem;
    char listen[200] = "unix:/";
    char path[1200] = "/";

    memset(listen + 6, 'x', sizeof listen - 7);
    memset(path + 1, 'x', sizeof path - 2);
    ck_assert_int_eq(webhook_target(listen, "/hook", &target, &problem), -EINVAL);
    ck_assert_int_eq(webhook_target("127.0.0.1:1", path, &target, &problem), -EINVAL);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("ctl webhook");
    TCase *tests = tcase_create("webhook");

    tcase_add_checked_fixture(tests, begin, end);
    tcase_add_test(tests, every_form_says_who_approved_what_and_when);
    tcase_add_test(tests, every_form_says_why_it_was_denied);
    tcase_add_test(tests, every_form_can_say_expired);
    tcase_add_test(tests, an_event_id_is_the_delivery_id_in_every_form);
    tcase_add_test(tests, every_form_has_its_fields_where_the_service_does);
    tcase_add_test(tests, the_forms_look_as_services_write_them);
    tcase_add_test(tests, a_listener_is_reached_where_it_listens);
    tcase_add_test(tests, a_socket_or_url_that_is_too_long_is_refused);
    suite_add_tcase(suite, tests);
    return suite_run(suite);
}
