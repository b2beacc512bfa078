/* What the processor allows: the rate of reading random rows, and the peak of multiply-and-add. */
#include "lanes.h"
static volatile double sink;
#define ROW (48 / WIDTH)
#define SUMS (ROW < 12 ? ROW : 12)

/* Sum n random rows of 48 doubles. */
void read_rows(const double *table, const int32_t *item, long n)
{
    lane s[SUMS];
    for (int k = 0; k < SUMS; k++) s[k] = (lane){0};
    for (long i = 0; i < n; i++) {
        const double *r = table + (long)item[i] * 48;
        _Pragma("GCC unroll 32") for (int k = 0; k < ROW; k++) s[k % SUMS] += *(const lane *)(r + WIDTH * k);
    }
    for (int k = 1; k < SUMS; k++) s[0] += s[k];
    sink = sum_lane(s[0]);
}

/* n rounds of 12 independent multiply-and-adds over a vector: 24 n WIDTH operations; returns WIDTH. */
long multiply_add(long n)
{
    lane a[12], m = (lane){0} + 0.999999, c = (lane){0} + 1e-7;
    for (int i = 0; i < 12; i++) a[i] = (lane){0} + (1.0 + i);
    for (long k = 0; k < n; k++) {
        _Pragma("GCC unroll 12") for (int i = 0; i < 12; i++) a[i] = a[i] * m + c;
    }
    for (int i = 1; i < 12; i++) a[0] += a[i];
    sink = sum_lane(a[0]);
    return WIDTH;
}
