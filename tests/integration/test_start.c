/*
 * What assentd is started with: its options, its configuration and how that is changed, sockets
 * that a service manager passes, and its secrets, which nobody else gets to know.
 */
#include <check.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "integration/harness.h"
#include "support/http_server.h"
#include "support/jail_setting.h"

#define DEFAULT_PATH  "/etc/assentd/assentd.conf"
#define OTHER_SECRET  "whsec_another-secret"
#define BEARER        "bearer-of-the-tests"
#define NOBODY        65534
#define LARGEST_SPACE ((size_t)256 << 20)

static struct house *house;

static const char note[] = "[action note]\n"
                           "on_granted = note\n"
                           "[hook note]\n"
                           "shell = echo \"$ASSENT_REQUEST_ID\" >>%DIR%/notes\n";

static void set_up(void)
{
    house = house_new();
    house_write(house, "other-secret", OTHER_SECRET "\n");
    house_write(house, "token", BEARER "\n");
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

static void expect_to_work(const char *id)
{
    char *request = house_format(house, "{\"requestId\":\"%s\",\"action\":\"note\"}", id);
    char *approval = house_format(house, "{\"requestId\":\"%s\",\"status\":\"approved\"}", id);

    house_register(house, request);
    house_decide(house, approval, "matched");
    house_await_jobs(house, id, 1, "succeeded");
    free(request);
    free(approval);
}

/* --- options ---------------------------------------------------------------------------------- */

struct told {
    int status;
    char *out;
    char *error;
};

static struct told run(const char *first, const char *second, const char *third)
{
    const char *const arguments[] = {first, second, third, NULL};
    struct told told;

    told.status = house_run(house, arguments, &told.out, &told.error);
    return told;
}

static void told_clear(struct told *told)
{
    free(told->out);
    free(told->error);
}

static void expect_part(const char *text, const char *part)
{
    ck_assert_msg(strstr(text, part) != NULL, "\"%s\" is not in: %s", part, text);
}

START_TEST(it_says_its_version_and_how_it_is_used)
{
    struct told version = run("--version", NULL, NULL);
    struct told help = run("--help", NULL, NULL);

    ck_assert_int_eq(version.status, 0);
    ck_assert_str_eq(version.out, "assentd " ASSENT_VERSION "\n");
    ck_assert_int_eq(help.status, 0);
    expect_part(help.out, "Usage: assentd");
    expect_part(help.out, "--check");
    ck_assert_str_eq(help.error, "");
    told_clear(&version);
    told_clear(&help);
}
END_TEST

START_TEST(what_it_does_not_know_is_a_wrong_use)
{
    struct told option = run("--nonsense", NULL, NULL);
    struct told argument = run("start", NULL, NULL);

    ck_assert_int_eq(option.status, 64);
    expect_part(option.error, "nonsense");
    expect_part(option.error, "Usage: assentd");
    ck_assert_int_eq(argument.status, 64);
    expect_part(argument.error, "unexpected argument 'start'");
    told_clear(&option);
    told_clear(&argument);
}
END_TEST

START_TEST(without_a_configuration_it_says_where_it_looked)
{
    struct told missing = run("-c", "%DIR%/nothing.conf", NULL);
    char *path = house_file(house, "nothing.conf");

    ck_assert_int_eq(missing.status, 78);
    expect_part(missing.error, path);
    free(path);
    told_clear(&missing);
    if (access(DEFAULT_PATH, F_OK) != 0) {
        struct told none = run(NULL, NULL, NULL);

        ck_assert_int_eq(none.status, 78);
        expect_part(none.error, DEFAULT_PATH);
        expect_part(none.error, "-c FILE");
        told_clear(&none);
    }
}
END_TEST

static const char broken[] = "[server]\n"
                             "listen = 127.0.0.1:%PORT%\n"
                             "max_body = much\n"
                             "[control]\n"
                             "socket = control.sock\n"
                             "[store]\n"
                             "path = %DIR%/state/assentd.db\n"
                             "retention = 1d\n"
                             "retention = 2d\n"
                             "[service daimon]\n"
                             "path = /webhook/approval\n"
                             "scheme = daimon\n"
                             "secret_file = missing-secret\n"
                             "[action note]\n"
                             "on_granted = nobody\n"
                             "[hok note]\n";

static const char *const broken_places[] = {
    "assentd.conf:3: [server] max_body: ",
    "assentd.conf:5: [control] socket: ",
    "assentd.conf:9: [store] retention: ",
    "assentd.conf:13: [service daimon] secret_file: ",
    "assentd.conf:15: [action note] on_granted: ",
    "assentd.conf:16: [hok note]: ",
};

#define BROKEN_PLACES (sizeof broken_places / sizeof broken_places[0])

START_TEST(a_check_tells_all_errors_with_their_places)
{
    struct told told;

    house_configure_all(house, broken);
    told = run("--check", "-c", "%DIR%/assentd.conf");
    ck_assert_int_eq(told.status, 78);
    for (size_t i = 0; i < BROKEN_PLACES; i++) {
        expect_part(told.error, broken_places[i]);
    }
    ck_assert_str_eq(told.out, "");
    told_clear(&told);
    ck_assert(!house_try_start(house));
    ck_assert_int_eq(house_wait(house), 78);
    house_await_log(house, broken_places[0]);
}
END_TEST

START_TEST(a_check_says_ok_and_starts_nothing)
{
    char *state = house_file(house, "state");
    struct told told;

    house_configure(house, note);
    told = run("--check", "-c", "%DIR%/assentd.conf");
    ck_assert_msg(told.status == 0, "%s", told.error);
    ck_assert_str_eq(told.out, "ok\n");
    ck_assert_int_ne(access(state, F_OK), 0);
    free(state);
    told_clear(&told);
}
END_TEST

START_TEST(a_dump_has_everything_but_secrets)
{
    struct told told;
    struct told again;

    house_configure(house, "[action note]\non_granted = note, tell\n"
                           "[hook note]\nshell = echo\n"
                           "[hook tell]\nhttp = POST http://127.0.0.1:9/\nbearer_file = token\n");
    told = run("--dump", "-c", "%DIR%/assentd.conf");
    ck_assert_int_eq(told.status, 0);
    expect_part(told.out, "expiry_grace = 30s\n");
    expect_part(told.out, "secret_file = secret\n");
    expect_part(told.out, "bearer_file = token\n");
    ck_assert_ptr_null(strstr(told.out, HOUSE_SECRET));
    ck_assert_ptr_null(strstr(told.out, BEARER));
    house_write(house, "dumped.conf", told.out);
    again = run("--dump", "-c", "%DIR%/dumped.conf");
    ck_assert_int_eq(again.status, 0);
    ck_assert_str_eq(again.out, told.out);
    told_clear(&told);
    told_clear(&again);
}
END_TEST

/* --- reloading -------------------------------------------------------------------------------- */

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
    house_configure(house, note);
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

    start(note);
    for (int i = 0; i < 20; i++) {
        house_configure(house, OTHER_SERVICE);
        house_reload(house);
        expect_outcome(house_webhook_to(house, "/webhook/other", OTHER_SECRET, approval),
                       i == 0 ? "early" : "duplicate");
        house_configure(house, note);
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

    start(note);
    for (int i = 0; i < 4; i++) {
        senders[i].number = i;
        ck_assert_int_eq(pthread_create(&senders[i].thread, NULL, send_webhooks, &senders[i]), 0);
    }
    for (int i = 0; i < 10; i++) {
        house_configure(house, i % 2 ? note : "secret_file = other-secret\n");
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
    start(note);
    house_configure_all(house, broken);
    house_reload(house);
    for (size_t i = 0; i < BROKEN_PLACES; i++) {
        house_await_log(house, broken_places[i]);
    }
    house_await_log(house, "not reloaded: the configuration is as it was");
    expect_to_work("req_1");
    (void)house_kill_role(house, "assentd: core");
    house_await_ready(house);
    expect_to_work("req_2");
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

/* --- passed sockets --------------------------------------------------------------------------- */

struct passed {
    int fds[2];
    int port;
    const char *count;
    const char *names; /* NULL: none are told */
};

static void open_passed(struct passed *passed)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    struct sockaddr_un local = {.sun_family = AF_UNIX};
    socklen_t length = sizeof address;

    (void)snprintf(local.sun_path, sizeof local.sun_path, "%s", house_socket(house));
    passed->fds[0] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    passed->fds[1] = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    ck_assert_int_eq(bind(passed->fds[0], (struct sockaddr *)&address, sizeof address), 0);
    ck_assert_int_eq(bind(passed->fds[1], (struct sockaddr *)&local, sizeof local), 0);
    ck_assert_int_eq(listen(passed->fds[0], 64), 0);
    ck_assert_int_eq(listen(passed->fds[1], 64), 0);
    ck_assert_int_eq(getsockname(passed->fds[0], (struct sockaddr *)&address, &length), 0);
    passed->port = ntohs(address.sin_port);
}

/* As sd_listen_fds(3) wants it. */
static void pass(void *userdata)
{
    const struct passed *passed = userdata;
    int spare[2] = {fcntl(passed->fds[0], F_DUPFD_CLOEXEC, 20),
                    fcntl(passed->fds[1], F_DUPFD_CLOEXEC, 20)};
    char pid[16];

    (void)snprintf(pid, sizeof pid, "%d", (int)getpid());
    (void)dup2(spare[0], 3);
    (void)dup2(spare[1], 4);
    (void)setenv("LISTEN_PID", pid, 1);
    (void)setenv("LISTEN_FDS", passed->count, 1);
    if (passed->names) {
        (void)setenv("LISTEN_FDNAMES", passed->names, 1);
    }
}

/* Asks /healthz at the port; false if nobody listens there. */
static bool listens_at(int port)
{
    const struct sockaddr_in address = {
        .sin_family = AF_INET,
        .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
        .sin_port = htons((uint16_t)port),
    };
    static const char request[] = "GET /healthz HTTP/1.0\r\n\r\n";
    char answer[32] = "";
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    bool listens = connect(fd, (const struct sockaddr *)&address, sizeof address) == 0 &&
                   send(fd, request, strlen(request), MSG_NOSIGNAL) > 0 &&
                   recv(fd, answer, sizeof answer - 1, MSG_WAITALL) > 0;

    (void)close(fd);
    return listens && strncmp(answer, "HTTP/1.", 7) == 0;
}

START_TEST(passed_sockets_replace_configured_ones)
{
    struct passed passed = {.count = "2", .names = "public:control"};

    open_passed(&passed);
    house_prepare(house, pass, &passed);
    start(note);
    house_await_log(house, "listening on the sockets that systemd passed");
    ck_assert(!listens_at(house_port(house)));
    ck_assert(listens_at(passed.port));
    house_await_ready(house);
    (void)house_kill_role(house, "assentd: gate public");
    (void)house_kill_role(house, "assentd: gate control");
    house_await_ready(house);
    ck_assert(listens_at(passed.port));
    ck_assert_int_eq(house_stop(house), 0);
    /* They are still the service manager's, and still listen. */
    {
        int listens = 0;
        socklen_t length = sizeof listens;

        ck_assert_int_eq(getsockopt(passed.fds[0], SOL_SOCKET, SO_ACCEPTCONN, &listens, &length),
                         0);
        ck_assert_int_eq(listens, 1);
        ck_assert_int_eq(access(house_socket(house), F_OK), 0);
    }
}
END_TEST

START_TEST(a_passed_socket_without_a_name_is_the_public_one)
{
    struct passed passed = {.count = "1"};

    open_passed(&passed);
    (void)close(passed.fds[1]);
    ck_assert_int_eq(unlink(house_socket(house)), 0);
    passed.fds[1] = passed.fds[0];
    house_prepare(house, pass, &passed);
    start(note);
    ck_assert(listens_at(passed.port));
    house_await_ready(house);
}
END_TEST

/* --- secrets ---------------------------------------------------------------------------------- */

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
    told = run("--check", "-c", "%DIR%/assentd.conf");
    ck_assert_int_eq(told.status, 78);
    expect_part(told.error, "[service daimon] secret_file: ");
    told_clear(&told);
    free(path);
}
END_TEST

/* --- as anybody ------------------------------------------------------------------------------- */

static void become_nobody(void *userdata)
{
    (void)userdata;
    if (setgid(NOBODY) < 0 || setuid(NOBODY) < 0) {
        _exit(127);
    }
}

static void give_away(const char *name)
{
    char *path = house_file(house, name);

    ck_assert_int_eq(chown(path, NOBODY, NOBODY), 0);
    free(path);
}

START_TEST(it_needs_no_rights_of_its_own)
{
    if (geteuid() != 0) {
        return;
    }
    house_configure(house, note);
    give_away("");
    give_away("assentd.conf");
    give_away("secret");
    give_away("notify");
    house_prepare(house, become_nobody, NULL);
    if (!house_try_start(house)) {
        char *log = house_log(house);

        ck_abort_msg("as nobody it does not start: %s", log);
    }
    expect_to_work("req_1");
    house_kill(house);
    house_start(house);
    expect_to_work("req_2");
}
END_TEST

static TCase *scenarios(Suite *suite, const char *name)
{
    TCase *tests = tcase_create(name);

    tcase_add_checked_fixture(tests, set_up, tear_down);
    tcase_set_timeout(tests, 180);
    suite_add_tcase(suite, tests);
    return tests;
}

static void add_options(TCase *tests)
{
    tcase_add_test(tests, it_says_its_version_and_how_it_is_used);
    tcase_add_test(tests, what_it_does_not_know_is_a_wrong_use);
    tcase_add_test(tests, without_a_configuration_it_says_where_it_looked);
    tcase_add_test(tests, a_check_tells_all_errors_with_their_places);
    tcase_add_test(tests, a_check_says_ok_and_starts_nothing);
    tcase_add_test(tests, a_dump_has_everything_but_secrets);
}

static void add_reloading(TCase *tests)
{
    tcase_add_test(tests, a_reload_brings_secrets_hooks_and_paths);
    tcase_add_test(tests, when_a_reload_is_told_to_be_over_it_is);
    tcase_add_test(tests, nobody_notices_a_reload);
    tcase_add_test(tests, a_broken_file_changes_nothing);
    tcase_add_test(tests, what_needs_a_restart_is_told);
}

int main(void)
{
    Suite *suite = suite_create("start");
    TCase *sockets = scenarios(suite, "sockets");
    TCase *secrets = scenarios(suite, "secrets");
    SRunner *runner;
    int failed;

    add_options(scenarios(suite, "options"));
    add_reloading(scenarios(suite, "reloading"));
    tcase_add_test(sockets, passed_sockets_replace_configured_ones);
    tcase_add_test(sockets, a_passed_socket_without_a_name_is_the_public_one);
    tcase_add_test(secrets, no_secret_is_where_others_can_read_it);
    tcase_add_test(secrets, each_role_has_its_own_secrets_only);
    tcase_add_test(secrets, a_secret_that_others_can_read_is_refused);
    tcase_add_test(scenarios(suite, "anybody"), it_needs_no_rights_of_its_own);
    runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
