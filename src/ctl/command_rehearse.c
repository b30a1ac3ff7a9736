#include <errno.h>
#include <libgen.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "assent/base/clock.h"
#include "assent/base/json.h"
#include "assent/config/environment.h"
#include "assent/config/hook_request.h"
#include "assent/config/hook_words.h"
#include "assent/ctl/ask.h"
#include "assent/ctl/configuration.h"
#include "assent/ctl/input.h"
#include "assent/ctl/rehearsal.h"
#include "assent/domain/request_id.h"

/* What the runner alone knows. */
#define ITS_HOME "(the home of assentd's user)"
#define ITS_LANG "(assentd's own, or else C.UTF-8)"

static const struct option_spec options[] = {
    {"request", 0, "REQUEST",
     "a file with the request as JSON, - for standard input, or the id of one that the daemon has"},
    {"item", 0, "I",
     "for that item of the list, where the hook has for_each: 0, the first, without it"},
    {"status", 0, "STATUS", "as if it were approved, denied or expired"},
    {"by", 0, "WHO", "as if decided by that one"},
    {"reason", 0, "TEXT", "as if denied for that reason"},
    {"service", 0, "NAME", "the service of the request, where several have one of that id"},
    CONFIGURATION_OPTION,
    {0},
};

struct trying {
    struct ctl *ctl;
    const struct arguments *arguments;
    struct config *config;
    const struct config_hook *hook;
    json_t *request;
    struct rehearsal rehearsal;
};

/* --- what is given ---------------------------------------------------------------------------- */

static int load(struct trying *trying)
{
    return configuration_load(trying->arguments, &trying->config);
}

static int choose_hook(struct trying *trying)
{
    const char *name = trying->arguments->operands[0];

    trying->hook = config_hook(trying->config, name);
    if (!trying->hook || trying->hook->purpose != PURPOSE_ACTION) {
        return ctl_refuse(trying->ctl, "test: the configuration has no [hook %.100s]", name);
    }
    return CTL_OK;
}

static int ask_request(struct trying *trying, const char *id)
{
    struct buffer path = {0};
    struct question question = {0};
    struct problem problem;
    int status;

    if (reach_find(&trying->ctl->reach, trying->arguments, &problem) < 0) {
        return ctl_refuse(trying->ctl, "test: %s", problem.text);
    }
    path_append(&path, "/v1/requests/%s", id);
    path_option(&path, "service", arguments_value(trying->arguments, "service"));
    question.path = path_text(&path);
    status = ask(trying->ctl, &question, &trying->request);
    buffer_free(&path);
    return status;
}

/* What the daemon has answered with is taken, too. */
static int read_request(struct trying *trying, const char *path)
{
    struct buffer content = {0};
    struct problem problem;
    json_t *json = NULL;
    const json_t *result;
    int r = input_read(path, &content, &problem);

    if (r == 0) {
        r = json_parse(content.data, content.length, &json, &problem);
    }
    buffer_free(&content);
    if (r < 0) {
        return ctl_refuse(trying->ctl, "test: --request %.200s: %s", path,
                          r == -ENOMEM ? "out of memory" : problem.text);
    }
    result = json_object_get(json, "result");
    trying->request = json_incref(json_is_object(result) ? (json_t *)(uintptr_t)result : json);
    json_decref(json);
    return CTL_OK;
}

static int find_request(struct trying *trying)
{
    const char *name = arguments_value(trying->arguments, "request");

    if (strcmp(name, "-") == 0 || strchr(name, '/') || access(name, F_OK) == 0) {
        return read_request(trying, name);
    }
    if (!request_id_valid(name)) {
        return ctl_refuse(trying->ctl,
                          "test: --request: there is no file %.200s, and it can't be "
                          "the id of a request",
                          name);
    }
    return ask_request(trying, name);
}

static int rehearse(struct trying *trying)
{
    const struct arguments *arguments = trying->arguments;
    struct rehearsal_setup setup = {
        .config = trying->config,
        .hook = trying->hook,
        .request = trying->request,
        .status = arguments_value(arguments, "status"),
        .by = arguments_value(arguments, "by"),
        .reason = arguments_value(arguments, "reason"),
        .now = clock_now_ms(),
    };
    struct problem problem;

    if (arguments_number(arguments, "item", 0, &setup.item, &problem) < 0) {
        return ctl_refuse(trying->ctl, "test: %s", problem.text);
    }
    if (arguments_has(arguments, "item") && !trying->hook->for_each) {
        return ctl_refuse(trying->ctl, "test: --item: [hook %.100s] has no for_each",
                          trying->hook->name);
    }
    if (rehearsal_make(&setup, &trying->rehearsal, &problem) < 0) {
        ctl_complain("%s", problem.text);
        return CTL_ERROR;
    }
    return CTL_OK;
}

