#include "assent/ctl/pages.h"

#include <stdio.h>

#include "assent/ctl/ask.h"
#include "assent/ctl/fields.h"

#define DEFAULT_LIMIT 50
#define PAGE_LARGEST  500

/* Asks for the next page: at most `limit` rows behind the cursor. */
static int ask_page(struct ctl *ctl, const struct pages *pages, const char *cursor, int64_t limit,
                    json_t **ret_result)
{
    struct buffer path = {0};
    char number[32];
    struct question question = {0};
    int status;

    (void)snprintf(number, sizeof number, "%lld",
                   (long long)(limit < PAGE_LARGEST ? limit : PAGE_LARGEST));
    screen_must(buffer_append_text(&path, pages->path));
    path_option(&path, "limit", number);
    path_option(&path, "cursor", cursor);
    question.path = path_text(&path);
    status = ask(ctl, &question, ret_result);
    buffer_free(&path);
    return status;
}

/* Returns false if standard output takes no more. */
static bool show_page(struct ctl *ctl, const struct pages *pages, const json_t *result)
{
    const json_t *rows = json_object_get(result, pages->member);
    size_t i;
    json_t *row;

    if (ctl->json) {
        ctl_show_json(ctl, result);
        return ctl_flush(ctl);
    }
    json_array_foreach(rows, i, row) {
        pages->row(pages->table, row, ctl->screen.now);
    }
    if (json_array_size(rows) > 0) {
        table_show(pages->table, &ctl->screen);
    }
    return ctl_flush(ctl);
}

static void show_remark(struct ctl *ctl, const struct pages *pages, int64_t shown, bool more)
{
    if (shown == 0) {
        screen_format(&ctl->screen, "%s\n", pages->nothing);
    } else if (more) {
        screen_format(&ctl->screen, "(the %s %lld: --limit N or --all shows more)\n",
                      pages->in_order ? "first" : "newest", (long long)shown);
    }
}

/* Shows pages up to so many rows; says nothing about them. */
static int show_rows(struct ctl *ctl, const struct pages *pages, int64_t limit, int64_t *ret_shown,
                     bool *ret_more)
{
    json_t *result = NULL;
    int64_t shown = 0;
    const char *cursor = NULL;

    do {
        json_t *next = NULL;
        int status = ask_page(ctl, pages, cursor, limit - shown, &next);

        json_decref(result);
        result = next;
        if (status != CTL_OK) {
            return status;
        }
        if (!show_page(ctl, pages, result)) {
            json_decref(result);
            return CTL_OUTPUT_FAILED;
        }
        shown += (int64_t)json_array_size(json_object_get(result, pages->member));
        cursor = field_text(result, "cursor");
    } while (cursor && shown < limit);
    *ret_shown = shown;
    *ret_more = cursor != NULL;
    json_decref(result);
    return CTL_OK;
}

static int show_pages(struct ctl *ctl, const struct pages *pages, int64_t limit)
{
    int64_t shown = 0;
    bool more = false;
    int status = show_rows(ctl, pages, limit, &shown, &more);

    if (status == CTL_OK && !ctl->json) {
        show_remark(ctl, pages, shown, more);
    }
    return status;
}

int pages_show_first(struct ctl *ctl, const struct pages *pages, int64_t limit)
{
    int64_t shown;
    bool more;
    int status = show_rows(ctl, pages, limit, &shown, &more);

    table_free(pages->table);
    return status;
}

int pages_show(struct ctl *ctl, const struct arguments *arguments, const struct pages *pages)
{
    int64_t limit = arguments_has(arguments, "all") ? INT64_MAX : DEFAULT_LIMIT;
    struct problem problem;
    int status;

    if (arguments_has(arguments, "all") && arguments_has(arguments, "limit")) {
        status = ctl_refuse(ctl, "%s: expected either --limit or --all, not both", ctl->command);
    } else if (arguments_number(arguments, "limit", 1, &limit, &problem) < 0) {
        status = ctl_refuse(ctl, "%s: %s", ctl->command, problem.text);
    } else {
        status = show_pages(ctl, pages, limit);
    }
    table_free(pages->table);
    return status;
}
