/* Floating point: the classic kernels, the C library's functions, and conversions. */
#include "bench.h"

#include <math.h>
#include <string.h>

enum { BODY_COUNT = 5, BODY_STEPS = 400, PLANE = 48, DEPTH = 100, MATRIX = 64, SYSTEM = 64 };
enum { LIBM_CALLS = 500, CONVERSIONS = 20000 };

static double body[BODY_COUNT][7] = {
    {0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 39.5},    {4.8, -1.2, -0.1, 0.6, 2.8, 0.0, 0.04},
    {8.3, 4.1, -0.4, -1.0, 1.8, 0.0, 0.01},  {12.9, -15.1, -0.2, 1.1, 0.9, 0.0, 0.002},
    {15.4, -25.9, 0.2, 1.0, 0.6, 0.0, 0.002},
};

static void bodies_attract(double *one, double *two)
{
    double gap[3];
    for (int axis = 0; axis < 3; axis++)
        gap[axis] = one[axis] - two[axis];
    double square = gap[0] * gap[0] + gap[1] * gap[1] + gap[2] * gap[2] + 0.01;
    double pull = 0.0001 / (square * sqrt(square));
    for (int axis = 0; axis < 3; axis++) {
        one[3 + axis] -= gap[axis] * two[6] * pull;
        two[3 + axis] += gap[axis] * one[6] * pull;
    }
}

/* Planets that attract each other: doubles with divisions and roots. */
static uint64_t nbody_step(void)
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

/* Registers alone: multiplications, additions and a comparison that ends the loop. */
static uint64_t mandelbrot_step(void)
{
    uint64_t rounds = 0;
    for (int row = 0; row < PLANE; row++)
        for (int column = 0; column < PLANE; column++) {
            double re = column * 3.0 / PLANE - 2, im = row * 2.0 / PLANE - 1, x = 0, y = 0;
            int depth = 0;
            for (; depth < DEPTH && x * x + y * y < 4; depth++) {
                double next = x * x - y * y + re;
                y = 2 * x * y + im;
                x = next;
            }
            rounds += (uint64_t)depth;
        }
    bench_use(rounds);
    return rounds;
}

static uint64_t matmul_step(void)
{
    static double left[MATRIX][MATRIX], right[MATRIX][MATRIX], product[MATRIX][MATRIX];
    for (int i = 0; i < MATRIX; i++)
        for (int j = 0; j < MATRIX; j++) {
            left[i][j] = i + j * 0.5;
            right[i][j] = i - j * 0.25;
        }
    for (int i = 0; i < MATRIX; i++)
        for (int j = 0; j < MATRIX; j++) {
            double sum = 0;
            for (int k = 0; k < MATRIX; k++)
                sum += left[i][k] * right[k][j];
            product[i][j] = sum;
        }
    bench_use((uint64_t)product[3][5]);
    return MATRIX * MATRIX * MATRIX;
}

static void system_make(double matrix[SYSTEM][SYSTEM + 1])
{
    uint32_t seed = 1325;
    for (int i = 0; i < SYSTEM; i++)
        for (int j = 0; j <= SYSTEM; j++) {
            seed = seed * 3125 % 65536;
            matrix[i][j] = (seed - 32768.0) / 16384.0;
        }
}

static int pivot_row(double matrix[SYSTEM][SYSTEM + 1], int column)
{
    int best = column;
    for (int row = column + 1; row < SYSTEM; row++)
        if (fabs(matrix[row][column]) > fabs(matrix[best][column]))
            best = row;
    return best;
}

/* Gauss' elimination with pivots, as linpack does it: daxpy over rows. */
static uint64_t linpack_step(void)
{
    static double matrix[SYSTEM][SYSTEM + 1];
    system_make(matrix);
    for (int column = 0; column < SYSTEM; column++) {
        int pivot = pivot_row(matrix, column);
        double swap[SYSTEM + 1];
        memcpy(swap, matrix[pivot], sizeof(swap));
        memcpy(matrix[pivot], matrix[column], sizeof(swap));
        memcpy(matrix[column], swap, sizeof(swap));
        for (int row = column + 1; row < SYSTEM; row++) {
            double factor = matrix[row][column] / swap[column];
            for (int k = column; k <= SYSTEM; k++)
                matrix[row][k] -= factor * swap[k];
        }
    }
    bench_use((uint64_t)fabs(matrix[SYSTEM - 1][SYSTEM] * 1000));
    return SYSTEM * SYSTEM * SYSTEM / 3;
}

static uint64_t libm_step(void)
{
    double sum = 0;
    for (int i = 1; i <= LIBM_CALLS; i++) {
        double value = i * 0.0137;
        sum += sin(value) + cos(value * 3) + exp(-value) + log(value) + pow(value, 1.3);
        sum += atan2(value, 2) + tan(value) + cbrt(value);
    }
    bench_use((uint64_t)fabs(sum));
    return LIBM_CALLS * 8;
}

/* Between integers of both widths, floats and doubles, with the rounding that C asks for. */
static uint64_t convert_step(void)
{
    uint64_t sum = 0;
    for (int i = 0; i < CONVERSIONS; i++) {
        double wide = (double)(int64_t)(sum >> 20) * 0.5 + i;
        float narrow = (float)wide + (float)i;
        sum += (uint64_t)(int64_t)wide + (uint32_t)(int32_t)(narrow * 0.125f);
        sum += (uint64_t)((double)narrow - wide + 3e6) + (uint64_t)(int64_t)floor(wide * 0.3);
    }
    bench_use(sum);
    return CONVERSIONS;
}

const struct workload float_workloads[] = {
    {"nbody", "steps", NULL, nbody_step, NULL},
    {"mandelbrot", "rounds", NULL, mandelbrot_step, NULL},
    {"matmul", "products", NULL, matmul_step, NULL},
    {"linpack", "products", NULL, linpack_step, NULL},
    {"libm", "calls", NULL, libm_step, NULL},
    {"convert", "rounds", NULL, convert_step, NULL},
    {0},
};
