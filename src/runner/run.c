#include "assent/runner/run.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <sysexits.h>

#include "assent/base/clock.h"
#include "assent/base/text.h"
#include "assent/runner/output.h"
#include "assent/runner/program.h"

/* Both outputs and the rest of a RESULT must fit into one frame. */
#define OUTPUT_LIMIT ((PROTOCOL_RESULT_LIMIT - (64u << 10)) / 2)

struct run {
    char *key;
    int64_t item;
    uint32_t n;
    int64_t timeout_ms;
    int64_t kill_after_ms;
    int64_t started_at;
    struct keeper *keeper;
    bool canceled;
    struct output *output;
    struct output *error;
};

/* --- the beginning ---------------------------------------------------------------------------- */

static int open_outputs(struct run *run, sd_event *loop, uint64_t limit, struct program *program)
{
    size_t kept = limit < OUTPUT_LIMIT ? (size_t)limit : OUTPUT_LIMIT;
    int r = output_open(loop, kept, &program->output, &run->output);

    if (r == 0) {
        r = output_open(loop, kept, &program->error, &run->error);
    }
    return r;
}

static int start_program(struct run *run, const struct run_setup *setup,
                         const struct config_hook *hook, struct program *program)
{
    const struct keeper_limits limits = {
        .timeout_ms = hook->timeout_ms,
        .kill_after_ms = hook->kill_after_ms,
    };
    int r = open_outputs(run, setup->loop, hook->output_limit, program);

    if (r == 0) {
        run->started_at = clock_now_ms();
        r = keepers_start(setup->keepers, program, &limits, run, &run->keeper);
    }
    return r;
}

/* What is short may be there next time; what the record lacks it will lack again. */
static enum protocol_again again_after(int error)
{
    switch (error) {
    case -ENOMEM:
    case -EAGAIN:
    case -EMFILE:
    case -ENFILE:
    case -ENOSPC:
        return AGAIN_COUNTED;
    default:
        return AGAIN_NEVER;
    }
}

int run_start(const struct run_setup *setup, const struct config_hook *hook,
              const struct protocol_start *start, struct run **ret_run,
              enum protocol_again *ret_again, struct problem *ret_problem)
{
    struct program program;
    struct run *run;
    int r = program_prepare(hook, setup->surroundings, start->record, start->record_length,
                            &program, ret_problem);

    if (r < 0) {
        *ret_again = again_after(r);
        return r;
    }
    r = -ENOMEM;
    run = calloc(1, sizeof *run);
    if (run) {
        run->item = start->attempt.item;
        run->n = start->attempt.n;
        run->timeout_ms = hook->timeout_ms;
        run->kill_after_ms = hook->kill_after_ms;
        run->key = strdup(start->attempt.key);
        r = run->key ? start_program(run, setup, hook, &program) : -ENOMEM;
    }
    program_clear(&program);
    if (r < 0) {
        problem_set(ret_problem, "can't start a process: %s", strerror(-r));
        *ret_again = again_after(r);
        run_free(run);
        return r;
    }
    *ret_run = run;
    return 0;
}

/* --- the middle ------------------------------------------------------------------------------- */

void run_stop(const struct run *run, int64_t grace_ms)
{
    keeper_stop(run->keeper, grace_ms);
}

bool run_is(const struct run *run, const struct protocol_attempt *attempt)
{
    return run->n == attempt->n && run->item == attempt->item &&
           strcmp(run->key, attempt->key) == 0;
}

void run_cancel(struct run *run)
{
    run->canceled = true;
    run_stop(run, run->kill_after_ms);
}

void run_peek(struct run *run, struct protocol_peeked *peeked)
{
    output_view(run->output, &peeked->standard_output);
    output_view(run->error, &peeked->standard_error);
}

/* --- the end ---------------------------------------------------------------------------------- */

static void tell_own_end(const struct keeper_report *report, struct protocol_result *result,
                         struct problem *ret_error)
{
    if (result->exit_code == 0) {
        result->ending = ENDING_SUCCEEDED;
        return;
    }
    result->ending = ENDING_FAILED;
    result->again = result->exit_code == EX_TEMPFAIL ? AGAIN_FREE : AGAIN_COUNTED;
    if (result->signal == 0) {
        problem_set(ret_error, "exit status %d", result->exit_code);
    } else if (sigabbrev_np(result->signal)) {
        problem_set(ret_error, "killed by SIG%s", sigabbrev_np(result->signal));
    } else {
        problem_set(ret_error, "killed by signal %d", WTERMSIG(report->status));
    }
}

static void tell_timeout(const struct run *run, const struct keeper_report *report,
                         struct protocol_result *result, struct problem *ret_error)
{
    char span[TEXT_SPAN_SIZE];

    text_from_span(run->timeout_ms, span);
    result->ending = ENDING_FAILED;
    result->again = AGAIN_COUNTED;
    problem_set(ret_error, "timed out after %s; %s", span,
                report->killed ? "killed" : "terminated");
}

static void tell_end(const struct run *run, const struct keeper_report *report,
                     struct protocol_result *result, struct problem *ret_error)
{
    if (!report) {
        result->ending = ENDING_INTERRUPTED;
        problem_set(ret_error, "the process that watched over it was killed");
        return;
    }
    if (report->cause == KEEPER_NOT_STARTED) {
        result->ending = ENDING_FAILED;
        result->again = report->error == E2BIG ? AGAIN_NEVER : AGAIN_COUNTED;
        result->started_at = 0;
        problem_set(ret_error, "%s", report->problem.text);
        return;
    }
    if (WIFSIGNALED(report->status)) {
        result->signal = WTERMSIG(report->status);
    } else {
        result->exit_code = WEXITSTATUS(report->status);
    }
    if (report->cause == KEEPER_TIMED_OUT) {
        tell_timeout(run, report, result, ret_error);
    } else if (report->cause == KEEPER_STOPPED) {
        result->ending = ENDING_INTERRUPTED;
        problem_set(ret_error, run->canceled ? "canceled" : "stopped with assentd");
    } else {
        tell_own_end(report, result, ret_error);
    }
}

int run_finish(struct run *run, const struct keeper_report *report, struct executor *executor)
{
    struct problem error = {0};
    struct protocol_result result = {
        .attempt = {.key = run->key, .item = run->item, .n = run->n},
        .started_at = run->started_at,
        .ended_at = clock_now_ms(),
        .exit_code = -1,
        .again = AGAIN_NEVER,
    };

    output_drain(run->output);
    output_drain(run->error);
    output_view(run->output, &result.standard_output);
    output_view(run->error, &result.standard_error);
    tell_end(run, report, &result, &error);
    result.error = result.ending == ENDING_SUCCEEDED ? NULL : error.text;
    return executor_finish(executor, &result);
}

void run_free(struct run *run)
{
    if (!run) {
        return;
    }
    output_free(run->output);
    output_free(run->error);
    free(run->key);
    free(run);
}
