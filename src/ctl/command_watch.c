#include <poll.h>

#include "assent/base/clock.h"
#include "assent/ctl/ctl.h"
#include "assent/ctl/terminal.h"
#include "assent/ctl/watch.h"

#define USUAL_INTERVAL_MS 1000
#define LEAST_INTERVAL_MS 200

static const struct option_spec options[] = {
    {"interval", 0, "TIME", "how often to look: 500ms, 5s...; 1s without it"},
    {0},
};

/* --- as a page -------------------------------------------------------------------------------- */

struct showing {
    struct ctl *ctl;
    struct look look; /* the newest that was answered */
    struct problem away;
    int64_t away_since; /* 0: it is there */
};

static void paint(const struct showing *showing)
{
    struct screen screen = {.coloured = showing->ctl->screen.coloured, .now = clock_now_ms()};
    struct watch_page page = {
        .where = reach_name(&showing->ctl->reach),
        .look = &showing->look,
        .away = showing->away_since ? showing->away.text : NULL,
        .away_since = showing->away_since,
    };

    terminal_size(&screen.width, &page.rows);
    watch_page(&screen, &page);
    terminal_paint(&screen.text);
    screen_free(&screen);
}

static void look_again(struct showing *showing)
{
    struct look look;

    look_take(showing->ctl, false, &look);
    if (look.exit == CTL_OK) {
        look_free(&showing->look);
        showing->look = look;
        showing->away_since = 0;
        return;
    }
    showing->away = look.problem;
    if (!showing->away_since) {
        showing->away_since = clock_now_ms();
    }
}

static void show_page(struct ctl *ctl, const struct look *first, int64_t interval_ms)
{
    struct showing showing = {.ctl = ctl, .look = *first};
    int64_t next = clock_monotonic_ms() + interval_ms;
    enum terminal_event event;

    terminal_open();
    do {
        paint(&showing);
        event = terminal_wait(next - clock_monotonic_ms());
        if (event == TERMINAL_TIME) {
            look_again(&showing);
            next = clock_monotonic_ms() + interval_ms;
        }
    } while (event != TERMINAL_QUIT);
    terminal_close();
    look_free(&showing.look);
}

/* --- as lines --------------------------------------------------------------------------------- */

/* Until somebody ends it, or nobody reads on. */
static int show_lines(struct ctl *ctl, struct look *look, int64_t interval_ms)
{
    struct watch_changes *changes;
    bool written = true;

    watch_changes_new(&changes);
    while (written) {
        ctl->screen.now = clock_now_ms();
        watch_changes_show(changes, ctl, look);
        written = ctl_flush(ctl);
        look_free(look);
        (void)poll(NULL, 0, (int)interval_ms);
        look_take(ctl, true, look);
    }
    look_free(look);
    watch_changes_free(changes);
    ctl_complain("can't write the output");
    return CTL_OUTPUT_FAILED;
}

static int run_watch(struct ctl *ctl, const struct arguments *arguments)
{
    bool as_page = ctl->terminal && !ctl->json && terminal_can();
    int64_t interval_ms = USUAL_INTERVAL_MS;
    struct problem problem;
    struct look look;

    if (arguments_duration(arguments, "interval", &interval_ms, &problem) < 0) {
        return ctl_refuse(ctl, "watch: %s", problem.text);
    }
    if (interval_ms < LEAST_INTERVAL_MS || interval_ms > INT32_MAX) {
        return ctl_refuse(ctl, "watch: --interval: expected at least %dms, and less than a month",
                          LEAST_INTERVAL_MS);
    }
    look_take(ctl, !as_page, &look);
    if (look.exit != CTL_OK) {
        int status = look.exit;

        ctl_complain("%s", look.problem.text);
        look_free(&look);
        return status;
    }
    if (!as_page) {
        return show_lines(ctl, &look, interval_ms);
    }
    show_page(ctl, &look, interval_ms);
    return CTL_OK;
}

const struct command command_watch = {
    .name = "watch",
    .summary = "show what is pending and running, and how it changes",
    .description =
        "On a terminal, shows what is paused, what waits in the queue, how far the jobs\n"
        "with items have come, the pending requests with the least time left, and the\n"
        "jobs that run, and again every second until 'q' is typed. In a bar, '#' stands\n"
        "for what succeeded, '!' for what failed, '>' for what runs and '.' for what is\n"
        "to come.\n"
        "\n"
        "Elsewhere, or with --json, writes what is open and then a line for each change.\n"
        "If the daemon goes away, says so and waits for it.\n",
    .options = options,
    .run = run_watch,
};
