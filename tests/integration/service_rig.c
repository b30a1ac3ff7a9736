#include "service_rig.h"

#include <check.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "assent/base/json.h"

/* Below the harness's own patience, so that it is the service that says what there is instead. */
#define PATIENCE_MS (HOUSE_PATIENCE_MS - 10000)

struct service_rig {
    pid_t pid;
    int input; /* its stdin: it ends when this is closed */
    int port;
    int operator_port;
    char *key;
    char url[64];
};

/* --- its life --------------------------------------------------------------------------------- */

static _Noreturn void become_service(const char *key, const char *secret, int input, int output)
{
    const char *build = getenv("ASSENT_BUILD");
    char *path = NULL;

    if (asprintf(&path, "%s/tests/service/approval_service", build ? build : "build") < 0 ||
        dup2(input, STDIN_FILENO) < 0 || dup2(output, STDOUT_FILENO) < 0) {
        _exit(127);
    }
    (void)execl(path, path, key, secret, (char *)NULL);
    (void)fprintf(stderr, "%s cannot be run\n", path);
    _exit(127);
}

static void read_ports(struct service_rig *rig, int output)
{
    struct pollfd readable = {.fd = output, .events = POLLIN};
    char line[64] = "";
    FILE *file = fdopen(output, "r");

    ck_assert_ptr_nonnull(file);
    ck_assert_msg(poll(&readable, 1, PATIENCE_MS) > 0, "the service does not start");
    ck_assert_msg(fgets(line, sizeof line, file) &&
                      sscanf(line, "ready %d %d", &rig->port, &rig->operator_port) == 2,
                  "the service says: %s", line);
    (void)fclose(file);
}

struct service_rig *service_start_with(const char *key, const char *secret)
{
    struct service_rig *rig = calloc(1, sizeof *rig);
    int input[2];
    int output[2];

    ck_assert_ptr_nonnull(rig);
    ck_assert_int_eq(pipe2(input, O_CLOEXEC), 0);
    ck_assert_int_eq(pipe2(output, O_CLOEXEC), 0);
    (void)fflush(NULL);
    rig->pid = fork();
    ck_assert_int_ge(rig->pid, 0);
    if (rig->pid == 0) {
        become_service(key, secret, input[0], output[1]);
    }
    (void)close(input[0]);
    (void)close(output[1]);
    rig->input = input[1];
    rig->key = strdup(key);
    read_ports(rig, output[0]);
    (void)snprintf(rig->url, sizeof rig->url, "http://127.0.0.1:%d", rig->port);
    return rig;
}

struct service_rig *service_start(void)
{
    return service_start_with(SERVICE_KEY, HOUSE_SECRET);
}

void service_free(struct service_rig *rig)
{
    int status;

    if (!rig) {
        return;
    }
    ck_assert_msg(process_lives(rig->pid), "the service has ended by itself");
    (void)close(rig->input);
    process_await_end(rig->pid);
    ck_assert_int_eq(waitpid(rig->pid, &status, 0), rig->pid);
    ck_assert_msg(WIFEXITED(status) && WEXITSTATUS(status) == 0, "the service ended with %d",
                  status);
    free(rig->key);
    free(rig);
}

void service_configure(const struct service_rig *rig, struct house *house, const char *sections)
{
    char *text = house_format(house,
                              "url = %s\n"
                              "api_key_file = api-key\n"
                              "callback_url = http://127.0.0.1:%d/webhook/approval\n"
                              "%s",
                              service_url(rig), house_port(house), sections);

    house_write(house, "api-key", SERVICE_KEY "\n");
    house_configure(house, text);
    free(text);
}

const char *service_url(const struct service_rig *rig)
{
    return rig->url;
}

int service_port(const struct service_rig *rig)
{
    return rig->port;
}

/* --- calls ------------------------------------------------------------------------------------ */

struct answer service_call_at(const char *base_url, const char *key, const char *method,
                              const char *path, const char *body)
{
    const char *headers[] = {"Content-Type: application/json", NULL, NULL};
    char *authorization = NULL;
    char *url = NULL;
    struct answer answer;

    ck_assert_int_ge(asprintf(&authorization, "Authorization: Bearer %s", key), 0);
    ck_assert_int_ge(asprintf(&url, "%s%s", base_url, path), 0);
    headers[1] = authorization;
    answer = house_call(NULL, method, url, headers, body);
    free(authorization);
    free(url);
    return answer;
}

struct answer service_call(const struct service_rig *rig, const char *method, const char *path,
                           const char *body)
{
    return service_call_at(rig->url, rig->key, method, path, body);
}

struct answer service_operate(const struct service_rig *rig, const char *method, const char *path,
                              const char *body)
{
    char url[64];

    (void)snprintf(url, sizeof url, "http://127.0.0.1:%d", rig->operator_port);
    return service_call_at(url, rig->key, method, path, body);
}

static json_t *operate(const struct service_rig *rig, const char *method, const char *path,
                       const char *body)
{
    return answer_take(service_operate(rig, method, path, body), 200);
}

/* --- scripting -------------------------------------------------------------------------------- */

void service_set(const struct service_rig *rig, const char *settings)
{
    json_decref(operate(rig, "POST", "/_operator/settings", settings));
}

void service_fail_as(const struct service_rig *rig, const char *fault)
{
    json_decref(operate(rig, "POST", "/_operator/fail", fault));
}

