#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "assent/base/clock.h"
#include "assent/core/api.h"
#include "assent/core/followers.h"
#include "assent/core/lanes.h"
#include "assent/core/metrics.h"
#include "assent/core/waiters.h"

/* Prometheus' text format: prometheus.io/docs/instrumenting/exposition_formats, version 0.0.4. */
#define TEXT_TYPE "text/plain; version=0.0.4; charset=utf-8"

struct page {
    struct core *core;
    struct buffer text;
};

/* --- the format ------------------------------------------------------------------------------- */

static void add(struct page *page, const char *text)
{
    core_must(buffer_append_text(&page->text, text), "metrics");
}

static void begin(struct page *page, const char *name, const char *type, const char *help)
{
    core_must(
        buffer_append_format(&page->text, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, type),
        "metrics");
}

static void add_label(struct page *page, const char *separator, const char *label,
                      const char *value)
{
    core_must(buffer_append_format(&page->text, "%s%s=\"", separator, label), "metrics");
    for (; *value; value++) {
        const char character[] = {*value, '\0'};

        add(page, *value == '\\'   ? "\\\\"
                  : *value == '"'  ? "\\\""
                  : *value == '\n' ? "\\n"
                                   : character);
    }
    add(page, "\"");
}

/* A label whose name is NULL is left out. */
struct label {
    const char *name;
    const char *value;
};

static void add_labels(struct page *page, struct label first, struct label second)
{
    if (first.name) {
        add_label(page, "{", first.name, first.value);
    }
    if (second.name) {
        add_label(page, ",", second.name, second.value);
    }
    if (first.name) {
        add(page, "}");
    }
}

static void row2(struct page *page, const char *name, struct label first, struct label second,
                 int64_t value)
{
    add(page, name);
    add_labels(page, first, second);
    core_must(buffer_append_format(&page->text, " %lld\n", (long long)value), "metrics");
}

static void row(struct page *page, const char *name, struct label label, int64_t value)
{
    row2(page, name, label, (struct label){0}, value);
}

static void row_alone(struct page *page, const char *name, int64_t value)
{
    row(page, name, (struct label){0}, value);
}

static void add_seconds(struct page *page, const char *name, int64_t us)
{
    core_must(buffer_append_format(&page->text, "%s %lld.%06d\n", name, (long long)(us / 1000000),
                                   (int)(us % 1000000)),
              "metrics");
}

/* --- requests and webhooks -------------------------------------------------------------------- */

static void add_webhooks(struct page *page)
{
    static const char name[] = "assentd_webhooks_total";
    const struct config *config = page->core->config;

    begin(page, name, "counter", "Webhooks by service and what became of them.");
    for (size_t i = 0; i < config->service_count; i++) {
        const char *service = config->services[i].name;

        for (int what = 0; what < WEBHOOK_COUNT; what++) {
            row2(page, name, (struct label){"service", service},
                 (struct label){"outcome", metrics_webhook_name(what)},
                 (int64_t)metrics_webhook_count(page->core->metrics, service, what));
        }
    }
}

static void add_oldest(struct page *page)
{
    static const char name[] = "assentd_oldest_pending_request_age_seconds";
    int64_t created_at = 0;
    int64_t now = clock_now_ms();
    int r = store_request_oldest(page->core->store, &created_at);

    if (r != -ENOENT) {
        core_must(r, "metrics");
    }
    begin(page, name, "gauge", "Age of the oldest request that is not decided; 0 without one.");
    add_seconds(page, name, r == 0 && created_at < now ? (now - created_at) * 1000 : 0);
}

static void add_requests(struct page *page)
{
    static const char name[] = "assentd_requests";
    int64_t requests[REQUEST_STATE_COUNT];
    int64_t jobs[JOB_STATE_COUNT];

    core_must(store_count(page->core->store, requests, jobs), "count");
    begin(page, name, "gauge", "Requests in the store by state.");
    for (int state = 0; state < REQUEST_STATE_COUNT; state++) {
        row(page, name, (struct label){"state", request_state_name((enum request_state)state)},
            requests[state]);
    }
    begin(page, "assentd_jobs", "gauge", "Jobs in the store by state.");
    for (int state = 0; state < JOB_STATE_COUNT; state++) {
        row(page, "assentd_jobs", (struct label){"state", job_state_name((enum job_state)state)},
            jobs[state]);
    }
}

/* --- hooks ------------------------------------------------------------------------------------ */

/* Calls for the lane of each hook in the configuration. */
static void add_hooks(struct page *page, const char *name,
                      void (*add_hook)(struct page *page, const char *name,
                                       const struct lane *lane))
{
    const struct config *config = page->core->config;

    for (size_t i = 0; i < config->hook_count; i++) {
        add_hook(page, name, lanes_find(page->core, config->hooks[i].name));
    }
}

static void add_ended(struct page *page, const char *name, const struct lane *lane)
{
    for (int state = JOB_SUCCEEDED; state < JOB_STATE_COUNT; state++) {
        row2(page, name, (struct label){"hook", lane->hook},
             (struct label){"result", job_state_name((enum job_state)state)},
             (int64_t)lane->ended[state]);
    }
}

static void add_attempts(struct page *page, const char *name, const struct lane *lane)
{
    row(page, name, (struct label){"hook", lane->hook}, (int64_t)lane->attempts);
}

static void add_running(struct page *page, const char *name, const struct lane *lane)
{
    row(page, name, (struct label){"hook", lane->hook}, lanes_running(lane));
}

static void add_paused(struct page *page, const char *name, const struct lane *lane)
{
    row(page, name, (struct label){"hook", lane->hook}, page->core->paused || lane->paused);
}

