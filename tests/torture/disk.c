/*
 * Lets the disk under the store fail and fill up while approvals arrive and run, and counts.
 *
 *   disk [failing] [full]      both without a name
 *
 * Failing: strace answers a sync of core with EIO. Full: the store is on a small tmpfs of the test's
 * own. What is not permitted here is skipped, and said so.
 */
#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "support/ordeal.h"
#include "support/suite.h"

#define TICK_MS      5
#define ATTACH_MS    5000
#define STRUCK_MS    2000
#define FULL_MS      400
#define REFUSED_MS   1000
#define SYNCS        5
#define TMPFS        "size=48m,mode=0700"
#define ANSWER_LIMIT 60000

static void skip(const char *name, const char *why)
{
    (void)printf("  %-14s skipped: %s\n", name, why);
    (void)fflush(stdout);
}

/* --- a failing disk --------------------------------------------------------------------------- */

/* strace on a process, failing sync number `number` of each of its threads from now on. */
static pid_t start_strace(pid_t target, long number)
{
    pid_t pid = fork();

    ck_assert_int_ge(pid, 0);
    if (pid == 0) {
        char inject[64];
        char of[16];
        int null = open("/dev/null", O_WRONLY | O_CLOEXEC);

        (void)snprintf(inject, sizeof inject, "inject=fdatasync:error=EIO:when=%ld", number);
        (void)snprintf(of, sizeof of, "%d", (int)target);
        (void)dup2(null, STDERR_FILENO);
        (void)execlp("strace", "strace", "-f", "-qq", "-o", "/dev/null", "-e", "trace=fdatasync",
                     "-e", inject, "-p", of, (char *)NULL);
        _exit(127);
    }
    return pid;
}

/* True if it ended by itself within the time. */
static bool ends_within(pid_t pid, int limit_ms)
{
    int64_t deadline = house_now_ms() + limit_ms;
    pid_t ended = 0;

    while (ended == 0 && house_now_ms() < deadline) {
        ended = waitpid(pid, NULL, WNOHANG);
        if (ended == 0) {
            (void)poll(NULL, 0, TICK_MS);
        }
    }
    return ended == pid;
}

/* It lets go of what it traces. */
static void stop_strace(pid_t pid)
{
    (void)kill(pid, SIGTERM);
    (void)waitpid(pid, NULL, 0);
}

static bool can_attach(void)
{
    pid_t target = fork();
    pid_t strace;
    bool can;

    ck_assert_int_ge(target, 0);
    if (target == 0) {
        (void)alarm(ATTACH_MS / 1000);
        (void)pause();
        _exit(0);
    }
    strace = start_strace(target, 1);
    can = !ends_within(strace, 300);
    (void)kill(target, SIGKILL);
    (void)waitpid(target, NULL, 0);
    if (can) {
        stop_strace(strace);
    }
    return can;
}

static void fail_a_sync(struct ordeal *ordeal)
{
    pid_t core = house_role(ordeal->house, "assentd: core");
    pid_t strace = start_strace(core, 1 + random() % SYNCS);

    if (!ends_within(strace, STRUCK_MS)) {
        stop_strace(strace);
    }
}

START_TEST(a_failed_sync_loses_nothing)
{
    struct ordeal *ordeal;

    if (!can_attach()) {
        skip("failing disk", "strace is missing, or may not attach to processes here");
        return;
    }
    ordeal = ordeal_new("failing disk");
    house_start(ordeal->house);
    ordeal_strike(ordeal, fail_a_sync);
    ordeal_settle(ordeal);
    house_await_log(ordeal->house, "ending, to start again from what is on disk");
    ordeal_free(ordeal);
}
END_TEST

/* --- a full disk ------------------------------------------------------------------------------ */

/* A tmpfs that is seen by this process and its children only, and ends with them. */
static bool mount_small_disk(const struct house *house)
{
    char *path = house_file(house, "state");
    bool mounted;

    ck_assert_int_eq(mkdir(path, 0700), 0);
    mounted = unshare(CLONE_NEWNS) == 0 &&
              mount("none", "/", "none", MS_REC | MS_PRIVATE, NULL) == 0 &&
              mount("tmpfs", path, "tmpfs", 0, TMPFS) == 0;
    free(path);
    return mounted;
}

