/* The interpreter one instruction at a time, for engines that leave some to it. Hart's thread. */
#pragma once

#include <stdint.h>

#include <glib.h>

struct interp;
struct riscv_hart;

/* What running single instructions needs, with room for the decoded form of so many pages, at least
 * 2; NULL and `error` when there is no memory. */
struct interp *interp_one_new(unsigned pages, GError **error);

/* Frees it; accepts NULL. */
void interp_one_free(struct interp *in);

/* Code changed: compare what was decoded with memory before it runs again. */
void interp_one_fence(struct interp *in);

/* Translations of `address`, or all if UINT64_MAX, changed: forget what was fetched. */
void interp_one_flush(struct interp *in, uint64_t address);

/* Runs from h->pc, in the page of guest memory at `host`, to the next jump that is taken backward
 * or leaves the page, to what a system instruction or an exception leads to, or to the end of the
 * page. What it decodes is kept. Returns which lines of 64 bytes of what it had decoded earlier it
 * found changed (by the last fence), a bit each. */
uint64_t interp_until_jump(struct riscv_hart *h, struct interp *in, const uint8_t *host);

/* Runs the instruction at h->pc, whose word has been fetched. */
void interp_one_word(struct riscv_hart *h, struct interp *in, uint32_t word);

/* Runs the instruction at h->pc, or takes the exception that fetching it takes. */
void interp_one(struct riscv_hart *h, struct interp *in);
