/*
 * The jails of a running daemon, from within: each role itself tries what it may not, because its
 * process is made to, as by somebody who has taken it over.
 */
#include <check.h>
#include <dirent.h>
#include <fcntl.h>
#include <linux/netlink.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "assent/base/landlock.h"
#include "integration/harness.h"
#include "support/http_server.h"
#include "support/injector.h"
#include "support/jail_setting.h"
#include "support/suite.h"

/* A descriptor that no role has. */
#define NO_FD 999
#define TEXT  INJECTED_TEXT(0)

static const char *const titles[] = {"assentd: gate public", "assentd: gate control",
                                     "assentd: core", "assentd: runner", "assentd: caller"};

enum { ROLES = sizeof titles / sizeof titles[0] };

/* What becomes of an attempt. */
enum fate {
    NOT_TRIED,
    DONE,
    REFUSED,         /* by an error; the role goes on */
    REFUSED_OUTSIDE, /* the same, where the kernel has Landlock */
    ENDED            /* with the role, by SIGSYS */
};

struct attempt {
    const char *name;
    long call;
    const char *text; /* %DIR% is replaced */
    long arguments[6];
    enum fate gate;
    enum fate core;
    enum fate runner;
    enum fate caller;
};

#define AT AT_FDCWD

static const struct attempt attempts[] = {
    /* files */
    {"read /etc/passwd",
     SYS_openat,
     "/etc/passwd",
     {AT, TEXT, O_RDONLY},
     REFUSED,
     REFUSED_OUTSIDE,
     DONE,
     REFUSED_OUTSIDE},
    {"read the secret",
     SYS_openat,
     "%DIR%/secret",
     {AT, TEXT, O_RDONLY},
     REFUSED,
     REFUSED_OUTSIDE,
     NOT_TRIED,
     REFUSED_OUTSIDE},
    {"read the configuration",
     SYS_openat,
     "%DIR%/assentd.conf",
     {AT, TEXT, O_RDONLY},
     REFUSED,
     REFUSED_OUTSIDE,
     NOT_TRIED,
     REFUSED_OUTSIDE},
    {"read the database",
     SYS_openat,
     "%DIR%/state/assentd.db",
     {AT, TEXT, O_RDONLY},
     REFUSED,
     NOT_TRIED,
     NOT_TRIED,
     REFUSED_OUTSIDE},
    {"read memory of others",
     SYS_openat,
     "/proc/%CORE%/mem",
     {AT, TEXT, O_RDONLY},
     REFUSED,
     REFUSED_OUTSIDE,
     REFUSED_OUTSIDE,
     REFUSED_OUTSIDE},
    {"read the trust store",
     SYS_openat,
     "/etc/ssl/certs",
     {AT, TEXT, O_RDONLY},
     REFUSED,
     REFUSED_OUTSIDE,
     NOT_TRIED,
     DONE},
    {"read the hosts",
     SYS_openat,
     "/etc/hosts",
     {AT, TEXT, O_RDONLY},
     REFUSED,
     REFUSED_OUTSIDE,
     NOT_TRIED,
     DONE},
    {"make a file outside",
     SYS_openat,
     "%DIR%/made",
     {AT, TEXT, O_WRONLY | O_CREAT, 0600},
     ENDED,
     REFUSED_OUTSIDE,
     NOT_TRIED,
     ENDED},
    {"make a file in the state directory",
     SYS_openat,
     "%DIR%/state/made",
     {AT, TEXT, O_RDWR | O_CREAT, 0600},
     ENDED,
     DONE,
     NOT_TRIED,
     ENDED},
    {"remove a file outside",
     SYS_unlinkat,
     "%DIR%/secret",
     {AT, TEXT, 0},
     ENDED,
     REFUSED_OUTSIDE,
     NOT_TRIED,
     ENDED},
    {"look for a file",
     SYS_newfstatat,
     "/root",
     {AT, TEXT, TEXT + 100, 0},
     REFUSED,
     NOT_TRIED,
     NOT_TRIED,
     NOT_TRIED},
    {"change into a directory", SYS_chdir, "/tmp", {TEXT}, REFUSED, REFUSED, NOT_TRIED, REFUSED},
    /* the network */
    {"make an internet socket",
     SYS_socket,
     NULL,
     {AF_INET, SOCK_STREAM, 0},
     ENDED,
     ENDED,
     NOT_TRIED,
     DONE},
    {"make a local socket",
     SYS_socket,
     NULL,
     {AF_UNIX, SOCK_STREAM, 0},
     ENDED,
     ENDED,
     NOT_TRIED,
     REFUSED},
    {"make a raw socket",
     SYS_socket,
     NULL,
     {AF_INET, SOCK_RAW, 1},
     ENDED,
     ENDED,
     NOT_TRIED,
     REFUSED},
    {"make a packet socket",
     SYS_socket,
     NULL,
     {AF_PACKET, SOCK_RAW, 0},
     ENDED,
     ENDED,
     NOT_TRIED,
     REFUSED},
    {"ask netfilter",
     SYS_socket,
     NULL,
     {AF_NETLINK, SOCK_RAW, NETLINK_NETFILTER},
     ENDED,
     ENDED,
     NOT_TRIED,
     REFUSED},
    {"connect", SYS_connect, NULL, {NO_FD, 0, 16}, ENDED, ENDED, NOT_TRIED, NOT_TRIED},
    {"bind a port", SYS_bind, NULL, {NO_FD, 0, 16}, ENDED, ENDED, NOT_TRIED, REFUSED},
    {"listen", SYS_listen, NULL, {NO_FD, 1}, ENDED, ENDED, NOT_TRIED, ENDED},
    /* other programs and processes */
    {"run a program", SYS_execve, "/bin/true", {TEXT, 0, 0}, ENDED, ENDED, NOT_TRIED, ENDED},
    {"run a program by its descriptor",
     SYS_execveat,
     "",
     {NO_FD, TEXT, 0, 0, AT_EMPTY_PATH},
     ENDED,
     ENDED,
     NOT_TRIED,
     ENDED},
    {"make a process", SYS_clone, NULL, {SIGCHLD}, ENDED, ENDED, NOT_TRIED, ENDED},
    {"trace core", SYS_ptrace, NULL, {PTRACE_SEIZE, -1}, ENDED, ENDED, REFUSED_OUTSIDE, ENDED},
    {"read memory of core",
     SYS_process_vm_readv,
     NULL,
     {-1, 0, 0, 0, 0, 0},
     ENDED,
     ENDED,
     NOT_TRIED,
     ENDED},
    {"end the supervisor", SYS_kill, NULL, {-2, SIGKILL}, ENDED, ENDED, NOT_TRIED, ENDED},
    {"raise a limit", SYS_prlimit64, NULL, {0, 7, 0, 0}, REFUSED, REFUSED, DONE, REFUSED},
    /* memory that is code */
    {"map code",
     SYS_mmap,
     NULL,
     {0, 4096, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0},
     REFUSED,
     REFUSED,
     DONE,
     REFUSED},
    {"make memory code",
     SYS_mprotect,
     NULL,
     {0, 4096, PROT_READ | PROT_EXEC},
     REFUSED,
     REFUSED,
     NOT_TRIED,
     REFUSED},
    /* the system */
    {"mount", SYS_mount, "/tmp", {TEXT, TEXT, 0, 4096, 0}, ENDED, ENDED, REFUSED, ENDED},
    {"leave for another root", SYS_chroot, "/tmp", {TEXT}, ENDED, ENDED, NOT_TRIED, ENDED},
    {"become another user", SYS_setuid, NULL, {0}, ENDED, ENDED, DONE, ENDED},
    {"make namespaces", SYS_unshare, NULL, {CLONE_NEWNS}, ENDED, ENDED, NOT_TRIED, ENDED},
    {"load a module", SYS_init_module, NULL, {0, 0, TEXT}, ENDED, ENDED, REFUSED, ENDED},
    {"load a program for the kernel", SYS_bpf, NULL, {0, 0, 0}, ENDED, ENDED, REFUSED, ENDED},
    {"load a kernel", SYS_kexec_load, NULL, {0, 0, 0, 0}, ENDED, ENDED, REFUSED, ENDED},
    {"read the kernel's log", SYS_syslog, NULL, {10, 0, 0}, ENDED, ENDED, REFUSED, ENDED},
    {"use keyrings", SYS_keyctl, NULL, {0, -3, 0}, ENDED, ENDED, REFUSED, ENDED},
    {"set up io_uring", SYS_io_uring_setup, NULL, {1, 0}, ENDED, ENDED, REFUSED, ENDED},
    /* and what is nothing special */
    {"draw random bytes", SYS_getrandom, NULL, {TEXT, 16, 0}, DONE, DONE, DONE, DONE},
    {"read the clock", SYS_clock_gettime, NULL, {0, TEXT}, DONE, DONE, DONE, DONE},
};

