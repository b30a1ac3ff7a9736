/*
 * Any packets on the channel between supervisor and role, with any number of descriptors: each is a
 * message or an error, and no descriptor is left behind.
 */
#include <assert.h>
#include <errno.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "assent/base/channel.h"
#include "support/raw_packet.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length);

/* The number that the next descriptor would get. */
static int next_descriptor(void)
{
    int fd = dup(STDIN_FILENO);

    (void)close(fd);
    return fd;
}

/* Each packet begins with a byte that says its length, and one that says how many descriptors. */
int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length)
{
    struct channel_packet packet;
    int before;
    int ends[2];

    assert(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends) == 0);
    before = next_descriptor();
    while (length >= 2) {
        size_t size = bytes[0] < length - 2 ? bytes[0] : length - 2;
        unsigned descriptors = bytes[1] % (RAW_PACKET_DESCRIPTORS + 1);
        int r;

        assert(raw_packet_send(ends[0], bytes + 2, size, descriptors));
        r = channel_receive(ends[1], &packet);
        assert((r == 1) == (size == 8 && descriptors <= 1));
        assert(r == 1 || r == (size == 0 && descriptors == 0 ? 0 : -EBADMSG));
        if (r == 1) {
            assert((packet.fd >= 0) == (descriptors == 1));
            assert(memcmp(&packet.argument, bytes + 2 + 4, 4) == 0);
            if (packet.fd >= 0) {
                (void)close(packet.fd);
            }
        }
        assert(next_descriptor() == before);
        bytes += 2 + size;
        length -= 2 + size;
    }
    (void)close(ends[0]);
    (void)close(ends[1]);
    return 0;
}
