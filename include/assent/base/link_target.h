/*
 * Which file a path is about.
 *
 * What lies beside a file by its name (a log, a lock) lies beside the file itself, whatever symbolic
 * link leads there.
 *
 * Owns: nothing. Runs in: supervisor, core. May call: lstat, realpath.
 */
#ifndef ASSENT_BASE_LINK_TARGET_H
#define ASSENT_BASE_LINK_TARGET_H

/* The path of the file that a symbolic link leads to; of what is no link, or one that leads nowhere, the
 * path itself. To be freed; NULL without memory. */
char *link_target(const char *path);

#endif
