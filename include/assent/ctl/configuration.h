/*
 * The daemon's configuration, for the commands that try it out.
 *
 * Owns: nothing. Runs in: assentctl. May call: config, arguments, the environment.
 */
#ifndef ASSENT_CTL_CONFIGURATION_H
#define ASSENT_CTL_CONFIGURATION_H

#include "assent/config/config.h"
#include "assent/ctl/arguments.h"

#define CONFIGURATION_OPTION                                                            \
    {                                                                                   \
        "config", 'c', "FILE",                                                          \
            "the daemon's configuration; else ASSENT_CONFIG, else " CONFIG_DEFAULT_PATH \
    }

/* Loads it from --config, else from where ASSENT_CONFIG says, else from the default. Complains if
 * that went wrong, and returns CTL_CONFIG; CTL_OK with what config_free frees. */
int configuration_load(const struct arguments *arguments, struct config **ret_config);

#endif
