/* What the devicetree says about the machine that this runs on. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#define MACHINE_VIRTIO_MAX 16
#define MACHINE_TEXT_MAX   256

/* A device with registers, and its interrupt at the PLIC; address 0: there is none. */
struct machine_slot {
    uint64_t address;
    uint32_t irq;
};

struct machine {
    unsigned harts; /* those that the program uses, at most HARTS_MAX */
    unsigned harts_all;
    uint64_t memory_start, memory_size;
    uint32_t timebase_hz;
    char model[64];
    char isa[MACHINE_TEXT_MAX]; /* of hart 0 */
    char mmu[32];
    char arguments[MACHINE_TEXT_MAX]; /* what -append gave */
    struct machine_slot uart, rtc, clint, plic, finisher;
    struct machine_slot virtio[MACHINE_VIRTIO_MAX]; /* from the highest address to the lowest */
    unsigned virtio_count;
};

/* The one machine; filled once, then only read. */
extern struct machine machine;

/* Reads the devicetree; without one it is a small `virt` machine. */
void machine_read(const void *tree);

/* Time in units of the timebase. */
uint64_t time_now(void);

/* A time so many microseconds from now. */
uint64_t time_after_us(uint64_t us);

/* Microseconds between two times. */
uint64_t time_us(uint64_t from, uint64_t to);

/* Ends the machine; does not return. */
void machine_poweroff(bool good) __attribute__((noreturn));

/* Restarts the machine; does not return. */
void machine_reboot(void) __attribute__((noreturn));
