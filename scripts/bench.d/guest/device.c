/* Workloads that go through devices: the disk without the guest's page cache, and the network.
 * `disk-*` need a /dev/vda that may be overwritten; `net` takes ADDRESS:PORT of a server that
 * sends bytes without end. */
#define _GNU_SOURCE
#include "bench.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { LARGE = 128 << 10, SMALL = 4096, DISK_BYTES = 48 << 20, NET_BYTES = 64 << 10 };

static int disk = -1;
static char *disk_buffer;
static off_t disk_at;

static void disk_start(const char *argument)
{
    (void)argument;
    disk = open("/dev/vda", O_RDWR | O_DIRECT);
    if (disk < 0 || posix_memalign((void **)&disk_buffer, 4096, LARGE))
        bench_fail("/dev/vda");
    memset(disk_buffer, 0x5a, LARGE);
    disk_at = 0;
}

static void disk_stop(void)
{
    fsync(disk);
    close(disk);
    free(disk_buffer);
}

static uint64_t disk_write_step(void)
{
    if (pwrite(disk, disk_buffer, LARGE, disk_at) != LARGE)
        bench_fail("write to /dev/vda");
    disk_at = (disk_at + LARGE) % DISK_BYTES;
    return LARGE / 1024;
}

static uint64_t disk_read_step(void)
{
    if (pread(disk, disk_buffer, LARGE, disk_at) != LARGE)
        bench_fail("read from /dev/vda");
    disk_at = (disk_at + LARGE) % DISK_BYTES;
    return LARGE / 1024;
}

/* Single blocks, each from somewhere else: the cost of a request. */
static uint64_t disk_random_step(void)
{
    disk_at = (disk_at * 5 + 3 * SMALL) % DISK_BYTES;
    if (pread(disk, disk_buffer, SMALL, disk_at) != SMALL)
        bench_fail("read from /dev/vda");
    return 1;
}

static int net = -1;

static void net_start(const char *argument)
{
    char address[64] = "";
    const char *colon = argument ? strchr(argument, ':') : NULL;
    struct sockaddr_in to = {.sin_family = AF_INET};
    if (colon && (size_t)(colon - argument) < sizeof(address)) {
        memcpy(address, argument, (size_t)(colon - argument));
        to.sin_port = htons((uint16_t)atoi(colon + 1));
    }
    if (inet_pton(AF_INET, address, &to.sin_addr) != 1)
        bench_fail("net needs ADDRESS:PORT");
    net = socket(AF_INET, SOCK_STREAM, 0);
    if (net < 0 || connect(net, (struct sockaddr *)&to, sizeof(to)))
        bench_fail("connection");
}

static uint64_t net_step(void)
{
    static char buffer[NET_BYTES];
    for (size_t got = 0; got < NET_BYTES;) {
        ssize_t now = recv(net, buffer, NET_BYTES - got, 0);
        if (now <= 0)
            bench_fail("the server's bytes");
        got += (size_t)now;
    }
    return NET_BYTES / 1024;
}

static void net_stop(void)
{
    close(net);
}

const struct workload device_workloads[] = {
    {"disk-write", "KiB", disk_start, disk_write_step, disk_stop},
    {"disk-read", "KiB", disk_start, disk_read_step, disk_stop},
    {"disk-random", "requests", disk_start, disk_random_step, disk_stop},
    {"net", "KiB", net_start, net_step, net_stop},
    {0},
};
