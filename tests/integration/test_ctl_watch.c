/*
 * `assentctl watch` on a real terminal: what stands on it, and that it is given back as it was.
 */
#include <check.h>
#include <poll.h>
#include <pty.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

#include "assent/base/buffer.h"
#include "assent/ctl/screen.h"
#include "integration/ctl_rig.h"
#include "support/suite.h"

#define LEAVE "\033[0m\033[?7h\033[?25h\033[?1049l"

static struct house *house;

/* The shell that has the terminal and runs the watcher, the other end of it, and all that was written
 * there. */
static pid_t shell;
static int terminal;
static struct buffer written;

/* What the shell does. A watcher that has been stopped is continued as soon as that was noted. */
static const char script[] = "set -m\n"
                             "trap : INT\n"
                             "stty -g >%DIR%/before\n"
                             "\"$ASSENT_BUILD\"/assentctl watch --interval=200ms\n"
                             "echo $? >%DIR%/status\n"
                             "stty -g >%DIR%/after\n"
                             "fg && { echo $? >%DIR%/status; stty -g >%DIR%/at-the-end; }\n"
                             "echo over\n";

static const char sections[] =
    "[runner]\n"
    "concurrency = 2\n"
    "[action send]\n"
    "on_granted = each\n"
    "[hook each]\n"
    "shell = case $ASSENT_JOB_KEY in *7) exit 1;; esac; "
    "test ${ASSENT_JOB_KEY##*-} -lt 50 || while ! test -e %DIR%/go; do sleep 0.05; done\n"
    "for_each = context.to\n";

static void begin(void)
{
    house = house_new();
    house_configure(house, sections);
    house_start(house);
    written = (struct buffer){0};
    shell = 0;
    terminal = -1;
}

static void end(void)
{
    if (terminal >= 0) {
        (void)close(terminal);
    }
    if (shell > 0) {
        (void)kill(shell, SIGKILL);
        (void)waitpid(shell, NULL, 0);
    }
    buffer_free(&written);
    said_clear(&said);
    house_free(house);
}

/* Reads what comes within some ms; false if nothing more can come. */
static bool read_some(int ms)
{
    struct pollfd input = {.fd = terminal, .events = POLLIN};
    char piece[4096];
    ssize_t length = 0;

    if (poll(&input, 1, ms) <= 0) {
        return true;
    }
    length = read(terminal, piece, sizeof piece);
    if (length > 0) {
        ck_assert_int_eq(buffer_append(&written, piece, (size_t)length), 0);
    }
    return length > 0;
}

/* --- the screen ------------------------------------------------------------------------------- */

/* What was painted last and is here to its last line, without what erases; to be freed. Every painting
 * begins at the top and fills the page. */
static char *painted(void)
{
    static const char last_line[] = "q quits";
    const char *text = buffer_text(&written);
    const char *from = NULL;
    const char *to = NULL;
    struct buffer page = {0};

    for (const char *at = text; (at = strstr(at, "\033[H")); at++) {
        const char *end = strstr(at, last_line);

        from = end ? at + strlen("\033[H") : from;
        to = end ? end + strlen(last_line) : to;
    }
    for (const char *at = from; at < to; at++) {
        if (strncmp(at, "\033[K", 3) == 0) {
            at += 2;
        } else if (*at != '\r') {
            ck_assert_int_eq(buffer_append(&page, at, 1), 0);
        }
    }
    ck_assert_int_eq(buffer_append(&page, "", 1), 0);
    return (char *)page.data;
}

/* Waits until the text stands on the screen. */
static void await_screen(const char *text)
{
    int64_t deadline = house_now_ms() + HOUSE_PATIENCE_MS;
    bool found = false;

    while (!found) {
        char *page = painted();

        found = strstr(page, text) != NULL;
        ck_assert_msg(found || house_now_ms() < deadline, "never on the screen: %s\n%s", text,
                      page);
        free(page);
        if (!found) {
            ck_assert_msg(read_some(100), "it ended: %s", buffer_text(&written));
        }
    }
}

static void assert_screen_fits(size_t columns, size_t rows)
{
    char *page = painted();
    char *rest = page;
    char *line;
    size_t count = 0;

    while ((line = strsep(&rest, "\n"))) {
        ck_assert_msg(screen_columns(line) <= columns, "too wide: %s", line);
        ck_assert_msg(!strchr(line, '\033'), "an escape: %s", line);
        count++;
    }
    ck_assert_uint_eq(count, rows);
    free(page);
}

