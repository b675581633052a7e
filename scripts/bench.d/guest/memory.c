/* Memory: the C library's copies and strings, a stream, and loads that wait for each other over
 * working sets of three sizes, and over one word in each of 4096 pages. */
#include "bench.h"

#include <stdlib.h>
#include <string.h>

enum { COPY_BYTES = 1 << 20, STRING_BYTES = 4000, STRING_ROUNDS = 8, TRIAD_COUNT = 1 << 18 };
enum { CHASE_STEPS = 1 << 15, PAGE = 4096, WALK_PAGES = 4096, LINE = 64 };

static char *memory_from, *memory_to;

static void copy_start(const char *argument)
{
    (void)argument;
    memory_from = bench_alloc(COPY_BYTES);
    memory_to = bench_alloc(COPY_BYTES);
    memset(memory_from, 'a', COPY_BYTES);
    memset(memory_to, 'a', COPY_BYTES);
}

static void copy_stop(void)
{
    free(memory_from);
    free(memory_to);
}

static uint64_t memcpy_step(void)
{
    memcpy(memory_to, memory_from, COPY_BYTES);
    bench_use((uint64_t)memory_to[COPY_BYTES / 3]);
    return COPY_BYTES >> 10;
}

/* strlen, strchr, strcmp, strcpy and memcmp of a page or so. */
static uint64_t strings_step(void)
{
    memory_from[STRING_BYTES] = '\0';
    uint64_t sum = 0;
    for (int i = 0; i < STRING_ROUNDS; i++) {
        memory_from[STRING_BYTES - 1 - i] = 'z';
        strcpy(memory_to, memory_from);
        sum += strlen(memory_to) + (uint64_t)(strchr(memory_to, 'z') - memory_to);
        sum += (uint64_t)strcmp(memory_to, memory_from);
        sum += (uint64_t)memcmp(memory_to, memory_from, STRING_BYTES);
        bench_use(sum);
    }
    return STRING_ROUNDS * 5 * (uint64_t)STRING_BYTES;
}

static double *triad_array;

static void triad_start(const char *argument)
{
    (void)argument;
    triad_array = bench_alloc(3 * TRIAD_COUNT * sizeof(double));
    for (int i = 0; i < 3 * TRIAD_COUNT; i++)
        triad_array[i] = i;
}

static void triad_stop(void)
{
    free(triad_array);
}

/* STREAM's a = b + s * c. */
static uint64_t triad_step(void)
{
    double *a = triad_array, *b = a + TRIAD_COUNT, *c = b + TRIAD_COUNT;
    for (int i = 0; i < TRIAD_COUNT; i++)
        a[i] = b[i] + 3 * c[i];
    bench_use((uint64_t)a[TRIAD_COUNT / 2]);
    return TRIAD_COUNT;
}

static char *chase_memory;
static void **chase_at;

/* One cycle through `count` places `stride` bytes apart, in random order (Sattolo's shuffle). */
static void cycle_make(uint32_t count, uint32_t stride)
{
    uint32_t *order = bench_alloc(count * sizeof(*order));
    chase_memory = bench_alloc((uint64_t)count * stride);
    for (uint32_t i = 0; i < count; i++)
        order[i] = i;
    for (uint32_t i = count - 1; i > 0; i--) {
        uint32_t other = (uint32_t)(bench_random() % i), swap = order[i];
        order[i] = order[other];
        order[other] = swap;
    }
    /* In a walk over pages each place has a cache line of its own set. */
    uint32_t skew = stride == PAGE ? LINE : 0;
    for (uint32_t i = 0; i < count; i++) {
        uint64_t next = (uint64_t)order[i] * stride + (order[i] * skew) % PAGE;
        *(void **)(chase_memory + (uint64_t)i * stride + (i * skew) % PAGE) = chase_memory + next;
    }
    chase_at = (void **)chase_memory;
    free(order);
}

static void chase_32k_start(const char *argument)
{
    (void)argument;
    cycle_make((32 << 10) / LINE, LINE);
}

static void chase_1m_start(const char *argument)
{
    (void)argument;
    cycle_make((1 << 20) / LINE, LINE);
}

static void chase_64m_start(const char *argument)
{
    (void)argument;
    cycle_make((64 << 20) / LINE, LINE);
}

static void walk_start(const char *argument)
{
    (void)argument;
    cycle_make(WALK_PAGES, PAGE);
}

static void chase_stop(void)
{
    free(chase_memory);
}

static uint64_t chase_step(void)
{
    for (int step = 0; step < CHASE_STEPS; step++)
        chase_at = *chase_at;
    bench_use((uint64_t)chase_at);
    return CHASE_STEPS;
}

const struct workload memory_workloads[] = {
    {"memcpy", "KiB", copy_start, memcpy_step, copy_stop},
    {"strings", "bytes", copy_start, strings_step, copy_stop},
    {"triad", "elements", triad_start, triad_step, triad_stop},
    {"chase-32k", "loads", chase_32k_start, chase_step, chase_stop},
    {"chase-1m", "loads", chase_1m_start, chase_step, chase_stop},
    {"chase-64m", "loads", chase_64m_start, chase_step, chase_stop},
    {"walk", "loads", walk_start, chase_step, chase_stop},
    {0},
};
