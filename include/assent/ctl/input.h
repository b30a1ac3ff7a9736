/*
 * What users hand over in files.
 *
 * Owns: nothing. Runs in: assentctl. May call: files, standard input.
 */
#ifndef ASSENT_CTL_INPUT_H
#define ASSENT_CTL_INPUT_H

#include "assent/base/buffer.h"
#include "assent/base/problem.h"

/* Appends all of the file, or of standard input for `-`. 0, or a negative errno with a problem. */
int input_read(const char *path, struct buffer *out, struct problem *ret_problem);

#endif
