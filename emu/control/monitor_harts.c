/* `info registers`, `info harts`, `info jit`. */
#include "emu/control/monitor_parts.h"

#include <inttypes.h>
#include <string.h>

#include "emu/jit/jit.h"
#include "emu/riscv/csr.h"
#include "emu/riscv/disasm.h"

#define CSR_COUNT 4096

/* What is shown, in the order that readers of traps look for it. */
static const char *const shown_csrs[] = {
    "mhartid",  "mstatus",  "mip",  "mie",    "mideleg",  "medeleg", "mtvec",
    "stvec",    "mepc",     "sepc", "mcause", "scause",   "mtval",   "stval",
    "mscratch", "sscratch", "satp", "fcsr",   "stimecmp", "menvcfg",
};

static const char *priv_name(unsigned priv)
{
    return priv == PRIV_M ? "machine" : priv == PRIV_S ? "supervisor" : "user";
}

bool monitor_csr(struct riscv_hart *hart, const char *name, uint64_t *ret_value)
{
    for (unsigned number = 0; number < CSR_COUNT; number++) {
        const char *known = riscv_csr_name(number);
        if (known && strcmp(known, name) == 0) {
            return riscv_csr_peek(hart, number, ret_value);
        }
    }
    return false;
}

static void registers_print(struct monitor_call *call, struct riscv_hart *hart)
{
    g_string_append_printf(call->out, "CPU#%u\n pc       %016" PRIx64 "\n priv     %s\n",
                           hart->hart.index, hart->pc, priv_name(hart->priv));
    for (size_t i = 0; i < G_N_ELEMENTS(shown_csrs); i++) {
        uint64_t value;
        if (monitor_csr(hart, shown_csrs[i], &value)) {
            g_string_append_printf(call->out, " %-8s %016" PRIx64 "\n", shown_csrs[i], value);
        }
    }
    for (unsigned i = 0; i < 32; i++) {
        g_string_append_printf(call->out, " x%u/%-*s %016" PRIx64 "%s", i, i < 10 ? 5 : 4,
                               isa_x_names[i], hart->x[i], i % 4 == 3 ? "\n" : "");
    }
    for (unsigned i = 0; i < 32; i++) {
        g_string_append_printf(call->out, " f%u/%-*s %016" PRIx64 "%s", i, i < 10 ? 5 : 4,
                               isa_f_names[i], hart->f[i], i % 4 == 3 ? "\n" : "");
    }
}

void monitor_info_registers(struct monitor_call *call)
{
    struct machine *machine = call->options->machine;
    unsigned count = machine_hart_count(machine), first = 0, last = 0;
    const char *which = call->words[0];
    guint64 index;
    if (which && strcmp(which, "-a") == 0) {
        last = count - 1;
    } else if (which) {
        if (!g_ascii_string_to_unsigned(which, 10, 0, count - 1, &index, NULL)) {
            g_string_append_printf(call->out, "there is no hart '%s': they are 0 to %u\n", which,
                                   count - 1);
            return;
        }
        first = last = (unsigned)index;
    }
    bool ran = monitor_hold(call);
    for (unsigned i = first; i <= last; i++) {
        registers_print(call, machine_hart(machine, i));
    }
    monitor_let(call, ran);
}

void monitor_info_harts(struct monitor_call *call)
{
    struct machine *machine = call->options->machine;
    bool ran = monitor_hold(call);
    for (unsigned i = 0; i < machine_hart_count(machine); i++) {
        struct riscv_hart *hart = machine_hart(machine, i);
        const char *state = atomic_load(&hart->hart.halted) ? "stopped"
                            : hart->hart.waiting            ? "waiting"
                                                            : "running";
        g_string_append_printf(call->out, "* CPU #%u: pc=0x%016" PRIx64 " %s, %s, engine %s\n", i,
                               hart->pc, state, priv_name(hart->priv), hart->hart.engine->name);
    }
    monitor_let(call, ran);
}

static void info_jit_hot(struct monitor_call *call)
{
    g_autofree char *text = jit_describe_hot(machine_hart(call->options->machine, 0));
    g_string_append(call->out, text ? text : "nothing is counted: start with '-accel jit,hot=N'\n");
}

void monitor_info_jit(struct monitor_call *call)
{
    struct machine *machine = call->options->machine;
    const char *what = call->words[0];
    if (what && strcmp(what, "hot") != 0) {
        g_string_append_printf(call->out, "info jit: '%s' is not known: 'info jit hot' shows the "
                               "hottest blocks\n", what);
        return;
    }
    bool ran = monitor_hold(call);
    if (what) {
        info_jit_hot(call);
        monitor_let(call, ran);
        return;
    }
    for (unsigned i = 0; i < machine_hart_count(machine); i++) {
        g_autofree char *text = jit_describe(machine_hart(machine, i));
        g_string_append(call->out, text);
    }
    monitor_let(call, ran);
}
