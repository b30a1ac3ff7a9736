#include "support/raw_packet.h"

#include <stdint.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

bool raw_packet_send(int channel, const void *bytes, size_t length, size_t descriptors)
{
    union {
        char bytes[CMSG_SPACE(RAW_PACKET_DESCRIPTORS * sizeof(int))];
        struct cmsghdr align;
    } control = {{0}};
    struct iovec part = {.iov_base = (void *)(uintptr_t)bytes, .iov_len = length};
    struct msghdr header = {.msg_iov = &part, .msg_iovlen = 1};
    int fds[RAW_PACKET_DESCRIPTORS];

    for (size_t i = 0; i < descriptors; i++) {
        fds[i] = STDIN_FILENO;
    }
    if (descriptors > 0) {
        size_t size = descriptors * sizeof(int);
        struct cmsghdr *cmsg;

        header.msg_control = control.bytes;
        header.msg_controllen = CMSG_SPACE(size);
        cmsg = CMSG_FIRSTHDR(&header);
        cmsg->cmsg_level = SOL_SOCKET;
        cmsg->cmsg_type = SCM_RIGHTS;
        cmsg->cmsg_len = CMSG_LEN(size);
        memcpy(CMSG_DATA(cmsg), fds, size);
    }
    return sendmsg(channel, &header, MSG_NOSIGNAL | MSG_DONTWAIT) == (ssize_t)length;
}
