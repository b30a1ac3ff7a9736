/*
 * How assentd lives: its processes, what happens when one of them dies, how it stops, what is left
 * of it when it is killed, and who may use its store.
 */
#include <check.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "integration/harness.h"
#include "support/http_server.h"

#define ROLES 5

static const char *const titles[ROLES] = {
    "assentd: gate public", "assentd: gate control", "assentd: core",
    "assentd: runner",      "assentd: caller",
};

static struct house *house;
static struct http_server *server;

static const char note[] = "[action note]\n"
                           "on_granted = note\n"
                           "[hook note]\n"
                           "shell = echo \"$ASSENT_REQUEST_ID\" >>%DIR%/notes\n";

static void start(const char *sections)
{
    char *all = NULL;

    ck_assert_int_ge(asprintf(&all, "%s%s", note, sections), 0);
    house_configure(house, all);
    house_start(house);
    free(all);
}

static void set_up(void)
{
    house = house_new();
}

static void tear_down(void)
{
    house_free(house);
    http_server_stop(server);
    server = NULL;
}

static void register_as(const char *id, const char *action)
{
    char *body = house_format(house, "{\"requestId\":\"%s\",\"action\":\"%s\"}", id, action);

    house_register(house, body);
    free(body);
}

static char *approval_of(const char *id)
{
    return house_format(house, "{\"requestId\":\"%s\",\"status\":\"approved\"}", id);
}

static void approve(const char *id)
{
    char *body = approval_of(id);

    house_decide(house, body, "matched");
    free(body);
}

/* From the registration to the end of the hook. */
static void expect_to_work(const char *id)
{
    int before = house_count_lines(house, "notes");

    register_as(id, "note");
    approve(id);
    house_await_jobs(house, id, 1, "succeeded");
    ck_assert_int_eq(house_count_lines(house, "notes"), before + 1);
}

static pid_t pid_in(const char *name)
{
    char *text;
    pid_t pid;

    house_await_lines(house, name, 1);
    text = house_read(house, name);
    pid = (pid_t)strtol(text, NULL, 10);
    ck_assert_int_gt(pid, 1);
    free(text);
    return pid;
}

/* --- the processes ---------------------------------------------------------------------------- */

START_TEST(each_process_says_in_ps_what_it_is)
{
    struct process_tree all;

    start("");
    all = house_processes(house);
    ck_assert_uint_eq(all.count, 1 + ROLES);
    for (int i = 0; i < ROLES; i++) {
        char *line = process_read(house_role(house, titles[i]), "cmdline");
        char *expected = house_format(house, "%s\n", titles[i]);

        /* Under a wrapper something stands before it. */
        ck_assert(getenv("ASSENT_TEST_WRAPPER") || strcmp(line, expected) == 0);
        free(expected);
        free(line);
    }
    process_tree_free(&all);
}
END_TEST

START_TEST(a_role_that_dies_is_replaced)
{
    pid_t old;

    start("");
    expect_to_work("before");
    old = house_kill_role(house, titles[_i]);
    ck_assert_int_ne(house_next_role(house, titles[_i], old), old);
    house_await_ready(house);
    house_await_health(house, 200);
    expect_to_work("after");
    house_await_log(house, "a role ended and is started again");
}
END_TEST

START_TEST(all_roles_may_die_at_once)
{
    pid_t old[ROLES];

    start("");
    register_as("req_1", "note");
    for (int i = 0; i < ROLES; i++) {
        old[i] = house_role(house, titles[i]);
    }
    for (int i = 0; i < ROLES; i++) {
        (void)kill(old[i], SIGKILL);
    }
    for (int i = 0; i < ROLES; i++) {
        (void)house_next_role(house, titles[i], old[i]);
    }
    house_await_ready(house);
    house_await_health(house, 200);
    approve("req_1");
    house_await_jobs(house, "req_1", 1, "succeeded");
}
END_TEST

