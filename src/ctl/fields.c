#include "assent/ctl/fields.h"

#include "assent/base/text.h"

const char *field_text(const json_t *object, const char *name)
{
    return json_string_value(json_object_get(object, name));
}

const char *field_text_or_empty(const json_t *object, const char *name)
{
    const char *text = field_text(object, name);

    return text ? text : "";
}

int64_t field_time(const json_t *object, const char *name)
{
    const char *text = field_text(object, name);
    int64_t time = 0;

    return text && text_to_time(text, &time) == 0 ? time : 0;
}

int64_t field_number(const json_t *object, const char *name, int64_t otherwise)
{
    const json_t *value = json_object_get(object, name);

    return json_is_integer(value) ? json_integer_value(value) : otherwise;
}
