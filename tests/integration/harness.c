#include "integration/harness.h"

#include <check.h>
#include <ctype.h>
#include <curl/curl.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "assent/base/buffer.h"
#include "assent/base/digest.h"
#include "assent/base/text.h"

#define POLL_MS        10
#define ARGUMENT_LIMIT 32

struct house {
    char directory[64];
    int port;
    char *socket;
    int notify;
    pid_t pid;
};

int64_t house_now_ms(void)
{
    struct timespec now;

    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static void pause_a_little(void)
{
    (void)poll(NULL, 0, POLL_MS);
}

/* --- files ------------------------------------------------------------------------------------ */

char *house_file(const struct house *house, const char *name)
{
    char *path = NULL;

    ck_assert_int_ge(asprintf(&path, "%s/%s", house->directory, name), 0);
    return path;
}

static char *read_path(const char *path)
{
    struct buffer bytes = {0};
    char piece[4096];
    FILE *file = fopen(path, "re");
    size_t length;

    while (file && (length = fread(piece, 1, sizeof piece, file)) > 0) {
        ck_assert_int_eq(buffer_append(&bytes, piece, length), 0);
    }
    if (file) {
        (void)fclose(file);
    }
    return buffer_take_text(&bytes);
}

char *house_read(const struct house *house, const char *name)
{
    char *path = house_file(house, name);
    char *text = read_path(path);

    free(path);
    return text;
}

void house_write(const struct house *house, const char *name, const char *text)
{
    char *path = house_file(house, name);
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

    ck_assert_int_ge(fd, 0);
    ck_assert_int_eq(write(fd, text, strlen(text)), (ssize_t)strlen(text));
    (void)close(fd);
    free(path);
}

int house_count_lines(const struct house *house, const char *name)
{
    char *text = house_read(house, name);
    int count = 0;

    for (const char *c = text; *c; c++) {
        count += *c == '\n';
    }
    free(text);
    return count;
}

void house_await_lines(const struct house *house, const char *name, int lines)
{
    int64_t deadline = house_now_ms() + HOUSE_PATIENCE_MS;

    while (house_count_lines(house, name) < lines) {
        ck_assert_msg(house_now_ms() < deadline, "%s never had %d lines", name, lines);
        pause_a_little();
    }
}

char *house_log(const struct house *house)
{
    return house_read(house, "log");
}

void house_await_log(const struct house *house, const char *text)
{
    int64_t deadline = house_now_ms() + HOUSE_PATIENCE_MS;
    bool found = false;

    while (!found) {
        char *log = house_log(house);

        found = strstr(log, text) != NULL;
        ck_assert_msg(found || house_now_ms() < deadline, "never logged: %s\n%s", text, log);
        free(log);
        if (!found) {
            pause_a_little();
        }
    }
}

/* --- setting up ------------------------------------------------------------------------------- */

/* A port that was free a moment ago. */
static int free_port(void)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t length = sizeof address;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    ck_assert_int_eq(bind(fd, (struct sockaddr *)&address, sizeof address), 0);
    ck_assert_int_eq(getsockname(fd, (struct sockaddr *)&address, &length), 0);
    (void)close(fd);
    return ntohs(address.sin_port);
}

static int open_notify(const struct house *house)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);

    (void)snprintf(address.sun_path, sizeof address.sun_path, "%s/notify", house->directory);
    ck_assert_int_eq(bind(fd, (struct sockaddr *)&address, sizeof address), 0);
    return fd;
}

struct house *house_new(void)
{
    struct house *house = calloc(1, sizeof *house);

