#include <stdio.h>

#include "assent/ctl/ask.h"
#include "assent/ctl/fields.h"

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
    struct buffer path = {0};

    path_append(&path, "/v1/jobs/%s/retry", arguments->operands[0]);
    return ask_and_show(ctl, true, &path, view);
}

const struct command command_retry = {
    .name = "retry",
    .operands = "JOB",
    .least_operands = 1,
    .most_operands = 1,
    .summary = "run a hook again that failed or was interrupted",
    .description =
        "Runs a job again that failed, or that was interrupted: cut off by a crash or a\n"
        "shutdown, so that only a person can say whether it may run twice. Look at its\n"
        "output first. It is the same job with one attempt more.\n",
    .run = run_retry,
};
