#include "assent/base/log_stream.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "assent/base/clock.h"

/* Well within what the sender of a webhook waits for its answer. */
#define PATIENCE_MS 1000

static _Atomic bool stalled; /* it was waited for in vain, and has taken nothing since */
static _Atomic bool cut;     /* the last line that was written has no end */

/* Opened anew, since who else has what we were given, a shell for one, wants its own writes to
 * wait. Of what can't be opened anew, await_room() has to do. */
void log_stream_open(void)
{
    struct stat status;
    int fd;

    if (fstat(STDERR_FILENO, &status) < 0 ||
        (!S_ISFIFO(status.st_mode) && !S_ISCHR(status.st_mode)) ||
        (fcntl(STDERR_FILENO, F_GETFL) & O_NONBLOCK)) {
        return;
    }
    fd = open("/proc/self/fd/2", O_WRONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
    if (fd >= 0) {
        (void)dup2(fd, STDERR_FILENO);
        (void)close(fd);
    }
}

/* There is room for PIPE_BUF bytes then, unless another role is faster. */
static bool await_room(int64_t deadline)
{
    struct pollfd room = {.fd = STDERR_FILENO, .events = POLLOUT};
    int64_t left = deadline - clock_monotonic_ms();
    int r = poll(&room, 1, left > 0 ? (int)left : 0);

    return r > 0 || (r < 0 && errno == EINTR && left > 0);
}

static bool write_piece(const char *bytes, size_t length)
{
    int64_t deadline = clock_monotonic_ms() + (stalled ? 0 : PATIENCE_MS);

    while (length > 0) {
        ssize_t written = -1;

        if (!await_room(deadline)) {
            stalled = true;
            return false;
        }
        written = write(STDERR_FILENO, bytes, length);
        if (written > 0) {
            stalled = false;
            cut = bytes[written - 1] != '\n';
            bytes += written;
            length -= (size_t)written;
            deadline = clock_monotonic_ms() + PATIENCE_MS;
        } else if (written < 0 && errno != EINTR &&
                   (errno != EAGAIN || clock_monotonic_ms() >= deadline)) {
            return false;
        }
    }
    return true;
}

/* As many lines as a pipe takes in one piece, so that no other role's come in between. */
static size_t next_piece(const char *lines, size_t length)
{
    const char *end;

    if (length <= PIPE_BUF) {
        return length;
    }
    end = memrchr(lines, '\n', PIPE_BUF);
    return end ? (size_t)(end - lines) + 1 : PIPE_BUF;
}

static size_t count_lines(const char *lines, size_t length)
{
    size_t count = 0;

    for (size_t i = 0; i < length; i++) {
        count += lines[i] == '\n';
    }
    return count;
}

size_t log_stream_write(const char *lines, size_t length)
{
    bool going_on = !cut || write_piece("\n", 1);

    while (going_on && length > 0) {
        size_t piece = next_piece(lines, length);

        going_on = write_piece(lines, piece);
        if (going_on) {
            lines += piece;
            length -= piece;
        }
    }
    return count_lines(lines, length);
}
