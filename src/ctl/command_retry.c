#include <stdio.h>

#include "assent/ctl/ask.h"
#include "assent/ctl/bulk.h"
#include "assent/ctl/fields.h"

static const struct option_spec options[] = {
    {"state", 0, "STATE", "in place of a job: all that are failed, or interrupted"},
    BULK_OPTIONS,
    {0},
};

static void view(struct screen *screen, const json_t *job)
{
    int64_t attempts = field_number(job, "attempt", 0);
    char number[32];
    char tries[64];
    const struct screen_part parts[] = {
        {COLOUR_PLAIN, number},  {COLOUR_STRONG, field_text_or_empty(job, "hook")},
        {COLOUR_PLAIN, ", is "}, {COLOUR_OPEN, field_text_or_empty(job, "state")},
        {COLOUR_PLAIN, tries},
    };

    (void)snprintf(number, sizeof number, "job %lld, ", (long long)field_number(job, "job", 0));
    (void)snprintf(tries, sizeof tries, " again after %lld attempt%s", (long long)attempts,
                   attempts == 1 ? "" : "s");
    screen_line(screen, 2, parts, sizeof parts / sizeof parts[0]);
}

static int run_retry(struct ctl *ctl, const struct arguments *arguments)
{
    static const struct bulk bulk = {
        .call = "retry",
        .states = "failed|interrupted",
        .done = "queued again",
    };
    struct buffer path = {0};
    int status;

    if (arguments->operand_count == 0) {
        return arguments_has(arguments, "state")
                   ? bulk_change(ctl, arguments, &bulk)
                   : ctl_refuse(ctl, "retry: expected JOB, or --state failed|interrupted");
    }
    status = bulk_refuse_options(ctl, arguments, "one");
    if (status != CTL_OK) {
        return status;
    }
    path_append(&path, "/v1/jobs/%s/retry", arguments->operands[0]);
    return ask_and_show(ctl, true, &path, view);
}

const struct command command_retry = {
    .name = "retry",
    .operands = "[JOB]",
    .most_operands = 1,
    .summary = "run hooks again that failed or were interrupted",
    .description =
        "Runs a job again that failed, or that was interrupted: cut off by a crash or a\n"
        "shutdown, so that only a person can say whether it may run twice. Look at its\n"
        "output first. It is the same job with one attempt more. Of a job with items only\n"
        "those are run again that failed or were interrupted.\n"
        "\n"
        "With --state, all jobs in that state, or those of them that the other options\n"
        "choose.\n",
    .options = options,
    .run = run_retry,
};
