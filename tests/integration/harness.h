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

#include <check.h>
#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "assent/base/process_tree.h"
#include "support/patience.h"

#define HOUSE_SECRET      "whsec_a-secret-of-the-tests"
#define HOUSE_PATIENCE_MS ((int)patience_ms(60000))
/* An action `note` whose hook adds the id of the request to the file `notes`. */
#define HOUSE_NOTE        \
    "[action note]\n"     \
    "on_granted = note\n" \
    "[hook note]\n"       \
    "shell = echo \"$ASSENT_REQUEST_ID\" >>%DIR%/notes\n"

struct house;

/* A new temporary directory and a free port. */
struct house *house_new(void);
/* Writes the configuration: [server], [control], [store] and [service daimon] stand already,
 * `sections` come after them. May be called again, for a reload. */
void house_configure(struct house *house, const char *sections);
/* The same, but with all of the configuration given; %PORT%, %DIR% and %JAIL% are replaced. */
void house_configure_all(struct house *house, const char *text);
/* `prepare` is called in the process that is about to become assentd, standard error being the log
 * already. */
void house_prepare(struct house *house, void (*prepare)(void *userdata), void *userdata);
/* Becomes that program of the build, under ASSENT_TEST_WRAPPER if there is one. */
_Noreturn void become_built(const char *program, char *const *arguments);
/* Starts it and waits until it is ready. */
void house_start(struct house *house);
/* Starts it, and returns false if it ended before it was ready. */
bool house_try_start(struct house *house);
/* The same in two steps. */
void house_begin_start(struct house *house);
bool house_await_start(struct house *house);
/* Waits until it has ended by itself; returns the exit status, 128 and more for a signal. */
int house_wait(struct house *house);
/* SIGTERM; waits; returns the exit status. Nothing that it had started may be left then. */
int house_stop(struct house *house);
/* SIGKILL to the supervisor; waits until every process below it has gone. */
void house_kill(struct house *house);
/* SIGHUP; waits until it is ready again. */
void house_reload(struct house *house);
/* What a run to its end has told. */
struct told {
    int status; /* 128 and more for a signal */
    char *out;
    char *error;
};
/* Runs `assentd ARGUMENTS...` (up to a NULL, %DIR% is replaced) to its end; told_clear. */
struct told house_run(const struct house *house, ...) __attribute__((sentinel));
void told_clear(struct told *told);
/* The text has that part. */
void expect_part(const char *text, const char *part);
/* Stops it if it runs, checks that it stopped well, and removes the directory. */
void house_free(struct house *house);

/* A port of loopback at which only assentd can listen as long as this process lives. */
int house_reserve_port(void);
const char *house_directory(const struct house *house);
int house_port(const struct house *house);
const char *house_socket(const struct house *house);
pid_t house_pid(const struct house *house);
/* The process with that title (`assentd: core`); waits for it. */
pid_t house_role(const struct house *house, const char *title);
/* The same, but not `old`. */
pid_t house_next_role(const struct house *house, const char *title, pid_t old);
/* True if there is one now. */
bool house_has_role(const struct house *house, const char *title);
/* A number in /proc/PID/status: of its memory, in KiB, `VmRSS:`, or `VmHWM:`, the most that it ever was. */
long house_status(const struct house *house, const char *title, const char *what);
/* The processor time of the role so far, in clock ticks: there are 100 in a second. */
long house_processor_ticks(const struct house *house, const char *title);
/* SIGKILL to the role; waits until it is dead, and returns what it was. */
pid_t house_kill_role(const struct house *house, const char *title);
/* Waits until /readyz says ready. */
void house_await_ready(const struct house *house);
/* Waits until /healthz of the public listener has that status. */
void house_await_health(const struct house *house, int status);
/* Waits until so many connections to the control socket have been accepted, and are still open. */
void house_await_connections(const struct house *house, int count);

/* The daemon and every process below it; process_tree_free. */
struct process_tree house_processes(const struct house *house);
/* Waits until none of them is left. */
void processes_await_end(const struct process_tree *processes, int within_ms);
/* What is in /proc/PID/NAME, "" if it is not there; to be freed. */
char *process_read(pid_t pid, const char *name);
bool process_lives(pid_t pid);
/* Waits until the process has ended, whosever child it is. */
void process_await_end(pid_t pid);
/* How many it has open; see jail_allow_looking_inside. */
size_t process_descriptors(pid_t pid);

