#include "assent/ctl/ask.h"
#include "assent/ctl/job_view.h"
#include "assent/ctl/pages.h"

static const struct option_spec options[] = {
    {"state", 0, "STATE", "only queued, running, succeeded, failed, interrupted or canceled ones"},
    {"hook", 0, "NAME", "only runs of this hook"},
    {"request", 0, "ID", "only those of this request"},
    {"service", 0, "NAME", "the service of that request, where several have one of that id"},
    PAGES_OPTIONS,
    {0},
};

static int show_one(struct ctl *ctl, const char *number)
{
    struct buffer path = {0};

    path_append(&path, "/v1/jobs/%s", number);
    return ask_and_show(ctl, false, &path, job_view);
}

static int show_list(struct ctl *ctl, const struct arguments *arguments)
{
    struct buffer path = {0};
    struct pages pages = {
        .member = "jobs",
        .nothing = "There are no such jobs.",
        .table = job_table_new(),
        .row = job_table_row,
    };
    int status;

    path_append(&path, "/v1/jobs");
    path_option(&path, "state", arguments_value(arguments, "state"));
    path_option(&path, "hook", arguments_value(arguments, "hook"));
    path_option(&path, "request", arguments_value(arguments, "request"));
    path_option(&path, "service", arguments_value(arguments, "service"));
    pages.path = path_text(&path);
    status = pages_show(ctl, arguments, &pages);
    buffer_free(&path);
    return status;
}

static int run_jobs(struct ctl *ctl, const struct arguments *arguments)
{
    for (size_t i = 0; arguments->operand_count > 0 && options[i].name; i++) {
        if (arguments_has(arguments, options[i].name)) {
            return ctl_refuse(ctl, "jobs: --%s is for the list, not for one job", options[i].name);
        }
    }
    return arguments->operand_count > 0 ? show_one(ctl, arguments->operands[0])
                                        : show_list(ctl, arguments);
}

const struct command command_jobs = {
    .name = "jobs",
    .operands = "[JOB]",
    .most_operands = 1,
    .summary = "list runs of hooks, newest first, or show one of them",
    .description = "Lists jobs, newest first: a job is the run of one hook for one request. With\n"
                   "the number of a job, shows that one with all its attempts.\n",
    .options = options,
    .run = run_jobs,
};
