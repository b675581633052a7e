/* Well-known algorithms on integers: sorting, a hash, a checksum, and a mix in the manner of
 * CoreMark (a linked list, a small matrix, a state machine). */
#include "bench.h"

#include <stdlib.h>
#include <string.h>

enum { SORT_COUNT = 8192, HASH_BYTES = 16 << 10, CHECK_BYTES = 64 << 10 };
enum { LIST_COUNT = 64, MATRIX_SIZE = 16, CORE_ROUNDS = 40 };

static int number_compare(const void *one, const void *other)
{
    uint32_t left = *(const uint32_t *)one, right = *(const uint32_t *)other;
    return (left > right) - (left < right);
}

/* Branches that nobody can predict, and a call for each. */
static uint64_t qsort_step(void)
{
    static uint32_t number[SORT_COUNT];
    for (int i = 0; i < SORT_COUNT; i++)
        number[i] = (uint32_t)bench_random();
    qsort(number, SORT_COUNT, sizeof(number[0]), number_compare);
    bench_use(number[SORT_COUNT / 2]);
    return SORT_COUNT;
}

static uint32_t rotate(uint32_t value, unsigned count)
{
    return value >> count | value << (32 - count);
}

/* FIPS 180-4's constants: the fraction bits of the cube roots of the first 64 primes. */
static const uint32_t sha256_constants[64] = {
    0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5,
    0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174,
    0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da,
    0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967,
    0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85,
    0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070,
    0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
    0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2,
};

void sha256_block(uint32_t state[8], const uint8_t block[64])
{
    uint32_t w[64], s[8];
    for (int i = 0; i < 16; i++, block += 4)
        w[i] = (uint32_t)block[0] << 24 | (uint32_t)block[1] << 16 | (uint32_t)block[2] << 8 |
               block[3];
    for (int i = 16; i < 64; i++) {
        uint32_t low = rotate(w[i - 15], 7) ^ rotate(w[i - 15], 18) ^ w[i - 15] >> 3;
        uint32_t high = rotate(w[i - 2], 17) ^ rotate(w[i - 2], 19) ^ w[i - 2] >> 10;
        w[i] = w[i - 16] + low + w[i - 7] + high;
    }
    memcpy(s, state, sizeof(s));
    for (int i = 0; i < 64; i++) {
        uint32_t sum1 = rotate(s[4], 6) ^ rotate(s[4], 11) ^ rotate(s[4], 25);
        uint32_t choice = (s[4] & s[5]) ^ (~s[4] & s[6]);
        uint32_t first = s[7] + sum1 + choice + sha256_constants[i] + w[i];
        uint32_t sum0 = rotate(s[0], 2) ^ rotate(s[0], 13) ^ rotate(s[0], 22);
        uint32_t major = (s[0] & s[1]) ^ (s[0] & s[2]) ^ (s[1] & s[2]);
        memmove(s + 1, s, 7 * sizeof(s[0]));
        s[4] += first;
        s[0] = first + sum0 + major;
    }
    for (int i = 0; i < 8; i++)
        state[i] += s[i];
}

static uint64_t sha256_step(void)
{
    static uint8_t message[HASH_BYTES];
    uint32_t state[8] = {0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a,
                         0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19};
    for (int i = 0; i < HASH_BYTES; i += 64)
        sha256_block(state, message + i);
    bench_use(state[0]);
    message[0]++;
    return HASH_BYTES;
}

static uint32_t check_table[256];

static void crc32_start(const char *argument)
{
    (void)argument;
    for (uint32_t i = 0; i < 256; i++) {
        uint32_t value = i;
        for (int bit = 0; bit < 8; bit++)
            value = value & 1 ? value >> 1 ^ 0xedb88320 : value >> 1;
        check_table[i] = value;
    }
}

/* A table lookup a byte, each waiting for the last. */
static uint64_t crc32_step(void)
{
    static uint8_t message[CHECK_BYTES];
    uint32_t sum = ~0u;
    for (int i = 0; i < CHECK_BYTES; i++)
        sum = check_table[(sum ^ message[i]) & 0xff] ^ sum >> 8;
    bench_use(sum);
    message[sum % CHECK_BYTES]++;
    return CHECK_BYTES;
}

struct item {
    struct item *next;
    int32_t value;
};

/* Reverses a list and finds a value in it. */
static uint32_t list_work(struct item **head, int32_t wanted)
{
    struct item *reversed = NULL;
    for (struct item *item = *head, *next; item; item = next) {
        next = item->next;
        item->next = reversed;
        reversed = item;
    }
    *head = reversed;
    uint32_t place = 0;
    for (struct item *item = reversed; item && item->value != wanted; item = item->next)
        place++;
    return place;
}

static uint32_t matrix_work(int16_t scale)
{
    static int16_t left[MATRIX_SIZE][MATRIX_SIZE], right[MATRIX_SIZE][MATRIX_SIZE];
    uint32_t sum = 0;
    for (int i = 0; i < MATRIX_SIZE; i++)
        for (int j = 0; j < MATRIX_SIZE; j++) {
            int32_t product = 0;
            for (int k = 0; k < MATRIX_SIZE; k++)
                product += left[i][k] * right[k][j];
            sum += (uint32_t)product;
            left[i][j] = (int16_t)(i * j + scale);
            right[i][j] = (int16_t)(i - j + scale);
        }
    return sum;
}

/* Tells integers, decimals and words apart, a character at a time. */
static uint32_t state_work(const char *text)
{
    enum { START, INTEGER, DECIMAL, WORD } state = START;
    uint32_t count[4] = {0};
    for (; *text; text++) {
        int digit = *text >= '0' && *text <= '9';
        if (*text == ',') {
            count[state]++;
            state = START;
        } else if (state == START) {
            state = digit || *text == '-' ? INTEGER : WORD;
        } else if (state == INTEGER && *text == '.') {
            state = DECIMAL;
        } else if (state != WORD && !digit) {
            state = WORD;
        }
    }
    return count[INTEGER] << 16 | count[DECIMAL] << 8 | count[WORD];
}

static uint64_t core_step(void)
{
    static struct item items[LIST_COUNT];
    struct item *head = NULL;
    for (int i = 0; i < LIST_COUNT; i++) {
        items[i] = (struct item){head, i * 7 % LIST_COUNT};
        head = &items[i];
    }
    uint32_t sum = 0;
    for (int round = 0; round < CORE_ROUNDS; round++) {
        for (int find = 0; find < 16; find++)
            sum += list_work(&head, (round + find) % LIST_COUNT);
        sum += matrix_work((int16_t)round);
        sum += state_work("5012,-35.5,word,0x7f,1.e3,,77,T0.3e-1F,1234.500,-874,+122,35.54400,");
    }
    bench_use(sum);
    return CORE_ROUNDS;
}

const struct workload algorithm_workloads[] = {
    {"qsort", "elements", NULL, qsort_step, NULL},
    {"sha256", "bytes", NULL, sha256_step, NULL},
    {"crc32", "bytes", crc32_start, crc32_step, NULL},
    {"core", "rounds", NULL, core_step, NULL},
    {0},
};