/* The path of a file in the directory; to be freed. */
char *house_file(const struct house *house, const char *name);
/* What is in that file ("" if it is not there); to be freed. */
char *house_read(const struct house *house, const char *name);
/* The same of any file. A NUL in it, as between arguments in /proc, becomes the end of a line. */
char *house_read_path(const char *path);
void house_write(const struct house *house, const char *name, const char *text);
/* Waits until the file has at least so many lines. */
void house_await_lines(const struct house *house, const char *name, int lines);
/* The number in the first line of the file, once it is there. */
pid_t house_pid_in(const struct house *house, const char *name);
int house_count_lines(const struct house *house, const char *name);
/* The file has that text and no other. */
void house_expect_file(const struct house *house, const char *name, const char *expected);
/* The log so far; to be freed. */
char *house_log(const struct house *house);
/* Waits until the service manager is told that, in a message that begins so. */
void house_await_notification(struct house *house, const char *beginning);
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
/* The same to any Unix socket (`socket`), or with NULL to where the URL says. */
struct answer house_call(const char *socket, const char *method, const char *url,
                         const char *const *headers, const char *body);
/* A webhook with the right signature. */
struct answer house_webhook(const struct house *house, const char *body);
/* A webhook of another service. */
struct answer house_webhook_to(const struct house *house, const char *path, const char *secret,
                               const char *body);
/* `X-Daimon-Signature: sha256=...` of the body under the test's secret. */
void house_sign(const char *body, size_t length, char ret_header[128]);

/* A request that is under way: it has been sent, and its answer is read later. */
struct exchange;
struct exchange *house_begin_control(const struct house *house, const char *method,
                                     const char *path, const char *body);
struct exchange *house_begin_at(const char *socket, const char *method, const char *path,
                                const char *body);
struct exchange *house_begin_webhook(const struct house *house, const char *body);
/* True if an answer, or the connection's end, comes within that time. */
bool exchange_answered(const struct exchange *exchange, int within_ms);
/* Reads the answer to its end, and frees the exchange. */
struct answer exchange_end(struct exchange *exchange);
/* The client leaves without having read an answer. */
void exchange_leave(struct exchange *exchange);

/* `result` of an answer that must have that status; json_decref. Clears the answer. */
json_t *answer_take(struct answer answer, int status);
/* Checks and clears an error. `told` is a part of its message, or NULL. */
void answer_expect_error(struct answer answer, int status, const char *code, const char *told);
/* The same where one is asked to come again later. */
void answer_expect_put_off(struct answer answer);

/* `result` of a GET on the control socket that must answer 200; json_decref. */
json_t *house_get(const struct house *house, const char *path);
/* Registers and expects 201. */
void house_register(const struct house *house, const char *body);
/* The same with nothing but an id and an action. */
void house_register_as(const struct house *house, const char *id, const char *action);
/* Sends a signed webhook and expects 200 with that outcome. */
void house_decide(const struct house *house, const char *body, const char *outcome);
/* The same with nothing but an id and a status; house_approve expects `matched`. */
void house_decide_as(const struct house *house, const char *id, const char *status,
                     const char *outcome);
void house_approve(const struct house *house, const char *id);
/* A request for HOUSE_NOTE, from its registration to the end of the hook, which must have run once. */
void house_expect_note(const struct house *house, const char *id);
/* The answer to POST /v1/requests/ID/cancel. */
struct answer house_cancel(const struct house *house, const char *id);
/* `result` of GET /v1/approvals/ID; json_decref. */
json_t *house_show(const struct house *house, const char *id);
/* The kinds of the request's events, whose numbers grow, with spaces between them; to be freed. */
char *event_kinds(const json_t *request);
/* The request has had events of these kinds, in this order. */
void house_expect_events(const struct house *house, const char *id, const char *expected);
/* Waits until the request's status is that. */
void house_await_status(const struct house *house, const char *id, const char *status);
/* The same, and why is told, in which `why` is a part. */
void house_expect_over(const struct house *house, const char *id, const char *status,
                       const char *why);
/* Waits until the request has `count` jobs and all of them are in `state`. */
void house_await_jobs(const struct house *house, const char *id, int count, const char *state);
/* Waits until the request has `count` jobs and all of them have ended, however. */
void house_await_settled(const struct house *house, const char *id, int count);
/* The first job of the request with its attempts; json_decref. */
json_t *house_job(const struct house *house, const char *id);
/* The same of the request's only job, once it has ended, which must be in that state. */
json_t *house_job_in(const struct house *house, const char *id, const char *state);
/* `result` of GET /v1/jobs/N/output of the request's first job; json_decref. */
json_t *house_output(const struct house *house, const char *id);
/* The first job, which is run again; json_decref. */
json_t *house_retry(const struct house *house, const char *id);

/* What stands at a JSON Pointer: a text ("" if there is none), a number (-1), a boolean. */
const char *text_at(const json_t *json, const char *pointer);
int64_t number_at(const json_t *json, const char *pointer);
bool true_at(const json_t *json, const char *pointer);

/* Text with %PORT%, %DIR% replaced, and printf-like formatting before it; to be freed. */
char *house_format(const struct house *house, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

int64_t house_now_ms(void);

/* A test case whose tests run between these two, with time enough for valgrind. */
TCase *house_scenarios(Suite *suite, const char *name, void (*before)(void), void (*after)(void));

#endif
