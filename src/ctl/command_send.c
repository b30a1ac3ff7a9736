#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "assent/base/clock.h"
#include "assent/base/digest.h"
#include "assent/base/text.h"
#include "assent/ctl/ask.h"
#include "assent/ctl/client.h"
#include "assent/ctl/configuration.h"
#include "assent/ctl/ctl.h"
#include "assent/ctl/fields.h"
#include "assent/ctl/request_token.h"
#include "assent/ctl/webhook.h"
#include "assent/domain/request_id.h"
#include "assent/domain/signature.h"
#include "assent/domain/url_token.h"

#define TIMEOUT_MS  30000
#define RANDOM_SIZE 16

static const struct option_spec options[] = {
    {"request", 0, "ID", "the request that is decided"},
    {"status", 0, "STATUS", "approved, denied or expired"},
    {"by", 0, "WHO", "who decided"},
    {"reason", 0, "TEXT", "why it was denied"},
    {"form", 0, "FORM",
     "js (the default), python, event or envelope: the shapes that services send"},
    {"event-id", 0, "ID", "the event's own id; the same one again is a duplicate"},
    {"service", 0, "NAME", "as which service, where several are configured"},
    CONFIGURATION_OPTION,
    {"to", 0, "URL", "where to; else the configuration's first listener and the service's path"},
    {"wrong-signature", 0, NULL,
     "sign with a secret that is not the service's; with url-token alone, a wrong token"},
    {"unsigned", 0, NULL, "do not sign, and leave the token out"},
    {0},
};

/* What is sent, step by step. */
struct sending {
    struct ctl *ctl;
    const struct arguments *arguments;
    struct config *config;
    const struct config_service *service;
    struct webhook_target target;
    struct buffer body;
    struct buffer header; /* empty: unsigned */
};

/* --- the configuration ------------------------------------------------------------------------ */

static int load(struct sending *sending)
{
    return configuration_load(sending->arguments, &sending->config);
}

static int choose_service(struct sending *sending)
{
    const char *name = arguments_value(sending->arguments, "service");
    const struct config *config = sending->config;

    if (name) {
        sending->service = config_service(config, name);
    } else if (config->service_count == 1) {
        sending->service = &config->services[0];
    }
    if (sending->service) {
        return CTL_OK;
    }
    if (name) {
        return ctl_refuse(sending->ctl, "send: the configuration has no [service %.100s]", name);
    }
    return ctl_refuse(sending->ctl,
                      "send: the configuration has %zu services; name one with --service",
                      config->service_count);
}

/* Appends the path of the webhook; where the service has tokens, with that of the request, or without
 * one for --unsigned. Where the token is all there is, a wrong one is what a wrong signature is. */
static int append_path(struct sending *sending, struct buffer *path)
{
    const struct arguments *arguments = sending->arguments;
    const struct config_service *service = sending->service;
    const char *socket = arguments_value(arguments, "socket");

    screen_must(buffer_append_text(path, service->path));
    if (!service->url_token || arguments_has(arguments, "unsigned")) {
        return CTL_OK;
    }
    screen_must(buffer_append_text(path, "/"));
    if (service->scheme == SIGNATURE_NONE && arguments_has(arguments, "wrong-signature")) {
        screen_must(buffer_append_format(path, "%0*d", URL_TOKEN_LENGTH, 0));
        return CTL_OK;
    }
    reach_socket(&sending->ctl->reach, socket ? socket : sending->config->control.socket);
    return request_token(sending->ctl, arguments_value(arguments, "request"), service->name, path);
}

static int choose_target(struct sending *sending)
{
    const char *url = arguments_value(sending->arguments, "to");
    const struct config *config = sending->config;
    struct buffer path = {0};
    struct problem problem;
    int status;

    if (url) {
        (void)snprintf(sending->target.url, sizeof sending->target.url, "%s", url);
        return strlen(url) < sizeof sending->target.url
                   ? CTL_OK
                   : ctl_refuse(sending->ctl, "send: --to: this is too long");
    }
    if (config->listen.count == 0) {
        return ctl_refuse(sending->ctl, "send: the configuration has no [server] listen; say where "
                                        "to with --to");
    }
    status = append_path(sending, &path);
    if (status == CTL_OK &&
        webhook_target(config->listen.items[0], path_text(&path), &sending->target, &problem) < 0) {
        ctl_complain("%s", problem.text);
        status = CTL_CONFIG;
    }
    buffer_free(&path);
    return status;
}

/* --- the body and its signature --------------------------------------------------------------- */

static int build_body(struct sending *sending)
{
    const struct arguments *arguments = sending->arguments;
    const char *form = arguments_value(arguments, "form");
    unsigned char bytes[RANDOM_SIZE];
    char random[2 * RANDOM_SIZE + 1];
    const struct webhook webhook = {
        .form = form ? form : "js",
        .status = arguments_value(arguments, "status"),
        .request_id = arguments_value(arguments, "request"),
        .by = arguments_value(arguments, "by"),
        .reason = arguments_value(arguments, "reason"),
        .event_id = arguments_value(arguments, "event-id"),
        .random = random,
        .at = clock_now_ms(),
        .pointers = sending->service->pointers,
    };

    screen_must(digest_random(bytes, sizeof bytes));
    text_to_hex(bytes, sizeof bytes, random);
    if (webhook_body(&webhook, &sending->body) < 0) {
        return ctl_refuse(sending->ctl, "send: the options are no valid UTF-8");
    }
    return CTL_OK;
}

