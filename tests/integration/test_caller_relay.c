/* Decisions that are passed on: where to, how they are signed, and where they never go. */
#include <check.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "assent/base/clock.h"
#include "assent/base/json.h"
#include "assent/domain/standard_webhooks.h"
#include "caller_rig.h"
#include "support/http_server.h"
#include "support/suite.h"
#include "support/tls_server.h"

#define SECRET "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
#define BODY   "{\"requestId\":\"req_1\",\"status\":\"approved\",\"approvedBy\":\"M\xc3\xbcller\"}"
#define RELAY                                         \
    "[relay]\nallow = http://127.0.0.1:PORT/hooks/\n" \
    "allow = http://127.0.0.1:PORT/exact\nsecret_file = relay-secret\n"

static struct caller_rig rig;
static struct http_server *server;
static struct protocol_result result;

static void start(void)
{
    caller_rig_start(&rig);
    caller_rig_file(&rig, "relay-secret", SECRET);
    server = http_server_start();
    rig.port = http_server_port(server);
}

static void stop(void)
{
    caller_rig_free(&rig);
    http_server_stop(server);
}

static void relay_text(const char *url, const char *event_id, const char *body)
{
    json_t *record = json_pack("{s:s, s:{s:s, s:s, s:s}}", "request_id", "req_1", "relay", "url",
                               url, "event_id", event_id, "body", body);
    char *text = json_text(record);

    ck_assert_ptr_nonnull(text);
    caller_rig_run(&rig, RELAY_HOOK, text, &result);
    free(text);
    json_decref(record);
}

/* To a path of the server. */
static void relay(const char *path)
{
    char url[256];

    (void)snprintf(url, sizeof url, "http://127.0.0.1:%d%s", rig.port, path);
    relay_text(url, "key-1", BODY);
}

static void expect_unsent(const char *error)
{
    ck_assert_int_eq(result.ending, ENDING_FAILED);
    ck_assert_int_eq(result.http_status, 0);
    ck_assert_ptr_nonnull(result.error);
    ck_assert_msg(strncmp(result.error, error, strlen(error)) == 0, "%s", result.error);
}

static const char *header(const struct http_server_request *request, const char *name)
{
    static char values[4][256];
    static unsigned turn;
    char *value = values[turn++ % 4];

    ck_assert_msg(http_server_header(request, name, value, sizeof values[0]) == 1, "%s", name);
    return value;
}

START_TEST(a_decision_is_posted_and_signed_in_both_ways)
{
    const struct signature_secret secret = {(unsigned char *)SECRET, strlen(SECRET)};
    const struct http_server_request *request;
    struct buffer expected = {0};
    const char *name;
    int64_t before = clock_now_ms() / 1000;
    int64_t timestamp;

    caller_rig_begin(&rig, RELAY);
    relay("/hooks/agent-7?x=1");
    ck_assert_int_eq(result.ending, ENDING_SUCCEEDED);
    ck_assert_int_eq(result.http_status, 200);
    ck_assert_uint_eq(http_server_wait(server, 1), 1);
    request = http_server_request(server, 0);
    ck_assert_str_eq(request->method, "POST");
    ck_assert_str_eq(request->url, "/hooks/agent-7?x=1");
    ck_assert_str_eq(request->body, BODY);
    ck_assert_str_eq(header(request, "Content-Type"), "application/json");
    ck_assert_str_eq(header(request, "webhook-id"), "key-1");
    timestamp = strtoll(header(request, "webhook-timestamp"), NULL, 10);
    ck_assert(timestamp >= before && timestamp <= clock_now_ms() / 1000);
    ck_assert_int_eq(
        standard_webhooks_sign(&secret, "key-1", timestamp, BODY, strlen(BODY), &expected), 0);
    ck_assert_str_eq(header(request, "webhook-signature"), buffer_text(&expected));
    expected.length = 0;
    ck_assert_int_eq(
        signature_sign(SIGNATURE_DAIMON, &secret, BODY, strlen(BODY), &name, &expected), 0);
    ck_assert_str_eq(header(request, name), buffer_text(&expected));
    buffer_free(&expected);
}
END_TEST

START_TEST(it_goes_nowhere_that_is_not_allowed)
{
    static const char *const paths[] = {"/",
                                        "/hooks",
                                        "/hooksx/",
                                        "/exact/x",
                                        "/exactly",
                                        "/hooks/../admin",
                                        "/hooks/%2e%2e/admin",
                                        "/hooks/..;/admin",
                                        "/Hooks/x",
                                        "//hooks/x"};

    caller_rig_begin(&rig, RELAY);
    for (size_t i = 0; i < sizeof paths / sizeof paths[0]; i++) {
        relay(paths[i]);
        expect_unsent("not sent: [relay] allow has nothing for this URL");
        ck_assert_int_eq(result.again, AGAIN_NEVER);
    }
    relay_text("http://127.0.0.1/hooks/x", "key-1", BODY);
    expect_unsent("not sent: [relay] allow has nothing for this URL");
    relay_text("file:///etc/passwd", "key-1", BODY);
    expect_unsent("not sent: [relay] allow has nothing for this URL");
    ck_assert_uint_eq(http_server_connections(server), 0);
    relay("/exact");
    ck_assert_int_eq(result.ending, ENDING_SUCCEEDED);
}
END_TEST

