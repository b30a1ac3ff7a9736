#include "support/permutation.h"

void permutation_first(int *items, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        items[i] = (int)i;
    }
}

static void swap(int *left, int *right)
{
    int kept = *left;

    *left = *right;
    *right = kept;
}

bool permutation_next(int *items, size_t count)
{
    size_t rise = count;
    size_t larger = count - 1;

    for (size_t i = 1; i < count; i++) {
        rise = items[i - 1] < items[i] ? i : rise;
    }
    if (rise == count) {
        return false;
    }
    while (items[larger] < items[rise - 1]) {
        larger--;
    }
    swap(&items[rise - 1], &items[larger]);
    for (size_t left = rise, right = count - 1; left < right; left++, right--) {
        swap(&items[left], &items[right]);
    }
    return true;
}
