#include <stdio.h>

#include "assent/ctl/ask.h"
#include "assent/ctl/bulk.h"
#include "assent/ctl/fields.h"
#include "assent/ctl/job_view.h"
#include "assent/ctl/request_view.h"

static const struct option_spec options[] = {
    {"job", 0, "JOB", "in place of a request: end this job"},
    {"jobs", 0, NULL, "in place of a request: end all jobs in the state that --state names"},
    {"state", 0, "STATE", "with --jobs: those that are queued, or running"},
    BULK_OPTIONS,
    {0},
};

static int cancel_request(struct ctl *ctl, const struct arguments *arguments)
{
    static const char *const of_jobs[] = {"state", "hook", "request"};
    struct buffer path = {0};

    for (size_t i = 0; i < sizeof of_jobs / sizeof of_jobs[0]; i++) {
        if (arguments_has(arguments, of_jobs[i])) {
            return ctl_refuse(ctl, "cancel: --%s is for many jobs, not for a request", of_jobs[i]);
        }
    }
    path_append(&path, "/v1/requests/%s/cancel", arguments->operands[0]);
    path_option(&path, "service", arguments_value(arguments, "service"));
    return ask_and_show(ctl, true, &path, request_view_line);
}

/* A job that runs ends a little later. */
static void view_job(struct screen *screen, const json_t *job)
{
    const char *state = field_text_or_empty(job, "state");
    bool running = json_is_true(json_object_get(job, "canceling"));
    char number[32];
    const struct screen_part parts[] = {
        {COLOUR_PLAIN, number},
        {COLOUR_STRONG, field_text_or_empty(job, "hook")},
        {COLOUR_PLAIN, ", is "},
        {job_colour(state), running ? "being canceled" : state},
    };

    (void)snprintf(number, sizeof number, "job %lld, ", (long long)field_number(job, "job", 0));
    screen_line(screen, 2, parts, sizeof parts / sizeof parts[0]);
}

static int cancel_job(struct ctl *ctl, const struct arguments *arguments)
{
    struct buffer path = {0};
    int status = bulk_refuse_options(ctl, arguments, "one");

    if (status != CTL_OK) {
        return status;
    }
    path_append(&path, "/v1/jobs/%s/cancel", arguments_value(arguments, "job"));
    return ask_and_show(ctl, true, &path, view_job);
}

static int run_cancel(struct ctl *ctl, const struct arguments *arguments)
{
    static const struct bulk bulk = {
        .call = "cancel",
        .states = "queued|running",
        .done = "canceled",
    };
    bool one = arguments_has(arguments, "job");
    bool many = arguments_has(arguments, "jobs");

    if ((arguments->operand_count > 0) + one + many != 1) {
        return ctl_refuse(ctl, "cancel: expected one of REQUEST, --job JOB and --jobs");
    }
    if (one) {
        return cancel_job(ctl, arguments);
    }
    return many ? bulk_change(ctl, arguments, &bulk) : cancel_request(ctl, arguments);
}

const struct command command_cancel = {
    .name = "cancel",
    .operands = "[REQUEST]",
    .most_operands = 1,
    .summary = "end a request that is not decided yet, or jobs that have not ended",
    .description =
        "Ends a request that nobody has decided yet. A decision that comes later starts\n"
        "nothing. To cancel one that is canceled changes nothing; one that is over\n"
        "otherwise is an error.\n"
        "\n"
        "With --job or --jobs, ends runs of hooks: one that is queued never starts, one\n"
        "that runs is told to end, with all that it has started. Of one with items,\n"
        "those that have not begun never do.\n",
    .options = options,
    .run = run_cancel,
};
