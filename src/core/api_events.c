#include "assent/core/api.h"
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
