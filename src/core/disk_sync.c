#include "assent/core/disk_sync.h"

#include <errno.h>
#include <linux/aio_abi.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/syscall.h>
#include <unistd.h>

struct disk_sync {
    aio_context_t context; /* 0: this kernel has none for us */
    int done;              /* the eventfd */
    bool under_way;
};

int disk_sync_new(struct disk_sync **ret_sync)
{
    struct disk_sync *sync = calloc(1, sizeof *sync);
    int error;

    if (!sync) {
        return -ENOMEM;
    }
    sync->done = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (sync->done < 0) {
        error = errno;
        free(sync);
        return -error;
    }
    if (syscall(SYS_io_setup, 1, &sync->context) < 0) {
        sync->context = 0;
    }
    *ret_sync = sync;
    return 0;
}

void disk_sync_free(struct disk_sync *sync)
{
    if (!sync) {
        return;
    }
    (void)disk_sync_end(sync);
    if (sync->context) {
        (void)syscall(SYS_io_destroy, sync->context);
    }
    (void)close(sync->done);
    free(sync);
}

int disk_sync_descriptor(const struct disk_sync *sync)
{
    return sync->done;
}

static bool submit(const struct disk_sync *sync, int file)
{
    struct iocb order = {
        .aio_lio_opcode = IOCB_CMD_FDSYNC,
        .aio_fildes = (uint32_t)file,
        .aio_flags = IOCB_FLAG_RESFD,
        .aio_resfd = (uint32_t)sync->done,
    };
    struct iocb *orders[] = {&order};

    return sync->context && syscall(SYS_io_submit, sync->context, 1, orders) == 1;
}

int disk_sync_begin(struct disk_sync *sync, int file)
{
    sync->under_way = submit(sync, file);
    if (sync->under_way) {
        return 0;
    }
    return fdatasync(file) < 0 ? -errno : 0;
}

bool disk_sync_is_under_way(const struct disk_sync *sync)
{
    return sync->under_way;
}

int disk_sync_end(struct disk_sync *sync)
{
    struct io_event event = {0};
    uint64_t count;
    long got;

    if (!sync->under_way) {
        return 0;
    }
    do {
        got = syscall(SYS_io_getevents, sync->context, 1, 1, &event, NULL);
    } while (got < 0 && errno == EINTR);
    sync->under_way = false;
    (void)!read(sync->done, &count, sizeof count);
    return got < 0 ? -errno : got == 1 ? (int)event.res : -EIO;
}
