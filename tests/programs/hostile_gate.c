/*
 * assentd as it is, but for the public gate: in its place stands an attacker, who does to core and to
 * the supervisor whatever the environment's ASSENT_TEST_HOSTILE says:
 *
 *   frames    noise on the stream to core
 *   channel   on the channel to the supervisor, everything that a role may not say
 *   deaf      says that it is ready, and never anything again, also when it shall stop
 *   silent    closes its channel and lives on
 *
 * Usage: hostile_gate -c FILE
 */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sysexits.h>
#include <unistd.h>

#include "assent/base/channel.h"
#include "assent/base/protocol.h"
#include "assent/caller/caller.h"
#include "assent/config/config.h"
#include "assent/core/core.h"
#include "assent/gate/gate.h"
#include "assent/runner/runner.h"
#include "assent/supervisor/supervisor.h"
#include "support/nasty.h"
#include "support/raw_packet.h"

/* One kind of packet in each life, again and again until it is ended. */
static _Noreturn void attack_channel(struct nasty *nasty)
{
    static const char long_one[100000];
    uint32_t kind = nasty_below(nasty, 7);

    for (;;) {
        const uint32_t packet[2] = {nasty_below(nasty, 12), nasty_below(nasty, 8)};

        switch (kind) {
        case 0:
            (void)channel_send(CHANNEL_FD, CHANNEL_READY, 0, -1);
            break;
        case 1:
            (void)channel_send(CHANNEL_FD, CHANNEL_RELOADED, packet[1], -1);
            break;
        case 2:
            (void)channel_send(CHANNEL_FD, CHANNEL_BROKEN, packet[1], -1);
            break;
        case 3:
            (void)raw_packet_send(CHANNEL_FD, long_one, nasty_below(nasty, sizeof long_one), 0);
            break;
        case 4:
            (void)raw_packet_send(CHANNEL_FD, packet, sizeof packet,
                                  1 + nasty_below(nasty, RAW_PACKET_DESCRIPTORS));
            break;
        case 5:
            (void)raw_packet_send(CHANNEL_FD, packet, 0, 0);
            break;
        default:
            (void)raw_packet_send(CHANNEL_FD, packet, sizeof packet, 0);
            break;
        }
    }
}

static void say_all(int stream, const struct buffer *bytes)
{
    size_t done = 0;

    while (done < bytes->length) {
        ssize_t sent = send(stream, bytes->data + done, bytes->length - done, MSG_NOSIGNAL);

        if (sent < 0) {
            return;
        }
        done += (size_t)sent;
    }
}

/* Mostly what a gate may say, so that core does not end it at once; it does not always listen. */
static _Noreturn void attack_core(struct nasty *nasty, int stream)
{
    static char drop[65536];

    for (;;) {
        struct buffer bytes = {0};

        if (nasty_below(nasty, 200)) {
            nasty_frame_of(nasty, nasty_below(nasty, 4) ? FRAME_REQUEST : FRAME_GONE, &bytes);
        } else {
            nasty_frame(nasty, &bytes);
        }
        say_all(stream, &bytes);
        buffer_free(&bytes);
        while (nasty_below(nasty, 2) && recv(stream, drop, sizeof drop, MSG_DONTWAIT) > 0) {
        }
    }
}

static _Noreturn void attack(int stream)
{
    const char *how = getenv("ASSENT_TEST_HOSTILE");
    struct nasty nasty = {.state = (uint64_t)getpid()};

    how = how ? how : "frames";
    if (strcmp(how, "channel") == 0) {
        attack_channel(&nasty);
    }
    if (strcmp(how, "frames") == 0) {
        attack_core(&nasty, stream);
    }
    if (strcmp(how, "silent") == 0) {
        (void)close(CHANNEL_FD);
    }
    for (;;) {
        (void)pause();
    }
}

/* Everything is taken as a gate takes it, up to START. Like one that has been taken over, it minds no
 * signals. */
static int hostile_main(void)
{
    struct channel_packet packet;
    int stream = -1;

    (void)signal(SIGTERM, SIG_IGN);
    (void)signal(SIGINT, SIG_IGN);
    (void)signal(SIGHUP, SIG_IGN);
    while (channel_receive(CHANNEL_FD, &packet) == 1) {
        if (packet.message == CHANNEL_STREAM) {
            stream = packet.fd;
        } else if (packet.message == CHANNEL_START) {
            (void)channel_send(CHANNEL_FD, CHANNEL_READY, 0, -1);
            attack(stream);
        }
    }
    return EXIT_FAILURE;
}

static int run_role(enum role role)
{
    switch (role) {
    case ROLE_GATE_PUBLIC:
        return hostile_main();
    case ROLE_CORE:
        return core_main();
    case ROLE_RUNNER:
        return runner_main();
    case ROLE_CALLER:
        return caller_main();
    default:
        return gate_main(role);
    }
}

int main(int argc, char **argv)
{
    struct config_errors errors = {0};
    struct config *config = NULL;
    enum role role = role_of_process(argc, argv);

    if (role != ROLE_COUNT) {
        return run_role(role);
    }
    if (argc != 3 || config_load(argv[2], &config, &errors) < 0) {
        (void)fprintf(stderr, "usage: hostile_gate -c FILE\n");
        return EX_USAGE;
    }
    return supervisor_run(argv[2], config);
}