enum { ATTEMPTS = sizeof attempts / sizeof attempts[0] };

static struct house *house;

static void set_up(void)
{
    house = house_new();
    house_configure(house, HOUSE_NOTE);
    house_start(house);
}

static void tear_down(void)
{
    house_free(house);
}

/* A request goes all the way: gates, core and runner work. */
static void expect_work(const char *id)
{
    house_await_ready(house);
    house_register_as(house, id, "note");
    house_approve(house, id);
    house_await_jobs(house, id, 1, "succeeded");
}

static enum fate fate_of(const struct attempt *attempt, int role)
{
    const enum fate fates[ROLES] = {attempt->gate, attempt->gate, attempt->core, attempt->runner,
                                    attempt->caller};
    enum fate fate = fates[role];

    if (fate == REFUSED_OUTSIDE) {
        fate = landlock_version() > 0 ? REFUSED : NOT_TRIED;
    }
    return fate;
}

static char *fill_text(const char *text)
{
    const char *at = strstr(text, "%CORE%");
    char *filled;

    if (!at) {
        return house_format(house, "%s", text);
    }
    filled = house_format(house, "%.*s%d%s", (int)(at - text), text,
                          (int)house_role(house, "assentd: core"), at + strlen("%CORE%"));
    return filled;
}

/* -1 and -2 stand for core and the supervisor where a process is meant. */
static struct injected try(const struct attempt *attempt, pid_t process)
{
    char *text = attempt->text ? fill_text(attempt->text) : NULL;
    long arguments[6];
    struct injected injected;
    bool of_process = attempt->call == SYS_ptrace || attempt->call == SYS_kill ||
                      attempt->call == SYS_process_vm_readv;

