#include "platform/random.h"

#include <stdint.h>
#include <sys/random.h>
#include <unistd.h>

#define GETENTROPY_MAX 256 /* what one call takes on every system that has it */

bool host_random(void *data, size_t size)
{
    uint8_t *at = data;
    while (size > 0) {
        size_t part = size < GETENTROPY_MAX ? size : GETENTROPY_MAX;
        if (getentropy(at, part) != 0) {
            return false;
        }
        at += part;
        size -= part;
    }
    return true;
}
