#include <string.h>

#include "assent/base/digest.h"
#include "assent/base/text.h"
#include "assent/config/build.h"
#include "assent/domain/url.h"
#include "assent/domain/url_token.h"

struct asking {
    const struct config *config;
    const struct config_source *source;
    struct config_report *report;
    size_t asked; /* how many services are */
};

static void check_needs(const struct asking *asking, const struct source_section *section,
                        const char *key, const char *other)
{
    const struct source_entry *entry = source_find(section, key);

    if (entry && !source_find(section, other)) {
        source_report(asking->report, section, entry, "%s is missing; expected it beside this one",
                      other);
    }
}

/* --- services --------------------------------------------------------------------------------- */

/* True if webhooks for that URL come straight to a listener of ours: whoever listens at a port of
 * this machine has it for himself. */
static bool leads_to_us(const struct config *config, const struct url *url)
{
    for (size_t i = 0; i < config->listen.count; i++) {
        const char *listen = config->listen.items[i];
        const char *colon = strrchr(listen, ':');
        bool reaches_all = strncmp(listen, "0.0.0.0:", 8) == 0 || strncmp(listen, "[::]:", 5) == 0;
        int64_t port = 0;

        if (strncmp(listen, "unix:", 5) != 0 && colon && text_to_number(colon + 1, &port) == 0 &&
            port == (int64_t)url->port && (reaches_all || listen_is_local(listen))) {
            return url_is_local(url);
        }
    }
    return false;
}

/* Between us and the service there may be a proxy that changes paths, so that the path of
 * callback_url can be any; but not where there is no room for one. */
static void check_callback(const struct asking *asking, const struct config_service *service,
                           const struct source_section *section)
{
    const struct source_entry *entry = source_find(section, "callback_url");
    struct url url;

    if (!service->callback_url || url_parse(service->callback_url, &url, NULL) < 0) {
        return;
    }
    if (service->url_token && !url.https && !url_is_local(&url)) {
        source_report(asking->report, section, entry,
                      "over http anybody on the way could read the token, and decide; expected an "
                      "https URL");
    }
    if (service->path && leads_to_us(asking->config, &url) &&
        (strlen(service->path) != url.path_length ||
         memcmp(service->path, url.path, url.path_length) != 0)) {
        source_report(asking->report, section, entry,
                      "this leads straight to [server] listen, where the path is another; expected "
                      "it to end in %.200s",
                      service->path);
    }
}

/* What is put behind the one URL, or the one path, must not be what stands in another section. */
static void check_apart(const struct asking *asking, size_t index)
{
    const struct config_service *service = &asking->config->services[index];
    const struct source_section *section = source_nth(asking->source, SECTION_SERVICE, index);

    for (size_t i = 0; i < asking->config->service_count; i++) {
        const struct config_service *other = &asking->config->services[i];
        struct url url, other_url;

        if (i < index && service->callback_url && other->callback_url &&
            url_parse(service->callback_url, &url, NULL) == 0 &&
            url_parse(other->callback_url, &other_url, NULL) == 0 && url_allows(&url, &other_url) &&
            url_allows(&other_url, &url)) {
            source_report(asking->report, section, source_find(section, "callback_url"),
                          "[service %s] has this URL already; expected another for each service",
                          other->name);
        }
        if (i != index && other->url_token && other->path && service->path &&
            url_token_below(other->path, service->path)) {
            source_report(asking->report, section, source_find(section, "path"),
                          "this could be a path with a token of [service %s]; expected another",
                          other->name);
        }
    }
}

static void check_service(const struct asking *asking, size_t index)
{
    static const char *const needing[] = {"callback_url", "api_key_file", "tls_ca",
                                          "poll_interval"};
    const struct config_service *service = &asking->config->services[index];
    const struct source_section *section = source_nth(asking->source, SECTION_SERVICE, index);

    check_needs(asking, section, "url", "callback_url");
    for (size_t i = 0; i < sizeof needing / sizeof needing[0]; i++) {
        check_needs(asking, section, needing[i], "url");
    }
    if (service->url_token && !source_find(section, "url")) {
        source_report(asking->report, section, source_find(section, "scheme"),
                      "only a service that is asked through assentd is told a URL with a token; "
                      "expected url and callback_url beside it");
    }
    check_callback(asking, service, section);
    check_apart(asking, index);
}

/* --- actions ---------------------------------------------------------------------------------- */

static void check_named(const struct asking *asking, const struct config_action *action,
                        const struct source_section *section)
{
    const struct config_service *service = config_service(asking->config, action->service);
    const struct source_entry *entry = source_find(section, "service");

    if (!service) {
        source_report(asking->report, section, entry,
                      "there is no service %.100s; expected a section [service %.100s]",
                      action->service, action->service);
    } else if (!service->url) {
        source_report(asking->report, section, entry,
                      "[service %.100s] has no url, so it can't be asked; expected %s",
                      action->service, entry->key->expected);
    }
}

static void check_action(const struct asking *asking, size_t index)
{
    const struct config_action *action = &asking->config->actions[index];
    const struct source_section *section = source_nth(asking->source, SECTION_ACTION, index);

    if (action->service) {
        check_named(asking, action, section);
    } else if (asking->asked > 1 && action->accept != WAY_REGISTER) {
        source_report(asking->report, section, NULL,
                      "service is missing, and %zu services have a url; expected the name of the "
                      "one that is asked, or accept = register",
                      asking->asked);
    }
    if (asking->asked == 0 && (action->accept & WAY_ASK) != 0) {
        source_report(asking->report, section, source_find(section, "accept"),
                      "no service has a url, so none can be asked; expected register, or a url in "
                      "a [service NAME]");
    }
}

/* --- relay ------------------------------------------------------------------------------------ */

static bool is_secret_of(const struct signature_secret *secret,
                         const struct config_service *service)
{
    for (size_t i = 0; i < service->secret_count; i++) {
        if (service->secrets[i].length == secret->length &&
            digest_equal(service->secrets[i].bytes, secret->bytes, secret->length)) {
            return true;
        }
    }
    return false;
}

static void check_relay(const struct asking *asking)
{
    const struct config *config = asking->config;
    const struct source_section *section = source_nth(asking->source, SECTION_RELAY, 0);

    if (!section) {
        return;
    }
    check_needs(asking, section, "allow", "secret_file");
    check_needs(asking, section, "secret_file", "allow");
    for (size_t i = 0; config->relay_secret.length > 0 && i < config->service_count; i++) {
        if (is_secret_of(&config->relay_secret, &config->services[i])) {
            source_report(asking->report, section, source_find(section, "secret_file"),
                          "[service %s] has the same secret; expected another, or whoever checks "
                          "what is passed on could decide",
                          config->services[i].name);
        }
    }
}

void asking_check(const struct config *config, const struct config_source *source,
                  struct config_report *report)
{
    struct asking asking = {config, source, report, 0};

    for (size_t i = 0; i < config->service_count; i++) {
        asking.asked += config->services[i].url != NULL;
    }
    for (size_t i = 0; i < config->service_count; i++) {
        check_service(&asking, i);
    }
    for (size_t i = 0; i < config->action_count; i++) {
        check_action(&asking, i);
    }
    check_relay(&asking);
}
