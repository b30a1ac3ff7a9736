/*
 * The file of a backup: under its name there is either all of it, on disk, or what was there before.
 *
 * Until then it is NAME.XXXXXX.partial, for its owner alone; so two that are written at once are in
 * nobody's way. SIGINT, SIGTERM and SIGHUP remove that before they end the process.
 *
 * Owns: the file while it is written. Runs in: assentctl, one at a time. May call: files, signals.
 */
#ifndef ASSENT_CTL_BACKUP_FILE_H
#define ASSENT_CTL_BACKUP_FILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "assent/base/problem.h"

/* Empty is `{.path = PATH, .replaces = BOOL, .fd = -1}`; the path is borrowed. */
struct backup_file {
    const char *path;
    bool replaces; /* what has that name */
    char *partial; /* its name until then; NULL: not begun, or over */
    int fd;
};

/* All return 0, or a negative errno with a problem. */

/* Whether it could be begun: looks, and changes nothing. */
int backup_file_check(const struct backup_file *file, struct problem *ret_problem);
/* Begins one of so many bytes; the disk must have room for them, and for some more. */
int backup_file_begin(struct backup_file *file, int64_t length, struct problem *ret_problem);
int backup_file_append(struct backup_file *file, const void *bytes, size_t length,
                       struct problem *ret_problem);
/* Brings it to the disk, and gives it its name. */
int backup_file_finish(struct backup_file *file, struct problem *ret_problem);
/* Removes what is not finished. */
void backup_file_abandon(struct backup_file *file);

#endif
