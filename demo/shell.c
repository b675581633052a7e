#include "demo/shell.h"

#include "demo/lib.h"
#include "demo/machine.h"
#include "demo/mandel.h"
#include "demo/report.h"
#include "demo/ticks.h"
#include "demo/uart.h"

#define LINE_MAX 64

struct command {
    const char *name, *help;
    void (*fn)(void);
};

static char line[LINE_MAX];
static unsigned line_length;

static void shell_help(void);

static void shell_tests(void)
{
    mandel_finish(); /* the tests need the other harts */
    for (struct tick *tick = ticks; tick->name; tick++) {
        tick_run(tick);
    }
}

static void shell_poweroff(void)
{
    machine_poweroff(true);
}

static void shell_reboot(void)
{
    machine_reboot();
}

static const struct command commands[] = {
    { "help", "this list", shell_help },
    { "info", "what the devicetree says", report_machine },
    { "tests", "the self-tests again", shell_tests },
    { "mandel", "the Mandelbrot set, and the speed of each hart", report_mandel },
    { "reboot", "restart the machine", shell_reboot },
    { "poweroff", "end the machine", shell_poweroff },
};

static void shell_help(void)
{
    for (unsigned i = 0; i < COUNT(commands); i++) {
        print("%-10s%s\n", commands[i].name, commands[i].help);
    }
}

static void shell_run(void)
{
    for (unsigned i = 0; i < COUNT(commands); i++) {
        if (strcmp(line, commands[i].name) == 0) {
            commands[i].fn();
            return;
        }
    }
    if (line[0]) {
        print("no command '%s': help lists them\n", line);
    }
}

void shell_begin(void)
{
    print("demo> ");
}

void shell_poll(void)
{
    int c;
    while ((c = uart_get()) >= 0) {
        if (c == '\r' || c == '\n') {
            print("\n");
            line[line_length] = '\0';
            line_length = 0;
            shell_run();
            shell_begin();
        } else if ((c == 8 || c == 127) && line_length > 0) {
            line_length--;
            print("\b \b");
        } else if (c >= ' ' && c < 127 && line_length < LINE_MAX - 1) {
            line[line_length++] = (char)c;
            uart_put((char)c);
        }
    }
}
