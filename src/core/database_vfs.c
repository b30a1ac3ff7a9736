#include "assent/core/database_vfs.h"

#include <errno.h>
#include <fcntl.h>
#include <sqlite3.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define VFS_NAME "assentd"
/* SQLite's own way takes no more than this in one write: 31 pages, a commit of usual size. */
#define KEPT_LIMIT 0x1ffff

/* What SQLite sees as the log. The file as SQLite's own way opened it lies behind this in memory. */
struct log_file {
    sqlite3_file base;
    unsigned char *kept;
    int length;
    sqlite3_int64 offset; /* of `kept` in the file */
    int failure;
    bool synced;      /* once at least, and with it the directory where it was made */
    bool leaves_sync; /* the next one */
    bool owes_sync;   /* it was left, and nothing came after it */
};

/* SQLite's own way to files, and the one that is made of it. */
static sqlite3_vfs *own;
static sqlite3_vfs vfs;

/* What is done with a database's file: SQLite's own way, and the same but for its writes. */
static const sqlite3_io_methods *file_methods;
static sqlite3_io_methods watched_methods;
static const struct database_vfs_watch *watch;

static sqlite3_file *file_of(struct log_file *log)
{
    return (sqlite3_file *)(log + 1);
}

/* --- syncing ---------------------------------------------------------------------------------- */

static int sync_now(struct log_file *log, int flags)
{
    int code = file_of(log)->pMethods->xSync(file_of(log), flags);
    log->owes_sync = false;
    log->synced = log->synced || code == SQLITE_OK;
    return code;
}

/* What comes after a sync must not be on disk before what it was for. */
static int pay_sync(struct log_file *log)
{
    return log->owes_sync ? sync_now(log, SQLITE_SYNC_NORMAL) : SQLITE_OK;
}

void database_vfs_leave_sync(sqlite3_file *file)
{
    struct log_file *log = (struct log_file *)file;
    log->leaves_sync = log->synced;
}

bool database_vfs_take_owed_sync(sqlite3_file *file)
{
    struct log_file *log = (struct log_file *)file;
    bool owed = log->owes_sync;
    log->leaves_sync = false;
    log->owes_sync = false;
    return owed;
}

/* --- writing ---------------------------------------------------------------------------------- */

static int write_through(struct log_file *log, const void *bytes, int length, sqlite3_int64 offset)
{
    if (log->failure == SQLITE_OK) {
        log->failure = file_of(log)->pMethods->xWrite(file_of(log), bytes, length, offset);
    }
    return log->failure;
}

static int write_kept(struct log_file *log)
{
    int length = log->length;
    log->length = 0;
    return length == 0 ? log->failure : write_through(log, log->kept, length, log->offset);
}

static int log_write(sqlite3_file *file, const void *bytes, int length, sqlite3_int64 offset)
{
    struct log_file *log = (struct log_file *)file;
    int paid = pay_sync(log);
    if (paid != SQLITE_OK) {
        return log->failure = paid;
    }
    bool follows = offset == log->offset + log->length && length <= KEPT_LIMIT - log->length;
    int code = follows ? log->failure : write_kept(log);
    if (code != SQLITE_OK || length > KEPT_LIMIT) {
        return code != SQLITE_OK ? code : write_through(log, bytes, length, offset);
    }
    if (log->length == 0) {
        log->offset = offset;
    }
    memcpy(log->kept + log->length, bytes, (size_t)length);
    log->length += length;
    return SQLITE_OK;
}

/* --- what needs the file as it shall be ------------------------------------------------------- */

static int log_sync(sqlite3_file *file, int flags)
{
    struct log_file *log = (struct log_file *)file;
    int code = write_kept(log);
    if (code == SQLITE_OK && log->leaves_sync) {
        log->leaves_sync = false;
        log->owes_sync = true;
        return SQLITE_OK;
    }
    return code != SQLITE_OK ? code : sync_now(log, flags);
}

static int log_read(sqlite3_file *file, void *bytes, int length, sqlite3_int64 offset)
{
    struct log_file *log = (struct log_file *)file;
    int code = write_kept(log);
    return code != SQLITE_OK ? code
                             : file_of(log)->pMethods->xRead(file_of(log), bytes, length, offset);
}

/* After a commit what is cut off is what an earlier log left behind it: its sync may come later. It must
 * not be done here, where SQLite takes no heed of an error. */
static int log_truncate(sqlite3_file *file, sqlite3_int64 size)
{
    struct log_file *log = (struct log_file *)file;
    int code = write_kept(log);
    return code != SQLITE_OK ? code : file_of(log)->pMethods->xTruncate(file_of(log), size);
}

static int log_size(sqlite3_file *file, sqlite3_int64 *ret_size)
{
    struct log_file *log = (struct log_file *)file;
    int code = write_kept(log);
    return code != SQLITE_OK ? code : file_of(log)->pMethods->xFileSize(file_of(log), ret_size);
}

static int log_close(sqlite3_file *file)
{
    struct log_file *log = (struct log_file *)file;
    int code = write_kept(log);
    if (code == SQLITE_OK) {
        code = pay_sync(log);
    }
    int closed = file_of(log)->pMethods->xClose(file_of(log));
    free(log->kept);
    return code != SQLITE_OK ? code : closed;
}

