#include "assent/ctl/kept_output.h"

#include <string.h>

#include "assent/base/text.h"
#include "assent/ctl/fields.h"

/* All but newlines and tabs, which are harmless and give the text its shape. */
static int append_escaped(struct buffer *out, const char *text)
{
    int r = 0;

    while (*text && r == 0) {
        size_t length = strcspn(text, "\n\t");
        size_t kept = strspn(text + length, "\n\t");

        r = text_append_escaped(out, text, length);
        if (r == 0) {
            r = buffer_append(out, text + length, kept);
        }
        text += length + kept;
    }
    return r;
}

static int append_part(struct buffer *out, const char *text, bool escaped)
{
    return escaped ? append_escaped(out, text) : buffer_append_text(out, text);
}

static int end_line(struct buffer *out)
{
    return out->length > 0 && out->data[out->length - 1] != '\n' ? buffer_append_text(out, "\n")
                                                                 : 0;
}

int kept_output(const json_t *output, bool escaped, struct buffer *out)
{
    int64_t dropped = field_number(output, "dropped", 0);
    int r = append_part(out, field_text_or_empty(output, "head"), escaped);

    if (r == 0 && dropped > 0) {
        r = end_line(out);
        if (r == 0) {
            r = buffer_append_format(out, "[... %lld bytes dropped ...]\n", (long long)dropped);
        }
    }
    if (r == 0) {
        r = append_part(out, field_text_or_empty(output, "tail"), escaped);
    }
    return r == 0 && escaped ? end_line(out) : r;
}
