/*
 * Any bytes as JSON: what is refused has a problem that is safe to show, and what is taken keeps
 * its value when it is written and read again.
 */
#include <assert.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "assent/base/json.h"
#include "assent/base/text.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length);

static void assert_safe(const char *text)
{
    assert(*text);
    assert(text_is_utf8(text, strlen(text)));
    for (; *text; text++) {
        assert((unsigned char)*text >= ' ' && *text != 0x7f);
    }
}

static void assert_survives(const json_t *json, char *text)
{
    json_t *again;

    assert(text && json_parse(text, strlen(text), &again, NULL) == 0);
    assert(json_equal(json, again));
    json_decref(again);
    free(text);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length)
{
    json_t *json;
    struct problem problem = {""};

    if (json_parse(bytes, length, &json, &problem) < 0) {
        assert_safe(problem.text);
        return 0;
    }
    assert_survives(json, json_text(json));
    assert_survives(json, json_canonical_text(json));
    free(json_plain_text(json));
    json_decref(json);
    return 0;
}
