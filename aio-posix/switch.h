/* The few instructions that go from one stack to another: one file for each processor. */
#pragma once

/* Saves what a called function must preserve on this stack, stores the stack pointer in *save_sp,
 * and goes on where `load_sp` was stored. */
void switch_stacks(void **save_sp, void *load_sp) __asm__("tinamou_switch_stacks");

/* A stack pointer from which switch_stacks calls fn(opaque) on the stack that ends at `top`. */
void *switch_prepare(void *top, void (*fn)(void *opaque), void *opaque);
