#include "aio-win32/afd.h"

#include <stdint.h>

#include <winternl.h>

#include "platform/error.h"

#define IOCTL_AFD_POLL 0x00012024
#ifndef SIO_BASE_HANDLE
#define SIO_BASE_HANDLE 0x48000022
#endif

/* The driver itself; where it cannot be opened by name, a socket gets us there as well. */
HANDLE afd_open(GError **error)
{
    static const WCHAR name[] = L"\\Device\\Afd\\Tinamou";
    UNICODE_STRING path = { sizeof(name) - sizeof(WCHAR), sizeof(name), (WCHAR *)name };
    OBJECT_ATTRIBUTES attributes = { .Length = sizeof(attributes), .ObjectName = &path };
    IO_STATUS_BLOCK status;
    HANDLE afd;
    SOCKET peer;

    if (NtCreateFile(&afd, SYNCHRONIZE, &attributes, &status, NULL, 0,
                     FILE_SHARE_READ | FILE_SHARE_WRITE, FILE_OPEN, 0, NULL, 0) >= 0) {
        return afd;
    }
    peer = WSASocketW(AF_INET, SOCK_STREAM, IPPROTO_TCP, NULL, 0,
                      WSA_FLAG_OVERLAPPED | WSA_FLAG_NO_HANDLE_INHERIT);
    if (peer == INVALID_SOCKET) {
        host_error_set(error, HOST_ERROR_UNSUPPORTED, "cannot open the socket driver: error %d",
                       WSAGetLastError());
        return NULL;
    }
    return (HANDLE)peer;
}

HANDLE afd_socket(SOCKET socket)
{
    SOCKET bottom = INVALID_SOCKET;
    DWORD size;

    if (WSAIoctl(socket, SIO_BASE_HANDLE, NULL, 0, &bottom, sizeof(bottom), &size, NULL, NULL) !=
        0) {
        bottom = socket;
    }
    return (HANDLE)bottom;
}

bool afd_ask(HANDLE afd, HANDLE socket, ULONG events, struct afd_poll *poll, OVERLAPPED *overlapped)
{
    bool asked;

    *poll = (struct afd_poll){ .timeout.QuadPart = INT64_MAX, .count = 1 };
    poll->sockets[0].handle = socket;
    poll->sockets[0].events = events;
    asked = DeviceIoControl(afd, IOCTL_AFD_POLL, poll, sizeof(*poll), poll, sizeof(*poll), NULL,
                            overlapped) ||
            GetLastError() == ERROR_IO_PENDING;
    if (!asked) {
        overlapped->Internal = 0; /* the call had marked it as pending */
    }
    return asked;
}
