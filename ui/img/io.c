#include "ui/img/io.h"

#include <string.h>

#include "aio/coroutine.h"
#include "ui/usage.h"

#define LINE_MAX_SIZE 4096

static const struct img_option options[] = {
    { 'c', "cmd", IMG_VALUE },
    { 'f', "format", IMG_VALUE },
    { 'r', "read-only", IMG_NO_VALUE },
    { 's', "snapshot", IMG_NO_VALUE },
    { 'n', "nocache", IMG_NO_VALUE },
    { 't', "cache", IMG_VALUE },
    { 'd', "discard", IMG_VALUE },
    { 'i', "aio", IMG_VALUE },
    { 'U', "force-share", IMG_NO_VALUE },
    { 0, NULL, IMG_NO_VALUE },
};

struct start {
    const char *format, *path;
    unsigned flags;
    bool overlay;
    GPtrArray *commands; /* const char * */
};

const struct io_command io_commands[] = {
    { "aio_flush", NULL, "", "completes all outstanding aio requests", NULL, 0, 0, false,
      io_aio_flush },
    { "aio_read", NULL, "[-Cqv] [-P pattern] off len", "asynchronously reads a number of bytes",
      NULL, 2, UINT32_MAX, true, io_aio_read },
    { "aio_write", NULL, "[-Cfquz] [-P pattern] off len", "asynchronously writes a number of bytes",
      NULL, 2, UINT32_MAX, true, io_aio_write },
    { "alloc", NULL, "offset [count]", "checks if offset is allocated in the file", NULL, 1, 2,
      true, io_alloc },
    { "close", "c", "", "close the current open file", NULL, 0, 0, true, io_close },
    { "discard", "d", "[-Cq] off len", "discards a number of bytes at a specified offset", NULL, 2,
      UINT32_MAX, true, io_discard },
    { "flush", "f", "", "flush all in-core file state to disk", NULL, 0, 0, true, io_flush },
    { "help", "?", "[command]", "help for one or all commands", NULL, 0, 1, false, io_help },
    { "info", "i", "", "prints information about the current file", NULL, 0, 0, true, io_info },
    { "length", "l", "", "gets the length of the current file", NULL, 0, 0, true, io_length },
    { "map", NULL, "", "prints the allocated areas of a file", NULL, 0, 1, true, io_map },
    { "open", "o", "[-rsnU] [-t cache] [-d discard] [-f format] path",
      "open the file specified by path", NULL, 1, UINT32_MAX, false, io_open },
    { "quit", "q", "", "exit the program", NULL, 0, 0, false, io_quit },
    { "read", "r", "[-bCqv] [-P pattern [-s off] [-l len]] off len",
      "reads a number of bytes at a specified offset",
      " -b, -- read from the VM state rather than the virtual disk\n"
      " -C, -- report statistics in a machine parsable format\n"
      " -l, -- length for pattern verification (only with -P)\n"
      " -P, -- use a pattern to verify read data\n"
      " -q, -- quiet mode, do not show I/O statistics\n"
      " -s, -- start offset for pattern verification (only with -P)\n"
      " -v, -- dump buffer to standard output\n",
      2, UINT32_MAX, true, io_read },
    { "readv", "rv", "[-Cqv] [-P pattern] off len [len..]",
      "reads a number of bytes at a specified offset", NULL, 2, UINT32_MAX, true, io_read },
    { "sleep", NULL, "ms", "waits for the given value in milliseconds", NULL, 1, 1, false,
      io_sleep },
    { "truncate", "t", "[-m prealloc_mode] off", "truncates the current file at the given offset",
      NULL, 1, UINT32_MAX, true, io_truncate },
    { "write", "w", "[-bcCfnquz] [-P pattern | -s source_file] off len",
      "writes a number of bytes at a specified offset",
      " -b, -- write to the VM state rather than the virtual disk\n"
      " -c, -- write compressed data\n"
      " -C, -- report statistics in a machine parsable format\n"
      " -f, -- use Force Unit Access semantics\n"
      " -n, -- with -z, don't allow slow fallback\n"
      " -P, -- use different pattern to fill file\n"
      " -q, -- quiet mode, do not show I/O statistics\n"
      " -s, -- use a pattern file to fill the write buffer\n"
      " -u, -- with -z, allow unmapping\n"
      " -z, -- write zeroes\n",
      2, UINT32_MAX, true, io_write },
    { "writev", "wv", "[-Cfq] [-P pattern] off len [len..]",
      "writes a number of bytes at a specified offset", NULL, 2, UINT32_MAX, true, io_write },
    { NULL, NULL, NULL, NULL, NULL, 0, 0, false, NULL },
};

static void command_print(const struct io_command *command)
{
    printf("%s %s -- %s\n", command->name, command->parameters, command->help);
}

static const struct io_command *command_find(const char *name, GError **error)
{
    const char *names[G_N_ELEMENTS(io_commands)] = { NULL };
    for (size_t i = 0; io_commands[i].name; i++) {
        const struct io_command *command = &io_commands[i];
        if (!strcmp(command->name, name) || !g_strcmp0(command->other, name)) {
            return command;
        }
        names[i] = command->name;
    }
    usage_unknown(error, name, names, "'help' lists them", "command \"%s\" not found", name);
    return NULL;
}

bool io_help(struct io *io, const char *const *words, GError **error)
{
    (void)io;
    if (!words[1]) {
        for (const struct io_command *command = io_commands; command->name; command++) {
            command_print(command);
        }
        printf("\nUse 'help commandname' for extended help.\n");
        return true;
    }
    const struct io_command *command = command_find(words[1], error);
    if (!command) {
        return false;
    }
    command_print(command);
    fputs(command->more ? command->more : "", stdout);
    return true;
}

