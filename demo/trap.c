#include "demo/trap.h"

#include "demo/lib.h"
#include "demo/limits.h"
#include "demo/machine.h"
#include "demo/uart.h"

/* Registers that a called function keeps: ra, sp, s0 to s11. */
struct context {
    uint64_t ra, sp, s[12];
};

_Static_assert(offsetof(struct trap_frame, pc) == TRAP_PC, "start.S");
_Static_assert(sizeof(struct trap_frame) == TRAP_FRAME_SIZE, "start.S");

/* 0 when it saves; 1 when a trap has led back. */
int context_save(struct context *context) __attribute__((returns_twice));

void trap_handle(struct trap_frame *frame);

/* What a hart expects. */
static struct trap_guard {
    volatile bool armed;
    struct context context;
    struct trap trap;
} trap_guards[HARTS_MAX];

volatile uint64_t trap_timer_count, trap_source_count[64];

/* PLIC registers; context 0 is hart 0's M-mode. */
enum { PLIC_ENABLE = 0x2000, PLIC_THRESHOLD = 0x200000, PLIC_CLAIM = 0x200004 };
/* Virtio's (VIRTIO 1.2, 4.2.2). */
enum { VIRTIO_INTERRUPT_STATUS = 0x60, VIRTIO_INTERRUPT_ACK = 0x64 };
enum { CLINT_MTIMECMP = 0x4000 };

static void timer_set(uint64_t deadline)
{
    *(volatile uint64_t *)(machine.clint.address + CLINT_MTIMECMP) = deadline;
}

static void irq_serve(uint32_t source)
{
    if (source == machine.uart.irq) {
        uart_interrupt();
        uart_set_ready_interrupt(false);
    }
    for (unsigned i = 0; i < machine.virtio_count; i++) {
        uint64_t at = machine.virtio[i].address;
        if (source == machine.virtio[i].irq) {
            io_write32(at + VIRTIO_INTERRUPT_ACK, io_read32(at + VIRTIO_INTERRUPT_STATUS));
        }
    }
}

static void irq_external(void)
{
    uint64_t plic = machine.plic.address;
    uint32_t source;
    while ((source = io_read32(plic + PLIC_CLAIM)) != 0) {
        irq_serve(source);
        trap_source_count[source % COUNT(trap_source_count)]++;
        io_write32(plic + PLIC_CLAIM, source);
    }
}

static void trap_unexpected(const struct trap_frame *frame, uint64_t cause)
{
    print("\nhart %u: trap %lx at %lx, value %lx, ra %lx, sp %lx\n", hart_self(), cause, frame->pc,
          csr_read(mtval), frame->x[1], frame->x[2]);
    machine_poweroff(false);
}

/* Back to where context_save was called, in M-mode. */
static void trap_return(struct trap_frame *frame, struct trap_guard *guard)
{
    static const uint8_t saved[12] = { 8, 9, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27 };
    frame->pc = guard->context.ra;
    frame->x[1] = guard->context.ra;
    frame->x[2] = guard->context.sp;
    frame->x[4] = hart_self();
    frame->x[10] = 1;
    for (unsigned i = 0; i < COUNT(saved); i++) {
        frame->x[saved[i]] = guard->context.s[i];
    }
    csr_set(mstatus, 3 << 11);
}

void trap_handle(struct trap_frame *frame)
{
    uint64_t cause = csr_read(mcause);
    struct trap_guard *guard = &trap_guards[hart_self()];
    if (cause >> 63 && (cause & 0xff) == IRQ_TIMER) {
        timer_set(UINT64_MAX);
        trap_timer_count++;
    } else if (cause >> 63 && (cause & 0xff) == IRQ_EXTERNAL) {
        irq_external();
    } else if (!(cause >> 63) && guard->armed) {
        guard->armed = false;
        guard->trap = (struct trap){ cause, csr_read(mtval), frame->pc };
        trap_return(frame, guard);
    } else {
        trap_unexpected(frame, cause);
    }
}

bool trap_catch(void (*fn)(void *opaque), void *opaque, struct trap *ret_trap)
{
    struct trap_guard *guard = &trap_guards[hart_self()];
    if (context_save(&guard->context) != 0) {
        *ret_trap = guard->trap;
        return true;
    }
    guard->armed = true;
    fn(opaque);
    guard->armed = false;
    return false;
}

static void irq_enable(uint32_t source)
{
    if (source) {
        uint64_t word = machine.plic.address + PLIC_ENABLE + source / 32 * 4;
        io_write32(machine.plic.address + 4 * source, 1);
        io_write32(word, io_read32(word) | 1u << source % 32);
    }
}

void irq_init(void)
{
    if (machine.clint.address) {
        timer_set(UINT64_MAX);
        csr_set(mie, 1 << IRQ_TIMER);
    }
    if (machine.plic.address) {
        irq_enable(machine.uart.irq);
        for (unsigned i = 0; i < machine.virtio_count; i++) {
            irq_enable(machine.virtio[i].irq);
        }
        io_write32(machine.plic.address + PLIC_THRESHOLD, 0);
        csr_set(mie, 1 << IRQ_EXTERNAL);
    }
}

void irq_wait(uint64_t deadline)
{
    if (machine.clint.address) {
        timer_set(deadline);
        __asm__ volatile("wfi" ::: "memory");
    }
    csr_set(mstatus, MSTATUS_MIE);
    __asm__ volatile("nop" ::: "memory");
    csr_clear(mstatus, MSTATUS_MIE);
}
