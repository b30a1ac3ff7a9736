#include "assent/core/peeks.h"

#include <errno.h>
#include <stdlib.h>

#include "assent/core/executors.h"

struct peek {
    struct peek *next;
    struct asker asker;
    struct link *executor;
    struct output_subject subject;
};

/* What a peek is looked for by; what is NULL or 0 does not count. */
struct choice {
    const struct asker *asker;
    const struct link *gate;
    const struct link *executor;
    const struct output_subject *subject;
};

static bool fits(const struct peek *peek, const struct choice *choice)
{
    const struct output_subject *subject = choice->subject;

    return (!choice->asker ||
            (peek->asker.link == choice->asker->link && peek->asker.id == choice->asker->id)) &&
           (!choice->gate || peek->asker.link == choice->gate) &&
           (!choice->executor || peek->executor == choice->executor) &&
           (!subject || (peek->subject.job == subject->job && peek->subject.item == subject->item &&
                         peek->subject.n == subject->n));
}

/* Takes all that fit out of the list; the caller frees them. */
static struct peek *take(struct core *core, const struct choice *choice)
{
    struct peek **place = &core->peeks;
    struct peek *taken = NULL;

    while (*place) {
        struct peek *peek = *place;

        if (!fits(peek, choice)) {
            place = &peek->next;
            continue;
        }
        *place = peek->next;
        peek->next = taken;
        taken = peek;
    }
    return taken;
}

static void free_all(struct peek *peeks)
{
    while (peeks) {
        struct peek *peek = peeks;

        peeks = peek->next;
        free(peek);
    }
}

static void answer_stored(struct core *core, const struct choice *choice)
{
    struct peek *taken = take(core, choice);

    for (struct peek *peek = taken; peek; peek = peek->next) {
        output_answer_stored(core, &peek->asker, &peek->subject);
    }
    free_all(taken);
}

/* The one that was given the attempt: its hook may be gone by now, or be of another kind. NULL where
 * there is no attempt. */
static struct link *executor_of(struct core *core, const struct output_subject *subject)
{
    struct store_attempt attempt;
    struct link *link;
    int r = store_attempt_get(core->store, subject->job, subject->item, subject->n, &attempt);

    if (r == -ENOENT) {
        return NULL;
    }
    core_must(r, "attempt");
    link = executors_link(core, attempt.executor);
    store_attempt_free(&attempt);
    return link;
}

void peeks_add(struct core *core, const struct asker *asker, const struct task *task)
{
    const struct output_subject subject = {task->job.number, task->item.number, task->attempt};
    struct link *executor = executor_of(core, &subject);
    struct peek *peek;

    if (!executor || !core_executor_ready(executor)) {
        output_answer_stored(core, asker, &subject);
        return;
    }
    peek = malloc(sizeof *peek);
    if (!peek) {
        core_abandon("peek");
    }
    *peek = (struct peek){
        .next = core->peeks,
        .asker = *asker,
        .executor = executor,
        .subject = subject,
    };
    core->peeks = peek;
    executors_send(executor, FRAME_PEEK, &task->job, subject.item, subject.n);
}

void peeks_answer(struct core *core, const struct task *task, uint32_t n,
                  const struct protocol_peeked *peeked)
{
    const struct output_subject subject = {task->job.number, task->item.number, n};
    struct peek *taken = take(core, &(struct choice){.subject = &subject});

    for (struct peek *peek = taken; peek; peek = peek->next) {
        output_answer_live(&peek->asker, &subject, peeked);
    }
    free_all(taken);
}

void peeks_settle(struct core *core, int64_t job, int64_t item, uint32_t n)
{
    const struct output_subject subject = {job, item, n};

    answer_stored(core, &(struct choice){.subject = &subject});
}

void peeks_drop(struct core *core, const struct link *executor)
{
    answer_stored(core, &(struct choice){.executor = executor});
}

void peeks_answer_all(struct core *core, const struct link *gate)
{
    answer_stored(core, &(struct choice){.gate = gate});
}

void peeks_forget(struct core *core, const struct asker *asker)
{
    free_all(take(core, &(struct choice){.asker = asker}));
}

void peeks_forget_all(struct core *core, const struct link *gate)
{
    free_all(take(core, &(struct choice){.gate = gate}));
}

void peeks_free(struct core *core)
{
    free_all(take(core, &(struct choice){0}));
}
