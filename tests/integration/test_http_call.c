/* The engine behind the caller, by itself: how long it keeps connections. */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "assent/base/clock.h"
#include "assent/caller/http_call.h"
#include "support/http_server.h"
#include "support/suite.h"

#define KEPT_S      1
#define PATIENCE_MS 15000
#define TURN_US     20000

static struct http_server *server;
static sd_event *loop;
static struct http_engine *engine;
static char url[64];
static int answered;

static void start(void)
{
    server = http_server_start();
    http_server_script(server, &(struct http_server_script){.path = "/", .keeps = true});
    (void)snprintf(url, sizeof url, "http://127.0.0.1:%d/", http_server_port(server));
    answered = 0;
    ck_assert_int_ge(sd_event_new(&loop), 0);
    ck_assert_int_eq(http_engine_new(loop, KEPT_S, &engine), 0);
}

static void stop(void)
{
    http_engine_free(engine);
    (void)sd_event_unref(loop);
    http_server_stop(server);
}

static void on_done(void *userdata, const struct http_end *end)
{
    (void)userdata;
    ck_assert_int_eq(end->outcome, HTTP_ANSWERED);
    ck_assert_int_eq(end->status, 200);
    answered++;
}

static void call(void)
{
    const struct http_request request = {
        .method = "POST", .url = url, .repeatable = true, .timeout_ms = PATIENCE_MS};
    struct http_call *begun;
    int before = answered;

    ck_assert_int_eq(http_call_begin(engine, &request, on_done, NULL, &begun), 0);
    while (answered == before) {
        ck_assert_int_ge(sd_event_run(loop, UINT64_MAX), 0);
    }
}

static void await_open(size_t count)
{
    int64_t until = clock_monotonic_ms() + PATIENCE_MS;

    while (http_server_open(server) != count) {
        ck_assert_msg(clock_monotonic_ms() < until, "%zu connections are open, not %zu",
                      http_server_open(server), count);
        ck_assert_int_ge(sd_event_run(loop, TURN_US), 0);
    }
}

START_TEST(a_connection_that_nobody_uses_is_closed)
{
    call();
    ck_assert_uint_eq(http_server_open(server), 1);
    await_open(0);
    call();
    ck_assert_uint_eq(http_server_connections(server), 2);
    await_open(0);
}
END_TEST

START_TEST(what_was_kept_is_closed_with_the_engine)
{
    call();
    call();
    ck_assert_uint_eq(http_server_connections(server), 1);
    http_engine_free(engine);
    engine = NULL;
    await_open(0);
}
END_TEST

static Suite *suite(void)
{
    Suite *calls = suite_create("http_call");
    TCase *kept = suite_case(calls, "kept", start, stop);

    tcase_add_test(kept, a_connection_that_nobody_uses_is_closed);
    tcase_add_test(kept, what_was_kept_is_closed_with_the_engine);
    return calls;
}

int main(void)
{
    return suite_run(suite());
}
