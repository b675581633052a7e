/* tinamouw, for desktops. */
#include "ui/program.h"

int main(int argc, char **argv)
{
    return program_main(PROGRAM_WINDOW, argc, argv);
}
