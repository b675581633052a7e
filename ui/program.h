/* The two programs of this tree, which are one but for how they meet their user. */
#pragma once

enum program {
    PROGRAM_TERMINAL, /* tinamou: reads and prints where it was started */
    PROGRAM_WINDOW,   /* tinamouw: started from a desktop, perhaps without any standard stream */
};

/* What main of either does; `argv` is main's. Returns the exit status. */
int program_main(enum program program, int argc, char **argv);
