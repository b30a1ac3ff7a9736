#include "assent/runner/program.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "assent/base/channel.h"
#include "assent/base/json.h"
#include "assent/config/environment.h"
#include "assent/config/hook_words.h"

#define FIRST_SPARE_FD (STDERR_FILENO + 1)
#define EXIT_NO_EXEC   127

/* --- prepare ---------------------------------------------------------------------------------- */

static int fill(struct program *program, const struct config_hook *hook,
                const struct surroundings *surroundings, const json_t *record,
                struct problem *ret_problem)
{
    const struct environment_setup environment = {
        .record = record,
        .home = surroundings->home,
        .lang = surroundings->lang,
        .extra = &hook->env,
    };
    int r = hook_words_make(hook, record, &program->words, ret_problem);

    if (r == 0) {
        r = environment_build(&environment, &program->environment);
    }
    if (r == 0) {
        program->umask = hook->umask;
        program->workdir = strdup(hook->workdir ? hook->workdir : surroundings->workdir);
        r = program->workdir ? 0 : -ENOMEM;
    }
    return r;
}

int program_prepare(const struct config_hook *hook, const struct surroundings *surroundings,
                    const void *record, size_t record_length, struct program *ret_program,
                    struct problem *ret_problem)
{
    struct program program = {.input = -1, .output = -1, .error = -1};
    struct problem problem = {0};
    json_t *json = NULL;
    int r = json_parse(record, record_length, &json, &problem);

    if (r == 0) {
        r = fill(&program, hook, surroundings, json, &problem);
    }
    json_decref(json);
    if (r == 0) {
        program.input = channel_memory_file("record", record, record_length);
        r = program.input < 0 ? program.input : 0;
    }
    if (r < 0) {
        problem_set(ret_problem, "%s", problem.text[0] ? problem.text : strerror(-r));
        program_clear(&program);
        return r;
    }
    *ret_program = program;
    return 0;
}

static void close_if_open(int *fd)
{
    if (*fd >= 0) {
        (void)close(*fd);
        *fd = -1;
    }
}

void program_clear(struct program *program)
{
    if (!program) {
        return;
    }
    hook_words_free(program->words);
    environment_free(program->environment);
    free(program->workdir);
    program->words = NULL;
    program->environment = NULL;
    program->workdir = NULL;
    close_if_open(&program->input);
    close_if_open(&program->output);
    close_if_open(&program->error);
}

/* --- execute ---------------------------------------------------------------------------------- */

/* Moved out of the way first, so that placing one can't overwrite another. 0 or negative errno. */
static int place_descriptors(const struct program *program)
{
    int spare[] = {program->input, program->output, program->error};
    int count = sizeof spare / sizeof spare[0];

    for (int i = 0; i < count; i++) {
        spare[i] =
            spare[i] < FIRST_SPARE_FD ? fcntl(spare[i], F_DUPFD_CLOEXEC, FIRST_SPARE_FD) : spare[i];
        if (spare[i] < 0) {
            return -errno;
        }
    }
    for (int i = 0; i < count; i++) {
        if (dup2(spare[i], i) < 0) {
            return -errno;
        }
    }
    return close_range(FIRST_SPARE_FD, ~0U, 0) < 0 ? -errno : 0;
}

static const char *search_path(char *const *environment)
{
    for (; *environment; environment++) {
        if (strncmp(*environment, "PATH=", 5) == 0) {
            return *environment + 5;
        }
    }
    return "";
}

/* Tries one directory of the search path; returns only when it failed, with errno. */
static int try_directory(const char *directory, size_t length, const struct program *program)
{
    char path[PATH_MAX];
    int written = snprintf(path, sizeof path, "%.*s/%s", (int)length, directory, program->words[0]);

    if (written < 0 || (size_t)written >= sizeof path) {
        return ENOENT;
    }
    (void)execve(path, program->words, program->environment);
    return errno;
}

/* As execvpe, but by the PATH of the program and never through a shell. Returns errno. */
static int execute(const struct program *program)
{
    const char *at = search_path(program->environment);
    int error = ENOENT;

    if (strchr(program->words[0], '/')) {
        (void)execve(program->words[0], program->words, program->environment);
        return errno;
    }
    while (*at) {
        size_t length = strcspn(at, ":");
        int r = length > 0 ? try_directory(at, length, program) : ENOENT;
        if (r != ENOENT && r != ENOTDIR && r != EACCES) {
            return r;
        }
        error = r == EACCES ? EACCES : error;
        at += length + (at[length] == ':');
    }
    return error;
}

static int become(const struct program *program, struct problem *ret_problem)
{
    int r = place_descriptors(program);

    if (r < 0) {
        problem_set(ret_problem, "can't hand over its streams: %s", strerror(-r));
        return -r;
    }
    if (chdir(program->workdir) < 0) {
        r = errno;
        problem_set(ret_problem, "can't enter %s: %s", program->workdir, strerror(r));
        return r;
    }
    r = execute(program);
    problem_set(ret_problem, "can't run %s: %s", program->words[0], strerror(r));
    return r;
}

_Noreturn void program_execute(const struct program *program, struct program_failure *ret_failure)
{
    sigset_t none;

    (void)setsid();
    (void)sigemptyset(&none);
    (void)sigprocmask(SIG_SETMASK, &none, NULL);
    (void)umask(program->umask);
    ret_failure->error = become(program, &ret_failure->problem);
    _exit(EXIT_NO_EXEC);
}
