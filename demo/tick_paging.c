/* Self-test of Sv39. Source: the RISC-V manual, volume II, "Sv39: Page-Based 39-bit Virtual-Memory
 * System". The program's own memory is one gigapage; pages at TEST_BASE have their own rules. */
#include "demo/lib.h"
#include "demo/machine.h"
#include "demo/riscv.h"
#include "demo/ticks.h"
#include "demo/trap.h"

#define PAGE      4096
#define TEST_BASE 0x40000000ull /* the second gigabyte of addresses */
#define SATP_SV39 (8ull << 60)
#define PATTERN   0x5a

enum { MODE_USER = 0, MODE_SUPERVISOR = 1 };
enum { V = 1, R = 2, W = 4, X = 8, U = 16, A = 64, D = 128 };
/* The pages, and one without an entry. */
enum { PAGE_DATA, PAGE_CONSTANT, PAGE_USER, PAGE_NONE };

/* In start.S. */
extern const char probe_load[], probe_store[], probe_jump[], probe_end[];

/* A piece of code, where and how it runs, and the trap that ends it. */
struct paging_case {
    const char *what;
    const char *code;
    unsigned mode;
    unsigned page; /* what it looks at */
    enum trap_cause cause;
};

static const struct paging_case paging_cases[] = {
    { "S store", probe_store, MODE_SUPERVISOR, PAGE_DATA, CAUSE_ECALL_S },
    { "S load", probe_load, MODE_SUPERVISOR, PAGE_DATA, CAUSE_ECALL_S },
    { "S load without page", probe_load, MODE_SUPERVISOR, PAGE_NONE, CAUSE_LOAD_PAGE },
    { "S store without page", probe_store, MODE_SUPERVISOR, PAGE_NONE, CAUSE_STORE_PAGE },
    { "S store to constant", probe_store, MODE_SUPERVISOR, PAGE_CONSTANT, CAUSE_STORE_PAGE },
    { "S load of U page", probe_load, MODE_SUPERVISOR, PAGE_USER, CAUSE_LOAD_PAGE },
    { "S jump without page", probe_jump, MODE_SUPERVISOR, PAGE_NONE, CAUSE_FETCH_PAGE },
    { "S jump to data", probe_jump, MODE_SUPERVISOR, PAGE_DATA, CAUSE_FETCH_PAGE },
    { "U load of own page", probe_load, MODE_USER, PAGE_USER, CAUSE_ECALL_U },
    { "U load of S page", probe_load, MODE_USER, PAGE_DATA, CAUSE_LOAD_PAGE },
    { "U store to own code", probe_store, MODE_USER, PAGE_USER, CAUSE_STORE_PAGE },
};

static uint8_t *data_page, *user_page;

static uint64_t table_entry(const void *page, unsigned rights)
{
    return (uintptr_t)page / PAGE << 10 | rights;
}

/* Builds the tables; NULL when there is no memory for them. */
static uint64_t *paging_tables(void)
{
    uint64_t *root = memory_take(3 * PAGE, PAGE), *middle = root + 512, *last = root + 1024;
    data_page = memory_take(2 * PAGE, PAGE);
    if (!root || !data_page) {
        return NULL;
    }
    user_page = data_page + PAGE;
    const void *start = (const void *)(machine.memory_start & ~((1ull << 30) - 1));
    root[machine.memory_start >> 30] = table_entry(start, V | R | W | X | A | D);
    root[TEST_BASE >> 30] = table_entry(middle, V);
    middle[0] = table_entry(last, V);
    last[PAGE_DATA] = table_entry(data_page, V | R | W | A | D);
    last[PAGE_CONSTANT] = table_entry(data_page, V | R | A);
    last[PAGE_USER] = table_entry(user_page, V | R | X | U | A);
    memcpy(user_page, probe_load, (size_t)(probe_end - probe_load));
    fence_code();
    return root;
}

static void paging_enter(void *opaque)
{
    const struct paging_case *row = opaque;
    uint64_t code = (uintptr_t)row->code;
    if (row->mode == MODE_USER) {
        code = TEST_BASE + PAGE_USER * PAGE + (uint64_t)(row->code - probe_load);
    }
    mode_enter(code, row->mode, TEST_BASE + row->page * PAGE, PATTERN);
}

/* Whether it ends as it must; page faults tell the address. */
static bool paging_holds(const struct paging_case *row)
{
    struct trap trap;
    if (!trap_catch(paging_enter, (void *)row, &trap) || trap.cause != row->cause) {
        return false;
    }
    bool fault = row->cause >= CAUSE_FETCH_PAGE;
    return !fault || trap.value == TEST_BASE + row->page * PAGE;
}

enum tick_state tick_paging(struct tick *tick)
{
    static uint64_t *root;
    const char *wrong = NULL;
    root = root ? root : paging_tables();
    if (!root) {
        return tick_say(tick, TICK_BAD, "no memory for tables");
    }
    *data_page = 0;
    csr_write(satp, SATP_SV39 | (uintptr_t)root / PAGE);
    if (csr_read(satp) >> 60 != SATP_SV39 >> 60) {
        return tick_say(tick, TICK_BAD, "satp does not take Sv39");
    }
    fence_tables();
    for (unsigned i = 0; i < COUNT(paging_cases) && !wrong; i++) {
        wrong = paging_holds(&paging_cases[i]) ? NULL : paging_cases[i].what;
    }
    csr_write(satp, 0);
    fence_tables();
    if (wrong || *data_page != PATTERN) {
        return tick_say(tick, TICK_BAD, "%s", wrong ? wrong : "the store went elsewhere");
    }
    return tick_say(tick, TICK_OK, "Sv39, %u cases in S and U mode",
                    (unsigned)COUNT(paging_cases));
}
