/*
 * A real assentd for a test: its own directory, its own ports, its own process tree.
 *
 *   struct house *house = house_new();
 *   house_configure(house, "[action pay]\non_granted = note\n...");
 *   house_start(house);                       waits until it says READY=1
 *   house_register(house, "{...}");           through the control socket
 *   house_decide(house, "{...}");             a signed webhook
 *   house_free(house);                        stops it, and fails the test if it can't
 *
 * Nothing here sleeps for a result: starts are awaited by the notification socket, decisions by
 * ?wait=, ends of processes by pidfd; only what has no event (a job's end) is asked for again and
 * again, up to a deadline that is generous enough for valgrind.
 */
#ifndef ASSENT_TESTS_HARNESS_H
#define ASSENT_TESTS_HARNESS_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#define HOUSE_SECRET      "whsec_a-secret-of-the-tests"
#define HOUSE_PATIENCE_MS 60000

struct house;

/* A new temporary directory and a free port. */
struct house *house_new(void);
/* Writes the configuration: [server], [control], [store] and [service daimon] stand already,
 * `sections` come after them. May be called again, for a reload. */
void house_configure(struct house *house, const char *sections);
/* The same, but with all of the configuration given; %PORT% and %DIR% are replaced. */
void house_configure_all(struct house *house, const char *text);
/* Starts it and waits until it is ready. */
void house_start(struct house *house);
/* Starts it, and returns false if it ended before it was ready. */
bool house_try_start(struct house *house);
/* SIGTERM; waits; returns the exit status. */
int house_stop(struct house *house);
/* SIGKILL to the supervisor; waits until every process of it has gone. */
void house_kill(struct house *house);
/* SIGHUP; waits until it is ready again. */
void house_reload(struct house *house);
/* Stops it if it runs, checks that it stopped well, and removes the directory. */
void house_free(struct house *house);

const char *house_directory(const struct house *house);
int house_port(const struct house *house);
const char *house_socket(const struct house *house);
pid_t house_pid(const struct house *house);
/* The process with that title (`assentd: core`); waits for it. */
pid_t house_role(const struct house *house, const char *title);
/* SIGKILL to the role; waits until it is dead. */
void house_kill_role(const struct house *house, const char *title);
/* Waits until the role has another process than `old` and /readyz says ready. */
void house_await_ready(const struct house *house);

/* The path of a file in the directory; to be freed. */
char *house_file(const struct house *house, const char *name);
/* What is in that file ("" if it is not there); to be freed. */
char *house_read(const struct house *house, const char *name);
void house_write(const struct house *house, const char *name, const char *text);
/* Waits until the file has at least so many lines. */
void house_await_lines(const struct house *house, const char *name, int lines);
int house_count_lines(const struct house *house, const char *name);
/* The log so far; to be freed. */
char *house_log(const struct house *house);
/* Waits until the log has the text. */
void house_await_log(const struct house *house, const char *text);

struct answer {
    int status;   /* 0: no answer */
    json_t *json; /* NULL if the body is no JSON */
    char *body;
    char *headers;
};
void answer_clear(struct answer *answer);

/* One HTTP request. `headers` is a NULL-terminated list of `Name: value`, or NULL. */
struct answer house_public(const struct house *house, const char *method, const char *path,
                           const char *const *headers, const char *body);
struct answer house_control(const struct house *house, const char *method, const char *path,
                            const char *body);
/* A webhook with the right signature. */
struct answer house_webhook(const struct house *house, const char *body);
/* `sha256=...` of the body under the test's secret. */
void house_sign(const char *body, size_t length, char ret_header[128]);

/* Registers and expects 201. */
void house_register(const struct house *house, const char *body);
/* Sends a signed webhook and expects 200 with that outcome. */
void house_decide(const struct house *house, const char *body, const char *outcome);
/* `result` of GET /v1/approvals/ID; json_decref. */
json_t *house_show(const struct house *house, const char *id);
/* Waits until the request's status is that. */
void house_await_status(const struct house *house, const char *id, const char *status);
/* Waits until the request has `count` jobs and all of them are in `state`. */
void house_await_jobs(const struct house *house, const char *id, int count, const char *state);
/* `result` of GET /v1/jobs/N/output of the request's first job; json_decref. */
json_t *house_output(const struct house *house, const char *id);

/* Text with %PORT%, %DIR% replaced, and printf-like formatting before it; to be freed. */
char *house_format(const struct house *house, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

int64_t house_now_ms(void);

#endif