    memcpy(arguments, attempt->arguments, sizeof arguments);
    for (int i = 0; of_process && i < 2; i++) {
        arguments[i] = arguments[i] == -1   ? house_role(house, "assentd: core")
                       : arguments[i] == -2 ? house_pid(house)
                                            : arguments[i];
    }
    injected = inject(process, attempt->call, arguments, text, text ? strlen(text) + 1 : 0);
    free(text);
    return injected;
}

static void expect_fate(const struct attempt *attempt, int role, enum fate fate,
                        const struct injected *injected)
{
    bool met = fate == ENDED     ? injected->signal == SIGSYS
               : fate == REFUSED ? injected->signal == 0 && injected->result < 0
                                 : injected->signal == 0 && injected->result >= 0;

    ck_assert_msg(met, "%s: %s: expected %s, got signal %d, result %ld (%s)", titles[role],
                  attempt->name,
                  fate == ENDED     ? "its end"
                  : fate == REFUSED ? "an error"
                                    : "success",
                  injected->signal, injected->result,
                  injected->result < 0 ? strerror((int)-injected->result) : "success");
}

START_TEST(a_role_is_refused_what_it_may_not_and_goes_on)
{
    pid_t process = house_role(house, titles[_i]);

    for (int i = 0; i < ATTEMPTS; i++) {
        enum fate fate = fate_of(&attempts[i], _i);

        if (fate == DONE || fate == REFUSED) {
            struct injected injected = try(&attempts[i], process);

            expect_fate(&attempts[i], _i, fate, &injected);
        }
    }
    ck_assert_int_eq(house_role(house, titles[_i]), process);
    expect_work("req_1");
}
END_TEST

