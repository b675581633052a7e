/* 16550A UART: National Semiconductor PC16550D datasheet (1995); section numbers below are its own.
 * Characters leave at once into a line buffer that the event loop empties into the chardev, so the
 * transmitter is busy only while the peer does not take output; nothing is ever dropped. Received
 * characters wait in the chardev until the FIFO has room. Not modelled: line speed and word length
 * of data (programs that never set LCR print 8 bits), DMA pins, errors but break and overrun. */
#include "emu/dev/uart16550.h"

#include <assert.h>
#include <string.h>

#include "emu/dev/devices.h"

static bool uart_fifo_mode(const struct uart *uart)
{
    return (uart->fcr & FCR_ENABLE) != 0;
}

static bool uart_looped(const struct uart *uart)
{
    return (uart->mcr & MCR_LOOP) != 0;
}

/* How many received characters there is room for, by the mode (8.4). */
static unsigned uart_rx_capacity(const struct uart *uart)
{
    return uart_fifo_mode(uart) ? UART_FIFO : 1;
}

static unsigned uart_rx_trigger(const struct uart *uart)
{
    static const uint8_t level[4] = { 1, 4, 8, 14 };
    return uart_fifo_mode(uart) ? level[uart->fcr >> 6] : 1;
}

/* Four character times (8.11, "FIFO interrupt mode operation"), from divisor and frame format. */
static int64_t uart_timeout_ns(const struct uart *uart)
{
    unsigned bits = 1 + 5 + (uart->lcr & LCR_WORD) + ((uart->lcr & LCR_PARITY) != 0) + 1 +
                    ((uart->lcr & LCR_STOP2) != 0);
    uint64_t divisor = MAX(uart->divisor, 1);
    return (int64_t)(4 * bits * 16 * divisor * 1000000000 / UART_CLOCK_HZ);
}

/* LSR (8.6) as it reads now: the error bits are those of the character at the top of the FIFO. */
static uint8_t uart_lsr(const struct uart *uart)
{
    uint8_t lsr = uart->overrun ? LSR_OE : 0;
    if (uart->rx_count != 0) {
        lsr |= LSR_DR | uart->rx_error[uart->rx_head];
    }
    for (unsigned i = 0; uart_fifo_mode(uart) && i < uart->rx_count; i++) {
        lsr |= uart->rx_error[(uart->rx_head + i) % UART_FIFO] != 0 ? LSR_FIFO_ERROR : 0;
    }
    return uart->tx_count == 0 ? lsr | LSR_THRE | LSR_TEMT : lsr;
}

/* The highest-priority interrupt that is enabled and pending (8.8, table III). */
static uint8_t uart_iir(const struct uart *uart)
{
    if ((uart->ier & IER_LINE) != 0 && (uart_lsr(uart) & LSR_ERRORS) != 0) {
        return IIR_LINE;
    }
    if ((uart->ier & IER_DATA) != 0 && uart->rx_count >= uart_rx_trigger(uart)) {
        return IIR_DATA;
    }
    if ((uart->ier & IER_DATA) != 0 && uart->timeout_pending) {
        return IIR_TIMEOUT;
    }
    if ((uart->ier & IER_THRE) != 0 && uart->thre_pending) {
        return IIR_THRE;
    }
    if ((uart->ier & IER_MODEM) != 0 && (uart->msr & MSR_DELTAS) != 0) {
        return IIR_MODEM;
    }
    return IIR_NONE;
}

static void uart_update(struct uart *uart)
{
    irq_set(&uart->dev.irq, uart_iir(uart) != IIR_NONE);
}

static void uart_arm_timeout(struct uart *uart)
{
    if (uart->timeout_at_ns >= 0) {
        timer_mod(&uart->timeout, uart->timeout_at_ns);
    } else {
        timer_del(&uart->timeout);
    }
}

/* A character came or was read: the timeout starts again while there are too few to interrupt. */
static void uart_restart_timeout(struct uart *uart)
{
    bool runs = uart_fifo_mode(uart) && uart->rx_count != 0;
    uart->timeout_pending = false;
    uart->timeout_at_ns =
        runs ? aio_clock_now_ns(uart->dev.services.virtual_clock) + uart_timeout_ns(uart) : -1;
    uart_arm_timeout(uart);
}

