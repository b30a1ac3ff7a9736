#include "assent/domain/url_token.h"

#include <string.h>

bool url_token_formed(const char *text)
{
    return strspn(text, URL_TOKEN_CHARACTERS) == URL_TOKEN_LENGTH && text[URL_TOKEN_LENGTH] == '\0';
}

const char *url_token_below(const char *service_path, const char *path)
{
    size_t length = strlen(service_path);

    if (strncmp(path, service_path, length) != 0 || path[length] != '/') {
        return NULL;
    }
    return url_token_formed(path + length + 1) ? path + length + 1 : NULL;
}
