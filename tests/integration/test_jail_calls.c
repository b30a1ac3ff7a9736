/*
 * What the roles of a daemon at work ask of the kernel, seen by strace: nothing that their jails
 * forbid is even tried.
 */
#include <check.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "integration/harness.h"
#include "support/http_server.h"
#include "support/jail_setting.h"
#include "support/suite.h"
#include "support/tracer.h"

#define ROUNDS 20

static struct house *house;
static struct http_server *server;

static void ask(const char *path)
{
    struct answer answer = house_control(house, "GET", path, NULL);

    ck_assert_int_eq(answer.status, 200);
    answer_clear(&answer);
}

static void decide_one(int number)
{
    char *id = house_format(house, "req_%d", number);
    char *request = house_format(house, "{\"requestId\":\"req_%d\",\"action\":\"both\"}", number);
    char *decision = house_format(house, "{\"requestId\":\"req_%d\",\"status\":\"%s\"}", number,
                                  number % 3 ? "approved" : "denied");
    char *show = house_format(house, "/v1/approvals/req_%d?wait=1", number);

    house_register(house, request);
    house_decide(house, decision, "matched");
    ask(show);
    house_await_jobs(house, id, number % 3 ? 2 : 1, "succeeded");
    free(show);
    free(decision);
    free(request);
    free(id);
}

/* A name is looked up, and the trusted certificates are read, even if nothing comes of it. */
static void call_in_vain(const char *id)
{
    house_register_as(house, id, "vain");
    house_approve(house, id);
    house_await_jobs(house, id, 2, "failed");
}

static void refuse_some(void)
{
    static const char *const unsigned_headers[] = {"Content-Type: application/json", NULL};
    struct answer answer =
        house_public(house, "POST", "/webhook/approval", unsigned_headers, "{\"a\":1}");

    ck_assert_int_eq(answer.status, 401);
    answer_clear(&answer);
    answer = house_public(house, "GET", "/no/such/path", NULL, NULL);
    ck_assert_int_eq(answer.status, 404);
    answer_clear(&answer);
}

static void ask_as_agent(int number)
{
    char *agent_socket = house_file(house, "agent.sock");
    char *request = house_format(house, "{\"requestId\":\"a_%d\",\"action\":\"none\"}", number);
    char *show = house_format(house, "http://x/v1/approvals/a_%d?wait=1", number);
    struct answer answer =
        house_call(agent_socket, "POST", "http://x/v1/requests",
                   (const char *const[]){"Content-Type: application/json", NULL}, request);

    ck_assert_int_eq(answer.status, 201);
    answer_clear(&answer);
    if (number % 10 == 0) {
        answer = house_call(agent_socket, "GET", show, NULL, NULL);
        ck_assert_int_eq(answer.status, 200);
        answer_clear(&answer);
    }
    answer = house_call(agent_socket, "POST", "http://x/v1/jobs/1/retry", NULL, NULL);
    ck_assert_int_eq(answer.status, 403);
    answer_clear(&answer);
    free(show);
    free(request);
    free(agent_socket);
}

static void work(int first)
{
    for (int i = first; i < first + ROUNDS; i++) {
        decide_one(i);
        ask_as_agent(i);
        refuse_some();
        ask("/v1/requests?limit=5");
        ask("/v1/backup");
        ask("/v1/jobs?limit=5");
    }
}

/* libc makes threads with a newer call first, and asks whether a cache of names runs: both are
 * answered so that it knows what to do instead. libsystemd asks for a larger buffer as only root may
 * first. */
static bool is_expected(const char *line)
{
    return (strstr(line, "clone3") && strstr(line, "ENOSYS")) ||
           (strstr(line, "socket(AF_UNIX") && strstr(line, "EAFNOSUPPORT")) ||
           (strstr(line, "SO_SNDBUFFORCE") && strstr(line, "EPERM") && geteuid() != 0);
}

static bool is_forbidden(const char *line)
{
    static const char *const signs[] = {"EPERM",  "EACCES", "ENOSYS", "EAFNOSUPPORT",
                                        "SIGSYS", "EROFS",  "ENOEXEC"};

    for (size_t i = 0; i < sizeof signs / sizeof signs[0]; i++) {
        if (strstr(line, signs[i])) {
            return !is_expected(line);
        }
    }
    return false;
}

static void expect_nothing_forbidden(char *trace)
{
    char *rest = trace;
    char *line;
    int lines = 0;

    while ((line = strtok_r(rest, "\n", &rest))) {
        ck_assert_msg(!is_forbidden(line), "%s", line);
        lines++;
    }
    ck_assert_msg(lines > 0, "strace saw nothing");
}

