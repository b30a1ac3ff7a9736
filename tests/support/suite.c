#include "support/suite.h"

#include <stdlib.h>

#define TEST_SECONDS 60

TCase *suite_case(Suite *suite, const char *name, void (*before)(void), void (*after)(void))
{
    TCase *tests = tcase_create(name);

    tcase_add_checked_fixture(tests, before, after);
    tcase_set_timeout(tests, TEST_SECONDS);
    suite_add_tcase(suite, tests);
    return tests;
}

int suite_run(Suite *suite)
{
    SRunner *runner = srunner_create(suite);
    int failed;

    srunner_run_all(runner, CK_ENV);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
