#include "assent/gate/answer.h"

#define ERROR(code, message, step)                                                                \
    .body = "{\"error\":\"" code "\",\"message\":\"" message "\",\"next_steps\":[\"" step "\"]}", \
    .body_length = sizeof("{\"error\":\"" code "\",\"message\":\"" message                        \
                          "\",\"next_steps\":[\"" step "\"]}") -                                  \
                   1

#define BAD(message, step) .status = 400, ERROR("bad_request", message, step)

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
    [ANSWER_BAD_LINES] =
        {
            BAD("The head of the request is not written as HTTP/1.1 says.",
                "End every line with CRLF, and fold none."),
        },
    [ANSWER_BAD_NAME] =
        {
            BAD("The name of a header has characters that no name may have.",
                "Write a name, a colon and the value, with no space before the colon."),
        },
    [ANSWER_BAD_VALUE] =
        {
            BAD("The value of a header has control characters.", "Send printable characters only."),
        },
    [ANSWER_BAD_VERSION] =
        {
            BAD("This version of HTTP is not spoken here.", "Send HTTP/1.1 or HTTP/1.0."),
        },
    [ANSWER_BAD_TARGET] =
        {
            BAD("The target of the request has characters that it may not have.",
                "Send the path of the service as it was configured, without escapes."),
        },
    [ANSWER_BAD_LENGTH] =
        {
            BAD("The length of the body is not said in one way only.",
                "Send one Content-Length, or Transfer-Encoding: chunked alone."),
        },
    [ANSWER_BAD_DUPLICATE] =
        {
            BAD("A header is given twice that may be given once only.", "Send each header once."),
        },
    [ANSWER_BAD_HOST] =
        {
            BAD("The header Host is missing.", "Send the host that the request is for."),
        },
    [ANSWER_TOO_MANY_REQUESTS] =
        {
            .status = 429,
            .retry_after = 1,
            ERROR("too_many_requests", "This address has sent too many requests.",
                  "Send them again after the time in Retry-After."),
        },
    [ANSWER_TOO_MANY_CONNECTIONS] =
        {
            .status = 429,
            .retry_after = 1,
            ERROR("too_many_connections", "This address has too many connections.",
                  "Use fewer connections at once."),
        },
    [ANSWER_FULL] =
        {
            .status = 503,
            .retry_after = 1,
            ERROR("too_many_connections", "There are too many connections just now.",
                  "Send it again after the time in Retry-After."),
        },
};

const struct protocol_response *answer_response(enum answer answer)
{
    return &responses[answer];
}
