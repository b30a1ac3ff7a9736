/*
 * What was committed stays: through kill -9, files that may not grow, and a disk that is full.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "assent/base/clock.h"
#include "store_fixture.h"

#define KILLS      40
#define PER_COMMIT 8

static char directory[] = "/tmp/assent-crash-XXXXXX";
static char path[64];

/* What a call says that fails. */
static int failure = EIO;

/* Writes to the log so far, and which of them fails; 0: none. SQLite's calls come here. */
static int log_writes;
static int failing_log_write;

static bool is_log(int fd)
{
    char name[80];
    struct stat log;
    struct stat status;
    (void)snprintf(name, sizeof name, "%s-wal", path);
    return stat(name, &log) == 0 && fstat(fd, &status) == 0 && log.st_dev == status.st_dev &&
           log.st_ino == status.st_ino;
}

ssize_t pwrite64(int fd, const void *bytes, size_t length, off64_t offset)
{
    if (is_log(fd) && ++log_writes == failing_log_write) {
        errno = failure;
        return -1;
    }
    return syscall(SYS_pwrite64, fd, bytes, length, offset);
}

/* What the disk gives to who looks into a file before SQLite does. */
static enum { LOOK_WHOLE, LOOK_FAILING, LOOK_SHORT } look;

ssize_t pread(int fd, void *ret_bytes, size_t length, off_t offset)
{
    if (look == LOOK_FAILING) {
        errno = EIO;
        return -1;
    }
    length = look == LOOK_SHORT ? length / 2 : length;
    return syscall(SYS_pread64, fd, ret_bytes, length, offset);
}

/* Syncs of files so far, and which of them fails; 0: none. SQLite's calls come here. */
static _Atomic int syncs;
static int failing_sync;
/* The syncs of commits are done by a thread, as in core. */
static bool apart;

int fdatasync(int fd)
{
    struct stat status;
    if (fstat(fd, &status) == 0 && S_ISREG(status.st_mode) && ++syncs == failing_sync) {
        errno = failure;
        return -1;
    }
    return (int)syscall(SYS_fdatasync, fd);
}

static void make_directory(void)
{
    memcpy(directory + sizeof directory - 7, "XXXXXX", 6);
    ck_assert_ptr_nonnull(mkdtemp(directory));
    (void)snprintf(path, sizeof path, "%s/assentd.db", directory);
}

static void remove_directory(void)
{
    char name[80];
    store_free(store);
    store = NULL;
    (void)snprintf(name, sizeof name, "%s-wal", path);
    (void)unlink(name);
    (void)unlink(path);
    ck_assert_int_eq(rmdir(directory), 0);
}

static int open_store(void)
{
    struct problem problem = {""};
    int r = store_open(path, &store, &problem);
    int fd = -1;
    if (r != 0) {
        (void)fprintf(stderr, "store_open: %s\n", problem.text);
    } else if (apart) {
        ck_assert_int_eq(store_sync_apart(store, &fd), 0);
    }
    return r;
}

/* PER_COMMIT requests, each asked, answered, and given a job. 0 or the first error. */
static int add_some(int64_t *ret_last)
{
    static char context[2000];
    int r = store_begin(store);
    memset(context, 'x', sizeof context - 1);
    for (int i = 0; i < PER_COMMIT && r == 0; i++) {
        char id[32];
        int64_t requests[REQUEST_STATE_COUNT];
        int64_t jobs[JOB_STATE_COUNT];
        if (store_count(store, requests, jobs) != 0) {
            return -EIO;
        }
        (void)snprintf(id, sizeof id, "req_%lld", (long long)requests[REQUEST_APPROVED] + 1);
        struct store_request request = fixture_request(id);
        r = store_request_add(store, &request, context, &request.number);
        struct store_delivery delivery = fixture_delivery("evt_1", id, request.number);
        if (r == 0) {
            r = store_delivery_add(store, &delivery);
        }
        request.state = REQUEST_APPROVED;
        request.final_at = FIXTURE_NOW;
        if (r == 0) {
            r = store_request_decide(store, &request);
        }
        struct store_job job = {.request = request.number, .hook = (char *)"tell-team"};
        int64_t number = 0;
        if (r == 0) {
            r = store_job_add(store, &job, &number);
        }
        *ret_last = request.number;
    }
    return r;
}

