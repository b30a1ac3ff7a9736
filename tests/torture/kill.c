/*
 * Kills one role again and again while approvals arrive and run, and counts.
 *
 *   kill [VICTIM...]      core, runner, caller, gate, supervisor, mixed; all of them without a name
 */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>

#include "support/ordeal.h"
#include "support/suite.h"

static void kill_core(struct ordeal *ordeal)
{
    house_kill_role(ordeal->house, "assentd: core");
}

static void kill_runner(struct ordeal *ordeal)
{
    house_kill_role(ordeal->house, "assentd: runner");
}

static void kill_caller(struct ordeal *ordeal)
{
    house_kill_role(ordeal->house, "assentd: caller");
}

static void kill_gate(struct ordeal *ordeal)
{
    house_kill_role(ordeal->house, "assentd: gate public");
}

static void kill_supervisor(struct ordeal *ordeal)
{
    house_kill(ordeal->house);
    house_start(ordeal->house);
}

static void kill_any(struct ordeal *ordeal)
{
    static void (*const any[])(struct ordeal *) = {kill_core, kill_runner, kill_caller, kill_gate,
                                                   kill_supervisor};

    any[(size_t)random() % (sizeof any / sizeof any[0])](ordeal);
}

static const struct victim {
    const char *name;
    void (*strike)(struct ordeal *ordeal);
} victims[] = {
    {"core", kill_core}, {"runner", kill_runner},         {"caller", kill_caller},
    {"gate", kill_gate}, {"supervisor", kill_supervisor}, {"mixed", kill_any},
};

START_TEST(what_was_answered_runs_once)
{
    struct ordeal *ordeal = ordeal_new(victims[_i].name);

    house_start(ordeal->house);
    ordeal_strike(ordeal, victims[_i].strike);
    ordeal_settle(ordeal);
    ordeal_free(ordeal);
}
END_TEST

int main(int argc, char **argv)
{
    Suite *suite = suite_create("kill");
    SRunner *runner = srunner_create(suite);
    int failed;

    ordeal_prepare();
    for (int i = 0; i < (int)(sizeof victims / sizeof victims[0]); i++) {
        TCase *tcase = tcase_create(victims[i].name);

        tcase_set_timeout(tcase, ordeal_limit_seconds());
        tcase_add_unchecked_fixture(tcase, NULL, ordeal_tell_failure);
        tcase_add_loop_test(tcase, what_was_answered_runs_once, i, i + 1);
        if (suite_wants(victims[i].name, argc, argv)) {
            suite_add_tcase(suite, tcase);
        }
    }
    srunner_set_fork_status(runner, CK_FORK);
    srunner_run_all(runner, CK_NORMAL);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
