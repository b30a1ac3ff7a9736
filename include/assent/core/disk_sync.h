/*
 * Syncs a file while its caller goes on: what is a wait of milliseconds for one who needs the disk,
 * others can work in. The kernel's own asynchronous I/O does it (io_submit(2), IOCB_CMD_FDSYNC), so
 * core keeps to one thread. Where there is none of that, the sync is done at once.
 *
 * Owns: the kernel's context and an eventfd. Runs in: core, in its only thread; tests. May call: nothing.
 */
#ifndef ASSENT_CORE_DISK_SYNC_H
#define ASSENT_CORE_DISK_SYNC_H

#include <stdbool.h>

struct disk_sync;

/* 0, -ENOMEM, or another negative errno. disk_sync_free. */
int disk_sync_new(struct disk_sync **ret_sync);
/* Waits for what is under way. Takes NULL. */
void disk_sync_free(struct disk_sync *sync);

/* Readable once a sync that was begun is done, until disk_sync_end. */
int disk_sync_descriptor(const struct disk_sync *sync);

/* Begins to sync what was written to the file by now, as fdatasync(2) does. One at a time. 0, or negative
 * errno if it was done at once, and failed. */
int disk_sync_begin(struct disk_sync *sync, int file);
bool disk_sync_is_under_way(const struct disk_sync *sync);

/* Waits until it is done, if any is under way. 0, or its negative errno: what was written since the
 * sync before is then lost or not, and trying again would not tell. */
int disk_sync_end(struct disk_sync *sync);

#endif
