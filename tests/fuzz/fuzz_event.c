/*
 * Any bytes as a webhook's body: an event that is taken is well-formed, and says the same again
 * when its body is written anew.
 */
#include <assert.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "assent/base/json.h"
#include "assent/domain/event.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length);

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length)
{
    struct event event;
    struct event again;
    struct problem problem = {""};

    if (event_parse(bytes, length, NULL, &event, &problem) < 0) {
        assert(problem.text[0] != '\0');
        return 0;
    }
    assert(event.delivery_id[0] != '\0');
    assert(event.ignored || request_id_valid(event.request_id));
    assert(event.ignored || event.decision <= DECISION_EXPIRED);

    char *text = json_text(event.json);

    assert(text && event_parse(text, strlen(text), NULL, &again, NULL) == 0);
    assert(again.ignored == event.ignored && again.decision == event.decision);
    assert(strcmp(again.request_id, event.request_id) == 0);
    free(text);
    event_free(&again);
    event_free(&event);
    return 0;
}
