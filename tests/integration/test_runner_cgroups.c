#include <check.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "assent/base/process_tree.h"
#include "integration/runner_rig.h"
#include "support/cgroup_scratch.h"
#include "support/suite.h"
#include "support/tool.h"

enum { AT_ONCE_MS = 0, LINE = 128 };

static struct runner_rig rig;
static struct protocol_result result;
static char line[LINE];

static void set_up(void)
{
    runner_rig_open(&rig);
    ck_assert(runner_rig_use_cgroup(&rig, true));
}

static void set_up_sealed(void)
{
    runner_rig_open(&rig);
    ck_assert(runner_rig_use_cgroup(&rig, false));
}

static void tear_down(void)
{
    runner_rig_clear(&rig);
}

static void stop(void)
{
    runner_rig_acknowledge(&rig, "k1");
    ck_assert_int_eq(channel_send(rig.channel, CHANNEL_STOP, 0, -1), 0);
    ck_assert_int_eq(runner_rig_await_end(&rig), 0);
}

START_TEST(a_run_is_in_a_group_of_its_own_and_leaves_none)
{
    runner_rig_start(&rig, "[hook h]\nshell = grep -Eo '/assentd-[0-9a-f]+-[0-9a-f]+/1$'"
                           " /proc/self/cgroup | tail -c 3\n");
    runner_rig_run(&rig, "h", "k1");
    result = runner_rig_result(&rig);
    runner_rig_expect_success(&result, "/1\n");
    ck_assert_uint_eq(cgroup_scratch_count(rig.cgroup), 1);
    stop();
    ck_assert_uint_eq(cgroup_scratch_count(rig.cgroup), 0);
}
END_TEST

START_TEST(without_the_right_to_make_groups_there_are_none)
{
    runner_rig_start(&rig, "[hook h]\nexec = echo done\n");
    runner_rig_run(&rig, "h", "k1");
    result = runner_rig_result(&rig);
    runner_rig_expect_success(&result, "done\n");
    ck_assert_uint_eq(cgroup_scratch_count(rig.cgroup), 0);
    stop();
}
END_TEST

/* As programs do that make containers. What they leave empty would stay for ever. */
static const char *const branches[] = {
    "mkdir -p $d/a/b; echo done",
    "mkdir -p $d/a/b; echo $$ > $d/a/b/cgroup.procs; setsid sleep 60 & echo done",
};

START_TEST(groups_that_a_program_makes_end_with_its_run)
{
    char *hooks;

    ck_assert_int_gt(asprintf(&hooks,
                              "[hook h]\nshell = d=$(echo %s/assentd-*/1); %s\n"
                              "[hook i]\ntimeout = 10s\n"
                              "shell = while [ -e %s/assentd-*/1/a ]; do sleep 0.02; done\n",
                              rig.cgroup, branches[_i], rig.cgroup),
                     0);
    runner_rig_start(&rig, hooks);
    free(hooks);
    runner_rig_run(&rig, "h", "k1");
    result = runner_rig_result(&rig);
    runner_rig_expect_success(&result, "done\n");
    runner_rig_run(&rig, "i", "k2");
    result = runner_rig_result(&rig);
    runner_rig_expect_success(&result, "");
    runner_rig_acknowledge(&rig, "k2");
    stop();
    ck_assert_uint_eq(cgroup_scratch_count(rig.cgroup), 0);
}
END_TEST

static pid_t keeper_in_file(void)
{
    FILE *file = fopen(runner_rig_path(&rig, "keeper"), "re");
    int pid = 0;

    ck_assert_ptr_nonnull(file);
    ck_assert_int_eq(fscanf(file, "%d", &pid), 1);
    (void)fclose(file);
    return pid;
}

/* With nobody left who knows of them: the keeper can do nothing any more when its runner ends. */
static void kill_all_that_watch(void)
{
    struct pollfd ended = {.fd = process_open(keeper_in_file()), .events = POLLIN};

    ck_assert_int_ge(ended.fd, 0);
    ck_assert_int_eq(kill(keeper_in_file(), SIGSTOP), 0);
    ck_assert_int_eq(kill(rig.pid, SIGKILL), 0);
    (void)runner_rig_await_end(&rig);
    ck_assert_int_eq(kill(keeper_in_file(), SIGKILL), 0);
    ck_assert_int_eq(poll(&ended, 1, RUNNER_RIG_PATIENCE_MS), 1);
    (void)close(ended.fd);
    (void)close(rig.channel);
}

START_TEST(a_new_runner_ends_what_lives_of_an_old_one_before_it_says_hello)
{
    runner_rig_start(&rig, "[hook h]\nshell = exec 9>@/alive; echo $PPID > @/keeper\n"
                           "    setsid env -i sh -c 'trap \"\" TERM; echo up >&9;"
                           " while :; do sleep 1; done' &\n"
                           "    sleep 60\n");
    runner_rig_run(&rig, "h", "k1");
    runner_rig_await_birth(&rig, line, sizeof line);
    kill_all_that_watch();
    ck_assert(!runner_rig_nothing_lives(&rig, AT_ONCE_MS));
    runner_rig_start_again(&rig);
    ck_assert(runner_rig_nothing_lives(&rig, AT_ONCE_MS));
    ck_assert_uint_eq(cgroup_scratch_count(rig.cgroup), 0);
}
END_TEST

static TCase *add_case(Suite *suite, const char *name, void (*begin)(void))
{
    TCase *tests = tcase_create(name);

    tcase_add_checked_fixture(tests, begin, begin ? tear_down : NULL);
    tcase_set_timeout(tests, 60);
    suite_add_tcase(suite, tests);
    return tests;
}

START_TEST(they_are_not_there)
{
    (void)fprintf(stderr, "skipped: this needs cgroups, of which none can be made here\n");
}
END_TEST

static void add_tests(Suite *suite)
{
    TCase *tests = add_case(suite, "open", set_up);

    /* valgrind has neither pidfd_open nor clone3 into a group. */
    if (!under_wrapper()) {
        tcase_add_test(tests, a_run_is_in_a_group_of_its_own_and_leaves_none);
        tcase_add_loop_test(tests, groups_that_a_program_makes_end_with_its_run, 0,
                            sizeof branches / sizeof branches[0]);
        tcase_add_test(tests, a_new_runner_ends_what_lives_of_an_old_one_before_it_says_hello);
    }
    tests = add_case(suite, "sealed", set_up_sealed);
    tcase_add_test(tests, without_the_right_to_make_groups_there_are_none);
}

int main(void)
{
    Suite *suite = suite_create("runner_cgroups");
    char cgroup[128];

    if (cgroup_scratch_make(cgroup, sizeof cgroup)) {
        cgroup_scratch_remove(cgroup);
        add_tests(suite);
    } else {
        tcase_add_test(add_case(suite, "none", NULL), they_are_not_there);
    }
    return suite_run(suite);
}
