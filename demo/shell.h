/* A small shell on the serial port. */
#pragma once

/* Prints the prompt for the first time. */
void shell_begin(void);

/* Takes what was typed; runs the command when a line is whole. */
void shell_poll(void);
