/*
 * Removes what a test has left in its directory.
 *
 * Owns: nothing. Runs in: the test's process. May call: nothing.
 */
#ifndef ASSENT_TESTS_REMOVE_TREE_H
#define ASSENT_TESTS_REMOVE_TREE_H

/* The directory with everything below it; symbolic links are not followed. What can't be removed stays. */
void remove_tree(const char *path);

#endif