START_TEST(only_the_supervisor_listens_to_signals)
{
    static const int signals[] = {SIGTERM, SIGINT, SIGHUP};

    start("");
    for (int i = 0; i < ROLES; i++) {
        for (size_t j = 0; j < sizeof signals / sizeof signals[0]; j++) {
            (void)kill(house_role(house, titles[i]), signals[j]);
        }
    }
    expect_to_work("req_1");
    {
        char *log = house_log(house);

        ck_assert_ptr_null(strstr(log, "started again"));
        free(log);
    }
}
END_TEST

/* Kills it as soon as it is there, and returns how long it took to come again. */
static int64_t time_to_next(const char *title, pid_t *pid)
{
    pid_t old = *pid;
    int64_t begin;

    (void)kill(old, SIGKILL);
    begin = house_now_ms();
    *pid = house_next_role(house, title, old);
    return house_now_ms() - begin;
}

START_TEST(a_role_that_dies_at_once_again_and_again_is_given_time)
{
    pid_t pid;
    int64_t pause = 0;

    start("");
    pid = house_role(house, "assentd: runner");
    for (int i = 0; i < 5; i++) {
        pause = time_to_next("assentd: runner", &pid);
    }
    ck_assert_int_ge(pause, 750);
    house_await_ready(house);
    expect_to_work("req_1");
}
END_TEST

/* Makes core stay away for some time, by having died several times. */
static void send_core_away(void)
{
    pid_t pid = house_role(house, "assentd: core");

    for (int i = 0; i < 4; i++) {
        (void)time_to_next("assentd: core", &pid);
    }
    (void)kill(pid, SIGKILL);
    process_await_end(pid);
}

static void expect_to_be_put_off(struct answer answer)
{
    ck_assert_msg(strstr(answer.headers, "\nRetry-After: ") != NULL, "%d %s", answer.status,
                  answer.headers);
    answer_expect_error(answer, 503, "unavailable", NULL);
}

START_TEST(while_core_is_away_everyone_is_asked_to_come_again)
{
    char *approval = approval_of("req_1");

    start("");
    register_as("req_1", "note");
    send_core_away();
    expect_to_be_put_off(house_webhook(house, approval));
    expect_to_be_put_off(house_control(house, "GET", "/v1/approvals/req_1", NULL));
    expect_to_be_put_off(house_public(house, "GET", "/healthz", NULL, NULL));
    house_await_ready(house);
    house_decide(house, approval, "matched");
    house_await_jobs(house, "req_1", 1, "succeeded");
    free(approval);
}
END_TEST

/* --- stopping --------------------------------------------------------------------------------- */

static void stop_in_time(void)
{
    int64_t begin = house_now_ms();

    ck_assert_int_eq(house_stop(house), 0);
    ck_assert_int_lt(house_now_ms() - begin, 5000);
}

START_TEST(a_stop_takes_no_time_if_nothing_is_under_way)
{
    int64_t begin;

    start("");
    expect_to_work("req_1");
    begin = house_now_ms();
    ck_assert_int_eq(house_stop(house), 0);
    ck_assert_int_lt(house_now_ms() - begin, 3000);
    house_await_log(house, "msg=stopped");
    ck_assert_int_ne(access(house_socket(house), X_OK), 0);
}
END_TEST

START_TEST(requests_under_way_are_answered_before_the_end)
{
    struct exchange *exchanges[40];
    bool taken[40];

    start("");
    for (int i = 0; i < 40; i++) {
        char *body = house_format(house, "{\"requestId\":\"req_%d\",\"status\":\"approved\"}", i);

        exchanges[i] = house_begin_webhook(house, body);
        free(body);
    }
    ck_assert(exchange_answered(exchanges[0], HOUSE_PATIENCE_MS));
    stop_in_time();
    for (int i = 0; i < 40; i++) {
        struct answer answer = exchange_end(exchanges[i]);

        /* Whoever came too late knows. */
        ck_assert(answer.status == 200 || answer.status == 503 || answer.status == 0);
        taken[i] = answer.status == 200;
        answer_clear(&answer);
    }
    ck_assert(taken[0]);
    house_start(house);
    for (int i = 0; i < 40; i++) {
        char *body = house_format(house, "{\"requestId\":\"req_%d\",\"status\":\"approved\"}", i);

        if (taken[i]) {
            house_decide(house, body, "duplicate");
        }
        free(body);
    }
}
END_TEST