/* The attempt and the role of the `index`th end that there is, or false. Both gates have the same
 * jail. */
static bool find_end(int index, const struct attempt **ret_attempt, int *ret_role)
{
    for (int i = 0; i < ATTEMPTS; i++) {
        for (int role = 1; role < ROLES; role++) {
            if (fate_of(&attempts[i], role) == ENDED && index-- == 0) {
                *ret_attempt = &attempts[i];
                *ret_role = role;
                return true;
            }
        }
    }
    return false;
}

static int count_ends(void)
{
    const struct attempt *attempt;
    int role;
    int count = 0;

    while (find_end(count, &attempt, &role)) {
        count++;
    }
    return count;
}

START_TEST(a_role_that_shows_it_was_taken_over_is_ended_and_replaced)
{
    const struct attempt *attempt = NULL;
    int role = 0;
    pid_t process;
    struct injected injected;

    ck_assert(find_end(_i, &attempt, &role));
    process = house_role(house, titles[role]);
    injected = try(attempt, process);
    expect_fate(attempt, role, ENDED, &injected);
    house_await_log(house, "a role tried what its jail forbids, was ended by it");
    (void)house_next_role(house, titles[role], process);
    expect_work("req_1");
}
END_TEST

/* The first thread that is not the first one. */
static pid_t other_thread(pid_t process)
{
    char path[64];
    const struct dirent *entry;
    pid_t found = 0;
    DIR *tasks;

    (void)snprintf(path, sizeof path, "/proc/%d/task", (int)process);
    tasks = opendir(path);
    while (tasks && !found && (entry = readdir(tasks))) {
        pid_t thread = (pid_t)strtol(entry->d_name, NULL, 10);

        found = thread > 0 && thread != process ? thread : 0;
    }
    ck_assert_int_gt(found, 0);
    (void)closedir(tasks);
    return found;
}

START_TEST(the_threads_that_talk_to_clients_are_in_the_gates_jail)
{
    static const long open_it[6] = {AT, TEXT, O_RDONLY};
    static const long make_socket[6] = {AF_INET, SOCK_STREAM};
    pid_t process = house_role(house, titles[0]);
    struct injected injected =
        inject(other_thread(process), SYS_openat, open_it, "/etc/passwd", 12);

    ck_assert_int_eq(injected.signal, 0);
    ck_assert_int_lt(injected.result, 0);
    injected = inject(other_thread(process), SYS_socket, make_socket, NULL, 0);
    ck_assert_int_eq(injected.signal, SIGSYS);
    (void)house_next_role(house, titles[0], process);
    expect_work("req_1");
}
END_TEST

START_TEST(the_thread_that_syncs_the_store_is_in_cores_jail)
{
    static const long open_it[6] = {AT, TEXT, O_RDONLY};
    static const long make_socket[6] = {AF_INET, SOCK_STREAM};
    pid_t process = house_role(house, titles[2]);
    struct injected injected = inject(other_thread(process), SYS_socket, make_socket, NULL, 0);

    ck_assert_int_eq(injected.signal, SIGSYS);
    process = house_next_role(house, titles[2], process);
    expect_work("req_1");
    if (jail_confines_files()) {
        injected = inject(other_thread(process), SYS_openat, open_it, "/etc/passwd", 12);
        ck_assert_int_eq(injected.signal, 0);
        ck_assert_int_lt(injected.result, 0);
    }
    expect_work("req_2");
}
END_TEST

static void expect_status(pid_t process, const char *line)
{
    char *status = process_read(process, "status");

    ck_assert_msg(strstr(status, line) != NULL, "expected %s in %s", line, status);
    free(status);
}

