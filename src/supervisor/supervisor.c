#include "assent/supervisor/supervisor.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <sysexits.h>
#include <systemd/sd-daemon.h>
#include <systemd/sd-event.h>
#include <time.h>
#include <unistd.h>

#include "assent/base/channel.h"
#include "assent/base/clock.h"
#include "assent/base/jail.h"
#include "assent/base/log.h"
#include "assent/base/reap.h"
#include "assent/supervisor/restart_only.h"
#include "assent/supervisor/role_process.h"
#include "assent/supervisor/sockets.h"
#include "assent/supervisor/state_lock.h"
#include "assent/supervisor/watchdog.h"

#define PAUSE_FIRST_MS   50
#define PAUSE_LONGEST_MS 10000
/* A role that lived this many times its last pause starts again after the first pause. */
#define PAUSE_FORGIVEN_AFTER 10
/* The whole stop takes 5 s at the most. What is left by then is killed, and what a killed runner leaves is
 * ended too, which takes a while. */
#define STOP_LIMIT_US 4500000u
/* A role that has not answered a reload by then is ended, and comes back with the new configuration. */
#define RELOAD_LIMIT_US 20000000u
/* Before a role that can't use its stream to core gets another. */
#define STREAM_PAUSE_US   2000000u
#define TIMER_ACCURACY_US 10000u

struct supervisor;

struct child {
    struct supervisor *supervisor;
    enum role role;
    pid_t pid; /* 0 while there is none */
    int channel;
    sd_event_source *channel_source;
    sd_event_source *pause_source;
    sd_event_source *stream_source; /* until it gets another stream to core */
    int64_t started_at;
    int64_t pause_ms;
    bool ready;
    unsigned reloads; /* configurations that it was sent and has not answered yet */
    unsigned answers; /* and those of which it may say anything at all */
    unsigned pings;   /* that it has not answered */
};

struct supervisor {
    sd_event *loop;
    const char *path;
    struct config *config;
    struct child children[ROLE_COUNT];
    struct sockets sockets[ROLE_COUNT]; /* of gates */
    int lock_fd;
    struct role_program program;
    bool announced; /* the service manager knows that we are ready */
    bool reloading; /* and that we are not, for a moment */
    sd_event_source *reload_source;
    struct watchdog *watchdog; /* NULL where the service manager wants none */
    bool stopping;
    int exit_status;
};

/* Agents have a gate only where the configuration says so. */
static bool wanted(const struct supervisor *supervisor, enum role role)
{
    return role != ROLE_GATE_AGENT || supervisor->sockets[role].count > 0;
}

static bool alive(const struct supervisor *supervisor, enum role role)
{
    return supervisor->children[role].pid > 0;
}

static void tell(struct child *child, enum channel_message message, uint32_t argument, int fd)
{
    int r = child->pid > 0 ? channel_send(child->channel, message, argument, fd) : 0;

    if (r < 0 && r != -EPIPE && r != -ECONNRESET) {
        log_event(LOG_LEVEL_ERROR, "a role does not listen and is ended", "name",
                  role_name(child->role), "error", strerror(-r), NULL);
        (void)kill(child->pid, SIGKILL);
    }
}

/* Gives a role its part of the configuration. */
static int send_config(struct child *child)
{
    struct buffer bytes = {0};
    int r = config_pack(child->supervisor->config, child->role, &bytes);
    int fd = r < 0 ? r : channel_memory_file("assentd-config", bytes.data, bytes.length);

    buffer_wipe(&bytes);
    if (fd < 0) {
        return fd;
    }
    tell(child, CHANNEL_CONFIG, 0, fd);
    (void)close(fd);
    return 0;
}

static void send_sockets(struct child *child, const struct sockets *sockets)
{
    for (size_t i = 0; i < sockets->count; i++) {
        tell(child, CHANNEL_LISTEN, 0, sockets->fds[i]);
    }
}

/* Makes a stream between core and another role, if both are there. */
static int connect_to_core(struct supervisor *supervisor, enum role other)
{
    int stream[2];

    if (!alive(supervisor, ROLE_CORE) || !alive(supervisor, other)) {
        return 0;
    }
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, stream) < 0) {
        return -errno;
    }
    tell(&supervisor->children[ROLE_CORE], CHANNEL_STREAM, other, stream[0]);
    tell(&supervisor->children[other], CHANNEL_STREAM, ROLE_CORE, stream[1]);
    (void)close(stream[0]);
    (void)close(stream[1]);
    return 0;
}

