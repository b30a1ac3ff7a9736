/*
 * How SQLite writes its log: in few pieces.
 *
 * SQLite hands out each page of a commit in two writes, which are two system calls. They follow each
 * other, so they are kept until the log is synced, read, or written elsewhere, and are written then
 * at once: before a sync no byte of the log need be in the file, after it every byte is. All other
 * files, and all else that is done with the log, are SQLite's own way.
 *
 * A write that fails is told by what made it necessary, the sync of a commit as a rule. From then on
 * nothing is written or synced any more, so that no commit can come to stand on a gap.
 *
 * Owns: the bytes that are kept for each open log. Runs in: core, in its only thread; tests.
 * May call: SQLite (this and database.c are the files that do), the allocator.
 */
#ifndef ASSENT_CORE_DATABASE_VFS_H
#define ASSENT_CORE_DATABASE_VFS_H

/* Makes it known to SQLite, once. Returns its name for sqlite3_open_v2, or NULL if SQLite has no
 * way to files of its own, or no memory. */
const char *database_vfs_name(void);

#endif
