#include "assent/ctl/ctl.h"
#include "assent/ctl/output_follow.h"

static const struct option_spec options[] = {
    {"follow", 'f', NULL, "write what comes, as it comes, until the run has ended"},
    {"item", 0, "I", "of that item, where the job has items: 0 is the first"},
    {"attempt", 0, "N", "of that attempt; else of the newest"},
    {"stdout", 0, NULL, "only what it wrote to standard output"},
    {"stderr", 0, NULL, "only what it wrote to standard error, to standard output here"},
    {0},
};

static int check_numbers(const struct ctl *ctl, const struct arguments *arguments)
{
    struct problem problem;
    int64_t ignored;

    if (arguments_number(arguments, "item", 0, &ignored, &problem) < 0 ||
        arguments_number(arguments, "attempt", 1, &ignored, &problem) < 0) {
        return ctl_refuse(ctl, "output: %s", problem.text);
    }
    return CTL_OK;
}

static int run_output(struct ctl *ctl, const struct arguments *arguments)
{
    bool only_output = arguments_has(arguments, "stdout");
    bool only_error = arguments_has(arguments, "stderr");
    const struct output_wanted wanted = {
        .job = arguments->operands[0],
        .item = arguments_value(arguments, "item"),
        .attempt = arguments_value(arguments, "attempt"),
        .standard_output = !only_error,
        .standard_error = !only_output,
        .error_to_output = only_error,
    };
    int status;

    if (only_output && only_error) {
        return ctl_refuse(ctl, "output: expected either --stdout or --stderr; without them it "
                               "writes both");
    }
    status = check_numbers(ctl, arguments);
    if (status != CTL_OK) {
        return status;
    }
    return arguments_has(arguments, "follow") ? output_follow(ctl, &wanted)
                                              : output_show(ctl, &wanted);
}

const struct command command_output = {
    .name = "output",
    .operands = "JOB",
    .least_operands = 1,
    .most_operands = 1,
    .summary = "write what a run of a hook has written",
    .description =
        "Writes what the run wrote to its standard output, or the body of the answer to\n"
        "a call, to standard output, and what it wrote to its standard error to standard\n"
        "error; of one that still runs, what it has written so far. Of long output only\n"
        "the beginning and the end are kept; a line between them says how much is\n"
        "missing. Control characters are escaped on a terminal.\n"
        "\n"
        "With --follow, goes on until the job has ended, through all its attempts, and\n"
        "then says how on standard error. What came faster than it could be looked at is\n"
        "counted in such a line, too.\n"
        "\n"
        "Exit status: 0 it was written, whatever became of the run, 1 the daemon\n"
        "answered with an error, 5 no daemon, 64 the command line is wrong.\n",
    .options = options,
    .run = run_output,
};
