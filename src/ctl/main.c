/*
 * assentctl: what operators and agents talk to assentd with.
 *
 *   main ──▶ arguments ──▶ a command (command_*.c) ──▶ ask ──▶ client ──▶ the daemon
 *                             │
 *                             └──▶ request_view, job_view, table, screen ──▶ standard output
 *
 * Every command is a struct command (ctl.h) in a file of its own; commands.c lists them and makes
 * the help of their descriptions. A command asks the daemon over HTTP on one of its Unix sockets or
 * over TCP (reach), and shows what it answers: as it is with --json, else for people. `send` alone
 * talks to the public listener, as an approval service would.
 *
 * Whatever people are shown goes through a screen, which escapes what came from outside.
 */
#include <locale.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "assent/base/clock.h"
#include "assent/base/descriptors.h"
#include "assent/ctl/ctl.h"

static bool wants_colour(void)
{
    const char *refused = getenv("NO_COLOR");
    const char *terminal = getenv("TERM");

    return isatty(STDOUT_FILENO) && (!refused || !refused[0]) && terminal &&
           strcmp(terminal, "dumb") != 0;
}

/* Reads the words in front of the command, the command, and the words behind it. Returns CTL_OK or
 * CTL_USAGE. */
static int parse(struct ctl *ctl, int argc, const char *const *argv, struct arguments *arguments,
                 const struct command **ret_command)
{
    struct problem problem;
    int read = arguments_parse(arguments, argc - 1, argv + 1, NULL, common_options, true, &problem);
    const struct command *command;

    if (read < 0) {
        return ctl_refuse(ctl, "%s", problem.text);
    }
    if (read + 1 >= argc) {
        return CTL_OK;
    }
    command = command_find(argv[read + 1]);
    if (!command) {
        return ctl_refuse(ctl, "there is no command '%.100s'", argv[read + 1]);
    }
    ctl->command = command->name;
    *ret_command = command;
    read += 2;
    if (arguments_parse(arguments, argc - read, argv + read, command->options, common_options,
                        false, &problem) < 0) {
        return ctl_refuse(ctl, "%s: %s", command->name, problem.text);
    }
    return CTL_OK;
}

static int check_operands(const struct ctl *ctl, const struct command *command,
                          const struct arguments *arguments)
{
    if (arguments->operand_count < command->least_operands) {
        return ctl_refuse(ctl, "%s: expected %s", command->name, command->operands);
    }
    if (arguments->operand_count > command->most_operands) {
        return ctl_refuse(ctl, "%s: unexpected argument '%.100s'", command->name,
                          arguments->operands[command->most_operands]);
    }
    return CTL_OK;
}

static int find_daemon(struct ctl *ctl, const struct command *command,
                       const struct arguments *arguments)
{
    struct problem problem;

    if (!command->alone && reach_find(&ctl->reach, arguments, &problem) < 0) {
        return ctl_refuse(ctl, "%s: %s", command->name, problem.text);
    }
    return CTL_OK;
}

static int run(struct ctl *ctl, const struct command *command, const struct arguments *arguments)
{
    int status;

    if (arguments_has(arguments, "help")) {
        command_help(&ctl->screen, command);
        return CTL_OK;
    }
    if (arguments_has(arguments, "version")) {
        screen_format(&ctl->screen, "assentctl %s\n", ASSENT_VERSION);
        return CTL_OK;
    }
    if (!command) {
        return ctl_refuse(ctl, "expected a command");
    }
    status = check_operands(ctl, command, arguments);
    if (status == CTL_OK) {
        status = find_daemon(ctl, command, arguments);
    }
    return status == CTL_OK ? command->run(ctl, arguments) : status;
}

int main(int argc, char **argv)
{
    struct arguments arguments = {0};
    const struct command *command = NULL;
    struct ctl ctl = {
        .terminal = isatty(STDOUT_FILENO),
        .screen = {.coloured = wants_colour(), .now = clock_now_ms()},
    };
    int status;

    descriptors_keep_standard_streams();
    /* For the widths of characters alone: whatever is shown is UTF-8. */
    (void)setlocale(LC_CTYPE, "C.UTF-8");
    status = parse(&ctl, argc, (const char *const *)argv, &arguments, &command);
    if (status == CTL_OK) {
        ctl.json = arguments_has(&arguments, "json");
        status = run(&ctl, command, &arguments);
    }
    if (!ctl_flush(&ctl)) {
        ctl_complain("can't write the output");
        status = CTL_OUTPUT_FAILED;
    }
    reach_free(&ctl.reach);
    screen_free(&ctl.screen);
    return status;
}