#define WORK              \
    "[action work]\n"     \
    "on_granted = work\n" \
    "[hook work]\n"       \
    "shell =\n"

START_TEST(a_program_is_asked_to_end_and_its_run_is_interrupted)
{
    start(WORK "  trap 'echo ended >>%DIR%/ends; exit 0' TERM\n"
               "  echo $$ >>%DIR%/pid\n"
               "  while :; do sleep 0.02; done\n");
    register_as("req_1", "work");
    approve("req_1");
    (void)pid_in("pid");
    stop_in_time();
    ck_assert_int_eq(house_count_lines(house, "ends"), 1);
    house_start(house);
    house_await_jobs(house, "req_1", 1, "interrupted");
    ck_assert_int_eq(house_count_lines(house, "pid"), 1);
}
END_TEST

START_TEST(a_program_that_does_not_listen_is_killed)
{
    start(WORK
          "  trap '' TERM\n"
          "  setsid sh -c 'trap \"\" TERM; echo $$ >%DIR%/child; while :; do sleep 1; done' &\n"
          "  echo $$ >>%DIR%/pid\n"
          "  while :; do sleep 1; done\n");
    register_as("req_1", "work");
    approve("req_1");
    (void)pid_in("pid");
    (void)pid_in("child");
    stop_in_time();
    ck_assert(!process_lives(pid_in("child")));
    house_start(house);
    house_await_jobs(house, "req_1", 1, "interrupted");
}
END_TEST

/* A server that answers every call in this manner. */
static void start_with_call(enum http_server_manner manner, int delay_ms)
{
    char *sections;

    server = http_server_start();
    http_server_script(
        server, &(struct http_server_script){.path = "/", .manner = manner, .delay_ms = delay_ms});
    sections = house_format(house,
                            "[action call]\non_granted = call\n"
                            "[hook call]\nhttp = POST http://127.0.0.1:%d/\n",
                            http_server_port(server));
    start(sections);
    free(sections);
    register_as("req_1", "call");
    approve("req_1");
    ck_assert_uint_eq(http_server_wait(server, 1), 1);
}

START_TEST(a_call_may_end_before_the_end)
{
    start_with_call(HTTP_SERVER_ANSWERS, 1000);
    stop_in_time();
    house_start(house);
    house_await_jobs(house, "req_1", 1, "succeeded");
    ck_assert_uint_eq(http_server_connections(server), 1);
}
END_TEST

START_TEST(a_call_without_an_answer_is_interrupted_at_the_end)
{
    start_with_call(HTTP_SERVER_NEVER_ANSWERS, 0);
    stop_in_time();
    house_start(house);
    house_await_jobs(house, "req_1", 1, "interrupted");
    ck_assert_uint_eq(http_server_connections(server), 1);
}
END_TEST

START_TEST(nothing_new_is_started_during_the_stop)
{
    start(WORK "  trap '' TERM\n"
               "  echo $$ >>%DIR%/pid\n"
               "  while :; do sleep 1; done\n");
    register_as("req_1", "work");
    register_as("req_2", "note");
    approve("req_1");
    (void)pid_in("pid");
    {
        char *approval = approval_of("req_2");
        struct answer answer;

        (void)kill(house_pid(house), SIGTERM);
        answer = house_webhook(house, approval);
        ck_assert_int_eq(house_wait(house), 0);
        house_start(house);
        if (answer.status == 200) {
            house_await_jobs(house, "req_2", 1, "succeeded");
        } else {
            house_await_status(house, "req_2", "pending");
        }
        answer_clear(&answer);
        free(approval);
    }
}
END_TEST

