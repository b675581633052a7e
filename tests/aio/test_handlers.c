/* Goal: handlers are level-triggered, any number of them, and gone once removed, on every waiter.
 */
#include <stdatomic.h>
#include <string.h>

#include <glib.h>

#include "aio/context.h"
#include "aio/loop.h"
#include "aio/notifier.h"
#include "aio/timer.h"
#include "platform/clock.h"
#include "platform/process.h"
#include "platform/socket.h"
#include "platform/thread.h"
#include "tests/aio/again.h"
#include "tests/aio/contract.h"

struct fixture {
    struct contract base;
};

/* Two ends of a TCP connection, the near one with a handler. */
struct pair {
    struct fixture *fixture;
    struct host_handle near;
    struct host_handle far;
    unsigned reads, writes;
    int64_t received; /* of the last read */
    bool leave;       /* bytes stay unread */
    bool remove;      /* the handler removes itself */
};

static void set_up(struct fixture *fixture, gconstpointer way)
{
    GError *error = NULL;

    host_socket_startup(&error);
    g_assert_no_error(error);
    contract_set_up(&fixture->base, way);
}

static void tear_down(struct fixture *fixture, gconstpointer way)
{
    (void)way;
    contract_tear_down(&fixture->base);
}

static bool poll(struct fixture *fixture, bool blocking)
{
    return contract_poll(&fixture->base, blocking);
}

static void pair_open(struct pair *pair, struct fixture *fixture)
{
    struct host_handle listener;
    GError *error = NULL;

    *pair = (struct pair){ .fixture = fixture };
    host_socket_listen_tcp("127.0.0.1", 0, &listener, &error);
    g_assert_no_error(error);
    host_socket_connect_tcp("127.0.0.1", host_socket_port(listener), &pair->far, &error);
    g_assert_no_error(error);
    while (!host_socket_accept(listener, &pair->near)) {
    }
    host_socket_close(listener);
}

static void pair_handle(struct pair *pair, aio_handler_fn *io_read, aio_handler_fn *io_write)
{
    GError *error = NULL;

    aio_set_fd_handler(pair->fixture->base.ctx, pair->near, io_read, io_write, pair, &error);
    g_assert_no_error(error);
}

static void pair_close(struct pair *pair)
{
    pair_handle(pair, NULL, NULL);
    host_socket_close(pair->near);
    host_socket_close(pair->far);
}

static void pair_read(void *opaque)
{
    struct pair *pair = opaque;
    char data[16];

    pair->reads++;
    if (!pair->leave) {
        pair->received = host_socket_receive(pair->near, data, sizeof(data));
    }
    if (pair->remove) {
        pair_handle(pair, NULL, NULL);
    }
}

static void pair_write(void *opaque)
{
    ((struct pair *)opaque)->writes++;
}

/* What was sent is there on the other side after a while that nobody can name. */
static void poll_until(struct fixture *fixture, const unsigned *count, unsigned wanted)
{
    while (*count < wanted) {
        g_assert_true(poll(fixture, true));
    }
}

static void test_socket_level(struct fixture *fixture, gconstpointer way)
{
    struct pair pair;

    (void)way;
    pair_open(&pair, fixture);
    pair_handle(&pair, pair_read, NULL);
    g_assert_false(poll(fixture, false));
    g_assert_cmpint(host_socket_send(pair.far, "abc", 3), ==, 3);
    pair.leave = true;
    poll_until(fixture, &pair.reads, 3); /* nobody reads: it goes on telling */
    pair.leave = false;
    poll_until(fixture, &pair.reads, 4);
    g_assert_cmpint(pair.received, ==, 3);
    while (poll(fixture, false)) {
    }
    pair_handle(&pair, NULL, NULL);
    g_assert_cmpint(host_socket_send(pair.far, "d", 1), ==, 1);
    g_assert_false(poll(fixture, false));
    pair.reads = 0;
    pair_handle(&pair, pair_read, NULL); /* what came meanwhile is told now */
    poll_until(fixture, &pair.reads, 1);
    pair_close(&pair);
}

static void test_socket_write(struct fixture *fixture, gconstpointer way)
{
    static char block[65536];
    struct pair pair;
    int64_t sent;

    (void)way;
    pair_open(&pair, fixture);
    pair_handle(&pair, NULL, pair_write);
    poll_until(fixture, &pair.writes, 3); /* room: it goes on telling */
    do {
        sent = host_socket_send(pair.near, block, sizeof(block));
    } while (sent > 0);
    g_assert_cmpint(sent, ==, SOCKET_AGAIN);
    pair.writes = 0;
    for (unsigned i = 0; i < 100 && pair.writes == 0; i++) {
        poll(fixture, false);
    }
    pair.writes = 0;
    while (pair.writes == 0) {
        while (host_socket_receive(pair.far, block, sizeof(block)) > 0) {
        }
        poll(fixture, false);
    }
    pair_handle(&pair, pair_read, pair_write);
    g_assert_cmpint(host_socket_send(pair.far, "x", 1), ==, 1);
    poll_until(fixture, &pair.reads, 1);
    pair_close(&pair);
}

