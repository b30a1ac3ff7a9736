#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/pidfd.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "assent/base/process_tree.h"
#include "assent/base/reap.h"
#include "support/suite.h"

enum { PATIENCE_MS = 5000, MANY = 700, REPEATS = 20 };

/* Processes that were made tell their pids here, and hold it open as long as they live. */
static int births[2];

static void set_up(void)
{
    ck_assert_int_eq(prctl(PR_SET_CHILD_SUBREAPER, 1), 0);
    ck_assert_int_eq(pipe(births), 0);
}

static void tear_down(void)
{
    (void)close(births[0]);
    if (births[1] >= 0) {
        (void)close(births[1]);
    }
    (void)reap_orphans(NULL, 0);
}

static void say_born(void)
{
    pid_t self = getpid();

    (void)!write(births[1], &self, sizeof self);
}

static _Noreturn void live_on(void)
{
    (void)signal(SIGTERM, SIG_IGN);
    say_born();
    for (;;) {
        (void)pause();
    }
}

static pid_t await_birth(void)
{
    struct pollfd birth = {.fd = births[0], .events = POLLIN};
    pid_t pid;

    ck_assert_int_eq(poll(&birth, 1, PATIENCE_MS), 1);
    ck_assert_int_eq(read(births[0], &pid, sizeof pid), sizeof pid);
    return pid;
}

/* True once no process that was made here lives: the last of them has closed the pipe. */
static bool all_are_gone(void)
{
    struct pollfd ends = {.fd = births[0], .events = 0};

    (void)close(births[1]);
    births[1] = -1;
    return poll(&ends, 1, PATIENCE_MS) == 1 && (ends.revents & POLLHUP);
}

static bool alive(pid_t pid)
{
    return kill(pid, 0) == 0 && waitpid(pid, NULL, WNOHANG) == 0;
}

static pid_t child_that_lives_on(void)
{
    pid_t pid = fork();

    if (pid == 0) {
        live_on();
    }
    ck_assert_int_eq(await_birth(), pid);
    return pid;
}

START_TEST(without_children_there_is_nothing_to_do)
{
    ck_assert_int_eq(reap_once(NULL, 0), 0);
    ck_assert_int_eq(reap_orphans(NULL, 0), 0);
}
END_TEST

START_TEST(a_child_that_ignores_term_is_ended)
{
    (void)child_that_lives_on();
    ck_assert_int_eq(reap_orphans(NULL, 0), 0);
    ck_assert_int_eq(waitpid(-1, NULL, WNOHANG), -1);
    ck_assert_int_eq(errno, ECHILD);
    ck_assert(all_are_gone());
}
END_TEST

/* A chain of processes, each in a session of its own; the last one is left by its parent. */
static void make_chain(int depth)
{
    pid_t pid = fork();

    if (pid != 0) {
        return;
    }
    (void)setsid();
    if (depth > 1) {
        make_chain(depth - 1);
    }
    if (depth == 2) {
        say_born();
        _exit(0);
    }
    live_on();
}

START_TEST(what_left_its_session_and_its_parent_is_ended)
{
    make_chain(5);
    for (int i = 0; i < 5; i++) {
        (void)await_birth();
    }
    ck_assert_int_eq(reap_orphans(NULL, 0), 0);
    ck_assert(all_are_gone());
}
END_TEST

START_TEST(what_is_to_be_kept_stays_with_its_children)
{
    pid_t kept = fork();
    pid_t grandchild;
    pid_t other;

    if (kept == 0) {
        if (fork() == 0) {
            live_on();
        }
        (void)close(births[1]);
        for (;;) {
            (void)pause();
        }
    }
    grandchild = await_birth();
    other = child_that_lives_on();
    ck_assert_int_eq(reap_orphans(&kept, 1), 0);
    ck_assert(!alive(other));
    ck_assert(alive(kept));
    ck_assert_int_eq(kill(grandchild, 0), 0);
    ck_assert_int_eq(reap_orphans(NULL, 0), 0);
    ck_assert(all_are_gone());
}
END_TEST

START_TEST(a_kept_child_that_ended_is_left_for_its_owner_to_reap)
{
    pid_t kept = fork();
    int status;

    if (kept == 0) {
        _exit(7);
    }
    ck_assert_int_eq(waitid(P_PID, (id_t)kept, &(siginfo_t){0}, WEXITED | WNOWAIT), 0);
    ck_assert_int_eq(reap_orphans(&kept, 1), 0);
    ck_assert_int_eq(waitpid(kept, &status, 0), kept);
    ck_assert_int_eq(WEXITSTATUS(status), 7);
}
END_TEST

START_TEST(one_pass_says_how_many_are_left_and_comes_to_none)
{
    int left;

    (void)child_that_lives_on();
    (void)child_that_lives_on();
    while ((left = reap_once(NULL, 0)) > 0) {
        ck_assert_int_le(left, 2);
        ck_assert_int_eq(waitid(P_ALL, 0, &(siginfo_t){0}, WEXITED | WNOWAIT), 0);
    }
    ck_assert_int_eq(left, 0);
    ck_assert(all_are_gone());
}
END_TEST

