#include "assent/gate/forwarded.h"

#include <string.h>
#include <strings.h>

bool forwarded_is_trusted(const struct config_proxies *proxies, const struct address *address)
{
    for (size_t i = 0; i < proxies->count; i++) {
        if (network_has(&proxies->networks[i], address)) {
            return true;
        }
    }
    return false;
}

static bool is_blank(char c)
{
    return c == ' ' || c == '\t';
}

/* Some proxies add the port: `192.0.2.1:4711`, `[2001:db8::1]:4711`. */
static bool read_address(const char *text, size_t length, struct address *ret_address)
{
    while (length > 0 && is_blank(text[0])) {
        text++;
        length--;
    }
    while (length > 0 && is_blank(text[length - 1])) {
        length--;
    }
    const char *colon = memchr(text, ':', length);
    const char *bracket = memchr(text, ']', length);

    if (length > 0 && text[0] == '[') {
        return bracket && address_from_text(text + 1, (size_t)(bracket - text) - 1, ret_address);
    }
    if (colon && !memchr(colon + 1, ':', length - (size_t)(colon - text) - 1)) {
        length = (size_t)(colon - text);
    }
    return address_from_text(text, length, ret_address);
}

/* Goes through one header from the right. True if it is settled: an address that is not trusted, or
 * none that can be read. */
static bool walk(const char *text, size_t length, const struct config_proxies *proxies,
                 struct address *address, bool *found)
{
    struct address named;

    while (true) {
        const char *comma = memrchr(text, ',', length);
        const char *item = comma ? comma + 1 : text;

        if (!read_address(item, length - (size_t)(item - text), &named)) {
            return true;
        }
        *address = named;
        *found = true;
        if (!forwarded_is_trusted(proxies, address)) {
            return true;
        }
        if (!comma) {
            return false;
        }
        length = (size_t)(comma - text);
    }
}

bool forwarded_from(const struct head *head, const struct config_proxies *proxies,
                    struct address *ret_address)
{
    struct address address;
    bool found = false;
    bool settled = false;

    for (size_t i = head->field_count; i > 0 && !settled; i--) {
        const struct head_field *field = &head->fields[i - 1];

        if (strcasecmp(field->name, "X-Forwarded-For") == 0) {
            settled = walk(field->value, field->value_length, proxies, &address, &found);
        }
    }
    if (found) {
        *ret_address = address;
    }
    return found;
}
