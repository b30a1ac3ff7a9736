#include "assent/runner/order.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "assent/base/channel.h"

/* Texts that are longer go in a memory file: a message has to fit into the socket's buffer. */
#define INLINE_LIMIT (64u << 10)

enum { STREAMS = 3, DESCRIPTORS = STREAMS + 1 };

/* The first part of a message. Of a START its texts follow: workdir, words, environment, each with
 * its NUL. */
struct head {
    enum order_kind kind;
    uint64_t run;
    struct keeper_limits limits;
    int64_t grace_ms;
    mode_t umask;
    size_t words;
    size_t variables;
};

/* --- send ------------------------------------------------------------------------------------- */

static int add_text(struct buffer *texts, const char *text)
{
    return buffer_append(texts, text, strlen(text) + 1);
}

static int add_all(struct buffer *texts, char *const *list, size_t *ret_count)
{
    size_t count = 0;
    int r = 0;

    while (r == 0 && list[count]) {
        r = add_text(texts, list[count++]);
    }
    *ret_count = count;
    return r;
}

static int send_message(int control, const struct head *head, const struct buffer *texts,
                        const int *descriptors, size_t count)
{
    union {
        struct cmsghdr header;
        unsigned char bytes[CMSG_SPACE(DESCRIPTORS * sizeof(int))];
    } space = {0};
    struct iovec parts[] = {
        {.iov_base = (void *)(uintptr_t)head, .iov_len = sizeof *head},
        {.iov_base = texts->data, .iov_len = texts->length},
    };
    struct msghdr message = {.msg_iov = parts, .msg_iovlen = texts->length > 0 ? 2 : 1};

    if (count > 0) {
        message.msg_control = space.bytes;
        message.msg_controllen = CMSG_SPACE(count * sizeof(int));
        space.header.cmsg_level = SOL_SOCKET;
        space.header.cmsg_type = SCM_RIGHTS;
        space.header.cmsg_len = CMSG_LEN(count * sizeof(int));
        memcpy(CMSG_DATA(&space.header), descriptors, count * sizeof(int));
    }
    return sendmsg(control, &message, MSG_NOSIGNAL | MSG_DONTWAIT) < 0 ? -errno : 0;
}

static int send_start(int control, const struct head *head, struct buffer *texts,
                      const struct program *program)
{
    const struct buffer nothing = {0};
    int descriptors[DESCRIPTORS] = {program->input, program->output, program->error, -1};
    int r;

    if (texts->length <= INLINE_LIMIT) {
        return send_message(control, head, texts, descriptors, STREAMS);
    }
    descriptors[STREAMS] = channel_memory_file("program", texts->data, texts->length);
    if (descriptors[STREAMS] < 0) {
        return descriptors[STREAMS];
    }
    r = send_message(control, head, &nothing, descriptors, DESCRIPTORS);
    (void)close(descriptors[STREAMS]);
    return r;
}

int order_send_start(int control, uint64_t run, const struct keeper_limits *limits,
                     const struct program *program)
{
    struct head head = {
        .kind = ORDER_START, .run = run, .limits = *limits, .umask = program->umask};
    struct buffer texts = {0};
    int r = add_text(&texts, program->workdir);

    if (r == 0) {
        r = add_all(&texts, program->words, &head.words);
    }
    if (r == 0) {
        r = add_all(&texts, program->environment, &head.variables);
    }
    if (r == 0) {
        r = send_start(control, &head, &texts, program);
    }
    buffer_free(&texts);
    return r;
}

int order_send_stop(int control, uint64_t run, int64_t grace_ms)
{
    const struct head head = {.kind = ORDER_STOP, .run = run, .grace_ms = grace_ms};
    const struct buffer nothing = {0};

    return send_message(control, &head, &nothing, NULL, 0);
}

/* --- receive ---------------------------------------------------------------------------------- */

/* The array at `*list`, NULL-terminated, of the next `count` texts from `*at`. */
static int take_list(struct buffer *texts, size_t *at, size_t count, char ***ret_list)
{
    char **list = calloc(count + 1, sizeof *list);

    if (!list) {
        return -ENOMEM;
    }
    *ret_list = list;
    for (size_t i = 0; i < count; i++) {
        list[i] = (char *)texts->data + *at;
        *at += strlen(list[i]) + 1;
    }
    return 0;
}

static int take_program(const struct head *head, struct order *order)
{
    size_t at = 0;
    int r;

    order->program.umask = head->umask;
    order->program.workdir = (char *)order->texts.data;
    at += strlen(order->program.workdir) + 1;
    r = take_list(&order->texts, &at, head->words, &order->program.words);
    return r == 0 ? take_list(&order->texts, &at, head->variables, &order->program.environment) : r;
}

/* Takes the descriptors over: three streams, and where there is a fourth, the texts are in it. */
static int take_descriptors(struct msghdr *message, struct order *order)
{
    int descriptors[DESCRIPTORS] = {-1, -1, -1, -1};
    const struct cmsghdr *header = CMSG_FIRSTHDR(message);

    if (header && header->cmsg_type == SCM_RIGHTS) {
        memcpy(descriptors, CMSG_DATA(header), header->cmsg_len - CMSG_LEN(0));
    }
    order->program.input = descriptors[0];
    order->program.output = descriptors[1];
    order->program.error = descriptors[2];
    if (descriptors[STREAMS] >= 0) {
        buffer_free(&order->texts);
        return channel_read_memory_file(descriptors[STREAMS], &order->texts);
    }
    return 0;
}

static ssize_t receive_message(int control, int flags, struct head *head, struct order *order,
                               struct msghdr *message)
{
    struct iovec parts[] = {
        {.iov_base = head, .iov_len = sizeof *head},
        {.iov_base = order->texts.data, .iov_len = INLINE_LIMIT},
    };
    ssize_t length;

    message->msg_iov = parts;
    message->msg_iovlen = 2;
    do {
        length = recvmsg(control, message, flags | MSG_CMSG_CLOEXEC);
    } while (length < 0 && errno == EINTR);
    return length < 0 ? -errno : length;
}

int order_receive(int control, int flags, struct order *ret_order)
{
    union {
        struct cmsghdr header;
        unsigned char bytes[CMSG_SPACE(DESCRIPTORS * sizeof(int))];
    } space;
    struct msghdr message = {.msg_control = space.bytes, .msg_controllen = sizeof space.bytes};
    struct order order = {.program = {.input = -1, .output = -1, .error = -1}};
    struct head head;
    ssize_t length;
    int r = buffer_reserve(&order.texts, INLINE_LIMIT);

    if (r < 0) {
        return r;
    }
    length = receive_message(control, flags, &head, &order, &message);
    if (length < (ssize_t)sizeof head) {
        order_clear(&order);
        return length < 0 ? (int)length : 0;
    }
    order.kind = head.kind;
    order.run = head.run;
    order.limits = head.limits;
    order.grace_ms = head.grace_ms;
    order.texts.length = (size_t)length - sizeof head;
    r = take_descriptors(&message, &order);
    if (r == 0 && order.kind == ORDER_START) {
        r = take_program(&head, &order);
    }
    if (r < 0) {
        order_clear(&order);
        return r;
    }
    *ret_order = order;
    return 1;
}

void order_clear(struct order *order)
{
    free(order->program.words);
    free(order->program.environment);
    order->program.words = NULL;
    order->program.environment = NULL;
    order->program.workdir = NULL;
    program_clear(&order->program);
    buffer_free(&order->texts);
}
