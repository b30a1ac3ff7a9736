#include "support/tally.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PAGE          500
#define ATTEMPT_LIMIT 31
#define KEY_SIZE      128

struct account {
    int requests;
    int jobs;
    char status[16];    /* of the request */
    char state[16];     /* of the job */
    char key[KEY_SIZE]; /* of the job */
    int attempt;        /* the newest, as the job tells it */
    uint32_t begun;     /* a bit for each attempt */
};

struct audit {
    const struct crowd *crowd;
    struct account *accounts;
    struct tally tally;
};

char *tally_sections(const struct house *house, const struct http_server *server)
{
    /* Text of a shell hook stands in the file as it is, so %%DIR%% is filled in by the harness. */
    static const char program[] =
        "echo \"begin $ASSENT_REQUEST_ID $ASSENT_JOB_KEY $ASSENT_ATTEMPT\" >>%%DIR%%/runs; "
        "sleep 0.02; "
        "echo \"end $ASSENT_REQUEST_ID $ASSENT_JOB_KEY $ASSENT_ATTEMPT\" >>%%DIR%%/runs";
    static const char call[] =
        "{\"id\": \"{request_id}\", \"key\": \"{job.key}\", \"attempt\": \"{attempt}\"}";
    static const char sections[] = "[action program-hold]\non_granted = program-hold\n"
                                   "[action program-retry]\non_granted = program-retry\n"
                                   "[action call-hold]\non_granted = call-hold\n"
                                   "[action call-retry]\non_granted = call-retry\n"
                                   "[hook program-hold]\nshell = %s\n"
                                   "[hook program-retry]\nexec = /bin/sh %s/program\n"
                                   "on_interrupt = retry\n"
                                   "[hook call-hold]\nhttp = POST http://127.0.0.1:%d/run\n"
                                   "body = %s\non_interrupt = hold\n"
                                   "[hook call-retry]\nhttp = POST http://127.0.0.1:%d/run\n"
                                   "body = %s\n";
    char *shell = house_format(house, program);
    char *all = NULL;
    int port = http_server_port(server);

    house_write(house, "program", shell);
    ck_assert_int_ge(
        asprintf(&all, sections, shell, house_directory(house), port, call, port, call), 0);
    free(shell);
    return all;
}

/* --- the control interface -------------------------------------------------------------------- */

static const char *text_of(const json_t *row, const char *name)
{
    const char *text = json_string_value(json_object_get(row, name));

    return text ? text : "";
}

static int count_jobs(const struct house *house, const char *state)
{
    char path[64];
    struct answer answer;
    int count;

    (void)snprintf(path, sizeof path, "/v1/jobs?state=%s&limit=%d", state, PAGE);
    answer = house_control(house, "GET", path, NULL);
    count =
        answer.status == 200
            ? (int)json_array_size(json_object_get(json_object_get(answer.json, "result"), "jobs"))
            : -1;
    answer_clear(&answer);
    return count;
}

int tally_unfinished(const struct house *house)
{
    int queued = count_jobs(house, "queued");
    int running = count_jobs(house, "running");

    return queued < 0 || running < 0 ? -1 : queued + running;
}

/* Calls `each` for every row of all pages of a listing. */
static void read_pages(const struct house *house, const char *name, struct audit *audit,
                       void (*each)(struct audit *audit, const json_t *row))
{
    char cursor[64] = "";

    for (;;) {
        char path[128];
        struct answer answer;
        const json_t *result;
        const json_t *row;
        size_t index;
        const char *next;

        (void)snprintf(path, sizeof path, "/v1/%s?limit=%d%s", name, PAGE, cursor);
        answer = house_control(house, "GET", path, NULL);
        ck_assert_msg(answer.status == 200, "%s: %d %s", path, answer.status, answer.body);
        result = json_object_get(answer.json, "result");
        json_array_foreach(json_object_get(result, name), index, row) {
            each(audit, row);
        }
        next = json_string_value(json_object_get(result, "cursor"));
        (void)snprintf(cursor, sizeof cursor, "&cursor=%s", next ? next : "");
        answer_clear(&answer);
        if (!next) {
            return;
        }
    }
}

static struct account *account_of(struct audit *audit, const char *id, const char *what)
{
    int index = crowd_find(audit->crowd, id);

    ck_assert_msg(index >= 0, "%s of a request that was never registered: %s", what, id);
    return &audit->accounts[index];
}

static void take_request(struct audit *audit, const json_t *row)
{
    struct account *account = account_of(audit, text_of(row, "requestId"), "a row");

    account->requests++;
    (void)snprintf(account->status, sizeof account->status, "%s", text_of(row, "status"));
}

