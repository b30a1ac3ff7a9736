#include "assent/ctl/bulk.h"

#include <stdio.h>

#include "assent/ctl/ask.h"
#include "assent/ctl/fields.h"

#define CURSOR_SIZE 32

/* Goes on behind `cursor`, "" for all; sets it to where the next call begins, or to "". */
static int call_once(struct ctl *ctl, const char *path, char cursor[CURSOR_SIZE], int64_t *changed)
{
    struct buffer whole = {0};
    struct question question = {.post = true};
    json_t *result = NULL;
    int status;

    screen_must(buffer_append_text(&whole, path));
    path_option(&whole, "cursor", cursor[0] ? cursor : NULL);
    question.path = path_text(&whole);
    status = ask(ctl, &question, &result);
    if (status == CTL_OK) {
        const char *next = field_text(result, "cursor");

        *changed += field_number(result, "changed", 0);
        (void)snprintf(cursor, CURSOR_SIZE, "%s", next ? next : "");
    }
    json_decref(result);
    buffer_free(&whole);
    return status;
}

static void show(struct ctl *ctl, const struct bulk *bulk, int64_t changed)
{
    if (ctl->json) {
        json_t *shown = json_pack("{s:I}", "changed", (json_int_t)changed);

        screen_must(shown ? 0 : -1);
        ctl_show_json(ctl, shown);
        json_decref(shown);
        return;
    }
    screen_format(&ctl->screen, "%lld job%s %s %s\n", (long long)changed, changed == 1 ? "" : "s",
                  changed == 1 ? "is" : "are", bulk->done);
}

/* One call changes a thousand at most, the newest. */
static int call_all(struct ctl *ctl, const char *path, const struct bulk *bulk)
{
    char cursor[CURSOR_SIZE] = "";
    int64_t changed = 0;
    int status;

    do {
        status = call_once(ctl, path, cursor, &changed);
    } while (status == CTL_OK && cursor[0]);
    if (status == CTL_OK || changed > 0) {
        show(ctl, bulk, changed);
    }
    return status;
}

int bulk_change(struct ctl *ctl, const struct arguments *arguments, const struct bulk *bulk)
{
    const char *state = arguments_value(arguments, "state");
    struct buffer path = {0};
    struct problem problem;
    int status;

    if (!state) {
        return ctl_refuse(ctl, "%s: expected --state %s", ctl->command, bulk->states);
    }
    if (arguments_choice(arguments, "state", bulk->states, &problem) < 0) {
        return ctl_refuse(ctl, "%s: %s", ctl->command, problem.text);
    }
    path_append(&path, "/v1/jobs/%s", bulk->call);
    path_option(&path, "state", state);
    path_option(&path, "hook", arguments_value(arguments, "hook"));
    path_option(&path, "request", arguments_value(arguments, "request"));
    path_option(&path, "service", arguments_value(arguments, "service"));
    status = call_all(ctl, path_text(&path), bulk);
    buffer_free(&path);
    return status;
}

int bulk_refuse_options(const struct ctl *ctl, const struct arguments *arguments,
                        const char *subject)
{
    static const char *const names[] = {"state", "hook", "request", "service"};

    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        if (arguments_has(arguments, names[i])) {
            return ctl_refuse(ctl, "%s: --%s is for many jobs, not for %s", ctl->command, names[i],
                              subject);
        }
    }
    return CTL_OK;
}
