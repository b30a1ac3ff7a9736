#include <stdio.h>
#include <string.h>

#include "assent/ctl/ctl.h"

#define OPTION_WIDTH 26 /* what an option takes in the help, its gap included */

const struct command *const commands[] = {
    &command_request, &command_register, &command_explain, &command_list,     &command_show,
    &command_wait,    &command_cancel,   &command_jobs,    &command_items,    &command_output,
    &command_retry,   &command_pause,    &command_resume,  &command_status,   &command_watch,
    &command_events,  &command_backup,   &command_send,    &command_rehearse, NULL,
};

const struct option_spec common_options[] = {
    {"socket", 0, "PATH",
     "the daemon's socket for operators or for agents; else ASSENT_SOCKET, else ASSENT_URL, "
     "else " REACH_DEFAULT_SOCKET},
    {"url", 0, "URL", "in place of a socket: http://HOST:PORT, where a token is needed"},
    {"token-file", 0, "FILE", "a file with the token for --url; else ASSENT_TOKEN_FILE"},
    {"json", 0, NULL, "print the daemon's result as JSON: in one line, or indented on a terminal"},
    {"help", 'h', NULL, "print this and exit"},
    {"version", 0, NULL, "print the version and exit"},
    {0},
};

static const char description[] =
    "Asks assentd, the daemon that waits for approvals and runs what was approved:\n"
    "asks for approval, shows requests and what became of them, waits for decisions,\n"
    "and retries hooks that failed.\n";

static const char closing[] =
    "'assentctl COMMAND --help' tells more about each command, assentctl(1) all.\n"
    "\n"
    "Exit status: 0, or 1 if the daemon answered with an error, 5 if there is no\n"
    "daemon, 64 if the command line is wrong. 'wait' has its own.\n";

const struct command *command_find(const char *name)
{
    for (size_t i = 0; commands[i]; i++) {
        if (strcmp(commands[i]->name, name) == 0) {
            return commands[i];
        }
    }
    return NULL;
}

static void show_option(struct screen *screen, const struct option_spec *option)
{
    char words[64];
    char letter[8] = "";

    if (option->letter) {
        (void)snprintf(letter, sizeof letter, "-%c, ", option->letter);
    }
    (void)snprintf(words, sizeof words, "  %s--%s%s%s", letter, option->name,
                   option->argument ? " " : "", option->argument ? option->argument : "");
    screen_format(screen, "%-*s", OPTION_WIDTH, words);
    if (strlen(words) > OPTION_WIDTH - 2) {
        screen_format(screen, "\n%*s", OPTION_WIDTH, "");
    }
    screen_wrapped(screen, OPTION_WIDTH, option->help);
}

static void show_options(struct screen *screen, const char *heading,
                         const struct option_spec *options)
{
    if (options) {
        screen_format(screen, "\n%s\n", heading);
    }
    for (; options && options->name; options++) {
        show_option(screen, options);
    }
}

static void show_overview(struct screen *screen)
{
    screen_text(screen, "Usage: assentctl [OPTION]... COMMAND [ARGUMENT]...\n\n");
    screen_text(screen, description);
    screen_text(screen, "\nCommands:\n");
    for (size_t i = 0; commands[i]; i++) {
        screen_format(screen, "  %-10s%s\n", commands[i]->name, commands[i]->summary);
    }
    show_options(screen, "Options, which may also stand behind the command:", common_options);
    screen_text(screen, "\n");
    screen_text(screen, closing);
}

void command_help(struct screen *screen, const struct command *command)
{
    if (!command) {
        show_overview(screen);
        return;
    }
    screen_format(screen, "Usage: assentctl %s%s%s [OPTION]...\n\n", command->name,
                  command->operands ? " " : "", command->operands ? command->operands : "");
    screen_text(screen, command->description);
    show_options(screen, "Options:", command->options);
    show_options(screen, "Options of all commands:", common_options);
}