    ck_assert_ptr_nonnull(house);
    (void)snprintf(house->directory, sizeof house->directory, "/tmp/assentd-test.XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(house->directory));
    house->port = free_port();
    house->socket = house_file(house, "control.sock");
    house->notify = open_notify(house);
    house_write(house, "secret", HOUSE_SECRET "\n");
    return house;
}

static void replace_all(struct buffer *out, const char *text, const char *name, const char *value)
{
    const char *found;

    while ((found = strstr(text, name))) {
        ck_assert_int_eq(buffer_append(out, text, (size_t)(found - text)), 0);
        ck_assert_int_eq(buffer_append_text(out, value), 0);
        text = found + strlen(name);
    }
    ck_assert_int_eq(buffer_append_text(out, text), 0);
}

static char *fill(const struct house *house, const char *text)
{
    struct buffer once = {0};
    struct buffer twice = {0};
    char port[16];

    (void)snprintf(port, sizeof port, "%d", house->port);
    replace_all(&once, text, "%PORT%", port);
    replace_all(&twice, buffer_text(&once), "%DIR%", house->directory);
    buffer_free(&once);
    return buffer_take_text(&twice);
}

char *house_format(const struct house *house, const char *format, ...)
{
    char *text = NULL;
    char *filled;
    va_list arguments;

    va_start(arguments, format);
    ck_assert_int_ge(vasprintf(&text, format, arguments), 0);
    va_end(arguments);
    filled = fill(house, text);
    free(text);
    return filled;
}

void house_configure_all(struct house *house, const char *text)
{
    char *filled = fill(house, text);

    house_write(house, "assentd.conf", filled);
    free(filled);
}

void house_configure(struct house *house, const char *sections)
{
    static const char first[] = "[server]\n"
                                "listen = 127.0.0.1:%PORT%\n"
                                "[control]\n"
                                "socket = %DIR%/control.sock\n"
                                "[store]\n"
                                "path = %DIR%/state/assentd.db\n"
                                "[service daimon]\n"
                                "path = /webhook/approval\n"
                                "scheme = daimon\n"
                                "secret_file = secret\n";
    char *all = NULL;

    ck_assert_int_ge(asprintf(&all, "%s%s", first, sections), 0);
    house_configure_all(house, all);
    free(all);
}

/* --- processes -------------------------------------------------------------------------------- */

/* The words stay in the copy: the process becomes another one at once. */
static int split_wrapper(const char *wrapper, char **arguments)
{
    int count = 0;
    char *rest = strdup(wrapper ? wrapper : "");
    char *word;

    while (count < ARGUMENT_LIMIT - 4 && (word = strtok_r(rest, " ", &rest))) {
        arguments[count++] = word;
    }
    return count;
}

static _Noreturn void become_daemon(const struct house *house)
{
    char *arguments[ARGUMENT_LIMIT];
    const char *build = getenv("ASSENT_BUILD");
    const char *wrapper = getenv("ASSENT_TEST_WRAPPER");
    char *log = house_file(house, "log");
    char *notify = house_file(house, "notify");
    char *program = NULL;
    int fd = open(log, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    int count = split_wrapper(wrapper, arguments);

    (void)prctl(PR_SET_PDEATHSIG, SIGTERM);
    if (asprintf(&program, "%s/assentd", build ? build : "build") < 0) {
        _exit(127);
    }
    arguments[count++] = program;
    arguments[count++] = strdup("-c");
    arguments[count++] = house_file(house, "assentd.conf");
    arguments[count] = NULL;
    (void)setenv("NOTIFY_SOCKET", notify, 1);
    (void)dup2(fd, STDERR_FILENO);
    (void)dup2(fd, STDOUT_FILENO);
    (void)execvp(arguments[0], arguments);
    _exit(127);
}

static bool has_ended(pid_t pid)
{
    siginfo_t info = {0};

    return waitid(P_PID, (id_t)pid, &info, WEXITED | WNOHANG | WNOWAIT) == 0 && info.si_pid == pid;
}

/* Reads one notification; false if none came in time or the daemon has ended. */
static bool read_notification(struct house *house, char *text, size_t size)
{
    struct pollfd poll_fd = {.fd = house->notify, .events = POLLIN};
    int64_t deadline = house_now_ms() + HOUSE_PATIENCE_MS;

    while (house_now_ms() < deadline) {
        ssize_t length;

        if (poll(&poll_fd, 1, 50) > 0) {
            length = recv(house->notify, text, size - 1, 0);
            text[length > 0 ? length : 0] = '\0';
            return length > 0;
        }
        if (has_ended(house->pid)) {
            return false;
        }
    }
    return false;
}

static bool await_ready(struct house *house)
{
    char text[512];

    while (read_notification(house, text, sizeof text)) {
        if (strstr(text, "READY=1") == text) {
            return true;
        }
    }
    return false;
}

bool house_try_start(struct house *house)
{
    char drop[512];

    while (recv(house->notify, drop, sizeof drop, MSG_DONTWAIT) > 0) {
    }
    house->pid = fork();
    ck_assert_int_ge(house->pid, 0);
    if (house->pid == 0) {
        become_daemon(house);
    }
    return await_ready(house);
}

void house_start(struct house *house)
{
    if (!house_try_start(house)) {
        char *log = house_log(house);

        ck_abort_msg("assentd did not get ready:\n%s", log);
    }
}

static int wait_for_exit(struct house *house)
{
    int status = 0;

    ck_assert_int_eq(waitpid(house->pid, &status, 0), house->pid);
    house->pid = 0;
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

int house_stop(struct house *house)
{
    ck_assert_int_gt(house->pid, 0);
    (void)kill(house->pid, SIGTERM);
    return wait_for_exit(house);
}

static char *title_of(pid_t pid)
{
    char path[64];

    (void)snprintf(path, sizeof path, "/proc/%d/cmdline", (int)pid);
    return read_path(path);
}

static bool has_variable(pid_t pid, const char *variable)
{
    char path[64];
    char text[16384];
    bool has = false;
    ssize_t length;
    int fd;

    (void)snprintf(path, sizeof path, "/proc/%d/environ", (int)pid);
    fd = open(path, O_RDONLY | O_CLOEXEC);
    length = fd < 0 ? -1 : read(fd, text, sizeof text - 1);
    if (length > 0) {
        text[length] = '\0';
        for (const char *at = text; at < text + length && !has; at += strlen(at) + 1) {
            has = strcmp(at, variable) == 0;
        }
    }
    if (fd >= 0) {
        (void)close(fd);
    }
    return has;
}

static pid_t parent_of(pid_t pid)
{
    char path[64];
    char *text;
    char *end;
    int parent = -1;

    (void)snprintf(path, sizeof path, "/proc/%d/stat", (int)pid);
    text = read_path(path);
    end = strrchr(text, ')');
    if (end) {
        (void)sscanf(end + 1, " %*c %d", &parent);
    }
    free(text);
    return parent;
}

/* Under valgrind the title is not in the command line. */
static bool has_title(pid_t pid, const char *title)
{
    char *variable = NULL;
    char *text = title_of(pid);
    bool has = strcmp(text, title) == 0;

    free(text);
    if (!has && asprintf(&variable, "ASSENT_ROLE=%s", title) >= 0) {
        has = has_variable(pid, variable);
        free(variable);
    }
    return has;
}

static pid_t find_child(pid_t parent, const char *title)
{
    DIR *directory = opendir("/proc");
    struct dirent *entry;
    pid_t found = 0;

    while (directory && !found && (entry = readdir(directory))) {
        pid_t pid =
            isdigit((unsigned char)entry->d_name[0]) ? (pid_t)strtol(entry->d_name, NULL, 10) : 0;

        if (pid > 0 && parent_of(pid) == parent && has_title(pid, title)) {
            found = pid;
        }
    }
    if (directory) {
        (void)closedir(directory);
    }
    return found;
}

pid_t house_pid(const struct house *house)
{
    return house->pid;
}

pid_t house_role(const struct house *house, const char *title)
{
    int64_t deadline = house_now_ms() + HOUSE_PATIENCE_MS;
    pid_t pid;

    while (!(pid = find_child(house->pid, title))) {
        ck_assert_msg(house_now_ms() < deadline, "there is no %s", title);
        pause_a_little();
    }
    return pid;
}

/* Another process's child can't be waited for; a signal that finds nobody says that it is gone. */
static void await_death(pid_t pid, pid_t parent)
{
    int64_t deadline = house_now_ms() + HOUSE_PATIENCE_MS;

    while (kill(pid, 0) == 0 && parent_of(pid) == parent) {
        ck_assert_msg(house_now_ms() < deadline, "process %d does not die", (int)pid);
        pause_a_little();
    }
}

void house_kill_role(const struct house *house, const char *title)
{
    pid_t pid = house_role(house, title);

    (void)kill(pid, SIGKILL);
    await_death(pid, house->pid);
}

void house_kill(struct house *house)
{
    ck_assert_int_gt(house->pid, 0);
    (void)kill(house->pid, SIGKILL);
    (void)wait_for_exit(house);
}

void house_reload(struct house *house)
{
    (void)kill(house->pid, SIGHUP);
    ck_assert_msg(await_ready(house), "assentd did not get ready after a reload");
}

void house_await_ready(const struct house *house)
{
    int64_t deadline = house_now_ms() + HOUSE_PATIENCE_MS;
    bool ready = false;

    while (!ready) {
        struct answer answer = house_control(house, "GET", "/readyz", NULL);

        ready = answer.status == 200;
        ck_assert_msg(ready || house_now_ms() < deadline, "never ready: %s", answer.body);
        answer_clear(&answer);
        if (!ready) {
            pause_a_little();
        }
    }
}

static int remove_entry(const char *path, const struct stat *status, int type, struct FTW *walk)
{
    (void)status;
    (void)type;
    (void)walk;
    return remove(path);
}

void house_free(struct house *house)
{
    if (house->pid > 0) {
        int status = house_stop(house);
        char *log = house_log(house);

        ck_assert_msg(status == 0, "assentd ended with status %d:\n%s", status, log);
        free(log);
    }
    (void)close(house->notify);
    (void)nftw(house->directory, remove_entry, 16, FTW_DEPTH | FTW_PHYS);
    free(house->socket);
    free(house);
}

const char *house_directory(const struct house *house)
{
    return house->directory;
}

int house_port(const struct house *house)
{
    return house->port;
}

const char *house_socket(const struct house *house)
{
    return house->socket;
}

/* --- HTTP ------------------------------------------------------------------------------------- */

static size_t collect(char *bytes, size_t size, size_t count, void *userdata)
{
    return buffer_append(userdata, bytes, size * count) == 0 ? size * count : 0;
}

static struct curl_slist *header_list(const char *const *headers)
{
    struct curl_slist *list = curl_slist_append(NULL, "Expect:");

    for (size_t i = 0; headers && headers[i]; i++) {
        list = curl_slist_append(list, headers[i]);
    }
    return list;
}

static struct answer call(const char *socket, const char *method, const char *url,
                          const char *const *headers, const char *body)
{
    struct answer answer = {0};
    struct buffer bytes = {0};
    struct buffer head = {0};
    struct curl_slist *list = header_list(headers);
    CURL *curl = curl_easy_init();
    long status = 0;

    ck_assert_ptr_nonnull(curl);
    (void)curl_easy_setopt(curl, CURLOPT_URL, url);
    (void)curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
    (void)curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS, (long)HOUSE_PATIENCE_MS);
    (void)curl_easy_setopt(curl, CURLOPT_CUSTOMREQUEST, method);
    (void)curl_easy_setopt(curl, CURLOPT_HTTPHEADER, list);
    (void)curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, collect);
    (void)curl_easy_setopt(curl, CURLOPT_WRITEDATA, &bytes);
    (void)curl_easy_setopt(curl, CURLOPT_HEADERDATA, &head);
    (void)curl_easy_setopt(curl, CURLOPT_PATH_AS_IS, 1L);
    if (socket) {
        (void)curl_easy_setopt(curl, CURLOPT_UNIX_SOCKET_PATH, socket);
    }
    if (body) {
        (void)curl_easy_setopt(curl, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)strlen(body));
        (void)curl_easy_setopt(curl, CURLOPT_POSTFIELDS, body);
    }
    if (strcmp(method, "HEAD") == 0) {
        (void)curl_easy_setopt(curl, CURLOPT_NOBODY, 1L);
    }
    if (curl_easy_perform(curl) == CURLE_OK) {
        (void)curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &status);
    }
    curl_easy_cleanup(curl);
    curl_slist_free_all(list);
    answer.status = (int)status;
    answer.json = json_loadb((const char *)bytes.data, bytes.length, 0, NULL);
    answer.body = buffer_take_text(&bytes);
    answer.headers = buffer_take_text(&head);
    return answer;
}

