/*
 * Load-reserved and store-conditional. Manual volume I, 13.2 and 13.3.
 *
 * A hart that is alone compares and swaps. With others, that is exact for constrained sequences
 * only: between LR and SC there is nothing but computation, so LR may be thought to happen at the
 * SC. Any other LR is *monitored*: no other hart's TLB keeps the page for writing, so each of their
 * stores to it comes by here and ends the reservation of the line, whatever value it stores.
 * Not seen: DMA that stores the old value again.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "emu/riscv/hart.h"

/* The harts of one machine, by their configuration; made by the first, freed by the last. */
struct riscv_peers;

/* Puts the hart among its machine's, before any of them runs. Machine thread. */
void riscv_peers_join(struct riscv_hart *hart);

/* Takes it off; harts do not run any more. */
void riscv_peers_part(struct riscv_hart *hart);

/* Whether other harts run on the same memory. */
bool riscv_has_peers(const struct riscv_hart *hart);

/* LR at hart->pc: the value is in hart->reserved_value, extended by sign; false: the exception is
 * taken. All state in *hart; others' calls may be served meanwhile. Hart's thread. */
bool riscv_load_reserved(struct riscv_hart *hart, gva_t address, unsigned size);

/* What a store-conditional has done. */
enum riscv_conditional { SC_STORED, SC_FAILED, SC_TRAPPED };

/* SC at hart->pc. */
enum riscv_conditional riscv_store_conditional(struct riscv_hart *hart, gva_t address,
                                               unsigned size, uint64_t value);

/* Ends the reservation, if there is one. */
void riscv_drop_reservation(struct riscv_hart *hart);

/* Whether the hart's reservation is one that others' stores end. */
bool riscv_monitors(const struct riscv_hart *hart);

/* Whether a hart monitors the page at `host`: no TLB may keep it for writing. */
bool riscv_page_monitored(const struct riscv_hart *hart, const uint8_t *host);

/* Before a store of the hart to the line at `host` in a monitored page: ends others' reservations
 * and keeps new ones away until riscv_store_end. */
void riscv_store_begin(struct riscv_hart *hart, const uint8_t *host);
/* After the store. */
void riscv_store_end(struct riscv_hart *hart);

/* If the load-reserved at `offset` of a page begins a constrained sequence: how many bytes behind
 * it the store-conditional is, in the same page; and *ret_insns, which of the instructions behind
 * it that is, from 1. Else 0. `page`: the bytes of the page. */
unsigned riscv_constrained(const uint8_t *page, unsigned offset, unsigned *ret_insns);
