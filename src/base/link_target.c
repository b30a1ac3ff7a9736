#include "assent/base/link_target.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

char *link_target(const char *path)
{
    struct stat status;
    char *target = NULL;

    if (lstat(path, &status) == 0 && S_ISLNK(status.st_mode)) {
        target = realpath(path, NULL);
    }
    return target ? target : strdup(path);
}
