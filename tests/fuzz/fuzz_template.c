/* Input: a byte for the kind, the template's text, a NUL, the record. What renders stays what the
 * template said: one line for a header, the same host for a URL, JSON for JSON. */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "assent/base/json.h"
#include "assent/domain/template.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_rendered(enum template_kind kind, const char *text, const char *rendered)
{
    json_t *json;

    switch (kind) {
    case TEMPLATE_URL:
        assert(strncmp(text, rendered, strcspn(text + 8, "/?") + 8) == 0);
        assert(strpbrk(rendered, " #\\\r\n") == NULL);
        break;
    case TEMPLATE_HEADER:
        assert(strpbrk(rendered, "\r\n\t\x7f") == NULL);
        break;
    case TEMPLATE_JSON:
        json = json_loads(rendered, JSON_REJECT_DUPLICATES | JSON_DECODE_ANY, NULL);
        assert(json);
        json_decref(json);
        break;
    default:
        break;
    }
}

static void render(enum template_kind kind, const char *text, const json_t *record)
{
    struct template *template;
    struct buffer out = {0};
    struct problem problem;

    if (template_compile(kind, text, &template, &problem) < 0) {
        return;
    }
    if (template_render(template, record, &out, &problem) == 0) {
        check_rendered(kind, text, buffer_text(&out));
    } else {
        assert(out.length == 0);
    }
    buffer_free(&out);
    template_free(template);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const uint8_t *end = size > 1 ? memchr(data + 1, '\0', size - 1) : NULL;
    json_t *record;

    if (!end || json_parse(end + 1, size - (size_t)(end + 1 - data), &record, NULL) < 0) {
        return 0;
    }
    render((enum template_kind)(data[0] & 3), (const char *)data + 1, record);
    json_decref(record);
    return 0;
}
