#include "platform/posix/family.h"

#include <errno.h>
#include <sys/eventfd.h>

int family_event_open(int *ret_read, int *ret_write)
{
    int fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (fd < 0) {
        return errno;
    }
    *ret_read = *ret_write = fd;
    return 0;
}
