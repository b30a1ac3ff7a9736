/*
 * What the HTTP library asks of us that has nothing to do with HTTP.
 *
 * Owns: nothing. Runs in: gate, any thread. May call: log.
 */
#ifndef ASSENT_GATE_LIBRARY_H
#define ASSENT_GATE_LIBRARY_H

#include <stdarg.h>

/* Writes what the library says, at level debug. */
__attribute__((format(printf, 2, 0))) void library_log(void *userdata, const char *format,
                                                       va_list arguments);

#endif
