/* Workloads that stay in the program: integers, branches, floating point, memory. */
#include "bench.h"

#include <stdlib.h>
#include <string.h>

enum { SORT_COUNT = 4096, BODY_COUNT = 5, BODY_STEPS = 400, MEMORY_BYTES = 8 << 20 };
enum { CHASE_COUNT = 1 << 20, CHASE_STEPS = 1 << 15 };

static uint64_t random_next(void)
{
    static uint64_t state = 88172645463325252u;
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return state;
}

static uint32_t rotate(uint32_t value, unsigned count)
{
    return value >> count | value << (32 - count);
}

/* SHA-256's round function on made-up constants: shifts, adds and logic in a dependent chain. */
static uint64_t integer_step(void)
{
    static uint32_t s[8] = {1, 2, 3, 4, 5, 6, 7, 8};
    enum { ROUNDS = 20000 };
    for (uint32_t round = 0; round < ROUNDS; round++) {
        uint32_t mix = rotate(s[4], 6) ^ rotate(s[4], 11) ^ rotate(s[4], 25);
        uint32_t choice = (s[4] & s[5]) ^ (~s[4] & s[6]);
        uint32_t first = s[7] + mix + choice + round * 2654435761u;
        uint32_t other = rotate(s[0], 2) ^ rotate(s[0], 13) ^ rotate(s[0], 22);
        uint32_t major = (s[0] & s[1]) ^ (s[0] & s[2]) ^ (s[1] & s[2]);
        memmove(s + 1, s, 7 * sizeof(s[0]));
        s[4] += first;
        s[0] = first + other + major;
    }
    bench_use(s[0]);
    return ROUNDS;
}

static void sift_down(uint32_t *heap, unsigned root, unsigned count)
{
    for (unsigned child; (child = 2 * root + 1) < count; root = child) {
        if (child + 1 < count && heap[child] < heap[child + 1])
            child++;
        if (heap[root] >= heap[child])
            return;
        uint32_t swap = heap[root];
        heap[root] = heap[child];
        heap[child] = swap;
    }
}

/* Heapsort of random numbers: branches that nobody can predict. */
static uint64_t branch_step(void)
{
    static uint32_t heap[SORT_COUNT];
    for (unsigned i = 0; i < SORT_COUNT; i++)
        heap[i] = (uint32_t)random_next();
    for (unsigned i = SORT_COUNT / 2; i-- > 0;)
        sift_down(heap, i, SORT_COUNT);
    for (unsigned left = SORT_COUNT; left-- > 1;) {
        uint32_t swap = heap[0];
        heap[0] = heap[left];
        heap[left] = swap;
        sift_down(heap, 0, left);
    }
    bench_use(heap[SORT_COUNT / 2]);
    return SORT_COUNT;
}

static double body[BODY_COUNT][7] = {
    {0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 39.5},    {4.8, -1.2, -0.1, 0.6, 2.8, 0.0, 0.04},
    {8.3, 4.1, -0.4, -1.0, 1.8, 0.0, 0.01},  {12.9, -15.1, -0.2, 1.1, 0.9, 0.0, 0.002},
    {15.4, -25.9, 0.2, 1.0, 0.6, 0.0, 0.002},
};

static double root_of(double value)
{
    __asm__("fsqrt.d %0, %0" : "+f"(value));
    return value;
}

static void bodies_attract(double *one, double *two)
{
    double gap[3];
    for (int axis = 0; axis < 3; axis++)
        gap[axis] = one[axis] - two[axis];
    double square = gap[0] * gap[0] + gap[1] * gap[1] + gap[2] * gap[2] + 0.01;
    double pull = 0.0001 / (square * root_of(square));
    for (int axis = 0; axis < 3; axis++) {
        one[3 + axis] -= gap[axis] * two[6] * pull;
        two[3 + axis] += gap[axis] * one[6] * pull;
    }
}

/* Planets that attract each other: doubles with divisions and roots. */
static uint64_t float_step(void)
{
    for (int step = 0; step < BODY_STEPS; step++) {
        for (int i = 0; i < BODY_COUNT; i++)
            for (int j = i + 1; j < BODY_COUNT; j++)
                bodies_attract(body[i], body[j]);
        for (int i = 0; i < BODY_COUNT; i++)
            for (int axis = 0; axis < 3; axis++)
                body[i][axis] += body[i][3 + axis] * 0.0001;
    }
    bench_use((uint64_t)(body[1][0] * 1000));
    return BODY_STEPS;
}

static char *memory_from, *memory_to;

static void memory_start(const char *argument)
{
    (void)argument;
    memory_from = malloc(MEMORY_BYTES);
    memory_to = malloc(MEMORY_BYTES);
    if (!memory_from || !memory_to)
        bench_fail("memory");
    memset(memory_from, 1, MEMORY_BYTES);
    memset(memory_to, 2, MEMORY_BYTES);
}

static void memory_stop(void)
{
    free(memory_from);
    free(memory_to);
}

/* Copies that no cache holds. */
static uint64_t memory_step(void)
{
    memcpy(memory_to, memory_from, MEMORY_BYTES);
    bench_use((uint64_t)memory_to[MEMORY_BYTES / 3]);
    return MEMORY_BYTES >> 20;
}

static uint32_t *chase_next;

/* One cycle through all elements, in random order (Sattolo's shuffle). */
static void chase_start(const char *argument)
{
    (void)argument;
    chase_next = malloc(CHASE_COUNT * sizeof(*chase_next));
    if (!chase_next)
        bench_fail("chase");
    for (uint32_t i = 0; i < CHASE_COUNT; i++)
        chase_next[i] = i;
    for (uint32_t i = CHASE_COUNT - 1; i > 0; i--) {
        uint32_t other = (uint32_t)(random_next() % i);
        uint32_t swap = chase_next[i];
        chase_next[i] = chase_next[other];
        chase_next[other] = swap;
    }
}

static void chase_stop(void)
{
    free(chase_next);
}

/* Loads that depend on each other, over more pages than a TLB holds. */
static uint64_t chase_step(void)
{
    static uint32_t at;
    for (int step = 0; step < CHASE_STEPS; step++)
        at = chase_next[at];
    bench_use(at);
    return CHASE_STEPS;
}

const struct workload compute_workloads[] = {
    {"integer", "rounds", NULL, integer_step, NULL},
    {"branchy", "elements sorted", NULL, branch_step, NULL},
    {"float", "steps", NULL, float_step, NULL},
    {"copy", "MiB", memory_start, memory_step, memory_stop},
    {"chase", "loads", chase_start, chase_step, chase_stop},
    {0},
};
