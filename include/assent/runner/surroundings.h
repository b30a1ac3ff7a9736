/*
 * What programs take over from the runner's own surroundings: where they start, and two variables.
 *
 * Owns: its texts. Runs in: the runner, at its start. May call: mkdir, /etc/passwd.
 */
#ifndef ASSENT_RUNNER_SURROUNDINGS_H
#define ASSENT_RUNNER_SURROUNDINGS_H

struct surroundings {
    char *workdir; /* `runner` in the state directory */
    char *home;    /* of this user in /etc/passwd, else the workdir */
    char *lang;    /* the daemon's own, else C.UTF-8 */
};

/* Makes the directory (0700) if it is missing. 0 (surroundings_clear) or negative errno. */
int surroundings_find(const char *store_path, struct surroundings *ret_surroundings);

/* Frees what it holds. Takes NULL and what is all zeros. */
void surroundings_clear(struct surroundings *surroundings);

#endif
