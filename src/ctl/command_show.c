#include "assent/ctl/ask.h"
#include "assent/ctl/request_view.h"

static const struct option_spec options[] = {
    {"service", 0, "NAME", "the service of the request, where several have one of that id"},
    {0},
};

static int run_show(struct ctl *ctl, const struct arguments *arguments)
{
    struct buffer path = {0};

    path_append(&path, "/v1/requests/%s", arguments->operands[0]);
    path_option(&path, "service", arguments_value(arguments, "service"));
    return ask_and_show(ctl, false, &path, request_view);
}

const struct command command_show = {
    .name = "show",
    .operands = "REQUEST",
    .least_operands = 1,
    .most_operands = 1,
    .summary = "show all about one request",
    .description = "Shows all about a request: what was asked, by whom and when, how long it has\n"
                   "left, what was decided, its jobs, and all that happened, in order.\n",
    .options = options,
    .run = run_show,
};
