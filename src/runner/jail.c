#include "assent/runner/jail.h"

#include <stddef.h>

#include "assent/base/jail.h"
#include "assent/base/log.h"

static const char *const refused[] = {
    /* code in the kernel */
    "bpf", "create_module", "delete_module", "finit_module", "init_module", "kexec_file_load",
    "kexec_load",
    /* the tree of files */
    "fsconfig", "fsmount", "fsopen", "fspick", "mount", "mount_setattr", "move_mount",
    "open_by_handle_at", "open_tree", "pivot_root", "quotactl", "quotactl_fd", "swapoff", "swapon",
    "umount", "umount2",
    /* the machine */
    "acct", "clock_adjtime", "clock_settime", "ioperm", "iopl", "reboot", "sethostname",
    "setdomainname", "settimeofday", "stime", "vhangup",
    /* what looks into others */
    "add_key", "keyctl", "lookup_dcookie", "perf_event_open", "request_key", "syslog",
    "userfaultfd", NULL};

int runner_jail_enter(void)
{
    struct problem problem;
    int r = jail_restrain(refused, &problem);

    if (r < 0) {
        log_event(LOG_LEVEL_ERROR, problem.text, NULL);
    }
    return r;
}