static int connect_child(struct child *child)
{
    int r = 0;

    if (child->role != ROLE_CORE) {
        return connect_to_core(child->supervisor, child->role);
    }
    for (int other = 0; other < ROLE_COUNT && r == 0; other++) {
        if (other != ROLE_CORE) {
            r = connect_to_core(child->supervisor, (enum role)other);
        }
    }
    return r;
}

static int on_channel(sd_event_source *source, int fd, uint32_t revents, void *userdata);

/* Nothing of an old runner may live beside a new one: what its hooks left is our child now. */
static int end_orphans(const struct supervisor *supervisor)
{
    pid_t keep[ROLE_COUNT];
    size_t count = 0;
    int r;

    for (int role = 0; role < ROLE_COUNT; role++) {
        if (supervisor->children[role].pid > 0) {
            keep[count++] = supervisor->children[role].pid;
        }
    }
    r = reap_orphans(keep, count);
    if (r < 0) {
        log_event(LOG_LEVEL_ERROR, "can't end what the last runner has left", "error", strerror(-r),
                  NULL);
    }
    return r;
}

static int start_child(struct child *child)
{
    struct supervisor *supervisor = child->supervisor;
    int r = child->role == ROLE_RUNNER ? end_orphans(supervisor) : 0;

    if (r == 0) {
        r = role_process_start(child->role, &supervisor->program, supervisor->lock_fd, &child->pid,
                               &child->channel);
    }
    if (r < 0) {
        return r;
    }
    child->started_at = clock_monotonic_ms();
    child->ready = false;
    r = sd_event_add_io(supervisor->loop, &child->channel_source, child->channel, EPOLLIN,
                        on_channel, child);
    if (r >= 0) {
        r = send_config(child);
    }
    if (r >= 0) {
        r = connect_child(child);
    }
    /* A gate that has no stream yet would turn away whoever has connected already. */
    send_sockets(child, &supervisor->sockets[child->role]);
    tell(child, CHANNEL_START, 0, -1);
    return r < 0 ? r : 0;
}

static void announce_if_ready(struct supervisor *supervisor)
{
    for (int role = 0; role < ROLE_COUNT; role++) {
        if (wanted(supervisor, (enum role)role) && !supervisor->children[role].ready) {
            return;
        }
    }
    if (!supervisor->announced && !supervisor->stopping) {
        supervisor->announced = true;
        log_event(LOG_LEVEL_INFO, "ready", "version", ASSENT_VERSION, NULL);
        (void)sd_notify(0, "READY=1\nSTATUS=Listening");
    }
}

/* Whoever is told that the reload is over may rely on every role. */
static void announce_if_reloaded(struct supervisor *supervisor)
{
    for (int role = 0; role < ROLE_COUNT; role++) {
        if (supervisor->children[role].reloads > 0) {
            return;
        }
    }
    if (supervisor->reloading && !supervisor->stopping) {
        supervisor->reloading = false;
        supervisor->reload_source = sd_event_source_disable_unref(supervisor->reload_source);
        (void)sd_notify(0, "READY=1");
    }
}

/* It has broken the rules of its stream or of its channel; only a new process gets new ones. */
static void end_broken(struct supervisor *supervisor, uint32_t role)
{
    if (role < ROLE_COUNT && alive(supervisor, (enum role)role)) {
        log_event(LOG_LEVEL_ERROR, "a role sent what it may not and is ended", "name",
                  role_name((enum role)role), NULL);
        (void)kill(supervisor->children[role].pid, SIGKILL);
    }
}

static void reloaded(struct child *child, uint32_t error)
{
    if (error != 0) {
        log_event(LOG_LEVEL_ERROR, "a role keeps its old configuration", "name",
                  role_name(child->role), "error", strerror((int)error), NULL);
    }
    child->reloads -= child->reloads > 0;
    announce_if_reloaded(child->supervisor);
}

static int on_stream_pause_over(sd_event_source *source, uint64_t time, void *userdata);

/* At once it would only break again. */
static void connect_later(struct child *child)
{
    struct supervisor *supervisor = child->supervisor;

    if (!child->stream_source) {
        (void)sd_event_add_time_relative(supervisor->loop, &child->stream_source, CLOCK_MONOTONIC,
                                         STREAM_PAUSE_US, TIMER_ACCURACY_US, on_stream_pause_over,
                                         child);
    }
}

