#include "support/tool.h"

#include <stdlib.h>

#if defined __has_feature
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define SANITIZED true
#endif
#endif
#if defined __SANITIZE_ADDRESS__ || defined __SANITIZE_THREAD__
#define SANITIZED true
#endif
#ifndef SANITIZED
#define SANITIZED false
#endif

bool under_sanitizer(void)
{
    return SANITIZED;
}

bool under_wrapper(void)
{
    const char *wrapper = getenv("ASSENT_TEST_WRAPPER");

    return wrapper && wrapper[0];
}

bool memory_counts(void)
{
    return !under_sanitizer() && !under_wrapper();
}