/* Returns once all is on disk, or the first error. */
static int commit(void)
{
    if (!apart) {
        return store_commit(store);
    }
    int r = store_begin_commit(store);
    return r == 0 ? store_await_sync(store) : r;
}

/* One transaction. 0 or the first error. */
static int commit_some(int64_t *ret_last)
{
    int r = add_some(ret_last);
    return r == 0 ? commit() : r;
}

/* Every request up to `acknowledged` is decided, knows its delivery, and has its job; what is
 * behind it came whole or not at all. */
static void assert_whole(int64_t acknowledged)
{
    int64_t requests[REQUEST_STATE_COUNT];
    int64_t jobs[JOB_STATE_COUNT];
    ck_assert_int_eq(store_begin(store), 0);
    ck_assert_int_eq(store_count(store, requests, jobs), 0);
    ck_assert_int_ge(requests[REQUEST_APPROVED], acknowledged);
    ck_assert_int_eq(requests[REQUEST_APPROVED] % PER_COMMIT, 0);
    ck_assert_int_eq(requests[REQUEST_PENDING], 0);
    ck_assert_int_eq(jobs[JOB_QUEUED], requests[REQUEST_APPROVED]);
    for (int64_t number = 1; number <= requests[REQUEST_APPROVED]; number++) {
        struct store_request request;
        struct store_job job;
        char *context = NULL;
        ck_assert_int_eq(store_request_get(store, number, &request), 0);
        struct store_delivery delivery = fixture_delivery("evt_1", request.id, number);
        ck_assert_int_eq(store_delivery_add(store, &delivery), -EEXIST);
        ck_assert_int_eq(store_job_get(store, number, &job), 0);
        ck_assert_int_eq(job.request, number);
        ck_assert_int_eq(store_request_context(store, number, &context), 0);
        free(context);
        store_job_free(&job);
        store_request_free(&request);
    }
    ck_assert_int_eq(store_commit(store), 0);
}

/* --- kill -9 ---------------------------------------------------------------------------------- */

/* Commits until it is killed, and tells each commit. */
static void commit_for_ever(int acknowledge)
{
    int64_t last = 0;
    if (open_store() != 0) {
        _exit(1);
    }
    while (commit_some(&last) == 0) {
        if (write(acknowledge, &last, sizeof last) != sizeof last) {
            break;
        }
    }
    _exit(2);
}

/* Kills a committing process some time after its `count`th commit; what it last acknowledged. */
static int64_t kill_after(int count, long nanoseconds)
{
    int64_t acknowledged = 0;
    int64_t last = 0;
    int ends[2];
    int status = 0;
    struct timespec pause = {.tv_nsec = nanoseconds};
    ck_assert_int_eq(pipe2(ends, O_CLOEXEC), 0);
    pid_t child = fork();
    ck_assert_int_ge(child, 0);
    if (child == 0) {
        commit_for_ever(ends[1]);
    }
    (void)close(ends[1]);
    for (int i = 0; i < count && read(ends[0], &last, sizeof last) == sizeof last; i++) {
        acknowledged = last;
    }
    (void)nanosleep(&pause, NULL);
    ck_assert_int_eq(kill(child, SIGKILL), 0);
    ck_assert_int_eq(waitpid(child, &status, 0), child);
    ck_assert(WIFSIGNALED(status));
    while (read(ends[0], &last, sizeof last) == sizeof last) {
        acknowledged = last;
    }
    (void)close(ends[0]);
    return acknowledged;
}

START_TEST(nothing_that_was_acknowledged_is_lost_by_kill_9)
{
    unsigned seed = 20260316;
    for (int i = 0; i < KILLS; i++) {
        int64_t acknowledged = kill_after(rand_r(&seed) % 6, rand_r(&seed) % 3000000);
        ck_assert_int_eq(open_store(), 0);
        assert_whole(acknowledged);
        store_free(store);
        store = NULL;
    }
}
END_TEST

/* --- writes that fail ------------------------------------------------------------------------- */

/* Commits until the store fails; the last number that was committed. */
static int64_t commit_until_failure(void)
{
    int64_t committed = 0;
    int64_t last = 0;
    int r = 0;
    while ((r = commit_some(&last)) == 0) {
        committed = last;
    }
    ck_assert_int_eq(r, -EIO);
    return committed;
}

