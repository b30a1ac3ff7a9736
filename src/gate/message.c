#include "assent/gate/message.h"

#include <errno.h>
#include <string.h>

void message_begin(struct message *message, enum role role)
{
    message->role = role;
    message->used = 0;
    message->request.header_count = 0;
}

/* What a browser or proxy adds for a server that it knows is none of a webhook's business. */
static bool is_kept_back(const struct message *message, const char *name)
{
    return message->role == ROLE_GATE_PUBLIC &&
           (strcmp(name, "cookie") == 0 || strcmp(name, "authorization") == 0);
}

int message_add_header(struct message *message, const char *name, const char *value)
{
    struct protocol_request *request = &message->request;
    size_t size = strlen(name) + 1;
    char *lower = message->names + message->used;

    if (size > sizeof message->names - message->used) {
        return -ENOBUFS;
    }
    for (size_t i = 0; i < size; i++) {
        lower[i] = (char)(name[i] >= 'A' && name[i] <= 'Z' ? name[i] + ('a' - 'A') : name[i]);
    }
    if (is_kept_back(message, lower)) {
        return 0;
    }
    if (request->header_count == PROTOCOL_HEADER_COUNT) {
        return -ENOBUFS;
    }
    message->used += size;
    request->headers[request->header_count++] =
        (struct protocol_header){.name = lower, .value = value};
    return 0;
}

int message_add_head(struct message *message, const struct head *head)
{
    int r = 0;

    for (size_t i = 0; r == 0 && i < head->field_count; i++) {
        r = message_add_header(message, head->fields[i].name, head->fields[i].value);
    }
    return r;
}

/* HEAD is GET with an answer whose body is not sent, which concerns nobody but the gate. */
int message_encode(struct message *message, struct buffer *out)
{
    if (strcmp(message->request.method, "HEAD") == 0) {
        message->request.method = "GET";
    }
    return protocol_encode_request(out, &message->request);
}
