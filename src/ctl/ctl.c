#include "assent/ctl/ctl.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

__attribute__((format(printf, 1, 0))) static void complain(const char *format, va_list arguments)
{
    char text[2048];
    char *escaped;

    (void)vsnprintf(text, sizeof text, format, arguments);
    escaped = screen_escape(text);
    (void)fprintf(stderr, "assentctl: %s\n", escaped);
    free(escaped);
}

void ctl_complain(const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    complain(format, arguments);
    va_end(arguments);
}

int ctl_refuse(const struct ctl *ctl, const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    complain(format, arguments);
    va_end(arguments);
    (void)fprintf(stderr, "See 'assentctl %s%s--help'.\n", ctl->command ? ctl->command : "",
                  ctl->command ? " " : "");
    return CTL_USAGE;
}

void ctl_show_json(struct ctl *ctl, const json_t *json)
{
    screen_json(&ctl->screen, json, ctl->terminal);
    screen_text(&ctl->screen, "\n");
}

bool ctl_write(struct buffer *text, FILE *file)
{
    bool written = text->length == 0 || fwrite(text->data, 1, text->length, file) == text->length;

    text->length = 0;
    return fflush(file) == 0 && written;
}

bool ctl_flush(struct ctl *ctl)
{
    return ctl_write(&ctl->screen.text, stdout);
}
