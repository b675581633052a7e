#include "platform/random.h"

#include <limits.h>

#include <windows.h>

#include <bcrypt.h>

bool host_random(void *data, size_t size)
{
    UCHAR *at = data;
    while (size > 0) {
        ULONG part = size < LONG_MAX ? (ULONG)size : LONG_MAX;
        if (BCryptGenRandom(NULL, at, part, BCRYPT_USE_SYSTEM_PREFERRED_RNG) != 0) {
            return false;
        }
        at += part;
        size -= part;
    }
    return true;
}
