# The first instructions of every hart, the way into and out of traps, and calls in lower modes.
# All harts begin at `start` in M-mode with a0 = hart, a1 = devicetree (as after -bios none).
#include "demo/limits.h"

#define MSTATUS_FS_INITIAL 0x2000
#define MSTATUS_MPP        0x1800
#define MIP_MSIP           8

    .section .text.start, "ax"
    .globl start
start:
    csrw mie, zero
    li t0, HARTS_MAX
    bgeu a0, t0, park
    la sp, stacks
    addi t0, a0, 1
    slli t0, t0, STACK_SHIFT
    add sp, sp, t0
    mv tp, a0
    li t0, MSTATUS_FS_INITIAL
    csrs mstatus, t0
    csrw fcsr, zero
    bnez a0, others
    la t0, bss_start
    la t1, bss_end
1:  sd zero, 0(t0)
    addi t0, t0, 8
    bltu t0, t1, 1b
    call trap_prepare
    la a0, saved_tree
    ld a0, 0(a0)
    call main
park:
    wfi
    j park

# The others touch no memory until hart 0, which has cleared it, interrupts them.
others:
    li t0, MIP_MSIP
    csrw mie, t0
1:  wfi
    csrr t0, mip
    andi t0, t0, MIP_MSIP
    beqz t0, 1b
    call trap_prepare
    call hart_main
    j park

# Each hart: its frame into mscratch, the vector into mtvec, all memory open to lower modes.
trap_prepare:
    la t0, trap_frames
    li t1, TRAP_FRAME_SIZE
    mul t1, t1, tp
    add t0, t0, t1
    csrw mscratch, t0
    la t1, trap_entry
    csrw mtvec, t1
    li t1, -1
    csrw pmpaddr0, t1
    li t1, 0x1f
    csrw pmpcfg0, t1
    bnez tp, 1f
    la t1, saved_tree
    sd a1, 0(t1)
1:  ret

    .text
    .balign 4
trap_entry:
    csrrw sp, mscratch, sp
    sd x1, 8(sp)
    .irp n, 3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20,21,22,23,24,25,26,27,28,29,30,31
    sd x\n, 8 * \n(sp)
    .endr
    csrrw t0, mscratch, sp
    sd t0, 16(sp)
    csrr t0, mepc
    sd t0, TRAP_PC(sp)
    csrr tp, mhartid
    mv a0, sp
    la sp, trap_stacks
    addi t0, tp, 1
    slli t0, t0, TRAP_STACK_SHIFT
    add sp, sp, t0
    call trap_handle
    csrr sp, mscratch
    ld t0, TRAP_PC(sp)
    csrw mepc, t0
    ld x1, 8(sp)
    .irp n, 3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20,21,22,23,24,25,26,27,28,29,30,31
    ld x\n, 8 * \n(sp)
    .endr
    ld sp, 16(sp)
    mret

# int context_save(struct context *): 0 now; 1 when a trap comes back here.
    .globl context_save
context_save:
    sd ra, 0(a0)
    sd sp, 8(a0)
    .irp n, 0,1,2,3,4,5,6,7,8,9,10,11
    sd s\n, 16 + 8 * \n(a0)
    .endr
    li a0, 0
    ret

# void mode_enter(pc, mode, a0, a1): goes on at pc in mode 0 (U) or 1 (S); a trap leads out.
    .globl mode_enter
mode_enter:
    csrw mepc, a0
    li t0, MSTATUS_MPP
    csrc mstatus, t0
    slli a1, a1, 11
    csrs mstatus, a1
    mv a0, a2
    mv a1, a3
    mret

# What the paging test runs in lower modes; each ends by ecall if nothing else traps.
    .globl probe_load, probe_store, probe_jump, probe_end
    .balign 4
probe_load:
    lb a0, 0(a0)
    ecall
probe_store:
    sb a1, 0(a0)
    ecall
probe_jump:
    jr a0
probe_end:

    .bss
    .balign 16
    .globl saved_tree
saved_tree:
    .zero 8
    .balign 16
stacks:
    .zero HARTS_MAX << STACK_SHIFT
trap_stacks:
    .zero HARTS_MAX << TRAP_STACK_SHIFT
    .globl trap_frames
trap_frames:
    .zero HARTS_MAX * TRAP_FRAME_SIZE
