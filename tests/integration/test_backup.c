/*
 * A backup is taken while everything goes on, and a daemon is started from it.
 */
#include <check.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "assent/core/database.h"
#include "integration/ctl_rig.h"
#include "support/http_server.h"
#include "support/suite.h"

#define MIB (1 << 20)

static struct house *house;
static char *file; /* where the backup goes, in a directory of its own */

static const char sections[] = "[agent]\n"
                               "socket = %DIR%/agent.sock\n"
                               "[action *]\n"
                               "on_granted = note\n"
                               "[action long]\n"
                               "on_granted = long\n"
                               "[hook note]\n"
                               "shell = echo \"$ASSENT_REQUEST_ID\" >>%DIR%/notes\n"
                               "[hook long]\n"
                               "shell = echo $$ >>%DIR%/long; while :; do sleep 0.05; done\n"
                               "kill_after = 1s\n";

static void begin(void)
{
    char *directory;

    house = house_new();
    house_configure(house, sections);
    house_start(house);
    directory = house_file(house, "out");
    ck_assert_int_eq(mkdir(directory, 0755), 0);
    free(directory);
    file = house_file(house, "out/backup");
    said = (struct said){0};
}

static void end(void)
{
    said_clear(&said);
    free(file);
    house_free(house);
}

/* --- helpers ---------------------------------------------------------------------------------- */

/* More than all buffers between core and a client that does not read can hold. */
static void fill_store(const char *series)
{
    char *context = malloc(MIB + 1);

    ck_assert_ptr_nonnull(context);
    memset(context, 'x', MIB);
    context[MIB] = '\0';
    for (int i = 0; i < 8; i++) {
        char *body = house_format(
            house, "{\"requestId\":\"%s_%d\",\"action\":\"x\",\"context\":{\"x\":\"%s\"}}", series,
            i, context);

        house_register(house, body);
        free(body);
    }
    free(context);
}

/* How many there are beside the backup, or in its place. */
static int files_there(void)
{
    char *path = house_file(house, "out");
    DIR *directory = opendir(path);
    const struct dirent *entry;
    int count = 0;

    ck_assert_ptr_nonnull(directory);
    while ((entry = readdir(directory))) {
        count += entry->d_name[0] != '.';
    }
    (void)closedir(directory);
    free(path);
    return count;
}

