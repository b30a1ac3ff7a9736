#include "assent/gate/connections.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "assent/base/clock.h"
#include "assent/gate/forwarded.h"
#include "assent/gate/visitors.h"

#define CONTROL_LIMIT   8192
#define DEFAULT_TIMEOUT 10000
/* Whoever is refused is told so, if few are at a time and if they soon send a request. */
#define REFUSED_LIMIT   256
#define REFUSED_TIMEOUT 2000
/* Whoever is that slow may lose its place. */
#define SLOW_AFTER_MS   1000
#define REAP_LEAST_MS   25
#define REAP_LONGEST_MS 1000

/* All in it have the same time, so the oldest is the next. */
struct connections_queue {
    struct connection *oldest;
    struct connection *newest;
    int64_t timeout;
};

struct connections {
    pthread_mutex_t lock; /* of all */
    unsigned limit;
    unsigned limit_per_address;
    struct quantity_rate rate;
    struct config_proxies proxies;
    unsigned counted;
    unsigned refused;
    struct visitors *visitors;
    struct connections_queue awaited;
    struct connections_queue refused_queue;
};

int connections_new(enum role role, struct connections **ret_connections)
{
    struct connections *connections = calloc(1, sizeof *connections);

    if (!connections || visitors_new(&connections->visitors) < 0) {
        free(connections);
        return -ENOMEM;
    }
    if (pthread_mutex_init(&connections->lock, NULL)) {
        visitors_free(connections->visitors);
        free(connections);
        return -ENOMEM;
    }
    connections->limit = CONTROL_LIMIT;
    connections->limit_per_address = role == ROLE_GATE_PUBLIC ? 0 : CONTROL_LIMIT;
    connections->awaited.timeout = DEFAULT_TIMEOUT;
    connections->refused_queue.timeout = REFUSED_TIMEOUT;
    *ret_connections = connections;
    return 0;
}

/* The control gate is told none of them: its limits stay. */
int connections_configure(struct connections *connections, const struct config *config)
{
    size_t size = config->trusted_proxies.count * sizeof(struct network);
    struct network *networks = malloc(size + 1);

    if (!networks) {
        return -ENOMEM;
    }
    if (size > 0) {
        memcpy(networks, config->trusted_proxies.networks, size);
    }
    pthread_mutex_lock(&connections->lock);
    free(connections->proxies.networks);
    connections->proxies = config->trusted_proxies;
    connections->proxies.networks = networks;
    connections->rate = config->request_rate;
    if (config->max_connections > 0) {
        connections->limit = config->max_connections;
        connections->limit_per_address = config->max_connections_per_address;
        connections->awaited.timeout = config->request_timeout_ms;
    }
    pthread_mutex_unlock(&connections->lock);
    return 0;
}

/* --- the queues ------------------------------------------------------------------------------- */

static void unqueue(struct connection *connection)
{
    struct connections_queue *queue = connection->queue;

    if (!queue) {
        return;
    }
    *(connection->older ? &connection->older->newer : &queue->oldest) = connection->newer;
    *(connection->newer ? &connection->newer->older : &queue->newest) = connection->older;
    connection->queue = NULL;
}

static void enqueue(struct connections_queue *queue, struct connection *connection, int64_t now)
{
    unqueue(connection);
    connection->queue = queue;
    connection->since = now;
    connection->newer = NULL;
    connection->older = queue->newest;
    *(queue->newest ? &queue->newest->newer : &queue->oldest) = connection;
    queue->newest = connection;
}

static void uncount(struct connections *connections, struct connection *connection)
{
    if (connection->is_counted) {
        connection->is_counted = false;
        connections->counted--;
    }
}

/* The library sees the end and closes it; until then it has no place any more. */
static void end(struct connections *connections, struct connection *connection)
{
    unqueue(connection);
    uncount(connections, connection);
    (void)shutdown(connection->fd, SHUT_RDWR);
}

/* --- coming and going ------------------------------------------------------------------------- */

static bool make_room(struct connections *connections, int64_t now)
{
    struct connection *slowest = connections->awaited.oldest;

    if (connections->counted < connections->limit) {
        return true;
    }
    if (!slowest || now - slowest->since < SLOW_AFTER_MS) {
        return false;
    }
    end(connections, slowest);
    return true;
}

