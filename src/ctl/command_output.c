#include <stdio.h>
#include <unistd.h>

#include "assent/ctl/ask.h"
#include "assent/ctl/kept_output.h"

static const struct option_spec options[] = {
    {"attempt", 0, "N", "of that attempt; else of the newest"},
    {"stdout", 0, NULL, "only what it wrote to standard output"},
    {"stderr", 0, NULL, "only what it wrote to standard error, to standard output here"},
    {0},
};

static int write_part(const json_t *result, const char *member, FILE *file)
{
    struct buffer text = {0};
    bool terminal = isatty(fileno(file));
    bool written;

    screen_must(kept_output(json_object_get(result, member), terminal, &text));
    written = ctl_write(&text, file);
    buffer_free(&text);
    if (!written) {
        ctl_complain("can't write the output");
    }
    return written ? CTL_OK : CTL_OUTPUT_FAILED;
}

static int write_output(const json_t *result, const struct arguments *arguments)
{
    int status;

    if (arguments_has(arguments, "stdout")) {
        return write_part(result, "stdout", stdout);
    }
    if (arguments_has(arguments, "stderr")) {
        return write_part(result, "stderr", stdout);
    }
    status = write_part(result, "stdout", stdout);
    return status == CTL_OK ? write_part(result, "stderr", stderr) : status;
}

static int run_output(struct ctl *ctl, const struct arguments *arguments)
{
    struct buffer path = {0};
    struct question question = {0};
    json_t *result = NULL;
    int status;

    if (arguments_has(arguments, "stdout") && arguments_has(arguments, "stderr")) {
        return ctl_refuse(ctl, "output: expected either --stdout or --stderr; without them it "
                               "writes both");
    }
    path_append(&path, "/v1/jobs/%s/output", arguments->operands[0]);
    path_option(&path, "attempt", arguments_value(arguments, "attempt"));
    question.path = path_text(&path);
    status = ask(ctl, &question, &result);
    buffer_free(&path);
    if (status != CTL_OK) {
        return status;
    }
    if (ctl->json) {
        ctl_show_json(ctl, result);
    } else {
        status = write_output(result, arguments);
    }
    json_decref(result);
    return status;
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
        "error. Of long output only the beginning and the end are kept; a line between\n"
        "them says how much is missing. Control characters are escaped on a terminal.\n",
    .options = options,
    .run = run_output,
};