static void uart_timeout_due(void *opaque)
{
    struct uart *uart = opaque;
    uart->timeout_at_ns = -1;
    uart->timeout_pending = uart_fifo_mode(uart) && uart->rx_count != 0;
    uart_update(uart);
}

/* Takes a character from the line. In a full FIFO it is lost, in a full register the old one. */
static void uart_rx_push(struct uart *uart, uint8_t data, uint8_t error)
{
    if (uart->rx_count == uart_rx_capacity(uart)) {
        uart->overrun = true;
        if (uart_fifo_mode(uart)) {
            return;
        }
        uart->rx_count = 0;
    }
    unsigned place = (uart->rx_head + uart->rx_count) % UART_FIFO;
    uart->rx_data[place] = data;
    uart->rx_error[place] = error;
    uart->rx_count++;
    uart_restart_timeout(uart);
}

static uint8_t uart_rx_pop(struct uart *uart)
{
    uint8_t data = uart->rx_data[uart->rx_head]; /* the last one again when empty */
    if (uart->rx_count != 0) {
        uart->rx_count--;
        if (uart->rx_count != 0 || uart_fifo_mode(uart)) {
            uart->rx_head = (uint8_t)((uart->rx_head + 1) % UART_FIFO);
        }
        uart_restart_timeout(uart);
        aio_bh_schedule(uart->service); /* room for the chardev's next character */
    }
    return data;
}

static void uart_rx_clear(struct uart *uart)
{
    uart->rx_head = uart->rx_count = 0;
    uart_restart_timeout(uart);
    aio_bh_schedule(uart->service);
}

/* Moves characters from the transmitter to the line, as far as there is room on it. */
static void uart_tx_move(struct uart *uart)
{
    bool was_full = uart->tx_count != 0;
    while (uart->tx_count != 0 && uart->line_count < UART_LINE) {
        uart->line[(uart->line_head + uart->line_count) % UART_LINE] = uart->tx_data[uart->tx_head];
        uart->line_count++;
        uart->tx_head = (uint8_t)((uart->tx_head + 1) % UART_FIFO);
        uart->tx_count--;
    }
    if (was_full && uart->tx_count == 0) {
        uart->thre_pending = true;
    }
}

/* Writes to the THR (8.2). A full transmitter loses the newest character, as the chip does; a
 * driver that looks at LSR_THRE never gets there. */
static void uart_tx_push(struct uart *uart, uint8_t data)
{
    uart->thre_pending = false;
    if (uart_looped(uart)) {
        uart_rx_push(uart, data, 0);
        uart->thre_pending = true;
        return;
    }
    unsigned capacity = uart_fifo_mode(uart) ? UART_FIFO : 1;
    if (uart->tx_count < capacity) {
        uart->tx_data[(uart->tx_head + uart->tx_count) % UART_FIFO] = data;
        uart->tx_count++;
    }
    uart_tx_move(uart);
    aio_bh_schedule(uart->service);
}

/* Gives the line to the chardev: true when all of it was taken. Home thread. */
static bool uart_line_flush(struct uart *uart)
{
    while (uart->line_count != 0) {
        size_t chunk = MIN(uart->line_count, UART_LINE - uart->line_head);
        size_t taken = uart->chardev != NULL
                           ? chardev_write(uart->chardev, &uart->line[uart->line_head], chunk)
                           : chunk; /* nobody there: as on an open wire */
        assert(taken <= chunk);
        uart->line_head = (uint32_t)((uart->line_head + taken) % UART_LINE);
        uart->line_count -= (uint32_t)taken;
        if (taken < chunk) {
            return false;
        }
    }
    return true;
}

/* Both directions towards the chardev, which may be used on the loop's thread only. */
static void uart_service(void *opaque)
{
    struct uart *uart = opaque;
    bool flushed = uart_line_flush(uart);
    uart_tx_move(uart);
    uart_update(uart);
    if (flushed && uart->line_count != 0) {
        aio_bh_schedule(uart->service); /* what the transmitter has just moved to the line */
    }
    if (uart->chardev != NULL && uart->rx_count < uart_rx_capacity(uart)) {
        chardev_accept_input(uart->chardev);
    }
}

