#include "assent/supervisor/sockets.h"

#include <errno.h>
#include <grp.h>
#include <netdb.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <systemd/sd-daemon.h>
#include <unistd.h>

#include "assent/base/log.h"

#define UNIX_PREFIX "unix:"
#define BACKLOG     1024
#define HOST_LIMIT  256

static int listen_on(int fd, const struct sockaddr *address, socklen_t length)
{
    int one = 1;

    if (address->sa_family != AF_UNIX &&
        setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one) < 0) {
        return -errno;
    }
    if (address->sa_family == AF_INET6 &&
        setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &one, sizeof one) < 0) {
        return -errno;
    }
    if (bind(fd, address, length) < 0 || listen(fd, BACKLOG) < 0) {
        return -errno;
    }
    return 0;
}

static int open_listener(const struct sockaddr *address, socklen_t length, int *ret_fd)
{
    int fd = socket(address->sa_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    int r = fd < 0 ? -errno : listen_on(fd, address, length);

    if (r < 0) {
        if (fd >= 0) {
            (void)close(fd);
        }
        return r;
    }
    *ret_fd = fd;
    return 0;
}

/* Also by one that has no time yet, or that takes messages. */
static bool is_answered(int fd, const struct sockaddr_un *address)
{
    return connect(fd, (const struct sockaddr *)address, sizeof *address) == 0 || errno == EAGAIN ||
           errno == EPROTOTYPE;
}

/* A socket file outlives its daemon; one on which somebody answers is left alone. */
static int remove_stale_socket(const struct sockaddr_un *address)
{
    struct stat status;
    int fd;
    int r;

    if (lstat(address->sun_path, &status) < 0) {
        return errno == ENOENT ? 0 : -errno;
    }
    if (!S_ISSOCK(status.st_mode)) {
        return -ENOTSOCK;
    }
    fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0) {
        return -errno;
    }
    r = is_answered(fd, address) ? -EADDRINUSE : 0;
    (void)close(fd);
    if (r == 0 && unlink(address->sun_path) < 0) {
        r = -errno;
    }
    return r;
}

static int listen_unix(const char *path, mode_t mode, int *ret_fd)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    mode_t old_mask;
    int r;

    if (strlen(path) >= sizeof address.sun_path) {
        return -ENAMETOOLONG;
    }
    memcpy(address.sun_path, path, strlen(path) + 1);
    r = remove_stale_socket(&address);
    if (r < 0) {
        return r;
    }
    /* The mode must never be wider than asked for, not even for a moment. */
    old_mask = umask(0777 & ~mode);
    r = open_listener((const struct sockaddr *)&address, sizeof address, ret_fd);
    (void)umask(old_mask);
    return r;
}

/* Takes `host:port` or `[v6]:port` apart; config has checked the form. */
static int listen_inet(const char *text, int *ret_fd)
{
    const struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_PASSIVE};
    const char *colon = strrchr(text, ':');
    struct addrinfo *found = NULL;
    char host[HOST_LIMIT];
    size_t length;
    int r;

    if (!colon || (size_t)(colon - text) >= sizeof host) {
        return -EINVAL;
    }
    length = (size_t)(colon - text);
    if (length >= 2 && text[0] == '[' && text[length - 1] == ']') {
        text++;
        length -= 2;
    }
    memcpy(host, text, length);
    host[length] = '\0';
    if (getaddrinfo(host[0] ? host : NULL, colon + 1, &hints, &found) != 0) {
        return -EADDRNOTAVAIL;
    }
    r = open_listener(found->ai_addr, found->ai_addrlen, ret_fd);
    freeaddrinfo(found);
    return r;
}

static int listen_address(const char *text, int *ret_fd)
{
    if (strncmp(text, UNIX_PREFIX, strlen(UNIX_PREFIX)) == 0) {
        return listen_unix(text + strlen(UNIX_PREFIX), 0666, ret_fd);
    }
    return listen_inet(text, ret_fd);
}

/* The sockets that systemd passed under one of the names; see sd_listen_fds(3). Returns how many of
 * them there was no room for. */
