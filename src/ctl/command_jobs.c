#include <string.h>

#include "assent/ctl/ask.h"
#include "assent/ctl/job_view.h"
#include "assent/ctl/pages.h"
#include "assent/ctl/progress.h"

/* With a job, of those that failed. */
#define ITEMS_SHOWN 10

static const struct option_spec options[] = {
    {"state", 0, "STATE", "only queued, running, succeeded, failed, interrupted or canceled ones"},
    {"hook", 0, "NAME", "only runs of this hook"},
    {"request", 0, "ID", "only those of this request"},
    {"service", 0, "NAME", "the service of that request, where several have one of that id"},
    PAGES_OPTIONS,
    {0},
};

/* The first items in that state, where there are any. */
static int show_items(struct ctl *ctl, const char *number, const char *state, int64_t count)
{
    struct pages pages = {
        .member = "items",
        .nothing = "None.",
        .in_order = true,
        .table = item_table_new(),
        .row = item_table_row,
    };
    struct buffer path = {0};
    int status;

    if (count == 0) {
        table_free(pages.table);
        return CTL_OK;
    }
    screen_format(&ctl->screen, "\nItems that %s\n",
                  strcmp(state, "failed") == 0 ? "failed" : "were interrupted");
    path_append(&path, "/v1/jobs/%s/items?state=%s", number, state);
    pages.path = path_text(&path);
    status = pages_show_first(ctl, &pages, ITEMS_SHOWN);
    buffer_free(&path);
    if (status == CTL_OK && count > ITEMS_SHOWN) {
        screen_format(&ctl->screen, "(%lld more: assentctl items %s --state %s)\n",
                      (long long)(count - ITEMS_SHOWN), number, state);
    }
    return status;
}

static int show_for_people(struct ctl *ctl, const char *number, const json_t *job)
{
    struct progress progress;
    int status = CTL_OK;

    job_view(&ctl->screen, job);
    if (progress_read(job, &progress)) {
        status = show_items(ctl, number, "failed", progress.failed);
        if (status == CTL_OK) {
            status = show_items(ctl, number, "interrupted", progress.interrupted);
        }
    }
    return status;
}

static int show_one(struct ctl *ctl, const char *number)
{
    struct buffer path = {0};
    struct question question = {0};
    json_t *job = NULL;
    int status;

    path_append(&path, "/v1/jobs/%s", number);
    question.path = path_text(&path);
    status = ask(ctl, &question, &job);
    buffer_free(&path);
    if (status == CTL_OK && ctl->json) {
        ctl_show_json(ctl, job);
    } else if (status == CTL_OK) {
        status = show_for_people(ctl, number, job);
    }
    json_decref(job);
    return status;
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
    .description =
        "Lists jobs, newest first: a job is the run of one hook for one request. Those\n"
        "that will be tried again say when; those with an item for each element of a\n"
        "list say how far they have come. With the number of a job, shows that one with\n"
        "all its attempts, or with the first items that failed.\n",
    .options = options,
    .run = run_jobs,
};
