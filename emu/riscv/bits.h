/* Fields of the CSRs, as the manual spells them (volume II, chapters 3 and 12). */
#pragma once

#include <stdint.h>

#define MSTATUS_SIE  (UINT64_C(1) << 1)
#define MSTATUS_MIE  (UINT64_C(1) << 3)
#define MSTATUS_SPIE (UINT64_C(1) << 5)
#define MSTATUS_MPIE (UINT64_C(1) << 7)
#define MSTATUS_SPP  (UINT64_C(1) << 8)
#define MSTATUS_MPP  (UINT64_C(3) << 11)
#define MSTATUS_FS   (UINT64_C(3) << 13) /* 0 off, 1 initial, 2 clean, 3 dirty */
#define MSTATUS_MPRV (UINT64_C(1) << 17)
#define MSTATUS_SUM  (UINT64_C(1) << 18)
#define MSTATUS_MXR  (UINT64_C(1) << 19)
#define MSTATUS_TVM  (UINT64_C(1) << 20)
#define MSTATUS_TW   (UINT64_C(1) << 21)
#define MSTATUS_TSR  (UINT64_C(1) << 22)
#define MSTATUS_UXL  (UINT64_C(3) << 32)
#define MSTATUS_SXL  (UINT64_C(3) << 34)
#define MSTATUS_SD   (UINT64_C(1) << 63)

#define MSTATUS_MPP_SHIFT 11
#define MSTATUS_FS_SHIFT  13
#define MSTATUS_UXL_64    (UINT64_C(2) << 32)
#define MSTATUS_SXL_64    (UINT64_C(2) << 34)

/* What S-mode sees of mstatus, and may write. */
#define SSTATUS_WRITABLE                                                                           \
    (MSTATUS_SIE | MSTATUS_SPIE | MSTATUS_SPP | MSTATUS_FS | MSTATUS_SUM | MSTATUS_MXR)
#define SSTATUS_VISIBLE (SSTATUS_WRITABLE | MSTATUS_UXL | MSTATUS_SD)

#define CAUSE_INTERRUPT (UINT64_C(1) << 63)

/* menvcfg and senvcfg */
#define ENVCFG_FIOM  (UINT64_C(1) << 0)
#define ENVCFG_CBIE  (UINT64_C(3) << 4) /* cbo.inval: 0 illegal, 1 flushes, 3 invalidates */
#define ENVCFG_CBCFE (UINT64_C(1) << 6) /* cbo.clean, cbo.flush */
#define ENVCFG_CBZE  (UINT64_C(1) << 7) /* cbo.zero */
#define ENVCFG_ADUE  (UINT64_C(1) << 61)
#define ENVCFG_STCE  (UINT64_C(1) << 63)

#define COUNTEREN_CY (UINT64_C(1) << 0)
#define COUNTEREN_TM (UINT64_C(1) << 1)
#define COUNTEREN_IR (UINT64_C(1) << 2)

#define SATP_MODE_SHIFT 60
#define SATP_MODE_BARE  0u
#define SATP_MODE_SV39  8u
#define SATP_MODE_SV48  9u
#define SATP_ASID_SHIFT 44
#define SATP_ASID_MASK  UINT64_C(0xffff)
#define SATP_PPN_MASK   ((UINT64_C(1) << 44) - 1)

#define PMP_R       0x01u
#define PMP_W       0x02u
#define PMP_X       0x04u
#define PMP_A       0x18u
#define PMP_A_TOR   0x08u
#define PMP_A_NA4   0x10u
#define PMP_A_NAPOT 0x18u
#define PMP_L       0x80u

/* Interrupts of mip, mie, mideleg */
#define IRQ_BIT(irq) (UINT64_C(1) << (irq))
#define IRQS_S       (IRQ_BIT(IRQ_SSIP) | IRQ_BIT(IRQ_STIP) | IRQ_BIT(IRQ_SEIP))
#define IRQS_M       (IRQ_BIT(IRQ_MSIP) | IRQ_BIT(IRQ_MTIP) | IRQ_BIT(IRQ_MEIP))

/* Exceptions that medeleg can delegate: all but 10, 14 and the environment call from M-mode. */
#define MEDELEG_MASK UINT64_C(0xb3ff)
