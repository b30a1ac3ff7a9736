/*
 * The files around a configuration: their reading, and what must be there.
 *
 * Owns: nothing. Runs in: supervisor, assentctl. May call: open, read, stat, getgrnam.
 */
#ifndef ASSENT_CONFIG_FILES_H
#define ASSENT_CONFIG_FILES_H

#include <sys/types.h>

#include "assent/base/buffer.h"
#include "assent/base/problem.h"
#include "assent/config/report.h"
#include "assent/config/source.h"

/* Reads a regular file of at most `limit` bytes. 0, -ENOENT or -EINVAL with a problem, or -ENOMEM.
 * `ret_mode` may be NULL. */
int file_read(const char *path, size_t limit, struct buffer *ret_bytes, mode_t *ret_mode,
              struct problem *ret_problem);

/* Loads the files that values name, relative ones for secrets from `credentials` (may be NULL),
 * then all from `directory`. Reports what can't be used. 0 or -ENOMEM. */
int files_load(struct config_source *source, const char *directory, const char *credentials,
               struct config_report *report);

/* Reports programs, directories and groups that are not there. 0 or -ENOMEM. */
int files_check(const struct config *config, const struct config_source *source,
                struct config_report *report);

#endif
