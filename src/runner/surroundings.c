#include "assent/runner/surroundings.h"

#include <errno.h>
#include <libgen.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* The directory's absolute path, made if it is missing. */
static int make_workdir(const char *store_path, char **ret_workdir)
{
    char *copy = strdup(store_path);
    char *path = NULL;
    char *absolute = NULL;
    int r = 0;

    if (!copy || asprintf(&path, "%s/runner", dirname(copy)) < 0) {
        path = NULL;
        r = -ENOMEM;
    } else if (mkdir(path, 0700) < 0 && errno != EEXIST) {
        r = -errno;
    } else if (!(absolute = realpath(path, NULL))) {
        r = -errno;
    } else {
        *ret_workdir = absolute;
    }
    free(path);
    free(copy);
    return r;
}

/* The file itself is read: a look-up by the C library may ask other services over a socket, and the
 * runner opens none. NULL where it says nothing. */
static char *find_home(void)
{
    FILE *file = fopen("/etc/passwd", "re");
    const struct passwd *entry;
    char *home = NULL;

    if (!file) {
        return NULL;
    }
    while (!home && (entry = fgetpwent(file))) {
        if (entry->pw_uid == geteuid() && entry->pw_dir[0] == '/') {
            home = strdup(entry->pw_dir);
        }
    }
    (void)fclose(file);
    return home;
}

int surroundings_find(const char *store_path, struct surroundings *ret_surroundings)
{
    struct surroundings found = {0};
    const char *lang = getenv("LANG");
    int r = make_workdir(store_path, &found.workdir);

    if (r < 0) {
        return r;
    }
    found.home = find_home();
    if (!found.home) {
        found.home = strdup(found.workdir);
    }
    found.lang = strdup(lang && lang[0] ? lang : "C.UTF-8");
    if (!found.home || !found.lang) {
        surroundings_clear(&found);
        return -ENOMEM;
    }
    *ret_surroundings = found;
    return 0;
}

void surroundings_clear(struct surroundings *surroundings)
{
    if (!surroundings) {
        return;
    }
    free(surroundings->workdir);
    free(surroundings->home);
    free(surroundings->lang);
    *surroundings = (struct surroundings){0};
}
