#include "assent/base/address.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <string.h>

#include "assent/base/text.h"

#define MAPPED_BITS 96

static const uint8_t mapped[] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};

static bool is_mapped(const struct address *address)
{
    return memcmp(address->bytes, mapped, sizeof mapped) == 0;
}

static struct address from_ipv4(const void *bytes)
{
    struct address address;

    memcpy(address.bytes, mapped, sizeof mapped);
    memcpy(address.bytes + sizeof mapped, bytes, 4);
    return address;
}

bool address_from_socket(const struct sockaddr *socket_address, struct address *ret_address)
{
    struct sockaddr_in ipv4;
    struct sockaddr_in6 ipv6;

    switch (socket_address ? socket_address->sa_family : AF_UNSPEC) {
    case AF_INET:
        memcpy(&ipv4, socket_address, sizeof ipv4);
        *ret_address = from_ipv4(&ipv4.sin_addr);
        return true;
    case AF_INET6:
        memcpy(&ipv6, socket_address, sizeof ipv6);
        memcpy(ret_address->bytes, &ipv6.sin6_addr, sizeof ret_address->bytes);
        return true;
    default:
        return false;
    }
}

bool address_from_text(const char *text, size_t length, struct address *ret_address)
{
    char copy[ADDRESS_TEXT_SIZE];
    struct in_addr ipv4;

    if (length >= sizeof copy || memchr(text, '\0', length)) {
        return false;
    }
    memcpy(copy, text, length);
    copy[length] = '\0';
    if (inet_pton(AF_INET, copy, &ipv4) == 1) {
        *ret_address = from_ipv4(&ipv4);
        return true;
    }
    return inet_pton(AF_INET6, copy, ret_address->bytes) == 1;
}

void address_to_text(const struct address *address, char ret_text[ADDRESS_TEXT_SIZE])
{
    bool ipv4 = is_mapped(address);
    const uint8_t *bytes = address->bytes + (ipv4 ? sizeof mapped : 0);

    (void)inet_ntop(ipv4 ? AF_INET : AF_INET6, bytes, ret_text, ADDRESS_TEXT_SIZE);
}

bool address_equal(const struct address *left, const struct address *right)
{
    return memcmp(left->bytes, right->bytes, sizeof left->bytes) == 0;
}

struct address address_client(const struct address *address)
{
    struct address client = *address;

    if (!is_mapped(address)) {
        memset(client.bytes + 8, 0, 8);
    }
    return client;
}

static bool same_bits(const uint8_t *left, const uint8_t *right, unsigned count)
{
    unsigned whole = count / 8;
    unsigned rest = count % 8;

    return memcmp(left, right, whole) == 0 &&
           (rest == 0 || (left[whole] ^ right[whole]) >> (8 - rest) == 0);
}

static bool ends_in_zeros(const struct network *network)
{
    for (unsigned bit = network->prefix; bit < 128; bit++) {
        if (network->address.bytes[bit / 8] & 0x80 >> bit % 8) {
            return false;
        }
    }
    return true;
}

int network_from_text(const char *text, struct network *ret_network)
{
    size_t length = strcspn(text, "/");
    struct network network = {.prefix = 128};
    int64_t bits;

    if (!address_from_text(text, length, &network.address)) {
        return -EINVAL;
    }
    if (text[length] == '/') {
        int64_t before =
            is_mapped(&network.address) && !memchr(text, ':', length) ? MAPPED_BITS : 0;

        if (text_to_number(text + length + 1, &bits) < 0 || bits > 128 - before) {
            return -EINVAL;
        }
        network.prefix = (unsigned)(before + bits);
        if (!ends_in_zeros(&network)) {
            return -EINVAL;
        }
    }
    *ret_network = network;
    return 0;
}

bool network_has(const struct network *network, const struct address *address)
{
    return same_bits(network->address.bytes, address->bytes, network->prefix);
}
