#include "demo/harts.h"

#include "demo/limits.h"
#include "demo/machine.h"
#include "demo/riscv.h"

static hart_job_fn *volatile hart_job;
static volatile bool hart_busy[HARTS_MAX];

void hart_main(void);

void hart_interrupt(unsigned hart, bool on)
{
    io_write32(machine.clint.address + 4 * hart, on);
}

/* Where start.S sends the others, with their software interrupt pending and enabled, not taken. */
void hart_main(void)
{
    unsigned self = hart_self();
    for (;;) {
        hart_interrupt(self, false);
        fence_all();
        if (hart_busy[self]) {
            hart_job(self);
            fence_all();
            hart_busy[self] = false;
        }
        while (!(csr_read(mip) & 1 << IRQ_SOFTWARE)) {
            __asm__ volatile("wfi");
        }
    }
}

void harts_start(hart_job_fn *job)
{
    hart_job = job;
    for (unsigned i = 1; i < machine.harts; i++) {
        hart_busy[i] = true;
        fence_all();
        hart_interrupt(i, true);
    }
}

bool harts_done(void)
{
    bool busy = false;
    for (unsigned i = 1; i < machine.harts; i++) {
        busy |= hart_busy[i];
    }
    fence_all();
    return !busy;
}

bool harts_wait(uint64_t deadline)
{
    while (!harts_done()) {
        if (time_now() > deadline) {
            return false;
        }
    }
    return true;
}
