#include "demo/uart.h"

#include "demo/lib.h"
#include "demo/machine.h"

enum { UART_DATA = 0, UART_IER = 1, UART_IIR = 2, UART_FCR = 2, UART_LCR = 3, UART_LSR = 5 };
enum { IER_RECEIVED = 1, IER_READY = 2, LSR_RECEIVED = 1, LSR_READY = 0x20, LSR_EMPTY = 0x40 };

#define INPUT_SIZE 256

static char uart_input[INPUT_SIZE];
static unsigned uart_head, uart_tail;

static volatile uint8_t *uart_register(unsigned offset)
{
    return (volatile uint8_t *)machine.uart.address + offset;
}

void uart_init(void)
{
    if (machine.uart.address) {
        *uart_register(UART_IER) = IER_RECEIVED;
        *uart_register(UART_LCR) = 3;
        *uart_register(UART_FCR) = 7;
    }
}

void uart_put(char c)
{
    if (machine.uart.address) {
        while (!(*uart_register(UART_LSR) & LSR_READY)) {
        }
        *uart_register(UART_DATA) = (uint8_t)c;
    }
}

void uart_flush(void)
{
    while (machine.uart.address && !(*uart_register(UART_LSR) & LSR_EMPTY)) {
    }
}

void uart_interrupt(void)
{
    (void)*uart_register(UART_IIR); /* reading it takes back "ready to send" */
    while (*uart_register(UART_LSR) & LSR_RECEIVED) {
        char c = (char)*uart_register(UART_DATA);
        if (uart_head - uart_tail < INPUT_SIZE) {
            uart_input[uart_head++ % INPUT_SIZE] = c;
        }
    }
}

int uart_get(void)
{
    if (machine.uart.address && uart_head == uart_tail) {
        uart_interrupt();
    }
    return uart_head == uart_tail ? -1 : uart_input[uart_tail++ % INPUT_SIZE];
}

void uart_set_ready_interrupt(bool on)
{
    *uart_register(UART_IER) = on ? IER_RECEIVED | IER_READY : IER_RECEIVED;
}

void print(const char *format, ...)
{
    char text[512];
    va_list values;
    va_start(values, format);
    text_format_list(text, sizeof(text), format, values);
    va_end(values);
    for (const char *at = text; *at; at++) {
        if (*at == '\n') {
            uart_put('\r');
        }
        uart_put(*at);
    }
}