static int on_stream_pause_over(sd_event_source *source, uint64_t time, void *userdata)
{
    struct child *child = userdata;

    (void)source;
    (void)time;
    child->stream_source = sd_event_source_disable_unref(child->stream_source);
    if (!child->supervisor->stopping && connect_to_core(child->supervisor, child->role) < 0) {
        connect_later(child);
    }
    return 0;
}

/* Returns false for what this role may not say now. */
static bool heed(struct child *child, const struct channel_packet *packet)
{
    if (packet->fd >= 0) {
        return false;
    }
    if (packet->message == CHANNEL_READY && !child->ready) {
        child->ready = true;
        announce_if_ready(child->supervisor);
        return true;
    }
    if (packet->message == CHANNEL_PONG && child->pings > 0) {
        child->pings--;
        return true;
    }
    if (packet->message == CHANNEL_RELOADED && child->answers > 0) {
        child->answers--;
        reloaded(child, packet->argument);
        return true;
    }
    if (packet->message == CHANNEL_LOST && child->role != ROLE_CORE) {
        connect_later(child);
        return true;
    }
    if (packet->message == CHANNEL_BROKEN && child->role == ROLE_CORE) {
        end_broken(child->supervisor, packet->argument);
        return true;
    }
    return false;
}

/* A role that closes its channel has ended, or can't be led any more. */
static int on_channel(sd_event_source *source, int fd, uint32_t revents, void *userdata)
{
    struct child *child = userdata;
    struct channel_packet packet;
    int r = channel_receive(fd, &packet);

    (void)revents;
    if (r == -EAGAIN || (r == 1 && heed(child, &packet))) {
        return 0;
    }
    if (r == 1 && packet.fd >= 0) {
        (void)close(packet.fd);
    }
    (void)sd_event_source_set_enabled(source, SD_EVENT_OFF);
    if (r == 0) {
        (void)kill(child->pid, SIGKILL);
    } else {
        end_broken(child->supervisor, child->role);
    }
    return 0;
}

static int on_pause_over(sd_event_source *source, uint64_t time, void *userdata);

static void start_later(struct child *child)
{
    bool forgiven =
        clock_monotonic_ms() - child->started_at > PAUSE_FORGIVEN_AFTER * child->pause_ms;

    if (child->pause_ms == 0 || forgiven) {
        child->pause_ms = PAUSE_FIRST_MS;
    } else {
        child->pause_ms =
            child->pause_ms * 2 < PAUSE_LONGEST_MS ? child->pause_ms * 2 : PAUSE_LONGEST_MS;
    }
    child->pause_source = sd_event_source_unref(child->pause_source);
    (void)sd_event_add_time_relative(child->supervisor->loop, &child->pause_source, CLOCK_MONOTONIC,
                                     (uint64_t)child->pause_ms * 1000, TIMER_ACCURACY_US,
                                     on_pause_over, child);
}

static int on_pause_over(sd_event_source *source, uint64_t time, void *userdata)
{
    struct child *child = userdata;
    int r;

    (void)source;
    (void)time;
    if (child->supervisor->stopping) {
        return 0;
    }
    r = start_child(child);
    if (r < 0) {
        log_event(LOG_LEVEL_ERROR, "can't start a role, trying again", "name",
                  role_name(child->role), "error", strerror(-r), NULL);
    }
    if (r < 0 && child->pid > 0) {
        /* It lacks its configuration or a stream, which it gets at its start only. */
        (void)kill(child->pid, SIGKILL);
    } else if (r < 0) {
        start_later(child);
    }
    return 0;
}

/* The last step of a stop: everyone who talks to core has gone, so core may go. */
static void stop_core_if_alone(struct supervisor *supervisor)
{
    for (int role = 0; role < ROLE_COUNT; role++) {
        if (role != ROLE_CORE && alive(supervisor, (enum role)role)) {
            return;
        }
    }
    if (alive(supervisor, ROLE_CORE)) {
        tell(&supervisor->children[ROLE_CORE], CHANNEL_STOP, 0, -1);
    } else {
        (void)sd_event_exit(supervisor->loop, supervisor->exit_status);
    }
}

