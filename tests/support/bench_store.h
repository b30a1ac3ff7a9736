/*
 * A store that no daemon has open, filled by the thousand for a benchmark, or looked at after it.
 * What fails says so and ends the program.
 *
 * Owns: nothing. Runs in: programs of tests/bench. May call: store.
 */
#ifndef ASSENT_TESTS_BENCH_STORE_H
#define ASSENT_TESTS_BENCH_STORE_H

#include <stdint.h>

#include "assent/core/store.h"

/* What a request of the benchmarks has for a context. */
extern const char bench_context[];

/* Ends the program if `r` is an error. */
void bench_must(int r, const char *what);
/* To be freed with store_free. */
struct store *bench_store_open(const char *path);
/* Calls `add` in that store for each number below `count`, a thousand of them to a commit. */
void bench_store_fill(const char *path, int64_t count,
                      void (*add)(struct store *store, int64_t number, void *userdata),
                      void *userdata);
/* A pending request that was registered just now; its texts are not its own. */
struct store_request bench_request(char *id);

#endif
