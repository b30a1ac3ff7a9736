#include "assent/core/output.h"

#include <errno.h>
#include <inttypes.h>

#include "assent/core/record.h"

struct output_answer {
    const struct asker *asker;
    const struct output_subject *subject;
    enum job_state state;
};

static int answer(void *userdata, const struct protocol_output *standard_output,
                  const struct protocol_output *standard_error)
{
    const struct output_answer *answer = userdata;
    const struct output_subject *subject = answer->subject;
    json_t *result =
        json_pack("{s:I, s:i, s:s, s:o, s:o}", "job", (json_int_t)subject->job, "attempt",
                  (int)subject->n, "state", job_state_name(answer->state), "stdout",
                  record_output(standard_output), "stderr", record_output(standard_error));

    if (result && subject->item != PROTOCOL_NO_ITEM) {
        (void)json_object_set_new(result, "item", json_integer(subject->item));
    }
    answer_result(answer->asker, 200, result, NULL);
    return 0;
}

void output_answer_live(const struct asker *asker, const struct output_subject *subject,
                        const struct protocol_peeked *peeked)
{
    struct output_answer live = {.asker = asker, .subject = subject, .state = JOB_RUNNING};

    (void)answer(&live, &peeked->standard_output, &peeked->standard_error);
}

static bool has_ended(struct core *core, const struct output_subject *subject)
{
    struct store_attempt attempt;
    bool ended;
    int r = store_attempt_get(core->store, subject->job, subject->item, subject->n, &attempt);

    if (r == -ENOENT) {
        return false;
    }
    core_must(r, "attempt");
    ended = attempt.ended_at != 0;
    store_attempt_free(&attempt);
    return ended;
}

void output_answer_stored(struct core *core, const struct asker *asker,
                          const struct output_subject *subject)
{
    static const struct protocol_output nothing = {0};
    struct output_answer stored = {.asker = asker, .subject = subject};
    struct task task;
    int r = task_load(core, subject->job, subject->item, &task);

    if (r == -ENOENT) {
        answer_error(asker, 404, "not_found", NULL, "the job is gone");
        return;
    }
    stored.state = task.state;
    task_free(&task);
    r = store_output_get(core->store, subject->job, subject->item, subject->n, answer, &stored);
    if (r == -ENOENT && has_ended(core, subject)) {
        (void)answer(&stored, &nothing, &nothing);
    } else if (r == -ENOENT) {
        answer_error(asker, 404, "not_found", NULL, "job %" PRId64 " has no output yet: it is %s",
                     subject->job, job_state_name(stored.state));
    } else {
        core_must(r, "output");
    }
}