static size_t uart_can_receive(void *opaque)
{
    struct uart *uart = opaque;
    return uart_looped(uart) ? 0 : uart_rx_capacity(uart) - uart->rx_count;
}

static void uart_receive(void *opaque, const uint8_t *data, size_t size)
{
    struct uart *uart = opaque;
    for (size_t i = 0; i < size; i++) {
        uart_rx_push(uart, data[i], 0);
    }
    uart_update(uart);
}

static void uart_event(void *opaque, enum chardev_event event)
{
    struct uart *uart = opaque;
    if (event == CHARDEV_BREAK && !uart_looped(uart)) {
        uart_rx_push(uart, 0, LSR_BI);
        uart_update(uart);
    }
    if (event == CHARDEV_OPENED) {
        aio_bh_schedule(uart->service);
    }
}

static void uart_writable(void *opaque)
{
    aio_bh_schedule(((struct uart *)opaque)->service);
}

/* Modem inputs (8.10): a peer that is always there and ready, or our own outputs in loopback. */
static uint8_t uart_modem_inputs(const struct uart *uart)
{
    if (!uart_looped(uart)) {
        return uart->chardev != NULL ? MSR_DCD | MSR_DSR | MSR_CTS : 0;
    }
    return (uint8_t)(((uart->mcr & MCR_RTS) != 0 ? MSR_CTS : 0) |
                     ((uart->mcr & MCR_DTR) != 0 ? MSR_DSR : 0) |
                     ((uart->mcr & MCR_OUT1) != 0 ? MSR_RI : 0) |
                     ((uart->mcr & MCR_OUT2) != 0 ? MSR_DCD : 0));
}

/* Sets the inputs and the deltas; the ring indicator has one for its trailing edge only. */
static void uart_modem_sync(struct uart *uart)
{
    uint8_t inputs = uart_modem_inputs(uart);
    uint8_t changed = (uart->msr ^ inputs) & MSR_INPUTS;
    uint8_t deltas = changed >> 4;
    if ((inputs & MSR_RI) != 0) {
        deltas &= (uint8_t)~MSR_TERI;
    }
    uart->msr = (uint8_t)(inputs | (uart->msr & MSR_DELTAS) | deltas);
}

static uint8_t uart_read_lsr(struct uart *uart)
{
    uint8_t lsr = uart_lsr(uart);
    uart->overrun = false;
    uart->rx_error[uart->rx_head] = 0;
    return lsr;
}

static uint8_t uart_read_iir(struct uart *uart)
{
    uint8_t iir = uart_iir(uart);
    if (iir == IIR_THRE) {
        uart->thre_pending = false;
    }
    return uart_fifo_mode(uart) ? iir | IIR_FIFOS : iir;
}

static uint64_t uart_read(struct device *dev, uint32_t offset, unsigned size)
{
    struct uart *uart = (struct uart *)dev;
    bool dlab = (uart->lcr & LCR_DLAB) != 0;
    uint8_t value;
    (void)size;
    switch (offset) {
    case UART_DATA: value = dlab ? (uint8_t)uart->divisor : uart_rx_pop(uart); break;
    case UART_IER:  value = dlab ? (uint8_t)(uart->divisor >> 8) : uart->ier; break;
    case UART_IIR:  value = uart_read_iir(uart); break;
    case UART_LCR:  value = uart->lcr; break;
    case UART_MCR:  value = uart->mcr; break;
    case UART_LSR:  value = uart_read_lsr(uart); break;
    case UART_MSR:  value = uart->msr; uart->msr &= MSR_INPUTS; break;
    case UART_SCR:  value = uart->scr; break;
    default:        device_unreachable(dev, offset);
    }
    uart_update(uart);
    return value;
}