static int on_stop_limit(sd_event_source *source, uint64_t time, void *userdata)
{
    struct supervisor *supervisor = userdata;

    (void)source;
    (void)time;
    for (int role = 0; role < ROLE_COUNT; role++) {
        if (alive(supervisor, (enum role)role)) {
            log_event(LOG_LEVEL_WARNING, "a role did not stop in time and is killed", "name",
                      role_name((enum role)role), NULL);
            (void)kill(supervisor->children[role].pid, SIGKILL);
        }
    }
    return 0;
}

static void stop(struct supervisor *supervisor, int exit_status)
{
    static const enum role first[] = {ROLE_GATE_PUBLIC, ROLE_GATE_CONTROL, ROLE_GATE_AGENT,
                                      ROLE_RUNNER, ROLE_CALLER};

    if (supervisor->stopping) {
        return;
    }
    supervisor->stopping = true;
    supervisor->exit_status = exit_status;
    (void)sd_notify(0, "STOPPING=1\nSTATUS=Stopping");
    (void)sd_event_add_time_relative(supervisor->loop, NULL, CLOCK_MONOTONIC, STOP_LIMIT_US,
                                     TIMER_ACCURACY_US, on_stop_limit, supervisor);
    tell(&supervisor->children[ROLE_CORE], CHANNEL_QUIESCE, 0, -1);
    for (size_t i = 0; i < sizeof first / sizeof first[0]; i++) {
        tell(&supervisor->children[first[i]], CHANNEL_STOP, 0, -1);
    }
    stop_core_if_alone(supervisor);
}

static void say_how_it_ended(const struct child *child, int status)
{
    char how[64];

    if (WIFSIGNALED(status) && WTERMSIG(status) == SIGSYS) {
        log_event(LOG_LEVEL_ERROR,
                  "a role tried what its jail forbids, was ended by it and is started again",
                  "name", role_name(child->role), "how", "signal SIGSYS", NULL);
        return;
    }
    if (WIFSIGNALED(status)) {
        (void)snprintf(how, sizeof how, "signal %d (%s)", WTERMSIG(status),
                       strsignal(WTERMSIG(status)));
    } else {
        (void)snprintf(how, sizeof how, "exit status %d", WEXITSTATUS(status));
    }
    log_event(LOG_LEVEL_WARNING, "a role ended and is started again", "name",
              role_name(child->role), "how", how, NULL);
}

static void child_ended(struct child *child, int status)
{
    struct supervisor *supervisor = child->supervisor;

    child->pid = 0;
    child->ready = false;
    child->reloads = 0;
    child->answers = 0;
    child->pings = 0;
    announce_if_reloaded(supervisor);
    child->channel_source = sd_event_source_disable_unref(child->channel_source);
    child->stream_source = sd_event_source_disable_unref(child->stream_source);
    (void)close(child->channel);
    if (supervisor->stopping) {
        stop_core_if_alone(supervisor);
    } else if (WIFEXITED(status) && WEXITSTATUS(status) == EX_CONFIG) {
        /* The role has said why; starting it again would only say it again. */
        stop(supervisor, EX_CONFIG);
    } else {
        say_how_it_ended(child, status);
        start_later(child);
    }
}

/* Roles are our children, and whatever hooks left behind has become so too. */
static int on_child_signal(sd_event_source *source, const struct signalfd_siginfo *info,
                           void *userdata)
{
    struct supervisor *supervisor = userdata;
    int status;
    pid_t pid;

    (void)source;
    (void)info;
    while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
        for (int role = 0; role < ROLE_COUNT; role++) {
            if (supervisor->children[role].pid == pid) {
                child_ended(&supervisor->children[role], status);
            }
        }
    }
    return 0;
}

static int on_stop_signal(sd_event_source *source, const struct signalfd_siginfo *info,
                          void *userdata)
{
    (void)source;
    log_event(LOG_LEVEL_INFO, "stopping", "signal", strsignal((int)info->ssi_signo), NULL);
    stop(userdata, EXIT_SUCCESS);
    return 0;
}

/* One that has not begun yet takes it as its first, and answers nothing. */
static void hand_on(struct child *child)
{
    if (child->pid <= 0) {
        return;
    }
    if (send_config(child) < 0) {
        log_event(LOG_LEVEL_ERROR, "no memory to hand on the configuration", NULL);
    } else {
        child->reloads += child->ready;
        child->answers++;
    }
}

