#include "assent/ctl/ask.h"
#include "assent/ctl/pause_view.h"

static const struct option_spec options[] = {
    {"hook", 0, "NAME", "only this hook"},
    {0},
};

static void view(struct screen *screen, const json_t *result)
{
    const json_t *paused = json_object_get(result, "paused");

    pause_view(screen, paused);
    if (json_array_size(paused) == 0) {
        screen_text(screen, "Nothing is paused.\n");
    }
}

static int change(struct ctl *ctl, const struct arguments *arguments, const char *path_of_call)
{
    struct buffer path = {0};

    path_append(&path, path_of_call);
    path_option(&path, "hook", arguments_value(arguments, "hook"));
    return ask_and_show(ctl, true, &path, view);
}

static int run_pause(struct ctl *ctl, const struct arguments *arguments)
{
    return change(ctl, arguments, "/v1/pause");
}

static int run_resume(struct ctl *ctl, const struct arguments *arguments)
{
    return change(ctl, arguments, "/v1/resume");
}

const struct command command_pause = {
    .name = "pause",
    .summary = "start no more hooks until 'resume'",
    .description = "Starts no more hooks, or runs of one hook, until 'assentctl resume' says so,\n"
                   "also over restarts. What runs already runs on, decisions are still taken, and\n"
                   "their hooks wait in the queue. Says what is paused.\n",
    .options = options,
    .run = run_pause,
};

const struct command command_resume = {
    .name = "resume",
    .summary = "start hooks again after 'pause'",
    .description =
        "Takes back 'assentctl pause' without --hook, or with it the pause of that hook:\n"
        "what waited in the queue is started. Says what is still paused.\n",
    .options = options,
    .run = run_resume,
};
