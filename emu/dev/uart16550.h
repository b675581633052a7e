/* The 16550A's registers and state: for uart16550.c, its test and the built-in SBI's console. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "emu/chardev/chardev.h"
#include "emu/dev/device.h"

enum uart_offset {
    UART_DATA, UART_IER, UART_IIR, UART_LCR, UART_MCR, UART_LSR, UART_MSR, UART_SCR,
    UART_FCR = UART_IIR,
};

enum { IER_DATA = 1, IER_THRE = 2, IER_LINE = 4, IER_MODEM = 8, IER_ALL = 15 };
enum { IIR_MODEM = 0, IIR_NONE = 1, IIR_THRE = 2, IIR_DATA = 4, IIR_LINE = 6, IIR_TIMEOUT = 12 };
enum { IIR_FIFOS = 0xc0 };
enum { FCR_ENABLE = 1, FCR_CLEAR_RX = 2, FCR_CLEAR_TX = 4, FCR_KEPT = 0xc9 };
enum { LCR_WORD = 3, LCR_STOP2 = 4, LCR_PARITY = 8, LCR_BREAK = 0x40, LCR_DLAB = 0x80 };
enum { MCR_DTR = 1, MCR_RTS = 2, MCR_OUT1 = 4, MCR_OUT2 = 8, MCR_LOOP = 16, MCR_ALL = 31 };
enum { LSR_DR = 1, LSR_OE = 2, LSR_PE = 4, LSR_FE = 8, LSR_BI = 16, LSR_ERRORS = 30 };
enum { LSR_THRE = 0x20, LSR_TEMT = 0x40, LSR_FIFO_ERROR = 0x80 };
enum { MSR_TERI = 4, MSR_DELTAS = 15, MSR_CTS = 16, MSR_DSR = 32, MSR_RI = 64, MSR_DCD = 128 };
enum { MSR_INPUTS = 0xf0 };

#define UART_FIFO          16
#define UART_LINE          4096    /* characters on their way to the chardev */
#define UART_CLOCK_HZ      3686400 /* of the baud generator, as the devicetree says */
#define UART_DIVISOR_RESET 12

struct uart {
    struct device dev;
    struct chardev *chardev; /* NULL: nothing plugged in */
    struct aio_bh *service;
    struct aio_timer timeout; /* of characters that wait below the trigger level */

    uint8_t line[UART_LINE];
    uint32_t line_head, line_count;

    uint16_t divisor;
    uint8_t ier, fcr, lcr, mcr, msr, scr;
    bool overrun, thre_pending, timeout_pending;
    uint8_t rx_data[UART_FIFO], rx_error[UART_FIFO], rx_head, rx_count;
    uint8_t tx_data[UART_FIFO], tx_head, tx_count;
    int64_t timeout_at_ns; /* of guest time; -1: the timeout does not run */
};
