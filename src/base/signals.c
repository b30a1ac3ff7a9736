#include "assent/base/signals.h"

#include <signal.h>
#include <stddef.h>
#include <sys/syscall.h>
#include <unistd.h>

/* The kernel's own struct sigaction, all zero: the default action, no flags, an empty mask. */
struct kernel_action {
    void *handler;
    unsigned long flags;
    void *restorer;
    unsigned long long mask;
};

/* Past libc, which refuses to touch the two signals that it keeps for itself; where posix_spawn
 * started us, those are ignored, and programs of ours would inherit that. */
void signals_set_default(void)
{
    static const struct kernel_action defaults = {NULL, 0, NULL, 0};

    for (int number = 1; number < _NSIG; number++) {
        (void)syscall(SYS_rt_sigaction, number, &defaults, NULL, sizeof defaults.mask);
    }
}

void signals_reset(void)
{
    sigset_t none;

    signals_set_default();
    (void)sigemptyset(&none);
    (void)sigprocmask(SIG_SETMASK, &none, NULL);
}
