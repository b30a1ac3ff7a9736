#include "assent/ctl/bulk.h"

#include <string.h>

#include "assent/ctl/ask.h"
#include "assent/ctl/fields.h"

static int call_once(struct ctl *ctl, const char *path, int64_t *changed, bool *ret_more)
{
    const struct question question = {.post = true, .path = path};
    json_t *result = NULL;
    int status = ask(ctl, &question, &result);

    if (status == CTL_OK) {
        *changed += field_number(result, "changed", 0);
        *ret_more =
            json_is_true(json_object_get(result, "more")) && field_number(result, "changed", 0) > 0;
    }
    json_decref(result);
    return status;
}

static void show(struct ctl *ctl, const struct bulk *bulk, int64_t changed, bool more)
{
    if (ctl->json) {
        json_t *shown = json_pack("{s:I, s:b}", "changed", (json_int_t)changed, "more", (int)more);

        screen_must(shown ? 0 : -1);
        ctl_show_json(ctl, shown);
        json_decref(shown);
        return;
    }
    screen_format(&ctl->screen, "%lld job%s %s %s\n", (long long)changed, changed == 1 ? "" : "s",
                  changed == 1 ? "is" : "are", bulk->done);
    if (more) {
        screen_text(&ctl->screen, "(there may be more: say it again when these have ended)\n");
    }
}

/* One call changes a thousand at most, the newest. */
static int call_all(struct ctl *ctl, const char *path, const struct bulk *bulk, bool once)
{
    int64_t changed = 0;
    bool more = false;
    int status;

    do {
        status = call_once(ctl, path, &changed, &more);
    } while (status == CTL_OK && more && !once);
    if (status == CTL_OK || changed > 0) {
        show(ctl, bulk, changed, more);
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
    status = call_all(ctl, path_text(&path), bulk, bulk->lasts && strcmp(bulk->lasts, state) == 0);
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
