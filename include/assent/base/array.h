/*
 * Arrays that grow by one element at a time.
 *
 * Owns: nothing. Runs in: every role, any thread. May call: the allocator.
 */
#ifndef ASSENT_BASE_ARRAY_H
#define ASSENT_BASE_ARRAY_H

#include <stddef.h>
#include <stdlib.h>

/* Makes room for one element behind the `count` present ones. The array doubles at each power of
 * two, so its capacity need not be kept: it must have been grown by this alone. Returns the
 * array's new place; NULL without memory, and the old one is as it was. */
static inline void *array_grow(void *elements, size_t count, size_t size)
{
    if (count != 0 && (count & (count - 1)) != 0)
        return elements;
    return reallocarray(elements, count == 0 ? 1 : count * 2, size);
}

#endif
