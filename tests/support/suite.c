#include "support/suite.h"

#include <stdlib.h>
#include <string.h>

#define TEST_SECONDS 60

TCase *suite_case(Suite *suite, const char *name, void (*before)(void), void (*after)(void))
{
    TCase *tests = tcase_create(name);

    tcase_add_checked_fixture(tests, before, after);
    tcase_set_timeout(tests, TEST_SECONDS);
    suite_add_tcase(suite, tests);
    return tests;
}

bool suite_wants(const char *name, int argc, char *const *argv)
{
    bool wanted = argc == 1;

    for (int i = 1; i < argc; i++) {
        wanted = wanted || strcmp(argv[i], name) == 0;
    }
    return wanted;
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
