/*
 * Records as hooks get them, with what an agent could put into its request to break out of the place
 * where a value stands: all sorts of strings, numbers and nesting, the same again for the same state.
 *
 * The members are those of a record that templates can name; index and item are there in most.
 */
#ifndef ASSENT_TESTS_ODD_RECORD_H
#define ASSENT_TESTS_ODD_RECORD_H

#include <stddef.h>
#include <stdint.h>

#include "assent/base/buffer.h"

#define ODD_RECORD_STATE UINT64_C(0x9e3779b97f4a7c15) /* to begin with */

/* 0 to limit - 1. */
size_t odd_below(uint64_t *state, size_t limit);
/* JSON with a NUL behind it. One string in `huge_one_in` has some 40 KB; 0: none. */
struct buffer odd_record(uint64_t *state, size_t huge_one_in);

#endif
