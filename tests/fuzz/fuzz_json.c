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

/* All of some members, all of what is in others, and nothing of the rest. */
static enum json_interest interest(const void *userdata, const char *path, size_t length)
{
    static const enum json_interest by_letter[] = {JSON_PASS_OVER, JSON_TAKE, JSON_LOOK_INTO,
                                                   JSON_TAKE};

    (void)userdata;
    return length > 0 ? by_letter[path[0] & 3] : JSON_PASS_OVER;
}

/* Names with escapes are not for json_parse_members: what it gives has fewer or other members then. */
static void compare_members(const json_t *json, const void *bytes, size_t length)
{
    json_t *some = NULL;
    const char *name;
    json_t *value;
    struct problem problem = {""};

    if (json_parse_members(bytes, length, interest, NULL, &some, &problem) < 0) {
        assert(!json_is_object(json) || memchr(bytes, '\\', length));
        return;
    }
    if (json_is_object(json) && !memchr(bytes, '\\', length)) {
        json_object_foreach((json_t *)(uintptr_t)json, name, value) {
            json_t *found = json_object_get(some, name);

            assert(interest(NULL, name, strlen(name)) != JSON_PASS_OVER ? json_equal(found, value)
                                                                        : !found);
        }
    }
    json_decref(some);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length)
{
    json_t *json;
    struct problem problem = {""};

    if (json_parse(bytes, length, &json, &problem) < 0) {
        assert_safe(problem.text);
        compare_members(NULL, bytes, length);
        return 0;
    }
    assert_survives(json, json_text(json));
    assert_survives(json, json_canonical_text(json));
    free(json_plain_text(json));
    compare_members(json, bytes, length);
    json_decref(json);
    return 0;
}
