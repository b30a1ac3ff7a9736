#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "assent/config/build.h"
#include "assent/config/files.h"

#define SECRET_DIRECTORY_VARIABLE "CREDENTIALS_DIRECTORY"

/* A load on its way. */
struct loader {
    const char *path;
    char *directory; /* that `path` is in */
    struct ini ini;
    struct config_report report;
};

static void take_error(void *userdata, const char *file, unsigned line, const char *section,
                       const char *key, const char *what)
{
    report_add(userdata, file, line, section, key, what);
}

/* Adds what the file says. 0, -EINVAL after reporting that it can't be read, or -ENOMEM. */
static int load_file(struct loader *loader, const char *path)
{
    struct problem problem;
    struct buffer text = {0};
    report_file(&loader->report, path);
    int r = file_read(path, INI_FILE_LIMIT, &text, NULL, &problem);
    if (r == -ENOMEM) {
        return r;
    }
    if (r < 0) {
        report_add(&loader->report, path, 0, NULL, NULL, problem.text);
        return -EINVAL;
    }
    r = ini_parse(&loader->ini, path, (const char *)text.data, text.length, take_error,
                  &loader->report);
    buffer_free(&text);
    return r == -EINVAL ? 0 : r;
}

static int is_part(const struct dirent *entry)
{
    size_t length = strlen(entry->d_name);
    return entry->d_name[0] != '.' && length > 5 &&
           strcmp(entry->d_name + length - 5, ".conf") == 0;
}

static int by_bytes(const struct dirent **left, const struct dirent **right)
{
    return strcmp((*left)->d_name, (*right)->d_name);
}

static int load_part(struct loader *loader, const char *directory, const char *name)
{
    struct buffer path = {0};
    int r = buffer_append_format(&path, "%s/%s", directory, name);
    const char *text = r == 0 ? buffer_text(&path) : NULL;
    r = text ? load_file(loader, text) : -ENOMEM;
    buffer_free(&path);
    return r == -EINVAL ? 0 : r;
}

static int load_parts_in(struct loader *loader, const char *directory)
{
    struct dirent **parts = NULL;
    struct problem problem;
    int count = scandir(directory, &parts, is_part, by_bytes);
    if (count < 0 && errno == ENOMEM) {
        return -ENOMEM;
    }
    if (count < 0 && errno != ENOENT) {
        problem_set(&problem, "it can't be read: %s", strerror(errno));
        report_add(&loader->report, directory, 0, NULL, NULL, problem.text);
    }
    int r = 0;
    for (int i = 0; i < count; i++) {
        if (r == 0) {
            r = load_part(loader, directory, parts[i]->d_name);
        }
        free(parts[i]);
    }
    free(parts);
    return r;
}

static int load_parts(struct loader *loader)
{
    struct buffer path = {0};
    int r = buffer_append_format(&path, "%s/conf.d", loader->directory);
    const char *directory = r == 0 ? buffer_text(&path) : NULL;
    r = directory ? load_parts_in(loader, directory) : -ENOMEM;
    buffer_free(&path);
    return r;
}

/* Makes the configuration of all that was read, and reports what is wrong with it. */
static int make(struct loader *loader, struct config_source *source, struct config **ret_config)
{
    struct config *config = NULL;
    int r = source_from_ini(source, &loader->ini, &loader->report);
    if (r == 0) {
        r = files_load(source, loader->directory, getenv(SECRET_DIRECTORY_VARIABLE),
                       &loader->report);
    }
    if (r == 0) {
        r = config_build(source, ROLE_COUNT, &loader->report, &config);
    }
    if (r == 0) {
        r = config_check(config, source, &loader->report);
    }
    if (r == 0) {
        r = files_check(config, source, &loader->report);
    }
    if (r == 0 && source_count(source, SECTION_SERVER) == 0) {
        report_add(
            &loader->report, loader->path, 0, NULL, NULL,
            "the section [server] with its listen is missing; expected it in this file or in "
            "conf.d");
    }
    if (r < 0) {
        config_free(config);
        return r;
    }
    *ret_config = config;
    return 0;
}

static int load(struct loader *loader, struct config **ret_config)
{
    struct config_source *source = calloc(1, sizeof *source);
    struct config *config = NULL;
    if (!source) {
        return -ENOMEM;
    }
    int r = load_file(loader, loader->path);
    if (r == 0) {
        r = load_parts(loader);
    }
    if (r == 0) {
        r = make(loader, source, &config);
    }
    if (r == 0 && loader->report.line_count > 0) {
        r = -EINVAL;
    }
    if (r < 0) {
        config_free(config);
        source_free(source);
        free(source);
        return r;
    }
    config->source = source;
    *ret_config = config;
    return 0;
}

static char *directory_of(const char *path)
{
    const char *slash = strrchr(path, '/');
    if (!slash) {
        return strdup(".");
    }
    return strndup(path, slash == path ? 1 : (size_t)(slash - path));
}

int config_load(const char *path, struct config **ret_config, struct config_errors *ret_errors)
{
    struct loader loader = {.path = path, .directory = directory_of(path)};
    struct config *config = NULL;
    int r = loader.directory ? load(&loader, &config) : -ENOMEM;
    if (r == 0 && loader.report.out_of_memory) {
        r = -ENOMEM;
    }
    if (r == -EINVAL && report_take(&loader.report, ret_errors) < 0) {
        r = -ENOMEM;
    }
    ini_free(&loader.ini);
    report_free(&loader.report);
    free(loader.directory);
    if (r < 0) {
        config_free(config);
    } else {
        *ret_config = config;
    }
    return r;
}

void config_errors_free(struct config_errors *errors)
{
    if (!errors) {
        return;
    }
    for (size_t i = 0; i < errors->count; i++) {
        free(errors->lines[i]);
    }
    free(errors->lines);
    *errors = (struct config_errors){0};
}
