#include "assent/base/problem.h"

#include <stdarg.h>
#include <stdio.h>

#include "assent/base/text.h"

void problem_set(struct problem *problem, const char *format, ...)
{
    va_list arguments;

    if (!problem) {
        return;
    }
    va_start(arguments, format);
    (void)vsnprintf(problem->text, sizeof problem->text, format, arguments);
    va_end(arguments);
    text_repair(problem->text);
}