/* --- being killed ----------------------------------------------------------------------------- */

START_TEST(nothing_outlives_a_supervisor_that_is_killed)
{
    start(WORK
          "  trap '' TERM\n"
          "  setsid sh -c 'trap \"\" TERM; echo $$ >%DIR%/child; while :; do sleep 1; done' &\n"
          "  echo $$ >>%DIR%/pid\n"
          "  while :; do sleep 1; done\n");
    register_as("req_1", "work");
    register_as("req_2", "note");
    approve("req_1");
    (void)pid_in("child");
    (void)pid_in("pid");
    house_kill(house);
    ck_assert(!process_lives(pid_in("child")));
    house_start(house);
    house_await_jobs(house, "req_1", 1, "interrupted");
    approve("req_2");
    house_await_jobs(house, "req_2", 1, "succeeded");
}
END_TEST

START_TEST(one_that_starts_at_once_waits_for_what_is_left)
{
    start(WORK "  echo $$ >>%DIR%/pid\n"
               "  echo \"$ASSENT_ATTEMPT\" >>%DIR%/attempts\n"
               "  [ \"$ASSENT_ATTEMPT\" != 1 ] || sleep 60\n"
               "on_interrupt = retry\n");
    register_as("req_1", "work");
    approve("req_1");
    {
        pid_t program = pid_in("pid");

        (void)kill(house_pid(house), SIGKILL);
        (void)house_wait(house);
        house_start(house);
        ck_assert(!process_lives(program));
    }
    house_await_jobs(house, "req_1", 1, "succeeded");
    ck_assert_int_eq(house_count_lines(house, "attempts"), 2);
    expect_to_work("req_2");
}
END_TEST

/* Nobody of the old daemon is alive to end what its hook has started, not even its keeper. */
START_TEST(what_only_bears_the_mark_of_the_store_is_ended_too)
{
    struct process_tree processes;
    pid_t program;

    start(WORK "  echo $$ >>%DIR%/pid\n"
               "  exec sleep 60\n");
    register_as("req_1", "work");
    approve("req_1");
    program = pid_in("pid");
    processes = house_processes(house);
    for (size_t i = 0; i < processes.count; i++) {
        if (processes.items[i].pid != program) {
            (void)kill(processes.items[i].pid, SIGSTOP);
        }
    }
    for (size_t i = 0; i < processes.count; i++) {
        if (processes.items[i].pid != program) {
            (void)kill(processes.items[i].pid, SIGKILL);
        }
    }
    process_tree_free(&processes);
    (void)house_wait(house);
    ck_assert(process_lives(program));
    house_start(house);
    ck_assert(!process_lives(program));
    house_await_jobs(house, "req_1", 1, "interrupted");
}
END_TEST

/* --- the store -------------------------------------------------------------------------------- */

START_TEST(a_second_one_on_the_same_store_waits)
{
    struct house *second = house_new();
    struct answer answer;
    char *configuration;

    start("");
    configuration = house_format(second,
                                 "[server]\nlisten = 127.0.0.1:%%PORT%%\n%%JAIL%%"
                                 "[control]\nsocket = %%DIR%%/control.sock\n"
                                 "[store]\npath = %s/state/assentd.db\n"
                                 "[service daimon]\npath = /webhook/approval\nscheme = daimon\n"
                                 "secret_file = secret\n",
                                 house_directory(house));
    house_configure_all(second, configuration);
    house_begin_start(second);
    house_await_log(second, "waiting for another assentd on the same store to end");
    register_as("req_1", "note");
    answer = house_control(second, "GET", "/readyz", NULL);
    ck_assert_int_eq(answer.status, 0);
    answer_clear(&answer);
    ck_assert_int_eq(house_stop(house), 0);
    ck_assert(house_await_start(second));
    house_await_status(second, "req_1", "pending");
    house_free(second);
    free(configuration);
}
END_TEST

