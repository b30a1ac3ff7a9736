#include "assent/core/store.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>

#include "assent/base/clock.h"
#include "assent/core/store_internal.h"

#define ROOM_ASKED_EVERY_MS 100

static const struct database_query SERVICE_ADD = {
    "service_add", "INSERT INTO service (number, name) VALUES (?, ?)"};

int store_begin(struct store *store)
{
    return database_begin(store->database);
}

int store_commit(struct store *store)
{
    return database_commit(store->database);
}

int store_sync_apart(struct store *store, int *ret_fd)
{
    return database_sync_apart(store->database, ret_fd);
}

int store_begin_commit(struct store *store)
{
    return database_begin_commit(store->database);
}

bool store_is_syncing(const struct store *store)
{
    return database_is_syncing(store->database);
}

bool store_has_synced(const struct store *store)
{
    return database_has_synced(store->database);
}

int store_await_sync(struct store *store)
{
    return database_await_sync(store->database);
}

bool store_has_changed(const struct store *store)
{
    return database_has_changed(store->database);
}

bool store_in_transaction(const struct store *store)
{
    return database_in_transaction(store->database);
}

const char *store_identity(const struct store *store)
{
    return store->identity;
}

int store_count(struct store *store, int64_t ret_requests[REQUEST_STATE_COUNT],
                int64_t ret_jobs[JOB_STATE_COUNT])
{
    memcpy(ret_requests, store->request_counts, sizeof store->request_counts);
    memcpy(ret_jobs, store->job_counts, sizeof store->job_counts);
    return database_error(store->database);
}

bool store_is_new(const struct store *store)
{
    return store->is_new;
}

bool store_is_restored(const struct store *store)
{
    return store->is_restored;
}

/* --- the files, and room on their disk --------------------------------------------------------- */

const char *const STORE_SUFFIXES[STORE_FILES] = {"", "-wal"};

struct store_place store_place_of(const struct store *store, const char *suffix)
{
    struct stat status = {0};
    char *name = store_path_with(store->path, suffix);
    if (name && stat(name, &status) != 0) {
        status = (struct stat){0};
    }
    free(name);
    return (struct store_place){.device = status.st_dev, .inode = status.st_ino};
}

static const char *find_misplaced(const struct store *store)
{
    for (size_t i = 0; i < STORE_FILES; i++) {
        struct store_place now = store_place_of(store, STORE_SUFFIXES[i]);
        const struct store_place *then = &store->places[i];
        if (now.inode != then->inode || now.device != then->device) {
            return STORE_SUFFIXES[i];
        }
    }
    return NULL;
}

const char *store_misplaced(const struct store *store)
{
    return store->misplaced;
}

static bool ask_for_room(const char *path)
{
    struct statvfs status;
    if (statvfs(path, &status) != 0) {
        return false;
    }
    uint64_t total = (uint64_t)status.f_blocks * status.f_frsize;
    uint64_t reserve = total < STORE_SMALL_DISK ? total / 8 : STORE_RESERVE;
    return (uint64_t)status.f_bavail * status.f_frsize >= reserve;
}

bool store_has_room(struct store *store)
{
    int64_t now = clock_monotonic_ms();
    if (store->room_asked_at == 0 || now - store->room_asked_at >= ROOM_ASKED_EVERY_MS) {
        store->misplaced = find_misplaced(store);
        store->has_room = !store->misplaced && ask_for_room(store->path);
        store->room_asked_at = now;
    }
    return store->has_room;
}

void store_ask_room_anew(struct store *store)
{
    store->room_asked_at = 0;
}

/* --- services --------------------------------------------------------------------------------- */

struct store_service *store_service_find(struct store *store, const char *name)
{
    for (size_t i = 0; i < store->service_count; i++) {
        if (strcmp(store->services[i].name, name) == 0) {
            return &store->services[i];
        }
    }
    return NULL;
}

const char *store_service_name(const struct store *store, int64_t number)
{
    for (size_t i = 0; i < store->service_count; i++) {
        if (store->services[i].number == number) {
            return store->services[i].name;
        }
    }
    return "";
}

int store_service_append(struct store *store, const struct store_service *service, const char *name)
{
    size_t count = store->service_count;
    struct store_service *services =
        reallocarray(store->services, count + 1, sizeof *store->services);
    if (!services) {
        return -ENOMEM;
    }
    store->services = services;
    services[count] = *service;
    services[count].name = strdup(name);
    if (!services[count].name) {
        return -ENOMEM;
    }
    store->service_count++;
    return 0;
}

int store_service_add(struct store *store, const char *name, struct store_service **ret_service)
{
    struct store_service *known = store_service_find(store, name);
    if (!known) {
        struct store_service service = {.number = (int64_t)store->service_count + 1};
        struct database_statement *statement = database_query(store->database, &SERVICE_ADD);
        database_bind_integer(statement, service.number);
        database_bind_text(statement, name);
        int r = database_run(statement);
        if (r == 0) {
            r = store_service_append(store, &service, name);
        }
        if (r != 0) {
            return r;
        }
        known = &store->services[store->service_count - 1];
    }
    *ret_service = known;
    return 0;
}

/* --- what the other files share --------------------------------------------------------------- */

char *store_path_with(const char *path, const char *suffix)
{
    char *text = NULL;
    return asprintf(&text, "%s%s", path, suffix) < 0 ? NULL : text;
}

void store_encode_version(uint32_t version, unsigned char ret_bytes[4])
{
    for (int i = 0; i < 4; i++) {
        ret_bytes[i] = (unsigned char)(version >> (24 - 8 * i));
    }
}

int store_find_log(const char *path, const char **ret_suffix, struct problem *ret_problem)
{
    static const char *const suffixes[] = {"-wal", "-journal"};
    for (size_t i = 0; i < sizeof suffixes / sizeof *suffixes; i++) {
        char *name = store_path_with(path, suffixes[i]);
        if (!name) {
            return -ENOMEM;
        }
        struct stat status;
        int r = stat(name, &status) == 0 ? 0 : errno;
        free(name);
        if (r == 0 && status.st_size > 0) {
            *ret_suffix = suffixes[i];
            return 1;
        }
        if (r != 0 && r != ENOENT) {
            problem_set(ret_problem,
                        "it can't be seen whether a log lies beside the database (its name and "
                        "%s): %s",
                        suffixes[i], strerror(r));
            return -EIO;
        }
    }
    return 0;
}

int store_own_texts(char **const texts[], size_t count)
{
    char *copies[16] = {NULL};
    if (count > sizeof copies / sizeof *copies) {
        return -ENOMEM;
    }
    for (size_t i = 0; i < count; i++) {
        if (!*texts[i]) {
            continue;
        }
        copies[i] = strdup(*texts[i]);
        if (!copies[i]) {
            while (i > 0) {
                free(copies[--i]);
            }
            return -ENOMEM;
        }
    }
    for (size_t i = 0; i < count; i++) {
        *texts[i] = copies[i];
    }
    return 0;
}

int store_run_one(struct store *store, struct database_statement *statement, int none)
{
    int r = database_run(statement);
    if (r == 0 && database_changes(store->database) == 0) {
        return none;
    }
    return r;
}

int store_run_for(struct store *store, const struct database_query *query, int64_t number)
{
    struct database_statement *statement = database_query(store->database, query);
    database_bind_integer(statement, number);
    return database_run(statement);
}

int store_get_integer(struct database_statement *statement, int64_t *ret_value)
{
    int step = database_step(statement);
    if (step == 1) {
        *ret_value = database_integer(statement);
    }
    database_end(statement);
    return step == 1 ? 0 : step == 0 ? -ENOENT : step;
}