static int on_reload_limit(sd_event_source *source, uint64_t time, void *userdata)
{
    struct supervisor *supervisor = userdata;

    (void)source;
    (void)time;
    for (int role = 0; role < ROLE_COUNT; role++) {
        struct child *child = &supervisor->children[role];

        if (child->pid > 0 && child->reloads > 0) {
            log_event(LOG_LEVEL_ERROR, "a role does not answer a reload and is ended", "name",
                      role_name(child->role), NULL);
            (void)kill(child->pid, SIGKILL);
        }
    }
    return 0;
}

/* Nobody who asked for the reload waits for a role that does not answer. */
static void limit_reload(struct supervisor *supervisor)
{
    supervisor->reload_source = sd_event_source_disable_unref(supervisor->reload_source);
    (void)sd_event_add_time_relative(supervisor->loop, &supervisor->reload_source, CLOCK_MONOTONIC,
                                     RELOAD_LIMIT_US, TIMER_ACCURACY_US, on_reload_limit,
                                     supervisor);
}

static void take_new_config(struct supervisor *supervisor, struct config *config)
{
    restart_only_warn(supervisor->config, config);
    config_free(supervisor->config);
    supervisor->config = config;
    log_set_level(config->log_level);
    for (int role = 0; role < ROLE_COUNT; role++) {
        hand_on(&supervisor->children[role]);
    }
    limit_reload(supervisor);
    log_event(LOG_LEVEL_INFO, "configuration reloaded", "file", supervisor->path, NULL);
}

static int on_reload_signal(sd_event_source *source, const struct signalfd_siginfo *info,
                            void *userdata)
{
    struct supervisor *supervisor = userdata;
    struct config_errors errors = {0};
    struct config *config = NULL;
    int r;

    (void)source;
    (void)info;
    if (supervisor->announced) {
        supervisor->reloading = true;
        (void)sd_notifyf(0, "RELOADING=1\nMONOTONIC_USEC=%lld", (long long)clock_monotonic_us());
    }
    r = config_load(supervisor->path, &config, &errors);
    for (size_t i = 0; i < errors.count; i++) {
        log_event(LOG_LEVEL_ERROR, errors.lines[i], NULL);
    }
    if (r < 0) {
        log_event(LOG_LEVEL_ERROR, "not reloaded: the configuration is as it was", "file",
                  supervisor->path, NULL);
    } else {
        take_new_config(supervisor, config);
    }
    config_errors_free(&errors);
    announce_if_reloaded(supervisor);
    return 0;
}

/* One that is still opening the store has longer. */
static void on_beat(void *userdata)
{
    struct supervisor *supervisor = userdata;

    for (int role = 0; role < ROLE_COUNT && !supervisor->stopping; role++) {
        struct child *child = &supervisor->children[role];

        if (child->ready && child->pings == WATCHDOG_BEATS) {
            log_event(LOG_LEVEL_ERROR, "a role hangs and is ended", "name", role_name(child->role),
                      NULL);
            (void)kill(child->pid, SIGKILL);
        } else if (child->ready) {
            child->pings++;
            tell(child, CHANNEL_PING, 0, -1);
        }
    }
}

static int watch_signals(struct supervisor *supervisor)
{
    static const struct {
        int signal;
        sd_event_signal_handler_t handler;
    } watched[] = {
        {SIGCHLD, on_child_signal},
        {SIGTERM, on_stop_signal},
        {SIGINT, on_stop_signal},
        {SIGHUP, on_reload_signal},
    };
    sigset_t set;
    int r = 0;

    (void)sigemptyset(&set);
    for (size_t i = 0; i < sizeof watched / sizeof watched[0]; i++) {
        (void)sigaddset(&set, watched[i].signal);
    }
    (void)sigprocmask(SIG_BLOCK, &set, NULL);
    (void)signal(SIGPIPE, SIG_IGN);
    for (size_t i = 0; i < sizeof watched / sizeof watched[0] && r >= 0; i++) {
        r = sd_event_add_signal(supervisor->loop, NULL, watched[i].signal, watched[i].handler,
                                supervisor);
    }
    return r < 0 ? r : 0;
}

/* The roles put their jails on themselves; this is what the user is told about them, once. */
static int check_jails(const struct config *config, struct problem *ret_problem)
{
    int r;

    if (!config->jail) {
        log_event(LOG_LEVEL_WARNING, "roles are in no jails, since [server] jail is off", NULL);
        return 0;
    }
    r = jail_check(ret_problem);
    if (r == 0 && !jail_confines_files()) {
        log_event(LOG_LEVEL_WARNING,
                  "the kernel has no Landlock, so that only file permissions keep core and caller "
                  "from other files",
                  NULL);
    }
    /* Hooks have the same user, and here are all the secrets. */
    jail_hide_memory();
    return r;
}

