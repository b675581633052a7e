/* Self-tests of what stands on the board: timer, software interrupts, PLIC, clock. */
#include "demo/harts.h"
#include "demo/lib.h"
#include "demo/limits.h"
#include "demo/machine.h"
#include "demo/riscv.h"
#include "demo/ticks.h"
#include "demo/trap.h"
#include "demo/uart.h"

#define TIMER_US        1000
#define LIMIT_US        10000000
#define EPOCH_2020_NS   1577836800000000000ull
#define SECONDS_PER_DAY 86400

enum { RTC_LOW = 0, RTC_HIGH = 4 };

enum tick_state tick_timer(struct tick *tick)
{
    if (!machine.clint.address) {
        return tick_say(tick, TICK_NONE, "no CLINT");
    }
    uint64_t before = trap_timer_count, start = time_now();
    uint64_t deadline = time_after_us(TIMER_US), limit = time_after_us(LIMIT_US);
    while (trap_timer_count == before && time_now() < limit) {
        irq_wait(deadline);
    }
    uint64_t end = time_now();
    if (trap_timer_count == before) {
        return tick_say(tick, TICK_BAD, "no interrupt in %u ms", LIMIT_US / 1000);
    }
    if (end < deadline) {
        return tick_say(tick, TICK_BAD, "%lu us early", time_us(end, deadline));
    }
    return tick_say(tick, TICK_OK, "%u us took %lu us", TIMER_US, time_us(start, end));
}

static volatile uint32_t ipi_answers;

static void ipi_job(unsigned self)
{
    __atomic_fetch_or(&ipi_answers, 1u << self, __ATOMIC_SEQ_CST);
}

/* Hart 0 to itself: the bit must show, and go away again. */
static bool ipi_self(void)
{
    const uint64_t pending = 1 << IRQ_SOFTWARE;
    uint64_t limit = time_after_us(LIMIT_US);
    hart_interrupt(0, true);
    while (!(csr_read(mip) & pending) && time_now() < limit) {
    }
    bool seen = (csr_read(mip) & pending) != 0;
    hart_interrupt(0, false);
    while ((csr_read(mip) & pending) && time_now() < limit) {
    }
    return seen && !(csr_read(mip) & pending);
}

enum tick_state tick_ipi(struct tick *tick)
{
    if (!machine.clint.address) {
        return tick_say(tick, TICK_NONE, "no CLINT");
    }
    ipi_answers = 1;
    bool self = ipi_self();
    uint64_t start = time_now();
    harts_start(ipi_job);
    bool done = harts_wait(time_after_us(LIMIT_US));
    uint64_t us = time_us(start, time_now());
    uint32_t all = (1u << machine.harts) - 1;
    if (!self || !done || ipi_answers != all) {
        return tick_say(tick, TICK_BAD, "answers 0x%x of 0x%x", self ? ipi_answers : 0, all);
    }
    return tick_say(tick, TICK_OK, "%u hart%s in %lu us", machine.harts,
                    machine.harts == 1 ? "" : "s", us);
}

enum tick_state tick_plic(struct tick *tick)
{
    unsigned source = machine.uart.irq;
    if (!machine.plic.address || source == 0 || source >= COUNT(trap_source_count)) {
        return tick_say(tick, TICK_NONE, "no PLIC");
    }
    uint64_t before = trap_source_count[source], limit = time_after_us(LIMIT_US);
    uart_flush();
    uart_set_ready_interrupt(true);
    while (trap_source_count[source] == before && time_now() < limit) {
        irq_wait(limit);
    }
    uart_set_ready_interrupt(false);
    if (trap_source_count[source] == before) {
        return tick_say(tick, TICK_BAD, "no interrupt from source %u", source);
    }
    return tick_say(tick, TICK_OK, "source %u, claimed and completed", source);
}

static uint64_t rtc_ns(void)
{
    uint64_t low = io_read32(machine.rtc.address + RTC_LOW);
    return (uint64_t)io_read32(machine.rtc.address + RTC_HIGH) << 32 | low;
}

/* The date of a day since 1970. Source: Howard Hinnant, "chrono-compatible low-level date
 * algorithms": years that begin in March, in eras of 400. */
static void rtc_date(uint64_t days, unsigned *ret_year, unsigned *ret_month, unsigned *ret_day)
{
    uint64_t since = days + 719468, era = since / 146097;
    unsigned of_era = (unsigned)(since - era * 146097);
    unsigned year = (of_era - of_era / 1460 + of_era / 36524 - of_era / 146096) / 365;
    unsigned of_year = of_era - (365 * year + year / 4 - year / 100);
    unsigned month = (5 * of_year + 2) / 153;
    *ret_day = of_year - (153 * month + 2) / 5 + 1;
    *ret_month = month < 10 ? month + 3 : month - 9;
    *ret_year = (unsigned)(year + era * 400) + (*ret_month <= 2);
}

enum tick_state tick_rtc(struct tick *tick)
{
    if (!machine.rtc.address) {
        return tick_say(tick, TICK_NONE, "no clock");
    }
    uint64_t first = rtc_ns(), limit = time_after_us(LIMIT_US);
    while (rtc_ns() == first && time_now() < limit) {
    }
    uint64_t now = rtc_ns();
    if (now < EPOCH_2020_NS || now <= first) {
        return tick_say(tick, TICK_BAD, "%lu s since 1970", now / 1000000000);
    }
    unsigned year, month, day, second = (unsigned)(now / 1000000000 % SECONDS_PER_DAY);
    rtc_date(now / 1000000000 / SECONDS_PER_DAY, &year, &month, &day);
    return tick_say(tick, TICK_OK, "%u-%02u-%02u %02u:%02u:%02u UTC", year, month, day,
                    second / 3600, second / 60 % 60, second % 60);
}