static size_t take_passed(const char *name, const char *other_name, struct sockets *sockets)
{
    char **names = NULL;
    int count = sd_listen_fds_with_names(0, &names);
    size_t left_out = 0;

    for (int i = 0; i < count; i++) {
        if (strcmp(names[i], name) != 0 && (!other_name || strcmp(names[i], other_name) != 0)) {
            continue;
        }
        if (sockets->count < SOCKETS_LIMIT) {
            sockets->fds[sockets->count++] = SD_LISTEN_FDS_START + i;
        } else {
            left_out++;
        }
    }
    for (int i = 0; i < count; i++) {
        free(names[i]);
    }
    free(names);
    return left_out;
}

/* True if systemd passed any. */
static bool take_from_systemd(const char *section, const char *name, const char *other_name,
                              struct sockets *sockets)
{
    size_t left_out = take_passed(name, other_name, sockets);
    char count[24];

    if (sockets->count > 0) {
        log_event(LOG_LEVEL_INFO,
                  "listening on the sockets that systemd passed, not on those of the configuration",
                  "section", section, NULL);
    }
    if (left_out > 0) {
        (void)snprintf(count, sizeof count, "%zu", left_out);
        log_event(LOG_LEVEL_ERROR,
                  "systemd passed more sockets than can be listened on: nobody hears the last ones",
                  "section", section, "unheard", count, NULL);
    }
    return sockets->count > 0;
}

static int add_listeners(const struct config_texts *listen, struct sockets *sockets,
                         struct problem *ret_problem)
{
    for (size_t i = 0; i < listen->count; i++) {
        int r = listen_address(listen->items[i], &sockets->fds[sockets->count]);

        if (r < 0) {
            problem_set(ret_problem, "can't listen on %s: %s", listen->items[i], strerror(-r));
            return r;
        }
        sockets->count++;
    }
    return 0;
}

int sockets_open_public(const struct config *config, struct sockets *ret_sockets,
                        struct problem *ret_problem)
{
    struct sockets sockets = {0};
    int r = 0;

    if (!take_from_systemd("server", "public", "unknown", &sockets)) {
        r = add_listeners(&config->listen, &sockets, ret_problem);
    }
    if (r < 0) {
        sockets_close(&sockets);
        return r;
    }
    *ret_sockets = sockets;
    return 0;
}

static int set_group(const char *path, const char *group)
{
    const struct group *entry = getgrnam(group);

    if (!entry) {
        return -ENOENT;
    }
    return chown(path, (uid_t)-1, entry->gr_gid) < 0 ? -errno : 0;
}

static int add_socket(const struct config_interface *interface, struct sockets *sockets,
                      struct problem *ret_problem)
{
    int r = listen_unix(interface->socket, interface->socket_mode, &sockets->fds[sockets->count]);

    if (r < 0) {
        problem_set(ret_problem, "can't listen on %s: %s", interface->socket, strerror(-r));
        return r;
    }
    sockets->count++;
    if (interface->socket_group) {
        r = set_group(interface->socket, interface->socket_group);
    }
    if (r < 0) {
        problem_set(ret_problem,
                    "can't give %s to the group %s: %s; the user of assentd must be in it",
                    interface->socket, interface->socket_group, strerror(-r));
    }
    return r;
}

/* Tokens cross the network as they are. */
static void warn_of_network(const char *name, const struct config_texts *listen)
{
    for (size_t i = 0; i < listen->count; i++) {
        if (!listen_is_local(listen->items[i])) {
            log_event(
                LOG_LEVEL_WARNING,
                "other machines can connect here, and whoever listens on the way reads tokens",
                "section", name, "listen", listen->items[i], NULL);
        }
    }
}

int sockets_open_interface(const char *name, const struct config_interface *interface,
                           struct sockets *ret_sockets, struct problem *ret_problem)
{
    struct sockets sockets = {0};
    int r = 0;

    if (!take_from_systemd(name, name, NULL, &sockets)) {
        warn_of_network(name, &interface->listen);
        r = add_socket(interface, &sockets, ret_problem);
        if (r == 0) {
            r = add_listeners(&interface->listen, &sockets, ret_problem);
        }
    }
    if (r < 0) {
        sockets_close(&sockets);
        return r;
    }
    *ret_sockets = sockets;
    return 0;
}

void sockets_close(struct sockets *sockets)
{
    for (size_t i = 0; i < sockets->count; i++) {
        (void)close(sockets->fds[i]);
    }
    sockets->count = 0;
}