static int open_sockets(struct supervisor *supervisor, struct problem *ret_problem)
{
    const struct config *config = supervisor->config;
    struct sockets *sockets = supervisor->sockets;
    int r = sockets_open_public(config, &sockets[ROLE_GATE_PUBLIC], ret_problem);

    if (r == 0) {
        r = sockets_open_interface("control", &config->control, &sockets[ROLE_GATE_CONTROL],
                                   ret_problem);
    }
    if (r == 0 && config->agent.socket) {
        r = sockets_open_interface("agent", &config->agent, &sockets[ROLE_GATE_AGENT], ret_problem);
    }
    return r;
}

/* Everything that must be there before the first role: 0, or negative errno with a problem. */
static int prepare(struct supervisor *supervisor, struct problem *ret_problem)
{
    char identity[STATE_LOCK_IDENTITY_LIMIT + 1];
    int r;

    r = check_jails(supervisor->config, ret_problem);
    if (r < 0) {
        return r;
    }
    problem_set(ret_problem, "can't start");
    if (prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) < 0) {
        return -errno;
    }
    r = role_program_open(&supervisor->program);
    if (r < 0) {
        return r;
    }
    r = state_lock_take(supervisor->config->store_path, &supervisor->lock_fd, identity,
                        ret_problem);
    if (r < 0) {
        return r;
    }
    r = identity[0] ? reap_marked(identity) : 0;
    if (r < 0) {
        problem_set(ret_problem, "can't end what hooks of an earlier run have left: %s",
                    strerror(-r));
        return r;
    }
    return open_sockets(supervisor, ret_problem);
}

static int run(struct supervisor *supervisor)
{
    int r = sd_event_new(&supervisor->loop);

    if (r >= 0) {
        r = watch_signals(supervisor);
    }
    if (r >= 0) {
        r = watchdog_new(supervisor->loop, on_beat, supervisor, &supervisor->watchdog);
    }
    /* Core first: the others find their stream to it before their START, so that a gate that is
     * ready can serve. */
    for (int i = 0; i < ROLE_COUNT && r >= 0; i++) {
        enum role role = (enum role)((ROLE_CORE + i) % ROLE_COUNT);

        supervisor->children[role].supervisor = supervisor;
        supervisor->children[role].role = role;
        if (wanted(supervisor, role)) {
            r = start_child(&supervisor->children[role]);
        }
    }
    if (r >= 0) {
        r = sd_event_loop(supervisor->loop);
    }
    return r;
}

static void close_if_open(int fd)
{
    if (fd >= 0) {
        (void)close(fd);
    }
}

static void supervisor_clear(struct supervisor *supervisor)
{
    for (int role = 0; role < ROLE_COUNT; role++) {
        struct child *child = &supervisor->children[role];

        child->channel_source = sd_event_source_disable_unref(child->channel_source);
        child->pause_source = sd_event_source_disable_unref(child->pause_source);
        child->stream_source = sd_event_source_disable_unref(child->stream_source);
        if (child->pid > 0) {
            (void)close(child->channel);
        }
        sockets_close(&supervisor->sockets[role]);
    }
    close_if_open(supervisor->lock_fd);
    close_if_open(supervisor->program.fd);
    sd_event_source_disable_unref(supervisor->reload_source);
    watchdog_free(supervisor->watchdog);
    sd_event_unref(supervisor->loop);
    config_free(supervisor->config);
}

int supervisor_run(const char *path, struct config *config)
{
    struct supervisor supervisor = {
        .path = path, .config = config, .lock_fd = -1, .program = {.fd = -1}};
    struct problem problem;
    int status;
    int r;

    log_open("supervisor");
    log_set_level(config->log_level);
    r = prepare(&supervisor, &problem);
    if (r < 0) {
        log_event(LOG_LEVEL_ERROR, problem.text, NULL);
    } else {
        r = run(&supervisor);
        (void)end_orphans(&supervisor);
    }
    status = r < 0 ? EXIT_FAILURE : r;
    if (r >= 0) {
        log_event(LOG_LEVEL_INFO, "stopped", NULL);
    }
    supervisor_clear(&supervisor);
    return status;
}