START_TEST(every_role_is_in_a_jail)
{
    char *log = house_log(house);

    for (int role = 0; role < ROLES; role++) {
        expect_status(house_role(house, titles[role]), "\nNoNewPrivs:\t1\n");
        expect_status(house_role(house, titles[role]), "\nSeccomp:\t2\n");
    }
    ck_assert_ptr_null(strstr(log, "in no jails"));
    free(log);
}
END_TEST

START_TEST(roles_that_hear_others_have_no_capabilities)
{
    static const int heard[] = {0, 1, 4};

    for (size_t i = 0; i < sizeof heard / sizeof heard[0]; i++) {
        expect_status(house_role(house, titles[heard[i]]), "\nCapPrm:\t0000000000000000\n");
        expect_status(house_role(house, titles[heard[i]]), "\nCapEff:\t0000000000000000\n");
    }
}
END_TEST

START_TEST(without_jails_there_is_a_warning)
{
    house = house_new();
    house_configure_all(house, "[server]\n"
                               "listen = 127.0.0.1:%PORT%\n"
                               "jail = off\n"
                               "[control]\n"
                               "socket = %DIR%/control.sock\n"
                               "[store]\n"
                               "path = %DIR%/state/assentd.db\n");
    house_start(house);
    house_await_log(house, "level=warning role=supervisor msg=\"roles are in no jails");
    for (int role = 0; role < ROLES; role++) {
        expect_status(house_role(house, titles[role]), "\nSeccomp:\t0\n");
    }
    house_free(house);
}
END_TEST

/* What each process of the daemon has in its memory, secrets too, is not for hooks. */
START_TEST(a_hook_can_not_look_into_the_daemon)
{
    char *pids = NULL;

    if (landlock_version() < 2) {
        return;
    }
    house = house_new();
    house_configure(house,
                    "[action note]\n"
                    "on_granted = spy\n"
                    "[hook spy]\n"
                    "shell =\n"
                    "    for pid in $(cat %DIR%/pids); do\n"
                    "        true 2>>%DIR%/refused </proc/$pid/mem && echo $pid >>%DIR%/opened\n"
                    "    done\n"
                    "    true </proc/self/mem && echo self >>%DIR%/own\n"
                    "    true\n");
    house_start(house);
    ck_assert_int_ge(asprintf(&pids, "%d %d %d", (int)house_pid(house),
                              (int)house_role(house, "assentd: core"),
                              (int)house_role(house, "assentd: caller")),
                     0);
    house_write(house, "pids", pids);
    expect_work("req_1");
    ck_assert_int_eq(house_count_lines(house, "opened"), 0);
    ck_assert_int_eq(house_count_lines(house, "refused"), 3);
    ck_assert_int_eq(house_count_lines(house, "own"), 1);
    free(pids);
    house_free(house);
}
END_TEST

START_TEST(hooks_do_their_work_in_what_they_inherit)
{
    house = house_new();
    house_configure(house, "[action note]\n"
                           "on_granted = work\n"
                           "[hook work]\n"
                           "shell =\n"
                           "    set -e\n"
                           "    mkdir %DIR%/a %DIR%/b && echo hello >%DIR%/a/file\n"
                           "    mv %DIR%/a/file %DIR%/b/file && ln %DIR%/b/file %DIR%/a/linked\n"
                           "    (sleep 0.01 & wait) | cat\n"
                           "    kill -0 $$ && ! mount -t tmpfs none %DIR%/a\n"
                           "    cat %DIR%/a/linked >%DIR%/said\n");
    house_start(house);
    expect_work("req_1");
    ck_assert_int_eq(house_count_lines(house, "said"), 1);
    house_free(house);
}
END_TEST

/* --- the caller and the files by which names are looked up ------------------------------------ */

/* In the process that is about to become assentd: another /etc, for it alone. */
static void change_etc(void *userdata)
{
    if (unshare(CLONE_NEWNS) < 0 || mount("none", "/", "none", MS_REC | MS_PRIVATE, NULL) < 0 ||
        mount(userdata, "/etc", "none", MS_BIND, NULL) < 0) {
        _exit(127);
    }
}

