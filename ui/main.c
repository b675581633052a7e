/* tinamou, for terminals. */
#include "ui/program.h"

int main(int argc, char **argv)
{
    return program_main(PROGRAM_TERMINAL, argc, argv);
}
