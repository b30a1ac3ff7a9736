#include "assent/config/report.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "assent/base/array.h"
#include "assent/base/buffer.h"

void report_file(struct config_report *report, const char *file)
{
    char **files = array_grow(report->files, report->file_count, sizeof *files);
    if (files) {
        report->files = files;
    }
    char *copy = files ? strdup(file) : NULL;
    if (copy) {
        files[report->file_count++] = copy;
    } else {
        report->out_of_memory = true;
    }
}

static size_t file_index(const struct config_report *report, const char *file)
{
    size_t index = 0;
    while (index < report->file_count && strcmp(report->files[index], file) != 0) {
        index++;
    }
    return index;
}

static char *compose(const char *file, unsigned line, const char *section, const char *key,
                     const char *what)
{
    struct buffer text = {0};
    int r = buffer_append_text(&text, file);
    if (r == 0 && line > 0) {
        r = buffer_append_format(&text, ":%u", line);
    }
    if (r == 0) {
        r = buffer_append_text(&text, ": ");
    }
    if (r == 0 && section) {
        r = buffer_append_format(&text, "[%s]%s", section, key ? " " : ": ");
    }
    if (r == 0 && key) {
        r = buffer_append_format(&text, "%s: ", key);
    }
    if (r == 0) {
        r = buffer_append_text(&text, what);
    }
    /* A value may hold newlines, an error is one line. */
    for (size_t i = 0; i < text.length; i++) {
        if (text.data[i] < ' ' || text.data[i] == 0x7f) {
            text.data[i] = ' ';
        }
    }
    char *composed = r == 0 ? buffer_take_text(&text) : NULL;
    buffer_free(&text);
    return composed;
}

void report_add(struct config_report *report, const char *file, unsigned line, const char *section,
                const char *key, const char *what)
{
    struct report_line *lines = array_grow(report->lines, report->line_count, sizeof *lines);
    if (lines) {
        report->lines = lines;
    }
    char *text = lines ? compose(file, line, section, key, what) : NULL;
    if (!text) {
        report->out_of_memory = true;
        return;
    }
    lines[report->line_count] = (struct report_line){
        .file = file_index(report, file),
        .line = line,
        .order = report->line_count,
        .text = text,
    };
    report->line_count++;
}

static int compare(const void *left_line, const void *right_line)
{
    const struct report_line *left = left_line, *right = right_line;
    if (left->file != right->file) {
        return left->file < right->file ? -1 : 1;
    }
    if (left->line != right->line) {
        return left->line < right->line ? -1 : 1;
    }
    return left->order < right->order ? -1 : left->order > right->order;
}

int report_take(struct config_report *report, struct config_errors *ret_errors)
{
    char **lines = calloc(report->line_count + 1, sizeof *lines);
    if (!lines || report->out_of_memory) {
        free(lines);
        return -ENOMEM;
    }
    if (report->line_count > 0) {
        qsort(report->lines, report->line_count, sizeof report->lines[0], compare);
    }
    for (size_t i = 0; i < report->line_count; i++) {
        lines[i] = report->lines[i].text;
    }
    *ret_errors = (struct config_errors){.lines = lines, .count = report->line_count};
    report->line_count = 0;
    report_free(report);
    return 0;
}

void report_free(struct config_report *report)
{
    if (!report) {
        return;
    }
    for (size_t i = 0; i < report->line_count; i++) {
        free(report->lines[i].text);
    }
    for (size_t i = 0; i < report->file_count; i++) {
        free(report->files[i]);
    }
    free(report->lines);
    free(report->files);
    *report = (struct config_report){0};
}