static void assert_dead(void)
{
    struct store_request request;
    int64_t last = 0;
    ck_assert_int_eq(store_commit(store), -EIO);
    ck_assert_int_eq(store_begin(store), -EIO);
    ck_assert_int_eq(commit_some(&last), -EIO);
    ck_assert_int_eq(store_request_get(store, 1, &request), -EIO);
}

static void limit_file_size(rlim_t bytes)
{
    struct rlimit limit;
    (void)signal(SIGXFSZ, SIG_IGN);
    ck_assert_int_eq(getrlimit(RLIMIT_FSIZE, &limit), 0);
    limit.rlim_cur = bytes;
    ck_assert_int_eq(setrlimit(RLIMIT_FSIZE, &limit), 0);
}

START_TEST(a_store_that_can_not_write_fails_for_good_and_is_whole_when_opened_again)
{
    static const rlim_t limits[] = {300 << 10, 301 << 10, (512 << 10) + 100, 2 << 20};
    for (size_t i = 0; i < sizeof limits / sizeof *limits; i++) {
        int64_t requests[REQUEST_STATE_COUNT];
        int64_t jobs[JOB_STATE_COUNT];
        int64_t last = 0;
        ck_assert_int_eq(open_store(), 0);
        ck_assert_int_eq(store_count(store, requests, jobs), 0);
        limit_file_size(limits[i]);
        int64_t committed = commit_until_failure();
        assert_dead();
        store_free(store);
        limit_file_size(RLIM_INFINITY);
        if (committed == 0) {
            committed = requests[REQUEST_APPROVED];
        }

        ck_assert_int_eq(open_store(), 0);
        assert_whole(committed);
        ck_assert_int_eq(commit_some(&last), 0);
        store_free(store);
        store = NULL;
    }
}
END_TEST

/* Of a file that is no database, the daemon would end for good. */
START_TEST(a_disk_that_can_not_be_read_for_once_is_not_taken_for_a_file_of_another_kind)
{
    int64_t committed = 0;
    ck_assert_int_eq(open_store(), 0);
    ck_assert_int_eq(commit_some(&committed), 0);
    store_free(store);
    store = NULL;
    for (look = LOOK_FAILING; look <= LOOK_SHORT; look++) {
        struct problem problem = {""};
        ck_assert_int_eq(store_open(path, &store, &problem), -EIO);
        ck_assert_str_eq(problem.text, "the database can't be read: Input/output error");
    }
    look = LOOK_WHOLE;
    ck_assert_int_eq(open_store(), 0);
    assert_whole(committed);
}
END_TEST

START_TEST(a_commit_is_written_to_the_log_in_one_piece)
{
    int64_t last = 0;
    ck_assert_int_eq(open_store(), 0);
    ck_assert_int_eq(commit_some(&last), 0);
    for (int i = 0; i < 3; i++) {
        log_writes = 0;
        ck_assert_int_eq(commit_some(&last), 0);
        ck_assert_int_eq(log_writes, 1);
    }
}
END_TEST

START_TEST(a_write_to_the_log_that_failed_is_the_last_and_loses_nothing_committed)
{
    int64_t committed = 0;
    for (int i = 1; i <= 12; i++) {
        ck_assert_int_eq(open_store(), 0);
        log_writes = 0;
        failing_log_write = i;
        int64_t reached = commit_until_failure();
        committed = reached > 0 ? reached : committed;
        assert_dead();
        store_free(store);
        ck_assert_int_eq(log_writes, i);

        failing_log_write = 0;
        ck_assert_int_eq(open_store(), 0);
        assert_whole(committed);
        store_free(store);
        store = NULL;
    }
}
END_TEST

START_TEST(a_sync_that_failed_is_the_last)
{
    int64_t committed = 0;
    failing_sync = 0;
    ck_assert_int_eq(open_store(), 0);
    for (int i = 1; i <= 12; i++) {
        syncs = 0;
        failing_sync = i;
        int64_t reached = commit_until_failure();
        committed = reached > 0 ? reached : committed;
        assert_dead();
        store_free(store);
        ck_assert_int_eq(syncs, i);

        failing_sync = 0;
        ck_assert_int_eq(open_store(), 0);
        assert_whole(committed);
    }
}
END_TEST

