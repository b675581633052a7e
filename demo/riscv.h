/* What C has no words for: CSRs, fences, waiting. Source: the RISC-V manual, volume II. */
#pragma once

#include <stdint.h>

#define csr_read(name)                                                                             \
    ({                                                                                             \
        uint64_t value_;                                                                           \
        __asm__ volatile("csrr %0, " #name : "=r"(value_)::"memory");                              \
        value_;                                                                                    \
    })
#define csr_write(name, value) __asm__ volatile("csrw " #name ", %0" ::"r"(value) : "memory")
#define csr_set(name, value)   __asm__ volatile("csrs " #name ", %0" ::"r"(value) : "memory")
#define csr_clear(name, value) __asm__ volatile("csrc " #name ", %0" ::"r"(value) : "memory")

#define fence_all()    __asm__ volatile("fence" ::: "memory")
#define fence_code()   __asm__ volatile("fence.i" ::: "memory")
#define fence_tables() __asm__ volatile("sfence.vma" ::: "memory")

enum { MSTATUS_MIE = 1 << 3 };
enum { IRQ_SOFTWARE = 3, IRQ_TIMER = 7, IRQ_EXTERNAL = 11 };

enum trap_cause {
    CAUSE_ILLEGAL = 2,
    CAUSE_ECALL_U = 8,
    CAUSE_ECALL_S = 9,
    CAUSE_FETCH_PAGE = 12,
    CAUSE_LOAD_PAGE = 13,
    CAUSE_STORE_PAGE = 15,
};

/* The hart that runs this. */
static inline unsigned hart_self(void)
{
    register uint64_t tp __asm__("tp");
    uint64_t self;
    __asm__("mv %0, %1" : "=r"(self) : "r"(tp));
    return (unsigned)self;
}

/* Register access. */
static inline uint32_t io_read32(uint64_t address)
{
    uint32_t value = *(volatile uint32_t *)address;
    fence_all();
    return value;
}

/* Register access. */
static inline void io_write32(uint64_t address, uint32_t value)
{
    fence_all();
    *(volatile uint32_t *)address = value;
}