/* --- what is shown ---------------------------------------------------------------------------- */

static void show_json(const struct trying *trying, const char *kind, json_t *what)
{
    const struct rehearsal *rehearsal = &trying->rehearsal;
    json_t *shown =
        json_pack("{s:s, s:s, s:s, s:b, s:o, s:O}", "hook", trying->hook->name, "requestId",
                  rehearsal->request_id, "status", request_state_name(rehearsal->status), "started",
                  (int)rehearsal->started, kind, what, "record", rehearsal->record);

    screen_must(shown ? 0 : -1);
    ctl_show_json(trying->ctl, shown);
    json_decref(shown);
}

static json_t *text_array(char *const *texts, size_t count)
{
    json_t *array = json_array();

    for (size_t i = 0; i < count; i++) {
        screen_must(json_array_append_new(array, json_string(texts[i])));
    }
    screen_must(array ? 0 : -1);
    return array;
}

static size_t count_texts(char *const *texts)
{
    size_t count = 0;

    while (texts[count]) {
        count++;
    }
    return count;
}

static void show_head(const struct trying *trying)
{
    const struct rehearsal *rehearsal = &trying->rehearsal;
    struct screen *screen = &trying->ctl->screen;

    screen_field(screen, "Hook", trying->hook->name);
    screen_field(screen, "Request", rehearsal->request_id);
    screen_field(screen, "Action", rehearsal->action);
    screen_field(screen, "Status", request_state_name(rehearsal->status));
    if (rehearsal->failed) {
        screen_field(screen, "Because", "another hook has given up");
    }
    if (!rehearsal->started) {
        screen_field(screen, "Note", "the configuration does not run this hook then");
    }
    if (trying->hook->for_each) {
        screen_label(screen, "Item");
        screen_format(screen, "%lld of %lld\n",
                      (long long)json_integer_value(json_object_get(rehearsal->record, "index")),
                      (long long)rehearsal->items);
    }
}

/* The value is quoted, the name is not. */
static void show_variable(struct screen *screen, const char *variable)
{
    size_t length = strcspn(variable, "=");
    char *name = strndup(variable, length + (variable[length] == '='));

    screen_must(name ? 0 : -1);
    screen_quoted(screen, SCREEN_LABEL_WIDTH, name, variable + strlen(name));
    free(name);
}

static void begin_row(struct screen *screen, const char *label, bool first)
{
    screen_label(screen, first ? label : "");
}

static char *find_workdir(const struct trying *trying)
{
    char *store = strdup(trying->config->store_path);
    char *path = NULL;

    screen_must(store ? 0 : -1);
    screen_must(trying->hook->workdir ? asprintf(&path, "%s", trying->hook->workdir)
                                      : asprintf(&path, "%s/runner", dirname(store)));
    free(store);
    return path;
}

static void show_program(const struct trying *trying, char **words, char **environment)
{
    struct screen *screen = &trying->ctl->screen;
    char *workdir = find_workdir(trying);

    if (trying->ctl->json) {
        json_t *program =
            json_pack("{s:o, s:o, s:s, s:i}", "words", text_array(words, count_texts(words)),
                      "environment", text_array(environment, count_texts(environment)), "workdir",
                      workdir, "umask", (int)trying->hook->umask);

        show_json(trying, "program", program);
        free(workdir);
        return;
    }
    show_head(trying);
    for (size_t i = 0; words[i]; i++) {
        begin_row(screen, "Words", i == 0);
        screen_quoted(screen, SCREEN_LABEL_WIDTH, "", words[i]);
    }
    for (size_t i = 0; environment[i]; i++) {
        begin_row(screen, "Environment", i == 0);
        show_variable(screen, environment[i]);
    }
    screen_field(screen, "Directory", workdir);
    screen_label(screen, "Umask");
    screen_format(screen, "%03o\n", (unsigned)trying->hook->umask);
    screen_label(screen, "Input");
    screen_format(screen, "%zu bytes: the record, which --json shows\n",
                  trying->rehearsal.text.length);
    free(workdir);
}

static int try_program(struct trying *trying)
{
    const struct environment_setup setup = {
        .record = trying->rehearsal.record,
        .home = ITS_HOME,
        .lang = ITS_LANG,
        .extra = &trying->hook->env,
    };
    char **words = NULL;
    char **environment = NULL;
    struct problem problem = {.text = "out of memory"};

    if (hook_words_make(trying->hook, trying->rehearsal.record, &words, &problem) < 0) {
        ctl_complain("it would fail: %s", problem.text);
        return CTL_ERROR;
    }
    screen_must(environment_build(&setup, &environment));
    show_program(trying, words, environment);
    environment_free(environment);
    hook_words_free(words);
    return CTL_OK;
}

