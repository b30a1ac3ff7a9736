#include "assent/ctl/ctl.h"
#include "assent/ctl/decision_wait.h"

static const struct option_spec options[] = {
    {"timeout", 0, "TIME", "give up after 30s, 10m, 1h...; else wait until it is decided"},
    {"service", 0, "NAME", "the service of the request, where several have one of that id"},
    {0},
};

static int run_wait(struct ctl *ctl, const struct arguments *arguments)
{
    int64_t timeout_ms = -1;
    struct problem problem;

    if (arguments_duration(arguments, "timeout", &timeout_ms, &problem) < 0) {
        return ctl_refuse(ctl, "wait: %s", problem.text);
    }
    return decision_wait(ctl, arguments->operands[0], arguments_value(arguments, "service"),
                         timeout_ms);
}

const struct command command_wait = {
    .name = "wait",
    .operands = "REQUEST",
    .least_operands = 1,
    .most_operands = 1,
    .summary = "wait until a request is decided, and say how by the exit status",
    .description = "Waits until the request is decided or ends otherwise. If the daemon is\n"
                   "restarted meanwhile, waits on.\n"
                   "\n"
                   "Exit status: 0 approved, 1 denied, 2 expired, 3 canceled, failed, or a notice\n"
                   "that was delivered, 4 not decided in time, 5 no daemon, 6 the daemon answered\n"
                   "with an error, such as that it knows no such request, 64 the command line is\n"
                   "wrong.\n",
    .options = options,
    .run = run_wait,
};
