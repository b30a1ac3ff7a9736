#include "integration/harness.h"

#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "assent/base/buffer.h"
#include "assent/base/clock.h"
#include "support/jail_setting.h"
#include "support/remove_tree.h"

#define ARGUMENT_LIMIT 64

struct house {
    char directory[64];
    int port;
    char *socket;
    int notify;
    pid_t pid;
    void (*prepare)(void *userdata);
    void *userdata;
};

int64_t house_now_ms(void)
{
    struct timespec now;

    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* --- setting up ------------------------------------------------------------------------------- */

/* Who says SO_REUSEADDR may listen at a port that is only bound, and the kernel gives it to nobody who
 * has not asked for it. */
int house_reserve_port(void)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t length = sizeof address;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    int one = 1;

    ck_assert_int_eq(setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one), 0);
    ck_assert_int_eq(bind(fd, (struct sockaddr *)&address, sizeof address), 0);
    ck_assert_int_eq(getsockname(fd, (struct sockaddr *)&address, &length), 0);
    return ntohs(address.sin_port);
}

static int open_notify(const struct house *house)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);

    (void)snprintf(address.sun_path, sizeof address.sun_path, "%s/notify", house->directory);
    ck_assert_int_eq(bind(fd, (struct sockaddr *)&address, sizeof address), 0);
    return fd;
}

struct house *house_new(void)
{
    struct house *house = calloc(1, sizeof *house);

    ck_assert_ptr_nonnull(house);
    (void)snprintf(house->directory, sizeof house->directory, "/tmp/assentd-test.XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(house->directory));
    house->port = house_reserve_port();
    house->socket = house_file(house, "control.sock");
    house->notify = open_notify(house);
    house_write(house, "secret", HOUSE_SECRET "\n");
    return house;
}

static void replace_all(struct buffer *out, const char *text, const char *name, const char *value)
{
    const char *found;

    while ((found = strstr(text, name))) {
        ck_assert_int_eq(buffer_append(out, text, (size_t)(found - text)), 0);
        ck_assert_int_eq(buffer_append_text(out, value), 0);
        text = found + strlen(name);
    }
    ck_assert_int_eq(buffer_append_text(out, text), 0);
}

static char *fill(const struct house *house, const char *text)
{
    struct buffer once = {0};
    struct buffer twice = {0};
    struct buffer thrice = {0};
    char port[16];

    (void)snprintf(port, sizeof port, "%d", house->port);
    replace_all(&once, text, "%PORT%", port);
    replace_all(&twice, buffer_text(&once), "%DIR%", house->directory);
    replace_all(&thrice, buffer_text(&twice), "%JAIL%", jail_setting());
    buffer_free(&once);
    buffer_free(&twice);
    return buffer_take_text(&thrice);
}

char *house_format(const struct house *house, const char *format, ...)
{
    char *text = NULL;
    char *filled;
    va_list arguments;

    va_start(arguments, format);
    ck_assert_int_ge(vasprintf(&text, format, arguments), 0);
    va_end(arguments);
    filled = fill(house, text);
    free(text);
    return filled;
}

void house_configure_all(struct house *house, const char *text)
{
    char *filled = fill(house, text);

    house_write(house, "assentd.conf", filled);
    free(filled);
}

void house_configure(struct house *house, const char *sections)
{
    static const char first[] = "[server]\n"
                                "listen = 127.0.0.1:%PORT%\n%JAIL%"
                                "[control]\n"
                                "socket = %DIR%/control.sock\n"
                                "[store]\n"
                                "path = %DIR%/state/assentd.db\n"
                                "[service daimon]\n"
                                "path = /webhook/approval\n"
                                "scheme = daimon\n"
                                "secret_file = secret\n";
    char *all = NULL;

    ck_assert_int_ge(asprintf(&all, "%s%s", first, sections), 0);
    house_configure_all(house, all);
    free(all);
}

/* --- processes -------------------------------------------------------------------------------- */

static char *copy_of(const char *text)
{
    char *copy = strdup(text);

    ck_assert_ptr_nonnull(copy);
    return copy;
}

/* That program of the build, under ASSENT_TEST_WRAPPER if there is one, and its arguments, in which a house
 * replaces %DIR%; command_free. */
static char **command_of(const struct house *house, const char *program,
                         const char *const *arguments)
{
    char **words = calloc(ARGUMENT_LIMIT, sizeof *words);
    const char *build = getenv("ASSENT_BUILD");
    const char *wrapper = getenv("ASSENT_TEST_WRAPPER");
    char *wrapper_words = copy_of(wrapper ? wrapper : "");
    char *rest = wrapper_words;
    char *word;
    int count = 0;

    ck_assert_ptr_nonnull(words);
    while (count < ARGUMENT_LIMIT / 2 && (word = strtok_r(rest, " ", &rest))) {
        words[count++] = copy_of(word);
    }
    free(wrapper_words);
    ck_assert_int_ge(asprintf(&words[count++], "%s/%s", build ? build : "build", program), 0);
    for (; *arguments && count < ARGUMENT_LIMIT - 1; arguments++) {
        words[count++] = house ? house_format(house, "%s", *arguments) : copy_of(*arguments);
    }
    return words;
}

static void command_free(char **words)
{
    for (int i = 0; words[i]; i++) {
        free(words[i]);
    }
    free(words);
}

static _Noreturn void become(char *const *words)
{
    (void)execvp(words[0], words);
    _exit(127);
}

void become_built(const char *program, char *const *arguments)
{
    become(command_of(NULL, program, (const char *const *)arguments));
}

static int open_output(const struct house *house, const char *name)
{
    char *path = house_file(house, name);
    int file = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);

