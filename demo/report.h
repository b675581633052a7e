/* What the program tells on the serial port: lines for people that a program can read as well. */
#pragma once

/* The machine: harts, instruction set, memory, devices. */
void report_machine(void);

/* Draws a picture without showing it, and tells the speed of each hart. */
void report_mandel(void);

/* One line for each hart: what it did for the picture. */
void report_harts(void);
