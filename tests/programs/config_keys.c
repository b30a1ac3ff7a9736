/*
 * Prints the table of configuration keys, for the check of the documents: a line for each, with its
 * section, name, default, default in hooks of kind http, and `required`, `repeatable` or `once`. A
 * dash stands for what there is none of.
 */
#include <stdio.h>
#include <stdlib.h>

#include "assent/config/keys.h"

static const char *text_or_dash(const char *text)
{
    return text ? text : "-";
}

int main(void)
{
    const struct config_key *key;

    for (size_t i = 0; (key = config_key_at(i)); i++) {
        (void)printf("%s\t%s\t%s\t%s\t%s\t%s\n", section_rule(key->section)->kind, key->name,
                     text_or_dash(key->fallback), text_or_dash(key->http_fallback),
                     key->required ? "required" : "optional",
                     key->repeatable ? "repeatable" : "once");
    }
    return fflush(stdout) == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
