/*
 * Startup, and the way into user mode and back. The physical memory protection gives user mode one
 * page of code and one of data; counters are not enabled, so that nothing depends on time.
 */
    .section .init
    .globl _start
_start:
    csrr t0, mhartid
    bnez t0, sleep
    la sp, stack_top
    li t0, 0x6000 /* mstatus.FS */
    csrs mstatus, t0
    la t0, code_page
    srli t0, t0, 2
    ori t0, t0, 0x1ff
    csrw pmpaddr0, t0
    la t0, data_page
    srli t0, t0, 2
    ori t0, t0, 0x1ff
    csrw pmpaddr1, t0
    li t0, 0x1b1d /* read and write; read and execute */
    csrw pmpcfg0, t0
    la t0, trap
    csrw mtvec, t0
    call guest_main
sleep:
    wfi
    j sleep

    .globl run_user
run_user:
    addi sp, sp, -128
    sd ra, 0(sp)
    sd gp, 8(sp)
    sd tp, 16(sp)
    sd s0, 24(sp)
    sd s1, 32(sp)
    sd s2, 40(sp)
    sd s3, 48(sp)
    sd s4, 56(sp)
    sd s5, 64(sp)
    sd s6, 72(sp)
    sd s7, 80(sp)
    sd s8, 88(sp)
    sd s9, 96(sp)
    sd s10, 104(sp)
    sd s11, 112(sp)
    la t0, saved_sp
    sd sp, 0(t0)
    csrw mepc, a0
    li t0, 0x1800 /* mstatus.MPP: user */
    csrc mstatus, t0
    la x31, state
    ld t0, 512(x31)
    csrw fcsr, t0
    fld f0, 256(x31)
    fld f1, 264(x31)
    fld f2, 272(x31)
    fld f3, 280(x31)
    fld f4, 288(x31)
    fld f5, 296(x31)
    fld f6, 304(x31)
    fld f7, 312(x31)
    fld f8, 320(x31)
    fld f9, 328(x31)
    fld f10, 336(x31)
    fld f11, 344(x31)
    fld f12, 352(x31)
    fld f13, 360(x31)
    fld f14, 368(x31)
    fld f15, 376(x31)
    fld f16, 384(x31)
    fld f17, 392(x31)
    fld f18, 400(x31)
    fld f19, 408(x31)
    fld f20, 416(x31)
    fld f21, 424(x31)
    fld f22, 432(x31)
    fld f23, 440(x31)
    fld f24, 448(x31)
    fld f25, 456(x31)
    fld f26, 464(x31)
    fld f27, 472(x31)
    fld f28, 480(x31)
    fld f29, 488(x31)
    fld f30, 496(x31)
    fld f31, 504(x31)
    csrw mscratch, x31
    ld x1, 8(x31)
    ld x2, 16(x31)
    ld x3, 24(x31)
    ld x4, 32(x31)
    ld x5, 40(x31)
    ld x6, 48(x31)
    ld x7, 56(x31)
    ld x8, 64(x31)
    ld x9, 72(x31)
    ld x10, 80(x31)
    ld x11, 88(x31)
    ld x12, 96(x31)
    ld x13, 104(x31)
    ld x14, 112(x31)
    ld x15, 120(x31)
    ld x16, 128(x31)
    ld x17, 136(x31)
    ld x18, 144(x31)
    ld x19, 152(x31)
    ld x20, 160(x31)
    ld x21, 168(x31)
    ld x22, 176(x31)
    ld x23, 184(x31)
    ld x24, 192(x31)
    ld x25, 200(x31)
    ld x26, 208(x31)
    ld x27, 216(x31)
    ld x28, 224(x31)
    ld x29, 232(x31)
    ld x30, 240(x31)
    ld x31, 248(x31)
    mret

    .align 2
trap:
    csrrw x31, mscratch, x31
    sd x1, 8(x31)
    sd x2, 16(x31)
    sd x3, 24(x31)
    sd x4, 32(x31)
    sd x5, 40(x31)
    sd x6, 48(x31)
    sd x7, 56(x31)
    sd x8, 64(x31)
    sd x9, 72(x31)
    sd x10, 80(x31)
    sd x11, 88(x31)
    sd x12, 96(x31)
    sd x13, 104(x31)
    sd x14, 112(x31)
    sd x15, 120(x31)
    sd x16, 128(x31)
    sd x17, 136(x31)
    sd x18, 144(x31)
    sd x19, 152(x31)
    sd x20, 160(x31)
    sd x21, 168(x31)
    sd x22, 176(x31)
    sd x23, 184(x31)
    sd x24, 192(x31)
    sd x25, 200(x31)
    sd x26, 208(x31)
    sd x27, 216(x31)
    sd x28, 224(x31)
    sd x29, 232(x31)
    sd x30, 240(x31)
    fsd f0, 256(x31)
    fsd f1, 264(x31)
    fsd f2, 272(x31)
    fsd f3, 280(x31)
    fsd f4, 288(x31)
    fsd f5, 296(x31)
    fsd f6, 304(x31)
    fsd f7, 312(x31)
    fsd f8, 320(x31)
    fsd f9, 328(x31)
    fsd f10, 336(x31)
    fsd f11, 344(x31)
    fsd f12, 352(x31)
    fsd f13, 360(x31)
    fsd f14, 368(x31)
    fsd f15, 376(x31)
    fsd f16, 384(x31)
    fsd f17, 392(x31)
    fsd f18, 400(x31)
    fsd f19, 408(x31)
    fsd f20, 416(x31)
    fsd f21, 424(x31)
    fsd f22, 432(x31)
    fsd f23, 440(x31)
    fsd f24, 448(x31)
    fsd f25, 456(x31)
    fsd f26, 464(x31)
    fsd f27, 472(x31)
    fsd f28, 480(x31)
    fsd f29, 488(x31)
    fsd f30, 496(x31)
    fsd f31, 504(x31)
    csrr t0, mscratch
    sd t0, 248(x31)
    csrr t0, fcsr
    sd t0, 512(x31)
    csrr t0, mcause
    sd t0, 520(x31)
    csrr t0, mepc
    sd t0, 528(x31)
    csrr t0, mtval
    sd t0, 536(x31)
    la t0, saved_sp
    ld sp, 0(t0)
    ld ra, 0(sp)
    ld gp, 8(sp)
    ld tp, 16(sp)
    ld s0, 24(sp)
    ld s1, 32(sp)
    ld s2, 40(sp)
    ld s3, 48(sp)
    ld s4, 56(sp)
    ld s5, 64(sp)
    ld s6, 72(sp)
    ld s7, 80(sp)
    ld s8, 88(sp)
    ld s9, 96(sp)
    ld s10, 104(sp)
    ld s11, 112(sp)
    addi sp, sp, 128
    ret

    .data
    .align 3
saved_sp:
    .dword 0
