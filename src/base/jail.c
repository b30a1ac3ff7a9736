#include "assent/base/jail.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <sched.h>
#include <seccomp.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <systemd/sd-id128.h>
#include <time.h>
#include <unistd.h>

#include "assent/base/digest.h"
#include "assent/base/json.h"
#include "assent/base/landlock.h"

/* Calls that are newer than the library's table have numbers from here on, the same ones on every
 * processor. */
#define FIRST_NEW_CALL 424
#define LAST_NEW_CALL  511

/* --- what all jails have in common ------------------------------------------------------------ */

/* Memory, waiting, time, and the use of descriptors that are there already. */
static const char *const allowed[] = {
    "brk", "madvise", "mremap", "munmap",
    /* threads and signals: rseq and set_robust_list are what a thread begins with */
    "exit", "exit_group", "futex", "getpid", "gettid", "membarrier", "restart_syscall", "rseq",
    "rt_sigaction", "rt_sigprocmask", "rt_sigreturn", "sched_getaffinity", "sched_yield",
    "set_robust_list", "sigaltstack",
    /* time */
    "clock_getres", "clock_gettime", "clock_nanosleep", "gettimeofday", "nanosleep", "time",
    /* waiting */
    "epoll_create1", "epoll_ctl", "epoll_pwait", "epoll_pwait2", "epoll_wait", "eventfd2", "poll",
    "ppoll", "timerfd_create", "timerfd_settime",
    /* descriptors */
    "close", "fstat", "lseek", "pread64", "read", "readv", "write", "writev", "getpeername",
    "getsockname", "getsockopt", "recvfrom", "recvmsg", "sendmsg", "sendto", "setsockopt",
    "shutdown",
    /* a line that is too long for the journal's socket goes there in one of these */
    "memfd_create",
    /* who and where */
    "getegid", "geteuid", "getgid", "getrandom", "getuid", "sysinfo", "uname", NULL};

/* No library does these by itself. */
static const char *const killed[] = {
    /* another program, another process */
    "execve", "execveat", "fork", "vfork", "kill", "tkill", "pidfd_open", "pidfd_getfd",
    "pidfd_send_signal", "process_madvise", "process_vm_readv", "process_vm_writev", "ptrace",
    "rt_sigqueueinfo", "rt_tgsigqueueinfo", "setns", "unshare",
    /* another user, another root */
    "capset", "chroot", "personality", "setfsgid", "setfsuid", "setgid", "setgroups", "setregid",
    "setresgid", "setresuid", "setreuid", "setuid",
    /* the system */
    "acct", "add_key", "bpf", "delete_module", "finit_module", "fsconfig", "fsmount", "fsopen",
    "fspick", "init_module", "ioperm", "iopl", "kexec_file_load", "kexec_load", "keyctl", "mount",
    "mount_setattr", "move_mount", "open_by_handle_at", "open_tree", "perf_event_open",
    "pivot_root", "quotactl", "quotactl_fd", "reboot", "request_key", "sethostname",
    "setdomainname", "swapoff", "swapon", "syslog", "umount", "umount2", "userfaultfd",
    /* what would be a way around the list of those that are looked at */
    "io_uring_enter", "io_uring_register", "io_uring_setup", "openat2",
    /* to be called */
    "listen", NULL};

/* libc then does the same with an older call. */
static const char *const newer[] = {"clone3", "faccessat2",  "fchmodat2", "futex_waitv",
                                    "statx",  "close_range", NULL};

static const struct jail_rule rules[] = {
    {"mmap", JAIL_ALLOW, 0, {JAIL_BITS(2, PROT_EXEC, 0)}},
    {"mmap2", JAIL_ALLOW, 0, {JAIL_BITS(2, PROT_EXEC, 0)}},
    {"mprotect", JAIL_ALLOW, 0, {JAIL_BITS(2, PROT_EXEC, 0)}},
    /* fstat by another name */
    {"newfstatat", JAIL_ALLOW, 0, {JAIL_BITS(3, AT_EMPTY_PATH, AT_EMPTY_PATH)}},
    {"fcntl", JAIL_ALLOW, 0, {JAIL_ARGUMENT(1, F_GETFD)}},
    {"fcntl", JAIL_ALLOW, 0, {JAIL_ARGUMENT(1, F_SETFD)}},
    {"fcntl", JAIL_ALLOW, 0, {JAIL_ARGUMENT(1, F_GETFL)}},
    {"fcntl", JAIL_ALLOW, 0, {JAIL_ARGUMENT(1, F_SETFL)}},
    {"fcntl", JAIL_ALLOW, 0, {JAIL_ARGUMENT(1, F_DUPFD_CLOEXEC)}},
    {"fcntl", JAIL_ALLOW, 0, {JAIL_ARGUMENT(1, F_ADD_SEALS)}},
    {"fcntl", JAIL_ALLOW, 0, {JAIL_ARGUMENT(1, F_GET_SEALS)}},
    {"prctl", JAIL_ALLOW, 0, {JAIL_ARGUMENT(0, PR_SET_NAME)}},
    {"prctl", JAIL_ALLOW, 0, {JAIL_ARGUMENT(0, PR_GET_NAME)}},
    {"prctl", JAIL_ALLOW, 0, {JAIL_ARGUMENT(0, PR_SET_VMA)}},
    {0}};

