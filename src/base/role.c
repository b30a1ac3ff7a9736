#include "assent/base/role.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#define TITLE_PREFIX "assentd: "

static const char *const titles[ROLE_COUNT] = {
    [ROLE_GATE_PUBLIC] = TITLE_PREFIX "gate public",
    [ROLE_GATE_CONTROL] = TITLE_PREFIX "gate control",
    [ROLE_GATE_AGENT] = TITLE_PREFIX "gate agent",
    [ROLE_CORE] = TITLE_PREFIX "core",
    [ROLE_RUNNER] = TITLE_PREFIX "runner",
    [ROLE_CALLER] = TITLE_PREFIX "caller",
};

const char *role_title(enum role role)
{
    return titles[role];
}

const char *role_name(enum role role)
{
    return titles[role] + strlen(TITLE_PREFIX);
}

bool role_is_gate(enum role role)
{
    return role == ROLE_GATE_PUBLIC || role == ROLE_GATE_CONTROL || role == ROLE_GATE_AGENT;
}

enum role role_from_title(const char *title)
{
    for (int role = 0; role < ROLE_COUNT; role++) {
        if (strcmp(titles[role], title) == 0) {
            return (enum role)role;
        }
    }
    return ROLE_COUNT;
}

enum role role_of_process(int argc, char *const *argv)
{
    enum role role = argc > 0 ? role_from_title(argv[0]) : ROLE_COUNT;
    const char *title = getenv(ROLE_VARIABLE);

    return role == ROLE_COUNT && title ? role_from_title(title) : role;
}
