#include "integration/ctl_rig.h"

#include <check.h>
#include <fcntl.h>
#include <poll.h>
#include <pty.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "assent/base/buffer.h"

#define WORD_LIMIT 32

struct words {
    char *items[WORD_LIMIT];
};

static struct words take_words(va_list arguments)
{
    struct words words = {0};
    int count = 0;

    while ((words.items[count] = va_arg(arguments, char *))) {
        ck_assert_int_lt(++count, WORD_LIMIT);
    }
    return words;
}

static _Noreturn void become_ctl(const struct house *house, const struct words *words,
                                 const char *no_colour)
{
    char *config = house_file(house, "assentd.conf");

    (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
    (void)setenv("ASSENT_SOCKET", house_socket(house), 1);
    (void)setenv("ASSENT_CONFIG", config, 1);
    (void)setenv("TERM", "xterm", 1);
    (void)unsetenv("NO_COLOR");
    if (no_colour) {
        (void)setenv("NO_COLOR", no_colour, 1);
    }
    become_built("assentctl", words->items);
}

/* The output of a process that is not finished yet has a name with its pid. */
static char *output_path(const struct house *house, pid_t pid, const char *name)
{
    char file[64];

    (void)snprintf(file, sizeof file, "ctl.%d.%s", (int)pid, name);
    return house_file(house, file);
}

static void redirect(const struct house *house, const char *name, int fd)
{
    char *path = output_path(house, getpid(), name);
    int file = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

    (void)dup2(file, fd);
    free(path);
}

static pid_t start(const struct house *house, const struct words *words)
{
    pid_t pid = fork();

    ck_assert_int_ge(pid, 0);
    if (pid == 0) {
        redirect(house, "out", STDOUT_FILENO);
        redirect(house, "err", STDERR_FILENO);
        become_ctl(house, words, NULL);
    }
    return pid;
}

static char *take_output(const struct house *house, pid_t pid, const char *name)
{
    char file[64];
    char *path = output_path(house, pid, name);
    char *text;

    (void)snprintf(file, sizeof file, "ctl.%d.%s", (int)pid, name);
    text = house_read(house, file);
    (void)unlink(path);
    free(path);
    return text;
}

static int await_exit(pid_t pid)
{
    int status = 0;

    ck_assert_int_eq(waitpid(pid, &status, 0), pid);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

void ctl_await_errors(const struct house *house, pid_t pid, int lines)
{
    char file[64];

    (void)snprintf(file, sizeof file, "ctl.%d.err", (int)pid);
    house_await_lines(house, file, lines);
}

struct said ctl_finish(const struct house *house, pid_t pid)
{
    struct said result = {.exit = await_exit(pid)};

    result.out = take_output(house, pid, "out");
    result.err = take_output(house, pid, "err");
    return result;
}

pid_t ctl_start(const struct house *house, ...)
{
    va_list arguments;
    struct words words;

    va_start(arguments, house);
    words = take_words(arguments);
    va_end(arguments);
    return start(house, &words);
}

struct said ctl(const struct house *house, ...)
{
    va_list arguments;
    struct words words;

    va_start(arguments, house);
    words = take_words(arguments);
    va_end(arguments);
    return ctl_finish(house, start(house, &words));
}

struct said ctl_on_terminal(const struct house *house, const char *no_colour, ...)
{
    struct said result = {.err = NULL};
    struct buffer out = {0};
    char piece[4096];
    va_list arguments;
    struct words words;
    ssize_t length;
    int terminal;
    pid_t pid;

    va_start(arguments, no_colour);
    words = take_words(arguments);
    va_end(arguments);
    pid = forkpty(&terminal, NULL, NULL, NULL);
    ck_assert_int_ge(pid, 0);
    if (pid == 0) {
        become_ctl(house, &words, no_colour);
    }
    /* A terminal whose other end is closed gives an error in place of an end. */
    while ((length = read(terminal, piece, sizeof piece)) > 0) {
        ck_assert_int_eq(buffer_append(&out, piece, (size_t)length), 0);
    }
    (void)close(terminal);
    result.exit = await_exit(pid);
    result.out = buffer_take_text(&out);
    return result;
}

pid_t ctl_start_on_terminal(const struct house *house, unsigned short columns, unsigned short rows,
                            int *ret_terminal, ...)
{
    const struct winsize size = {.ws_col = columns, .ws_row = rows};
    va_list arguments;
    struct words words;
    pid_t pid;

    va_start(arguments, ret_terminal);
    words = take_words(arguments);
    va_end(arguments);
    pid = forkpty(ret_terminal, NULL, NULL, &size);
    ck_assert_int_ge(pid, 0);
    if (pid == 0) {
        become_ctl(house, &words, "1");
    }
    return pid;
}

void said_clear(struct said *old)
{
    free(old->out);
    free(old->err);
    *old = (struct said){0};
}

/* --- what was said last ------------------------------------------------------------------------ */

struct said said;

void assert_exit(int status)
{
    ck_assert_msg(said.exit == status, "exit status %d, not %d: %s%s", said.exit, status, said.out,
                  said.err ? said.err : "");
}

void assert_says(const char *text)
{
    ck_assert_msg(strstr(said.out, text) != NULL, "does not say %s:\n%.4000s", text, said.out);
}

void assert_complains(const char *text)
{
    ck_assert_msg(strstr(said.err, text) != NULL, "does not complain of %s:\n%s", text, said.err);
    ck_assert_str_eq(said.out, "");
}
