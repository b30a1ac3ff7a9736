/* The database's file, as it was right after a checkpoint, is all of the store. Only later checkpoints
 * write to it, and what they are about to overwrite, and nobody has read yet, is put aside first:
 *
 *   database   [ read already | not read yet, some of it overwritten since ]
 *   aside                       the overwritten blocks, as they were
 *
 * So nothing holds the log, which is as short as ever, and no more than what changes is kept twice. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "assent/core/database_vfs.h"
#include "assent/core/store_internal.h"

/* What is put aside at a time: a page, which is what a checkpoint writes at a time. */
#define BLOCK 4096

struct store_copy {
    struct store *store;
    struct sqlite3_file *file;
    struct database_vfs_watch watch;
    char *aside_path;
    int aside;        /* has no name any more; -1 while nothing had to be put there */
    uint32_t *places; /* of each block, counted from 1, where it is aside; 0: it is where it was */
    uint32_t aside_count;
    int64_t size;
    int64_t position; /* what is before it has been read */
    int error;
};

/* --- putting aside ---------------------------------------------------------------------------- */

static size_t block_length(const struct store_copy *copy, int64_t block)
{
    int64_t left = copy->size - block * BLOCK;
    return left < BLOCK ? (size_t)left : BLOCK;
}

/* It has no name as soon as it is there, so that nothing of it stays behind whatever happens. */
static int open_aside(struct store_copy *copy)
{
    (void)unlink(copy->aside_path);
    copy->aside = open(copy->aside_path, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (copy->aside < 0 || unlink(copy->aside_path) != 0) {
        return -errno;
    }
    return 0;
}

static int put_aside(struct store_copy *copy, int64_t block)
{
    unsigned char bytes[BLOCK];
    size_t length = block_length(copy, block);
    int r = database_vfs_read(copy->file, block * BLOCK, bytes, length);
    if (r == 0 && copy->aside < 0) {
        r = open_aside(copy);
    }
    if (r != 0) {
        return r;
    }
    ssize_t written = pwrite(copy->aside, bytes, length, (off_t)copy->aside_count * BLOCK);
    if (written != (ssize_t)length) {
        return written < 0 ? -errno : -ENOSPC;
    }
    copy->places[block] = ++copy->aside_count;
    return 0;
}

/* The reserve is not for this: rather no copy than no room for results. */
static void before_write(void *userdata, int64_t offset, size_t length)
{
    struct store_copy *copy = userdata;
    int64_t end = offset + (int64_t)length < copy->size ? offset + (int64_t)length : copy->size;
    int64_t first = (offset > copy->position ? offset : copy->position) / BLOCK;
    for (int64_t block = first; block * BLOCK < end && copy->error == 0; block++) {
        if (copy->places[block] == 0) {
            copy->error = store_has_room(copy->store) ? put_aside(copy, block) : -ENOSPC;
        }
    }
}

/* --- reading ---------------------------------------------------------------------------------- */

static int read_aside(const struct store_copy *copy, int64_t block, unsigned char *ret_bytes)
{
    size_t length = block_length(copy, block);
    off_t offset = (off_t)(copy->places[block] - 1) * BLOCK;
    return pread(copy->aside, ret_bytes, length, offset) == (ssize_t)length ? 0 : -EIO;
}

int store_copy_read(struct store_copy *copy, size_t blocks, struct buffer *out)
{
    int64_t left = copy->size - copy->position;
    size_t length = left < (int64_t)blocks * BLOCK ? (size_t)left : blocks * BLOCK;
    int r = copy->error == 0 ? buffer_reserve(out, length) : copy->error;
    if (r != 0) {
        return r;
    }
    unsigned char *bytes = out->data + out->length;
    r = database_vfs_read(copy->file, copy->position, bytes, length);
    for (size_t done = 0; done < length && r == 0; done += BLOCK) {
        int64_t block = (copy->position + (int64_t)done) / BLOCK;
        if (copy->places[block] != 0) {
            r = read_aside(copy, block, bytes + done);
        }
    }
    if (r != 0) {
        return r;
    }
    /* Who opens it shall know it for a copy: store_restore.c. */
    if (copy->position == 0) {
        store_encode_version(STORE_VERSION | STORE_COPIED, bytes + STORE_VERSION_OFFSET);
    }
    copy->position += (int64_t)length;
    out->length += length;
    return 0;
}

int64_t store_copy_size(const struct store_copy *copy)
{
    return copy->size;
}

bool store_copy_is_read(const struct store_copy *copy)
{
    return copy->position == copy->size;
}

/* --- beginning and ending --------------------------------------------------------------------- */

static int prepare(struct store_copy *copy)
{
    int r = database_settle(copy->store->database);
    copy->file = database_file(copy->store->database);
    if (r == 0) {
        r = database_vfs_size(copy->file, &copy->size);
    }
    if (r != 0) {
        return r;
    }
    copy->places = calloc((size_t)(copy->size / BLOCK) + 1, sizeof *copy->places);
    copy->aside_path = store_path_with(copy->store->path, "-backup");
    return !copy->places || !copy->aside_path ? -ENOMEM : 0;
}

int store_copy_begin(struct store *store, struct store_copy **ret_copy)
{
    struct store_copy *copy = calloc(1, sizeof *copy);
    if (!copy) {
        return -ENOMEM;
    }
    copy->store = store;
    copy->aside = -1;
    int r = prepare(copy);
    if (r != 0) {
        store_copy_end(copy);
        return r;
    }
    copy->watch = (struct database_vfs_watch){
        .file = copy->file, .before_write = before_write, .userdata = copy};
    database_vfs_watch(&copy->watch);
    *ret_copy = copy;
    return 0;
}

void store_copy_end(struct store_copy *copy)
{
    if (!copy) {
        return;
    }
    database_vfs_watch(NULL);
    if (copy->aside >= 0) {
        (void)close(copy->aside);
    }
    free(copy->places);
    free(copy->aside_path);
    free(copy);
}
