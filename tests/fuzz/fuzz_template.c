/*
 * Any template with any record, and templates of ours with any values: what is rendered has the
 * structure that the template says, and nothing fails that need not, as the oracle finds.
 *
 * Input: a byte for the kind. Then the template's text, a NUL and the record; or, with 4 in that
 * byte, a byte for the template, and up to four values with a NUL between them: texts, or JSON where
 * they are it.
 */
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "assent/base/json.h"
#include "assent/base/text.h"
#include "assent/domain/template.h"
#include "support/template_oracle.h"

#define OURS 4

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char *const templates[4][4] = {
    [TEMPLATE_WORD] = {"--to={item}", "{reason}", "x{item.b|-}y{context.a}", "{index}{item.0}"},
    [TEMPLATE_URL] = {"https://h.example/v1/{item}/x{reason}/end?r={context.a}&n={index}",
                      "http://[::1]:80/{item.b|.}{reason}.", "http://h/%2e{item}?{reason}",
                      "http://h/{context.a|}{item.0|}/?/../{item}"},
    [TEMPLATE_HEADER] = {"X-A: <{item}>", "X-A: {reason}{context.a}", "X-A:{item.b|}",
                         "X-A: {index}, {item.0|-}"},
    [TEMPLATE_JSON] = {"{\"{{\":[\"-\",{\"x\":\"{item}\",\"t\":\"<{reason}>\"}],\"n\":\"{index}\"}",
                       "\"{item}\"", "[\"{context.a}{item.b|}\",\"{item.0|\\\"}\"]",
                       "{\"a\":{\"\":\"{reason}\"},\"b\":[[\"{item}{item}\"]]}"},
};

static void judge(enum template_kind kind, const char *text, const json_t *record)
{
    struct template *template;
    struct buffer out = {0};
    struct problem problem;
    const char *wrong;
    int r;

    if (!text_is_utf8(text, strlen(text)) ||
        template_compile(kind, text, &template, &problem) < 0) {
        return;
    }
    r = template_render(template, record, &out, &problem);
    assert(r == 0 || out.length == 0);
    wrong = template_oracle(kind, text, record, r == 0 ? &out : NULL);
    if (wrong) {
        (void)fprintf(stderr, "%s: %s: %s\n", text, wrong,
                      r == 0 ? buffer_text(&out) : problem.text);
        abort();
    }
    buffer_free(&out);
    template_free(template);
}

static void judge_any(enum template_kind kind, const uint8_t *data, size_t size)
{
    const uint8_t *end = memchr(data, '\0', size);
    json_t *record;

    if (end && json_parse(end + 1, size - (size_t)(end + 1 - data), &record, NULL) == 0) {
        judge(kind, (const char *)data, record);
        json_decref(record);
    }
}

/* JSON, or a string; null where it is neither. */
static json_t *value_of(const uint8_t *data, size_t size)
{
    json_t *value;

    if (json_parse(data, size, &value, NULL) == 0) {
        return value;
    }
    value = json_stringn((const char *)data, size);
    return value ? value : json_null();
}

static void judge_ours(enum template_kind kind, const uint8_t *data, size_t size)
{
    json_t *values[4];
    json_t *record;
    size_t at = 1;

    for (size_t i = 0; i < 4; i++) {
        const uint8_t *end = at < size ? memchr(data + at, '\0', size - at) : NULL;
        size_t length = at > size ? 0 : end ? (size_t)(end - data) - at : size - at;

        values[i] = at > size ? json_null() : value_of(data + at, length);
        at += length + 1;
    }
    record = json_pack("{s:o, s:o, s:{s:o}, s:o}", "item", values[0], "reason", values[1],
                       "context", "a", values[2], "index", values[3]);
    judge(kind, templates[kind][data[0] & 3], record);
    json_decref(record);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 2) {
        return 0;
    }
    if (data[0] & OURS) {
        judge_ours((enum template_kind)(data[0] & 3), data + 1, size - 1);
    } else {
        judge_any((enum template_kind)(data[0] & 3), data + 1, size - 1);
    }
    return 0;
}
