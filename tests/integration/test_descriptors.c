/*
 * Few descriptors: what the usual limit has no room for works, and what no limit has room for is not
 * lost.
 */
#include <check.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "integration/harness.h"
#include "support/http_server.h"
#include "support/suite.h"
#include "support/tool.h"

#define USUAL 64 /* what the daemon finds, and could raise */
#define RUNS  60
#define FEW   128 /* all that a role may have */
#define MANY  200

static struct house *house;
static struct rlimit limit;

static void set_limit(void *userdata)
{
    (void)userdata;
    (void)setrlimit(RLIMIT_NOFILE, &limit);
}

static void set_up(void)
{
    ck_assert_int_eq(getrlimit(RLIMIT_NOFILE, &limit), 0);
    house = house_new();
    house_prepare(house, set_limit, NULL);
}

static void tear_down(void)
{
    house_free(house);
}

/* --- programs --------------------------------------------------------------------------------- */

static void register_runs(const char *id, int count)
{
    size_t room = (size_t)count * 8;
    char *items = calloc(1, room);
    char *body;

    ck_assert_ptr_nonnull(items);
    for (int i = 0; i < count; i++) {
        (void)snprintf(items + strlen(items), room - strlen(items), "%s%d", i > 0 ? "," : "", i);
    }
    body = house_format(
        house, "{\"requestId\":\"%s\",\"action\":\"many\",\"context\":{\"list\":[%s]}}", id, items);
    house_register(house, body);
    free(body);
    free(items);
}

/* Each run ends when all have begun. */
START_TEST(more_programs_than_the_usual_limit_has_room_for_run_at_once)
{
    char expected[16];

    ck_assert_int_gt((int64_t)limit.rlim_max, USUAL + 8 * RUNS);
    limit.rlim_cur = USUAL;
    house_configure(
        house,
        "[runner]\nconcurrency = 1000\n"
        "[action many]\non_granted = meet\n"
        "[hook meet]\nfor_each = context.list\ntimeout = 5m\n"
        "shell = echo >>%DIR%/met; ulimit -Sn >>%DIR%/limits; until [ -e %DIR%/go ]; do sleep 0.1; done\n");
    house_start(house);
    register_runs("req_1", RUNS);
    house_approve(house, "req_1");
    house_await_lines(house, "met", RUNS);
    house_await_lines(house, "limits", RUNS);
    house_write(house, "go", "");
    house_await_jobs(house, "req_1", 1, "succeeded");
    (void)snprintf(expected, sizeof expected, "%d\n", USUAL);

    char *limits = house_read(house, "limits");

    /* A wrapper may have raised it for itself. */
    ck_assert(under_wrapper() || strncmp(limits, expected, strlen(expected)) == 0);
    free(limits);
}
END_TEST

/* --- roles that have none left ---------------------------------------------------------------- */

static void allow_few(void)
{
    limit.rlim_cur = FEW;
    limit.rlim_max = FEW;
}

START_TEST(a_gate_that_is_full_hears_the_supervisor)
{
    static struct exchange *waits[MANY];
    pid_t gate;

    allow_few();
    house_configure(house, "");
    house_start(house);
    house_register_as(house, "req_1", "other");
    gate = house_role(house, "assentd: gate control");
    for (int i = 0; i < MANY; i++) {
        waits[i] = house_begin_control(house, "GET", "/v1/approvals/req_1?wait=55", NULL);
    }
    house_await_log(house, "can't accept connections");
    house_reload(house);
    (void)house_kill_role(house, "assentd: core");
    answer_expect_error(exchange_end(waits[0]), 503, "unavailable", NULL);
    for (int i = 1; i < MANY; i++) {
        exchange_leave(waits[i]);
    }
    house_await_ready(house);
    ck_assert_int_eq(house_role(house, "assentd: gate control"), gate);
}
END_TEST

START_TEST(a_caller_that_is_full_hears_the_supervisor)
{
    struct http_server *server = http_server_start();
    char *sections;
    pid_t caller;

    http_server_script(
        server, &(struct http_server_script){.path = "/", .manner = HTTP_SERVER_NEVER_ANSWERS});
    allow_few();
    sections = house_format(house,
                            "[runner]\nconcurrency = 1000\n"
                            "[action many]\non_granted = call\n"
                            "[hook call]\nfor_each = context.list\ntimeout = 5m\n"
                            "http = POST http://127.0.0.1:%d/\n",
                            http_server_port(server));
    house_configure(house, sections);
    free(sections);
    house_start(house);
    caller = house_role(house, "assentd: caller");
    register_runs("req_1", MANY);
    house_approve(house, "req_1");
    house_await_log(house, "not sent: Failed to connect");
    house_reload(house);
    ck_assert_int_eq(house_role(house, "assentd: caller"), caller);
    http_server_stop(server);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("descriptors");
    TCase *programs = house_scenarios(suite, "programs", set_up, tear_down);
    TCase *full = house_scenarios(suite, "full", set_up, tear_down);

    tcase_add_test(programs, more_programs_than_the_usual_limit_has_room_for_run_at_once);
    tcase_add_test(full, a_gate_that_is_full_hears_the_supervisor);
    tcase_add_test(full, a_caller_that_is_full_hears_the_supervisor);
    return suite_run(suite);
}
