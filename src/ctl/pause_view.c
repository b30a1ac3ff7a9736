#include "assent/ctl/pause_view.h"

#include "assent/base/text.h"
#include "assent/ctl/fields.h"

void pause_append(struct buffer *out, const json_t *pause, int64_t now)
{
    const char *hook = field_text(pause, "hook");
    char span[TEXT_SPAN_SIZE];

    text_from_span(now - field_time(pause, "since"), span);
    screen_must(buffer_append_format(out, "%s%s for %s, by %s", hook ? "hook " : "all hooks",
                                     hook ? hook : "", span, field_text_or_empty(pause, "by")));
}

void pause_view(struct screen *screen, const json_t *paused)
{
    size_t i;
    json_t *pause;

    json_array_foreach(paused, i, pause) {
        struct buffer text = {0};

        pause_append(&text, pause, screen->now);
        screen_must(buffer_text(&text) ? 0 : -1);
        screen_colour(screen, COLOUR_BAD);
        screen_format(screen, "%-*s", SCREEN_LABEL_WIDTH, "PAUSED");
        screen_colour(screen, COLOUR_PLAIN);
        screen_wrapped(screen, SCREEN_LABEL_WIDTH, (const char *)text.data);
        buffer_free(&text);
    }
}