/* Hooks that have none have no row in the store: 0 is said for them. */
struct counts {
    const struct config *config;
    int64_t *counts; /* in the order of the configuration */
};

static int take_count(void *userdata, const char *hook, int64_t count)
{
    struct counts *counts = userdata;
    const struct config_hook *configured = config_hook(counts->config, hook);

    if (configured) {
        counts->counts[configured - counts->config->hooks] = count;
    }
    return 0;
}

static void add_counts(struct page *page, const char *name,
                       int (*count)(struct store *store,
                                    int (*each)(void *userdata, const char *hook, int64_t count),
                                    void *userdata))
{
    const struct config *config = page->core->config;
    struct counts counts = {
        .config = config,
        .counts = calloc(config->hook_count + 1, sizeof *counts.counts),
    };

    core_must(counts.counts ? 0 : -ENOMEM, "metrics");
    core_must(count(page->core->store, take_count, &counts), "metrics");
    for (size_t i = 0; i < config->hook_count; i++) {
        row(page, name, (struct label){"hook", config->hooks[i].name}, counts.counts[i]);
    }
    free(counts.counts);
}

static void add_work(struct page *page)
{
    begin(
        page, "assentd_jobs_ended_total", "counter",
        "Jobs that ended since core started, by hook and result; one that is retried by hand ends "
        "again.");
    add_hooks(page, "assentd_jobs_ended_total", add_ended);
    begin(page, "assentd_attempts_started_total", "counter",
          "Attempts of jobs and items that were started since core started, by hook.");
    add_hooks(page, "assentd_attempts_started_total", add_attempts);
    begin(page, "assentd_attempts_running", "gauge", "Attempts that are running, by hook.");
    add_hooks(page, "assentd_attempts_running", add_running);
    begin(page, "assentd_jobs_queued", "gauge", "Jobs that wait to be started, by hook.");
    add_counts(page, "assentd_jobs_queued", store_job_count_queued);
    begin(page, "assentd_items_left", "gauge",
          "Items of running fan-outs that have not ended, by hook.");
    add_counts(page, "assentd_items_left", store_item_count_left);
    begin(page, "assentd_paused", "gauge", "1 where nothing of the hook is started, else 0.");
    add_hooks(page, "assentd_paused", add_paused);
}

/* --- assentd itself --------------------------------------------------------------------------- */

static void add_commits(struct page *page)
{
    const struct metrics_commits *commits = metrics_commits(page->core->metrics);
    static const char bucket[] = "assentd_commit_duration_seconds_bucket";
    uint64_t count = 0;

    begin(page, "assentd_commit_duration_seconds", "histogram",
          "How long commits to the store took that changed something.");
    for (size_t i = 0; i < METRICS_COMMIT_BUCKETS; i++) {
        char bound[32];

        (void)snprintf(bound, sizeof bound, "%g", (double)metrics_commit_bounds_us[i] / 1e6);
        count += commits->buckets[i];
        row(page, bucket, (struct label){"le", bound}, (int64_t)count);
    }
    row(page, bucket, (struct label){"le", "+Inf"}, (int64_t)commits->count);
    add_seconds(page, "assentd_commit_duration_seconds_sum", (int64_t)commits->us);
    row_alone(page, "assentd_commit_duration_seconds_count", (int64_t)commits->count);
}

static void add_roles(struct page *page)
{
    begin(
        page, "assentd_role_connections_total", "counter",
        "Connections of the role to core since core started: each after the first is a restart of "
        "the role.");
    for (int role = 0; role < ROLE_COUNT; role++) {
        if (role != ROLE_CORE) {
            row(page, "assentd_role_connections_total",
                (struct label){"role", role_name((enum role)role)},
                (int64_t)page->core->links[role].connected);
        }
    }
    begin(page, "assentd_core_start_time_seconds", "gauge",
          "When core started, in seconds since 1970: it changes where core was restarted.");
    add_seconds(page, "assentd_core_start_time_seconds",
                metrics_started_at(page->core->metrics) * 1000);
}

static void add_clients(struct page *page)
{
    static const char name[] = "assentd_waiting_clients";

    begin(page, name, "gauge", "Clients that wait for a decision, or follow the stream of events.");
    row(page, name, (struct label){"kind", "wait"}, (int64_t)waiters_count(page->core));
    row(page, name, (struct label){"kind", "stream"}, (int64_t)followers_count(page->core));
}

static void add_store(struct page *page)
{
    int64_t used = 0;
    int64_t free_bytes = 0;

    store_space(page->core->store, &used, &free_bytes);
    begin(page, "assentd_store_size_bytes", "gauge", "Size of the store with its log.");
    row_alone(page, "assentd_store_size_bytes", used);
    begin(page, "assentd_store_free_bytes", "gauge", "What the file system of the store has free.");
    row_alone(page, "assentd_store_free_bytes", free_bytes);
    begin(page, "assentd_store_writable", "gauge",
          "1 while the store has room for new work, else 0.");
    row_alone(page, "assentd_store_writable", store_has_room(page->core->store));
}

static void add_build(struct page *page)
{
    begin(page, "assentd_build_info", "gauge", "1, with the version.");
    row(page, "assentd_build_info", (struct label){"version", ASSENT_VERSION}, 1);
}

void api_metrics(const struct api_call *call)
{
    struct page page = {.core = call->core};

    add_webhooks(&page);
    add_requests(&page);
    add_oldest(&page);
    add_work(&page);
    add_commits(&page);
    add_roles(&page);
    add_clients(&page);
    add_store(&page);
    add_build(&page);
    answer_plain(&call->asker, TEXT_TYPE, &page.text);
    buffer_free(&page.text);
}
