/* Shows what arrives on standard input, as hexadecimal numbers; some letters end the program. */
#include "platform/terminal.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "platform/process.h"

static void say(const char *text)
{
    if (!terminal_write(text, strlen(text))) {
        exit(9);
    }
}

static void on_quit(void *opaque)
{
    (void)opaque;
    say("quit asked\n");
}

static void on_report(void *opaque)
{
    (void)opaque;
    say("report asked\n");
}

static void obey(char letter)
{
    switch (letter) {
    case 'q': exit(0);
    case 'x': exit(3);
    case 'a': abort();
    case 's': raise(SIGSEGV); break;
    case 'h': host_on_quit(on_quit, NULL); break;
    case 'r': host_on_report(on_report, NULL); break;
    case 'i':
        terminal_set_signals(true);
        say("signals on\n");
        break;
    case 'c': terminal_close(); break;
    case 'u': say("Ωλ 日本 🐦\n"); break;
    default: break;
    }
}

int main(void)
{
    GError *error = NULL;
    bool interactive = terminal_is_interactive();
    host_process_prepare();
    if (!terminal_open(&error)) {
        fprintf(stderr, "%s\n", error->message);
        return 1;
    }
    say(interactive ? "ready, interactive\n" : "ready\n");
    for (;;) {
        char data[256], line[16];
        int64_t got = terminal_read(data, sizeof(data));
        for (int64_t i = 0; i < got; i++) {
            snprintf(line, sizeof(line), "<%02x>\n", (unsigned char)data[i]);
            say(line);
            obey(data[i]);
        }
        if (got == TERMINAL_END) {
            say("end\n");
            return 0;
        }
        g_usleep(500);
    }
}
