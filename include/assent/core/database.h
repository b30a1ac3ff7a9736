/*
 * A typed skin over SQLite: one connection, statements that are prepared once, one sticky error.
 *
 * A statement is used in one breath: database_query, bind its parameters in their order, step, read
 * the columns in their order, database_end. None of these but the steps has to be checked: once
 * anything has failed, every later step fails too, so that no half-done transaction can be
 * committed. The first failure is logged, with the statement's name.
 *
 * Owns: the connection, the prepared statements, the syncer. Runs in: core, in its main thread; tests.
 * May call: SQLite (this and database_vfs.c are the files that do), log.
 */
#ifndef ASSENT_CORE_DATABASE_H
#define ASSENT_CORE_DATABASE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "assent/base/problem.h"

struct database;
struct database_statement;

/* A statement's text. It is prepared once for each address, so these are static constants. */
struct database_query {
    const char *name; /* for the log */
    const char *sql;
};

/* Opens the SQLite database at `path`, or makes it, for this process alone: exclusive locking, WAL,
 * a sync at each commit. Each of these is read back. Returns 0 (database_free), -EBUSY if another
 * process has it open, -EIO or -ENOMEM, each with a problem. */
int database_open(const char *path, struct database **ret_database, struct problem *ret_problem);

/* Rolls back an open transaction. Unless something has failed, also empties and removes the log.
 * Takes NULL. */
void database_free(struct database *database);

/* 0, or what the first failure was: -EIO or -ENOMEM. */
int database_error(const struct database *database);
/* The same in words: NULL while nothing has failed. */
const char *database_failure(const struct database *database);

/* Runs statements that have neither parameters nor rows. 0 or the sticky error. */
int database_execute(struct database *database, const char *name, const char *sql);

/* Copies the whole log into the database, syncs it, and empties the log. 0 or the sticky error;
 * that it could not be done fully is an error. */
int database_checkpoint(struct database *database);

/* Copies into the database what the log has, so that its file alone is all of it. Outside of
 * transactions and between statements. 0; -ENOSPC where the disk has no room for that, -EBUSY where it
 * could not be done just now, both without harm; or the sticky error. */
int database_settle(struct database *database);
/* Its own file, for database_vfs.h. Borrowed. */
struct sqlite3_file *database_file(struct database *database);

int database_begin(struct database *database);
/* Returns once it is on disk. */
int database_commit(struct database *database);

/* From here on commits may be begun without waiting for the disk: a thread is started that syncs the
 * log. `ret_fd`, which is borrowed, becomes readable when a sync has ended. 0 or negative errno. */
int database_sync_apart(struct database *database, int *ret_fd);
/* Commits, after the sync of the commit before. Once it has returned 0, the next transaction may be
 * begun and sees this one; on disk it is only when database_is_syncing is false, or
 * database_await_sync has returned 0. */
int database_begin_commit(struct database *database);
bool database_is_syncing(const struct database *database);
/* True if it is, and database_await_sync would not wait. */
bool database_has_synced(const struct database *database);
/* Waits for the sync that is under way, if there is one. 0 or the sticky error. */
int database_await_sync(struct database *database);

bool database_in_transaction(const struct database *database);

/* True if the open transaction has changed a row. */
bool database_has_changed(const struct database *database);

/* Begins the use of a statement. Never NULL: after a failure it is one whose steps fail. */
struct database_statement *database_query(struct database *database,
                                          const struct database_query *query);

/* Bind the next parameter. Texts and blobs are borrowed until database_end; NULL is bound as
 * NULL. */
void database_bind_integer(struct database_statement *statement, int64_t value);
void database_bind_text(struct database_statement *statement, const char *text);
/* A text that is not terminated. */
void database_bind_characters(struct database_statement *statement, const char *text,
                              size_t length);
void database_bind_blob(struct database_statement *statement, const void *bytes, size_t length);

/* Returns 1 and has a row, 0 if there are no more, or the sticky error. */
int database_step(struct database_statement *statement);

/* Read the next column of the row. What is borrowed lives until the next step. */
int64_t database_integer(struct database_statement *statement);
/* NULL where NULL is stored. */
const char *database_text(struct database_statement *statement);
/* Never more than INT_MAX bytes; NULL where nothing is stored. */
const void *database_blob(struct database_statement *statement, size_t *ret_length);
/* Copies a blob of exactly `length` bytes; one of another length is an error. */
void database_fixed_blob(struct database_statement *statement, void *ret_bytes, size_t length);

/* Ends the use of a statement, whatever became of it. */
void database_end(struct database_statement *statement);

/* Steps a statement that gives no rows, and ends it. 0 or the sticky error. */
int database_run(struct database_statement *statement);

/* Copies a text that may be long: straight into its copy, where a statement would have it in memory
 * twice for a moment. The row must be there. To be freed; 0 or the sticky error. */
int database_copy_long_text(struct database *database, const char *table, const char *column,
                            int64_t row, char **ret_text);

/* The rows that the statement before this changed. */
int database_changes(const struct database *database);

#endif
