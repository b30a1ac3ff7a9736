#include "assent/domain/quantity.h"

#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <string.h>

#define TEN_YEARS_MS (INT64_C(3653) * 24 * 60 * 60 * 1000)
#define RATE_LIMIT   1000000

struct unit {
    const char *name;
    uint64_t factor;
};

static const struct unit duration_units[] = {
    {"ms", 1}, {"s", 1000}, {"m", 60 * 1000}, {"h", 60 * 60 * 1000}, {"d", 24 * 60 * 60 * 1000},
    {NULL, 0},
};

static const struct unit size_units[] = {
    {"", 1},   {"K", UINT64_C(1) << 10}, {"M", UINT64_C(1) << 20}, {"G", UINT64_C(1) << 30},
    {NULL, 0},
};

static const struct unit rate_units[] = {
    {"/s", 1000},
    {"/min", 60 * 1000},
    {"/h", 60 * 60 * 1000},
    {NULL, 0},
};

/* Reads digits; `ret_rest` is what follows them. 0, -EINVAL without any, -ERANGE over 64 bits. */
static int read_number(const char *text, uint64_t *ret_number, const char **ret_rest)
{
    uint64_t number = 0;
    bool overflow = false;
    const char *at = text;
    for (; *at >= '0' && *at <= '9'; at++) {
        overflow |= __builtin_mul_overflow(number, 10, &number);
        overflow |= __builtin_add_overflow(number, (uint64_t)(*at - '0'), &number);
    }
    *ret_number = number;
    *ret_rest = at;
    return at == text ? -EINVAL : overflow ? -ERANGE : 0;
}

static const struct unit *find_unit(const struct unit *units, const char *name)
{
    for (; units->name; units++) {
        if (strcmp(units->name, name) == 0) {
            return units;
        }
    }
    return NULL;
}

/* The number times its unit. 0, -EINVAL or -ERANGE. */
static int read_quantity(const char *text, const struct unit *units, uint64_t *ret_value)
{
    uint64_t number;
    const char *rest;
    int r = read_number(text, &number, &rest);
    if (r == -EINVAL) {
        return r;
    }
    const struct unit *unit = find_unit(units, rest);
    if (!unit) {
        return -EINVAL;
    }
    if (r < 0 || __builtin_mul_overflow(number, unit->factor, ret_value)) {
        return -ERANGE;
    }
    return 0;
}

int quantity_duration(const char *text, int64_t *ret_ms)
{
    uint64_t value;
    int r = strcmp(text, "0") == 0 ? read_quantity("0s", duration_units, &value)
                                   : read_quantity(text, duration_units, &value);
    if (r < 0) {
        return r;
    }
    if (value > TEN_YEARS_MS) {
        return -ERANGE;
    }
    *ret_ms = (int64_t)value;
    return 0;
}

int quantity_size(const char *text, uint64_t *ret_bytes)
{
    uint64_t value;
    int r = read_quantity(text, size_units, &value);
    if (r == 0) {
        *ret_bytes = value;
    }
    return r;
}

int quantity_rate(const char *text, struct quantity_rate *ret_rate)
{
    uint64_t count;
    const char *rest;
    int r = read_number(text, &count, &rest);
    if (r == -EINVAL) {
        return r;
    }
    const struct unit *unit = find_unit(rate_units, rest);
    if (!unit) {
        return -EINVAL;
    }
    if (r < 0 || count == 0 || count > RATE_LIMIT) {
        return -ERANGE;
    }
    *ret_rate = (struct quantity_rate){(unsigned)count, (int64_t)unit->factor};
    return 0;
}