void service_fail(const struct service_rig *rig, const char *on, const char *what, int times)
{
    bool is_number = what[0] >= '0' && what[0] <= '9';
    const char *quote = is_number ? "" : "\"";
    char *fault = NULL;

    ck_assert_int_ge(asprintf(&fault, "{\"on\":\"%s\",\"what\":%s%s%s,\"times\":%d}", on, quote,
                              what, quote, times),
                     0);
    service_fail_as(rig, fault);
    free(fault);
}

void service_heal(const struct service_rig *rig, const char *on)
{
    service_fail(rig, on, "none", 1);
}

void service_listen(const struct service_rig *rig, bool listening)
{
    json_decref(operate(rig, "POST", "/_operator/listen",
                        listening ? "{\"listening\":true}" : "{\"listening\":false}"));
}

json_t *service_decide(const struct service_rig *rig, const char *decision)
{
    return operate(rig, "POST", "/_operator/decide", decision);
}

static json_t *decide(const struct service_rig *rig, const char *id, const char *status,
                      bool deliver)
{
    json_t *decision = json_pack("{s:s, s:s, s:b}", "id", id, "status", status, "deliver", deliver);
    json_t *result;
    char *text;

    if (strcmp(status, "expired") != 0) {
        (void)json_object_set_new(decision, "by", json_string("ops@example.com"));
    }
    text = json_text(decision);
    result = service_decide(rig, text);
    json_decref(decision);
    free(text);
    return result;
}

void service_decide_as(const struct service_rig *rig, const char *id, const char *status,
                       const char *outcome)
{
    json_t *result = decide(rig, id, status, true);
    char *text = json_text(result);

    ck_assert_msg(number_at(result, "/deliveries/0/status") == 200 &&
                      strcmp(text_at(result, "/deliveries/0/answer/result/outcome"), outcome) == 0,
                  "expected %s, got %s", outcome, text);
    free(text);
    json_decref(result);
}

void service_decide_silently(const struct service_rig *rig, const char *id, const char *status)
{
    json_decref(decide(rig, id, status, false));
}

/* --- looking ---------------------------------------------------------------------------------- */

static size_t count_at(const struct service_rig *rig, const char *pointer)
{
    json_t *result = operate(rig, "GET", "/_operator/requests?count=0", NULL);
    int64_t count = number_at(result, pointer);

    json_decref(result);
    return (size_t)count;
}

size_t service_asked_count(const struct service_rig *rig)
{
    return count_at(rig, "/asked");
}

size_t service_request_count(const struct service_rig *rig)
{
    return count_at(rig, "/requests");
}

/* `query` says what is waited for; returns what there is then. */
static json_t *await(const struct service_rig *rig, const char *what, const char *query, int count)
{
    char *path = NULL;
    json_t *result;

    ck_assert_int_ge(
        asprintf(&path, "/_operator/%s%s=%d&patience_ms=%d", what, query, count, PATIENCE_MS), 0);
    result = operate(rig, "GET", path, NULL);
    free(path);
    return result;
}

void service_await_asked(const struct service_rig *rig, size_t count)
{
    json_t *result = await(rig, "requests", "?count=0&asked", (int)count);

    ck_assert_int_ge(number_at(result, "/asked"), (int64_t)count);
    json_decref(result);
}

json_t *service_asked(const struct service_rig *rig, size_t index)
{
    char path[64];
    json_t *result;
    json_t *item;

    (void)snprintf(path, sizeof path, "/_operator/requests?from=%zu&count=1", index);
    result = operate(rig, "GET", path, NULL);
    item = json_incref(json_at_pointer(result, "/items/0"));
    json_decref(result);
    ck_assert_msg(item != NULL, "the service was not asked for a request %zu", index);
    return item;
}

json_t *service_request(const struct service_rig *rig, const char *id)
{
    char *path = NULL;
    json_t *result;

    ck_assert_int_ge(asprintf(&path, "/_operator/requests?id=%s", id), 0);
    result = operate(rig, "GET", path, NULL);
    free(path);
    return result;
}

static json_t *await_of(const struct service_rig *rig, const char *id, const char *what, int count)
{
    char *query = NULL;
    json_t *result;

    ck_assert_int_ge(asprintf(&query, "?id=%s&%s", id, what), 0);
    result = await(rig, "requests", query, count);
    free(query);
    return result;
}

void service_await_polls(const struct service_rig *rig, const char *id, int polls)
{
    json_t *result = await_of(rig, id, "polls", polls);

    ck_assert_int_ge(number_at(result, "/polls"), polls);
    json_decref(result);
}

void service_await_deliveries(const struct service_rig *rig, const char *id, int deliveries)
{
    json_t *result = await_of(rig, id, "deliveries", deliveries);

    ck_assert_uint_ge(json_array_size(json_object_get(result, "deliveries")), (size_t)deliveries);
    json_decref(result);
}

json_t *service_emails(const struct service_rig *rig, bool full)
{
    return operate(rig, "GET", full ? "/_operator/emails?full=1" : "/_operator/emails", NULL);
}

void service_await_emails(const struct service_rig *rig, int created)
{
    json_t *result = await(rig, "emails", "?created", created);

    ck_assert_int_ge(number_at(result, "/created"), created);
    json_decref(result);
}
