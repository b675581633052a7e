/*
 * For tests, linked in: wait completion packets on systems that have none, made of the thread
 * pool's waits. One shot each; a target that is signalled already answers at once; removal takes a
 * packet out of the port, or with PACKETS=late comes when the packet is out of it already.
 */
#include "aio-win32/packets.h"

#include <assert.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <glib.h>

#define STATUS_CANCELLED ((LONG)0xC0000120)
#define QUEUED_MAX       16384

struct packet {
    HANDLE port;
    HANDLE wait;
    void *key;
    void *context;
    ULONG_PTR information;
    bool waits; /* associated, not yet signalled */
};

static SRWLOCK lock = SRWLOCK_INIT; /* guards what follows */
static GHashTable *packets;         /* by handle, until the handle's value is used again */
static unsigned associated, removed;
static bool late;

static struct packet *packet_find(HANDLE handle)
{
    struct packet *packet = g_hash_table_lookup(packets, handle);

    assert(packet && "not a packet");
    return packet;
}

static LONG NTAPI double_create(HANDLE *ret_packet, ACCESS_MASK access, void *attributes)
{
    (void)access;
    (void)attributes;
    *ret_packet = CreateEventW(NULL, TRUE, FALSE, NULL);
    assert(*ret_packet);
    AcquireSRWLockExclusive(&lock);
    g_hash_table_replace(packets, *ret_packet, g_new0(struct packet, 1));
    ReleaseSRWLockExclusive(&lock);
    return 0;
}

static void CALLBACK packet_signalled(void *opaque, BOOLEAN timed_out)
{
    struct packet *packet = opaque;

    (void)timed_out;
    AcquireSRWLockExclusive(&lock);
    if (packet->waits) {
        packet->waits = false;
        PostQueuedCompletionStatus(packet->port, (DWORD)packet->information, (ULONG_PTR)packet->key,
                                   packet->context);
    }
    ReleaseSRWLockExclusive(&lock);
}

/* Ends what is left of the wait; its callback may run until this returns. */
static void packet_end_wait(struct packet *packet)
{
    if (packet->wait) {
        UnregisterWaitEx(packet->wait, INVALID_HANDLE_VALUE);
        packet->wait = NULL;
    }
}

static LONG NTAPI double_associate(HANDLE handle, HANDLE port, HANDLE target, void *key,
                                   void *context, LONG status, ULONG_PTR information,
                                   BOOLEAN *ret_signalled)
{
    struct packet *packet;
    BOOL done;

    assert(status == 0 && !ret_signalled);
    AcquireSRWLockExclusive(&lock);
    packet = packet_find(handle);
    assert(!packet->waits && "a packet waits for one target at a time");
    ReleaseSRWLockExclusive(&lock);
    packet_end_wait(packet);
    AcquireSRWLockExclusive(&lock);
    associated++;
    packet->port = port;
    packet->key = key;
    packet->context = context;
    packet->information = information;
    packet->waits = true;
    ReleaseSRWLockExclusive(&lock);
    /* Not in the wait's own thread: there Wine 8 fails when a wait is ended as it is signalled. */
    done = RegisterWaitForSingleObject(&packet->wait, target, packet_signalled, packet, INFINITE,
                                       WT_EXECUTEONLYONCE);
    assert(done);
    return 0;
}

/* Takes this packet's answer out of the port and leaves the others; true if it was there. */
static bool packet_remove(const struct packet *packet)
{
    g_autofree OVERLAPPED_ENTRY *entries = g_new(OVERLAPPED_ENTRY, QUEUED_MAX);
    ULONG count;
    bool found = false;

    if (!GetQueuedCompletionStatusEx(packet->port, entries, QUEUED_MAX, &count, 0, FALSE)) {
        return false;
    }
    assert(count < QUEUED_MAX && "the port holds more than this double can look through");
    for (ULONG i = 0; i < count; i++) {
        if (entries[i].lpCompletionKey == (ULONG_PTR)packet->key &&
            entries[i].lpOverlapped == packet->context) {
            found = true;
        } else {
            PostQueuedCompletionStatus(packet->port, entries[i].dwNumberOfBytesTransferred,
                                       entries[i].lpCompletionKey, entries[i].lpOverlapped);
        }
    }
    return found;
}

static LONG NTAPI double_cancel(HANDLE handle, BOOLEAN remove_signalled)
{
    struct packet *packet;
    bool waited;

    assert(remove_signalled);
    AcquireSRWLockExclusive(&lock);
    packet = packet_find(handle);
    waited = packet->waits;
    packet->waits = false;
    removed += !waited && !late && packet_remove(packet);
    ReleaseSRWLockExclusive(&lock);
    packet_end_wait(packet);
    return waited ? 0 : STATUS_CANCELLED;
}

static const struct packet_api api = { double_create, double_associate, double_cancel };

/* So that a log shows whether the test came here. */
static void double_report(void)
{
    if (g_test_initialized()) {
        fprintf(stderr, "# %u packets were associated, %u removed from the port\n", associated,
                removed);
    }
}

__attribute__((constructor)) static void double_install(void)
{
    const char *mode = getenv("PACKETS");

    late = mode && !strcmp(mode, "late");
    packets = g_hash_table_new_full(NULL, NULL, NULL, g_free);
    packet_api_replace(&api);
    atexit(double_report);
}
