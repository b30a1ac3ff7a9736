#include "assent/ctl/ask.h"
#include "assent/ctl/pages.h"
#include "assent/ctl/request_view.h"

static const struct option_spec options[] = {
    {"state", 0, "STATE",
     "only held, submitting, pending, approved, denied, expired, canceled, failed or delivered ones"},
    {"action", 0, "NAME", "only those for this action"},
    PAGES_OPTIONS,
    {0},
};

static int run_list(struct ctl *ctl, const struct arguments *arguments)
{
    struct buffer path = {0};
    struct pages pages = {
        .member = "requests",
        .nothing = "There are no such requests.",
        .table = request_table_new(),
        .row = request_table_row,
    };
    int status;

    path_append(&path, "/v1/requests");
    path_option(&path, "state", arguments_value(arguments, "state"));
    path_option(&path, "action", arguments_value(arguments, "action"));
    pages.path = path_text(&path);
    status = pages_show(ctl, arguments, &pages);
    buffer_free(&path);
    return status;
}

const struct command command_list = {
    .name = "list",
    .summary = "list requests, newest first",
    .description =
        "Lists requests, newest first: what is asked for, its state, how old it is, how\n"
        "long it has left, and who decided. What does not fit 80 columns is cut; --json\n"
        "has all of it.\n",
    .options = options,
    .run = run_list,
};
