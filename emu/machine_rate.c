/* How many instructions a second a machine retires. Translated code counts them only when asked, as
 * that takes time: so each hart is asked for a moment, and answers on its own thread, where its
 * counter is exact. What it does for its processor time then, and the processor time that it had
 * since the last answer, give the rate. Nobody waits for it. */
#include "emu/machine_parts.h"
#include "platform/clock.h"

#define SECOND_NS 1000000000.0
#define KEEP      0.5 /* of what was counted before: clocks of processor time are coarse */

static void hart_count(struct hart *hart, bool counting)
{
    if (hart->engine->set_counting != NULL) {
        hart->engine->set_counting(hart, counting);
    }
}

static void rate_begin(struct hart *hart, void *opaque)
{
    struct machine_rate *rate = opaque;
    hart_count(hart, true);
    rate->from_retired = ((struct riscv_hart *)(void *)hart)->instret;
    rate->from_cpu_ns = host_thread_cpu_ns();
    if (rate->last_ns == 0) {
        rate->last_ns = host_monotonic_ns();
        rate->last_cpu_ns = rate->from_cpu_ns;
    }
}

static void rate_end(struct hart *hart, void *opaque)
{
    struct machine_rate *rate = opaque;
    uint64_t retired = ((struct riscv_hart *)(void *)hart)->instret;
    int64_t now_ns = host_monotonic_ns(), cpu_ns = host_thread_cpu_ns();
    hart_count(hart, false);
    if (retired >= rate->from_retired) { /* else another state was loaded meanwhile */
        rate->retired = KEEP * rate->retired + (double)(retired - rate->from_retired);
        rate->cpu_ns = KEEP * rate->cpu_ns + (double)(cpu_ns - rate->from_cpu_ns);
    }
    if (rate->cpu_ns > 0 && now_ns > rate->last_ns) {
        double share = (double)(cpu_ns - rate->last_cpu_ns) / (double)(now_ns - rate->last_ns);
        atomic_store(&rate->per_second,
                     (uint64_t)(rate->retired / rate->cpu_ns * share * SECOND_NS));
    }
    rate->last_ns = now_ns;
    rate->last_cpu_ns = cpu_ns;
}

void machine_count_begin(struct machine *machine)
{
    for (unsigned i = 0; i < machine->hart_count; i++) {
        hart_call(&machine->hart[i]->hart, rate_begin, &machine->rate[i]);
    }
}

void machine_count_end(struct machine *machine)
{
    for (unsigned i = 0; i < machine->hart_count; i++) {
        hart_call(&machine->hart[i]->hart, rate_end, &machine->rate[i]);
    }
}

uint64_t machine_get_rate(const struct machine *machine)
{
    uint64_t sum = 0;
    for (unsigned i = 0; i < machine->hart_count; i++) {
        sum += atomic_load(&machine->rate[i].per_second);
    }
    return sum;
}
