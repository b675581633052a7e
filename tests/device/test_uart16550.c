/* Goal: the 16550A register by register as the PC16550D datasheet has it, and no character lost in
 * either direction whatever the chardev does. */
#include "emu/dev/uart16550.h"

#include <string.h>

#include "emu/dev/devices.h"
#include "tests/device/world.h"

static struct world world;
static struct world_chardev peer;
static struct device *uart;

static uint8_t get(uint32_t offset)
{
    return (uint8_t)world_get(uart, offset, 1);
}

static void put(uint32_t offset, uint8_t value)
{
    world_put(uart, offset, 1, value);
}

static void receive(const char *text)
{
    g_assert_cmpuint(world_chardev_inject(&peer, text), ==, strlen(text));
}

static void peer_event(enum chardev_event event)
{
    peer.chardev.client->event(peer.chardev.client_opaque, event);
}

/* Nothing connected to the past: reset, empty FIFOs, all interrupts off. */
static void start(void)
{
    device_reset(uart);
    world_settle(&world);
    g_byte_array_set_size(peer.out, 0);
    peer.room = SIZE_MAX;
}

static void test_reset_values(void)
{
    start();
    g_assert_cmphex(get(UART_IER), ==, 0);
    g_assert_cmphex(get(UART_IIR), ==, IIR_NONE);
    g_assert_cmphex(get(UART_LCR), ==, 0);
    g_assert_cmphex(get(UART_MCR), ==, 0);
    g_assert_cmphex(get(UART_LSR), ==, LSR_THRE | LSR_TEMT);
    g_assert_cmphex(get(UART_MSR), ==, MSR_DCD | MSR_DSR | MSR_CTS);
    g_assert_false(world.line.level);
}

static void test_plain_registers(void)
{
    start();
    for (unsigned value = 0; value < 256; value++) {
        put(UART_SCR, (uint8_t)value);
        g_assert_cmphex(get(UART_SCR), ==, value);
        put(UART_LCR, (uint8_t)value & ~LCR_DLAB);
        g_assert_cmphex(get(UART_LCR), ==, value & 0x7f);
        put(UART_IER, (uint8_t)value & ~IER_THRE);
        g_assert_cmphex(get(UART_IER), ==, value & 0x0d);
    }
    put(UART_IER, 0);
    put(UART_LCR, LCR_DLAB | 3);
    put(UART_DATA, 0x34);
    put(UART_IER, 0x12);
    g_assert_cmphex(get(UART_DATA), ==, 0x34);
    g_assert_cmphex(get(UART_IER), ==, 0x12);
    put(UART_LCR, 3);
    g_assert_cmphex(get(UART_IER), ==, 0); /* the divisor is somewhere else */
    world_settle(&world);
    world_chardev_expect(&peer, "");
}

static void test_transmit(void)
{
    start();
    put(UART_LCR, 3);
    put(UART_IER, IER_THRE);
    g_assert_true(world.line.level); /* empty when enabled: at once */
    g_assert_cmphex(get(UART_IIR), ==, IIR_THRE);
    g_assert_cmphex(get(UART_IIR), ==, IIR_NONE); /* reading it was the answer */
    g_assert_false(world.line.level);
    put(UART_DATA, 'a');
    g_assert_cmphex(get(UART_IIR), ==, IIR_THRE);
    put(UART_DATA, 'b');
    put(UART_IER, 0);
    g_assert_false(world.line.level);
    put(UART_IER, IER_THRE);
    g_assert_cmphex(get(UART_IIR), ==, IIR_THRE);
    put(UART_IER, IER_THRE); /* no edge: no second interrupt */
    g_assert_cmphex(get(UART_IIR), ==, IIR_NONE);
    world_settle(&world);
    world_chardev_expect(&peer, "ab");
    put(UART_LCR, 0); /* as a program leaves it that never looked at the datasheet */
    put(UART_DATA, 0xff);
    world_settle(&world);
    world_chardev_expect(&peer, "\xff");
}