/* What is written to standard error until a commit fails; free(). */
static char *complaint(void)
{
    int file = memfd_create("complaint", MFD_CLOEXEC);
    int before = dup(STDERR_FILENO);
    char *text = calloc(1, 4096);
    ck_assert_ptr_nonnull(text);
    ck_assert_int_eq(dup2(file, STDERR_FILENO), STDERR_FILENO);
    (void)commit_until_failure();
    ck_assert_int_eq(dup2(before, STDERR_FILENO), STDERR_FILENO);
    ck_assert_int_gt(syscall(SYS_pread64, file, text, 4095, 0), 0);
    (void)close(before);
    (void)close(file);
    return text;
}

static void assert_complaint(const char *statement)
{
    char *text = complaint();
    ck_assert_msg(strstr(text, statement) != NULL, "%s", text);
    ck_assert_msg(strstr(text, " system=\"Disk quota exceeded\"") != NULL, "%s", text);
    free(text);
}

/* SQLite calls everything but ENOSPC an I/O error: who has a quota would look for a broken disk. */
START_TEST(what_the_system_said_is_told)
{
    failing_sync = 0;
    failure = EDQUOT;
    ck_assert_int_eq(open_store(), 0);
    log_writes = 0;
    failing_log_write = 3;
    assert_complaint("statement=commit");
    store_free(store);

    failing_log_write = 0;
    ck_assert_int_eq(open_store(), 0);
    syncs = 0;
    failing_sync = 3;
    assert_complaint(apart ? "statement=\"sync of a commit\"" : "statement=commit");
}
END_TEST

START_TEST(a_checkpoint_whose_sync_fails_ends_the_store_too)
{
    int64_t last = 0;
    int r = 0;
    failing_sync = 0;
    ck_assert_int_eq(open_store(), 0);
    for (int i = 0; i < 2000 && r == 0; i++) {
        syncs = 0;
        failing_sync = 2; /* a commit syncs once; with a checkpoint, more often */
        r = commit_some(&last);
    }
    ck_assert_int_eq(r, -EIO);
    ck_assert_int_eq(syncs, 2);
    assert_dead();
    store_free(store);
    ck_assert_int_eq(syncs, 2);
    failing_sync = 0;
    ck_assert_int_eq(open_store(), 0);
    assert_whole(last);
}
END_TEST

/* More than SQLite keeps in memory, so that some of it is in the log before its commit. */
static int commit_large(const char *id, size_t length)
{
    char *context = malloc(length + 1);
    ck_assert_ptr_nonnull(context);
    memset(context, 'x', length);
    context[length] = '\0';
    struct store_request request = fixture_request(id);
    int r = store_begin(store);
    if (r == 0) {
        r = store_request_add(store, &request, context, &request.number);
    }
    free(context);
    return r == 0 ? commit() : r;
}

/* SQLite shortens it at the end of a commit, after the sync, and takes no heed of an error of that. */
START_TEST(a_sync_that_fails_where_a_long_log_is_shortened_is_an_error_too)
{
    char name[80];
    struct stat log;
    failing_sync = 0;
    (void)snprintf(name, sizeof name, "%s-wal", path);
    ck_assert_int_eq(open_store(), 0);
    ck_assert_int_eq(commit_large("req_1", 24 << 20), 0);
    ck_assert_int_eq(stat(name, &log), 0);
    ck_assert_int_gt(log.st_size, 24 << 20);
    syncs = 0;
    failing_sync = 2; /* the first is the one of the new log's header */
    ck_assert_int_eq(commit_large("req_2", 7 << 20), -EIO);
    ck_assert_int_eq(syncs, 2);
    assert_dead();
    ck_assert_int_eq(stat(name, &log), 0);
    ck_assert_int_eq(log.st_size, 16 << 20);
}
END_TEST

/* --- syncs that are under way ------------------------------------------------------------------ */