static int64_t processor_us(void)
{
    struct rusage usage;

    ck_assert_int_eq(getrusage(RUSAGE_SELF, &usage), 0);
    return (usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) * INT64_C(1000000) +
           usage.ru_utime.tv_usec + usage.ru_stime.tv_usec;
}

/* What it takes of the processor to end one child, again and again: of a process that has no other. */
static int64_t cost_of_ending(void)
{
    int64_t cost = 0;
    int told[2];
    pid_t pid;

    ck_assert_int_eq(pipe(told), 0);
    pid = fork();
    if (pid == 0) {
        (void)prctl(PR_SET_CHILD_SUBREAPER, 1);
        for (int i = 0; i < REPEATS; i++) {
            (void)child_that_lives_on();
            cost -= processor_us();
            ck_assert_int_eq(reap_orphans(NULL, 0), 0);
            cost += processor_us();
        }
        (void)!write(told[1], &cost, sizeof cost);
        _exit(0);
    }
    (void)close(told[1]);
    ck_assert_int_eq(read(told[0], &cost, sizeof cost), sizeof cost);
    (void)close(told[0]);
    ck_assert_int_eq(waitpid(pid, NULL, 0), pid);
    return cost;
}

/* Where all keepers end what they keep at once, each would else look at what the others keep. */
START_TEST(what_others_have_costs_nothing)
{
    int64_t alone = cost_of_ending();

    for (int i = 0; i < MANY; i++) {
        (void)child_that_lives_on();
    }
    ck_assert_int_lt(cost_of_ending(), 2 * alone + INT64_C(5000));
}
END_TEST

static int by_pid(const void *left, const void *right)
{
    return ((const struct process *)left)->pid - ((const struct process *)right)->pid;
}

/* More children than fit into what is read of a list at once, and a chain. */
START_TEST(the_lists_of_children_give_the_same_tree)
{
    struct process_tree all;
    struct process_tree listed;
    int r;

    for (int i = 0; i < MANY; i++) {
        (void)child_that_lives_on();
    }
    make_chain(5);
    for (int i = 0; i < 5; i++) {
        (void)await_birth();
    }
    r = process_tree_list(&listed);
    if (r == -ENOENT) {
        (void)fprintf(stderr, "skipped: this kernel has no lists of children\n");
        return;
    }
    ck_assert_int_eq(r, 0);
    ck_assert_int_eq(process_tree_read(NULL, 0, &all), 0);
    ck_assert_uint_ge(all.count, MANY + 4);
    ck_assert_uint_eq(listed.count, all.count);
    qsort(listed.items, listed.count, sizeof *listed.items, by_pid);
    for (size_t i = 0; i < all.count; i++) {
        ck_assert_int_eq(listed.items[i].pid, all.items[i].pid);
        ck_assert_int_eq(listed.items[i].parent, all.items[i].parent);
        ck_assert_uint_eq(listed.items[i].started, all.items[i].started);
    }
    process_tree_free(&listed);
    process_tree_free(&all);
}
END_TEST

START_TEST(a_name_with_parentheses_does_not_hide_a_process)
{
    struct process_tree tree;
    pid_t pid = fork();

    if (pid == 0) {
        (void)prctl(PR_SET_NAME, "a) R 1 (b) 2");
        live_on();
    }
    (void)await_birth();
    ck_assert_int_eq(process_tree_read(NULL, 0, &tree), 0);
    ck_assert_uint_eq(tree.count, 1);
    ck_assert_int_eq(tree.items[0].pid, pid);
    ck_assert_int_eq(tree.items[0].parent, getpid());
    process_tree_free(&tree);
}
END_TEST

START_TEST(a_signal_reaches_the_whole_tree_but_no_one_else)
{
    struct process_tree tree;
    pid_t pid = fork();

    if (pid == 0) {
        (void)signal(SIGTERM, SIG_DFL); /* Check has a handler of its own */
        if (fork() == 0) {
            (void)setsid();
            say_born();
            (void)pause();
            _exit(0);
        }
        (void)waitpid(-1, NULL, 0);
        (void)pause();
        _exit(0);
    }
    ck_assert_int_ne(await_birth(), pid);
    ck_assert_int_eq(process_tree_read(NULL, 0, &tree), 0);
    ck_assert_uint_eq(tree.count, 2);
    process_tree_signal(&tree, SIGTERM);
    process_tree_free(&tree);
    ck_assert_int_eq(waitpid(pid, NULL, 0), pid);
    ck_assert(all_are_gone());
}
END_TEST

START_TEST(a_signal_does_not_reach_another_process_with_the_same_pid)
{
    struct process_tree tree;
    pid_t pid = child_that_lives_on();

    ck_assert_int_eq(process_tree_read(NULL, 0, &tree), 0);
    ck_assert_uint_eq(tree.count, 1);
    tree.items[0].started--;
    process_tree_signal(&tree, SIGKILL);
    process_tree_free(&tree);
    ck_assert(alive(pid));
}
END_TEST

