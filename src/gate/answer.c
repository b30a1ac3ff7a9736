#include "assent/gate/answer.h"

#define ERROR(code, message, step)                                                                \
    .body = "{\"error\":\"" code "\",\"message\":\"" message "\",\"next_steps\":[\"" step "\"]}", \
    .body_length = sizeof("{\"error\":\"" code "\",\"message\":\"" message                        \
                          "\",\"next_steps\":[\"" step "\"]}") -                                  \
                   1

static const struct protocol_response responses[ANSWER_COUNT] = {
    [ANSWER_NOT_FOUND] =
        {
            .status = 404,
            ERROR("not_found", "There is nothing at this path.",
                  "Post to the path of a configured service."),
        },
    [ANSWER_ONLY_POST] =
        {
            .status = 405,
            .allow = "POST",
            ERROR("method_not_allowed", "This path takes POST only.",
                  "Send the request with POST."),
        },
    [ANSWER_ONLY_GET] =
        {
            .status = 405,
            .allow = "GET, HEAD",
            ERROR("method_not_allowed", "This path takes GET and HEAD only.",
                  "Send the request with GET."),
        },
    [ANSWER_BODY_TOO_LARGE] =
        {
            .status = 413,
            ERROR("body_too_large", "The body is larger than is accepted here.",
                  "Send a smaller body."),
        },
    [ANSWER_HEADERS_TOO_LARGE] =
        {
            .status = 431,
            ERROR("headers_too_large", "The request has too many or too large headers.",
                  "Send at most 128 headers and 16 KiB of them."),
        },
    [ANSWER_UNSUPPORTED_MEDIA_TYPE] =
        {
            .status = 415,
            ERROR("unsupported_media_type", "The content type is not JSON.",
                  "Send JSON with Content-Type: application/json."),
        },
    [ANSWER_UNAVAILABLE] =
        {
            .status = 503,
            .retry_after = 1,
            ERROR("unavailable", "The request could not be taken just now.",
                  "Send it again after the time in Retry-After."),
        },
};

const struct protocol_response *answer_response(enum answer answer)
{
    return &responses[answer];
}
