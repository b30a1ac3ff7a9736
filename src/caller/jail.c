#include "assent/caller/jail.h"

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/netlink.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include "assent/base/jail.h"
#include "assent/base/log.h"

#define ETC "/etc/"

static const char *const allowed[] = {
    "access",     "connect",          "faccessat", "fadvise64",  "getcwd",
    "getdents64", "inotify_rm_watch", "lstat",     "newfstatat", "pipe2",
    "readlink",   "readlinkat",       "sendmmsg",  "stat",       NULL};

static const char *const killed[] = {"accept",   "accept4",   "creat",    "link",    "linkat",
                                     "mkdir",    "mkdirat",   "mknod",    "mknodat", "rename",
                                     "renameat", "renameat2", "rmdir",    "symlink", "symlinkat",
                                     "truncate", "unlink",    "unlinkat", NULL};

/* A netlink address is shorter than any other that can be bound. */
static const struct jail_rule rules[] = {
    {"clone", JAIL_ALLOW, 0, {JAIL_BITS(0, CLONE_THREAD, CLONE_THREAD)}},
    {"clone", JAIL_KILL, 0, {JAIL_BITS(0, CLONE_THREAD, 0)}},
    {"open", JAIL_ALLOW, 0, {JAIL_BITS(1, O_ACCMODE | O_CREAT, O_RDONLY)}},
    {"openat", JAIL_ALLOW, 0, {JAIL_BITS(2, O_ACCMODE | O_CREAT, O_RDONLY)}},
    JAIL_KILL_WRITING("open", 1),
    JAIL_KILL_WRITING("openat", 2),
    {"socket", JAIL_ALLOW, 0, {JAIL_ARGUMENT(0, AF_INET), JAIL_BITS(1, 0xf, SOCK_STREAM)}},
    {"socket", JAIL_ALLOW, 0, {JAIL_ARGUMENT(0, AF_INET), JAIL_BITS(1, 0xf, SOCK_DGRAM)}},
    {"socket", JAIL_ALLOW, 0, {JAIL_ARGUMENT(0, AF_INET6), JAIL_BITS(1, 0xf, SOCK_STREAM)}},
    {"socket", JAIL_ALLOW, 0, {JAIL_ARGUMENT(0, AF_INET6), JAIL_BITS(1, 0xf, SOCK_DGRAM)}},
    {"socket", JAIL_ALLOW, 0, {JAIL_ARGUMENT(0, AF_NETLINK), JAIL_ARGUMENT(2, NETLINK_ROUTE)}},
    /* libc asks now and then whether a cache of names runs. */
    {"socket", JAIL_REFUSE, EAFNOSUPPORT, {JAIL_ARGUMENT(0, AF_UNIX)}},
    {"socketpair", JAIL_ALLOW, 0, {JAIL_BITS(1, 0xf, SOCK_STREAM)}},
    {"bind", JAIL_ALLOW, 0, {JAIL_ARGUMENT(2, sizeof(struct sockaddr_nl))}},
    {"ioctl", JAIL_ALLOW, 0, {JAIL_ARGUMENT(1, FIONBIO)}},
    {"ioctl", JAIL_ALLOW, 0, {JAIL_ARGUMENT(1, FIONREAD)}},
    {0}};

static const struct jail_path paths[] = {
    /* names; resolv.conf may be a link into one of these directories */
    {ETC "gai.conf", JAIL_READ},
    {ETC "host.conf", JAIL_READ},
    {ETC "hostname", JAIL_READ},
    {ETC "hosts", JAIL_READ},
    {ETC "nsswitch.conf", JAIL_READ},
    {ETC "resolv.conf", JAIL_READ},
    {ETC "services", JAIL_READ},
    {"/run/NetworkManager", JAIL_READ},
    {"/run/connman", JAIL_READ},
    {"/run/netconfig", JAIL_READ},
    {"/run/resolvconf", JAIL_READ},
    {"/run/systemd/resolve", JAIL_READ},
    {"/run/nscd", JAIL_READ},
    /* trust */
    {ETC "ca-certificates", JAIL_READ},
    {ETC "pki", JAIL_READ},
    {ETC "ssl/certs", JAIL_READ},
    {ETC "ssl/openssl.cnf", JAIL_READ},
    {"/usr/lib/ssl", JAIL_READ},
    {"/usr/local/share/ca-certificates", JAIL_READ},
    {"/usr/share/ca-certificates", JAIL_READ},
    {"/usr/share/pki", JAIL_READ},
};

bool caller_jail_sees(const char *name)
{
    for (size_t i = 0; i < sizeof paths / sizeof paths[0]; i++) {
        if (strncmp(paths[i].path, ETC, strlen(ETC)) == 0 &&
            strcmp(paths[i].path + strlen(ETC), name) == 0) {
            return true;
        }
    }
    return false;
}

/* What the files are that libc has no code of its own for; the others are there already. */
static void load_name_service(const char *name, size_t length)
{
    char library[64];

    if (length < 32) {
        (void)snprintf(library, sizeof library, "libnss_%.*s.so.2", (int)length, name);
        (void)dlopen(library, RTLD_NOW | RTLD_NODELETE);
    }
}

/* libc loads what its configuration names when it is needed first; what is loaded then, it uses. */
static void load_name_services(void)
{
    static const char blanks[] = " \t\n";
    FILE *file = fopen(ETC "nsswitch.conf", "re");
    char *line = NULL;
    size_t size = 0;

    while (file && getline(&line, &size, file) > 0) {
        const char *word = line + strspn(line, blanks);

        if (strncmp(word, "hosts:", 6) != 0) {
            continue;
        }
        for (word += 6; *(word += strspn(word, blanks)) && *word != '#';) {
            size_t length = strcspn(word, " \t\n[");

            if (*word != '[') {
                load_name_service(word, length);
            }
            word += *word == '[' ? strcspn(word, "]") + (strchr(word, ']') != NULL) : length;
        }
    }
    free(line);
    if (file) {
        (void)fclose(file);
    }
}

int caller_jail_enter(void)
{
    static const struct jail jail = {
        .allowed = allowed,
        .killed = killed,
        .rules = rules,
        .paths = paths,
        .path_count = sizeof paths / sizeof paths[0],
        .connects = true,
    };
    struct problem problem;
    int r;

    load_name_services();
    r = jail_enter(&jail, &problem);
    if (r < 0) {
        log_event(LOG_LEVEL_ERROR, problem.text, NULL);
    }
    return r;
}
