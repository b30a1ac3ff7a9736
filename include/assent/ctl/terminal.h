/*
 * The terminal as one page that is painted again and again.
 *
 * The page is the alternate screen, so that what was there before comes back. However the program
 * ends, by a call, by exit() or by SIGINT, SIGTERM, SIGHUP, SIGQUIT or SIGABRT, the terminal is left
 * as it was found; SIGTSTP leaves it for as long as the program is stopped. Only SIGKILL can't be
 * told from outside.
 *
 * Owns: the terminal of standard output, and that of standard input if it is one, while it is open.
 * There is one, since signal handlers have to find it. Runs in: assentctl, in its main thread.
 * May call: termios, signals.
 */
#ifndef ASSENT_CTL_TERMINAL_H
#define ASSENT_CTL_TERMINAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "assent/base/buffer.h"

/* True if standard output is a terminal that can do that. */
bool terminal_can(void);

/* Takes the terminal. */
void terminal_open(void);
/* Gives it back. Does nothing if it isn't open. */
void terminal_close(void);

/* 80 and 24 where the terminal does not say. */
void terminal_size(size_t *ret_columns, size_t *ret_rows);

/* Paints the lines, from the top, as many as fit, over what is there, without clearing it first. No
 * line may be longer than the terminal is wide, and they fill it. */
void terminal_paint(const struct buffer *lines);

enum terminal_event {
    TERMINAL_TIME,  /* the time is over */
    TERMINAL_PAINT, /* it has another size, or lost what was painted */
    TERMINAL_QUIT,  /* `q` was typed, or nothing can be typed any more */
};

/* Waits for what comes first. */
enum terminal_event terminal_wait(int64_t ms);

#endif