/* 8.9: enabling the THRE interrupt while the transmitter is empty raises it at once. */
static void uart_write_ier(struct uart *uart, uint8_t value)
{
    uint8_t raised = (uint8_t)(value & ~uart->ier);
    uart->ier = value & IER_ALL;
    if ((raised & IER_THRE) != 0 && uart->tx_count == 0) {
        uart->thre_pending = true;
    }
}

/* 8.5: switching the FIFOs clears them; the other bits count only while bit 0 is written as 1. */
static void uart_write_fcr(struct uart *uart, uint8_t value)
{
    bool switched = ((value ^ uart->fcr) & FCR_ENABLE) != 0;
    bool enabled = (value & FCR_ENABLE) != 0;
    if (switched || (enabled && (value & FCR_CLEAR_RX) != 0)) {
        uart_rx_clear(uart);
    }
    if ((switched || (enabled && (value & FCR_CLEAR_TX) != 0)) && uart->tx_count != 0) {
        uart->tx_count = 0;
        uart->thre_pending = true;
    }
    uart->fcr = enabled ? value & FCR_KEPT : 0;
    uart_restart_timeout(uart);
}

/* 8.3: a break in loopback reaches our own receiver. */
static void uart_write_lcr(struct uart *uart, uint8_t value)
{
    bool starts = (value & ~uart->lcr & LCR_BREAK) != 0;
    uart->lcr = value;
    if (starts && uart_looped(uart)) {
        uart_rx_push(uart, 0, LSR_BI);
    }
}

static void uart_write_mcr(struct uart *uart, uint8_t value)
{
    bool was_looped = uart_looped(uart);
    uart->mcr = value & MCR_ALL;
    uart_modem_sync(uart);
    if (was_looped && !uart_looped(uart)) {
        aio_bh_schedule(uart->service); /* the chardev's input was held back */
    }
}

static void uart_write_divisor(struct uart *uart, unsigned shift, uint8_t value)
{
    uart->divisor = (uint16_t)((uart->divisor & ~(0xffu << shift)) | (unsigned)value << shift);
}

static void uart_write(struct device *dev, uint32_t offset, unsigned size, uint64_t wide)
{
    struct uart *uart = (struct uart *)dev;
    uint8_t value = (uint8_t)wide;
    bool dlab = (uart->lcr & LCR_DLAB) != 0;
    (void)size;
    switch (offset) {
    case UART_DATA: dlab ? uart_write_divisor(uart, 0, value) : uart_tx_push(uart, value); break;
    case UART_IER:  dlab ? uart_write_divisor(uart, 8, value) : uart_write_ier(uart, value); break;
    case UART_FCR:  uart_write_fcr(uart, value); break;
    case UART_LCR:  uart_write_lcr(uart, value); break;
    case UART_MCR:  uart_write_mcr(uart, value); break;
    case UART_LSR:  break; /* factory test */
    case UART_MSR:  break;
    case UART_SCR:  uart->scr = value; break;
    default:        device_unreachable(dev, offset);
    }
    uart_update(uart);
}

void uart16550_connect(struct device *uart, struct chardev *chardev)
{
    static const struct chardev_client client = {
        .can_receive = uart_can_receive,
        .receive = uart_receive,
        .event = uart_event,
        .writable = uart_writable,
    };
    struct uart *self = (struct uart *)uart;
    if (self->chardev != NULL) {
        chardev_connect(self->chardev, NULL, NULL);
    }
    self->chardev = chardev;
    uart_modem_sync(self);
    self->msr &= MSR_INPUTS; /* plugged in before anybody looked */
    if (chardev != NULL) {
        chardev_connect(chardev, &client, self);
    }
}

size_t uart16550_send(struct device *uart, const uint8_t *data, size_t size)
{
    struct uart *self = (struct uart *)uart;
    size_t count = MIN(size, UART_LINE - self->line_count);
    for (size_t i = 0; i < count; i++) {
        self->line[(self->line_head + self->line_count++) % UART_LINE] = data[i];
    }
    aio_bh_schedule(self->service);
    return count;
}

size_t uart16550_take(struct device *uart, uint8_t *data, size_t size)
{
    struct uart *self = (struct uart *)uart;
    size_t count = MIN(size, self->rx_count);
    for (size_t i = 0; i < count; i++) {
        data[i] = uart_rx_pop(self);
    }
    uart_update(self);
    return count;
}

