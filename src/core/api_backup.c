#include <errno.h>
#include <stdlib.h>

#include "assent/base/clock.h"
#include "assent/core/api.h"
#include "assent/core/backup.h"

#define RETRY_AFTER 30

/* It is in the backup itself, as the last thing that is. */
static void note(const struct api_call *call)
{
    json_t *details = json_pack("{s:s}", "by", call->access.who);
    char *text = details ? json_dumps(details, JSON_COMPACT) : NULL;
    const struct store_event event = {
        .at = clock_now_ms(), .kind = "store.backup", .details = text};

    core_must(text ? store_event_add(call->core->store, &event) : -ENOMEM, "event");
    free(text);
    json_decref(details);
}

void api_backup(const struct api_call *call)
{
    if (call->core->quiescing) {
        answer_unavailable(&call->asker, RETRY_AFTER, "assentd stops");
    } else if (backup_want(call->core, &call->asker, call->access.who)) {
        note(call);
    }
}
