#include <stdlib.h>

#include "assent/base/text.h"
#include "assent/core/api.h"
#include "assent/core/followers.h"
#include "assent/core/record.h"

static int add_event(void *rows, const struct store_event *event)
{
    return json_array_append_new(rows, record_event(event));
}

/* The cursor is where the next page begins, also when there is nothing yet. */
void api_list_events(const struct api_call *call)
{
    json_t *rows;
    struct api_page page;
    int64_t reached;

    if (!api_page_onward(call, &page)) {
        return;
    }
    rows = json_array();
    core_must(store_event_after(call->core->store, page.cursor, access_owner(&call->access),
                                page.limit, add_event, rows, &reached),
              "events");
    answer_result(
        &call->asker, 200,
        json_pack("{s:o, s:o}", "events", rows, "cursor", json_sprintf("%lld", (long long)reached)),
        NULL);
}

/* Where to go on: as the client says that was there before, or as the URL says, or with what happens
 * from now on. Answers 400 itself and returns false if that is no number. */
static bool wanted_position(const struct api_call *call, int64_t *ret_after)
{
    const char *last = protocol_request_header(call->request, "last-event-id");
    char *cursor = last && *last ? NULL : api_query(call, "cursor");
    const char *text = last && *last ? last : cursor;
    int64_t after = store_event_newest(call->core->store);
    bool valid = !text || text_to_number(text, &after) == 0;

    if (valid) {
        *ret_after = after;
    } else {
        answer_error(&call->asker, 400, "invalid_request", NULL, "%s: expected the id of an event",
                     cursor ? "cursor" : "Last-Event-ID");
    }
    free(cursor);
    return valid;
}

void api_follow_events(const struct api_call *call)
{
    int64_t after;

    if (wanted_position(call, &after)) {
        followers_add(call->core, &call->asker, &call->access, after);
    }
}
