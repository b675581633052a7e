/* Disk workloads as fio has them: blocks of 4 KiB at random places with one or 32 requests under
 * way, and 128 KiB in sequence, without the guest's page cache. The argument is the serial number
 * of the disk, which is overwritten. */
#define _GNU_SOURCE
#include "bench.h"

#include <fcntl.h>
#include <linux/aio_abi.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <linux/fs.h>

enum { BLOCK = 4096, SEQUENTIAL = 128 << 10, DEPTH = 32 };

static int disk = -1;
static uint64_t disk_size, disk_at;
static char *memory;
static aio_context_t queue;
static struct iocb requests[DEPTH];

/* Opens the disk of that serial number. */
static void disk_open(const char *serial)
{
    for (char letter = 'a'; letter < 'e' && serial; letter++) {
        char path[40], found[32] = "";
        snprintf(path, sizeof(path), "/sys/block/vd%c/serial", letter);
        int file = open(path, O_RDONLY);
        if (file < 0)
            continue;
        ssize_t got = read(file, found, sizeof(found) - 1);
        close(file);
        found[strcspn(found, "\n")] = '\0';
        if (got > 0 && strcmp(found, serial) == 0) {
            snprintf(path, sizeof(path), "/dev/vd%c", letter);
            disk = open(path, O_RDWR | O_DIRECT);
            break;
        }
    }
    if (disk < 0 || ioctl(disk, BLKGETSIZE64, &disk_size))
        bench_fail("the disk");
}

static void storage_start(const char *serial)
{
    disk_open(serial);
    disk_at = 0;
    queue = 0;
    if (posix_memalign((void **)&memory, BLOCK, SEQUENTIAL + DEPTH * BLOCK) ||
        syscall(SYS_io_setup, DEPTH, &queue))
        bench_fail("asynchronous requests");
    memset(memory, 0x5a, SEQUENTIAL + DEPTH * BLOCK);
}

static void storage_stop(void)
{
    fsync(disk);
    syscall(SYS_io_destroy, queue);
    close(disk);
    disk = -1;
    free(memory);
}

static void request_make(unsigned index, unsigned opcode)
{
    uint64_t place = bench_random() % (disk_size / BLOCK) * BLOCK;
    requests[index] = (struct iocb){.aio_data = index,
                                    .aio_lio_opcode = (uint16_t)opcode,
                                    .aio_fildes = (uint32_t)disk,
                                    .aio_buf = (uintptr_t)(memory + index * BLOCK),
                                    .aio_nbytes = BLOCK,
                                    .aio_offset = (int64_t)place};
}

/* So many at once, each place chosen anew: all end before the next begin. */
static uint64_t random_step(unsigned opcode, unsigned depth)
{
    struct iocb *list[DEPTH];
    struct io_event events[DEPTH];
    for (unsigned i = 0; i < depth; i++) {
        request_make(i, opcode);
        list[i] = &requests[i];
    }
    if (syscall(SYS_io_submit, queue, depth, list) != depth)
        bench_fail("submission");
    if (syscall(SYS_io_getevents, queue, depth, depth, events, NULL) != depth)
        bench_fail("completion");
    for (unsigned i = 0; i < depth; i++)
        if (events[i].res != BLOCK)
            bench_fail("a request");
    return depth;
}

static uint64_t read_1_step(void)
{
    return random_step(IOCB_CMD_PREAD, 1);
}

static uint64_t read_32_step(void)
{
    return random_step(IOCB_CMD_PREAD, DEPTH);
}

static uint64_t write_1_step(void)
{
    return random_step(IOCB_CMD_PWRITE, 1);
}

static uint64_t write_32_step(void)
{
    return random_step(IOCB_CMD_PWRITE, DEPTH);
}

/* A program that writes on in small blocks without waiting for them: each goes by itself. */
static uint64_t write_stream_step(void)
{
    struct io_event events[DEPTH];
    for (unsigned i = 0; i < DEPTH; i++) {
        struct iocb *one = &requests[i];
        request_make(i, IOCB_CMD_PWRITE);
        requests[i].aio_offset = (int64_t)disk_at;
        disk_at = (disk_at + BLOCK) % disk_size;
        if (syscall(SYS_io_submit, queue, 1, &one) != 1)
            bench_fail("submission");
    }
    if (syscall(SYS_io_getevents, queue, DEPTH, DEPTH, events, NULL) != DEPTH)
        bench_fail("completion");
    return DEPTH;
}

static uint64_t sequential_step(int writes)
{
    ssize_t done = writes ? pwrite(disk, memory, SEQUENTIAL, (off_t)disk_at)
                          : pread(disk, memory, SEQUENTIAL, (off_t)disk_at);
    if (done != SEQUENTIAL)
        bench_fail("a transfer");
    disk_at = (disk_at + SEQUENTIAL) % disk_size;
    return SEQUENTIAL / 1024;
}

static uint64_t read_seq_step(void)
{
    return sequential_step(0);
}

static uint64_t write_seq_step(void)
{
    return sequential_step(1);
}

/* Memory as programs have it: small numbers, pointers, and data that does not compress. It stays in
 * use, so that whoever saves the guest has something to save. */
static void fill_start(const char *argument)
{
    uint64_t count = strtoull(argument, NULL, 10) * 1024 * 1024 / sizeof(uint64_t);
    uint64_t *words = bench_alloc(count * sizeof(uint64_t));
    for (uint64_t i = 0; i < count; i++) {
        uint64_t value = bench_random();
        words[i] = i & 1 ? value & 0xff : i & 2 ? 0xffffffd800000000 | (value & 0xfffff8) : value;
    }
    bench_use(words[bench_random() % count]);
}

static uint64_t fill_step(void)
{
    return 1;
}

const struct workload storage_workloads[] = {
    {"fill", "times", fill_start, fill_step, NULL},
    {"read-1", "requests", storage_start, read_1_step, storage_stop},
    {"read-32", "requests", storage_start, read_32_step, storage_stop},
    {"write-1", "requests", storage_start, write_1_step, storage_stop},
    {"write-32", "requests", storage_start, write_32_step, storage_stop},
    {"write-stream", "requests", storage_start, write_stream_step, storage_stop},
    {"read-seq", "KiB", storage_start, read_seq_step, storage_stop},
    {"write-seq", "KiB", storage_start, write_seq_step, storage_stop},
    {0},
};
