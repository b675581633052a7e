/* For tests, preloaded: every host wait with a time-out ends early, by SHORTEN_NS. The loop must
 * keep its promises on such a host. */
#include <dlfcn.h>
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <time.h>

static struct timespec shortened(const struct timespec *timeout)
{
    const char *by = getenv("SHORTEN_NS");
    int64_t ns = (int64_t)timeout->tv_sec * 1000000000 + timeout->tv_nsec;

    ns -= by ? strtoll(by, NULL, 10) : 0;
    ns = ns < 0 ? 0 : ns;
    return (struct timespec){ .tv_sec = ns / 1000000000, .tv_nsec = ns % 1000000000 };
}

int ppoll(struct pollfd *fds, nfds_t count, const struct timespec *timeout, const sigset_t *mask)
{
    int (*next)(struct pollfd *, nfds_t, const struct timespec *, const sigset_t *) =
        dlsym(RTLD_NEXT, "ppoll");
    struct timespec less;

    if (timeout) {
        less = shortened(timeout);
    }
    return next(fds, count, timeout ? &less : NULL, mask);
}

int epoll_pwait2(int fd, struct epoll_event *events, int count, const struct timespec *timeout,
                 const sigset_t *mask)
{
    int (*next)(int, struct epoll_event *, int, const struct timespec *, const sigset_t *) =
        dlsym(RTLD_NEXT, "epoll_pwait2");
    struct timespec less;

    if (timeout) {
        less = shortened(timeout);
    }
    return next(fd, events, count, timeout ? &less : NULL, mask);
}