/* What libraries look up or open when it is needed first, which would be too late. */
static void prepare_libraries(void)
{
    sd_id128_t boot;

    tzset();
    json_prepare();
    digest_prepare();
    (void)sd_id128_get_boot(&boot);
}

/* --- what is no filter ------------------------------------------------------------------------ */

void jail_hide_memory(void)
{
    (void)prctl(PR_SET_DUMPABLE, 0);
}

static int keep_capabilities(uint64_t kept)
{
    struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
    struct __user_cap_data_struct data[_LINUX_CAPABILITY_U32S_3] = {0};

    if (syscall(SYS_capget, &header, data) < 0) {
        return -errno;
    }
    for (size_t i = 0; i < _LINUX_CAPABILITY_U32S_3; i++) {
        uint32_t mask = (uint32_t)(kept >> (32 * i));

        data[i].effective &= mask;
        data[i].permitted &= mask;
        data[i].inheritable = 0;
    }
    return syscall(SYS_capset, &header, data) < 0 ? -errno : 0;
}

static int limit_to_none(int resource)
{
    const struct rlimit none = {0, 0};

    return setrlimit((__rlimit_resource_t)resource, &none) < 0 ? -errno : 0;
}

/* RLIMIT_NPROC counts all processes of the user, other roles' and hooks' too: that nothing is
 * started is up to seccomp. */
static int give_up(const struct jail *jail)
{
    struct stat status;
    bool log_is_file = fstat(STDERR_FILENO, &status) == 0 && S_ISREG(status.st_mode);
    int r = prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 ? -errno : limit_to_none(RLIMIT_CORE);

    if (r == 0 && !jail->writes_files && !log_is_file) {
        r = limit_to_none(RLIMIT_FSIZE);
    }
    if (r == 0) {
        r = keep_capabilities(jail->capabilities);
    }
    jail_hide_memory();
    return r;
}

/* --- the filter ------------------------------------------------------------------------------- */

struct filter {
    scmp_filter_ctx context;
    uint32_t fallback; /* of calls without a rule; a rule that says the same is refused */
    int error;         /* the first one; everything after it does nothing */
};

static void add(struct filter *filter, int number, uint32_t action, unsigned count,
                const struct scmp_arg_cmp *arguments)
{
    int r;

    if (filter->error < 0 || action == filter->fallback) {
        return;
    }
    r = seccomp_rule_add_array(filter->context, action, number, count, arguments);
    filter->error = r == -EDOM ? 0 : r;
}

/* A name that the library doesn't know is none that this program could use. */
static void add_names(struct filter *filter, const char *const *names, uint32_t action)
{
    for (; names && *names; names++) {
        int number = seccomp_syscall_resolve_name(*names);

        if (number != __NR_SCMP_ERROR) {
            add(filter, number, action, 0, NULL);
        }
    }
}

static uint32_t action_of(const struct jail_rule *rule)
{
    switch (rule->verdict) {
    case JAIL_ALLOW:
        return SCMP_ACT_ALLOW;
    case JAIL_REFUSE:
        return SCMP_ACT_ERRNO((uint32_t)rule->error);
    case JAIL_KILL:
        break;
    }
    return SCMP_ACT_KILL_PROCESS;
}

static void add_rules(struct filter *filter, const struct jail_rule *rule)
{
    for (; rule && rule->call; rule++) {
        struct scmp_arg_cmp arguments[2];
        unsigned count = 0;
        int number = seccomp_syscall_resolve_name(rule->call);

        for (size_t i = 0; i < 2; i++) {
            const struct jail_condition *condition = &rule->conditions[i];

            if (condition->mask != 0) {
                arguments[count++] = SCMP_CMP64(condition->argument, SCMP_CMP_MASKED_EQ,
                                                condition->mask, condition->value);
            }
        }
        if (number != __NR_SCMP_ERROR) {
            add(filter, number, action_of(rule), count, arguments);
        }
    }
}

/* A later libc may use calls that are newer than the library here. */
static void add_unknown(struct filter *filter)
{
    for (int number = FIRST_NEW_CALL; number <= LAST_NEW_CALL; number++) {
        char *name = seccomp_syscall_resolve_num_arch(seccomp_arch_native(), number);

        if (!name) {
            add(filter, number, SCMP_ACT_ERRNO(ENOSYS), 0, NULL);
        }
        free(name);
    }
}

