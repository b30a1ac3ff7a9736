#include "assent/core/backup.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "assent/base/clock.h"
#include "assent/base/log.h"
#include "assent/base/text.h"

#define TYPE        "application/vnd.sqlite3"
#define RETRY_AFTER 10
/* Read in well under a millisecond where the kernel has it in memory. */
#define PIECE_BLOCKS 64
/* What changes is kept twice for so long at most. */
#ifndef BACKUP_LIMIT_US
#define BACKUP_LIMIT_US (UINT64_C(3600) * 1000000)
#endif
#define LIMIT_ACCURACY_US 1000000

struct backup {
    struct asker asker;
    char *who;
    struct store_copy *copy; /* NULL: wanted, not begun */
    int64_t began;
    sd_event_source *limit;
};

static void end(struct core *core)
{
    struct backup *backup = core->backup;

    core->backup = NULL;
    sd_event_source_disable_unref(backup->limit);
    store_copy_end(backup->copy);
    free(backup->who);
    free(backup);
}

/* --- how it goes ------------------------------------------------------------------------------ */

static void tell_begun(const struct backup *backup)
{
    char bytes[32];

    (void)snprintf(bytes, sizeof bytes, "%" PRId64, store_copy_size(backup->copy));
    log_event(LOG_LEVEL_INFO, "a backup begins", "by", backup->who, "bytes", bytes, NULL);
}

static void tell_done(const struct backup *backup)
{
    char span[TEXT_SPAN_SIZE];
    char message[64];

    text_from_span(clock_monotonic_ms() - backup->began, span);
    (void)snprintf(message, sizeof message, "the backup was sent, after %s", span);
    log_event(LOG_LEVEL_INFO, message, "by", backup->who, NULL);
}

static void tell_cut_off(const struct backup *backup, const char *why)
{
    log_event(LOG_LEVEL_WARNING, "the backup was cut off", "by", backup->who, "error", why, NULL);
}

/* With no bytes it ends: where there should be more, its client knows that it was cut off. */
static void send_piece(const struct asker *asker, const struct buffer *piece)
{
    uint64_t id = asker->id;
    const struct answer_ids ids = {.ids = &id, .count = 1};

    answer_stream_on(asker->link, &ids, piece);
}

static void cut_off(struct core *core, const char *why)
{
    send_piece(&core->backup->asker, &(struct buffer){0});
    tell_cut_off(core->backup, why);
    end(core);
}

/* --- begin ------------------------------------------------------------------------------------ */

static int on_limit(sd_event_source *source, uint64_t time, void *userdata)
{
    struct core *core = userdata;

    (void)source;
    (void)time;
    core_begin(core);
    cut_off(core, "it took too long to be read");
    return 0;
}

bool backup_want(struct core *core, const struct asker *asker, const char *who)
{
    struct backup *backup;

    if (core->backup) {
        answer_unavailable(asker, RETRY_AFTER, "another backup is being taken, one at a time");
        return false;
    }
    backup = calloc(1, sizeof *backup);
    core_must(backup ? 0 : -ENOMEM, "backup");
    *backup = (struct backup){.asker = *asker, .who = strdup(who), .began = clock_monotonic_ms()};
    core_must(backup->who ? 0 : -ENOMEM, "backup");
    core_must(sd_event_add_time_relative(core->loop, &backup->limit, CLOCK_MONOTONIC,
                                         BACKUP_LIMIT_US, LIMIT_ACCURACY_US, on_limit, core),
              "backup");
    core->backup = backup;
    return true;
}

static const char *why_not(int r)
{
    return r == -ENOSPC  ? "the disk of the store is too full for a backup"
           : r == -EBUSY ? "the store can't be copied just now"
                         : "there is no memory for a backup";
}

bool backup_is_wanted(const struct core *core)
{
    return core->backup && !core->backup->copy;
}

void backup_begin(struct core *core)
{
    struct backup *backup = core->backup;
    int r = store_copy_begin(core->store, &backup->copy);

    core_must(r == -EIO ? r : 0, "backup");
    if (r == 0) {
        tell_begun(backup);
        answer_stream(&backup->asker, TYPE, (uint64_t)store_copy_size(backup->copy));
    } else {
        answer_unavailable(&backup->asker, RETRY_AFTER, why_not(r));
        tell_cut_off(backup, why_not(r));
        end(core);
    }
}

/* --- going on --------------------------------------------------------------------------------- */

static bool is_of(const struct core *core, const struct asker *asker)
{
    return core->backup && core->backup->asker.link == asker->link &&
           core->backup->asker.id == asker->id;
}

bool backup_taken(struct core *core, const struct asker *asker)
{
    struct buffer piece = {0};
    int r;

    if (!is_of(core, asker) || !core->backup->copy) {
        return false;
    }
    r = store_copy_read(core->backup->copy, PIECE_BLOCKS, &piece);
    if (r < 0) {
        cut_off(core, strerror(-r));
    } else {
        send_piece(asker, &piece);
    }
    if (r == 0 && store_copy_is_read(core->backup->copy)) {
        tell_done(core->backup);
        end(core);
    }
    buffer_free(&piece);
    return true;
}

void backup_forget(struct core *core, const struct asker *asker)
{
    if (is_of(core, asker)) {
        tell_cut_off(core->backup, "its client left, or did not read on");
        end(core);
    }
}

void backup_forget_all(struct core *core, const struct link *link)
{
    if (core->backup && core->backup->asker.link == link) {
        tell_cut_off(core->backup, "the gate has gone");
        end(core);
    }
}

void backup_end_all(struct core *core, const struct link *link)
{
    if (core->backup && core->backup->asker.link == link) {
        cut_off(core, "assentd stops");
    }
}

void backup_free(struct core *core)
{
    if (core->backup) {
        end(core);
    }
}
