#include "assent/ctl/ask.h"
#include "assent/ctl/job_view.h"
#include "assent/ctl/pages.h"

static const struct option_spec options[] = {
    {"state", 0, "STATE", "only queued, running, succeeded, failed, interrupted or canceled ones"},
    PAGES_OPTIONS,
    {0},
};

static int run_items(struct ctl *ctl, const struct arguments *arguments)
{
    struct buffer path = {0};
    struct pages pages = {
        .member = "items",
        .nothing = "There are no such items.",
        .in_order = true,
        .table = item_table_new(),
        .row = item_table_row,
    };
    int status;

    path_append(&path, "/v1/jobs/%s/items", arguments->operands[0]);
    path_option(&path, "state", arguments_value(arguments, "state"));
    pages.path = path_text(&path);
    status = pages_show(ctl, arguments, &pages);
    buffer_free(&path);
    return status;
}

const struct command command_items = {
    .name = "items",
    .operands = "JOB",
    .least_operands = 1,
    .most_operands = 1,
    .summary = "list the items of a job that has one for each element of a list",
    .description =
        "Lists the items of a job whose hook has for_each, in the order of the list: the\n"
        "value, its state, how often it was tried, how long the last try took, and what\n"
        "went wrong.\n",
    .options = options,
    .run = run_items,
};
