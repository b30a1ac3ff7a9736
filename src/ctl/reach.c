#include "assent/ctl/reach.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "assent/ctl/input.h"

static const char *from_environment(const char *name)
{
    const char *value = getenv(name);

    return value && value[0] ? value : NULL;
}

/* The length of `http://host:port`, with or without a slash behind it; 0 for anything else. */
static size_t origin_length(const char *url)
{
    size_t scheme = strncasecmp(url, "http://", 7) == 0    ? 7
                    : strncasecmp(url, "https://", 8) == 0 ? 8
                                                           : 0;
    size_t host = scheme ? strcspn(url + scheme, "/?#@\\ \t\r\n") : 0;
    const char *rest = url + scheme + host;

    return host > 0 && strcmp(rest + (*rest == '/'), "") == 0 ? scheme + host : 0;
}

static int take_url(struct reach *reach, const char *url, struct problem *ret_problem)
{
    size_t length = origin_length(url);

    if (length == 0 || length >= sizeof reach->url) {
        problem_set(ret_problem, "--url: expected http://HOST:PORT, not '%.100s'", url);
        return -EINVAL;
    }
    memcpy(reach->url, url, length);
    reach->url[length] = '\0';
    return 0;
}

static void drop_newline(struct buffer *token)
{
    if (token->length > 0 && token->data[token->length - 1] == '\n') {
        token->length--;
    }
    if (token->length > 0 && token->data[token->length - 1] == '\r') {
        token->length--;
    }
}

static bool token_valid(const struct buffer *token)
{
    for (size_t i = 0; i < token->length; i++) {
        if (token->data[i] <= ' ' || token->data[i] >= 0x7f) {
            return false;
        }
    }
    return token->length > 0;
}

static int take_token(struct reach *reach, const char *file, struct problem *ret_problem)
{
    struct buffer token = {0};
    int r = input_read(file, &token, ret_problem) < 0 ? -EINVAL : 0;

    drop_newline(&token);
    if (r == 0 && !token_valid(&token)) {
        problem_set(ret_problem, "--token-file: expected a token alone in %.300s", file);
        r = -EINVAL;
    }
    if (r == 0 && buffer_append_format(&reach->authorization, "Authorization: Bearer %.*s",
                                       (int)token.length, (const char *)token.data) < 0) {
        problem_set(ret_problem, "out of memory");
        r = -EINVAL;
    }
    buffer_wipe(&token);
    return r;
}

void reach_socket(struct reach *reach, const char *path)
{
    reach->socket = path;
    (void)snprintf(reach->url, sizeof reach->url, "http://localhost");
}

int reach_find(struct reach *reach, const struct arguments *arguments, struct problem *ret_problem)
{
    const char *socket = arguments_value(arguments, "socket");
    const char *url = arguments_value(arguments, "url");
    const char *file = arguments_value(arguments, "token-file");
    int r;

    if (socket && url) {
        problem_set(ret_problem, "expected either --socket or --url");
        return -EINVAL;
    }
    if (!socket && !url) {
        socket = from_environment("ASSENT_SOCKET");
        url = socket ? NULL : from_environment("ASSENT_URL");
    }
    if (!url && file) {
        problem_set(ret_problem, "--token-file: expected --url beside it; on a socket the daemon "
                                 "knows you by your uid");
        return -EINVAL;
    }
    if (!url) {
        reach_socket(reach, socket ? socket : REACH_DEFAULT_SOCKET);
        return 0;
    }
    file = file ? file : from_environment("ASSENT_TOKEN_FILE");
    r = take_url(reach, url, ret_problem);
    return r == 0 && file ? take_token(reach, file, ret_problem) : r;
}

const char *reach_name(const struct reach *reach)
{
    return reach->socket ? reach->socket : reach->url;
}

const char *reach_authorization(struct reach *reach)
{
    return reach->authorization.length > 0 ? buffer_text(&reach->authorization) : NULL;
}

void reach_free(struct reach *reach)
{
    buffer_wipe(&reach->authorization);
}