static void expect_refused_store(const char *bytes, size_t length, const char *told)
{
    char *directory = house_file(house, "state");
    char *path = house_file(house, "state/assentd.db");
    unsigned char after[256];
    int fd;

    house_configure(house, note);
    ck_assert_int_eq(mkdir(directory, 0700), 0);
    fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    ck_assert_int_eq(write(fd, bytes, length), (ssize_t)length);
    ck_assert(!house_try_start(house));
    ck_assert_int_eq(house_wait(house), 78);
    house_await_log(house, told);
    ck_assert_int_eq(pread(fd, after, sizeof after, 0), (ssize_t)length);
    ck_assert_mem_eq(after, bytes, length);
    (void)close(fd);
    free(directory);
    free(path);
}

START_TEST(the_database_of_another_program_is_left_alone)
{
    char header[200] = "SQLite format 3";

    header[16] = 0x10;
    header[71] = 7;
    expect_refused_store(header, sizeof header, "the database of another program");
}
END_TEST

START_TEST(what_is_no_database_is_left_alone)
{
    static const char diary[] = "Dear diary, this is no database at all.\n";

    expect_refused_store(diary, strlen(diary), "this is no database");
}
END_TEST

START_TEST(an_address_in_use_is_told)
{
    struct house *second = house_new();
    char *configuration;

    start("");
    configuration = house_format(second,
                                 "[server]\nlisten = 127.0.0.1:%d\n%%JAIL%%"
                                 "[control]\nsocket = %%DIR%%/control.sock\n"
                                 "[store]\npath = %%DIR%%/state/assentd.db\n",
                                 house_port(house));
    house_configure_all(second, configuration);
    ck_assert(!house_try_start(second));
    ck_assert_int_ne(house_wait(second), 0);
    house_await_log(second, "Address already in use");
    house_free(second);
    free(configuration);
}
END_TEST

/* --- a full disk ------------------------------------------------------------------------------ */

static char *disk;

/* The store on a file system of its own, of 8 MiB; false if that can't be had. */
static bool start_on_small_disk(const char *sections)
{
    disk = house_file(house, "state");
    ck_assert_int_eq(mkdir(disk, 0700), 0);
    /* Seen by this process and its children only, so that it can't stay behind. */
    if (unshare(CLONE_NEWNS) < 0 || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 ||
        mount("tmpfs", disk, "tmpfs", 0, "size=8m") < 0) {
        (void)printf("no file system can be mounted: skipped\n");
        free(disk);
        return false;
    }
    start(sections);
    return true;
}

/* Leaves so many bytes free. */
static void fill_disk(size_t left)
{
    char *path = house_file(house, "state/ballast");
    int fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    static const char zeros[4096];
    struct statvfs status;

    ck_assert_int_eq(statvfs(disk, &status), 0);
    while (status.f_bavail * status.f_bsize > left && write(fd, zeros, sizeof zeros) > 0) {
        ck_assert_int_eq(statvfs(disk, &status), 0);
    }
    (void)close(fd);
    free(path);
}

static void make_room(void)
{
    char *path = house_file(house, "state/ballast");

    ck_assert_int_eq(unlink(path), 0);
    free(path);
}

static void leave_small_disk(void)
{
    ck_assert_int_eq(house_stop(house), 0);
    ck_assert_int_eq(umount(disk), 0);
    free(disk);
}

START_TEST(with_little_room_new_work_is_put_off_and_old_work_goes_on)
{
    char *approval = approval_of("req_2");

    if (!start_on_small_disk(WORK "  echo $$ >>%DIR%/pid\n"
                                  "  until [ -e %DIR%/enough ]; do sleep 0.02; done\n")) {
        return;
    }
    register_as("req_1", "work");
    register_as("req_2", "note");
    approve("req_1");
    (void)pid_in("pid");
    fill_disk(512 << 10);
    house_await_health(house, 503);
    expect_to_be_put_off(house_webhook(house, approval));
    expect_to_be_put_off(house_control(house, "POST", "/v1/requests",
                                       "{\"requestId\":\"req_3\",\"action\":\"note\"}"));
    house_await_status(house, "req_2", "pending");
    house_write(house, "enough", "");
    house_await_jobs(house, "req_1", 1, "succeeded");
    make_room();
    house_await_health(house, 200);
    house_decide(house, approval, "matched");
    house_await_jobs(house, "req_2", 1, "succeeded");
    leave_small_disk();
    free(approval);
}
END_TEST

