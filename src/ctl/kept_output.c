#include "assent/ctl/kept_output.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "assent/base/base64.h"
#include "assent/base/text.h"
#include "assent/ctl/fields.h"

/* --- reading ---------------------------------------------------------------------------------- */

/* The bytes, where the daemon says that its text is not exactly what was written. */
static int read_part(const json_t *json, const char *name, const char *exact, struct buffer *out)
{
    const json_t *text = json_object_get(json, name);
    const char *bytes = field_text(json, exact);
    int r = bytes ? base64_decode(bytes, strlen(bytes), out) : -EINVAL;

    if (r == -EINVAL && json_is_string(text)) {
        r = buffer_append(out, json_string_value(text), json_string_length(text));
    }
    return r == -EINVAL ? 0 : r;
}

int kept_output_read(const json_t *json, struct kept_output *ret_kept)
{
    int64_t dropped = field_number(json, "dropped", 0);
    struct kept_output kept = {.dropped = dropped > 0 ? (uint64_t)dropped : 0};
    int r = read_part(json, "head", "headBase64", &kept.head);

    /* Where nothing is missing they are one: a character may stand half in either. */
    if (r == 0) {
        r = read_part(json, "tail", "tailBase64", dropped > 0 ? &kept.tail : &kept.head);
    }
    if (r < 0) {
        kept_output_free(&kept);
        return r;
    }
    *ret_kept = kept;
    return 0;
}

void kept_output_free(struct kept_output *kept)
{
    buffer_free(&kept->head);
    buffer_free(&kept->tail);
}

/* --- writing ---------------------------------------------------------------------------------- */

/* All but newlines and tabs, which are harmless and give the text its shape. */
static int append_escaped(struct buffer *out, const char *text, size_t length)
{
    int r = 0;

    while (length > 0 && r == 0) {
        size_t plain = 0;

        while (plain < length && text[plain] != '\n' && text[plain] != '\t') {
            plain++;
        }
        r = text_append_escaped(out, text, plain);
        if (r == 0 && plain < length) {
            r = buffer_append(out, text + plain++, 1);
        }
        text += plain;
        length -= plain;
    }
    return r;
}

/* How many bytes at the end are the beginning of a character of UTF-8 that goes on. */
static size_t unfinished(const unsigned char *bytes, size_t length)
{
    for (size_t count = 1; count <= 3 && count <= length; count++) {
        unsigned char byte = bytes[length - count];
        size_t size = byte >= 0xf0 ? 4 : byte >= 0xe0 ? 3 : 2;

        if (byte >= 0xc0) {
            return byte < 0xf8 && size > count ? count : 0;
        }
        if (byte < 0x80) {
            break;
        }
    }
    return 0;
}

struct writing {
    struct kept_place *place;
    bool escaped;
    struct buffer *out;
};

/* Bytes of the stream that begin at `start`, from the place on. With `open`, they may go on. */
static int append_part(const struct writing *writing, const struct buffer *part, uint64_t start,
                       bool open)
{
    struct kept_place *place = writing->place;
    size_t from = place->seen > start ? (size_t)(place->seen - start) : 0;
    const unsigned char *bytes = part->data + from;
    size_t length = part->length > from ? part->length - from : 0;
    int r;

    length -= writing->escaped && open && length > 0 ? unfinished(bytes, length) : 0;
    if (length == 0) {
        return 0;
    }
    r = writing->escaped ? append_escaped(writing->out, (const char *)bytes, length)
                         : buffer_append(writing->out, bytes, length);
    place->seen = start + from + length;
    place->in_line = bytes[length - 1] != '\n';
    return r;
}

static int end_line(const struct writing *writing)
{
    bool in_line = writing->place->in_line;

    writing->place->in_line = false;
    return in_line ? buffer_append_text(writing->out, "\n") : 0;
}

/* What can't be had any more, up to `end`. */
static int append_gap(const struct writing *writing, uint64_t end)
{
    struct kept_place *place = writing->place;
    int r;

    if (place->seen >= end) {
        return 0;
    }
    r = end_line(writing);
    if (r == 0) {
        r = buffer_append_format(writing->out, "[... %" PRIu64 " bytes dropped ...]\n",
                                 end - place->seen);
    }
    place->seen = end;
    return r;
}

int kept_output_append(const struct kept_output *kept, struct kept_place *place, bool escaped,
                       bool last, struct buffer *out)
{
    const struct writing writing = {.place = place, .escaped = escaped, .out = out};
    uint64_t tail_start = kept->head.length + kept->dropped;
    int r = append_part(&writing, &kept->head, 0, kept->dropped == 0 && !last);

    if (r == 0 && kept->dropped > 0) {
        r = append_gap(&writing, tail_start);
        if (r == 0) {
            r = append_part(&writing, &kept->tail, tail_start, !last);
        }
    }
    return r == 0 && last && escaped ? end_line(&writing) : r;
}
