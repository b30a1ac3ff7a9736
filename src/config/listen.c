#include <arpa/inet.h>
#include <errno.h>
#include <string.h>
#include <strings.h>

#include "assent/base/array.h"
#include "assent/base/text.h"
#include "assent/config/setters.h"
#include "assent/config/source.h"

#define SOCKET_PATH_LIMIT 107
#define HOST_LIMIT        253
#define LETTERS           "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
#define DIGITS            "0123456789"

/* A listening address, taken apart; views into the text. */
struct endpoint {
    const char *path; /* unix:PATH, else NULL */
    char host[HOST_LIMIT + 1];
    bool v6;
    const char *port;
};

/* Splits at the colon before the port. */
static bool split_address(const char *text, struct endpoint *ret_address)
{
    const char *colon = strrchr(text, ':');
    if (strncmp(text, "unix:", 5) == 0) {
        *ret_address = (struct endpoint){.path = text + 5};
        return true;
    }
    if (!colon) {
        return false;
    }
    bool v6 = text[0] == '[';
    size_t length = (size_t)(colon - text);
    if (v6 && (length < 3 || text[length - 1] != ']')) {
        return false;
    }
    size_t host_length = v6 ? length - 2 : length;
    if (host_length == 0 || host_length > HOST_LIMIT) {
        return false;
    }
    *ret_address = (struct endpoint){.v6 = v6, .port = colon + 1};
    memcpy(ret_address->host, text + v6, host_length);
    return true;
}

static bool host_valid(const struct endpoint *address)
{
    struct in6_addr bytes;
    if (address->v6) {
        return inet_pton(AF_INET6, address->host, &bytes) == 1;
    }
    if (address->host[strspn(address->host, DIGITS ".")] == '\0') {
        return inet_pton(AF_INET, address->host, &bytes) == 1;
    }
    return address->host[strspn(address->host, LETTERS DIGITS ".-")] == '\0';
}

/* What is wrong with it, or NULL. */
static const char *fault_of(const char *text)
{
    struct endpoint address;
    int64_t port;
    if (!split_address(text, &address)) {
        return "the port is missing";
    }
    if (address.path) {
        return address.path[0] != '/' || strchr(address.path, '\n') ||
                       strlen(address.path) > SOCKET_PATH_LIMIT
                   ? "unix: takes an absolute path of at most 107 bytes"
                   : NULL;
    }
    if (text_to_number(address.port, &port) < 0 || port > 65535) {
        return "the port is no number up to 65535";
    }
    return host_valid(&address) ? NULL : "the host is no name or address";
}

int set_listen(const struct source_entry *entry, void *object, struct problem *ret_problem)
{
    struct config_texts *listen = setter_field(entry, object);
    const char *fault = fault_of(entry->value);
    for (size_t i = 0; !fault && i < listen->count; i++) {
        if (strcmp(listen->items[i], entry->value) == 0) {
            fault = "the same is given twice";
        }
    }
    if (!fault && listen->count == CONFIG_LISTEN_LIMIT) {
        fault = "there are 16 already";
    }
    if (fault) {
        problem_set(ret_problem, "%s", fault);
        return -EINVAL;
    }
    return texts_append(listen, entry->value, strlen(entry->value));
}

int set_tcp_listen(const struct source_entry *entry, void *object, struct problem *ret_problem)
{
    if (strncmp(entry->value, "unix:", 5) == 0) {
        problem_set(ret_problem, "the Unix socket is named by socket =");
        return -EINVAL;
    }
    return set_listen(entry, object, ret_problem);
}

static bool trusted_already(const struct config_proxies *proxies, const struct network *network)
{
    for (size_t i = 0; i < proxies->count; i++) {
        if (proxies->networks[i].prefix == network->prefix &&
            address_equal(&proxies->networks[i].address, &network->address)) {
            return true;
        }
    }
    return false;
}

int set_trusted_proxy(const struct source_entry *entry, void *object, struct problem *ret_problem)
{
    struct config_proxies *proxies = &((struct config *)object)->trusted_proxies;
    bool unix_sockets = strcmp(entry->value, "unix") == 0;
    struct network network = {0};
    if (!unix_sockets && network_from_text(entry->value, &network) < 0) {
        problem_set(ret_problem, "this is no address or network");
        return -EINVAL;
    }
    if (unix_sockets ? proxies->unix_sockets : trusted_already(proxies, &network)) {
        problem_set(ret_problem, "the same is given twice");
        return -EINVAL;
    }
    if (unix_sockets) {
        proxies->unix_sockets = true;
        return 0;
    }
    struct network *networks = array_grow(proxies->networks, proxies->count, sizeof *networks);
    if (!networks) {
        return -ENOMEM;
    }
    proxies->networks = networks;
    networks[proxies->count++] = network;
    return 0;
}

bool listen_is_local(const char *listen)
{
    struct endpoint address;
    struct in_addr v4;
    struct in6_addr v6;
    if (!split_address(listen, &address)) {
        return false;
    }
    if (address.path || strcasecmp(address.host, "localhost") == 0) {
        return true;
    }
    if (address.v6) {
        return inet_pton(AF_INET6, address.host, &v6) == 1 && IN6_IS_ADDR_LOOPBACK(&v6);
    }
    return inet_pton(AF_INET, address.host, &v4) == 1 && ntohl(v4.s_addr) >> 24 == 127;
}
