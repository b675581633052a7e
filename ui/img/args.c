#include "ui/img/args.h"

#include <string.h>

#include "ui/usage.h"

void img_args_init(struct img_args *args, const struct img_option *options,
                   const char *const *arguments)
{
    *args = (struct img_args){
        .options = options,
        .arguments = arguments + 1,
        .operands = g_ptr_array_new(),
    };
}

void img_args_clear(struct img_args *args)
{
    g_ptr_array_unref(args->operands);
}

/* What other programs' users try: there is no near name, and the reason is another one. */
static bool option_refused(const char *name, GError **error)
{
    static const struct {
        const char *name, *why;
    } refused[] = {
        { "target-image-opts", "name the target by its path, and its format with -O" },
        { "bitmaps", "persistent bitmaps are not copied" },
        { "skip-broken-bitmaps", "persistent bitmaps are not copied" },
        { "native-aio", "the best way of the host is taken in any case" },
        { "rate-limit", "copies are made as fast as they can be" },
        { "trace", "there are no trace events" },
    };
    size_t size = strcspn(name, "=");
    for (size_t i = 0; i < G_N_ELEMENTS(refused); i++) {
        if (strncmp(name, refused[i].name, size) == 0 && refused[i].name[size] == '\0') {
            usage_error(error, "there is no '--%s' here: %s", refused[i].name, refused[i].why);
            return true;
        }
    }
    return false;
}

static int option_unknown(const struct img_args *args, const char *text, GError **error)
{
    g_autoptr(GPtrArray) names = g_ptr_array_new_with_free_func(g_free);
    if (g_str_has_prefix(text, "--") && option_refused(text + 2, error)) {
        return -1;
    }
    for (const struct img_option *option = args->options; option->id; option++) {
        if (option->name) {
            g_ptr_array_add(names, g_strconcat("--", option->name, NULL));
        }
        if (option->id < IMG_OPTION_LONG) {
            g_ptr_array_add(names, g_strdup_printf("-%c", option->id));
        }
    }
    g_ptr_array_add(names, NULL);
    usage_unknown(error, text, (const char *const *)names->pdata, "--help lists the options",
                  "unrecognized option '%s'", text);
    return -1;
}

static int option_take(struct img_args *args, const struct img_option *option, const char *value,
                       const char *shown, GError **error)
{
    if (option->value == IMG_NO_VALUE && value) {
        usage_error(error, "option '%s' takes no value", shown);
        return -1;
    }
    if (option->value == IMG_VALUE && !value) {
        value = *args->arguments;
        if (!value) {
            usage_error(error, "option '%s' wants a value", shown);
            return -1;
        }
        args->arguments++;
    }
    args->value = value;
    return option->id;
}

/* By its whole name, or by the beginning of only one. */
static const struct img_option *long_find(const struct img_args *args, const char *name,
                                          size_t size)
{
    const struct img_option *found = NULL;
    unsigned count = 0;
    for (const struct img_option *option = args->options; option->id; option++) {
        if (option->name && strncmp(option->name, name, size) == 0) {
            if (option->name[size] == '\0') {
                return option;
            }
            found = option;
            count++;
        }
    }
    return count == 1 ? found : NULL;
}

static int long_next(struct img_args *args, const char *text, GError **error)
{
    const char *name = text + 2;
    size_t size = strcspn(name, "=");
    const struct img_option *option = long_find(args, name, size);
    if (!option) {
        return option_unknown(args, text, error);
    }
    g_autofree char *shown = g_strndup(text, size + 2);
    return option_take(args, option, name[size] ? name + size + 1 : NULL, shown, error);
}

static int letter_next(struct img_args *args, GError **error)
{
    char shown[] = { '-', *args->cluster++, '\0' };
    const char *rest = *args->cluster ? args->cluster : NULL;
    for (const struct img_option *option = args->options; option->id; option++) {
        if (option->id != shown[1]) {
            continue;
        }
        bool takes = option->value == IMG_VALUE && rest;
        args->cluster = takes ? NULL : rest;
        return option_take(args, option, takes ? rest : NULL, shown, error);
    }
    return option_unknown(args, shown, error);
}

int img_args_next(struct img_args *args, GError **error)
{
    while (!args->cluster) {
        const char *text = *args->arguments;
        if (!text) {
            g_ptr_array_add(args->operands, NULL);
            return 0;
        }
        args->arguments++;
        if (args->only_operands || text[0] != '-' || text[1] == '\0') {
            g_ptr_array_add(args->operands, (gpointer)text);
        } else if (strcmp(text, "--") == 0) {
            args->only_operands = true;
        } else if (text[1] == '-') {
            return long_next(args, text, error);
        } else {
            args->cluster = text + 1;
        }
    }
    return letter_next(args, error);
}

static unsigned operand_count(const struct img_args *args)
{
    return args->operands->len - 1;
}

const char *img_args_operand(const struct img_args *args, unsigned index)
{
    return index < operand_count(args) ? args->operands->pdata[index] : NULL;
}

bool img_args_count(const struct img_args *args, unsigned min, unsigned max, const char *what,
                    GError **error)
{
    if (operand_count(args) < min) {
        return usage_error(error, "Expecting %s", what);
    }
    if (operand_count(args) > max) {
        return usage_error(error, "Unexpected argument '%s': expecting %s",
                           img_args_operand(args, max), what);
    }
    return true;
}
