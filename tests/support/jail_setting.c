#include "support/jail_setting.h"
#include "support/wrapper.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

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

bool jail_possible(void)
{
    const char *build = getenv("ASSENT_BUILD");

    return !SANITIZED && !under_wrapper() && !(build && strstr(build, "/coverage"));
}

static bool looked_into = false;

void jail_allow_looking_inside(void)
{
    looked_into = geteuid() != 0;
}

const char *jail_setting(void)
{
    return jail_possible() && !looked_into ? "" : "jail = off\n";
}
