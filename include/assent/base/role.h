/*
 * The roles: one process each.
 *
 * Owns: nothing. Runs in: every role. May call: getenv.
 */
#ifndef ASSENT_BASE_ROLE_H
#define ASSENT_BASE_ROLE_H

#include <stdbool.h>

enum role {
    ROLE_GATE_PUBLIC,
    ROLE_GATE_CONTROL,
    ROLE_GATE_AGENT,
    ROLE_CORE,
    ROLE_RUNNER,
    ROLE_CALLER,
    ROLE_COUNT,
};

/* The environment variable that has the title too, since tools that follow an exec, as valgrind,
 * replace argv[0]. */
#define ROLE_VARIABLE "ASSENT_ROLE"

/* What `ps` shows of the process, and by which a starting process knows its role:
 * `assentd: gate public`. */
const char *role_title(enum role role);

/* The name in logs and errors: `gate public`. */
const char *role_name(enum role role);

/* True for those that hear HTTP. */
bool role_is_gate(enum role role);

/* The role whose title is `title`, or ROLE_COUNT. */
enum role role_from_title(const char *title);

/* The role as which the supervisor started this process; ROLE_COUNT if it did not. */
enum role role_of_process(int argc, char *const *argv);

#endif
