#include "assent/ctl/terminal.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

#include "assent/base/clock.h"
#include "assent/ctl/screen.h"

#define USUAL_COLUMNS 80
#define USUAL_ROWS    24

/* The alternate screen; no cursor and no wrapping of lines; and back. */
#define PAGE  "\033[?1049h"
#define QUIET "\033[?25l\033[?7l"
#define LEAVE "\033[0m\033[?7h\033[?25h\033[?1049l"

static struct {
    volatile sig_atomic_t open;
    volatile sig_atomic_t paint; /* what was painted is lost */
    bool typed;                  /* standard input is a terminal, too */
    struct termios before;
    struct termios during;
    sigset_t waiting; /* what is blocked while it waits */
} terminal;

static const int ends[] = {SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGABRT};

/* --- what handlers may call, too -------------------------------------------------------------- */

/* A terminal that takes no more is gone: nobody is left to tell. */
static void write_all(const char *bytes, size_t length)
{
    while (length > 0) {
        ssize_t written = write(STDOUT_FILENO, bytes, length);

        if (written < 0 && errno != EINTR) {
            return;
        }
        if (written > 0) {
            bytes += written;
            length -= (size_t)written;
        }
    }
}

static void set_modes(void)
{
    if (terminal.typed) {
        (void)tcsetattr(STDIN_FILENO, TCSANOW, &terminal.during);
    }
    write_all(QUIET, sizeof QUIET - 1);
}

static void enter(void)
{
    write_all(PAGE, sizeof PAGE - 1);
    set_modes();
}

static void leave(void)
{
    write_all(LEAVE, sizeof LEAVE - 1);
    if (terminal.typed) {
        (void)tcsetattr(STDIN_FILENO, TCSANOW, &terminal.before);
    }
}

static void set_handler(int number, void (*handler)(int), int flags)
{
    struct sigaction action = {.sa_handler = handler, .sa_flags = flags};

    (void)sigemptyset(&action.sa_mask);
    (void)sigaction(number, &action, NULL);
}

/* Ends as if the signal had never been caught. */
static void on_end(int number)
{
    if (terminal.open) {
        terminal.open = 0;
        leave();
    }
    (void)raise(number);
}

/* Stops in between, unless there is nobody who could continue it: then the kernel ignores that. */
static void on_stop(int number)
{
    int r = errno;
    sigset_t stop;

    leave();
    set_handler(number, SIG_DFL, 0);
    (void)sigemptyset(&stop);
    (void)sigaddset(&stop, number);
    (void)raise(number);
    (void)pthread_sigmask(SIG_UNBLOCK, &stop, NULL);
    set_handler(number, on_stop, SA_RESTART);
    enter();
    terminal.paint = 1;
    errno = r;
}

/* After a SIGSTOP, too, of which nothing is known: the page is there, and someone else's text on it. */
static void on_continue(int number)
{
    int r = errno;

    (void)number;
    if (terminal.open) {
        set_modes();
        terminal.paint = 1;
    }
    errno = r;
}

static void on_size(int number)
{
    (void)number;
    terminal.paint = 1;
}

/* --- taking and giving ------------------------------------------------------------------------ */

/* What asks for painting is noticed while it waits, and not before. */
static void set_handlers(void)
{
    sigset_t later;

    (void)sigemptyset(&later);
    (void)sigaddset(&later, SIGWINCH);
    (void)sigaddset(&later, SIGCONT);
    (void)pthread_sigmask(SIG_BLOCK, &later, &terminal.waiting);
    (void)sigdelset(&terminal.waiting, SIGWINCH);
    (void)sigdelset(&terminal.waiting, SIGCONT);
    for (size_t i = 0; i < sizeof ends / sizeof ends[0]; i++) {
        struct sigaction before;

        (void)sigaction(ends[i], NULL, &before);
        if (before.sa_handler != SIG_IGN) {
            set_handler(ends[i], on_end, (int)(SA_RESETHAND | SA_NODEFER));
        }
    }
    set_handler(SIGTSTP, on_stop, SA_RESTART);
    set_handler(SIGCONT, on_continue, SA_RESTART);
    set_handler(SIGWINCH, on_size, 0);
}

/* Signals that write to the terminal or end the program, so that what is written stays whole. */
static void block(sigset_t *ret_before)
{
    sigset_t all;

    (void)sigfillset(&all);
    (void)pthread_sigmask(SIG_BLOCK, &all, ret_before);
}

static void unblock(const sigset_t *before)
{
    (void)pthread_sigmask(SIG_SETMASK, before, NULL);
}

