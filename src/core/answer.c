#include "assent/core/answer.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "assent/base/json.h"
#include "assent/base/text.h"

#define MESSAGE_LIMIT 1024

/* Only memory can be lacking here: a stream that broke is noticed where it is read. */
static void send_frame(const struct link *link, enum protocol_frame type, struct buffer *frame)
{
    if (stream_send(link->stream, type, frame->data, frame->length) == -ENOMEM) {
        core_abandon("answer");
    }
    buffer_free(frame);
}

static void send_response(const struct asker *asker, const struct protocol_response *response)
{
    struct buffer frame = {0};

    if (asker->link->stream) {
        core_must(protocol_encode_response(&frame, response), "answer");
        send_frame(asker->link, FRAME_RESPONSE, &frame);
    }
}

/* Takes the reference. */
static void set_body(struct protocol_response *response, json_t *body)
{
    char *text = json_text(body);

    if (!text) {
        core_abandon("answer");
    }
    response->body = text;
    response->body_length = strlen(text);
    json_decref(body);
}

static void send_json(const struct protocol_response *head, const struct asker *asker, json_t *body)
{
    struct protocol_response response = *head;

    response.id = asker->id;
    set_body(&response, body);
    send_response(asker, &response);
    free((void *)(uintptr_t)response.body);
}

void answer_text(const struct asker *asker, unsigned status, const char *body)
{
    const struct protocol_response response = {
        .id = asker->id,
        .status = status,
        .body = body,
        .body_length = strlen(body),
    };

    send_response(asker, &response);
}

void answer_plain(const struct asker *asker, const char *type, const struct buffer *body)
{
    const struct protocol_response response = {
        .id = asker->id,
        .status = 200,
        .type = type,
        .body = body->data,
        .body_length = body->length,
    };

    send_response(asker, &response);
}

void answer_stream(const struct asker *asker, const char *type, uint64_t length)
{
    const struct protocol_response response = {
        .id = asker->id,
        .status = 200,
        .type = type,
        .streams = true,
        .stream_length = length,
        .body = "",
    };

    send_response(asker, &response);
}

void answer_stream_on(const struct link *link, const struct answer_ids *ids,
                      const struct buffer *bytes)
{
    struct buffer frame = {0};

    if (link->stream) {
        core_must(protocol_encode_stream(&frame, bytes->length > 0 ? bytes->data : (const void *)"",
                                         bytes->length, ids->ids, ids->count),
                  "answer");
        send_frame(link, FRAME_STREAM, &frame);
    }
}

static json_t *steps(const char *next_step)
{
    return next_step ? json_pack("[s]", next_step) : json_array();
}

static json_t *result_body(json_t *result, const char *next_step)
{
    return json_pack("{s:o, s:o}", "result", result, "next_steps", steps(next_step));
}

void answer_result(const struct asker *asker, unsigned status, json_t *result,
                   const char *next_step)
{
    const struct protocol_response head = {.status = status};

    send_json(&head, asker, result_body(result, next_step));
}

void answer_result_to_all(const struct link *link, const struct answer_ids *ids, unsigned status,
                          json_t *result, const char *next_step)
{
    struct protocol_response response = {.status = status};
    struct buffer frame = {0};

    set_body(&response, result_body(result, next_step));
    if (link->stream) {
        core_must(protocol_encode_shared_response(&frame, &response, ids->ids, ids->count),
                  "answer");
        send_frame(link, FRAME_SHARED_RESPONSE, &frame);
    }
    free((void *)(uintptr_t)response.body);
}

static json_t *error_body(const char *code, const char *message, const char *next_step)
{
    return json_pack("{s:s, s:s, s:o}", "error", code, "message", message, "next_steps",
                     steps(next_step));
}

void answer_error(const struct asker *asker, unsigned status, const char *code,
                  const char *next_step, const char *format, ...)
{
    const struct protocol_response head = {.status = status};
    char message[MESSAGE_LIMIT];
    va_list arguments;

    va_start(arguments, format);
    (void)vsnprintf(message, sizeof message, format, arguments);
    va_end(arguments);
    /* Askers are quoted in it, and JSON takes no bytes that are no characters. */
    text_repair(message);
    send_json(&head, asker, error_body(code, message, next_step));
}

void answer_wrong_method(const struct asker *asker, const char *allow)
{
    const struct protocol_response head = {.status = 405, .allow = allow};
    char message[MESSAGE_LIMIT];

    (void)snprintf(message, sizeof message, "this path takes %s only", allow);
    send_json(&head, asker, error_body("method_not_allowed", message, NULL));
}

void answer_unknown_token(const struct asker *asker)
{
    const struct protocol_response head = {.status = 401, .authenticate = "Bearer"};

    send_json(&head, asker,
              error_body("unauthorized", "the token is missing or wrong",
                         "Send the header Authorization: Bearer TOKEN."));
}

void answer_unavailable(const struct asker *asker, unsigned retry_after, const char *message)
{
    const struct protocol_response head = {.status = 503, .retry_after = retry_after};

    send_json(&head, asker, error_body("unavailable", message, "Send the same request again."));
}
