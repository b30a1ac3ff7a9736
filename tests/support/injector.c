#include "support/injector.h"

#include <check.h>
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/uio.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <unistd.h>

/* Below the stack: past what a function without calls may use there, on x86-64. */
#define STACK_GAP  1024
#define TEXT_LIMIT 1024

#if defined __x86_64__

#define KNOWN true
typedef struct user_regs_struct registers;
static const unsigned char instruction[] = {0x0f, 0x05};

static unsigned long stack_of(const registers *from)
{
    return from->rsp;
}

static void set_call(registers *to, unsigned long at, long call, const long a[6])
{
    to->rip = at;
    to->rax = (unsigned long)call;
    to->orig_rax = (unsigned long)-1;
    to->rdi = (unsigned long)a[0];
    to->rsi = (unsigned long)a[1];
    to->rdx = (unsigned long)a[2];
    to->r10 = (unsigned long)a[3];
    to->r8 = (unsigned long)a[4];
    to->r9 = (unsigned long)a[5];
}

static long result_of(const registers *from)
{
    return (long)from->rax;
}

#elif defined __aarch64__

#define KNOWN true
typedef struct user_regs_struct registers;
static const unsigned char instruction[] = {0x01, 0x00, 0x00, 0xd4};

static unsigned long stack_of(const registers *from)
{
    return from->sp;
}

static void set_call(registers *to, unsigned long at, long call, const long a[6])
{
    to->pc = at;
    to->regs[8] = (unsigned long)call;
    for (int i = 0; i < 6; i++) {
        to->regs[i] = (unsigned long)a[i];
    }
}

static long result_of(const registers *from)
{
    return (long)from->regs[0];
}

#else

#define KNOWN false
typedef struct {
    long none;
} registers;
static const unsigned char instruction[] = {0};

static unsigned long stack_of(const registers *from)
{
    return (unsigned long)from->none;
}

static void set_call(registers *to, unsigned long at, long call, const long a[6])
{
    to->none = (long)at + call + a[0];
}

static long result_of(const registers *from)
{
    return from->none;
}

#endif

static bool may_trace(void)
{
    pid_t child = fork();
    bool may;

    if (child == 0) {
        (void)pause();
        _exit(0);
    }
    may = ptrace(PTRACE_SEIZE, child, NULL, NULL) == 0;
    (void)kill(child, SIGKILL);
    (void)waitpid(child, NULL, 0);
    return may;
}

bool injection_possible(void)
{
    if (!KNOWN) {
        (void)fprintf(stderr, "skipped: no way is known here to make another process call\n");
        return false;
    }
    if (geteuid() != 0 || !may_trace()) {
        (void)fprintf(stderr, "skipped: only root may trace processes that hide their memory\n");
        return false;
    }
    return true;
}

static void get_registers(pid_t thread, registers *to)
{
    struct iovec vector = {to, sizeof *to};

    ck_assert_int_eq(ptrace(PTRACE_GETREGSET, thread, (void *)NT_PRSTATUS, &vector), 0);
}

static void put_registers(pid_t thread, const registers *from)
{
    struct iovec vector = {(void *)(uintptr_t)from, sizeof *from};

    ck_assert_int_eq(ptrace(PTRACE_SETREGSET, thread, (void *)NT_PRSTATUS, &vector), 0);
}

static int open_memory(pid_t thread)
{
    char path[64];
    int fd;

    (void)snprintf(path, sizeof path, "/proc/%d/mem", (int)thread);
    fd = open(path, O_RDWR | O_CLOEXEC);
    ck_assert_msg(fd >= 0, "%s: %s", path, strerror(errno));
    return fd;
}

/* 0 if it isn't in this piece of memory. */
static unsigned long find_in(int memory, unsigned long from, unsigned long to)
{
    size_t length = to - from;
    unsigned char *bytes = malloc(length);
    unsigned long at = 0;
    ssize_t got = pread(memory, bytes, length, (off_t)from);

    if (got > 0) {
        const unsigned char *found = memmem(bytes, (size_t)got, instruction, sizeof instruction);

        at = found ? from + (unsigned long)(found - bytes) : 0;
    }
    free(bytes);
    return at;
}

static unsigned long find_instruction(pid_t thread, int memory)
{
    char path[64];
    char line[512];
    unsigned long from;
    unsigned long to;
    unsigned long found = 0;
    char rights[8];
    FILE *maps;

    (void)snprintf(path, sizeof path, "/proc/%d/maps", (int)thread);
    maps = fopen(path, "re");
    ck_assert_ptr_nonnull(maps);
    while (!found && fgets(line, sizeof line, maps)) {
        if (sscanf(line, "%lx-%lx %7s", &from, &to, rights) == 3 && rights[2] == 'x' &&
            strstr(line, "libc")) {
            found = find_in(memory, from, to);
        }
    }
    (void)fclose(maps);
    ck_assert_msg(found != 0, "no system call instruction in %d", (int)thread);
    return found;
}

static int stop(pid_t thread)
{
    int status;

    ck_assert_msg(ptrace(PTRACE_SEIZE, thread, NULL, NULL) == 0, "can't trace %d: %s", (int)thread,
                  strerror(errno));
    ck_assert_int_eq(ptrace(PTRACE_INTERRUPT, thread, NULL, NULL), 0);
    ck_assert_int_eq(waitpid(thread, &status, __WALL), thread);
    return status;
}

/* Texts stand in memory from `at` on. */
static void place_arguments(const long arguments[6], unsigned long at, long ret_arguments[6])
{
    for (int i = 0; i < 6; i++) {
        long offset = arguments[i] - INJECTED_TEXT(0);

        ret_arguments[i] = offset >= 0 && offset < TEXT_LIMIT ? (long)at + offset : arguments[i];
    }
}

/* One instruction: then it stops, or is dead. */
static int step(pid_t thread)
{
    int status;

    ck_assert_int_eq(ptrace(PTRACE_SINGLESTEP, thread, NULL, NULL), 0);
    ck_assert_int_eq(waitpid(thread, &status, __WALL), thread);
    return status;
}

struct injected inject(pid_t thread, long call, const long arguments[6], const char *text,
                       size_t text_length)
{
    struct injected injected = {0};
    registers before;
    registers now;
    long placed[6];
    unsigned long at;
    int memory;
    int status = stop(thread);

    ck_assert(WIFSTOPPED(status) && text_length <= TEXT_LIMIT);
    get_registers(thread, &before);
    memory = open_memory(thread);
    at = (stack_of(&before) - STACK_GAP - TEXT_LIMIT) & ~15ul;
    if (text) {
        ck_assert_int_eq(pwrite(memory, text, text_length, (off_t)at), (ssize_t)text_length);
    }
    place_arguments(arguments, at, placed);
    now = before;
    set_call(&now, find_instruction(thread, memory), call, placed);
    put_registers(thread, &now);
    (void)close(memory);
    status = step(thread);
    if (WIFSIGNALED(status)) {
        injected.signal = WTERMSIG(status);
        return injected;
    }
    ck_assert_msg(WIFSTOPPED(status), "status 0x%x", status);
    get_registers(thread, &now);
    injected.result = result_of(&now);
    put_registers(thread, &before);
    ck_assert_int_eq(ptrace(PTRACE_DETACH, thread, NULL, NULL), 0);
    return injected;
}
