/*
 * What the commands of assentctl share: how they are described, what they are given, how they end.
 *
 * A command collects its output on ctl->screen, which is written when it returns; what went wrong
 * goes to standard error at once.
 *
 * Owns: a struct ctl owns its screen and its reach. Runs in: assentctl. May call: arguments, screen.
 */
#ifndef ASSENT_CTL_CTL_H
#define ASSENT_CTL_CTL_H

#include <jansson.h>
#include <stdbool.h>
#include <stdio.h>

#include "assent/ctl/arguments.h"
#include "assent/ctl/reach.h"
#include "assent/ctl/screen.h"

/* Exit statuses; docs/assentctl.1.scd tells users. */
enum ctl_exit {
    CTL_OK = 0,
    CTL_ERROR = 1, /* the daemon answered with an error, or it isn't ready */
    CTL_NO_DAEMON = 5,
    CTL_USAGE = 64,
    CTL_NO_MEMORY = 71,
    CTL_OUTPUT_FAILED = 74,
    CTL_CONFIG = 78,

    /* of those that wait for a decision, where an error must not look like a denial */
    CTL_APPROVED = 0,
    CTL_DENIED = 1,
    CTL_EXPIRED = 2,
    CTL_ENDED = 3, /* canceled or failed; or a notice, which nobody decides about */
    CTL_UNDECIDED = 4,
    CTL_WAIT_ERROR = 6,
};

struct ctl {
    const char *command; /* its name, for messages */
    struct reach reach;  /* where the daemon is */
    bool json;
    bool terminal; /* standard output is one */
    bool reached;  /* somebody at the socket has taken a question of this run */
    struct screen screen;
};

struct command {
    const char *name;
    const char *operands; /* as the usage line shows them: `REQUEST`, `[JOB]`; NULL: takes none */
    size_t least_operands;
    size_t most_operands;
    const char *summary;
    const char *description;           /* paragraphs of the help, lines of at most 80 columns */
    const struct option_spec *options; /* NULL: none of its own */
    bool alone;                        /* does not ask the daemon */
    int (*run)(struct ctl *ctl, const struct arguments *arguments);
};

/* --- the commands ----------------------------------------------------------------------------- */

extern const struct command command_register;
extern const struct command command_request;
extern const struct command command_explain;
extern const struct command command_events;
extern const struct command command_list;
extern const struct command command_show;
extern const struct command command_wait;
extern const struct command command_cancel;
extern const struct command command_jobs;
extern const struct command command_items;
extern const struct command command_output;
extern const struct command command_retry;
extern const struct command command_pause;
extern const struct command command_resume;
extern const struct command command_send;
extern const struct command command_rehearse; /* `test`: files of such a name are tests' */
extern const struct command command_backup;
extern const struct command command_status;
extern const struct command command_watch;

/* All of them, in the order of the help, up to a NULL. */
extern const struct command *const commands[];
/* --socket, --json and the like: what every command takes. */
extern const struct option_spec common_options[];

const struct command *command_find(const char *name); /* NULL if there is none */
/* The help of one command, or with NULL that of assentctl. */
void command_help(struct screen *screen, const struct command *command);

/* --- telling ---------------------------------------------------------------------------------- */

/* Writes `assentctl: TEXT` to standard error, escaped. */
void ctl_complain(const char *format, ...) __attribute__((format(printf, 1, 2)));
/* The same for a wrong command line, with where its help is. Returns CTL_USAGE. */
int ctl_refuse(const struct ctl *ctl, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* Shows JSON: indented on a terminal, else in one line. */
void ctl_show_json(struct ctl *ctl, const json_t *json);
/* Writes the text and empties it. False if that failed. */
bool ctl_write(struct buffer *text, FILE *file);
/* The same with the screen, to standard output. */
bool ctl_flush(struct ctl *ctl);

#endif
