/*
 * A configuration with an error in every section, and where assentd has to say that they are.
 */
#ifndef ASSENT_TESTS_BROKEN_CONFIG_H
#define ASSENT_TESTS_BROKEN_CONFIG_H

/* For house_configure_all. */
extern const char broken_config[];
/* The beginning of each error, in the order of the file; NULL ends them. */
extern const char *const broken_places[];

#endif