/* A process may signal itself, as abort does. */
static void add_own_signals(struct filter *filter)
{
    const struct jail_rule own[] = {
        {"tgkill", JAIL_ALLOW, 0, {JAIL_ARGUMENT(0, (uint64_t)getpid())}}, {0}};

    add_rules(filter, own);
}

static void set(struct filter *filter, enum scmp_filter_attr attribute, uint32_t value)
{
    if (filter->error == 0) {
        filter->error = seccomp_attr_set(filter->context, attribute, value);
    }
}

static void begin(struct filter *filter, uint32_t fallback)
{
    *filter = (struct filter){.context = seccomp_init(fallback), .fallback = fallback};
    filter->error = filter->context ? 0 : -ENOMEM;
    /* All threads, and a tree in place of a list: most calls are looked up with few comparisons. */
    set(filter, SCMP_FLTATR_CTL_TSYNC, 1);
    set(filter, SCMP_FLTATR_CTL_OPTIMIZE, 2);
}

static int end(struct filter *filter, struct problem *ret_problem)
{
    if (filter->error == 0) {
        filter->error = seccomp_load(filter->context);
    }
    seccomp_release(filter->context);
    problem_set(ret_problem, "the filter of system calls can't be put on: %s",
                strerror(-filter->error));
    return filter->error;
}

static int filter_calls(const struct jail *jail, struct problem *ret_problem)
{
    struct filter filter;

    begin(&filter, SCMP_ACT_ERRNO(EPERM));
    set(&filter, SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_KILL_PROCESS);
    add_names(&filter, allowed, SCMP_ACT_ALLOW);
    add_names(&filter, jail->allowed, SCMP_ACT_ALLOW);
    add_names(&filter, killed, SCMP_ACT_KILL_PROCESS);
    add_names(&filter, jail->killed, SCMP_ACT_KILL_PROCESS);
    add_names(&filter, newer, SCMP_ACT_ERRNO(ENOSYS));
    add_rules(&filter, rules);
    add_rules(&filter, jail->rules);
    add_own_signals(&filter);
    add_unknown(&filter);
    return end(&filter, ret_problem);
}

/* --- putting it on ---------------------------------------------------------------------------- */

int jail_check(struct problem *ret_problem)
{
    if (prctl(PR_GET_SECCOMP, 0, 0, 0, 0) < 0 || seccomp_api_get() < 3) {
        problem_set(ret_problem, "this kernel can't put roles into jails, it lacks seccomp filters "
                                 "(Linux 4.14 or newer with CONFIG_SECCOMP_FILTER has them); to "
                                 "run without jails, set jail = off in [server]");
        return -ENOSYS;
    }
    return 0;
}

bool jail_confines_files(void)
{
    return landlock_version() > 0;
}

int jail_enter(const struct jail *jail, struct problem *ret_problem)
{
    int r;

    prepare_libraries();
    r = give_up(jail);
    if (r < 0) {
        problem_set(ret_problem, "privileges can't be given up: %s", strerror(-r));
        return r;
    }
    if (jail_confines_files()) {
        r = landlock_confine(jail->paths, jail->path_count, jail->connects, ret_problem);
    }
    return r < 0 ? r : filter_calls(jail, ret_problem);
}

/* Programs may be made for the other word size of the same processor. */
static void add_other_word_size(struct filter *filter)
{
    uint32_t native = seccomp_arch_native();
    uint32_t other = native == SCMP_ARCH_X86_64    ? SCMP_ARCH_X86
                     : native == SCMP_ARCH_AARCH64 ? SCMP_ARCH_ARM
                                                   : native;

    if (filter->error == 0 && other != native) {
        filter->error = seccomp_arch_add(filter->context, other);
    }
}

int jail_restrain(const char *const *refused, struct problem *ret_problem)
{
    /* The arguments of clone3 can't be seen, nor what goes through io_uring. */
    static const char *const absent[] = {"io_uring_enter", "io_uring_register", "io_uring_setup",
                                         NULL};
    struct filter filter;
    int r = prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 ? -errno : 0;

    if (r < 0) {
        problem_set(ret_problem, "privileges can't be given up: %s", strerror(-r));
        return r;
    }
    jail_hide_memory();
    r = landlock_separate(ret_problem);
    if (r < 0) {
        return r;
    }
    begin(&filter, SCMP_ACT_ALLOW);
    add_other_word_size(&filter);
    set(&filter, SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_ERRNO(ENOSYS));
    add_names(&filter, refused, SCMP_ACT_ERRNO(EPERM));
    add_names(&filter, absent, SCMP_ACT_ERRNO(ENOSYS));
    return end(&filter, ret_problem);
}