/* A process with that environment variable and nothing else, out of the tree's reach. */
static pid_t program_with(const char *variable)
{
    char *const arguments[] = {(char *)"sleep", (char *)"60", NULL};
    char *const environment[] = {(char *)"PATH=/usr/bin:/bin", (char *)variable, NULL};
    int started[2];
    pid_t pid;
    char byte;

    ck_assert_int_eq(pipe(started), 0);
    pid = fork();
    if (pid == 0) {
        (void)setsid();
        (void)close(started[0]);
        (void)close(births[0]);
        (void)close(births[1]);
        (void)fcntl(started[1], F_SETFD, FD_CLOEXEC);
        (void)execve("/bin/sleep", arguments, environment);
        _exit(127);
    }
    (void)close(started[1]);
    ck_assert_int_eq(read(started[0], &byte, 1), 0);
    (void)close(started[0]);
    return pid;
}

static bool was_killed(pid_t pid)
{
    int status;

    return waitpid(pid, &status, WNOHANG) == pid && WIFSIGNALED(status) &&
           WTERMSIG(status) == SIGKILL;
}

START_TEST(programs_of_an_old_run_are_found_by_their_job_key)
{
    char prefix[64];
    char own[128];
    char longer[128];
    char other[128];
    char elsewhere[128];
    pid_t pids[4];

    (void)snprintf(prefix, sizeof prefix, "store%d-", (int)getpid());
    (void)snprintf(own, sizeof own, "ASSENT_JOB_KEY=%sabc", prefix);
    (void)snprintf(longer, sizeof longer, "ASSENT_JOB_KEY=%s", prefix);
    (void)snprintf(other, sizeof other, "ASSENT_JOB_KEY=x%sabc", prefix);
    (void)snprintf(elsewhere, sizeof elsewhere, "MY_ASSENT_JOB_KEY=%sabc", prefix);
    pids[0] = program_with(own);
    pids[1] = program_with(longer);
    pids[2] = program_with(other);
    pids[3] = program_with(elsewhere);

    ck_assert_int_eq(reap_marked(prefix), 0);
    ck_assert(was_killed(pids[0]));
    ck_assert(was_killed(pids[1]));
    ck_assert(alive(pids[2]));
    ck_assert(alive(pids[3]));
}
END_TEST

START_TEST(without_descriptors_none_counts_as_gone)
{
    pid_t pid = program_with("ASSENT_JOB_KEY=wanted-1");
    int lowest_free = dup(STDIN_FILENO);
    struct rlimit limit;
    struct rlimit one;

    ck_assert_int_ge(lowest_free, 0);
    (void)close(lowest_free);
    ck_assert_int_eq(getrlimit(RLIMIT_NOFILE, &limit), 0);
    one = (struct rlimit){.rlim_cur = (rlim_t)lowest_free + 1, .rlim_max = limit.rlim_max};
    ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &one), 0);
    int found = reap_marked("wanted-");
    ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &limit), 0);
    ck_assert_int_eq(found, -EMFILE);
    ck_assert_int_eq(reap_marked("wanted-"), 0);
    ck_assert(was_killed(pid));
}
END_TEST

START_TEST(where_no_process_is_marked_none_is_ended)
{
    pid_t pid = program_with("ASSENT_JOB_KEY=another-1");

    ck_assert_int_eq(reap_marked("no-such-store-"), 0);
    ck_assert(alive(pid));
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("reap");
    TCase *tests = tcase_create("reap");

    tcase_add_checked_fixture(tests, set_up, tear_down);
    tcase_add_test(tests, without_children_there_is_nothing_to_do);
    tcase_add_test(tests, a_child_that_ignores_term_is_ended);
    tcase_add_test(tests, what_left_its_session_and_its_parent_is_ended);
    tcase_add_test(tests, what_is_to_be_kept_stays_with_its_children);
    tcase_add_test(tests, a_kept_child_that_ended_is_left_for_its_owner_to_reap);
    tcase_add_test(tests, one_pass_says_how_many_are_left_and_comes_to_none);
    tcase_add_test(tests, what_others_have_costs_nothing);
    tcase_add_test(tests, the_lists_of_children_give_the_same_tree);
    tcase_add_test(tests, a_name_with_parentheses_does_not_hide_a_process);
    tcase_add_test(tests, a_signal_reaches_the_whole_tree_but_no_one_else);
    tcase_add_test(tests, a_signal_does_not_reach_another_process_with_the_same_pid);
    tcase_add_test(tests, programs_of_an_old_run_are_found_by_their_job_key);
    tcase_add_test(tests, without_descriptors_none_counts_as_gone);
    tcase_add_test(tests, where_no_process_is_marked_none_is_ended);
    suite_add_tcase(suite, tests);
    return suite_run(suite);
}
