/* The built-in guest: what hart 0 does. "once" among its arguments (-append once): it powers off
 * after one round, with a status that says whether all self-tests held. */
#include "demo/lib.h"
#include "demo/machine.h"
#include "demo/mandel.h"
#include "demo/report.h"
#include "demo/screen.h"
#include "demo/shell.h"
#include "demo/ticks.h"
#include "demo/trap.h"
#include "demo/uart.h"

#define IDLE_US 16000

void main(const void *tree);

extern char bss_end[];

static void main_round(void)
{
    report_machine();
    for (struct tick *tick = ticks; tick->name; tick++) {
        tick_run(tick);
    }
    report_mandel();
    print("end %s\n", ticks_bad() ? "bad" : "ok");
}

void main(const void *tree)
{
    machine_read(tree);
    uart_init();
    uint64_t end = machine.memory_start + machine.memory_size;
    if ((uintptr_t)tree >= machine.memory_start && (uintptr_t)tree < end) {
        end = (uintptr_t)tree;
    }
    memory_give((uintptr_t)bss_end, end);
    irq_init();
    screen_open();
    main_round();
    if (text_has_word(machine.arguments, "once")) {
        machine_poweroff(!ticks_bad());
    }
    shell_begin();
    for (;;) {
        shell_poll();
        if (!screen_shown() || !screen_round()) {
            irq_wait(time_after_us(IDLE_US));
        }
    }
}