static _Noreturn void become_shell(const char *path)
{
    (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
    (void)setenv("ASSENT_SOCKET", house_socket(house), 1);
    (void)setenv("ASSENT_BUILD", "build", 0);
    (void)setenv("TERM", "xterm", 1);
    (void)setenv("NO_COLOR", "1", 1);
    (void)execl("/bin/sh", "sh", path, (char *)NULL);
    _exit(127);
}

static void watch(unsigned short columns, unsigned short rows)
{
    const struct winsize size = {.ws_col = columns, .ws_row = rows};
    char *text = house_format(house, "%s", script);
    char *path = house_file(house, "script");

    house_write(house, "script", text);
    shell = forkpty(&terminal, NULL, NULL, &size);
    ck_assert_int_ge(shell, 0);
    if (shell == 0) {
        become_shell(path);
    }
    await_screen("q quits");
    free(text);
    free(path);
}

/* Sends a signal to whoever has the terminal. */
static void signal_watcher(int number)
{
    ck_assert_int_eq(kill(-tcgetpgrp(terminal), number), 0);
}

static void type(const char *keys)
{
    ck_assert_int_eq(write(terminal, keys, strlen(keys)), (ssize_t)strlen(keys));
}

static void assert_same(const char *file, const char *other)
{
    char *one = house_read(house, file);
    char *two = house_read(house, other);

    ck_assert_str_ne(one, "");
    ck_assert_str_eq(one, two);
    free(one);
    free(two);
}

/* The watcher has ended with that status; behind what gives the terminal back it wrote nothing. */
static void assert_ended(int status)
{
    const char *text;
    const char *left;
    char *got;

    house_await_lines(house, "after", 1);
    got = house_read(house, "status");
    ck_assert_int_eq(strtol(got, NULL, 10), status);
    free(got);
    assert_same("before", "after");
    while (read_some(1000)) {
    }
    text = buffer_text(&written);
    left = strstr(text, LEAVE);
    ck_assert_msg(left != NULL, "the terminal was not left");
    ck_assert_ptr_null(strchr(left + strlen(LEAVE), '\033'));
    ck_assert_ptr_nonnull(strstr(left, "over"));
}

/* --- scenarios -------------------------------------------------------------------------------- */

static void fan_out(int items)
{
    json_t *to = json_array();
    json_t *request;
    char *body;

    for (int i = 0; i < items; i++) {
        (void)json_array_append_new(to, json_integer(i));
    }
    request = json_pack("{s:s, s:s, s:{s:o}}", "requestId", "req_1", "action", "send", "context",
                        "to", to);
    body = json_dumps(request, 0);
    house_register(house, body);
    house_approve(house, "req_1");
    free(body);
    json_decref(request);
}

START_TEST(the_screen_shows_what_happens_as_it_happens)
{
    static const struct {
        unsigned short columns, rows;
    } sizes[] = {{80, 24}, {120, 40}};
    unsigned short columns = sizes[_i].columns;
    unsigned short rows = sizes[_i].rows;
    char *page;

    watch(columns, rows);
    await_screen("Nothing is pending or running.");
    house_register_as(house, "pending-1", "other");
    await_screen("pending-1  other   medium");
    /* 50 items go through, of which 5 fail; then two hang. */
    fan_out(100);
    await_screen("50 of 100, 5 failed");
    await_screen("each for req_1");
    await_screen("]  50%\n");
    assert_screen_fits(columns, rows);
    page = painted();
    ck_assert_ptr_nonnull(strstr(page, "  [####"));
    ck_assert_ptr_nonnull(strstr(page, "#!!!"));
    ck_assert_ptr_nonnull(strstr(page, "!>"));
    free(page);
    json_decref(answer_take(house_control(house, "POST", "/v1/pause", ""), 200));
    await_screen("PAUSED  all hooks for ");
    json_decref(answer_take(house_control(house, "POST", "/v1/resume", ""), 200));
    house_write(house, "go", "");
    house_await_jobs(house, "req_1", 1, "failed");
    await_screen("Queue  0\n\nPENDING");
    type("q");
    assert_ended(0);
}
END_TEST

START_TEST(it_takes_the_size_that_the_terminal_gets)
{
    const struct winsize size = {.ws_col = 60, .ws_row = 12};

    watch(80, 24);
    assert_screen_fits(80, 24);
    written.length = 0;
    ck_assert_int_eq(ioctl(terminal, TIOCSWINSZ, &size), 0);
    await_screen("q quits");
    assert_screen_fits(60, 12);
}
END_TEST

START_TEST(a_daemon_that_goes_away_is_waited_for)
{
    watch(80, 24);
    ck_assert_int_eq(house_stop(house), 0);
    await_screen("NO ANSWER for ");
    assert_screen_fits(80, 24);
    written.length = 0;
    house_start(house);
    await_screen("\nQueue  0\n\nNothing is pending");
}
END_TEST

START_TEST(whatever_ends_it_the_terminal_is_as_it_was)
{
    static const int signals[] = {SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGABRT};
    struct termios modes;
    int number = signals[_i];

    watch(80, 24);
    ck_assert_int_eq(tcgetattr(terminal, &modes), 0);
    ck_assert_uint_eq(modes.c_lflag & (ICANON | ECHO), 0);
    if (number == SIGINT) {
        type("\003");
    } else {
        signal_watcher(number);
    }
    assert_ended(128 + number);
}
END_TEST

START_TEST(a_stop_gives_the_terminal_back_for_as_long_as_it_lasts)
{
    char *left;

    watch(80, 24);
    type("\032");
    house_await_lines(house, "after", 1);
    assert_same("before", "after");
    while (!(left = strstr(buffer_text(&written), LEAVE))) {
        ck_assert(read_some(1000));
    }
    buffer_consume(&written, (size_t)(left - (char *)written.data) + strlen(LEAVE));
    await_screen("q quits");
    assert_screen_fits(80, 24);
    ck_assert_ptr_nonnull(strstr(buffer_text(&written), "\033[?1049h\033[?25l"));
    type("q");
    house_await_lines(house, "at-the-end", 1);
    assert_same("before", "at-the-end");
    assert_ended(0);
}
END_TEST

START_TEST(what_was_stopped_by_force_paints_its_page_again)
{
    watch(80, 24);
    signal_watcher(SIGSTOP);
    house_await_lines(house, "after", 1);
    written.length = 0;
    await_screen("q quits");
    assert_screen_fits(80, 24);
    type("q");
    house_await_lines(house, "at-the-end", 1);
    assert_same("before", "at-the-end");
}
END_TEST

START_TEST(elsewhere_it_writes_a_line_for_each_change)
{
    pid_t pid = ctl_start(house, "watch", "--interval=200ms", NULL);
    char name[64];

    (void)snprintf(name, sizeof name, "ctl.%d.out", (int)pid);
    house_await_lines(house, name, 1);
    house_register_as(house, "req_0", "other");
    house_await_lines(house, name, 2);
    house_decide_as(house, "req_0", "denied", "matched");
    house_await_lines(house, name, 3);
    ck_assert_int_eq(kill(pid, SIGTERM), 0);
    said_clear(&said);
    said = ctl_finish(house, pid);
    ck_assert_int_eq(said.exit, 128 + SIGTERM);
    ck_assert_ptr_nonnull(strstr(said.out, "Z  daemon ready\n"));
    ck_assert_ptr_nonnull(strstr(said.out, "Z  request req_0 pending, "));
    ck_assert_ptr_nonnull(strstr(said.out, "Z  request req_0 denied after "));
    ck_assert_ptr_null(strchr(said.out, '\033'));
}
END_TEST

START_TEST(with_json_every_line_is_an_object)
{
    pid_t pid = ctl_start(house, "watch", "--interval=200ms", "--json", NULL);
    char name[64];
    char *rest;
    char *line;
    int count = 0;

    (void)snprintf(name, sizeof name, "ctl.%d.out", (int)pid);
    house_await_lines(house, name, 1);
    fan_out(8);
    house_await_jobs(house, "req_1", 1, "failed");
    house_await_lines(house, name, 2);
    ck_assert_int_eq(kill(pid, SIGTERM), 0);
    said_clear(&said);
    said = ctl_finish(house, pid);
    rest = said.out;
    while ((line = strsep(&rest, "\n")) && *line) {
        json_t *json = json_loads(line, 0, NULL);

        ck_assert_msg(json_object_size(json) == 2 && json_object_get(json, "at"), "%s", line);
        json_decref(json);
        count++;
    }
    ck_assert_int_ge(count, 2);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("assentctl watch");
    TCase *tests = house_scenarios(suite, "watch", begin, end);

    tcase_add_loop_test(tests, the_screen_shows_what_happens_as_it_happens, 0, 2);
    tcase_add_test(tests, it_takes_the_size_that_the_terminal_gets);
    tcase_add_test(tests, a_daemon_that_goes_away_is_waited_for);
    tcase_add_loop_test(tests, whatever_ends_it_the_terminal_is_as_it_was, 0, 5);
    tcase_add_test(tests, a_stop_gives_the_terminal_back_for_as_long_as_it_lasts);
    tcase_add_test(tests, what_was_stopped_by_force_paints_its_page_again);
    tcase_add_test(tests, elsewhere_it_writes_a_line_for_each_change);
    tcase_add_test(tests, with_json_every_line_is_an_object);
    return suite_run(suite);
}