static void unmount_small_disk(const struct house *house)
{
    char *path = house_file(house, "state");

    ck_assert_int_eq(umount2(path, MNT_DETACH), 0);
    free(path);
}

/* Takes all that is free, to the last byte. */
static void fill_disk(const struct house *house)
{
    static const char zeros[65536];
    char *path = house_file(house, "state/filler");
    int fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);

    ck_assert_int_ge(fd, 0);
    for (size_t piece = sizeof zeros; piece > 0;) {
        if (write(fd, zeros, piece) < 0) {
            ck_assert_int_eq(errno, ENOSPC);
            piece /= 2;
        }
    }
    (void)close(fd);
    free(path);
}

static void free_disk(const struct house *house)
{
    char *path = house_file(house, "state/filler");

    ck_assert_int_eq(unlink(path), 0);
    free(path);
}

static void fill_for_a_while(struct ordeal *ordeal)
{
    fill_disk(ordeal->house);
    (void)poll(NULL, 0, FULL_MS);
    free_disk(ordeal->house);
}

static void await_health(const struct house *house, int status)
{
    int64_t deadline = house_now_ms() + ANSWER_LIMIT;
    int now = 0;

    while (now != status) {
        struct answer answer = house_public(house, "GET", "/healthz", NULL, NULL);

        now = answer.status;
        answer_clear(&answer);
        ck_assert_msg(house_now_ms() < deadline, "/healthz never said %d, but %d", status, now);
        (void)poll(NULL, 0, TICK_MS);
    }
}

static size_t count_approved(const struct crowd *crowd)
{
    size_t count = 0;

    for (size_t i = 0; i < crowd_count(crowd); i++) {
        const struct crowd_member *member = crowd_member(crowd, i);

        count += member->fate == CROWD_APPROVED && member->answered;
    }
    return count;
}

/* Approvals that are sent while there is no room get 503; sent again later, they are taken. */
static void refuse_while_full(struct ordeal *ordeal)
{
    crowd_register(ordeal->crowd, CROWD_OF_500);
    crowd_join(ordeal->crowd);
    fill_disk(ordeal->house);
    await_health(ordeal->house, 503);
    crowd_decide(ordeal->crowd);
    (void)poll(NULL, 0, REFUSED_MS);
    ck_assert_uint_eq(count_approved(ordeal->crowd), 0);
    ck_assert_int_eq(crowd_send_once(ordeal->crowd, 0), 503);
    free_disk(ordeal->house);
    await_health(ordeal->house, 200);
    crowd_join(ordeal->crowd);
}

START_TEST(a_full_disk_loses_nothing)
{
    struct ordeal *ordeal = ordeal_new("full disk");

    if (!mount_small_disk(ordeal->house)) {
        skip("full disk", "no file system may be mounted here");
        ordeal_drop(ordeal);
        return;
    }
    house_start(ordeal->house);
    refuse_while_full(ordeal);
    ordeal_strike(ordeal, fill_for_a_while);
    ordeal_settle(ordeal);
    ck_assert_int_eq(house_stop(ordeal->house), 0);
    unmount_small_disk(ordeal->house);
    ordeal_free(ordeal);
}
END_TEST

/* --- the suite -------------------------------------------------------------------------------- */

static void add(Suite *suite, const char *name, const TTest *test)
{
    TCase *tcase = tcase_create(name);

    tcase_set_timeout(tcase, ordeal_limit_seconds());
    tcase_add_unchecked_fixture(tcase, NULL, ordeal_tell_failure);
    tcase_add_test(tcase, test);
    suite_add_tcase(suite, tcase);
}

int main(int argc, char **argv)
{
    Suite *suite = suite_create("disk");
    SRunner *runner = srunner_create(suite);
    int failed;

    ordeal_prepare();
    if (suite_wants("failing", argc, argv)) {
        add(suite, "failing", a_failed_sync_loses_nothing);
    }
    if (suite_wants("full", argc, argv)) {
        add(suite, "full", a_full_disk_loses_nothing);
    }
    srunner_set_fork_status(runner, CK_FORK);
    srunner_run_all(runner, CK_NORMAL);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
