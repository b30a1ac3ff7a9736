/*
 * A sentence for a person about what was wrong.
 *
 * Functions that refuse something return a negative errno-like code, and where a person will ask
 * "what exactly?", they also fill a struct problem. It is a fixed buffer, so nobody frees it and
 * it can be filled while memory is short. The text has no trailing newline and no file name: the
 * caller knows where it was and adds that.
 *
 * Owns: nothing. Runs in: every role, any thread. May call: text.
 */
#ifndef ASSENT_BASE_PROBLEM_H
#define ASSENT_BASE_PROBLEM_H

struct problem {
    char text[512];
};

/* Writes the formatted text, cut at the buffer's size. Whatever was put into it and wherever it was
 * cut, it is valid UTF-8 then. `problem` may be NULL: then nothing. */
void problem_set(struct problem *problem, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

#endif
