/*
 * SQLite's way to its files, where it is not SQLite's own.
 *
 * The log is written in few pieces. SQLite hands out each page of a commit in two writes, which are two
 * system calls. They follow each other, so they are kept until the log is synced, read, or written
 * elsewhere, and are written then at once: before a sync no byte of the log need be in the file, after
 * it every byte is. A write that fails is told by what made it necessary, the sync of a commit as a
 * rule. From then on nothing is written or synced any more, so that no commit can come to stand on a
 * gap.
 *
 * The sync that ends a commit may be left to the caller, who does it while SQLite goes on. Only that
 * one: a sync after which anything else is written to the log (as the one of a new log's header) is
 * done then, before it; and so is the first, with which SQLite also syncs the directory.
 *
 * The database's own file may be watched: who copies it sees each write to it before it is done,
 * while what is overwritten is still there to be read. With a log these writes are checkpoints.
 *
 * All other files, and all else that is done with these, are SQLite's own way.
 *
 * Owns: the bytes that are kept for each open log. Runs in: core, in its main thread; tests. May call:
 * SQLite (this and database.c are the files that do), the allocator.
 */
#ifndef ASSENT_CORE_DATABASE_VFS_H
#define ASSENT_CORE_DATABASE_VFS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct sqlite3_file;

/* Makes it known to SQLite, once. Returns its name for sqlite3_open_v2, or NULL if SQLite has no
 * way to files of its own, or no memory. */
const char *database_vfs_name(void);

/* Of a database's own file: its size, and bytes of it as it is, whatever the log has. 0, or -EIO, also
 * where it ends before that. */
int database_vfs_size(struct sqlite3_file *file, int64_t *ret_size);
int database_vfs_read(struct sqlite3_file *file, int64_t offset, void *ret_bytes, size_t length);

/* Around a commit, with the log of a database: the next sync is left out if nothing comes after it; then
 * whether it was, and now is owed by the caller. */
void database_vfs_leave_sync(struct sqlite3_file *log);
bool database_vfs_take_owed_sync(struct sqlite3_file *log);

/* Who sees writes to a file of a database. */
struct database_vfs_watch {
    struct sqlite3_file *file;
    void (*before_write)(void *userdata, int64_t offset, size_t length);
    void *userdata;
};
/* Takes the place of the one before; NULL: nobody watches. It is borrowed. */
void database_vfs_watch(const struct database_vfs_watch *watch);

#endif
