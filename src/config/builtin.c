#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "assent/base/buffer.h"
#include "assent/base/digest.h"
#include "assent/config/build.h"

/* As often as it takes, until the request is over. */
#define SUBMIT_RETRIES    1000000
#define SUBMIT_TIMEOUT_MS 30000
#define SUBMIT_OUTPUT     (256u << 10)
#define SUBMIT_BACKOFF_MS 2000
#define SUBMIT_LONGEST_MS 300000
#define LOOKUP_TIMEOUT_MS 10000
#define RELAY_RETRIES     8
#define RELAY_TIMEOUT_MS  30000
#define RELAY_OUTPUT      (16u << 10)
#define PER_SERVICE       2

size_t builtin_count(size_t service_count)
{
    return PER_SERVICE * service_count + 1;
}

static char *join(const char *first, const char *second)
{
    struct buffer text = {0};
    char *joined = NULL;

    if (buffer_append_text(&text, first) == 0 && buffer_append_text(&text, second) == 0) {
        joined = buffer_take_text(&text);
    }
    buffer_free(&text);
    return joined;
}

static int copy_secret(const struct signature_secret *from, struct signature_secret *to)
{
    if (from->length == 0) {
        return 0;
    }
    to->bytes = malloc(from->length + 1);
    if (!to->bytes) {
        return -ENOMEM;
    }
    memcpy(to->bytes, from->bytes, from->length);
    to->bytes[from->length] = '\0';
    to->length = from->length;
    return 0;
}

/* Core and caller must agree about it, and both know the URL. */
static int set_digest(struct config_hook *hook, const char *url)
{
    char *text = join(hook->name, url);
    int r = text ? digest_sha256(text, strlen(text), hook->digest) : -ENOMEM;

    free(text);
    return r;
}

static int set_call(struct config_hook *hook, const char *method, const char *url, const char *path)
{
    struct problem problem;
    char *whole = join(url, path);
    int r = -ENOMEM;

    hook->method = strdup(method);
    hook->expect = calloc(1, sizeof *hook->expect);
    if (whole && hook->method && hook->expect) {
        hook->expect[0] = (struct config_status_range){200, 299};
        hook->expect_count = 1;
        r = template_compile(TEMPLATE_URL, whole, &hook->url, &problem);
    }
    free(whole);
    return r == -EINVAL ? -EIO : r;
}

static struct config_hook *add_hook(struct config *config, enum hook_purpose purpose, char *name)
{
    struct config_hook *hook = &config->hooks[config->hook_count];

    if (!name) {
        return NULL;
    }
    config->hook_count++;
    *hook = (struct config_hook){
        .name = name,
        .purpose = purpose,
        .kind = HOOK_HTTP,
        .on_interrupt = ON_INTERRUPT_RETRY,
        .sends_key = true,
        .backoff_ms = SUBMIT_BACKOFF_MS,
        .backoff_max_ms = SUBMIT_LONGEST_MS,
    };
    return hook;
}

static int add_submit(struct config *config, const struct config_service *service)
{
    struct config_hook *hook = add_hook(config, PURPOSE_SUBMIT, join("submit ", service->name));
    struct problem problem;
    int r = hook ? 0 : -ENOMEM;

    if (r == 0) {
        hook->retries = SUBMIT_RETRIES;
        hook->timeout_ms = SUBMIT_TIMEOUT_MS;
        hook->output_limit = SUBMIT_OUTPUT;
        r = set_call(hook, "POST", service->url, "/v1/notify-operator");
    }
    if (r == 0) {
        r = template_compile(TEMPLATE_JSON, "\"{item}\"", &hook->body, &problem);
    }
    if (r == 0) {
        r = copy_secret(&service->api_key, &hook->bearer);
    }
    if (r == 0) {
        r = copy_secret(&service->tls_ca, &hook->tls_ca);
    }
    return r == 0 ? set_digest(hook, service->url) : r;
}

static int add_lookup(struct config *config, const struct config_service *service)
{
    struct config_hook *hook = add_hook(config, PURPOSE_LOOKUP, join("lookup ", service->name));
    int r = hook ? 0 : -ENOMEM;

    if (r == 0) {
        hook->timeout_ms = LOOKUP_TIMEOUT_MS;
        hook->output_limit = SUBMIT_OUTPUT;
        r = set_call(hook, "GET", service->url, "/v1/approvals/{request_id}");
    }
    if (r == 0) {
        r = copy_secret(&service->api_key, &hook->bearer);
    }
    if (r == 0) {
        r = copy_secret(&service->tls_ca, &hook->tls_ca);
    }
    return r == 0 ? set_digest(hook, service->url) : r;
}

static int add_relay(struct config *config)
{
    struct config_hook *hook = add_hook(config, PURPOSE_RELAY, strdup(RELAY_HOOK));

    if (!hook) {
        return -ENOMEM;
    }
    hook->retries = RELAY_RETRIES;
    hook->timeout_ms = RELAY_TIMEOUT_MS;
    hook->output_limit = RELAY_OUTPUT;
    hook->method = strdup("POST");
    hook->expect = calloc(1, sizeof *hook->expect);
    if (!hook->method || !hook->expect) {
        return -ENOMEM;
    }
    hook->expect[0] = (struct config_status_range){200, 299};
    hook->expect_count = 1;
    return set_digest(hook, "");
}

int builtin_add(struct config *config)
{
    int r = 0;

    for (size_t i = 0; r == 0 && i < config->service_count; i++) {
        const struct config_service *service = &config->services[i];
        if (!service->url) {
            continue;
        }
        r = add_submit(config, service);
        if (r == 0) {
            r = add_lookup(config, service);
        }
    }
    return r == 0 && config->relay_allow.count > 0 ? add_relay(config) : r;
}
