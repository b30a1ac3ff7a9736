/*
 * What `watch` shows: a page that fits, and a line for each change.
 */
#include <check.h>
#include <locale.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "assent/ctl/watch.h"
#include "support/suite.h"

#define NOW 1773657045000 /* 2026-03-16 10:30:45Z */

static struct screen screen;
static struct look look;

static json_t *json(const char *text)
{
    json_t *value = json_loads(text, 0, NULL);

    ck_assert_msg(value != NULL, "%s", text);
    return value;
}

static void begin(void)
{
    (void)setlocale(LC_CTYPE, "C.UTF-8");
    screen = (struct screen){.now = NOW, .width = 80};
    look = (struct look){
        .health =
            json("{\"ready\":true,\"version\":\"1.2\",\"paused\":[],\"requests\":{\"pending\":0},"
                 "\"jobs\":{\"queued\":0,\"running\":0,\"interrupted\":0}}"),
        .pending = json_array(),
        .running = json_array(),
        .queued = json_array(),
        .requests = json_array(),
        .jobs = json_array(),
    };
}

static void end(void)
{
    look_free(&look);
    screen_free(&screen);
}

/* --- the page --------------------------------------------------------------------------------- */

static void add_pending(int number, const char *expires_at)
{
    json_t *request =
        json_pack("{s:o, s:s, s:s, s:s, s:s, s:s}", "requestId", json_sprintf("req_%d", number),
                  "action", "pay", "urgency", "high", "status", "pending", "createdAt",
                  "2026-03-16T10:29:45Z", "expiresAt", expires_at);

    (void)json_array_append_new(look.pending, request);
}

static json_t *new_job(int number, const char *state)
{
    return json_pack("{s:i, s:s, s:s, s:s, s:i, s:s, s:s}", "job", number, "hook", "note",
                     "requestId", "req_1", "state", state, "attempt", 1, "createdAt",
                     "2026-03-16T10:30:00Z", "startedAt", "2026-03-16T10:30:40Z");
}

static json_t *new_fan_out(int number, int succeeded)
{
    json_t *job = new_job(number, "running");

    (void)json_object_set_new(job, "items",
                              json_pack("{s:i, s:i, s:i, s:i, s:s}", "total", 200, "succeeded",
                                        succeeded, "failed", 20, "running", 2, "estimatedEnd",
                                        "2026-03-16T10:32:45Z"));
    return job;
}

static const char *page(size_t rows, const char *away)
{
    const struct watch_page shown = {
        .where = "/run/control.sock",
        .look = &look,
        .away = away,
        .away_since = NOW - 12000,
        .rows = rows,
    };

    screen.text.length = 0;
    watch_page(&screen, &shown);
    return buffer_text(&screen.text);
}

static void assert_has(const char *text, const char *expected)
{
    ck_assert_msg(strstr(text, expected) != NULL, "no '%s' in:\n%s", expected, text);
}

/* So many lines, none of them wider than the screen, the last of them how to quit. */
static void assert_fits(size_t rows)
{
    char *copy = strdup(buffer_text(&screen.text));
    char *rest = copy;
    char *line;
    size_t count = 0;

    while ((line = strsep(&rest, "\n")) && (rest || line[0])) {
        ck_assert_msg(screen_columns(line) <= screen.width, "too wide: %s", line);
        count++;
        ck_assert_msg((count == rows) == (strcmp(line, "q quits") == 0), "line %zu of %zu: %s",
                      count, rows, line);
    }
    ck_assert_uint_eq(count, rows);
    free(copy);
}

START_TEST(an_idle_daemon_has_a_quiet_page)
{
    ck_assert_str_eq(page(7, NULL),
                     "assentd 1.2 ready at /run/control.sock                                 "
                     "10:30:45Z\n"
                     "Queue  0\n"
                     "\n"
                     "Nothing is pending or running.\n"
                     "\n"
                     "\n"
                     "q quits\n");
    assert_fits(7);
}
END_TEST

START_TEST(the_page_shows_what_runs_and_what_is_pending)
{
    add_pending(1, "2026-03-16T11:25:45Z");
    add_pending(2, "2026-03-16T10:35:45Z");
    (void)json_array_append_new(look.running, new_job(9, "running"));
    (void)json_array_append_new(look.running, new_fan_out(8, 98));
    (void)json_array_append_new(look.queued, new_job(10, "queued"));
    ck_assert_str_eq(
        page(18, NULL),
        "assentd 1.2 ready at /run/control.sock                                 10:30:45Z\n"
        "Queue  1: 1 note\n"
        "\n"
        "ITEM BY ITEM\n"
        "8  note for req_1                                 118 of 200, 20 failed, 2m left\n"
        "  [##################################!!!!!!!>.............................]  59%\n"
        "\n"
        "PENDING  ACTION  URGENCY  AGE  LEFT\n"
        "req_2    pay     high      1m    5m\n"
        "req_1    pay     high      1m   55m\n"
        "\n"
        "RUNNING  HOOK  REQUEST  TRY  FOR\n"
        "      9  note  req_1      1   5s\n"
        "\n"
        "\n"
        "\n"
        "\n"
        "q quits\n");
    assert_fits(18);
}
END_TEST

