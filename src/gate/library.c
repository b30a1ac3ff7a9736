#include "assent/gate/library.h"

#include <stdio.h>
#include <string.h>

#include "assent/base/log.h"

void library_log(void *userdata, const char *format, va_list arguments)
{
    char line[256];

    (void)userdata;
    (void)vsnprintf(line, sizeof line, format, arguments);
    line[strcspn(line, "\n")] = '\0';
    log_event(LOG_LEVEL_DEBUG, "the HTTP library says", "text", line, NULL);
}