void answer_clear(struct answer *answer)
{
    json_decref(answer->json);
    free(answer->body);
    free(answer->headers);
    *answer = (struct answer){0};
}

struct answer house_public(const struct house *house, const char *method, const char *path,
                           const char *const *headers, const char *body)
{
    char *url = house_format(house, "http://127.0.0.1:%%PORT%%%s", path);
    struct answer answer = call(NULL, method, url, headers, body);

    free(url);
    return answer;
}

struct answer house_control(const struct house *house, const char *method, const char *path,
                            const char *body)
{
    static const char *const headers[] = {"Content-Type: application/json", NULL};
    char *url = NULL;
    struct answer answer;

    ck_assert_int_ge(asprintf(&url, "http://localhost%s", path), 0);
    answer = call(house->socket, method, url, headers, body);
    free(url);
    return answer;
}

void house_sign(const char *body, size_t length, char ret_header[128])
{
    unsigned char digest[DIGEST_SHA256_SIZE];
    char hex[2 * DIGEST_SHA256_SIZE + 1];

    ck_assert_int_eq(digest_hmac_sha256(HOUSE_SECRET, strlen(HOUSE_SECRET), body, length, digest),
                     0);
    text_to_hex(digest, sizeof digest, hex);
    (void)snprintf(ret_header, 128, "X-Daimon-Signature: sha256=%s", hex);
}

