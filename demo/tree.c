#include "demo/tree.h"

#include "demo/lib.h"

#define TREE_MAGIC 0xd00dfeed
#define DEPTH_MAX  16

enum { TOKEN_BEGIN = 1, TOKEN_END = 2, TOKEN_PROPERTY = 3, TOKEN_NOP = 4 };
enum { HEADER_STRUCTS = 8, HEADER_STRINGS = 12 };

bool tree_walk(const void *tree, tree_fn *fn, void *opaque)
{
    const uint8_t *base = tree;
    const char *names[DEPTH_MAX + 1] = { "" };
    unsigned depth = 0;
    if (big32(base) != TREE_MAGIC) {
        return false;
    }
    const uint8_t *at = base + big32(base + HEADER_STRUCTS);
    const char *strings = (const char *)base + big32(base + HEADER_STRINGS);
    for (;;) {
        uint32_t token = big32(at);
        at += 4;
        if (token == TOKEN_BEGIN && depth < DEPTH_MAX) {
            names[++depth] = (const char *)at;
            at += ALIGN_UP(strlen((const char *)at) + 1, 4);
        } else if (token == TOKEN_END && depth > 0) {
            depth--;
        } else if (token == TOKEN_PROPERTY && depth > 0) {
            struct tree_property property = { strings + big32(at + 4), at + 8, big32(at) };
            fn(opaque, depth, names[depth], names[depth - 1], &property);
            at += 8 + ALIGN_UP(property.size, 4);
        } else if (token != TOKEN_NOP) {
            return depth == 0;
        }
    }
}

bool tree_lists(const struct tree_property *property, const char *text)
{
    const char *at = (const char *)property->data, *end = at + property->size;
    while (at < end) {
        if (strcmp(at, text) == 0) {
            return true;
        }
        at += strlen(at) + 1;
    }
    return false;
}