bool io_quit(struct io *io, const char *const *words, GError **error)
{
    (void)words;
    (void)error;
    io->quit = true;
    return true;
}

static bool command_run(struct io *io, const char *const *words, GError **error)
{
    const struct io_command *command = command_find(words[0], error);
    unsigned count = g_strv_length((char **)words) - 1;
    if (!command) {
        return false;
    }
    if (count < command->min || count > command->max) {
        return usage_error(error, "bad argument count %u to %s, expected %s%u arguments", count,
                           command->name,
                           command->min == command->max ? ""
                           : count < command->min       ? "at least "
                                                        : "at most ",
                           count < command->min ? command->min : command->max);
    }
    if (command->needs_image && !io->node) {
        return usage_error(error, "no file open, try 'help open'");
    }
    return command->fn(io, words, error);
}

/* Words have spaces between, and no quotes. */
static void line_run(struct io *io, const char *line)
{
    g_auto(GStrv) parts = g_strsplit_set(line, " \t\r\n", -1);
    g_autoptr(GPtrArray) words = g_ptr_array_new();
    g_autoptr(GError) error = NULL;
    for (size_t i = 0; parts[i]; i++) {
        if (*parts[i]) {
            g_ptr_array_add(words, parts[i]);
        }
    }
    g_ptr_array_add(words, NULL);
    if (words->len > 1 && !command_run(io, (const char *const *)words->pdata, &error)) {
        fprintf(stdout, "%s\n", error->message);
        io->failed = true;
    }
    fflush(stdout);
}

static void lines_read(struct io *io)
{
    char line[LINE_MAX_SIZE];
    const char *prompt = strcmp(io->img->program, "qemu-io") == 0 ? "qemu-io> " : "io> ";
    for (;;) {
        fputs(io->quit ? "" : prompt, stdout);
        fflush(stdout);
        if (io->quit || !fgets(line, sizeof(line), stdin)) {
            break;
        }
        line_run(io, line);
    }
}

static bool discard_take(const char *text, unsigned *flags, GError **error)
{
    static const char *const names[] = { "unmap", "on", "ignore", "off", NULL };
    if (!g_strv_contains(names, text)) {
        return usage_unknown(error, text, names, "write unmap or ignore",
                             "Invalid discard option: %s", text);
    }
    bool release = names[0][0] == text[0] || strcmp(text, "on") == 0;
    *flags = release ? *flags | NODE_RELEASE : *flags & ~(unsigned)NODE_RELEASE;
    return true;
}

static bool option_take(struct start *start, int id, const char *value, GError **error)
{
    unsigned cache = 0;
    switch (id) {
    case 'c': g_ptr_array_add(start->commands, (gpointer)value); return true;
    case 'f': start->format = value; return true;
    case 'r': start->flags &= ~(unsigned)NODE_WRITE; return true;
    case 's': start->overlay = true; return true;
    case 'n': start->flags |= NODE_DIRECT; return true;
    case 'd': return discard_take(value, &start->flags, error);
    case 'i': return true; /* the host's best way is taken in any case */
    case 'U': start->flags |= NODE_FORCE_SHARE; return true;
    default:
        if (!img_cache_mode(value, &cache, error)) {
            return false;
        }
        start->flags |= cache;
        return true;
    }
}

static bool start_parse(struct start *start, const char *const *words, unsigned files_min,
                        GError **error)
{
    struct img_args args;
    int id;
    bool parsed = true;
    img_args_init(&args, options, words);
    while (parsed && (id = img_args_next(&args, error)) != 0) {
        parsed = id > 0 && option_take(start, id, args.value, error);
    }
    if (parsed && img_args_count(&args, files_min, 1, "one image file name", error)) {
        start->path = img_args_operand(&args, 0);
    } else {
        parsed = false;
    }
    img_args_clear(&args);
    if (parsed && (start->flags & NODE_WRITE) && (start->flags & NODE_FORCE_SHARE)) {
        return usage_error(error, "-U only looks: say -r too");
    }
    return parsed;
}

bool io_open(struct io *io, const char *const *words, GError **error)
{
    struct start start = { .flags = NODE_WRITE | NODE_RELEASE, .commands = g_ptr_array_new() };
    bool opened = false;
    if (io->node) {
        usage_error(error, "file open already, try 'help close'");
    } else if (start_parse(&start, words, 1, error)) {
        opened = io_open_image(io, start.path, start.format, start.flags, start.overlay, error);
    }
    g_ptr_array_unref(start.commands);
    return opened;
}

static void io_run(struct io *io, const struct start *start)
{
    for (unsigned i = 0; i < start->commands->len && !io->quit; i++) {
        line_run(io, start->commands->pdata[i]);
    }
    if (start->commands->len == 0) {
        lines_read(io);
    }
    io_drain(io);
}

int img_io(struct img *img, const char *const *arguments)
{
    struct io io = { .img = img };
    struct start start = { .flags = NODE_WRITE | NODE_RELEASE, .commands = g_ptr_array_new() };
    GError *error = NULL;
    int status = 0;
    if (!start_parse(&start, arguments, 0, &error) ||
        (start.path &&
         !io_open_image(&io, start.path, start.format, start.flags, start.overlay, &error))) {
        status = img_fail(img, error);
    } else {
        io_run(&io, &start);
        status = io.failed ? IMG_EXIT_FAILED : 0;
    }
    if (!io_close_image(&io, &error)) {
        status = img_fail(img, error);
    }
    g_ptr_array_unref(start.commands);
    return status;
}
