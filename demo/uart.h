/* The serial port: 16550. Hart 0 only. */
#pragma once

#include <stdbool.h>

/* 8N1, FIFOs on, receive interrupt on. */
void uart_init(void);

/* Sends one character, waiting for room. */
void uart_put(char c);

/* Waits until everything has left. */
void uart_flush(void);

/* Takes what has come in; the interrupt handler calls it. */
void uart_interrupt(void);

/* The next character that came in, or -1. */
int uart_get(void);

/* Switches the interrupt that says "ready to send": the PLIC's test needs one. */
void uart_set_ready_interrupt(bool on);