START_TEST(without_any_room_nothing_is_lost)
{
    char *approval = approval_of("req_2");

    if (!start_on_small_disk(WORK "  echo $$ >>%DIR%/pid\n"
                                  "  until [ -e %DIR%/enough ]; do sleep 0.02; done\n"
                                  "  head -c 60000 /dev/zero | tr '\\0' x\n")) {
        return;
    }
    register_as("req_1", "work");
    register_as("req_2", "note");
    approve("req_1");
    (void)pid_in("pid");
    fill_disk(0);
    house_await_health(house, 503);
    expect_to_be_put_off(house_webhook(house, approval));
    house_write(house, "enough", "");
    house_await_log(house, "ending, to start again from what is on disk");
    expect_to_be_put_off(house_webhook(house, approval));
    make_room();
    house_await_ready(house);
    house_await_jobs(house, "req_1", 1, "succeeded");
    ck_assert_int_eq(house_count_lines(house, "pid"), 1);
    house_decide(house, approval, "matched");
    house_await_jobs(house, "req_2", 1, "succeeded");
    leave_small_disk();
    free(approval);
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

static void add_dying(TCase *tests)
{
    tcase_add_test(tests, each_process_says_in_ps_what_it_is);
    tcase_add_loop_test(tests, a_role_that_dies_is_replaced, 0, ROLES);
    tcase_add_test(tests, all_roles_may_die_at_once);
    tcase_add_test(tests, only_the_supervisor_listens_to_signals);
    tcase_add_test(tests, a_role_that_dies_at_once_again_and_again_is_given_time);
    tcase_add_test(tests, while_core_is_away_everyone_is_asked_to_come_again);
}

static void add_stopping(TCase *tests)
{
    tcase_add_test(tests, a_stop_takes_no_time_if_nothing_is_under_way);
    tcase_add_test(tests, requests_under_way_are_answered_before_the_end);
    tcase_add_test(tests, a_program_is_asked_to_end_and_its_run_is_interrupted);
    tcase_add_test(tests, a_program_that_does_not_listen_is_killed);
    tcase_add_test(tests, a_call_may_end_before_the_end);
    tcase_add_test(tests, a_call_without_an_answer_is_interrupted_at_the_end);
    tcase_add_test(tests, nothing_new_is_started_during_the_stop);
}

static void add_store(TCase *tests)
{
    tcase_add_test(tests, a_second_one_on_the_same_store_waits);
    tcase_add_test(tests, the_database_of_another_program_is_left_alone);
    tcase_add_test(tests, what_is_no_database_is_left_alone);
    tcase_add_test(tests, an_address_in_use_is_told);
    tcase_add_test(tests, with_little_room_new_work_is_put_off_and_old_work_goes_on);
    tcase_add_test(tests, without_any_room_nothing_is_lost);
}

int main(void)
{
    Suite *suite = suite_create("lifecycle");
    TCase *killing;
    SRunner *runner;
    int failed;

    add_dying(scenarios(suite, "dying"));
    add_stopping(scenarios(suite, "stopping"));
    killing = scenarios(suite, "killing");
    tcase_add_test(killing, nothing_outlives_a_supervisor_that_is_killed);
    tcase_add_test(killing, one_that_starts_at_once_waits_for_what_is_left);
    tcase_add_test(killing, what_only_bears_the_mark_of_the_store_is_ended_too);
    add_store(scenarios(suite, "store"));
    runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
