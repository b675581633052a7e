#include "emu/block/pages.h"

#include <assert.h>
#include <string.h>

#include <glib.h>

#define LEAF_PAGES 512u
#define LEAF_SIZE  ((uint64_t)PAGES_PAGE * LEAF_PAGES)

struct pages_leaf {
    uint8_t *page[LEAF_PAGES]; /* NULL: absent, or `zero_page` */
};

struct pages {
    GHashTable *leaves; /* by their number */
    uint64_t used;
};

/* What stands for all pages of zeros; never read or written. */
static uint8_t zero_page[1];

static void leaf_free(void *opaque)
{
    struct pages_leaf *leaf = opaque;
    for (unsigned i = 0; i < LEAF_PAGES; i++) {
        if (leaf->page[i] != zero_page) {
            g_free(leaf->page[i]);
        }
    }
    g_free(leaf);
}

struct pages *pages_new(void)
{
    struct pages *pages = g_new0(struct pages, 1);
    pages->leaves = g_hash_table_new_full(g_int64_hash, g_int64_equal, g_free, leaf_free);
    return pages;
}

void pages_free(struct pages *pages)
{
    if (pages != NULL) {
        g_hash_table_unref(pages->leaves);
        g_free(pages);
    }
}

static struct pages_leaf *leaf_find(const struct pages *pages, uint64_t offset)
{
    const gint64 number = (gint64)(offset / LEAF_SIZE);
    return g_hash_table_lookup(pages->leaves, &number);
}

enum pages_kind pages_find(const struct pages *pages, uint64_t offset, uint8_t **ret_page)
{
    const struct pages_leaf *leaf = leaf_find(pages, offset);
    uint8_t *page = leaf != NULL ? leaf->page[offset / PAGES_PAGE % LEAF_PAGES] : NULL;
    if (page == NULL || page == zero_page) {
        return page == NULL ? PAGE_ABSENT : PAGE_ZERO;
    }
    *ret_page = page;
    return PAGE_DATA;
}

/* Bytes from `offset` to where a page, or a leaf that is not there, ends. */
static uint64_t pages_step(const struct pages *pages, uint64_t offset)
{
    uint64_t step = leaf_find(pages, offset) != NULL ? PAGES_PAGE : LEAF_SIZE;
    return step - offset % step;
}

enum pages_kind pages_run(const struct pages *pages, uint64_t offset, uint64_t size,
                          uint64_t *ret_size)
{
    uint8_t *page;
    enum pages_kind kind = pages_find(pages, offset, &page);
    uint64_t run = 0;
    while (run < size && pages_find(pages, offset + run, &page) == kind) {
        run += pages_step(pages, offset + run);
    }
    *ret_size = MIN(run, size);
    return kind;
}

/* Where the pointer to a page lies; NULL when there is no memory for that. */
static uint8_t **pages_slot(struct pages *pages, uint64_t offset)
{
    struct pages_leaf *leaf = leaf_find(pages, offset);
    if (leaf == NULL) {
        leaf = g_try_new0(struct pages_leaf, 1);
        if (leaf == NULL) {
            return NULL;
        }
        gint64 *number = g_new(gint64, 1);
        *number = (gint64)(offset / LEAF_SIZE);
        g_hash_table_insert(pages->leaves, number, leaf);
    }
    return &leaf->page[offset / PAGES_PAGE % LEAF_PAGES];
}

uint8_t *pages_make(struct pages *pages, uint64_t offset)
{
    uint8_t **slot = pages_slot(pages, offset);
    if (slot == NULL || (*slot != NULL && *slot != zero_page)) {
        return slot != NULL ? *slot : NULL;
    }
    uint8_t *page = g_try_malloc0(PAGES_PAGE);
    if (page != NULL) {
        *slot = page;
        pages->used += PAGES_PAGE;
    }
    return page;
}

bool pages_set(struct pages *pages, uint64_t offset, uint64_t size, enum pages_kind kind)
{
    assert(kind != PAGE_DATA && offset % PAGES_PAGE == 0 && size % PAGES_PAGE == 0);
    for (uint64_t done = 0; done < size;) {
        bool leaf = leaf_find(pages, offset + done) != NULL;
        if (!leaf && kind == PAGE_ABSENT) {
            done += pages_step(pages, offset + done);
            continue;
        }
        uint8_t **slot = pages_slot(pages, offset + done);
        if (slot == NULL) {
            return false;
        }
        if (*slot != NULL && *slot != zero_page) {
            g_free(*slot);
            pages->used -= PAGES_PAGE;
        }
        *slot = kind == PAGE_ZERO ? zero_page : NULL;
        done += PAGES_PAGE;
    }
    return true;
}

uint64_t pages_used(const struct pages *pages)
{
    return pages->used;
}
