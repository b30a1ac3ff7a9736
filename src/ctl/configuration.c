#include "assent/ctl/configuration.h"

#include <stdlib.h>
#include <string.h>

#include "assent/ctl/ctl.h"

static const char *find_path(const struct arguments *arguments)
{
    const char *given = arguments_value(arguments, "config");
    const char *environment = getenv("ASSENT_CONFIG");

    if (given) {
        return given;
    }
    return environment && environment[0] ? environment : CONFIG_DEFAULT_PATH;
}

int configuration_load(const struct arguments *arguments, struct config **ret_config)
{
    const char *path = find_path(arguments);
    struct config_errors errors = {0};
    int r = config_load(path, ret_config, &errors);

    for (size_t i = 0; r < 0 && i < errors.count; i++) {
        ctl_complain("%s", errors.lines[i]);
    }
    if (r < 0 && errors.count == 0) {
        ctl_complain("can't load %s: %s", path, strerror(-r));
    }
    config_errors_free(&errors);
    return r < 0 ? CTL_CONFIG : CTL_OK;
}
