#include "platform/posix/family.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

int family_event_open(int *ret_read, int *ret_write)
{
    int ends[2];
    if (pipe(ends) < 0) {
        return errno;
    }
    for (int i = 0; i < 2; i++) {
        fcntl(ends[i], F_SETFD, FD_CLOEXEC);
        fcntl(ends[i], F_SETFL, O_NONBLOCK);
    }
    *ret_read = ends[0];
    *ret_write = ends[1];
    return 0;
}
