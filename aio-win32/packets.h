/*
 * Wait completion packets: a waitable handle that reports to a completion port. Windows 8 and later
 * have them, without a header; they are looked up at run time.
 */
#pragma once

#include <windows.h>

#include <stdbool.h>

typedef LONG NTAPI packet_create_fn(HANDLE *ret_packet, ACCESS_MASK access, void *attributes);
typedef LONG NTAPI packet_associate_fn(HANDLE packet, HANDLE port, HANDLE target, void *key,
                                       void *context, LONG status, ULONG_PTR information,
                                       BOOLEAN *ret_signalled);
typedef LONG NTAPI packet_cancel_fn(HANDLE packet, BOOLEAN remove_signalled);

/* The three calls, as the system names them; tests put their own in. */
struct packet_api {
    packet_create_fn *create;
    packet_associate_fn *associate;
    packet_cancel_fn *cancel;
};

/* What this system offers; NULL when it has none. */
const struct packet_api *packet_api_get(void);

/* Puts another in its place for handles that are added from now on; NULL: none. Returns the one
 * before. For tests. */
const struct packet_api *packet_api_replace(const struct packet_api *api);