/* JSON text has no control characters but those between its values, and its backslashes mean what
 * they mean in it. */
static void show_json_body(struct screen *screen, const char *body)
{
    json_t *value = json_loads(body, JSON_DECODE_ANY, NULL);
    struct screen lines = {0};
    char *rest;
    char *line;

    if (!value) {
        screen_wrapped(screen, SCREEN_LABEL_WIDTH, body);
        return;
    }
    screen_json(&lines, value, true);
    json_decref(value);
    screen_must(buffer_text(&lines.text) ? 0 : -1);
    rest = (char *)lines.text.data;
    for (bool first = true; (line = strsep(&rest, "\n")); first = false) {
        screen_format(screen, "%*s", first ? 0 : SCREEN_LABEL_WIDTH, "");
        screen_broken(screen, SCREEN_LABEL_WIDTH, line, strlen(line));
    }
    screen_free(&lines);
}

static void show_call(const struct trying *trying, struct hook_request *request)
{
    struct screen *screen = &trying->ctl->screen;
    const char *body = request->has_body ? buffer_text(&request->body) : NULL;

    if (trying->ctl->json) {
        json_t *call =
            json_pack("{s:s, s:s, s:o, s:s?}", "method", request->method, "url", request->url,
                      "headers", text_array(request->headers, request->header_count), "body", body);

        show_json(trying, "call", call);
        return;
    }
    show_head(trying);
    screen_field(screen, "Method", request->method);
    screen_field(screen, "URL", request->url);
    for (size_t i = 0; i < request->header_count; i++) {
        begin_row(screen, "Headers", i == 0);
        screen_wrapped(screen, SCREEN_LABEL_WIDTH, request->headers[i]);
    }
    if (body) {
        screen_label(screen, "Body");
        if (trying->hook->body) {
            show_json_body(screen, body);
        } else {
            screen_wrapped(screen, SCREEN_LABEL_WIDTH, body);
        }
    }
}

/* The token is not even put where it would be shown. */
static int try_call(struct trying *trying)
{
    struct config_hook hook = *trying->hook;
    struct hook_request request = {0};
    struct problem problem = {.text = "out of memory"};
    char bearer[64];
    int status = CTL_OK;

    if (hook.bearer.length > 0) {
        (void)snprintf(bearer, sizeof bearer, "<bearer: %zu bytes>", hook.bearer.length);
        hook.bearer.bytes = (unsigned char *)bearer;
        hook.bearer.length = strlen(bearer);
    }
    if (hook_request_make(&hook, trying->rehearsal.record, &request, &problem) < 0) {
        ctl_complain("it would fail: %s", problem.text);
        status = CTL_ERROR;
    } else {
        show_call(trying, &request);
    }
    hook_request_clear(&request);
    return status;
}

static int try_hook(struct trying *trying)
{
    return trying->hook->kind == HOOK_HTTP ? try_call(trying) : try_program(trying);
}

static int run_rehearsal(struct ctl *ctl, const struct arguments *arguments)
{
    static int (*const steps[])(struct trying *) = {load, choose_hook, find_request, rehearse,
                                                    try_hook};
    struct trying trying = {.ctl = ctl, .arguments = arguments};
    struct problem problem;
    int status = CTL_OK;

    if (!arguments_has(arguments, "request")) {
        return ctl_refuse(ctl, "test: expected --request REQUEST");
    }
    if (arguments_choice(arguments, "status", REHEARSAL_STATUSES, &problem) < 0) {
        return ctl_refuse(ctl, "test: %s", problem.text);
    }
    for (size_t i = 0; i < sizeof steps / sizeof steps[0] && status == CTL_OK; i++) {
        status = steps[i](&trying);
    }
    rehearsal_clear(&trying.rehearsal);
    json_decref(trying.request);
    config_free(trying.config);
    return status;
}

const struct command command_rehearse = {
    .name = "test",
    .operands = "HOOK",
    .least_operands = 1,
    .most_operands = 1,
    .summary = "show what a hook would run or call for a request, and run nothing",
    .description =
        "Shows the program that the hook would run for that request, with each of its\n"
        "words quoted, its environment and how much it would read, or the call that it\n"
        "would make. Tokens are not shown. The request is one as 'register --file' takes\n"
        "it, one that 'show --json' has shown, a record, or the id of one that the\n"
        "daemon has: then the daemon is asked for it. Nothing is run, and nobody else is\n"
        "connected to. The job is made up; a request that is not decided counts as\n"
        "decided so that the hook is run.\n"
        "\n"
        "Exit status: 0 shown, 1 with that request the hook would fail before it ran, or\n"
        "the daemon answered with an error, 5 no daemon, 64 the command line is wrong,\n"
        "78 the configuration is.\n",
    .options = options,
    .alone = true,
    .run = run_rehearsal,
};