bool uart16550_flushed(struct device *uart)
{
    struct uart *self = (struct uart *)uart;
    return self->line_count == 0 && self->tx_count == 0;
}

static bool uart_init(struct device *dev, GError **error)
{
    struct uart *uart = (struct uart *)dev;
    (void)error;
    uart->service = aio_bh_new(dev->services.ctx, "uart-service", uart_service, uart);
    timer_init(&uart->timeout, dev->services.ctx, dev->services.virtual_clock, "uart-timeout",
               uart_timeout_due, uart);
    return true;
}

static void uart_finish(struct device *dev)
{
    struct uart *uart = (struct uart *)dev;
    uart_line_flush(uart);
    uart16550_connect(dev, NULL);
    timer_del(&uart->timeout);
    aio_bh_delete(uart->service);
}

/* Master reset (8.1, table I); what is on the line already is gone from the chip. */
static void uart_reset(struct device *dev)
{
    struct uart *uart = (struct uart *)dev;
    uart->divisor = UART_DIVISOR_RESET;
    uart->timeout_at_ns = -1;
    uart->msr = uart_modem_inputs(uart);
}

/* No more characters than the mode has room for. */
static bool uart_check(const struct device *staged, GError **error)
{
    const struct uart *uart = (const struct uart *)staged;
    return uart->rx_count <= uart_rx_capacity(uart) ||
           state_fail(error, STATE_ERROR_DAMAGED, "it has received more than it has room for");
}

static void uart_sync(struct device *dev)
{
    struct uart *uart = (struct uart *)dev;
    uart_arm_timeout(uart);
    aio_bh_schedule(uart->service);
    uart_update(uart);
}

#define FIELD(name, policy) STATE_FIELD(struct uart, name, policy)
const struct device_class uart16550_class = {
    .name = "uart16550",
    .compatible = "ns16550a",
    .mmio_size = 0x100,
    .instance_size = sizeof(struct uart),
    /* Wider accesses reach the first register they cover: bare-metal programs store words. */
    .regs = (const struct device_reg[]){
        { "DATA", UART_DATA, 1, 4, REG_RW }, { "IER", UART_IER, 1, 0, REG_RW },
        { "IIR", UART_IIR, 1, 2, REG_R },    { "FCR", UART_FCR, 1, 2, REG_W },
        { "LCR", UART_LCR, 1, 0, REG_RW },   { "MCR", UART_MCR, 1, 4, REG_RW },
        { "LSR", UART_LSR, 1, 0, REG_RW },   { "MSR", UART_MSR, 1, 2, REG_RW },
        { "SCR", UART_SCR, 1, 0, REG_RW },   { 0 } },
    .state = (const struct state_field[]){ FIELD(line, KEPT),
        STATE_MAX(struct uart, line_head, KEPT, UART_LINE - 1),
        STATE_MAX(struct uart, line_count, KEPT, UART_LINE), FIELD(divisor, RESET),
        FIELD(ier, RESET), FIELD(fcr, RESET), FIELD(lcr, RESET), FIELD(mcr, RESET),
        FIELD(msr, RESET), FIELD(scr, RESET),
        FIELD(overrun, RESET), FIELD(thre_pending, RESET), FIELD(timeout_pending, RESET),
        FIELD(rx_data, RESET), FIELD(rx_error, RESET),
        STATE_MAX(struct uart, rx_head, RESET, UART_FIFO - 1),
        STATE_MAX(struct uart, rx_count, RESET, UART_FIFO), FIELD(tx_data, RESET),
        STATE_MAX(struct uart, tx_head, RESET, UART_FIFO - 1),
        STATE_MAX(struct uart, tx_count, RESET, UART_FIFO), FIELD(timeout_at_ns, RESET),
        { 0 } },
    .init = uart_init,
    .finish = uart_finish,
    .read = uart_read,
    .write = uart_write,
    .reset = uart_reset,
    .sync = uart_sync,
    .check = uart_check,
};