static void configure(const char *more)
{
    char *sections = NULL;

    ck_assert_int_ge(asprintf(&sections,
                              "[agent]\n"
                              "socket = %%DIR%%/agent.sock\n"
                              "[action both]\n"
                              "on_granted = note, call\n"
                              "on_denied = call\n"
                              "[hook note]\n"
                              "shell = cat >>%%DIR%%/notes; echo said; echo wrong >&2\n"
                              "[hook call]\n"
                              "http = POST http://localhost:%d/call\n"
                              "body = {\"id\": \"{request_id}\"}\n"
                              "[action vain]\n"
                              "on_granted = lost, distrusted\n"
                              "[hook lost]\n"
                              "http = POST http://assentd-test.invalid/\n"
                              "timeout = 3s\n"
                              "retries = 1\n"
                              "backoff = 10ms\n"
                              "[hook distrusted]\n"
                              "http = POST https://localhost:%d/\n"
                              "timeout = 3s\n"
                              "retries = 1\n"
                              "backoff = 10ms\n%s",
                              http_server_port(server), http_server_port(server), more),
                     0);
    house_configure(house, sections);
    free(sections);
}

static pid_t start_traced(void)
{
    char *trace = house_file(house, "trace");
    pid_t strace;

    house_prepare(house, tracer_await, NULL);
    house_begin_start(house);
    strace = tracer_start(house_pid(house), (const char *const[]){"-f", "-q", "-e", "status=failed",
                                                                  "-o", trace, NULL});
    ck_assert(house_await_start(house));
    free(trace);
    return strace;
}

static void stop_traced(pid_t strace)
{
    char *text;

    ck_assert_int_eq(house_stop(house), 0);
    ck_assert_int_eq(waitpid(strace, NULL, 0), strace);
    text = house_log(house);
    ck_assert_ptr_null(strstr(text, "jail"));
    free(text);
    text = house_read(house, "trace");
    expect_nothing_forbidden(text);
    free(text);
    house_free(house);
    http_server_stop(server);
}

static bool is_possible(void)
{
    if (jail_possible() && tracer_possible()) {
        return true;
    }
    (void)fprintf(stderr, "skipped: this needs strace and a daemon that can be jailed\n");
    return false;
}

START_TEST(nothing_that_a_jail_forbids_is_tried)
{
    pid_t strace;
    pid_t core;

    if (!is_possible()) {
        return;
    }
    server = http_server_start();
    house = house_new();
    configure("");
    strace = start_traced();
    work(1);
    call_in_vain("vain_1");
    configure("[hook other]\nshell = true\n");
    house_reload(house);
    work(101);
    core = house_kill_role(house, "assentd: core");
    (void)house_next_role(house, "assentd: core", core);
    house_await_ready(house);
    work(201);
    stop_traced(strace);
}
END_TEST

static void shell(const char *text)
{
    char *command = house_format(house, "cd %%DIR%% && { %s; } >shell 2>&1", text);

    ck_assert_msg(system(command) == 0, "%s", command);
    free(command);
}

static void call_over_tls(void)
{
    for (int i = 0; i < ROUNDS; i++) {
        shell("curl -skS https://127.0.0.1:%PORT%/healthz");
        shell("curl -skS --tls-max 1.2 https://127.0.0.1:%PORT%/healthz");
    }
    shell("! curl -sS http://127.0.0.1:%PORT%/healthz");
}

#define MAKE_CERTIFICATE                                                                    \
    "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -subj /CN=x" \
    " -keyout key.pem -out certificate.pem"

START_TEST(nor_with_tls)
{
    pid_t strace;

    if (!is_possible()) {
        return;
    }
    server = http_server_start();
    house = house_new();
    shell(MAKE_CERTIFICATE);
    house_configure_all(house, "[server]\n"
                               "listen = 127.0.0.1:%PORT%\n"
                               "tls_certificate = certificate.pem\n"
                               "tls_key = key.pem\n"
                               "request_rate = 1000/s\n"
                               "[control]\n"
                               "socket = %DIR%/control.sock\n"
                               "[agent]\n"
                               "socket = %DIR%/agent.sock\n"
                               "[store]\n"
                               "path = %DIR%/state/assentd.db\n");
    strace = start_traced();
    call_over_tls();
    shell(MAKE_CERTIFICATE);
    house_reload(house);
    call_over_tls();
    stop_traced(strace);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("jail_calls");
    TCase *calls = tcase_create("calls");

    tcase_set_timeout(calls, 300);
    tcase_add_test(calls, nothing_that_a_jail_forbids_is_tried);
    tcase_add_test(calls, nor_with_tls);
    suite_add_tcase(suite, calls);
    return suite_run(suite);
}
