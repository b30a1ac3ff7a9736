/*
 * Secrets: each role has its own only, and nobody else gets to know any.
 */
#include <check.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "integration/harness.h"
#include "support/http_server.h"
#include "support/jail_setting.h"
#include "support/suite.h"

#define OTHER_SECRET  "whsec_another-secret"
#define BEARER        "bearer-of-the-tests"
#define LARGEST_SPACE ((size_t)256 << 20)

static struct house *house;

static void set_up(void)
{
    house = house_new();
    house_write(house, "token", BEARER "\n");
}

static void tear_down(void)
{
    house_free(house);
}

static void expect_silence(const char *where, const char *text)
{
    ck_assert_msg(!strstr(text, HOUSE_SECRET) && !strstr(text, BEARER), "%s tells a secret", where);
}

static void run_with_secrets(struct http_server *server)
{
    char *sections =
        house_format(house,
                     "[server]\nlisten = 127.0.0.1:%%PORT%%\nlog_level = debug\n%%JAIL%%"
                     "[control]\nsocket = %%DIR%%/control.sock\n"
                     "[store]\npath = %%DIR%%/state/assentd.db\n"
                     "[service daimon]\npath = /webhook/approval\nscheme = daimon\n"
                     "secret_file = secret\n"
                     "[action go]\non_granted = tell, show\n"
                     "[hook tell]\nhttp = POST http://127.0.0.1:%d/\nbearer_file = token\n"
                     "[hook show]\nshell = env; cat; sleep 60\n",
                     http_server_port(server));

    house_configure_all(house, sections);
    house_start(house);
    house_register(house, "{\"requestId\":\"req_1\",\"action\":\"go\"}");
    house_decide(house, "{\"requestId\":\"req_1\",\"status\":\"approved\"}", "matched");
    ck_assert_uint_eq(http_server_wait(server, 1), 1);
    free(sections);
}

START_TEST(no_secret_is_where_others_can_read_it)
{
    struct http_server *server = http_server_start();
    struct process_tree processes;
    char *log;

    run_with_secrets(server);
    answer_expect_error(house_webhook_to(house, "/webhook/approval", OTHER_SECRET, "{}"), 401,
                        "unauthorized", NULL);
    house_reload(house);
    (void)house_kill_role(house, "assentd: caller");
    house_await_ready(house);
    processes = house_processes(house);
    ck_assert_uint_ge(processes.count, 6);
    for (size_t i = 0; i < processes.count; i++) {
        char *environment = process_read(processes.items[i].pid, "environ");
        char *line = process_read(processes.items[i].pid, "cmdline");

        expect_silence("an environment", environment);
        expect_silence("a command line", line);
        free(environment);
        free(line);
    }
    log = house_log(house);
    expect_silence("the log", log);
    free(log);
    process_tree_free(&processes);
    ck_assert_int_eq(house_stop(house), 0);
    http_server_stop(server);
}
END_TEST

static bool space_holds(int memory, unsigned long first, unsigned long last, const char *secret)
{
    size_t size = last - first;
    char *bytes = size <= LARGEST_SPACE ? malloc(size) : NULL;
    ssize_t length = bytes ? pread(memory, bytes, size, (off_t)first) : 0;
    bool holds = length > 0 && memmem(bytes, (size_t)length, secret, strlen(secret));

    free(bytes);
    return holds;
}

/* True if the process has the secret anywhere in its memory. */
static bool memory_holds(pid_t pid, const char *secret)
{
    char path[64];
    char *maps = process_read(pid, "maps");
    bool holds = false;
    int memory;

    (void)snprintf(path, sizeof path, "/proc/%d/mem", (int)pid);
    memory = open(path, O_RDONLY | O_CLOEXEC);
    ck_assert_int_ge(memory, 0);
    for (char *line = strtok(maps, "\n"); line && !holds; line = strtok(NULL, "\n")) {
        unsigned long first;
        unsigned long last;
        char mode[5];

        holds = sscanf(line, "%lx-%lx %4s", &first, &last, mode) == 3 && mode[0] == 'r' &&
                space_holds(memory, first, last, secret);
    }
    (void)close(memory);
    free(maps);
    return holds;
}

START_TEST(each_role_has_its_own_secrets_only)
{
    static const char *const without_any[] = {"assentd: gate public", "assentd: gate control",
                                              "assentd: runner"};
    struct http_server *server;

    if (geteuid() != 0 || !jail_possible()) {
        (void)printf("the memory of the roles can't be read, or is a tool's: skipped\n");
        return;
    }
    server = http_server_start();
    run_with_secrets(server);
    for (size_t i = 0; i < sizeof without_any / sizeof without_any[0]; i++) {
        pid_t pid = house_role(house, without_any[i]);

        ck_assert_msg(!memory_holds(pid, HOUSE_SECRET), "%s has the webhook secret",
                      without_any[i]);
        ck_assert_msg(!memory_holds(pid, BEARER), "%s has the token", without_any[i]);
    }
    ck_assert(memory_holds(house_role(house, "assentd: core"), HOUSE_SECRET));
    ck_assert(!memory_holds(house_role(house, "assentd: core"), BEARER));
    ck_assert(memory_holds(house_role(house, "assentd: caller"), BEARER));
    ck_assert(!memory_holds(house_role(house, "assentd: caller"), HOUSE_SECRET));
    ck_assert_int_eq(house_stop(house), 0);
    http_server_stop(server);
}
END_TEST

START_TEST(a_secret_that_others_can_read_is_refused)
{
    char *path = house_file(house, "secret");
    struct told told;

    ck_assert_int_eq(chmod(path, 0604), 0);
    house_configure(house, "");
    told = house_run(house, "--check", "-c", "%DIR%/assentd.conf", NULL);
    ck_assert_int_eq(told.status, 78);
    expect_part(told.error, "[service daimon] secret_file: ");
    told_clear(&told);
    free(path);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("secrets");
    TCase *tests = house_scenarios(suite, "secrets", set_up, tear_down);

    tcase_add_test(tests, no_secret_is_where_others_can_read_it);
    tcase_add_test(tests, each_role_has_its_own_secrets_only);
    tcase_add_test(tests, a_secret_that_others_can_read_is_refused);
    return suite_run(suite);
}
