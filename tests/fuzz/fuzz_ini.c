/*
 * Whatever the bytes are, the parser ends, reports within the file, and frees what it took.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "assent/domain/ini.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

static void check_report(void *userdata, const char *file, unsigned line, const char *section,
                         const char *key, const char *what)
{
    const size_t *size = userdata;
    if (line > *size || what[0] == '\0' || strcmp(file, "fuzz") != 0) {
        abort();
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    struct ini ini = {0};
    (void)ini_parse(&ini, "fuzz", (const char *)bytes, size, check_report, &size);
    ini_free(&ini);
    return 0;
}
