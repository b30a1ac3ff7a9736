#include "assent/config/files.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "assent/domain/argv.h"

#define SECRET_LIMIT (64u << 10)
#define TEXT_LIMIT   (1u << 20)

/* What is wrong with such a file. */
static int check_kind(const struct stat *status, size_t limit, struct problem *ret_problem)
{
    if (S_ISDIR(status->st_mode)) {
        problem_set(ret_problem, "this is a directory");
    } else if (!S_ISREG(status->st_mode)) {
        problem_set(ret_problem, "this is no regular file");
    } else if ((uintmax_t)status->st_size > limit) {
        problem_set(ret_problem, "the file is over %zu KiB", limit >> 10);
    } else {
        return 0;
    }
    return -EINVAL;
}

/* Reads to the end, and no more than one byte over the limit: the file may grow meanwhile. */
static int read_all(int fd, size_t limit, struct buffer *out)
{
    while (out->length <= limit) {
        int r = buffer_reserve(out, limit + 1 - out->length);
        if (r < 0) {
            return r;
        }
        ssize_t count = read(fd, out->data + out->length, limit + 1 - out->length);
        if (count < 0 && errno != EINTR) {
            return -errno;
        }
        if (count == 0) {
            return 0;
        }
        out->length += count > 0 ? (size_t)count : 0;
    }
    return -EFBIG;
}

static int failure(int error, struct problem *ret_problem)
{
    if (error == 0 || error == -ENOMEM) {
        return error;
    }
    problem_set(ret_problem, "it can't be read: %s", strerror(-error));
    return error == -ENOENT ? error : -EINVAL;
}

int file_read(const char *path, size_t limit, struct buffer *ret_bytes, mode_t *ret_mode,
              struct problem *ret_problem)
{
    struct stat status;
    struct buffer bytes = {0};
    /* Without O_NONBLOCK a FIFO would wait for its writer. */
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    int r = fd < 0 || fstat(fd, &status) < 0 ? -errno : 0;
    if (r < 0) {
        r = failure(r, ret_problem);
        goto out;
    }
    r = check_kind(&status, limit, ret_problem);
    if (r < 0) {
        goto out;
    }
    r = failure(read_all(fd, limit, &bytes), ret_problem);
    if (r < 0) {
        goto out;
    }
    *ret_bytes = bytes;
    bytes = (struct buffer){0};
    if (ret_mode) {
        *ret_mode = status.st_mode;
    }
out:
    buffer_wipe(&bytes);
    if (fd >= 0) {
        close(fd);
    }
    return r;
}

static char *join(const char *directory, const char *name)
{
    struct buffer path = {0};
    int r = buffer_append_format(&path, "%s/%s", directory, name);
    char *joined = r == 0 ? buffer_take_text(&path) : NULL;
    buffer_free(&path);
    return joined;
}

static int check_secret(struct buffer *content, mode_t mode, struct problem *ret_problem)
{
    if ((mode & (S_IROTH | S_IWOTH)) != 0) {
        problem_set(ret_problem,
                    "others can read or write it (mode %03o); chmod o= would right "
                    "that",
                    (unsigned)(mode & 0777));
        return -EINVAL;
    }
    if (content->length > 0 && content->data[content->length - 1] == '\n') {
        content->length -=
            content->length > 1 && content->data[content->length - 2] == '\r' ? 2 : 1;
    }
    if (content->length == 0) {
        problem_set(ret_problem, "it is empty");
        return -EINVAL;
    }
    return 0;
}

