#include "support/patience.h"

#include <poll.h>
#include <stdlib.h>
#include <unistd.h>

#define PAUSE_MS 10

int64_t patience_ms(int64_t span)
{
    const char *multiplier = getenv("CK_TIMEOUT_MULTIPLIER");
    double slowness = multiplier ? strtod(multiplier, NULL) : 1;
    double load = 0;
    double processors = (double)sysconf(_SC_NPROCESSORS_ONLN);

    (void)getloadavg(&load, 1);
    slowness *= load > processors ? load / processors : 1;
    return slowness > 1 ? (int64_t)((double)span * slowness) : span;
}

void pause_a_little(void)
{
    (void)poll(NULL, 0, PAUSE_MS);
}
