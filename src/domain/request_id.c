#include "assent/domain/request_id.h"

#include <stddef.h>
#include <string.h>

#define ALPHANUMERIC "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"

bool request_id_valid(const char *text)
{
    if (text[0] == '\0' || !strchr(ALPHANUMERIC, text[0])) {
        return false;
    }
    size_t length = strspn(text, ALPHANUMERIC "._:-");
    return text[length] == '\0' && length <= REQUEST_ID_LIMIT;
}