/* Reads `name` in `directory`, or as it stands if it is absolute. */
static int load_from(struct source_entry *entry, const char *directory, struct problem *ret_problem)
{
    bool secret = entry->key->content == CONTENT_SECRET;
    char *path = entry->value[0] == '/' ? strdup(entry->value) : join(directory, entry->value);
    mode_t mode = 0;
    if (!path) {
        return -ENOMEM;
    }
    struct problem problem;
    int r = file_read(path, secret ? SECRET_LIMIT : TEXT_LIMIT, &entry->content, &mode, &problem);
    if (r == 0 && secret) {
        r = check_secret(&entry->content, mode, &problem);
    }
    if (r == 0) {
        entry->loaded = true;
    } else {
        problem_set(ret_problem, "%.200s: %.250s", path, problem.text);
    }
    free(path);
    return r;
}

static int load_entry(struct source_entry *entry, const char *directory, const char *credentials,
                      struct problem *ret_problem)
{
    bool try_credentials = entry->key->content == CONTENT_SECRET && credentials &&
                           credentials[0] != '\0' && entry->value[0] != '/';
    int r = try_credentials ? load_from(entry, credentials, ret_problem) : -ENOENT;
    if (r != -ENOENT) {
        return r;
    }
    return load_from(entry, directory, ret_problem);
}

int files_load(struct config_source *source, const char *directory, const char *credentials,
               struct config_report *report)
{
    for (size_t i = 0; i < source->section_count; i++) {
        struct source_section *section = &source->sections[i];
        for (size_t j = 0; j < section->entry_count; j++) {
            struct source_entry *entry = &section->entries[j];
            struct problem problem;
            if (entry->key->content == CONTENT_NONE || entry->value[0] == '\0' ||
                !source_key_applies(section, entry->key)) {
                continue;
            }
            int r = load_entry(entry, directory, credentials, &problem);
            if (r == -ENOMEM) {
                return r;
            }
            if (r < 0) {
                source_report(report, section, entry, "%s; expected %s", problem.text,
                              entry->key->expected);
            }
        }
    }
    return 0;
}

static bool is_directory(const char *path)
{
    struct stat status;
    return stat(path, &status) == 0 && S_ISDIR(status.st_mode);
}

static bool is_program(const char *path)
{
    struct stat status;
    return stat(path, &status) == 0 && S_ISREG(status.st_mode) && (status.st_mode & 0111) != 0;
}

/* A program by absolute path must be there. One by its name is looked for when it is run: the PATH
 * is then the hook's. */
static int check_program(const struct config_hook *hook, const struct source_section *section,
                         struct config_report *report)
{
    const struct source_entry *entry = source_find(section, "exec");
    char **words = NULL;
    size_t count;
    if (hook->words.count == 0 || template_has_placeholders(hook->words.items[0])) {
        return 0;
    }
    int r = argv_split(entry->value, &words, &count, NULL);
    if (r == 0 && words[0][0] == '/' && !is_program(words[0])) {
        source_report(report, section, entry,
                      "there is no program %.200s; expected an executable file", words[0]);
    }
    argv_free(words);
    return r;
}

static int check_hook(const struct config_hook *hook, const struct source_section *section,
                      struct config_report *report)
{
    const struct source_entry *workdir = source_find(section, "workdir");
    if (hook->workdir && !is_directory(hook->workdir)) {
        source_report(report, section, workdir, "there is no such directory; expected %s",
                      workdir->key->expected);
    }
    return check_program(hook, section, report);
}

static void check_group(const struct config_interface *interface,
                        const struct source_section *section, struct config_report *report)
{
    if (!interface->socket_group || getgrnam(interface->socket_group)) {
        return;
    }
    const struct source_entry *group = source_find(section, "socket_group");
    source_report(report, section, group, "there is no such group; expected the name of one");
}

int files_check(const struct config *config, const struct config_source *source,
                struct config_report *report)
{
    int r = 0;
    check_group(&config->control, source_nth(source, SECTION_CONTROL, 0), report);
    check_group(&config->agent, source_nth(source, SECTION_AGENT, 0), report);
    for (size_t i = 0; r == 0 && i < source_count(source, SECTION_HOOK); i++) {
        r = check_hook(&config->hooks[i], source_nth(source, SECTION_HOOK, i), report);
    }
    return r;
}
