/* Scenario margin: the incremental check and the batch, accumulators in registers over all positions of an account.
 * Rows are padded to ld, a multiple of 8; spare columns repeat a scenario (batch) or hold +infinity in the state. */
#include "lanes.h"

__attribute__((noipa)) double incremental(const double *S, const double *row, double q, long ld)
{
    lane m = *(const loose *)S + q * *(const loose *)row, m2 = m;
    long i = WIDTH;
    for (; i + WIDTH < ld; i += 2 * WIDTH) {
        m = LEAST(m, *(const loose *)(S + i) + q * *(const loose *)(row + i));
        m2 = LEAST(m2, *(const loose *)(S + i + WIDTH) + q * *(const loose *)(row + i + WIDTH));
    }
    if (i < ld) m = LEAST(m, *(const loose *)(S + i) + q * *(const loose *)(row + i));
    return least_lane(LEAST(m, m2));
}

/* out[k] = min_s (S[s] + q[k] A[item[k], s]) */
void incremental_many(const double *S, const double *A, long ld, const int32_t *item, const double *q, double *out,
                      long n)
{
    for (long k = 0; k < n; k++) out[k] = incremental(S, A + (long)item[k] * ld, q[k], ld);
}

#define BLOCK(NV) \
    INLINE lane block##NV(const double *restrict q, const int32_t *restrict item, const double *restrict A, long P, \
                          long ld) \
    { \
        lane a[NV]; \
        for (int k = 0; k < NV; k++) a[k] = (lane){0}; \
        for (long p = 0; p < P; p++) { \
            const double *r = A + (long)item[p] * ld; \
            double c = q[p]; \
            _Pragma("GCC unroll 16") for (int k = 0; k < NV; k++) a[k] += c * *(const loose *)(r + WIDTH * k); \
        } \
        lane m = a[0]; \
        for (int k = 1; k < NV; k++) m = LEAST(m, a[k]); \
        return m; \
    }
BLOCK(1)
BLOCK(2)
BLOCK(4)
BLOCK(6)
BLOCK(12)

__attribute__((noipa)) double full(const double *q, const int32_t *item, const double *A, long P, long ld)
{
    long j = 0;
    lane m;
    for (int k = 0; k < WIDTH; k++) m[k] = INFINITY;
#if BYTES == 64
    for (; j + 48 <= ld; j += 48) m = LEAST(m, block6(q, item, A + j, P, ld));
    for (; j + 16 <= ld; j += 16) m = LEAST(m, block2(q, item, A + j, P, ld));
    for (; j + 8 <= ld; j += 8) m = LEAST(m, block1(q, item, A + j, P, ld));
#elif BYTES == 32
    for (; j + 48 <= ld; j += 48) m = LEAST(m, block12(q, item, A + j, P, ld));
    for (; j + 16 <= ld; j += 16) m = LEAST(m, block4(q, item, A + j, P, ld));
    for (; j + 8 <= ld; j += 8) m = LEAST(m, block2(q, item, A + j, P, ld));
#else
    for (; j + 24 <= ld; j += 24) m = LEAST(m, block12(q, item, A + j, P, ld));
    for (; j + 8 <= ld; j += 8) m = LEAST(m, block4(q, item, A + j, P, ld));
#endif
    return least_lane(m);
}

/* out[a] = -min_s sum_p q_p A[item_p, s] of each account a, whose positions are start[a] .. start[a + 1] */
void batch(const int64_t *start, const int32_t *item, const double *q, const double *A, long ld, double *out, long n)
{
    for (long a = 0; a < n; a++) {
        long s = start[a];
        out[a] = -full(q + s, item + s, A, start[a + 1] - s, ld);
    }
}