/* A peer that takes nothing: the transmitter fills, says so, and everything arrives in the end. */
static void test_slow_peer(void)
{
    GString *sent = g_string_new(NULL);
    start();
    put(UART_LCR, 3);
    put(UART_FCR, FCR_ENABLE);
    put(UART_IER, IER_THRE);
    peer.room = 0;
    while ((get(UART_LSR) & LSR_THRE) != 0) {
        for (unsigned i = 0; i < UART_FIFO; i++) {
            char c = (char)('A' + sent->len % 26);
            put(UART_DATA, (uint8_t)c);
            g_string_append_c(sent, c);
        }
        world_settle(&world);
        g_assert_cmpuint(sent->len, <, 3 * UART_LINE);
    }
    g_assert_cmphex(get(UART_LSR) & (LSR_THRE | LSR_TEMT), ==, 0);
    g_assert_cmphex(get(UART_IIR), ==, IIR_NONE | IIR_FIFOS);
    g_assert_false(uart16550_flushed(uart));
    peer.room = 7;
    peer.chardev.client->writable(peer.chardev.client_opaque);
    world_settle(&world);
    g_assert_cmpuint(peer.out->len, ==, 7);
    peer.room = SIZE_MAX;
    peer.chardev.client->writable(peer.chardev.client_opaque);
    world_settle(&world);
    g_assert_cmphex(get(UART_IIR), ==, IIR_THRE | IIR_FIFOS);
    g_assert_true(uart16550_flushed(uart));
    world_chardev_expect(&peer, sent->str);
    g_string_free(sent, TRUE);
}

/* A reset of the chip does not take back what is on the line. */
static void test_reset_keeps_output(void)
{
    start();
    put(UART_LCR, 3);
    put(UART_DATA, 'x');
    device_reset(uart);
    world_settle(&world);
    world_chardev_expect(&peer, "x");
}

/* One character at a time without FIFOs; the chardev keeps the rest. */
static void test_receive_16450(void)
{
    start();
    put(UART_LCR, 3);
    put(UART_IER, IER_DATA);
    unsigned accepts = peer.accepts;
    g_assert_cmpuint(world_chardev_inject(&peer, "hi"), ==, 1);
    g_assert_cmphex(get(UART_LSR) & LSR_DR, ==, LSR_DR);
    g_assert_cmphex(get(UART_IIR), ==, IIR_DATA);
    g_assert_true(world.line.level);
    g_assert_cmpuint(world_chardev_inject(&peer, "i"), ==, 0);
    g_assert_cmphex(get(UART_DATA), ==, 'h');
    g_assert_false(world.line.level);
    world_settle(&world);
    g_assert_cmpuint(peer.accepts, >, accepts);
    g_assert_cmphex(get(UART_LSR) & LSR_DR, ==, 0);
    g_assert_cmphex(get(UART_DATA), ==, 'h'); /* the register still holds it */
}

static void test_receive_trigger(void)
{
    static const struct { uint8_t fcr; unsigned level; } rows[] = {
        { 0x01, 1 }, { 0x41, 4 }, { 0x81, 8 }, { 0xc1, 14 },
    };
    for (unsigned i = 0; i < G_N_ELEMENTS(rows); i++) {
        start();
        put(UART_LCR, 3);
        put(UART_FCR, rows[i].fcr);
        put(UART_IER, IER_DATA);
        for (unsigned count = 1; count <= UART_FIFO; count++) {
            receive("z");
            g_assert_true(world.line.level == (count >= rows[i].level));
        }
        g_assert_cmpuint(world_chardev_inject(&peer, "z"), ==, 0);
        for (unsigned count = UART_FIFO; count-- > 0;) {
            g_assert_cmphex(get(UART_IIR), ==, IIR_FIFOS | (count + 1 >= rows[i].level ? IIR_DATA
                                                                                       : IIR_NONE));
            g_assert_cmphex(get(UART_DATA), ==, 'z');
        }
        g_assert_cmphex(get(UART_LSR) & LSR_DR, ==, 0);
    }
}

/* Characters below the trigger level interrupt after four character times without traffic. */
static void test_timeout(void)
{
    const int64_t character_ns = 10ll * 16 * 2 * 1000000000 / UART_CLOCK_HZ;
    start();
    put(UART_LCR, LCR_DLAB | 3);
    put(UART_DATA, 2); /* 115200 baud */
    put(UART_IER, 0);
    put(UART_LCR, 3); /* 8n1: ten bits */
    put(UART_FCR, 0xc1);
    put(UART_IER, IER_DATA);
    receive("a");
    world_advance(&world, &world.virtual_clock, 3 * character_ns);
    receive("b");
    world_advance(&world, &world.virtual_clock, 4 * character_ns - 10);
    g_assert_false(world.line.level);
    world_advance(&world, &world.virtual_clock, 20);
    g_assert_true(world.line.level);
    g_assert_cmphex(get(UART_IIR), ==, IIR_TIMEOUT | IIR_FIFOS);
    g_assert_cmphex(get(UART_DATA), ==, 'a');
    g_assert_false(world.line.level);
    world_advance(&world, &world.virtual_clock, 4 * character_ns + 10);
    g_assert_cmphex(get(UART_IIR), ==, IIR_TIMEOUT | IIR_FIFOS);
    g_assert_cmphex(get(UART_DATA), ==, 'b');
    world_advance(&world, &world.virtual_clock, 100 * character_ns);
    g_assert_false(world.line.level); /* nothing there: nothing to time out */
}