static void write_hosts(const char *name)
{
    char *text = house_format(house, "127.0.0.1 %s\n", name);
    char *from = house_file(house, "etc/hosts.new");
    char *to = house_file(house, "etc/hosts");

    house_write(house, "etc/hosts.new", text);
    ck_assert_int_eq(chmod(from, 0644), 0);
    ck_assert_int_eq(rename(from, to), 0);
    free(to);
    free(from);
    free(text);
}

static void expect_call(const char *id, const char *action)
{
    house_register_as(house, id, action);
    house_approve(house, id);
    house_await_jobs(house, id, 1, "succeeded");
}

static void configure_calls(int port)
{
    char *sections = house_format(house,
                                  "[action first]\non_granted = first\n"
                                  "[action second]\non_granted = second\n"
                                  "[hook first]\nhttp = GET http://first.test:%d/\n"
                                  "[hook second]\nhttp = GET http://second.test:%d/\n",
                                  port, port);

    house_configure(house, sections);
    free(sections);
}

START_TEST(names_are_found_after_their_file_was_replaced)
{
    struct http_server *server = http_server_start();
    char *etc;
    pid_t caller;

    house = house_new();
    etc = house_file(house, "etc");
    ck_assert_int_eq(mkdir(etc, 0755), 0);
    house_write(house, "etc/nsswitch.conf", "hosts: files\n");
    write_hosts("first.test");
    configure_calls(http_server_port(server));
    house_prepare(house, change_etc, etc);
    house_start(house);
    caller = house_role(house, "assentd: caller");
    expect_call("req_1", "first");
    write_hosts("second.test");
    if (landlock_version() > 0) {
        (void)house_next_role(house, "assentd: caller", caller);
    }
    expect_call("req_2", "second");
    house_free(house);
    free(etc);
    http_server_stop(server);
}
END_TEST

static TCase *add_case(Suite *suite, const char *name, bool with_house)
{
    TCase *tcase = tcase_create(name);

    tcase_set_timeout(tcase, 120);
    if (with_house) {
        tcase_add_checked_fixture(tcase, set_up, tear_down);
    }
    suite_add_tcase(suite, tcase);
    return tcase;
}

static void add_attempts(Suite *suite)
{
    TCase *alive = add_case(suite, "alive", true);
    TCase *ended = add_case(suite, "ended", true);

    tcase_add_loop_test(alive, a_role_is_refused_what_it_may_not_and_goes_on, 0, ROLES);
    tcase_add_test(alive, the_threads_that_talk_to_clients_are_in_the_gates_jail);
    tcase_add_test(alive, the_thread_that_syncs_the_store_is_in_cores_jail);
    tcase_add_loop_test(ended, a_role_that_shows_it_was_taken_over_is_ended_and_replaced, 0,
                        count_ends());
}

static void add_jailed(Suite *suite)
{
    TCase *jailed = add_case(suite, "jailed", true);
    TCase *inherited = add_case(suite, "inherited", false);

    tcase_add_test(jailed, every_role_is_in_a_jail);
    tcase_add_test(jailed, roles_that_hear_others_have_no_capabilities);
    tcase_add_test(inherited, a_hook_can_not_look_into_the_daemon);
    tcase_add_test(inherited, hooks_do_their_work_in_what_they_inherit);
    if (geteuid() == 0) {
        tcase_add_test(inherited, names_are_found_after_their_file_was_replaced);
    }
}

int main(void)
{
    Suite *suite = suite_create("jail");

    tcase_add_test(add_case(suite, "off", false), without_jails_there_is_a_warning);
    if (!jail_possible()) {
        (void)fprintf(stderr, "skipped: what needs a daemon that can be in its jails\n");
    } else {
        add_jailed(suite);
        if (injection_possible()) {
            add_attempts(suite);
        }
    }
    return suite_run(suite);
}
