/*
 * Addresses of the internet and the networks they are in.
 *
 * Owns: nothing. Runs in: every role, any thread. Pure.
 */
#ifndef ASSENT_BASE_ADDRESS_H
#define ASSENT_BASE_ADDRESS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

/* IPv6; an IPv4 address is the mapped one. */
struct address {
    uint8_t bytes[16];
};

#define ADDRESS_TEXT_SIZE 46

/* False where it is of another family. */
bool address_from_socket(const struct sockaddr *socket_address, struct address *ret_address);
/* `203.0.113.9` or `2001:db8::1`; of `length` bytes. False for anything else. */
bool address_from_text(const char *text, size_t length, struct address *ret_address);
void address_to_text(const struct address *address, char ret_text[ADDRESS_TEXT_SIZE]);

bool address_equal(const struct address *left, const struct address *right);
/* What one client has for itself: an IPv4 address, or the first 64 bits of an IPv6 one. */
struct address address_client(const struct address *address);

struct network {
    struct address address;
    unsigned prefix; /* bits of 128 */
};

/* An address, or ADDRESS/BITS with no bit set behind these. 0 or -EINVAL. */
int network_from_text(const char *text, struct network *ret_network);
bool network_has(const struct network *network, const struct address *address);

#endif
