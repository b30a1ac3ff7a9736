#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "assent/base/clock.h"
#include "assent/base/log.h"
#include "assent/core/api.h"
#include "assent/core/lanes.h"
#include "assent/core/record.h"

/* The hook of ?hook=, "" for all of them; to be freed. Answers itself and returns NULL if there is no
 * such hook. One that was paused and is not configured any more can be resumed. */
static char *wanted_hook(const struct api_call *call, bool configured)
{
    char *hook = api_query(call, "hook");

    if (!hook) {
        hook = calloc(1, 1);
        core_must(hook ? 0 : -ENOMEM, "pause");
    } else if (configured && !config_hook(call->core->config, hook)) {
        answer_error(&call->asker, 404, "not_found", "assentd --dump shows the hooks.",
                     "there is no hook %.100s", hook);
        free(hook);
        hook = NULL;
    }
    return hook;
}

static void note(const struct api_call *call, const char *kind, const char *what, const char *hook)
{
    json_t *details =
        json_pack("{s:s*, s:s}", "hook", hook[0] ? hook : NULL, "by", call->access.who);
    char *text = details ? json_dumps(details, JSON_COMPACT) : NULL;
    const struct store_event event = {.at = clock_now_ms(), .kind = kind, .details = text};
    char message[160];

    core_must(text ? store_event_add(call->core->store, &event) : -ENOMEM, "event");
    (void)snprintf(message, sizeof message, "%s at the word of %s", what, call->access.who);
    log_event(LOG_LEVEL_WARNING, message, "hook", hook[0] ? hook : NULL, NULL);
    free(text);
    json_decref(details);
}

static int add_row(void *userdata, const struct store_pause *pause)
{
    return json_array_append_new(userdata, json_pack("{s:s?, s:o, s:s}", "hook",
                                                     pause->hook[0] ? pause->hook : NULL, "since",
                                                     record_time(pause->since), "by", pause->who));
}

json_t *api_paused(struct core *core)
{
    json_t *rows = json_array();

    core_must(store_pause_list(core->store, add_row, rows), "pause");
    return rows;
}

static void answer_paused(const struct api_call *call)
{
    answer_result(&call->asker, 200, json_pack("{s:o}", "paused", api_paused(call->core)), NULL);
}

void api_pause(const struct api_call *call)
{
    char *hook = wanted_hook(call, true);

    if (hook) {
        if (lanes_pause(call->core, hook, call->access.who) == 0) {
            note(call, "queue.paused", hook[0] ? "the hook is paused" : "all hooks are paused",
                 hook);
        }
        answer_paused(call);
        free(hook);
    }
}

void api_resume(const struct api_call *call)
{
    char *hook = wanted_hook(call, false);

    if (hook) {
        if (lanes_resume(call->core, hook) == 0) {
            note(call, "queue.resumed", hook[0] ? "the hook goes on" : "all hooks go on", hook);
        }
        answer_paused(call);
        free(hook);
    }
}
