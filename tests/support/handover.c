#include "support/handover.h"

#include <check.h>
#include <sys/socket.h>
#include <unistd.h>

#include "assent/base/channel.h"

void handover_config(int channel, const void *bytes, size_t length)
{
    int fd = channel_memory_file("config", bytes, length);

    ck_assert_int_ge(fd, 0);
    ck_assert_int_eq(channel_send(channel, CHANNEL_CONFIG, 0, fd), 0);
    (void)close(fd);
}

int handover_stream(int channel, enum role peer)
{
    int ends[2];

    ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
    ck_assert_int_eq(channel_send(channel, CHANNEL_STREAM, peer, ends[1]), 0);
    (void)close(ends[1]);
    return ends[0];
}
