#include "assent/ctl/progress.h"

#include <stdio.h>

#include "assent/base/text.h"
#include "assent/ctl/fields.h"

static int64_t count(const json_t *items, const char *name)
{
    int64_t number = field_number(items, name, 0);

    return number > 0 ? number : 0;
}

bool progress_read(const json_t *job, struct progress *ret_progress)
{
    const json_t *items = json_object_get(job, "items");

    if (!json_is_object(items)) {
        return false;
    }
    *ret_progress = (struct progress){
        .total = count(items, "total"),
        .queued = count(items, "queued"),
        .running = count(items, "running"),
        .succeeded = count(items, "succeeded"),
        .failed = count(items, "failed"),
        .interrupted = count(items, "interrupted"),
        .canceled = count(items, "canceled"),
        .estimated_end = field_time(items, "estimatedEnd"),
    };
    return true;
}

void progress_text(const struct progress *progress, int64_t now, char ret_text[PROGRESS_TEXT_SIZE])
{
    const struct {
        int64_t number;
        const char *what;
    } parts[] = {
        {progress->failed, "failed"},
        {progress->interrupted, "interrupted"},
        {progress->canceled, "canceled"},
    };
    int64_t done = progress->succeeded + progress->failed + progress->interrupted;
    int length = snprintf(ret_text, PROGRESS_TEXT_SIZE, "%lld of %lld", (long long)done,
                          (long long)progress->total);

    for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++) {
        if (parts[i].number > 0) {
            length += snprintf(ret_text + length, PROGRESS_TEXT_SIZE - (size_t)length, ", %lld %s",
                               (long long)parts[i].number, parts[i].what);
        }
    }
    if (progress->estimated_end) {
        char span[TEXT_SPAN_SIZE];

        text_from_span(progress->estimated_end - now, span);
        (void)snprintf(ret_text + length, PROGRESS_TEXT_SIZE - (size_t)length, ", %s left", span);
    }
}

/* The columns of `number` of `total`: at least one if there are any and there is room. */
static size_t share(int64_t number, int64_t total, size_t columns, size_t room)
{
    double exact = total > 0 ? (double)number / (double)total * (double)columns : 0;
    size_t whole = (size_t)exact;

    whole = whole == 0 && number > 0 ? 1 : whole;
    return whole < room ? whole : room;
}

static void fill(struct screen *screen, enum colour colour, char mark, size_t columns)
{
    if (columns == 0) {
        return;
    }
    screen_colour(screen, colour);
    for (size_t i = 0; i < columns; i++) {
        screen_must(buffer_append(&screen->text, &mark, 1));
    }
    screen_colour(screen, COLOUR_PLAIN);
}

void progress_bar(struct screen *screen, const struct progress *progress, size_t columns)
{
    size_t inside = columns > 3 ? columns - 2 : 1;
    int64_t bad = progress->failed + progress->interrupted;
    size_t bad_columns = share(bad, progress->total, inside, inside);
    size_t running_columns =
        share(progress->running, progress->total, inside, inside - bad_columns);
    size_t good_columns =
        share(progress->succeeded, progress->total, inside, inside - bad_columns - running_columns);
    /* Rounding must not make a whole look unfinished. */
    bool all = progress->succeeded + bad >= progress->total && progress->total > 0;

    good_columns = all ? inside - bad_columns : good_columns;
    screen_text(screen, "[");
    fill(screen, COLOUR_GOOD, '#', good_columns);
    fill(screen, COLOUR_BAD, '!', bad_columns);
    fill(screen, COLOUR_OPEN, '>', running_columns);
    fill(screen, COLOUR_FAINT, '.', inside - good_columns - bad_columns - running_columns);
    screen_text(screen, "]");
}
