/*
 * What the runner may do, and with it every program that it runs: what it puts on itself they
 * inherit. So this is a list of what may not, short enough for any program that does its work
 * without being the administrator:
 *
 *   may not  load code into the kernel (modules, kexec, bpf), change what is mounted, swap, the
 *            clock or the host's name, reboot, trace the kernel (perf, userfaultfd), use the
 *            kernel's keyrings, use io_uring (it is said to be missing), gain privileges: sudo and
 *            the like don't work in hooks
 *   may      trace what it started itself, as debuggers do. Where the kernel has Landlock nothing
 *            outside can be traced or read, and all roles hide their memory from their own user
 *
 * The runner itself makes no socket, but a hook may want to: so that isn't forbidden here. It hears
 * nobody but core and reads nothing but what core and its hooks send.
 *
 * Owns: nothing. Runs in: the runner, before its first stream. May call: jail.
 */
#ifndef ASSENT_RUNNER_JAIL_H
#define ASSENT_RUNNER_JAIL_H

/* 0, or negative errno, logged. */
int runner_jail_enter(void);

#endif
