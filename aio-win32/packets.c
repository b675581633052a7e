#include "aio-win32/packets.h"

#include <stdatomic.h>

static struct packet_api found;
static _Atomic(const struct packet_api *) in_use;
static INIT_ONCE once = INIT_ONCE_STATIC_INIT;

static BOOL CALLBACK packets_find(INIT_ONCE *init, void *parameter, void **context)
{
    HMODULE ntdll = GetModuleHandleW(L"ntdll.dll");
    FARPROC create = GetProcAddress(ntdll, "NtCreateWaitCompletionPacket");
    FARPROC associate = GetProcAddress(ntdll, "NtAssociateWaitCompletionPacket");
    FARPROC cancel = GetProcAddress(ntdll, "NtCancelWaitCompletionPacket");

    (void)init;
    (void)parameter;
    (void)context;
    if (create && associate && cancel) {
        found.create = (packet_create_fn *)(void (*)(void))create;
        found.associate = (packet_associate_fn *)(void (*)(void))associate;
        found.cancel = (packet_cancel_fn *)(void (*)(void))cancel;
        atomic_store(&in_use, &found);
    }
    return TRUE;
}

const struct packet_api *packet_api_get(void)
{
    InitOnceExecuteOnce(&once, packets_find, NULL, NULL);
    return atomic_load(&in_use);
}

const struct packet_api *packet_api_replace(const struct packet_api *api)
{
    packet_api_get();
    return atomic_exchange(&in_use, api);
}