    ck_assert_int_ge(file, 0);
    free(path);
    return file;
}

/* Starts `assentd` with those arguments. All is made before the fork: a thread of this process may hold
 * the allocator's lock at that moment, and nobody would ever let go of it in the child. */
static pid_t spawn_daemon(const struct house *house, const char *const *arguments, const char *out,
                          const char *error)
{
    char **command = command_of(house, "assentd", arguments);
    int out_file = open_output(house, out);
    int error_file = open_output(house, error);
    pid_t pid = fork();

    ck_assert_int_ge(pid, 0);
    if (pid == 0) {
        (void)prctl(PR_SET_PDEATHSIG, SIGTERM);
        (void)dup2(out_file, STDOUT_FILENO);
        (void)dup2(error_file, STDERR_FILENO);
        if (house->prepare) {
            house->prepare(house->userdata);
        }
        become(command);
    }
    (void)close(out_file);
    (void)close(error_file);
    command_free(command);
    return pid;
}

void house_prepare(struct house *house, void (*prepare)(void *userdata), void *userdata)
{
    house->prepare = prepare;
    house->userdata = userdata;
}

static bool has_ended(pid_t pid)
{
    siginfo_t info = {0};

    return waitid(P_PID, (id_t)pid, &info, WEXITED | WNOHANG | WNOWAIT) == 0 && info.si_pid == pid;
}

/* Reads one notification; false if none came in time or the daemon has ended. */
static bool read_notification(struct house *house, char *text, size_t size)
{
    struct pollfd poll_fd = {.fd = house->notify, .events = POLLIN};
    int64_t deadline = house_now_ms() + HOUSE_PATIENCE_MS;

    while (house_now_ms() < deadline) {
        ssize_t length;

        if (poll(&poll_fd, 1, 50) > 0) {
            length = recv(house->notify, text, size - 1, 0);
            text[length > 0 ? length : 0] = '\0';
            return length > 0;
        }
        if (has_ended(house->pid)) {
            return false;
        }
    }
    return false;
}

static bool await_notification(struct house *house, const char *beginning)
{
    char text[512];

    while (read_notification(house, text, sizeof text)) {
        if (strncmp(text, beginning, strlen(beginning)) == 0) {
            return true;
        }
    }
    return false;
}

static bool await_ready(struct house *house)
{
    return await_notification(house, "READY=1");
}

void house_await_notification(struct house *house, const char *beginning)
{
    ck_assert_msg(await_notification(house, beginning), "the service manager never heard %s",
                  beginning);
}

