#include "assent/ctl/request_token.h"

#include <string.h>

#include "assent/ctl/ask.h"
#include "assent/ctl/fields.h"
#include "assent/domain/url_token.h"

int request_token(struct ctl *ctl, const char *request, const char *service, struct buffer *out)
{
    struct buffer path = {0};
    json_t *result;
    const char *url;
    const char *slash;
    int exit;

    path_append(&path, "/v1/requests/%s", request);
    path_option(&path, "service", service);
    exit = ask(ctl, &(struct question){.path = path_text(&path)}, &result);
    buffer_free(&path);
    if (exit != CTL_OK) {
        return exit;
    }
    url = field_text_or_empty(result, "callbackUrl");
    slash = strrchr(url, '/');
    if (slash && url_token_formed(slash + 1)) {
        screen_must(buffer_append_text(out, slash + 1));
    } else {
        ctl_complain("request %.200s has no URL with a token: assentd did not ask %.100s for it",
                     request, service);
        exit = CTL_ERROR;
    }
    json_decref(result);
    return exit;
}