/* Sends while the loop says that there is room, so that no send is refused. */
static void pair_fill(struct pair *pair)
{
    static char block[65536];

    for (unsigned quiet = 0; quiet < 20; quiet++) { /* a sender is told after a while */
        pair->writes = 0;
        poll(pair->fixture, false);
        if (pair->writes > 0) {
            quiet = 0;
            g_assert_cmpint(host_socket_send(pair->near, block, sizeof(block)), >, 0);
        }
    }
    pair->writes = 0;
}

struct drainer {
    struct pair *pair;
    struct aio_context *ctx;
    uint64_t waits; /* that the loop had begun when the room came */
};

/* Makes room after a while in which the loop should have slept in one wait. */
static void drainer_run(void *opaque)
{
    static char block[65536];
    struct drainer *drainer = opaque;
    int64_t then_ns = host_monotonic_ns() + 150000000;

    while (host_monotonic_ns() < then_ns) {
        host_thread_yield();
    }
    drainer->waits = atomic_load(&drainer->ctx->stats.waits);
    while (host_socket_receive(drainer->pair->far, block, sizeof(block)) > 0) {
    }
}

/* Room in a socket that is full though no send was refused: an edge on some hosts, and still it is
 * told at once, and nobody looks at the socket again and again meanwhile. */
static void test_socket_room(struct fixture *fixture, gconstpointer way)
{
    struct pair pair;
    struct drainer drainer = { .pair = &pair, .ctx = fixture->base.ctx };
    struct host_thread *thread;
    uint64_t before;

    (void)way;
    pair_open(&pair, fixture);
    pair_handle(&pair, NULL, pair_write);
    pair_fill(&pair);
    before = atomic_load(&fixture->base.ctx->stats.waits);
    thread = host_thread_new("drainer", drainer_run, &drainer, NULL);
    poll_until(fixture, &pair.writes, 1);
    host_thread_join(thread);
    if (!fixture->base.way->source) { /* glib's waits are not counted */
        g_assert_cmpint(drainer.waits - before, <=, 4);
    }
    pair_fill(&pair); /* removed while the host is to tell of room */
    pair_close(&pair);
}

static void test_hang_up(struct fixture *fixture, gconstpointer way)
{
    struct pair pair;

    (void)way;
    pair_open(&pair, fixture);
    pair_handle(&pair, pair_read, NULL);
    g_assert_cmpint(host_socket_send(pair.far, "bye", 3), ==, 3);
    host_socket_close(pair.far);
    pair.far = host_handle_none();
    while (pair.received != SOCKET_CLOSED) {
        g_assert_true(poll(fixture, true));
    }
    pair.reads = 0;
    poll_until(fixture, &pair.reads, 2); /* an end is told for ever */
    pair_close(&pair);
}

static void test_remove_self(struct fixture *fixture, gconstpointer way)
{
    struct pair pair;

    (void)way;
    pair_open(&pair, fixture);
    pair_handle(&pair, pair_read, pair_write);
    pair.leave = pair.remove = true;
    g_assert_cmpint(host_socket_send(pair.far, "x", 1), ==, 1);
    poll_until(fixture, &pair.reads, 1);
    pair.writes = 0;
    g_assert_false(poll(fixture, false));
    g_assert_cmpint(pair.reads, ==, 1);
    g_assert_cmpint(pair.writes, ==, 0);
    pair_close(&pair);
}

struct many {
    struct event_notifier notifier;
    unsigned *fired;
};

static void many_fired(struct event_notifier *notifier)
{
    struct many *many = (struct many *)notifier; /* its first member */

    g_assert_true(event_notifier_test_and_clear(notifier));
    ++*many->fired;
}

/* As many events as this waiter is for, growing while the loop runs: none is lost on the way. */
static void test_many(struct fixture *fixture, gconstpointer way)
{
    const unsigned count = contract_handles_max(way, 300);
    g_autofree struct many *many = g_new0(struct many, count);
    unsigned fired = 0;
    GError *error = NULL;

    for (unsigned i = 0; i < count; i++) {
        many[i].fired = &fired;
        event_notifier_init(&many[i].notifier, true, &error);
        g_assert_no_error(error);
        aio_set_event_notifier(fixture->base.ctx, &many[i].notifier, many_fired, &error);
        g_assert_no_error(error);
        if (i % 7 == 0) {
            poll_until(fixture, &fired, i + 1);
        }
    }
    poll_until(fixture, &fired, count);
    for (unsigned round = 0; round < 3; round++) {
        fired = 0;
        for (unsigned i = 0; i < count; i += 1 + round) {
            event_notifier_set(&many[i].notifier);
        }
        poll_until(fixture, &fired, (count + round) / (1 + round));
        g_assert_false(poll(fixture, false));
    }
    for (unsigned i = 0; i < count; i++) {
        aio_set_event_notifier(fixture->base.ctx, &many[i].notifier, NULL, NULL);
        event_notifier_cleanup(&many[i].notifier);
    }
}