/* Break and overrun belong to their characters and to nobody else. */
static void test_line_status(void)
{
    start();
    put(UART_LCR, 3);
    put(UART_FCR, FCR_ENABLE);
    put(UART_IER, IER_LINE);
    receive("a");
    peer_event(CHARDEV_BREAK);
    receive("b");
    g_assert_cmphex(get(UART_LSR), ==, LSR_DR | LSR_THRE | LSR_TEMT | LSR_FIFO_ERROR);
    g_assert_false(world.line.level);
    get(UART_DATA);
    g_assert_cmphex(get(UART_IIR), ==, IIR_LINE | IIR_FIFOS);
    g_assert_cmphex(get(UART_LSR) & (LSR_BI | LSR_FIFO_ERROR), ==, LSR_BI | LSR_FIFO_ERROR);
    g_assert_cmphex(get(UART_LSR) & (LSR_BI | LSR_FIFO_ERROR), ==, 0); /* told once */
    g_assert_false(world.line.level);
    g_assert_cmphex(get(UART_DATA), ==, 0);
    g_assert_cmphex(get(UART_DATA), ==, 'b');

    receive("0123456789abcdef");
    peer_event(CHARDEV_BREAK); /* a break does not ask whether there is room */
    g_assert_cmphex(get(UART_IIR), ==, IIR_LINE | IIR_FIFOS);
    g_assert_cmphex(get(UART_LSR) & (LSR_OE | LSR_BI), ==, LSR_OE);
    g_assert_cmphex(get(UART_LSR) & LSR_OE, ==, 0);
    for (const char *c = "0123456789abcdef"; *c != '\0'; c++) {
        g_assert_cmphex(get(UART_DATA), ==, *c); /* the FIFO keeps what it had */
    }
}

/* All five at once come out in the datasheet's order as each one is answered. */
static void test_priorities(void)
{
    start();
    put(UART_LCR, 3);
    put(UART_FCR, 0x41);
    put(UART_MCR, MCR_LOOP);
    put(UART_MCR, MCR_LOOP | MCR_RTS);
    put(UART_MCR, 0);
    get(UART_MSR);
    put(UART_IER, IER_ALL);
    peer_event(CHARDEV_BREAK);
    receive("abcd");
    put(UART_MCR, MCR_LOOP); /* CTS and the others fall */
    g_assert_cmphex(get(UART_IIR), ==, IIR_LINE | IIR_FIFOS);
    get(UART_LSR);
    g_assert_cmphex(get(UART_IIR), ==, IIR_DATA | IIR_FIFOS);
    get(UART_DATA);
    get(UART_DATA);
    world_advance(&world, &world.virtual_clock, 1000000000);
    g_assert_cmphex(get(UART_IIR), ==, IIR_TIMEOUT | IIR_FIFOS);
    get(UART_DATA);
    g_assert_cmphex(get(UART_IIR), ==, IIR_THRE | IIR_FIFOS);
    g_assert_true(world.line.level);
    g_assert_cmphex(get(UART_IIR), ==, IIR_MODEM | IIR_FIFOS);
    g_assert_cmphex(get(UART_MSR), ==, 0x0b); /* CTS, DSR, DCD have changed and are low */
    g_assert_cmphex(get(UART_IIR), ==, IIR_NONE | IIR_FIFOS);
    g_assert_false(world.line.level);
}

