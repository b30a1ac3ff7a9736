/*
 * What assentd is started with: its options, its configuration, sockets that a service manager
 * passes, and no rights.
 */
#include <check.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "integration/broken_config.h"
#include "integration/harness.h"
#include "support/jail_setting.h"
#include "support/suite.h"
#include "support/tool.h"

#define DEFAULT_PATH "/etc/assentd/assentd.conf"
#define BEARER       "bearer-of-the-tests"
#define NOBODY       65534

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

static void start(const char *sections)
{
    house_configure(house, sections);
    house_start(house);
}

/* --- options ---------------------------------------------------------------------------------- */

START_TEST(it_says_its_version_and_how_it_is_used)
{
    struct told version = house_run(house, "--version", NULL);
    struct told help = house_run(house, "--help", NULL);

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
    struct told option = house_run(house, "--nonsense", NULL);
    struct told argument = house_run(house, "start", NULL);

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
    struct told missing = house_run(house, "-c", "%DIR%/nothing.conf", NULL);
    char *path = house_file(house, "nothing.conf");

    ck_assert_int_eq(missing.status, 78);
    expect_part(missing.error, path);
    free(path);
    told_clear(&missing);
    if (access(DEFAULT_PATH, F_OK) != 0) {
        struct told none = house_run(house, NULL);

        ck_assert_int_eq(none.status, 78);
        expect_part(none.error, DEFAULT_PATH);
        expect_part(none.error, "-c FILE");
        told_clear(&none);
    }
}
END_TEST

START_TEST(a_check_tells_all_errors_with_their_places)
{
    struct told told;

    house_configure_all(house, broken_config);
    told = house_run(house, "--check", "-c", "%DIR%/assentd.conf", NULL);
    ck_assert_int_eq(told.status, 78);
    for (size_t i = 0; broken_places[i]; i++) {
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

    house_configure(house, HOUSE_NOTE);
    told = house_run(house, "--check", "-c", "%DIR%/assentd.conf", NULL);
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
    told = house_run(house, "--dump", "-c", "%DIR%/assentd.conf", NULL);
    ck_assert_int_eq(told.status, 0);
    expect_part(told.out, "expiry_grace = 30s\n");
    expect_part(told.out, "secret_file = secret\n");
    expect_part(told.out, "bearer_file = token\n");
    ck_assert_ptr_null(strstr(told.out, HOUSE_SECRET));
    ck_assert_ptr_null(strstr(told.out, BEARER));
    house_write(house, "dumped.conf", told.out);
    again = house_run(house, "--dump", "-c", "%DIR%/dumped.conf", NULL);
    ck_assert_int_eq(again.status, 0);
    ck_assert_str_eq(again.out, told.out);
    told_clear(&told);
    told_clear(&again);
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
    start(HOUSE_NOTE);
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

/* It would be another daemon's. */
static void expect_to_be_left_alone(int type)
{
    struct sockaddr_un local = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, type | SOCK_CLOEXEC, 0);
    int client = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

    (void)snprintf(local.sun_path, sizeof local.sun_path, "%s", house_socket(house));
    ck_assert_int_eq(bind(fd, (struct sockaddr *)&local, sizeof local), 0);
    if (type == SOCK_STREAM) {
        ck_assert_int_eq(listen(fd, 0), 0);
        ck_assert_int_eq(connect(client, (struct sockaddr *)&local, sizeof local), 0);
    }
    house_configure(house, HOUSE_NOTE);
    ck_assert(!house_try_start(house));
    ck_assert_int_eq(house_wait(house), EXIT_FAILURE);
    house_await_log(house, "Address already in use");
    ck_assert_int_eq(access(house_socket(house), F_OK), 0);
    (void)close(client);
    (void)close(fd);
}

START_TEST(a_socket_of_somebody_who_is_busy_is_left_alone)
{
    expect_to_be_left_alone(SOCK_STREAM);
}
END_TEST

START_TEST(a_socket_of_somebody_who_takes_messages_is_left_alone)
{
    expect_to_be_left_alone(SOCK_DGRAM);
}
END_TEST

#define PASSED 19 /* 17 are listened on */

/* All of them the same socket. */
static void pass_many(void *userdata)
{
    struct passed *passed = userdata;
    int spare = fcntl(passed->fds[0], F_DUPFD_CLOEXEC, 60);
    char names[PASSED * sizeof "public:"] = "public";

    for (int i = 1; i < PASSED; i++) {
        strncat(names, ":public", sizeof names - strlen(names) - 1);
    }
    passed->count = "19";
    passed->names = names;
    pass(passed);
    for (int i = 0; i < PASSED; i++) {
        (void)dup2(spare, 3 + i);
    }
}

START_TEST(passed_sockets_that_nobody_hears_are_told)
{
    struct passed passed = {0};

    open_passed(&passed);
    ck_assert_int_eq(unlink(house_socket(house)), 0);
    house_prepare(house, pass_many, &passed);
    start(HOUSE_NOTE);
    house_await_log(house, "nobody hears the last ones\" section=server unheard=2");
    ck_assert(listens_at(passed.port));
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
    start(HOUSE_NOTE);
    ck_assert(listens_at(passed.port));
    house_await_ready(house);
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

/* A build below a directory that only root may enter is out of reach. */
static bool nobody_can_run_it(void)
{
    const char *build = getenv("ASSENT_BUILD");
    char *program = NULL;
    int status = 1;
    pid_t pid;

    ck_assert_int_ge(asprintf(&program, "%s/assentd", build ? build : "build"), 0);
    pid = fork();
    ck_assert_int_ge(pid, 0);
    if (pid == 0) {
        become_nobody(NULL);
        _exit(access(program, X_OK) == 0 ? 0 : 1);
    }
    ck_assert_int_eq(waitpid(pid, &status, 0), pid);
    free(program);
    return status == 0;
}

START_TEST(it_needs_no_rights_of_its_own)
{
    if (geteuid() != 0 || !nobody_can_run_it()) {
        (void)fputs("skipped: nobody can't be made to run assentd here\n", stderr);
        return;
    }
    house_configure(house, HOUSE_NOTE);
    give_away("");
    give_away("assentd.conf");
    give_away("secret");
    give_away("notify");
    house_prepare(house, become_nobody, NULL);
    if (!house_try_start(house)) {
        char *log = house_log(house);

        ck_abort_msg("as nobody it does not start: %s", log);
    }
    house_expect_note(house, "req_1");
    house_kill(house);
    house_start(house);
    house_expect_note(house, "req_2");
}
END_TEST

/* --- no standard streams ---------------------------------------------------------------------- */

static void close_standard_streams(void *userdata)
{
    (void)userdata;
    for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++) {
        (void)close(fd);
    }
}

static void expect_no_stream_elsewhere(pid_t pid)
{
    for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++) {
        char link[64];
        char target[64] = "";

        (void)snprintf(link, sizeof link, "/proc/%d/fd/%d", (int)pid, fd);
        ck_assert_int_gt((int)readlink(link, target, sizeof target - 1), 0);
        ck_assert_msg(strcmp(target, "/dev/null") == 0, "%s is %s", link, target);
    }
}

