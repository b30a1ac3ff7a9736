#include "assent/ctl/ask.h"
#include "assent/ctl/request_view.h"

static const struct option_spec options[] = {
    {"service", 0, "NAME", "the service of the request, where several have one of that id"},
    {0},
};

static int run_cancel(struct ctl *ctl, const struct arguments *arguments)
{
    struct buffer path = {0};

    path_append(&path, "/v1/requests/%s/cancel", arguments->operands[0]);
    path_option(&path, "service", arguments_value(arguments, "service"));
    return ask_and_show(ctl, true, &path, request_view_line);
}

const struct command command_cancel = {
    .name = "cancel",
    .operands = "REQUEST",
    .least_operands = 1,
    .most_operands = 1,
    .summary = "end a request that nobody has decided yet",
    .description =
        "Ends a request that nobody has decided yet. A decision that comes later starts\n"
        "nothing. To cancel one that is canceled changes nothing; one that is over\n"
        "otherwise is an error.\n",
    .options = options,
    .run = run_cancel,
};
