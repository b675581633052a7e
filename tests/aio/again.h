/* The running test as a program that can be started again, to see how a process ends. */
#pragma once

/* Remembers main's argv[0]; first of all. */
void again_set_program(const char *argv0);

/* Runs the test program with this one argument; its exit status. Its stderr is ours. */
int again_run(const char *argument);

/* The absolute path of the running test. */
const char *again_program(void);