START_TEST(what_is_being_synced_is_seen_by_the_next_transaction)
{
    int64_t last = 0;
    ck_assert_int_eq(open_store(), 0);
    ck_assert_int_eq(commit_some(&last), 0);
    for (int i = 2; i <= 6; i++) {
        int64_t requests[REQUEST_STATE_COUNT];
        int64_t jobs[JOB_STATE_COUNT];
        ck_assert_int_eq(add_some(&last), 0);
        ck_assert_int_eq(store_begin_commit(store), 0);
        ck_assert(store_is_syncing(store));
        ck_assert_int_eq(store_begin(store), 0);
        ck_assert_int_eq(store_count(store, requests, jobs), 0);
        ck_assert_int_eq(requests[REQUEST_APPROVED], (int64_t)i * PER_COMMIT);
        ck_assert_int_eq(store_begin_commit(store), 0);
        ck_assert(!store_is_syncing(store));
    }
    assert_whole(last);
}
END_TEST

START_TEST(its_end_is_told_by_the_descriptor)
{
    struct pollfd ended = {.events = POLLIN};
    int64_t last = 0;
    apart = false;
    ck_assert_int_eq(open_store(), 0);
    ck_assert_int_eq(store_sync_apart(store, &ended.fd), 0);
    apart = true;
    ck_assert_int_eq(commit_some(&last), 0);
    ck_assert_int_eq(poll(&ended, 1, 0), 0);
    ck_assert_int_eq(add_some(&last), 0);
    ck_assert_int_eq(store_begin_commit(store), 0);
    ck_assert_int_eq(poll(&ended, 1, 60000), 1);
    ck_assert(store_has_synced(store));
    ck_assert(store_is_syncing(store));
    ck_assert_int_eq(store_await_sync(store), 0);
    ck_assert(!store_is_syncing(store));
    ck_assert(!store_has_synced(store));
    ck_assert_int_eq(poll(&ended, 1, 0), 0);
}
END_TEST

/* With it SQLite syncs the directory, in which the log is new. */
START_TEST(the_first_sync_of_a_log_is_waited_for)
{
    int64_t last = 0;
    ck_assert_int_eq(open_store(), 0);
    store_free(store);
    ck_assert_int_eq(open_store(), 0);
    ck_assert_int_eq(add_some(&last), 0);
    ck_assert_int_eq(store_begin_commit(store), 0);
    ck_assert(!store_is_syncing(store));
    ck_assert_int_eq(add_some(&last), 0);
    ck_assert_int_eq(store_begin_commit(store), 0);
    ck_assert(store_is_syncing(store));
}
END_TEST

START_TEST(what_was_begun_after_a_sync_that_failed_is_not_committed)
{
    int64_t last = 0;
    int64_t next = 0;
    ck_assert_int_eq(open_store(), 0);
    ck_assert_int_eq(commit_some(&last), 0);
    syncs = 0;
    failing_sync = 1;
    ck_assert_int_eq(add_some(&next), 0);
    ck_assert_int_eq(store_begin_commit(store), 0);
    ck_assert_int_eq(add_some(&next), 0);
    ck_assert_int_eq(store_begin_commit(store), -EIO);
    ck_assert(!store_is_syncing(store));
    ck_assert_int_eq(store_await_sync(store), -EIO);
    assert_dead();
    store_free(store);
    ck_assert_int_eq(syncs, 1);
    failing_sync = 0;
    ck_assert_int_eq(open_store(), 0);
    assert_whole(last);
}
END_TEST

/* --- a full disk ------------------------------------------------------------------------------ */

