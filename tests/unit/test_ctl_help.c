/*
 * The help fits a terminal, and it and the man page know the same commands and options.
 */
#include <check.h>
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "assent/ctl/ctl.h"
#include "assent/ctl/input.h"
#include "support/suite.h"

static struct buffer page;

static void begin(void)
{
    const char *source = getenv("ASSENT_SOURCE");
    char path[4096];
    struct problem problem;

    page = (struct buffer){0};
    (void)snprintf(path, sizeof path, "%s/docs/assentctl.1.scd", source ? source : ".");
    ck_assert_msg(input_read(path, &page, &problem) == 0, "%s", problem.text);
}

static void end(void)
{
    buffer_free(&page);
}

/* What stands in the page between a heading and the next one; to be freed. */
static char *section(const char *heading)
{
    char line[128];
    const char *found;
    const char *rest;
    size_t length = 0;

    (void)snprintf(line, sizeof line, "\n%s", heading);
    found = strstr(buffer_text(&page), line);
    ck_assert_msg(found != NULL, "the man page has no %s", heading);
    found += strlen(line);
    ck_assert_msg(found[0] == '\n' || found[0] == ' ', "the man page has no %s", heading);
    for (rest = found; *rest; rest++, length++) {
        if (rest[0] == '\n' && rest[1] == '#') {
            break;
        }
    }
    return strndup(found, length);
}

static const struct option_spec *find_option(const struct option_spec *options, const char *name)
{
    for (; options && options->name; options++) {
        if (strcmp(options->name, name) == 0) {
            return options;
        }
    }
    return NULL;
}

/* Every option of the list has a paragraph of its own in the text, with its value. */
static void assert_described(const char *where, const char *text, const struct option_spec *options)
{
    for (; options && options->name; options++) {
        char expected[128];
        char letter[16] = "";

        if (options->letter) {
            (void)snprintf(letter, sizeof letter, "*-%c*, ", options->letter);
        }
        (void)snprintf(expected, sizeof expected, "\n%s*--%s*%s%s%s\n", letter, options->name,
                       options->argument ? " _" : "", options->argument ? options->argument : "",
                       options->argument ? "_" : "");
        ck_assert_msg(strstr(text, expected) != NULL, "%s: the man page lacks%s", where, expected);
    }
}

/* Every paragraph about an option in the text is about one of the list. */
static void assert_known(const char *where, const char *text, const struct option_spec *options)
{
    const char *at = text;

    while ((at = strstr(at, "*--"))) {
        char name[64] = "";

        (void)sscanf(at, "*--%63[a-z-]", name);
        if (at[-1] == '\n' || strncmp(at - 2, ", ", 2) == 0) {
            ck_assert_msg(find_option(options, name) != NULL, "%s: only the man page knows --%s",
                          where, name);
        }
        at++;
    }
}

START_TEST(the_man_page_describes_every_option_of_every_command_and_no_other)
{
    char *text = section("# OPTIONS");

    assert_described("all commands", text, common_options);
    assert_known("all commands", text, common_options);
    free(text);
    for (size_t i = 0; commands[i]; i++) {
        char heading[64];

        (void)snprintf(heading, sizeof heading, "## %s", commands[i]->name);
        text = section(heading);
        assert_described(commands[i]->name, text, commands[i]->options);
        assert_known(commands[i]->name, text, commands[i]->options);
        free(text);
    }
}
END_TEST

START_TEST(the_man_page_has_no_command_that_is_not_there)
{
    const char *at = buffer_text(&page);

    while ((at = strstr(at, "\n## "))) {
        char name[64];

        ck_assert_int_eq(sscanf(at, "\n## %63[a-z]", name), 1);
        ck_assert_msg(command_find(name) != NULL, "there is no command %s", name);
        at++;
    }
}
END_TEST

START_TEST(the_man_page_tells_every_exit_status_of_a_wait)
{
    char *text = section("# EXIT STATUS");
    static const int statuses[] = {CTL_APPROVED,  CTL_DENIED,    CTL_EXPIRED,   CTL_ENDED,
                                   CTL_UNDECIDED, CTL_NO_DAEMON, CTL_WAIT_ERROR};
    const char *waits = strstr(text, "With *wait*");

    ck_assert_ptr_nonnull(waits);
    for (size_t i = 0; i < sizeof statuses / sizeof statuses[0]; i++) {
        char expected[16];

        (void)snprintf(expected, sizeof expected, "\n*%d*\n", statuses[i]);
        ck_assert_msg(strstr(waits, expected) != NULL, "not told: %d", statuses[i]);
    }
    free(text);
}
END_TEST

static void assert_fits(const struct command *command)
{
    struct screen screen = {0};
    char *rest;
    char *line;
    char *text;

    command_help(&screen, command);
    text = strdup(buffer_text(&screen.text));
    rest = text;
    while ((line = strsep(&rest, "\n"))) {
        ck_assert_msg(screen_columns(line) <= SCREEN_WIDTH, "too wide: %s", line);
        ck_assert_msg(!line[0] || !isspace((unsigned char)line[strlen(line) - 1]),
                      "ends in a space: '%s'", line);
    }
    free(text);
    screen_free(&screen);
}

START_TEST(all_help_fits_a_terminal)
{
    assert_fits(NULL);
    for (size_t i = 0; commands[i]; i++) {
        assert_fits(commands[i]);
    }
}
END_TEST

START_TEST(the_help_names_every_command_and_option)
{
    struct screen overview = {0};

    command_help(&overview, NULL);
    for (size_t i = 0; commands[i]; i++) {
        struct screen help = {0};
        const struct option_spec *option = commands[i]->options;

        ck_assert_ptr_nonnull(strstr(buffer_text(&overview.text), commands[i]->summary));
        command_help(&help, commands[i]);
        for (; option && option->name; option++) {
            char word[64];

            (void)snprintf(word, sizeof word, "--%s ", option->name);
            ck_assert_msg(strstr(buffer_text(&help.text), word) != NULL, "%s: %s",
                          commands[i]->name, word);
        }
        screen_free(&help);
    }
    screen_free(&overview);
}
END_TEST

START_TEST(no_option_of_a_command_hides_a_common_one)
{
    for (size_t i = 0; commands[i]; i++) {
        const struct option_spec *option = commands[i]->options;

        for (; option && option->name; option++) {
            ck_assert_msg(!find_option(common_options, option->name), "%s --%s", commands[i]->name,
                          option->name);
        }
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("ctl help");
    TCase *tests = tcase_create("help");

    tcase_add_checked_fixture(tests, begin, end);
    tcase_add_test(tests, the_man_page_describes_every_option_of_every_command_and_no_other);
    tcase_add_test(tests, the_man_page_has_no_command_that_is_not_there);
    tcase_add_test(tests, the_man_page_tells_every_exit_status_of_a_wait);
    tcase_add_test(tests, all_help_fits_a_terminal);
    tcase_add_test(tests, the_help_names_every_command_and_option);
    tcase_add_test(tests, no_option_of_a_command_hides_a_common_one);
    suite_add_tcase(suite, tests);
    return suite_run(suite);
}