static void copy_file(const char *from, const char *to)
{
    char piece[65536];
    int in = open(from, O_RDONLY | O_CLOEXEC);
    int out = open(to, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    ssize_t length;

    ck_assert_msg(in >= 0 && out >= 0, "%s or %s: %s", from, to, strerror(errno));
    while ((length = read(in, piece, sizeof piece)) > 0) {
        ck_assert_int_eq(write(out, piece, (size_t)length), length);
    }
    (void)close(in);
    (void)close(out);
}

/* In a file of its own: looking changes it. */
static void assert_sound(const char *backup)
{
    static const struct database_query check = {"check", "PRAGMA integrity_check"};
    char *path = house_file(house, "looked-at");
    struct database *database = NULL;
    struct database_statement *statement;
    struct problem problem = {""};

    copy_file(backup, path);
    ck_assert_msg(database_open(path, &database, &problem) == 0, "%s", problem.text);
    statement = database_query(database, &check);
    ck_assert_int_eq(database_step(statement), 1);
    ck_assert_str_eq(database_text(statement), "ok");
    database_end(statement);
    database_free(database);
    (void)unlink(path);
    free(path);
}

/* A daemon in a directory of its own, configured alike, whose store is the backup. */
static struct house *house_of_backup(void)
{
    struct house *second = house_new();
    char *directory = house_file(second, "state");
    char *store = house_file(second, "state/assentd.db");

    house_configure(second, sections);
    ck_assert_int_eq(mkdir(directory, 0700), 0);
    copy_file(file, store);
    free(directory);
    free(store);
    return second;
}

static void assert_paused_by_restore(const struct house *restored)
{
    json_t *result = house_get(restored, "/readyz");

    ck_assert_str_eq(text_at(result, "/paused/0/by"), "restore");
    json_decref(result);
}

static void resume(const struct house *restored)
{
    json_decref(answer_take(house_control(restored, "POST", "/v1/resume", NULL), 200));
}

/* --- a client that reads as it likes ---------------------------------------------------------- */

static int ask_for_backup(void)
{
    static const char request[] = "GET /v1/backup HTTP/1.1\r\nHost: x\r\n\r\n";
    const struct timeval patience = {.tv_sec = HOUSE_PATIENCE_MS / 1000};
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

    (void)snprintf(address.sun_path, sizeof address.sun_path, "%s", house_socket(house));
    (void)setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    ck_assert_int_eq(connect(fd, (struct sockaddr *)&address, sizeof address), 0);
    ck_assert_int_eq(send(fd, request, strlen(request), MSG_NOSIGNAL), (ssize_t)strlen(request));
    return fd;
}

/* Reads the head of the answer, byte by byte, and gives the length that it announces. */
static long read_head(int fd)
{
    char head[1024] = "";
    size_t length = 0;
    const char *announced;

    while (length < sizeof head - 1 && !strstr(head, "\r\n\r\n")) {
        ck_assert_int_eq(recv(fd, head + length++, 1, 0), 1);
    }
    ck_assert_msg(strncmp(head, "HTTP/1.1 200 ", 13) == 0, "%s", head);
    announced = strstr(head, "\r\nContent-Length: ");
    ck_assert_msg(announced != NULL, "%s", head);
    return strtol(announced + strlen("\r\nContent-Length: "), NULL, 10);
}

/* A backup that has begun, and whose client does not read on. */
static int begin_backup(long *ret_length)
{
    int fd = ask_for_backup();

    *ret_length = read_head(fd);
    ck_assert_int_gt(*ret_length, 8 * MIB);
    return fd;
}

/* Reads what there still is. */
static long read_to_end(int fd)
{
    static char piece[65536];
    long all = 0;
    ssize_t length;

    while ((length = recv(fd, piece, sizeof piece, 0)) > 0) {
        all += length;
    }
    ck_assert_msg(length == 0 || errno == ECONNRESET, "%s", strerror(errno));
    (void)close(fd);
    return all;
}

/* --- a backup and a daemon of it -------------------------------------------------------------- */

/* Registers and approves t_0, t_1, ..., and writes down which, when it is told that it is so. */
static pid_t start_traffic(void)
{
    pid_t pid = fork();

    ck_assert_int_ge(pid, 0);
    if (pid > 0) {
        return pid;
    }
    (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
    char *acknowledged = house_file(house, "acknowledged");
    FILE *out = fopen(acknowledged, "we");

    ck_assert_ptr_nonnull(out);
    for (int i = 0;; i++) {
        char id[32];

        (void)snprintf(id, sizeof id, "t_%d", i);
        house_register_as(house, id, "x");
        house_approve(house, id);
        (void)fprintf(out, "%s\n", id);
        (void)fflush(out);
    }
}

static void stop_traffic(pid_t pid)
{
    ck_assert_int_eq(kill(pid, SIGKILL), 0);
    ck_assert_int_eq(waitpid(pid, NULL, 0), pid);
}

static bool has_line(const char *text, const char *line)
{
    char *with_end = NULL;
    bool found;

    ck_assert_int_ge(asprintf(&with_end, "\n%s\n", line), 0);
    found = strncmp(text, with_end + 1, strlen(with_end + 1)) == 0 || strstr(text, with_end);
    free(with_end);
    return found;
}

/* The page may have fewer than there are; then the rest is not looked at. */
static json_t *jobs_in(const struct house *restored, const char *state)
{
    char path[64];

    (void)snprintf(path, sizeof path, "/v1/jobs?limit=500&state=%s", state);
    return house_get(restored, path);
}

static size_t count_jobs(const struct house *restored, const char *state)
{
    json_t *result = jobs_in(restored, state);
    size_t count = json_array_size(json_object_get(result, "jobs"));

    json_decref(result);
    return count;
}

static void await_no_jobs(const struct house *restored, const char *state)
{
    int64_t deadline = house_now_ms() + HOUSE_PATIENCE_MS;

    while (count_jobs(restored, state) > 0) {
        ck_assert_msg(house_now_ms() < deadline, "there are always some that are %s", state);
        (void)usleep(10000);
    }
}

/* None of what had succeeded in the backup is noted by its daemon, and nothing twice. */
static void assert_nothing_ran_again(const struct house *restored, const json_t *succeeded)
{
    char *notes = house_read(restored, "notes");
    size_t i;
    json_t *job;

    json_array_foreach(json_object_get(succeeded, "jobs"), i, job) {
        const char *id = text_at(job, "/requestId");

        ck_assert_msg(!has_line(notes, id), "%s was run again", id);
    }
    for (char *line = notes; *line; line = strchr(line, '\n') + 1) {
        char *rest = strchr(line, '\n') + 1;
        char id[32] = "";

        (void)sscanf(line, "%31s", id);
        ck_assert_msg(!has_line(rest, id), "%s was run twice", id);
    }
    free(notes);
}

START_TEST(a_daemon_of_it_has_all_that_was_answered_before_and_runs_nothing_again)
{
    struct house *restored;
    json_t *succeeded;
    pid_t traffic;
    int before;

    fill_store("large");
    house_register_as(house, "open", "x");
    house_register_as(house, "running", "long");
    house_approve(house, "running");
    (void)house_pid_in(house, "long");
    traffic = start_traffic();
    house_await_lines(house, "acknowledged", 20);
    before = house_count_lines(house, "acknowledged");
    CTL("backup", file);
    assert_exit(0);
    house_await_lines(house, "acknowledged", house_count_lines(house, "acknowledged") + 5);
    stop_traffic(traffic);
    ck_assert_int_eq(house_stop(house), 0);
    assert_sound(file);

    restored = house_of_backup();
    house_start(restored);
    house_await_log(restored, "this store is a backup");
    assert_paused_by_restore(restored);
    for (int i = 0; i < before; i++) {
        char id[32];

        (void)snprintf(id, sizeof id, "t_%d", i);
        house_await_status(restored, id, "approved");
    }
    house_await_status(restored, "open", "pending");
    house_await_jobs(restored, "running", 1, "interrupted");
    succeeded = jobs_in(restored, "succeeded");
    ck_assert_int_eq(house_count_lines(restored, "notes"), 0);
    house_decide_as(restored, "t_0", "approved", "duplicate");
    house_approve(restored, "open");
    house_await_jobs(restored, "open", 1, "queued");

    resume(restored);
    house_await_jobs(restored, "open", 1, "succeeded");
    await_no_jobs(restored, "queued");
    await_no_jobs(restored, "running");
    assert_nothing_ran_again(restored, succeeded);
    house_await_jobs(restored, "running", 1, "interrupted");
    ck_assert_int_eq(house_count_lines(restored, "long"), 0);
    json_decref(succeeded);
    house_free(restored);
}
END_TEST

START_TEST(it_is_noted_who_took_it)
{
    json_t *result;
    char *by = house_format(house, "uid:%u", (unsigned)getuid());

    CTL("backup", file);
    assert_exit(0);
    result = house_get(house, "/v1/events");
    ck_assert_str_eq(text_at(result, "/events/0/kind"), "store.backup");
    ck_assert_str_eq(text_at(result, "/events/0/details/by"), by);
    house_await_log(house, "the backup was sent");
    json_decref(result);
    free(by);
}
END_TEST

/* Else core would see its supervisor end, and leave nothing in the log. */
static void kill_before_core_can_close(struct house *killed)
{
    ck_assert_int_eq(kill(house_pid(killed), SIGSTOP), 0);
    (void)house_kill_role(killed, "assentd: core");
    house_kill(killed);
}

/* The log of the one that was killed lies there, as the operator has forgotten it. */
START_TEST(in_the_place_of_one_that_was_killed_it_needs_its_log_moved_away)
{
    char *store = house_file(house, "state/assentd.db");
    char *log = house_file(house, "state/assentd.db-wal");

    house_register_as(house, "before", "x");
    CTL("backup", file);
    assert_exit(0);
    house_register_as(house, "after", "x");
    kill_before_core_can_close(house);
    copy_file(file, store);
    ck_assert(!house_try_start(house));
    ck_assert_int_eq(house_wait(house), 78);
    house_await_log(house, "the log of another database lies beside it");
    ck_assert_int_eq(unlink(log), 0);
    house_start(house);
    assert_paused_by_restore(house);
    house_await_status(house, "before", "pending");
    answer_expect_error(house_control(house, "GET", "/v1/requests/after", NULL), 404, "not_found",
                        NULL);
    free(store);
    free(log);
}
END_TEST

/* --- the file --------------------------------------------------------------------------------- */

START_TEST(it_is_for_its_owner_alone_and_nothing_lies_beside_it)
{
    struct stat status;

    CTL("backup", file);
    assert_exit(0);
    assert_says("all of the store");
    ck_assert_int_eq(stat(file, &status), 0);
    ck_assert_int_eq(status.st_mode & 07777, 0600);
    ck_assert_int_eq(files_there(), 1);
    CTL("backup", "--json", "--force", file);
    assert_exit(0);
    assert_says("\"bytes\":");
}
END_TEST

START_TEST(one_that_is_there_is_left_as_it_is_unless_it_is_said)
{
    struct stat status;

    house_write(house, "out/backup", "dear diary");
    CTL("backup", file);
    assert_exit(74);
    assert_complains("is there already; --force replaces it");
    ck_assert_int_eq(stat(file, &status), 0);
    ck_assert_int_eq(status.st_size, 10);
    ck_assert_int_eq(files_there(), 1);
    CTL("backup", "--force", file);
    assert_exit(0);
    assert_sound(file);
    ck_assert_int_eq(files_there(), 1);
}
END_TEST

START_TEST(what_is_no_file_is_not_replaced)
{
    CTL("backup", "--force", house_directory(house));
    assert_exit(74);
    assert_complains("is no regular file");
    CTL("backup", "--force", "/dev/null");
    assert_exit(74);
    CTL("backup", "/nowhere/at/all");
    assert_exit(74);
    assert_complains("No such file or directory");
}
END_TEST

START_TEST(it_goes_to_standard_output_but_to_no_terminal)
{
    CTL("backup", "-");
    assert_exit(0);
    assert_says("SQLite format 3");
    said_clear(&said);
    said = ctl_on_terminal(house, NULL, "backup", "-", NULL);
    assert_exit(64);
    ck_assert_ptr_null(strstr(said.out, "SQLite format 3"));
}
END_TEST

START_TEST(where_the_disk_has_no_room_nothing_is_begun)
{
    char *directory = house_file(house, "out");

    if (unshare(CLONE_NEWNS) < 0 || mount("none", "/", "none", MS_REC | MS_PRIVATE, NULL) < 0 ||
        mount("tmpfs", directory, "tmpfs", 0, "size=64k") < 0) {
        (void)printf("no file system can be mounted: skipped\n");
        free(directory);
        return;
    }
    CTL("backup", file);
    assert_exit(74);
    assert_complains("its disk has 64 KiB free; expected at least");
    ck_assert_int_eq(files_there(), 0);
    ck_assert_int_eq(umount(directory), 0);
    free(directory);
}
END_TEST

START_TEST(one_that_is_cut_off_is_no_file)
{
    struct http_server *server = http_server_start();
    char *url = house_format(house, "http://127.0.0.1:%d", http_server_port(server));

    http_server_script(server, &(struct http_server_script){.path = "/v1/backup",
                                                            .manner = HTTP_SERVER_CUTS_BODY,
                                                            .body = "SQLite format 3"});
    CTL("--url", url, "backup", file);
    assert_exit(5);
    assert_complains("its answer was cut off");
    ck_assert_int_eq(files_there(), 0);
    CTL("--url", url, "backup", "-");
    assert_exit(5);
    http_server_stop(server);
    free(url);
}
END_TEST

/* --- who may, and how many -------------------------------------------------------------------- */

START_TEST(agents_may_not)
{
    char *socket = house_file(house, "agent.sock");

    CTL("--socket", socket, "backup", file);
    assert_exit(1);
    assert_complains("agents may not GET /v1/backup: only operators may");
    ck_assert_int_eq(files_there(), 0);
    answer_expect_error(house_call(socket, "GET", "http://localhost/v1/backup", NULL, NULL), 403,
                        "forbidden", NULL);
    answer_expect_error(house_public(house, "GET", "/v1/backup", NULL, NULL), 404, "not_found",
                        NULL);
    free(socket);
}
END_TEST

START_TEST(there_is_one_at_a_time_and_one_whose_client_has_left_is_over)
{
    int64_t deadline = house_now_ms() + HOUSE_PATIENCE_MS;
    struct answer answer;
    long length;
    int fd;

    fill_store("large");
    fd = begin_backup(&length);
    answer = house_control(house, "GET", "/v1/backup", NULL);
    ck_assert_ptr_nonnull(strstr(answer.headers, "\nRetry-After: "));
    answer_expect_error(answer, 503, "unavailable", "another backup is being taken");
    CTL("backup", file);
    assert_exit(1);
    assert_complains("another backup is being taken");
    house_register_as(house, "meanwhile", "x");
    house_approve(house, "meanwhile");
    house_await_jobs(house, "meanwhile", 1, "succeeded");

    (void)close(fd);
    house_await_log(house, "the backup was cut off");
    do {
        CTL("backup", "--force", file);
        ck_assert_msg(said.exit == 0 || house_now_ms() < deadline, "%s", said.err);
    } while (said.exit != 0);
    assert_sound(file);
}
END_TEST

/* The rest of it, into the file. */
static void read_rest(int fd, long length)
{
    static char piece[65536];
    int out = open(file, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    long all = 0;
    ssize_t read_now;

    while ((read_now = recv(fd, piece, sizeof piece, 0)) > 0) {
        ck_assert_int_eq(write(out, piece, (size_t)read_now), read_now);
        all += read_now;
    }
    ck_assert_int_eq(all, length);
    (void)close(out);
    (void)close(fd);
}

#define LATE 300

/* What stands behind all that the client has taken is changed, and its file is written, while it does
 * not read: more than 8 MiB in the log make it so. */
START_TEST(one_that_is_read_late_is_as_it_was_when_it_began)
{
    struct house *restored;
    char id[32];
    long length;
    int fd;

    fill_store("before");
    for (int i = 0; i < LATE; i++) {
        (void)snprintf(id, sizeof id, "late_%d", i);
        house_register_as(house, id, "unknown");
    }
    fd = begin_backup(&length);
    for (int i = 0; i < LATE; i++) {
        (void)snprintf(id, sizeof id, "late_%d", i);
        house_decide_as(house, id, "denied", "matched");
    }
    fill_store("after");
    fill_store("again");
    read_rest(fd, length);
    house_await_log(house, "the backup was sent");
    ck_assert_int_eq(house_stop(house), 0);
    assert_sound(file);

    restored = house_of_backup();
    house_start(restored);
    for (int i = 0; i < LATE; i++) {
        (void)snprintf(id, sizeof id, "late_%d", i);
        house_await_status(restored, id, "pending");
    }
    answer_expect_error(house_control(restored, "GET", "/v1/requests/after_0", NULL), 404,
                        "not_found", NULL);
    house_free(restored);
}
END_TEST

START_TEST(where_core_dies_it_is_cut_off)
{
    long length;
    int fd;

    fill_store("large");
    fd = begin_backup(&length);
    (void)house_kill_role(house, "assentd: core");
    ck_assert_int_lt(read_to_end(fd), length);
    house_await_ready(house);
    CTL("backup", file);
    assert_exit(0);
    assert_sound(file);
}
END_TEST

START_TEST(where_the_gate_dies_it_is_over)
{
    long length;
    int fd;

    fill_store("large");
    fd = begin_backup(&length);
    (void)house_kill_role(house, "assentd: gate control");
    ck_assert_int_lt(read_to_end(fd), length);
    house_await_log(house, "the backup was cut off");
    house_await_ready(house);
    CTL("backup", file);
    assert_exit(0);
}
END_TEST

START_TEST(a_stop_cuts_it_off_and_does_not_wait_for_it)
{
    long length;
    int fd;

    fill_store("large");
    fd = begin_backup(&length);
    ck_assert_int_eq(house_stop(house), 0);
    ck_assert_int_lt(read_to_end(fd), length);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("backup");
    TCase *restore = house_scenarios(suite, "restore", begin, end);
    TCase *files = house_scenarios(suite, "file", begin, end);
    TCase *ends = house_scenarios(suite, "ends", begin, end);

    tcase_add_test(restore, a_daemon_of_it_has_all_that_was_answered_before_and_runs_nothing_again);
    tcase_add_test(restore, it_is_noted_who_took_it);
    tcase_add_test(restore, in_the_place_of_one_that_was_killed_it_needs_its_log_moved_away);
    tcase_add_test(files, it_is_for_its_owner_alone_and_nothing_lies_beside_it);
    tcase_add_test(files, one_that_is_there_is_left_as_it_is_unless_it_is_said);
    tcase_add_test(files, what_is_no_file_is_not_replaced);
    tcase_add_test(files, it_goes_to_standard_output_but_to_no_terminal);
    tcase_add_test(files, where_the_disk_has_no_room_nothing_is_begun);
    tcase_add_test(files, one_that_is_cut_off_is_no_file);
    tcase_add_test(ends, agents_may_not);
    tcase_add_test(ends, there_is_one_at_a_time_and_one_whose_client_has_left_is_over);
    tcase_add_test(ends, one_that_is_read_late_is_as_it_was_when_it_began);
    tcase_add_test(ends, where_core_dies_it_is_cut_off);
    tcase_add_test(ends, where_the_gate_dies_it_is_over);
    tcase_add_test(ends, a_stop_cuts_it_off_and_does_not_wait_for_it);
    return suite_run(suite);
}
