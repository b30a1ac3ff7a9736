/*
 * Every order of a few things, one after the other.
 *
 * Owns: nothing. Runs in: the test's process. Pure.
 */
#ifndef TESTS_SUPPORT_PERMUTATION_H
#define TESTS_SUPPORT_PERMUTATION_H

#include <stdbool.h>
#include <stddef.h>

/* 0, 1, 2, ..., the first of the orders. */
void permutation_first(int *items, size_t count);

/* Makes of it the next order, as a dictionary would list them, so that all of those that begin with
 * 0 come first. False, and nothing is changed, if it was the last. */
bool permutation_next(int *items, size_t count);

#endif