START_TEST(what_is_wrong_is_said_loudly)
{
    json_t *paused = json("[{\"hook\":null,\"since\":\"2026-03-16T10:30:00Z\",\"by\":\"uid:0\"},"
                          "{\"hook\":\"note\",\"since\":\"2026-03-16T10:30:40Z\",\"by\":\"ops\"}]");
    const char *text;

    (void)json_object_set_new(look.health, "paused", paused);
    (void)json_object_set_new(look.health, "ready", json_false());
    (void)json_object_set_new(json_object_get(look.health, "jobs"), "interrupted", json_integer(3));
    screen.coloured = true;
    text = page(24, "no daemon at /run/control.sock");
    assert_has(text, "\033[31massentd 1.2 NOT READY at ");
    assert_has(text, "\033[31mNO ANSWER for 12s, ");
    assert_has(text, "\033[31mno daemon at /run/control.sock\033[0m\n");
    assert_has(text, "\033[31mPAUSED  all hooks for 45s, by uid:0\033[0m\n");
    assert_has(text, "\033[31mPAUSED  hook note for 5s, by ops\033[0m\n");
    assert_has(text, "\033[31m3 interrupted: ");
}
END_TEST

START_TEST(every_size_is_filled_and_what_does_not_fit_is_counted)
{
    static const size_t widths[] = {80, 120, 40};

    for (int i = 0; i < 150; i++) {
        add_pending(i, "2026-03-16T11:25:45Z");
        (void)json_array_append_new(look.running,
                                    i < 20 ? new_fan_out(i, i) : new_job(i, "running"));
    }
    for (size_t w = 0; w < sizeof widths / sizeof widths[0]; w++) {
        screen.width = widths[w];
        for (size_t rows = 4; rows <= 100; rows += 1 + rows / 30) {
            (void)page(rows, NULL);
            assert_fits(rows);
        }
    }
    screen.width = 80;
    (void)json_object_set_new(json_object_get(look.health, "requests"), "pending",
                              json_integer(1000));
    assert_has(page(24, NULL), "\nand 997 more\n");
    assert_has(page(24, NULL), "\nRUNNING ");
    assert_has(page(24, NULL), "\nITEM BY ITEM\n");
}
END_TEST

START_TEST(agents_are_told_less_and_no_text_from_outside_harms)
{
    json_t *job = new_job(1, "running");

    json_decref(look.health);
    look.health = json("{\"ready\":true}");
    (void)json_object_set_new(job, "hook", json_string("a\033[2J\nb"));
    (void)json_array_append(look.running, job);
    (void)json_array_append_new(look.queued, job);
    assert_has(page(24, "\033[31mx"), "\n\\x1b[31mx\n");
    assert_has(buffer_text(&screen.text), "Queue  1: 1 a\\x1b[2J\\nb\n");
    ck_assert_ptr_null(strchr(buffer_text(&screen.text), '\033'));
    assert_fits(24);
}
END_TEST

START_TEST(the_queue_is_counted_by_hook_with_the_next_try)
{
    json_t *later = new_job(3, "queued");

    (void)json_object_set_new(later, "hook", json_string("call"));
    (void)json_object_set_new(later, "notBefore", json_string("2026-03-16T10:31:15Z"));
    (void)json_array_append_new(look.queued, new_job(1, "queued"));
    (void)json_array_append_new(look.queued, later);
    (void)json_array_append_new(look.queued, new_job(2, "queued"));
    assert_has(page(24, NULL), "\nQueue  3: 2 note, 1 call (next try in 30s)\n");
    (void)json_object_set_new(json_object_get(look.health, "jobs"), "queued", json_integer(812));
    assert_has(page(24, NULL), "\nQueue  812: 2+ note, 1+ call");
}
END_TEST

/* --- the lines -------------------------------------------------------------------------------- */

static struct ctl ctl;

/* What is written at that look. */
static char *lines(struct watch_changes *changes)
{
    ctl.screen.now = NOW;
    ctl.screen.text.length = 0;
    watch_changes_show(changes, &ctl, &look);
    return (char *)(uintptr_t)buffer_text(&ctl.screen.text);
}

static struct watch_changes *new_changes(void)
{
    struct watch_changes *changes;

    watch_changes_new(&changes);
    return changes;
}

