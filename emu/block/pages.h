/* A disk in memory: a sparse map of pages, some of which only say that they are zeros. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PAGES_PAGE 4096u

struct pages;

enum pages_kind { PAGE_ABSENT, PAGE_ZERO, PAGE_DATA };

/* Makes an empty map. */
struct pages *pages_new(void);

/* Frees it with all pages; accepts NULL. */
void pages_free(struct pages *pages);

/* What kind of page holds `offset`; its bytes if it has any. */
enum pages_kind pages_find(const struct pages *pages, uint64_t offset, uint8_t **ret_page);

/* How many of `size` bytes from `offset` lie in pages of one kind, which is returned. */
enum pages_kind pages_run(const struct pages *pages, uint64_t offset, uint64_t size,
                          uint64_t *ret_size);

/* Makes the page that holds `offset` one with bytes, zeros at first, unless it is already; NULL
 * when the host has no memory left. */
uint8_t *pages_make(struct pages *pages, uint64_t offset);

/* Makes the pages of a range be of a kind without bytes. Whole pages; false: no memory left. */
bool pages_set(struct pages *pages, uint64_t offset, uint64_t size, enum pages_kind kind);

/* Bytes of memory that pages take. */
uint64_t pages_used(const struct pages *pages);
