/* Input: an entry of an allow list, a NUL, a URL. What is read stays within the text and says what
 * stands there; what is allowed leads nowhere else. */
#include <assert.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "assent/domain/url.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_parts(const char *text, const struct url *url)
{
    const char *end = text + strlen(text);
    const char *authority = strchr(text, ':') + 3;
    const char *path = authority + strcspn(authority, "/?");

    assert(url->port >= 1 && url->port <= 65535);
    assert(url->host[0] != '\0' && !strpbrk(url->host, "@/\\?#% ABCDEFGHIJKLMNOPQRSTUVWXYZ"));
    assert(url->path_length >= 1 && url->path[0] == '/');
    assert(*path != '/' || (url->path == path && url->path + url->path_length <= end));
    assert(!url->query || url->query + strlen(url->query) == end);
    assert(!strpbrk(text, "#\\ \r\n\t"));
    assert(!memmem(url->path, url->path_length, "/../", 4));
    assert(!memmem(url->path, url->path_length, "%2e", 3));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *text = malloc(size + 1);
    const char *nul = size > 0 ? memchr(data, '\0', size) : NULL;
    struct url allow, url;

    assert(text);
    if (size > 0) {
        memcpy(text, data, size);
    }
    text[size] = '\0';
    if (nul) {
        char *second = text + (nul - (const char *)data) + 1;

        if (url_parse(text, &allow, NULL) == 0) {
            check_parts(text, &allow);
            assert(url_allows(&allow, &allow));
            if (url_is_allowed(&text, 1, second)) {
                assert(url_parse(second, &url, NULL) == 0 && url_allows(&allow, &url));
                assert(url.https == allow.https && url.port == allow.port);
                assert(strcasecmp(url.host, allow.host) == 0);
            }
        }
        if (url_parse(second, &url, NULL) == 0) {
            check_parts(second, &url);
        }
    }
    free(text);
    return 0;
}