bool terminal_can(void)
{
    const char *name = getenv("TERM");

    return isatty(STDOUT_FILENO) && name && name[0] && strcmp(name, "dumb") != 0;
}

void terminal_open(void)
{
    static bool closes_at_exit;
    sigset_t before;

    terminal.typed = isatty(STDIN_FILENO) && tcgetattr(STDIN_FILENO, &terminal.before) == 0;
    terminal.during = terminal.before;
    terminal.during.c_lflag &= ~(tcflag_t)(ICANON | ECHO);
    terminal.during.c_cc[VMIN] = 1;
    terminal.during.c_cc[VTIME] = 0;
    if (!closes_at_exit) {
        closes_at_exit = atexit(terminal_close) == 0;
    }
    set_handlers();
    block(&before);
    terminal.open = 1;
    enter();
    unblock(&before);
}

void terminal_close(void)
{
    sigset_t before;

    block(&before);
    if (terminal.open) {
        terminal.open = 0;
        leave();
        for (size_t i = 0; i < sizeof ends / sizeof ends[0]; i++) {
            set_handler(ends[i], SIG_DFL, 0);
        }
        set_handler(SIGTSTP, SIG_DFL, 0);
    }
    unblock(&before);
}

/* --- painting and waiting --------------------------------------------------------------------- */

void terminal_size(size_t *ret_columns, size_t *ret_rows)
{
    struct winsize size = {0};
    bool known = ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0 && size.ws_row > 0;

    *ret_columns = known ? size.ws_col : USUAL_COLUMNS;
    *ret_rows = known ? size.ws_row : USUAL_ROWS;
}

/* The columns of a line in which the only escapes are those of colours. */
static size_t columns_of(const char *line, size_t length)
{
    struct buffer plain = {0};
    size_t columns;

    for (size_t i = 0; i < length; i++) {
        if (line[i] == '\033') {
            const char *end = memchr(line + i, 'm', length - i);

            i = end ? (size_t)(end - line) : length;
        } else {
            screen_must(buffer_append(&plain, line + i, 1));
        }
    }
    screen_must(buffer_text(&plain) ? 0 : -1);
    columns = screen_columns((const char *)plain.data);
    buffer_free(&plain);
    return columns;
}

/* Where a line ends at the last column, the cursor stands on its last character still, and would
 * erase it. */
static void append_line(struct buffer *page, const char *line, size_t length, size_t columns)
{
    screen_must(buffer_append(page, line, length));
    screen_must(buffer_append_text(page, columns_of(line, length) < columns ? "\033[K" : ""));
}

void terminal_paint(const struct buffer *lines)
{
    const char *at = (const char *)lines->data;
    const char *end = at + lines->length;
    struct buffer page = {0};
    size_t columns;
    size_t rows;
    sigset_t before;

    terminal_size(&columns, &rows);
    screen_must(buffer_append_text(&page, "\033[H"));
    for (size_t row = 0; row < rows && at < end; row++) {
        const char *newline = memchr(at, '\n', (size_t)(end - at));
        const char *stop = newline ? newline : end;

        screen_must(buffer_append_text(&page, row > 0 ? "\r\n" : ""));
        append_line(&page, at, (size_t)(stop - at), columns);
        at = stop + 1;
    }
    block(&before);
    write_all((const char *)page.data, page.length);
    unblock(&before);
    buffer_free(&page);
}

/* What was typed: true if it was `q`, or if nobody can type any more. */
static bool typed_quit(void)
{
    char keys[64];
    ssize_t length = read(STDIN_FILENO, keys, sizeof keys);

    if (length <= 0) {
        return length == 0 || errno != EINTR;
    }
    return memchr(keys, 'q', (size_t)length) || memchr(keys, 'Q', (size_t)length);
}

enum terminal_event terminal_wait(int64_t ms)
{
    int64_t until = clock_monotonic_ms() + ms;

    for (;;) {
        int64_t left = until - clock_monotonic_ms();
        const struct timespec time = {.tv_sec = left / 1000, .tv_nsec = left % 1000 * 1000000};
        struct pollfd input = {.fd = STDIN_FILENO, .events = POLLIN};

        if (terminal.paint) {
            terminal.paint = 0;
            return TERMINAL_PAINT;
        }
        if (left <= 0) {
            return TERMINAL_TIME;
        }
        if (ppoll(&input, terminal.typed ? 1 : 0, &time, &terminal.waiting) > 0 && typed_quit()) {
            return TERMINAL_QUIT;
        }
    }
}