/* Else the first socket that a role is given has the number that its log is written to. */
START_TEST(standard_streams_that_are_closed_become_nothing_else)
{
    static const char *const titles[] = {"assentd: gate public", "assentd: gate control",
                                         "assentd: core", "assentd: runner", "assentd: caller"};

    jail_allow_looking_inside();
    house_prepare(house, close_standard_streams, NULL);
    start(HOUSE_NOTE);
    for (size_t i = 0; i < sizeof titles / sizeof titles[0]; i++) {
        expect_no_stream_elsewhere(house_role(house, titles[i]));
    }
    expect_no_stream_elsewhere(house_pid(house));
    house_expect_note(house, "req_1");
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("start");
    TCase *options = house_scenarios(suite, "options", set_up, tear_down);
    TCase *sockets = house_scenarios(suite, "sockets", set_up, tear_down);
    TCase *anybody = house_scenarios(suite, "anybody", set_up, tear_down);
    TCase *streams = house_scenarios(suite, "streams", set_up, tear_down);

    tcase_add_test(options, it_says_its_version_and_how_it_is_used);
    tcase_add_test(options, what_it_does_not_know_is_a_wrong_use);
    tcase_add_test(options, without_a_configuration_it_says_where_it_looked);
    tcase_add_test(options, a_check_tells_all_errors_with_their_places);
    tcase_add_test(options, a_check_says_ok_and_starts_nothing);
    tcase_add_test(options, a_dump_has_everything_but_secrets);
    tcase_add_test(sockets, passed_sockets_replace_configured_ones);
    tcase_add_test(sockets, a_socket_of_somebody_who_is_busy_is_left_alone);
    tcase_add_test(sockets, a_socket_of_somebody_who_takes_messages_is_left_alone);
    tcase_add_test(sockets, passed_sockets_that_nobody_hears_are_told);
    tcase_add_test(sockets, a_passed_socket_without_a_name_is_the_public_one);
    /* Nobody may not write what valgrind reports. */
    if (!under_wrapper()) {
        tcase_add_test(anybody, it_needs_no_rights_of_its_own);
    }
    tcase_add_test(streams, standard_streams_that_are_closed_become_nothing_else);
    return suite_run(suite);
}
