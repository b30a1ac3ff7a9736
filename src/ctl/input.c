#include "assent/ctl/input.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define PIECE       65536
#define INPUT_LIMIT (64u << 20)

static int read_all(FILE *file, struct buffer *out)
{
    size_t got;

    do {
        int r = buffer_reserve(out, PIECE);

        if (r < 0) {
            return r;
        }
        got = fread(out->data + out->length, 1, PIECE, file);
        out->length += got;
        if (out->length > INPUT_LIMIT) {
            return -EFBIG;
        }
    } while (got > 0);
    return ferror(file) ? -errno : 0;
}

int input_read(const char *path, struct buffer *out, struct problem *ret_problem)
{
    FILE *file = strcmp(path, "-") == 0 ? stdin : fopen(path, "re");
    int r = file ? read_all(file, out) : -errno;

    if (file && file != stdin) {
        (void)fclose(file);
    }
    if (r < 0) {
        problem_set(ret_problem, "can't read %.300s: %s", path, strerror(-r));
    }
    return r;
}
