#include "support/jail_setting.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "support/tool.h"

bool jail_possible(void)
{
    const char *build = getenv("ASSENT_BUILD");

    return !under_sanitizer() && !under_wrapper() && !(build && strstr(build, "/coverage"));
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