struct answer house_webhook(const struct house *house, const char *body)
{
    char signature[128];
    const char *headers[] = {"Content-Type: application/json", signature, NULL};

    house_sign(body, strlen(body), signature);
    return house_public(house, "POST", "/webhook/approval", headers, body);
}

/* --- what tests do all the time --------------------------------------------------------------- */

void house_register(const struct house *house, const char *body)
{
    struct answer answer = house_control(house, "POST", "/v1/requests", body);

    ck_assert_msg(answer.status == 201, "registering: %d %s", answer.status, answer.body);
    answer_clear(&answer);
}

void house_decide(const struct house *house, const char *body, const char *outcome)
{
    struct answer answer = house_webhook(house, body);
    const char *told =
        json_string_value(json_object_get(json_object_get(answer.json, "result"), "outcome"));

    ck_assert_msg(answer.status == 200 && told && strcmp(told, outcome) == 0,
                  "expected %s for %s, got %d %s", outcome, body, answer.status, answer.body);
    answer_clear(&answer);
}

json_t *house_show(const struct house *house, const char *id)
{
    char *path = NULL;
    struct answer answer;
    json_t *result;

    ck_assert_int_ge(asprintf(&path, "/v1/approvals/%s", id), 0);
    answer = house_control(house, "GET", path, NULL);
    ck_assert_msg(answer.status == 200, "%s: %d %s", path, answer.status, answer.body);
    result = json_incref(json_object_get(answer.json, "result"));
    answer_clear(&answer);
    free(path);
    return result;
}