static enum answer find_objection(struct connections *connections, struct connection *connection,
                                  int64_t now)
{
    struct address client = address_client(&connection->address);

    if (connection->has_address && !connection->is_trusted) {
        if (!visitors_enter(connections->visitors, &client, connections->limit_per_address, now)) {
            return ANSWER_TOO_MANY_CONNECTIONS;
        }
        connection->is_entered = true;
    }
    return make_room(connections, now) ? ANSWER_NONE : ANSWER_FULL;
}

static void refuse(struct connections *connections, struct connection *connection, int64_t now)
{
    connections->refused++;
    if (connections->refused > REFUSED_LIMIT) {
        end(connections, connection);
    } else {
        enqueue(&connections->refused_queue, connection, now);
    }
}

void connections_open(struct connections *connections, struct connection *connection, int fd,
                      const struct sockaddr *address)
{
    int64_t now = clock_monotonic_ms();

    *connection = (struct connection){.fd = fd};
    connection->has_address = address_from_socket(address, &connection->address);
    pthread_mutex_lock(&connections->lock);
    connection->is_trusted = connection->has_address
                                 ? forwarded_is_trusted(&connections->proxies, &connection->address)
                                 : connections->proxies.unix_sockets;
    connection->objection = find_objection(connections, connection, now);
    if (connection->objection == ANSWER_NONE) {
        connection->is_counted = true;
        connections->counted++;
        enqueue(&connections->awaited, connection, now);
    } else {
        refuse(connections, connection, now);
    }
    pthread_mutex_unlock(&connections->lock);
}

void connections_close(struct connections *connections, struct connection *connection)
{
    struct address client = address_client(&connection->address);

    pthread_mutex_lock(&connections->lock);
    unqueue(connection);
    uncount(connections, connection);
    if (connection->is_entered) {
        visitors_leave(connections->visitors, &client);
    }
    if (connection->objection != ANSWER_NONE) {
        connections->refused--;
    }
    pthread_mutex_unlock(&connections->lock);
}

unsigned connections_count(struct connections *connections)
{
    pthread_mutex_lock(&connections->lock);
    unsigned count = connections->counted;
    pthread_mutex_unlock(&connections->lock);
    return count;
}

void connections_await(struct connections *connections, struct connection *connection)
{
    pthread_mutex_lock(&connections->lock);
    if (connection->is_counted) {
        enqueue(&connections->awaited, connection, clock_monotonic_ms());
    }
    pthread_mutex_unlock(&connections->lock);
}

void connections_rest(struct connections *connections, struct connection *connection)
{
    pthread_mutex_lock(&connections->lock);
    unqueue(connection);
    pthread_mutex_unlock(&connections->lock);
}

static void reap(struct connections *connections, struct connections_queue *queue, int64_t now)
{
    while (queue->oldest && now - queue->oldest->since >= queue->timeout) {
        end(connections, queue->oldest);
    }
}

int64_t connections_reap(struct connections *connections)
{
    int64_t now = clock_monotonic_ms();

    pthread_mutex_lock(&connections->lock);
    reap(connections, &connections->awaited, now);
    reap(connections, &connections->refused_queue, now);
    int64_t pause = connections->awaited.timeout / 8;
    pthread_mutex_unlock(&connections->lock);
    return pause < REAP_LEAST_MS     ? REAP_LEAST_MS
           : pause > REAP_LONGEST_MS ? REAP_LONGEST_MS
                                     : pause;
}

/* --- requests --------------------------------------------------------------------------------- */

enum answer connections_admit(struct connections *connections, const struct connection *connection,
                              const struct head *head, char peer[PEER_TEXT_SIZE],
                              unsigned *ret_retry_after)
{
    struct address address = connection->address;
    bool limited = connection->has_address && !connection->is_trusted;
    unsigned wait = 0;

    pthread_mutex_lock(&connections->lock);
    if (connection->is_trusted && forwarded_from(head, &connections->proxies, &address)) {
        address_to_text(&address, peer);
        limited = !forwarded_is_trusted(&connections->proxies, &address);
    }
    if (limited && connections->rate.count > 0) {
        address = address_client(&address);
        wait = visitors_request(connections->visitors, &address, &connections->rate,
                                clock_monotonic_ms());
    }
    pthread_mutex_unlock(&connections->lock);
    if (wait == 0) {
        return ANSWER_NONE;
    }
    *ret_retry_after = wait;
    return ANSWER_TOO_MANY_REQUESTS;
}

void connections_free(struct connections *connections)
{
    if (!connections) {
        return;
    }
    free(connections->proxies.networks);
    visitors_free(connections->visitors);
    pthread_mutex_destroy(&connections->lock);
    free(connections);
}