/* --- what is passed on ------------------------------------------------------------------------ */

static int log_lock(sqlite3_file *file, int level)
{
    sqlite3_file *its = file_of((struct log_file *)file);
    return its->pMethods->xLock(its, level);
}

static int log_unlock(sqlite3_file *file, int level)
{
    sqlite3_file *its = file_of((struct log_file *)file);
    return its->pMethods->xUnlock(its, level);
}

static int log_is_reserved(sqlite3_file *file, int *ret_reserved)
{
    sqlite3_file *its = file_of((struct log_file *)file);
    return its->pMethods->xCheckReservedLock(its, ret_reserved);
}

static int log_control(sqlite3_file *file, int operation, void *argument)
{
    sqlite3_file *its = file_of((struct log_file *)file);
    return its->pMethods->xFileControl(its, operation, argument);
}

static int log_sector_size(sqlite3_file *file)
{
    sqlite3_file *its = file_of((struct log_file *)file);
    return its->pMethods->xSectorSize(its);
}

static int log_characteristics(sqlite3_file *file)
{
    sqlite3_file *its = file_of((struct log_file *)file);
    return its->pMethods->xDeviceCharacteristics(its);
}

/* --- the database's own file ------------------------------------------------------------------ */

static int file_write(sqlite3_file *file, const void *bytes, int length, sqlite3_int64 offset)
{
    if (watch && watch->file == file) {
        watch->before_write(watch->userdata, offset, (size_t)length);
    }
    return file_methods->xWrite(file, bytes, length, offset);
}

int database_vfs_size(sqlite3_file *file, int64_t *ret_size)
{
    sqlite3_int64 size = 0;
    if (file->pMethods->xFileSize(file, &size) != SQLITE_OK) {
        return -EIO;
    }
    *ret_size = size;
    return 0;
}

int database_vfs_read(sqlite3_file *file, int64_t offset, void *ret_bytes, size_t length)
{
    return file->pMethods->xRead(file, ret_bytes, (int)length, offset) == SQLITE_OK ? 0 : -EIO;
}

void database_vfs_watch(const struct database_vfs_watch *new_watch)
{
    watch = new_watch;
}

/* --- opening ---------------------------------------------------------------------------------- */

static const sqlite3_io_methods log_methods = {
    .iVersion = 1, /* without shared memory and mapped pages, which only the database has */
    .xClose = log_close,
    .xRead = log_read,
    .xWrite = log_write,
    .xTruncate = log_truncate,
    .xSync = log_sync,
    .xFileSize = log_size,
    .xLock = log_lock,
    .xUnlock = log_unlock,
    .xCheckReservedLock = log_is_reserved,
    .xFileControl = log_control,
    .xSectorSize = log_sector_size,
    .xDeviceCharacteristics = log_characteristics,
};

/* SQLite's own way tries again without making the file, and then says only that there is none. What it asks
 * for the reason of an error that it has met is errno. */
static int open_own(const char *path, sqlite3_file *file, int flags, int *ret_flags)
{
    int code = own->xOpen(own, path, file, flags, ret_flags);
    if ((code & 0xff) == SQLITE_CANTOPEN && (flags & SQLITE_OPEN_CREATE) && errno == ENOENT) {
        int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
        if (fd >= 0) {
            (void)close(fd);
        }
    }
    return code;
}

static int open_log(const char *path, struct log_file *log, int flags, int *ret_flags)
{
    *log = (struct log_file){.kept = malloc(KEPT_LIMIT)};
    int code = !log->kept ? SQLITE_NOMEM : open_own(path, file_of(log), flags, ret_flags);
    if (code == SQLITE_OK) {
        log->base.pMethods = &log_methods;
    } else {
        free(log->kept);
    }
    return code;
}

/* All of them are opened alike, so their methods are the same. */
static int open_database(const char *path, sqlite3_file *file, int flags, int *ret_flags)
{
    int code = open_own(path, file, flags, ret_flags);
    if (code == SQLITE_OK) {
        file_methods = file->pMethods;
        watched_methods = *file_methods;
        watched_methods.xWrite = file_write;
        file->pMethods = &watched_methods;
    }
    return code;
}

static int open_file(sqlite3_vfs *this, const char *path, sqlite3_file *file, int flags,
                     int *ret_flags)
{
    (void)this;
    if (flags & SQLITE_OPEN_WAL) {
        return open_log(path, (struct log_file *)file, flags, ret_flags);
    }
    if (flags & SQLITE_OPEN_MAIN_DB) {
        return open_database(path, file, flags, ret_flags);
    }
    return own->xOpen(own, path, file, flags, ret_flags);
}

const char *database_vfs_name(void)
{
    if (own) {
        return VFS_NAME;
    }
    sqlite3_vfs *found = sqlite3_vfs_find(NULL);
    if (!found) {
        return NULL;
    }
    vfs = *found;
    vfs.zName = VFS_NAME;
    vfs.pNext = NULL;
    vfs.szOsFile += (int)sizeof(struct log_file);
    vfs.xOpen = open_file;
    if (sqlite3_vfs_register(&vfs, 0) != SQLITE_OK) {
        return NULL;
    }
    own = found;
    return VFS_NAME;
}