static void test_loopback(void)
{
    start();
    put(UART_LCR, 3);
    put(UART_FCR, FCR_ENABLE);
    put(UART_MCR, MCR_LOOP);
    get(UART_MSR);
    g_assert_cmpuint(world_chardev_inject(&peer, "a"), ==, 0); /* not connected meanwhile */
    put(UART_DATA, 'l');
    world_settle(&world);
    world_chardev_expect(&peer, "");
    g_assert_cmphex(get(UART_DATA), ==, 'l');
    static const struct { uint8_t mcr, msr; } rows[] = {
        { MCR_DTR, MSR_DSR }, { MCR_RTS, MSR_CTS }, { MCR_OUT1, MSR_RI }, { MCR_OUT2, MSR_DCD },
    };
    for (unsigned i = 0; i < G_N_ELEMENTS(rows); i++) {
        put(UART_MCR, MCR_LOOP | rows[i].mcr);
        uint8_t rising = rows[i].msr == MSR_RI ? 0 : rows[i].msr >> 4;
        g_assert_cmphex(get(UART_MSR), ==, rows[i].msr | rising);
        g_assert_cmphex(get(UART_MSR), ==, rows[i].msr);
        put(UART_MCR, MCR_LOOP);
        g_assert_cmphex(get(UART_MSR), ==, rows[i].msr >> 4); /* the ring's trailing edge too */
    }
    put(UART_LCR, 3 | LCR_BREAK);
    g_assert_cmphex(get(UART_LSR) & (LSR_BI | LSR_DR), ==, LSR_BI | LSR_DR);
    g_assert_cmphex(get(UART_DATA), ==, 0);
    for (unsigned i = 0; i <= UART_FIFO; i++) {
        put(UART_DATA, (uint8_t)i);
    }
    g_assert_cmphex(get(UART_LSR) & LSR_OE, ==, LSR_OE); /* nothing holds a loop back */
    for (unsigned i = 0; i < UART_FIFO; i++) {
        g_assert_cmphex(get(UART_DATA), ==, i);
    }
    put(UART_MCR, 0);
    unsigned accepts = peer.accepts;
    world_settle(&world);
    g_assert_cmpuint(peer.accepts, >, accepts);
    receive("a");
}

static void test_fifo_control(void)
{
    start();
    put(UART_LCR, 3);
    g_assert_cmphex(get(UART_IIR) & IIR_FIFOS, ==, 0);
    put(UART_FCR, 0xc0); /* without bit 0 the others are not programmed */
    receive("a");
    g_assert_cmphex(get(UART_DATA), ==, 'a');
    put(UART_FCR, FCR_ENABLE);
    g_assert_cmphex(get(UART_IIR) & IIR_FIFOS, ==, IIR_FIFOS);
    receive("abc");
    put(UART_FCR, FCR_ENABLE | FCR_CLEAR_RX);
    g_assert_cmphex(get(UART_LSR) & LSR_DR, ==, 0);
    receive("abc");
    put(UART_FCR, 0); /* switching them off clears them */
    g_assert_cmphex(get(UART_LSR) & LSR_DR, ==, 0);
    receive("d");
    g_assert_cmphex(get(UART_DATA), ==, 'd');
}

static void test_host_side(void)
{
    uint8_t taken[4];
    start();
    put(UART_LCR, 3);
    put(UART_FCR, FCR_ENABLE);
    g_assert_cmpuint(uart16550_send(uart, (const uint8_t *)"sbi", 3), ==, 3);
    put(UART_DATA, '!');
    receive("in");
    g_assert_cmpuint(uart16550_take(uart, taken, sizeof(taken)), ==, 2);
    g_assert_cmpmem(taken, 2, "in", 2);
    g_assert_cmpuint(uart16550_take(uart, taken, sizeof(taken)), ==, 0);
    world_settle(&world);
    world_chardev_expect(&peer, "sbi!");
}

static void test_disconnected(void)
{
    start();
    uart16550_connect(uart, NULL);
    g_assert_cmphex(get(UART_MSR), ==, 0);
    for (unsigned i = 0; i < 2 * UART_LINE; i++) {
        put(UART_DATA, 'x');
        world_settle(&world);
        g_assert_cmphex(get(UART_LSR) & LSR_THRE, ==, LSR_THRE);
    }
    uart16550_connect(uart, &peer.chardev);
    world_settle(&world);
    world_chardev_expect(&peer, "");
}

static void test_accesses(void)
{
    /* Wide accesses reach the register they begin at. */
    static const struct world_access table[] = {
        { 0, 8, 1 | 2, REG_RW }, { 0, 8, 4, REG_RW }, { 0 },
    };
    start();
    world_check_accesses(uart, 0, uart16550_class.mmio_size + 8, table);
    start();
    put(UART_LCR, 3);
    world_put(uart, UART_DATA, 4, 'w');
    world_settle(&world);
    world_chardev_expect(&peer, "w");
}

int main(void)
{
    world_start(&world);
    world_chardev_start(&peer, &world);
    uart = world_device(&world, &uart16550_class);
    uart16550_connect(uart, &peer.chardev);
    test_reset_values();
    test_plain_registers();
    test_transmit();
    test_slow_peer();
    test_reset_keeps_output();
    test_receive_16450();
    test_receive_trigger();
    test_timeout();
    test_line_status();
    test_priorities();
    test_loopback();
    test_fifo_control();
    test_host_side();
    test_disconnected();
    test_accesses();
    device_free(uart);
    world_chardev_finish(&peer);
    world_finish(&world);
    return 0;
}
