#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "assent/ctl/ask.h"
#include "assent/ctl/backup_file.h"
#include "assent/ctl/client.h"

static const struct option_spec options[] = {
    {"force", 'f', NULL, "replace FILE if it is there"},
    {0},
};

/* What comes, and where it goes. */
struct taking {
    struct backup_file file; /* without a path: standard output */
    int64_t taken;
    struct problem problem;
};

static int fail_output(struct taking *taking)
{
    problem_set(&taking->problem, "standard output can't be written: %s", strerror(errno));
    return -1;
}

static int take_to_output(struct taking *taking, const void *bytes, size_t length)
{
    return fwrite(bytes, 1, length, stdout) == length ? 0 : fail_output(taking);
}

static int take(void *userdata, const void *bytes, size_t length, int64_t total)
{
    struct taking *taking = userdata;
    int r = 0;

    if (total < 0) {
        problem_set(&taking->problem, "the answer does not say how long it is, so nobody could "
                                      "tell whether it was cut off");
        return -1;
    }
    if (taking->taken == 0 && taking->file.path) {
        r = backup_file_begin(&taking->file, total, &taking->problem);
    }
    if (r == 0) {
        r = taking->file.path ? backup_file_append(&taking->file, bytes, length, &taking->problem)
                              : take_to_output(taking, bytes, length);
    }
    taking->taken += (int64_t)length;
    return r;
}

/* Returns the exit status; what went wrong is told. */
static int fetch(struct ctl *ctl, struct taking *taking)
{
    const struct client_sink sink = {.take = take, .userdata = taking};
    struct reply reply;
    int status;

    ask_quietly(ctl, &(struct question){.path = "/v1/backup", .sink = &sink}, &reply);
    status = reply.exit;
    if (status == CTL_OUTPUT_FAILED) {
        ctl_complain("%s", taking->problem.text);
    } else if (status != CTL_OK) {
        reply_complain(ctl, &reply);
    }
    reply_free(&reply);
    return status;
}

static int finish(struct taking *taking)
{
    int r = -1;

    if (taking->taken == 0) {
        problem_set(&taking->problem, "the daemon's answer was empty");
    } else if (taking->file.path) {
        r = backup_file_finish(&taking->file, &taking->problem);
    } else {
        r = fflush(stdout) == 0 ? 0 : fail_output(taking);
    }
    if (r < 0) {
        ctl_complain("%s", taking->problem.text);
    }
    return r < 0 ? CTL_OUTPUT_FAILED : CTL_OK;
}

static void show(struct ctl *ctl, const struct taking *taking)
{
    if (ctl->json) {
        json_t *result =
            json_pack("{s:s, s:I}", "file", taking->file.path, "bytes", (json_int_t)taking->taken);

        screen_must(result ? 0 : -1);
        ctl_show_json(ctl, result);
        json_decref(result);
        return;
    }
    screen_text(&ctl->screen, taking->file.path);
    screen_format(&ctl->screen, ": %.1f MiB, all of the store\n",
                  (double)taking->taken / (1 << 20));
}

static int check_output(const struct ctl *ctl)
{
    return ctl->terminal ? ctl_refuse(ctl, "backup: expected a file, or a pipe behind it: this "
                                           "would go to the terminal")
                         : CTL_OK;
}

static int check_file(const struct taking *taking)
{
    struct problem problem;

    if (backup_file_check(&taking->file, &problem) < 0) {
        ctl_complain("%s", problem.text);
        return CTL_OUTPUT_FAILED;
    }
    return CTL_OK;
}

static int run_backup(struct ctl *ctl, const struct arguments *arguments)
{
    bool to_file = strcmp(arguments->operands[0], "-") != 0;
    struct taking taking = {
        .file =
            {
                .path = to_file ? arguments->operands[0] : NULL,
                .replaces = arguments_has(arguments, "force"),
                .fd = -1,
            },
    };
    int status = to_file ? check_file(&taking) : check_output(ctl);

    if (status == CTL_OK) {
        status = fetch(ctl, &taking);
    }
    if (status == CTL_OK) {
        status = finish(&taking);
    }
    backup_file_abandon(&taking.file);
    if (status == CTL_OK && to_file) {
        show(ctl, &taking);
    }
    return status;
}

const struct command command_backup = {
    .name = "backup",
    .operands = "FILE",
    .least_operands = 1,
    .most_operands = 1,
    .summary = "write a copy of the whole store, while it is in use",
    .description =
        "Writes a copy of the store as it is when this is asked, while assentd goes on.\n"
        "It has all that was answered before, and is as secret as the store: contexts,\n"
        "and tokens with which decisions can be made. FILE is there only once all of it\n"
        "is on disk; until then it is FILE.XXXXXX.partial. With - it goes to standard\n"
        "output, and only exit status 0 says that it was all.\n"
        "\n"
        "To restore it: stop assentd, move its database and the -wal beside it away,\n"
        "put the backup in the database's place, start assentd. It starts no hooks then\n"
        "until 'assentctl resume', since what ran after the backup would run again.\n"
        "assentd(8) tells what to look at first.\n"
        "\n"
        "Exit status: 0 it was all written, 1 the daemon answered with an error, 5 there\n"
        "is no daemon or the backup was cut off, 64 the command line is wrong, 74 FILE is\n"
        "there already or can't be written.\n",
    .options = options,
    .run = run_backup,
};
