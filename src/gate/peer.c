#include "assent/gate/peer.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>

static void text_from_uid(int fd, char *ret_text)
{
    struct ucred credentials;
    socklen_t length = sizeof credentials;

    if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &credentials, &length) == 0) {
        (void)snprintf(ret_text, PEER_TEXT_SIZE, "uid:%lu", (unsigned long)credentials.uid);
    }
}

/* An IPv4 client of a socket that takes both is still known by its IPv4 address. */
static void text_from_ipv6(const struct in6_addr *address, char *ret_text)
{
    if (IN6_IS_ADDR_V4MAPPED(address)) {
        (void)inet_ntop(AF_INET, &address->s6_addr[12], ret_text, PEER_TEXT_SIZE);
    } else {
        (void)inet_ntop(AF_INET6, address, ret_text, PEER_TEXT_SIZE);
    }
}

void peer_text(const struct sockaddr *address, int fd, char ret_text[PEER_TEXT_SIZE])
{
    struct sockaddr_in ipv4;
    struct sockaddr_in6 ipv6;

    (void)snprintf(ret_text, PEER_TEXT_SIZE, "unknown");
    switch (address ? address->sa_family : AF_UNSPEC) {
    case AF_INET:
        memcpy(&ipv4, address, sizeof ipv4);
        (void)inet_ntop(AF_INET, &ipv4.sin_addr, ret_text, PEER_TEXT_SIZE);
        break;
    case AF_INET6:
        memcpy(&ipv6, address, sizeof ipv6);
        text_from_ipv6(&ipv6.sin6_addr, ret_text);
        break;
    case AF_UNIX:
        text_from_uid(fd, ret_text);
        break;
    default:
        break;
    }
}

bool peer_is_unix(int fd)
{
    struct sockaddr_storage address = {0};
    socklen_t length = sizeof address;

    return getsockname(fd, (struct sockaddr *)&address, &length) == 0 &&
           address.ss_family == AF_UNIX;
}