START_TEST(a_record_without_a_decision_to_pass_on_fails)
{
    caller_rig_begin(&rig, RELAY);
    caller_rig_run(&rig, RELAY_HOOK, "{\"request_id\":\"r\"}", &result);
    expect_unsent("not sent: the record has nothing to pass on");
    caller_rig_run(&rig, RELAY_HOOK, "{\"relay\":{\"url\":\"http://x\",\"event_id\":7}}", &result);
    expect_unsent("not sent: the record has nothing to pass on");
    caller_rig_run(&rig, RELAY_HOOK, "[]", &result);
    expect_unsent("not sent: the record has nothing to pass on");
    relay_text("http://127.0.0.1/hooks/x", "key\r\nX-Evil: 1", BODY);
    expect_unsent("not sent: the record has nothing to pass on");
    ck_assert_uint_eq(http_server_connections(server), 0);
}
END_TEST

START_TEST(a_redirect_is_not_followed)
{
    http_server_script(server, &(struct http_server_script){.path = "/exact",
                                                            .status = 307,
                                                            .headers = "Location: /hooks/x\r\n"});
    caller_rig_begin(&rig, RELAY);
    relay("/exact");
    ck_assert_int_eq(result.ending, ENDING_FAILED);
    ck_assert_int_eq(result.http_status, 307);
    ck_assert_uint_eq(http_server_wait(server, 1), 1);
}
END_TEST

START_TEST(what_fails_for_a_while_may_be_tried_again)
{
    http_server_script(server, &(struct http_server_script){.path = "/exact", .status = 503});
    caller_rig_begin(&rig, RELAY);
    relay("/exact");
    ck_assert_int_eq(result.ending, ENDING_FAILED);
    ck_assert_int_eq(result.again, AGAIN_COUNTED);
    http_server_script(server, &(struct http_server_script){.path = "/exact", .status = 410});
    relay("/exact");
    ck_assert_int_eq(result.ending, ENDING_FAILED);
    ck_assert_int_eq(result.again, AGAIN_NEVER);
}
END_TEST

START_TEST(a_certificate_that_nobody_vouches_for_is_not_taken)
{
    struct tls_server tls = {0};
    char sections[256];
    char url[64];

    tls_server_certify(&tls, rig.directory, "own", "IP:127.0.0.1");
    tls_server_start(&tls);
    (void)snprintf(sections, sizeof sections,
                   "[relay]\nallow = https://127.0.0.1:%d\nsecret_file = relay-secret\n", tls.port);
    (void)snprintf(url, sizeof url, "https://127.0.0.1:%d/x", tls.port);
    caller_rig_begin(&rig, sections);
    relay_text(url, "key-1", BODY);
    expect_unsent("not sent: ");
    ck_assert_msg(strstr(result.error, "certificate") != NULL, "%s", result.error);
    tls_server_stop(&tls);
}
END_TEST

START_TEST(what_is_allowed_can_be_taken_back)
{
    caller_rig_begin(&rig, RELAY);
    relay("/exact");
    ck_assert_int_eq(result.ending, ENDING_SUCCEEDED);
    caller_rig_configure(&rig, "[relay]\nallow = http://127.0.0.1:PORT/hooks/\n"
                               "secret_file = relay-secret\n");
    ck_assert_uint_eq(caller_rig_reloaded(&rig), 0);
    ck_assert_uint_eq(caller_rig_receive(&rig), FRAME_DIGESTS);
    relay("/exact");
    expect_unsent("not sent: [relay] allow has nothing for this URL");
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("caller_relay");
    TCase *tests = suite_case(suite, "relay", start, stop);

    tcase_add_test(tests, a_decision_is_posted_and_signed_in_both_ways);
    tcase_add_test(tests, it_goes_nowhere_that_is_not_allowed);
    tcase_add_test(tests, a_record_without_a_decision_to_pass_on_fails);
    tcase_add_test(tests, a_redirect_is_not_followed);
    tcase_add_test(tests, what_fails_for_a_while_may_be_tried_again);
    tcase_add_test(tests, a_certificate_that_nobody_vouches_for_is_not_taken);
    tcase_add_test(tests, what_is_allowed_can_be_taken_back);
    return suite_run(suite);
}