/* More handles than a waiter holds is an error that changes nothing. */
static void test_full(struct fixture *fixture, gconstpointer way)
{
    const unsigned max = contract_handles_max(way, 0);
    g_autofree struct many *many = g_new0(struct many, max + 1);
    g_autoptr(GError) error = NULL;
    unsigned fired = 0;

    if (max == 0) {
        g_test_skip("this waiter has no limit of its own");
        return;
    }
    for (unsigned i = 0; i <= max; i++) {
        many[i].fired = &fired;
        g_assert_true(event_notifier_init(&many[i].notifier, true, NULL));
        g_assert_cmpint(aio_set_event_notifier(fixture->base.ctx, &many[i].notifier, many_fired,
                                               i < max ? NULL : &error),
                        ==, i < max);
    }
    g_assert_nonnull(strstr(error->message, "more than"));
    poll_until(fixture, &fired, max);
    g_assert_false(poll(fixture, false));
    for (unsigned i = 0; i <= max; i++) {
        aio_set_event_notifier(fixture->base.ctx, &many[i].notifier, NULL, NULL);
        event_notifier_cleanup(&many[i].notifier);
    }
}

/* What is removed after it was signalled and before anybody looked is not told any more. */
static void test_remove_signalled(struct fixture *fixture, gconstpointer way)
{
    struct many many[20];
    unsigned fired[2];
    GError *error = NULL;

    (void)way;
    for (unsigned i = 0; i < G_N_ELEMENTS(many); i++) {
        many[i].fired = &fired[i % 2];
        event_notifier_init(&many[i].notifier, false, &error);
        g_assert_no_error(error);
    }
    for (unsigned round = 0; round < 20; round++) {
        fired[0] = fired[1] = 0;
        for (unsigned i = 0; i < G_N_ELEMENTS(many); i++) {
            aio_set_event_notifier(fixture->base.ctx, &many[i].notifier, many_fired, &error);
            g_assert_no_error(error);
        }
        g_assert_false(poll(fixture, false)); /* the host waits for them all */
        for (unsigned i = 0; i < G_N_ELEMENTS(many); i++) {
            event_notifier_set(&many[i].notifier);
        }
        for (unsigned i = 0; i < G_N_ELEMENTS(many); i += 2) {
            aio_set_event_notifier(fixture->base.ctx, &many[i].notifier, NULL, NULL);
            event_notifier_test_and_clear(&many[i].notifier);
        }
        poll_until(fixture, &fired[1], G_N_ELEMENTS(many) / 2);
        g_assert_cmpint(fired[0], ==, 0);
        g_assert_false(poll(fixture, false));
        for (unsigned i = 1; i < G_N_ELEMENTS(many); i += 2) {
            aio_set_event_notifier(fixture->base.ctx, &many[i].notifier, NULL, NULL);
        }
    }
    for (unsigned i = 0; i < G_N_ELEMENTS(many); i++) {
        event_notifier_cleanup(&many[i].notifier);
    }
}

struct remover {
    struct fixture *fixture;
    atomic_uint done;
};

/* Adds, removes and closes events of its own while the loop sleeps on them. */
static void remover_run(void *opaque)
{
    struct remover *remover = opaque;
    unsigned fired = 0;

    for (unsigned i = 0; i < 200; i++) {
        struct many many = { .fired = &fired };
        GError *error = NULL;

        event_notifier_init(&many.notifier, false, &error);
        g_assert_no_error(error);
        aio_set_event_notifier(remover->fixture->base.ctx, &many.notifier, many_fired, &error);
        g_assert_no_error(error);
        aio_set_event_notifier(remover->fixture->base.ctx, &many.notifier, NULL, NULL);
        event_notifier_cleanup(&many.notifier);
    }
    atomic_store(&remover->done, 1);
    aio_notify(remover->fixture->base.ctx);
}

static void test_remove_elsewhere(struct fixture *fixture, gconstpointer way)
{
    struct remover remover = { .fixture = fixture };
    struct host_thread *thread;
    GError *error = NULL;

    (void)way;
    poll(fixture, false); /* claims the home */
    thread = host_thread_new("remover", remover_run, &remover, &error);
    g_assert_no_error(error);
    while (!atomic_load(&remover.done)) {
        poll(fixture, true);
    }
    host_thread_join(thread);
}