static bool status_is(const struct house *house, const char *path, const char *status)
{
    struct answer answer = house_control(house, "GET", path, NULL);
    const char *now =
        json_string_value(json_object_get(json_object_get(answer.json, "result"), "status"));
    bool is = now && strcmp(now, status) == 0;

    answer_clear(&answer);
    return is;
}

void house_await_status(const struct house *house, const char *id, const char *status)
{
    char *now = house_format(house, "/v1/approvals/%s", id);
    char *later = house_format(house, "/v1/approvals/%s?wait=10", id);
    int64_t deadline = house_now_ms() + HOUSE_PATIENCE_MS;

    while (!status_is(house, now, status) && !status_is(house, later, status)) {
        ck_assert_msg(house_now_ms() < deadline, "%s never got %s", id, status);
    }
    free(now);
    free(later);
}

static bool jobs_are(const json_t *request, size_t count, const char *state)
{
    const json_t *jobs = json_object_get(request, "jobs");
    bool all = json_array_size(jobs) == count;

    for (size_t i = 0; all && i < count; i++) {
        const char *now = json_string_value(json_object_get(json_array_get(jobs, i), "state"));

        all = now && strcmp(now, state) == 0;
    }
    return all;
}

void house_await_jobs(const struct house *house, const char *id, int count, const char *state)
{
    int64_t deadline = house_now_ms() + HOUSE_PATIENCE_MS;
    bool reached = false;

    while (!reached) {
        json_t *request = house_show(house, id);
        char *text = json_dumps(json_object_get(request, "jobs"), 0);

        reached = jobs_are(request, (size_t)count, state);
        ck_assert_msg(reached || house_now_ms() < deadline, "%s never had %d jobs that are %s: %s",
                      id, count, state, text);
        free(text);
        json_decref(request);
        if (!reached) {
            pause_a_little();
        }
    }
}

json_t *house_output(const struct house *house, const char *id)
{
    json_t *request = house_show(house, id);
    json_t *job = json_array_get(json_object_get(request, "jobs"), 0);
    char *path = NULL;
    struct answer answer;
    json_t *result;

    ck_assert_int_ge(asprintf(&path, "/v1/jobs/%lld/output",
                              (long long)json_integer_value(json_object_get(job, "job"))),
                     0);
    answer = house_control(house, "GET", path, NULL);
    ck_assert_msg(answer.status == 200, "%s: %d %s", path, answer.status, answer.body);
    result = json_incref(json_object_get(answer.json, "result"));
    answer_clear(&answer);
    json_decref(request);
    free(path);
    return result;
}
