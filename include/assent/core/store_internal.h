/*
 * What the files of the store share, and nobody else sees.
 *
 * Owns: the struct store. Runs in: core, in its main thread. May call: database.
 */
#ifndef ASSENT_CORE_STORE_INTERNAL_H
#define ASSENT_CORE_STORE_INTERNAL_H

#include <sys/types.h>

#include "assent/core/database.h"
#include "assent/core/store.h"

/* In the header of the file, big-endian: `asnt`, and the version of the schema. */
#define STORE_APPLICATION_OFFSET 68
#define STORE_APPLICATION_ID     0x61736e74
#define STORE_VERSION_OFFSET     60
#define STORE_VERSION            3
/* What the version has beside. A copy: no log can be of it, and nobody has looked at it yet. Then one
 * that is being put into use, and whose log is its own. */
#define STORE_COPIED    0x10000
#define STORE_RESTORING 0x20000

#define STORE_IDENTITY_SIZE 16

/* Names of services are many times in the database: as small numbers. */
struct store_service {
    int64_t number;
    char *name;
    int64_t early; /* its early events, counted */
};

/* Which file lay there, by its suffix; 0: none. */
struct store_place {
    dev_t device;
    ino_t inode;
};

#define STORE_FILES 2
extern const char *const STORE_SUFFIXES[STORE_FILES];

/* What is counted here is counted along with each write, which is never rolled back while the store
 * is in use. */
struct store {
    struct database *database;
    char *path;
    char identity[STORE_IDENTITY_SIZE + 1];
    /* The highest numbers that were ever given. */
    int64_t last_request;
    int64_t last_job;
    int64_t last_event;
    struct store_service *services;
    size_t service_count;
    int64_t request_counts[REQUEST_STATE_COUNT];
    int64_t job_counts[JOB_STATE_COUNT];
    int64_t oldest_request; /* every one below is decided; as found last */
    int64_t room_asked_at;  /* by the monotonic clock */
    bool has_room;
    struct store_place places[STORE_FILES];
    const char *misplaced; /* as found last */
    bool is_new;
    bool is_restored;
};

/* Everything that makes an empty database ours. */
extern const char STORE_SCHEMA[];

/* The service of that name; NULL if nothing in the store is of it. */
struct store_service *store_service_find(struct store *store, const char *name);
/* The same, and adds it if there is none. 0, -EIO or -ENOMEM. */
int store_service_add(struct store *store, const char *name, struct store_service **ret_service);
/* Takes it into memory, with a copy of the name. 0 or -ENOMEM. */
int store_service_append(struct store *store, const struct store_service *service,
                         const char *name);
/* The name for the number; "" for a number that was never given. */
const char *store_service_name(const struct store *store, int64_t number);

/* Moves what was remembered about deliveries for an unknown request to the request that it has
 * become. 0 or -EIO. */
int store_delivery_adopt(struct store *store, const struct store_service *service, const char *id,
                         int64_t number);

/* The earliest not_before after `now` of a queued item; as store_job_next_start. */
int store_item_next_start(struct store *store, int64_t now, int64_t *ret_time);

/* Which file lies there now. */
struct store_place store_place_of(const struct store *store, const char *suffix);

/* The name of a file beside the database, to be freed; NULL without memory. */
char *store_path_with(const char *path, const char *suffix);
/* 1 if there is a log beside the database that is not empty, with what its name ends in; 0, -ENOMEM,
 * or -EIO with the problem where that can't be seen. */
int store_find_log(const char *path, const char **ret_suffix, struct problem *ret_problem);

/* The version as the header has it. */
void store_encode_version(uint32_t version, unsigned char ret_bytes[4]);

/* Puts a copy into use, in two steps: before SQLite opens it, and when all of it is loaded. They may be
 * cut off anywhere, and begin again at the next start. 0; -EINVAL, with a problem, if it must not be
 * opened as it lies there; -EIO or -ENOMEM. */
int store_restore_begin(const char *path, struct problem *ret_problem);
int store_restore_end(struct store *store);

/* Replaces each borrowed text in a row by a copy. 0, or -ENOMEM with none replaced. */
int store_own_texts(char **const texts[], size_t count);

/* Runs a statement that changes one row: 0, `none` if it changed no row, or -EIO. */
int store_run_one(struct store *store, struct database_statement *statement, int none);

/* Runs a statement whose only parameter is that number: 0 or the sticky error. */
int store_run_for(struct store *store, const struct database_query *query, int64_t number);

/* The only column of the only row as a number: 0, -ENOENT without a row, or -EIO. */
int store_get_integer(struct database_statement *statement, int64_t *ret_value);

#endif
