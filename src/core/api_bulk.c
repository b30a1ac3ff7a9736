#include <stdlib.h>
#include <string.h>

#include "assent/core/api.h"
#include "assent/core/work.h"

/* Jobs that one call changes at most. */
#define BULK_LIMIT 1000

struct chosen {
    int64_t numbers[BULK_LIMIT];
    int count;
};

static int choose(void *userdata, const struct store_job *job)
{
    struct chosen *chosen = userdata;

    chosen->numbers[chosen->count++] = job->number;
    return 0;
}

typedef int (*job_change)(struct core *core, struct task *task, const char *by);

static int change_all(const struct api_call *call, const struct chosen *chosen, job_change change)
{
    int changed = 0;

    for (int i = 0; i < chosen->count; i++) {
        struct task task;

        if (task_load(call->core, chosen->numbers[i], PROTOCOL_NO_ITEM, &task) == 0) {
            changed += change(call->core, &task, call->access.who) == 0;
            task_free(&task);
        }
    }
    return changed;
}

/* Many at once are never all there are by accident: their state has to be named. The cursor passes those
 * that stay in it, since they still run or can't be changed. */
static void change_jobs(const struct api_call *call, job_change change, enum job_state one,
                        enum job_state other)
{
    struct api_call own = *call;
    struct store_job_filter filter;
    struct chosen *chosen;
    struct api_page page;
    char *hook = NULL;
    json_t *cursor;
    int changed;

    if (!api_page(call, &page) || !api_wanted_jobs(&own, &filter, &hook)) {
        return;
    }
    if (filter.state != one && filter.state != other) {
        answer_error(&call->asker, 400, "invalid_request", NULL, "state: expected %s or %s",
                     job_state_name(one), job_state_name(other));
        free(hook);
        return;
    }
    chosen = calloc(1, sizeof *chosen);
    core_must(chosen ? 0 : -1, "jobs");
    filter.before = page.cursor;
    core_must(store_job_list(call->core->store, &filter, BULK_LIMIT, choose, chosen), "jobs");
    changed = change_all(call, chosen, change);
    cursor = chosen->count == BULK_LIMIT
                 ? json_sprintf("%lld", (long long)chosen->numbers[BULK_LIMIT - 1])
                 : json_null();
    answer_result(&call->asker, 200, json_pack("{s:i, s:o}", "changed", changed, "cursor", cursor),
                  chosen->count == BULK_LIMIT ? "Say it again with ?cursor=: there are more."
                                              : NULL);
    free(chosen);
    free(hook);
}

void api_retry_jobs(const struct api_call *call)
{
    change_jobs(call, work_retry, JOB_FAILED, JOB_INTERRUPTED);
}

void api_cancel_jobs(const struct api_call *call)
{
    change_jobs(call, work_cancel, JOB_QUEUED, JOB_RUNNING);
}
