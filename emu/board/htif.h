/*
 * The host-target interface of riscv-tests and bare-metal programs: an ELF file with a symbol
 * `tohost` ends the machine or prints by storing there. Source: riscv-isa-sim's documentation and
 * the riscv-tests environments.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "aio/context.h"
#include "emu/mem/bus.h"

struct htif;

/* What the machine gives. Called on the context's home thread with the machine lock held. */
struct htif_host {
    struct aio_context *ctx;
    struct bus *bus;
    /* Puts bytes on the console, returns how many were taken; never blocks. */
    size_t (*console_write)(void *opaque, const uint8_t *data, size_t size);
    /* The program has ended with this status. */
    void (*exit)(void *opaque, int status);
    void *opaque;
};

/* Watches `tohost`; `fromhost` may be 0. Both are in RAM. Before the harts run. */
struct htif *htif_new(const struct htif_host *host, gpa_t tohost, gpa_t fromhost);

/* Adds it to what is saved of the machine. */
void htif_add_part(struct htif *htif, GPtrArray *parts);

/* Stops watching and frees; the harts have ended. Accepts NULL. */
void htif_free(struct htif *htif);
