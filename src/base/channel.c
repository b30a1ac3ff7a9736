#include "assent/base/channel.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#define MEMORY_FILE_LIMIT (64u << 20)

struct packet {
    uint32_t message;
    uint32_t argument;
};

union descriptor_control {
    char bytes[CMSG_SPACE(sizeof(int))];
    struct cmsghdr align;
};

int channel_send(int channel, enum channel_message message, uint32_t argument, int fd)
{
    struct packet packet = {.message = message, .argument = argument};
    struct iovec part = {.iov_base = &packet, .iov_len = sizeof packet};
    union descriptor_control control = {0};
    struct msghdr header = {.msg_iov = &part, .msg_iovlen = 1};

    if (fd >= 0) {
        struct cmsghdr *cmsg;

        header.msg_control = control.bytes;
        header.msg_controllen = sizeof control.bytes;
        cmsg = CMSG_FIRSTHDR(&header);
        cmsg->cmsg_level = SOL_SOCKET;
        cmsg->cmsg_type = SCM_RIGHTS;
        cmsg->cmsg_len = CMSG_LEN(sizeof fd);
        memcpy(CMSG_DATA(cmsg), &fd, sizeof fd);
    }
    while (sendmsg(channel, &header, MSG_NOSIGNAL) < 0) {
        if (errno != EINTR) {
            return -errno;
        }
    }
    return 0;
}

static int received_descriptor(struct msghdr *header)
{
    int fd = -1;

    for (struct cmsghdr *cmsg = CMSG_FIRSTHDR(header); cmsg; cmsg = CMSG_NXTHDR(header, cmsg)) {
        if (cmsg->cmsg_level == SOL_SOCKET && cmsg->cmsg_type == SCM_RIGHTS &&
            cmsg->cmsg_len == CMSG_LEN(sizeof fd)) {
            memcpy(&fd, CMSG_DATA(cmsg), sizeof fd);
        }
    }
    return fd;
}

int channel_receive(int channel, struct channel_packet *ret_packet)
{
    struct packet packet;
    struct iovec part = {.iov_base = &packet, .iov_len = sizeof packet};
    union descriptor_control control;
    struct msghdr header = {
        .msg_iov = &part,
        .msg_iovlen = 1,
        .msg_control = control.bytes,
        /* Room for one and nothing behind it: the kernel keeps any more from us. */
        .msg_controllen = CMSG_LEN(sizeof(int)),
    };
    ssize_t length;
    int fd;

    do {
        length = recvmsg(channel, &header, MSG_CMSG_CLOEXEC);
    } while (length < 0 && errno == EINTR);
    if (length < 0) {
        return errno == ECONNRESET ? 0 : -errno;
    }
    fd = received_descriptor(&header);
    if (length == 0 && fd < 0) {
        return 0;
    }
    if ((size_t)length != sizeof packet || (header.msg_flags & (MSG_TRUNC | MSG_CTRUNC))) {
        if (fd >= 0) {
            (void)close(fd);
        }
        return -EBADMSG;
    }
    *ret_packet = (struct channel_packet){
        .message = (enum channel_message)packet.message,
        .argument = packet.argument,
        .fd = fd,
    };
    return 1;
}

static int write_all(int fd, const unsigned char *bytes, size_t length)
{
    while (length > 0) {
        ssize_t written = write(fd, bytes, length);

        if (written < 0) {
            if (errno == EINTR) {
                continue;
            }
            return -errno;
        }
        bytes += written;
        length -= (size_t)written;
    }
    return 0;
}

int channel_memory_file(const char *name, const void *bytes, size_t length)
{
    int fd = memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING);
    int r;

    if (fd < 0) {
        return -errno;
    }
    r = write_all(fd, bytes, length);
    if (r == 0 &&
        (lseek(fd, 0, SEEK_SET) < 0 ||
         fcntl(fd, F_ADD_SEALS, F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE) < 0)) {
        r = -errno;
    }
    if (r < 0) {
        (void)close(fd);
        return r;
    }
    return fd;
}

static int read_all(int fd, unsigned char *bytes, size_t length)
{
    size_t offset = 0;

    while (offset < length) {
        ssize_t count = pread(fd, bytes + offset, length - offset, (off_t)offset);

        if (count <= 0) {
            if (count < 0 && errno == EINTR) {
                continue;
            }
            return count < 0 ? -errno : -EIO;
        }
        offset += (size_t)count;
    }
    return 0;
}

int channel_read_memory_file(int fd, struct buffer *ret_bytes)
{
    struct buffer bytes = {0};
    struct stat status;
    int r = 0;

    if (fstat(fd, &status) < 0) {
        r = -errno;
    } else if (status.st_size < 0 || status.st_size > MEMORY_FILE_LIMIT) {
        r = -EFBIG;
    }
    if (r == 0) {
        r = buffer_reserve(&bytes, (size_t)status.st_size);
    }
    if (r == 0) {
        r = read_all(fd, bytes.data, (size_t)status.st_size);
    }
    (void)close(fd);
    if (r < 0) {
        buffer_wipe(&bytes);
        return r;
    }
    bytes.length = (size_t)status.st_size;
    *ret_bytes = bytes;
    return 0;
}