START_TEST(at_first_what_is_open_is_told_and_then_each_change_once)
{
    struct watch_changes *changes = new_changes();
    json_t *job = new_job(9, "running");

    add_pending(1, "2026-03-16T11:25:45Z");
    (void)json_array_append(look.running, job);
    (void)json_array_append(look.jobs, job);
    (void)json_array_append_new(look.jobs, new_job(8, "failed"));
    ck_assert_str_eq(lines(changes), "2026-03-16 10:30:45Z  daemon ready\n"
                                     "2026-03-16 10:30:45Z  request req_1 pending, 55m left (pay)\n"
                                     "2026-03-16 10:30:45Z  job 9, note for req_1: running\n");
    ck_assert_str_eq(lines(changes), "");
    (void)json_array_clear(look.running);
    (void)json_object_set_new(job, "state", json_string("failed"));
    (void)json_object_set_new(job, "error", json_string("exit status 1"));
    ck_assert_str_eq(lines(changes),
                     "2026-03-16 10:30:45Z  job 9, note for req_1: failed; exit status 1\n");
    ck_assert_str_eq(lines(changes), "");
    watch_changes_free(changes);
    json_decref(job);
}
END_TEST

START_TEST(progress_is_a_change)
{
    struct watch_changes *changes = new_changes();

    (void)json_array_append_new(look.running, new_fan_out(8, 98));
    (void)lines(changes);
    (void)json_array_set_new(look.running, 0, new_fan_out(8, 99));
    ck_assert_str_eq(lines(changes), "2026-03-16 10:30:45Z  job 8, note for req_1: running; 119 of "
                                     "200, 20 failed, 2m left\n");
    ck_assert_str_eq(lines(changes), "");
    watch_changes_free(changes);
}
END_TEST

START_TEST(pauses_and_a_daemon_that_goes_away_are_told_once)
{
    struct watch_changes *changes = new_changes();
    const struct look there = look;

    (void)lines(changes);
    (void)json_object_set_new(
        look.health, "paused",
        json("[{\"hook\":null,\"since\":\"2026-03-16T10:30:00Z\",\"by\":\"uid:0\"}]"));
    ck_assert_str_eq(lines(changes), "2026-03-16 10:30:45Z  PAUSED all hooks for 45s, by uid:0\n");
    look = (struct look){.exit = CTL_NO_DAEMON, .problem = {.text = "nobody"}};
    ck_assert_str_eq(lines(changes), "2026-03-16 10:30:45Z  daemon away, trying again: nobody\n");
    ck_assert_str_eq(lines(changes), "");
    look = there;
    ck_assert_str_eq(lines(changes), "2026-03-16 10:30:45Z  daemon ready\n");
    (void)json_object_set_new(look.health, "paused", json_array());
    ck_assert_str_eq(lines(changes), "2026-03-16 10:30:45Z  nothing is paused\n");
    watch_changes_free(changes);
}
END_TEST

START_TEST(with_json_each_change_is_one_object)
{
    struct watch_changes *changes = new_changes();
    json_t *line;

    ctl.json = true;
    add_pending(1, "2026-03-16T11:25:45Z");
    line = json(strchr(lines(changes), '\n') + 1);
    ck_assert_str_eq(json_string_value(json_object_get(line, "at")), "2026-03-16T10:30:45.000Z");
    ck_assert(json_equal(json_object_get(line, "request"), json_array_get(look.pending, 0)));
    json_decref(line);
    watch_changes_free(changes);
}
END_TEST

static void end_lines(void)
{
    screen_free(&ctl.screen);
    ctl = (struct ctl){0};
    end();
}

int main(void)
{
    Suite *suite = suite_create("ctl watch");
    TCase *pages = tcase_create("page");
    TCase *changes = tcase_create("lines");

    tcase_add_checked_fixture(pages, begin, end);
    tcase_set_timeout(pages, 60);
    tcase_add_test(pages, an_idle_daemon_has_a_quiet_page);
    tcase_add_test(pages, the_page_shows_what_runs_and_what_is_pending);
    tcase_add_test(pages, what_is_wrong_is_said_loudly);
    tcase_add_test(pages, every_size_is_filled_and_what_does_not_fit_is_counted);
    tcase_add_test(pages, agents_are_told_less_and_no_text_from_outside_harms);
    tcase_add_test(pages, the_queue_is_counted_by_hook_with_the_next_try);
    suite_add_tcase(suite, pages);
    tcase_add_checked_fixture(changes, begin, end_lines);
    tcase_add_test(changes, at_first_what_is_open_is_told_and_then_each_change_once);
    tcase_add_test(changes, progress_is_a_change);
    tcase_add_test(changes, pauses_and_a_daemon_that_goes_away_are_told_once);
    tcase_add_test(changes, with_json_each_change_is_one_object);
    suite_add_tcase(suite, changes);
    return suite_run(suite);
}
