/* Goldfish real-time clock: wall time in nanoseconds and one alarm, as 32-bit halves.
 * As Linux drivers/rtc/rtc-goldfish.c uses it: it writes each high half first; ALARM_LOW arms. */
#include "emu/dev/devices.h"

#define RTC_REGS(REG)                                                                          \
    REG(TIME_LOW,   0x00, RW) REG(TIME_HIGH,  0x04, RW) REG(ALARM_LOW,    0x08, RW)            \
    REG(ALARM_HIGH, 0x0c, RW) REG(IRQ_ENABLE, 0x10, RW) REG(ALARM_CLEAR,  0x14, W)             \
    REG(IRQ_CLEAR,  0x1c, W)  REG(ALARM_STATUS, 0x18, R)
enum { RTC_REGS(REG_OFFSET) };

struct rtc {
    struct device dev;
    struct aio_timer timer;
    uint64_t skew_ns;   /* guest time minus host time, modulo 2^64 */
    uint64_t alarm_ns;  /* in guest time */
    uint32_t time_high; /* latched by a read of TIME_LOW, so that a guest sees one coherent pair */
    uint32_t alarm_armed, irq_enabled, irq_pending;
};

static uint64_t rtc_now(const struct rtc *rtc)
{
    return (uint64_t)aio_clock_now_ns(rtc->dev.services.wall_clock) + rtc->skew_ns;
}

/* The wall-clock time of the host at which the guest's alarm is due; the past is "now". */
static int64_t rtc_alarm_host_ns(const struct rtc *rtc)
{
    uint64_t now = rtc_now(rtc);
    int64_t host_now = aio_clock_now_ns(rtc->dev.services.wall_clock);
    uint64_t delay = rtc->alarm_ns > now ? rtc->alarm_ns - now : 0;
    return delay < (uint64_t)(INT64_MAX - host_now) ? host_now + (int64_t)delay : INT64_MAX;
}

static void rtc_sync(struct device *dev)
{
    struct rtc *rtc = (struct rtc *)dev;
    irq_set(&dev->irq, rtc->irq_pending && rtc->irq_enabled);
    if (rtc->alarm_armed) {
        timer_mod(&rtc->timer, rtc_alarm_host_ns(rtc));
    } else {
        timer_del(&rtc->timer);
    }
}

static void rtc_alarm(void *opaque)
{
    struct rtc *rtc = opaque;
    if (rtc->alarm_armed && rtc->alarm_ns <= rtc_now(rtc)) {
        rtc->alarm_armed = 0;
        rtc->irq_pending = 1;
    }
    rtc_sync(&rtc->dev);
}

static uint64_t rtc_read(struct device *dev, uint32_t offset, unsigned size)
{
    struct rtc *rtc = (struct rtc *)dev;
    uint64_t now = rtc_now(rtc);
    (void)size;
    switch (offset) {
    case TIME_LOW:     rtc->time_high = (uint32_t)(now >> 32); return (uint32_t)now;
    case TIME_HIGH:    return rtc->time_high;
    case ALARM_LOW:    return (uint32_t)rtc->alarm_ns;
    case ALARM_HIGH:   return rtc->alarm_ns >> 32;
    case IRQ_ENABLE:   return rtc->irq_enabled;
    case ALARM_STATUS: return rtc->alarm_armed;
    default:           device_unreachable(dev, offset);
    }
}

static void rtc_write(struct device *dev, uint32_t offset, unsigned size, uint64_t value)
{
    struct rtc *rtc = (struct rtc *)dev;
    uint64_t now = rtc_now(rtc);
    (void)size;
    switch (offset) {
    case TIME_LOW:    rtc->skew_ns += put_low32(now, value) - now; break;
    case TIME_HIGH:   rtc->skew_ns += put_high32(now, value) - now; break;
    case ALARM_LOW:   rtc->alarm_ns = put_low32(rtc->alarm_ns, value); rtc->alarm_armed = 1; break;
    case ALARM_HIGH:  rtc->alarm_ns = put_high32(rtc->alarm_ns, value); break;
    case IRQ_ENABLE:  rtc->irq_enabled = value & 1; break;
    case ALARM_CLEAR: rtc->alarm_armed = 0; break;
    case IRQ_CLEAR:   rtc->irq_pending = 0; break;
    default:          device_unreachable(dev, offset);
    }
    rtc_sync(dev);
}

static bool rtc_init(struct device *dev, GError **error)
{
    struct rtc *rtc = (struct rtc *)dev;
    (void)error;
    timer_init(&rtc->timer, dev->services.ctx, dev->services.wall_clock, "rtc-alarm", rtc_alarm,
               rtc);
    return true;
}

static void rtc_finish(struct device *dev)
{
    timer_del(&((struct rtc *)dev)->timer);
}

#define FIELD(name, policy) STATE_FIELD(struct rtc, name, policy)
const struct device_class goldfish_rtc_class = {
    .name = "goldfish-rtc",
    .compatible = "google,goldfish-rtc",
    .mmio_size = 0x1000,
    .instance_size = sizeof(struct rtc),
    .regs = (const struct device_reg[]){ RTC_REGS(REG_ROW32) { 0 } },
    .state = (const struct state_field[]){ FIELD(skew_ns, KEPT), FIELD(alarm_ns, RESET),
        FIELD(time_high, RESET), STATE_MAX(struct rtc, alarm_armed, RESET, 1),
        STATE_MAX(struct rtc, irq_enabled, RESET, 1),
        STATE_MAX(struct rtc, irq_pending, RESET, 1), { 0 } },
    .init = rtc_init,
    .finish = rtc_finish,
    .read = rtc_read,
    .write = rtc_write,
    .sync = rtc_sync,
};