struct ring {
    struct event_notifier doorbell;
    unsigned filled; /* what a guest's doorbell would announce */
    unsigned taken;
    unsigned polls, begins, ends;
    bool silent; /* between begin and end: nobody signals */
};

static bool ring_poll(void *opaque)
{
    struct ring *ring = opaque;

    ring->polls++;
    return ring->filled != ring->taken;
}

static void ring_ready(void *opaque)
{
    struct ring *ring = opaque;

    event_notifier_test_and_clear(&ring->doorbell);
    ring->taken = ring->filled;
}

/* What the other side does for one more. */
static void ring_fill(struct ring *ring)
{
    ring->filled++;
    if (!ring->silent) {
        event_notifier_set(&ring->doorbell);
    }
}

static void ring_begin(void *opaque)
{
    struct ring *ring = opaque;

    g_assert_false(ring->silent);
    ring->silent = true;
    ring->begins++;
}

static void ring_end(void *opaque)
{
    struct ring *ring = opaque;

    g_assert_true(ring->silent);
    ring->silent = false;
    ring->ends++;
    ring->filled++; /* comes between the last look and the sleep: only one more look finds it */
}

static const struct aio_poll_fns ring_fns = { ring_poll, ring_ready, ring_begin, ring_end };

/* Polling pays, finds what nobody signalled, and ends before the host sleeps. */
static void test_polling(struct fixture *fixture, gconstpointer way)
{
    struct ring ring = { 0 };
    struct host_handle handle;
    GError *error = NULL;

    if (((const struct contract_way *)way)->source) {
        g_test_skip("glib waits, nobody polls");
        return;
    }
    g_assert_true(event_notifier_init(&ring.doorbell, false, &error));
    handle = ring.doorbell.event.handle;
    aio_context_set_poll_max(fixture->base.ctx, 2000000);
    aio_set_fd_handler(fixture->base.ctx, handle, ring_ready, NULL, &ring, &error);
    g_assert_no_error(error);
    aio_set_fd_poll(fixture->base.ctx, handle, &ring_fns);
    for (unsigned i = 0; i < 100 || ring.polls <= 50; i++) { /* a busy host: polling pays later */
        ring_fill(&ring);
        g_assert_true(poll(fixture, true));
        g_assert_cmpint(ring.taken, ==, ring.filled);
        g_assert_true(i % 4 != 0 || !ring.silent || poll(fixture, true)); /* `end` brings one */
    }
    g_assert_cmpint(ring.begins, >=, 1);
    aio_set_fd_handler(fixture->base.ctx, handle, NULL, NULL, NULL, NULL);
    g_assert_cmpint(ring.begins, ==, ring.ends);
    event_notifier_cleanup(&ring.doorbell);
}

static void process_ended(void *opaque)
{
    *(bool *)opaque = true;
}

/* A process is waitable like everything else. */
static void test_process(struct fixture *fixture, gconstpointer way)
{
    const char *child[] = { again_program(), "--child", NULL };
    GError *error = NULL;
    struct host_process *process;
    bool ended = false;

    (void)way;
    process = host_process_start(child, &error);
    g_assert_no_error(error);
    aio_set_fd_handler(fixture->base.ctx, host_process_handle(process), process_ended, NULL, &ended,
                       &error);
    g_assert_no_error(error);
    while (!ended) {
        g_assert_true(poll(fixture, true));
    }
    aio_set_fd_handler(fixture->base.ctx, host_process_handle(process), NULL, NULL, NULL, NULL);
    g_assert_cmpint(host_process_wait(process), ==, 42);
}

static const struct contract_test tests[] = {
    { "socket-level", CONTRACT_TEST(test_socket_level) },
    { "socket-write", CONTRACT_TEST(test_socket_write) },
    { "socket-room", CONTRACT_TEST(test_socket_room) },
    { "hang-up", CONTRACT_TEST(test_hang_up) },
    { "remove-self", CONTRACT_TEST(test_remove_self) },
    { "many", CONTRACT_TEST(test_many) },
    { "full", CONTRACT_TEST(test_full) },
    { "remove-signalled", CONTRACT_TEST(test_remove_signalled) },
    { "remove-elsewhere", CONTRACT_TEST(test_remove_elsewhere) },
    { "polling", CONTRACT_TEST(test_polling) },
    { "process", CONTRACT_TEST(test_process) },
};

int main(int argc, char **argv)
{
    if (argc > 1 && !strcmp(argv[1], "--child")) {
        return 42;
    }
    again_set_program(argv[0]);
    g_test_init(&argc, &argv, NULL);
    contract_add(tests, G_N_ELEMENTS(tests), sizeof(struct fixture), CONTRACT_TEST(set_up),
                 CONTRACT_TEST(tear_down));
    return g_test_run();
}