void house_begin_start(struct house *house)
{
    char *configuration = house_file(house, "assentd.conf");
    char *notify = house_file(house, "notify");
    char drop[512];

    while (recv(house->notify, drop, sizeof drop, MSG_DONTWAIT) > 0) {
    }
    (void)setenv("NOTIFY_SOCKET", notify, 1);
    house->pid =
        spawn_daemon(house, (const char *const[]){"-c", configuration, NULL}, "log", "log");
    free(configuration);
    free(notify);
}

bool house_try_start(struct house *house)
{
    house_begin_start(house);
    return await_ready(house);
}

bool house_await_start(struct house *house)
{
    return await_ready(house);
}

void house_start(struct house *house)
{
    if (!house_try_start(house)) {
        char *log = house_log(house);

        ck_abort_msg("assentd did not get ready:\n%s", log);
    }
}

int house_wait(struct house *house)
{
    int64_t deadline = house_now_ms() + HOUSE_PATIENCE_MS;
    int status = 0;

    while (!has_ended(house->pid)) {
        ck_assert_msg(house_now_ms() < deadline, "assentd does not end");
        pause_a_little();
    }
    ck_assert_int_eq(waitpid(house->pid, &status, 0), house->pid);
    house->pid = 0;
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

int house_stop(struct house *house)
{
    struct process_tree processes = house_processes(house);
    int status;

    ck_assert_int_gt(house->pid, 0);
    (void)kill(house->pid, SIGTERM);
    status = house_wait(house);
    processes_await_end(&processes, 0);
    process_tree_free(&processes);
    return status;
}

void house_kill(struct house *house)
{
    struct process_tree processes = house_processes(house);

    ck_assert_int_gt(house->pid, 0);
    (void)kill(house->pid, SIGKILL);
    (void)house_wait(house);
    processes_await_end(&processes, HOUSE_PATIENCE_MS);
    process_tree_free(&processes);
}

struct told house_run(const struct house *house, ...)
{
    const char *arguments[ARGUMENT_LIMIT];
    struct told told;
    va_list list;
    int count = 0;
    int status = 0;
    pid_t pid;

    va_start(list, house);
    while ((arguments[count] = va_arg(list, const char *))) {
        ck_assert_int_lt(++count, ARGUMENT_LIMIT);
    }
    va_end(list);
    pid = spawn_daemon(house, arguments, "run.out", "run.error");
    ck_assert_int_eq(waitpid(pid, &status, 0), pid);
    told.status = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
    told.out = house_read(house, "run.out");
    told.error = house_read(house, "run.error");
    house_write(house, "run.out", "");
    house_write(house, "run.error", "");
    return told;
}

void told_clear(struct told *told)
{
    free(told->out);
    free(told->error);
}

void expect_part(const char *text, const char *part)
{
    ck_assert_msg(strstr(text, part) != NULL, "\"%s\" is not in: %s", part, text);
}

/* Type=notify-reload takes no word that seems older than its signal; sd_notify(3). */
static void expect_reloading(struct house *house, int64_t since_us)
{
    char text[512];
    long long at = 0;

    ck_assert_msg(read_notification(house, text, sizeof text), "assentd did not reload");
    ck_assert_int_eq(sscanf(text, "RELOADING=1\nMONOTONIC_USEC=%lld", &at), 1);
    ck_assert_int_ge(at, since_us);
}

void house_reload(struct house *house)
{
    int64_t before = clock_monotonic_us();

    (void)kill(house->pid, SIGHUP);
    expect_reloading(house, before);
    ck_assert_msg(await_ready(house), "assentd did not get ready after a reload");
}

void house_free(struct house *house)
{
    if (house->pid > 0) {
        int status = house_stop(house);
        char *log = house_log(house);

        ck_assert_msg(status == 0, "assentd ended with status %d:\n%s", status, log);
        free(log);
    }
    (void)close(house->notify);
    remove_tree(house->directory);
    free(house->socket);
    free(house);
}

const char *house_directory(const struct house *house)
{
    return house->directory;
}

int house_port(const struct house *house)
{
    return house->port;
}

pid_t house_pid(const struct house *house)
{
    return house->pid;
}

const char *house_socket(const struct house *house)
{
    return house->socket;
}