static int sign(struct sending *sending)
{
    const struct config_service *service = sending->service;
    unsigned char random[32];
    struct signature_secret secret = {.bytes = random, .length = sizeof random};
    struct buffer value = {0};
    const char *name;
    int r;

    if (arguments_has(sending->arguments, "unsigned") || service->scheme == SIGNATURE_NONE) {
        return CTL_OK;
    }
    screen_must(digest_random(random, sizeof random));
    if (!arguments_has(sending->arguments, "wrong-signature") && service->secret_count > 0) {
        secret = service->secrets[0];
    }
    r = signature_sign(service->scheme, &secret, sending->body.data, sending->body.length, &name,
                       &value);
    if (r == 0) {
        r = buffer_append_format(&sending->header, "%s: %.*s", name, (int)value.length,
                                 (const char *)value.data);
    }
    buffer_free(&value);
    if (r < 0) {
        ctl_complain("can't sign: %s", strerror(-r));
        return CTL_CONFIG;
    }
    return CTL_OK;
}

/* --- the exchange ----------------------------------------------------------------------------- */

static void show_answer(struct ctl *ctl, const struct client_answer *answer)
{
    const json_t *result = json_object_get(answer->json, "result");
    const char *outcome = field_text(result, "outcome");
    const char *message = field_text(answer->json, "message");

    if (ctl->json) {
        json_t *shown =
            json_pack("{s:i, s:O?}", "status", (int)answer->status, "answer", answer->json);

        screen_must(shown ? 0 : -1);
        ctl_show_json(ctl, shown);
        json_decref(shown);
        return;
    }
    screen_colour(&ctl->screen, answer->status == 200 ? COLOUR_GOOD : COLOUR_BAD);
    screen_format(&ctl->screen, "%u", answer->status);
    screen_colour(&ctl->screen, COLOUR_PLAIN);
    if (outcome || message) {
        screen_text(&ctl->screen, " ");
        screen_outside(&ctl->screen, COLOUR_PLAIN, outcome ? outcome : message);
    }
    screen_text(&ctl->screen, "\n");
}

static int exchange(struct sending *sending)
{
    struct client_request request = {
        .unix_socket = sending->target.unix_socket[0] ? sending->target.unix_socket : NULL,
        .url = sending->target.url,
        .post = true,
        .body = sending->body.data,
        .body_length = sending->body.length,
        .timeout_ms = TIMEOUT_MS,
    };
    struct client_answer answer;
    struct problem problem;
    int r;

    if (sending->header.length > 0) {
        request.headers[0] = buffer_text(&sending->header);
        screen_must(request.headers[0] ? 0 : -1);
    }
    r = client_exchange(&request, &answer, &problem);
    if (r == -EINVAL) {
        return ctl_refuse(sending->ctl, "send: --to: %s", problem.text);
    }
    if (r < 0) {
        ctl_complain("can't post to %.500s%s%s: %s", request.url, request.unix_socket ? " at " : "",
                     request.unix_socket ? request.unix_socket : "", problem.text);
        return CTL_NO_DAEMON;
    }
    show_answer(sending->ctl, &answer);
    json_decref(answer.json);
    return answer.status == 200 ? CTL_OK : CTL_ERROR;
}

static int check_options(const struct ctl *ctl, const struct arguments *arguments)
{
    const char *request = arguments_value(arguments, "request");
    struct problem problem;

    if (!request || !arguments_has(arguments, "status")) {
        return ctl_refuse(ctl, "send: expected --request ID and --status STATUS");
    }
    if (!request_id_valid(request)) {
        return ctl_refuse(ctl,
                          "send: --request: expected 1 to %d of A-Z a-z 0-9 . _ : - that begin "
                          "with a letter or digit",
                          REQUEST_ID_LIMIT);
    }
    if (arguments_has(arguments, "url")) {
        return ctl_refuse(ctl, "send: --url says where the daemon is asked; expected --to");
    }
    if (arguments_has(arguments, "unsigned") && arguments_has(arguments, "wrong-signature")) {
        return ctl_refuse(ctl, "send: expected either --unsigned or --wrong-signature");
    }
    if (arguments_choice(arguments, "status", WEBHOOK_STATUSES, &problem) < 0 ||
        arguments_choice(arguments, "form", WEBHOOK_FORMS, &problem) < 0) {
        return ctl_refuse(ctl, "send: %s", problem.text);
    }
    return CTL_OK;
}

static int run_send(struct ctl *ctl, const struct arguments *arguments)
{
    static int (*const steps[])(struct sending *) = {load,       choose_service, choose_target,
                                                     build_body, sign,           exchange};
    struct sending sending = {.ctl = ctl, .arguments = arguments};
    int status = check_options(ctl, arguments);

    for (size_t i = 0; i < sizeof steps / sizeof steps[0] && status == CTL_OK; i++) {
        status = steps[i](&sending);
    }
    buffer_free(&sending.header);
    buffer_free(&sending.body);
    config_free(sending.config);
    return status;
}

const struct command command_send = {
    .name = "send",
    .summary = "post a webhook as an approval service would, to try a configuration",
    .description = "Makes the webhook that an approval service sends, signs it with the secret of\n"
                   "the configuration, posts it to the public listener, and prints the status and\n"
                   "the outcome that it is answered with. For trying out a configuration: who can\n"
                   "read its secrets can decide anything. Where the service has url-token, the\n"
                   "daemon is asked for the token of the request, on the configuration's own\n"
                   "socket or that of --socket.\n"
                   "\n"
                   "Exit status: 0 answered with 200, 1 with another status, 5 no answer, 64 the\n"
                   "command line is wrong, 78 the configuration is.\n",
    .options = options,
    .alone = true,
    .run = run_send,
};
