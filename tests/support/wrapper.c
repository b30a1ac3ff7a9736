#include "support/wrapper.h"

#include <stdlib.h>

bool under_wrapper(void)
{
    const char *wrapper = getenv("ASSENT_TEST_WRAPPER");

    return wrapper && wrapper[0];
}