static void take_job(struct audit *audit, const json_t *row)
{
    struct account *account = account_of(audit, text_of(row, "requestId"), "a job");

    account->jobs++;
    (void)snprintf(account->state, sizeof account->state, "%s", text_of(row, "state"));
    (void)snprintf(account->key, sizeof account->key, "%s", text_of(row, "key"));
    account->attempt = (int)json_integer_value(json_object_get(row, "attempt"));
}

/* --- the marks of runs ------------------------------------------------------------------------ */

static void take_begin(struct audit *audit, const char *id, const char *key, int attempt)
{
    struct account *account = account_of(audit, id, "a run");

    ck_assert_msg(strcmp(account->key, key) == 0, "%s ran with the key %s, its job has %s", id, key,
                  account->key);
    ck_assert_msg(attempt >= 1 && attempt <= account->attempt && attempt <= ATTEMPT_LIMIT,
                  "%s ran as attempt %d of %d", id, attempt, account->attempt);
    ck_assert_msg(!(account->begun & 1u << attempt), "%s ran twice as attempt %d", id, attempt);
    account->begun |= 1u << attempt;
    audit->tally.runs++;
}

static void take_end(struct audit *audit, const char *id, int attempt)
{
    struct account *account = account_of(audit, id, "a run");

    ck_assert_msg(account->begun & 1u << attempt, "%s ended without a beginning", id);
    ck_assert_msg(account->begun >> (attempt + 1) == 0,
                  "%s: attempt %d was alive beside a later one", id, attempt);
}

static void take_programs(const struct house *house, struct audit *audit)
{
    char *marks = house_read(house, "runs");
    char *rest = marks;
    char *line;

    while ((line = strtok_r(rest, "\n", &rest))) {
        char mark[8];
        char id[32];
        char key[KEY_SIZE];
        int attempt;

        ck_assert_msg(sscanf(line, "%7s %31s %127s %d", mark, id, key, &attempt) == 4,
                      "an odd line in runs: %s", line);
        if (strcmp(mark, "begin") == 0) {
            take_begin(audit, id, key, attempt);
        } else {
            take_end(audit, id, attempt);
        }
    }
    free(marks);
}

static void take_calls(struct http_server *server, struct audit *audit)
{
    size_t count = http_server_wait(server, 0);

    for (size_t i = 0; i < count; i++) {
        const struct http_server_request *request = http_server_request(server, i);
        json_t *body = json_loadb(request->body, request->body_length, 0, NULL);

        take_begin(audit, text_of(body, "id"), text_of(body, "key"),
                   (int)json_integer_value(json_object_get(body, "attempt")));
        json_decref(body);
    }
}

/* --- the verdict ------------------------------------------------------------------------------ */

static void judge_approved(struct audit *audit, const struct crowd_member *member,
                           const struct account *account)
{
    bool interrupted = strcmp(account->state, "interrupted") == 0;
    bool held = strstr(member->action, "hold") != NULL;

    ck_assert_msg(member->answered, "%s was never answered", member->id);
    ck_assert_msg(strcmp(account->status, "approved") == 0, "%s got 200, and is %s", member->id,
                  account->status);
    ck_assert_msg(account->jobs == 1, "%s has %d jobs", member->id, account->jobs);
    ck_assert_msg(interrupted || strcmp(account->state, "succeeded") == 0, "the job of %s is %s",
                  member->id, account->state);
    ck_assert_msg(interrupted || account->begun & 1u << account->attempt,
                  "%s has not run, and its job succeeded", member->id);
    ck_assert_msg(!held || account->attempt == 1, "%s had %d attempts", member->id,
                  account->attempt);
    audit->tally.approvals++;
    audit->tally.interrupted += interrupted;
    audit->tally.restarted += account->attempt - 1;
}

static void judge(struct audit *audit, const struct crowd_member *member,
                  const struct account *account)
{
    ck_assert_msg(account->requests == 1, "%s is registered %d times", member->id,
                  account->requests);
    if (member->fate == CROWD_APPROVED) {
        judge_approved(audit, member, account);
        return;
    }
    ck_assert_msg(account->jobs == 0 && account->begun == 0, "%s ran, and was not approved",
                  member->id);
    ck_assert_str_eq(account->status, member->fate == CROWD_DENIED ? "denied" : "pending");
}

void tally_take(const struct house *house, struct http_server *server, const struct crowd *crowd,
                struct tally *ret_tally)
{
    struct audit audit = {.crowd = crowd};

    audit.accounts = calloc(crowd_count(crowd) + 1, sizeof *audit.accounts);
    ck_assert_ptr_nonnull(audit.accounts);
    read_pages(house, "requests", &audit, take_request);
    read_pages(house, "jobs", &audit, take_job);
    take_programs(house, &audit);
    take_calls(server, &audit);
    for (size_t i = 0; i < crowd_count(crowd); i++) {
        judge(&audit, crowd_member(crowd, i), &audit.accounts[i]);
    }
    free(audit.accounts);
    *ret_tally = audit.tally;
}