static void fill(const char *name, size_t leave)
{
    static char block[4096];
    int fd = open(name, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    ck_assert_int_ge(fd, 0);
    off_t size = 0;
    ssize_t written = 0;
    while ((written = write(fd, block, sizeof block)) > 0) {
        size += written;
    }
    ck_assert_int_eq(ftruncate(fd, size - (off_t)leave), 0);
    ck_assert_int_eq(close(fd), 0);
}

static void wait_for_room(bool expected)
{
    int64_t end = clock_monotonic_ms() + 5000;
    while (store_has_room(store) != expected) {
        ck_assert_int_lt(clock_monotonic_ms(), end);
    }
}

START_TEST(a_full_disk_is_seen_before_it_is_hit_and_costs_nothing_committed)
{
    char filler[80];
    int64_t last = 0;
    (void)snprintf(filler, sizeof filler, "%s/filler", directory);
    if (mount("tmpfs", directory, "tmpfs", 0, "size=4m") != 0) {
        (void)fprintf(stderr, "skipped: a file system can't be mounted here (%s)\n",
                      strerror(errno));
        return;
    }
    ck_assert_int_eq(open_store(), 0);
    ck_assert(store_has_room(store));
    fill(filler, 256 << 10);
    wait_for_room(false);
    int64_t committed = commit_until_failure();
    ck_assert_int_gt(committed, 0);
    assert_dead();
    store_free(store);
    ck_assert_int_eq(unlink(filler), 0);

    ck_assert_int_eq(open_store(), 0);
    ck_assert(store_has_room(store));
    assert_whole(committed);
    ck_assert_int_eq(commit_some(&last), 0);
    store_free(store);
    store = NULL;
    ck_assert_int_eq(umount(directory), 0);
}
END_TEST

START_TEST(a_new_store_on_a_full_disk_is_an_error_that_leaves_no_database)
{
    char filler[80];
    struct stat status;
    (void)snprintf(filler, sizeof filler, "%s/filler", directory);
    if (mount("tmpfs", directory, "tmpfs", 0, "size=1m") != 0) {
        (void)fprintf(stderr, "skipped: a file system can't be mounted here (%s)\n",
                      strerror(errno));
        return;
    }
    fill(filler, 16 << 10);
    ck_assert_int_eq(open_store(), -EIO);
    ck_assert_int_ne(stat(path, &status), 0);
    ck_assert_int_eq(unlink(filler), 0);
    ck_assert_int_eq(open_store(), 0);
    store_free(store);
    store = NULL;
    ck_assert_int_eq(umount(directory), 0);
}
END_TEST

static void make_directory_apart(void)
{
    apart = true;
    make_directory();
}

static TCase *tests_apart(void)
{
    TCase *tests = tcase_create("apart");
    tcase_set_timeout(tests, 120);
    tcase_add_checked_fixture(tests, make_directory_apart, remove_directory);
    tcase_add_test(tests, what_is_being_synced_is_seen_by_the_next_transaction);
    tcase_add_test(tests, its_end_is_told_by_the_descriptor);
    tcase_add_test(tests, the_first_sync_of_a_log_is_waited_for);
    tcase_add_test(tests, what_was_begun_after_a_sync_that_failed_is_not_committed);
    tcase_add_test(tests, nothing_that_was_acknowledged_is_lost_by_kill_9);
    tcase_add_test(tests, a_store_that_can_not_write_fails_for_good_and_is_whole_when_opened_again);
    tcase_add_test(tests, a_commit_is_written_to_the_log_in_one_piece);
    tcase_add_test(tests, a_write_to_the_log_that_failed_is_the_last_and_loses_nothing_committed);
    tcase_add_test(tests, a_sync_that_failed_is_the_last);
    tcase_add_test(tests, what_the_system_said_is_told);
    tcase_add_test(tests, a_checkpoint_whose_sync_fails_ends_the_store_too);
    tcase_add_test(tests, a_sync_that_fails_where_a_long_log_is_shortened_is_an_error_too);
    return tests;
}

int main(void)
{
    TCase *tests = tcase_create("crash");
    tcase_set_timeout(tests, 120);
    tcase_add_checked_fixture(tests, make_directory, remove_directory);
    tcase_add_test(tests, nothing_that_was_acknowledged_is_lost_by_kill_9);
    tcase_add_test(tests, a_store_that_can_not_write_fails_for_good_and_is_whole_when_opened_again);
    tcase_add_test(tests,
                   a_disk_that_can_not_be_read_for_once_is_not_taken_for_a_file_of_another_kind);
    tcase_add_test(tests, a_commit_is_written_to_the_log_in_one_piece);
    tcase_add_test(tests, a_write_to_the_log_that_failed_is_the_last_and_loses_nothing_committed);
    tcase_add_test(tests, a_sync_that_failed_is_the_last);
    tcase_add_test(tests, what_the_system_said_is_told);
    tcase_add_test(tests, a_checkpoint_whose_sync_fails_ends_the_store_too);
    tcase_add_test(tests, a_sync_that_fails_where_a_long_log_is_shortened_is_an_error_too);
    tcase_add_test(tests, a_full_disk_is_seen_before_it_is_hit_and_costs_nothing_committed);
    tcase_add_test(tests, a_new_store_on_a_full_disk_is_an_error_that_leaves_no_database);
    int status = fixture_run(tests, "store_crash");
    int apart_status = fixture_run(tests_apart(), "store_crash_apart");
    return status != EXIT_SUCCESS ? status : apart_status;
}
