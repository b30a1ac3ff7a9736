/*
 * From a source to a struct config, through the table of keys.
 *
 * Owns: nothing. Runs in: supervisor and assentctl (load), every role (unpack). Pure but for
 * digests. May call: setters, digest.
 */
#ifndef ASSENT_CONFIG_BUILD_H
#define ASSENT_CONFIG_BUILD_H

#include "assent/config/config.h"
#include "assent/config/report.h"
#include "assent/config/source.h"

/* Makes a configuration of each section by itself; what is wrong is reported and left out. What
 * `role` may not know stays empty; ROLE_COUNT knows everything. 0 (config_free) or -ENOMEM. */
int config_build(const struct config_source *source, enum role role, struct config_report *report,
                 struct config **ret_config);

/* Fills what follows from the whole section: on_interrupt, sends_key and the digest. 0, -ENOMEM or
 * -EIO. */
int hook_complete(struct config_hook *hook, const struct source_section *section);

/* Adds the hooks that follow from services that are asked and from [relay]. There is room for them. 0,
 * -ENOMEM or -EIO. */
int builtin_add(struct config *config);
/* How many that are at most. */
size_t builtin_count(size_t service_count);

/* Reports what only shows when sections are seen together: what is missing, given twice, referred
 * to in vain, or excludes each other. 0 or -ENOMEM. */
int config_check(const struct config *config, const struct config_source *source,
                 struct config_report *report);

/* Reports the same of one hook: placeholders that can't have a value in it, pauses that exclude each
 * other. 0 or -ENOMEM. */
int hook_check(const struct config_hook *hook, const struct source_section *section,
               struct config_report *report);

/* Reports the same of what asking a service needs: its URLs, the actions that are asked for, [relay]. */
void asking_check(const struct config *config, const struct config_source *source,
                  struct config_report *report);

/* Reports the same of [control] and [agent]: who could come in as somebody else, or without saying
 * who. */
void interfaces_check(const struct config *config, const struct config_source *source,
                      struct config_report *report);

#endif
