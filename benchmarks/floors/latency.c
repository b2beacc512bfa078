/* Latency of one call at a time, by the time-stamp counter, into a histogram; the counter's own cost and an empty loop beside it.
 *
 * Every call is between two serialised reads of the counter. What the histogram holds is in ticks; bucket i is i ticks,
 * the last one everything longer. A floor is the bare kernel, or the same lines read and nothing decided. */
#include <stdint.h>
#include <string.h>
#include <time.h>
#include <x86intrin.h>

typedef int (*check_t)(void *, int64_t, int64_t, int64_t, int64_t);
typedef int (*apply_t)(void *, const int64_t *);

static inline uint64_t begin(void) { _mm_lfence(); uint64_t t = __rdtsc(); _mm_lfence(); return t; }
static inline uint64_t end(void) { unsigned a; uint64_t t = __rdtscp(&a); _mm_lfence(); return t; }

static inline void note(int64_t *bucket, int64_t n, uint64_t ticks) { bucket[ticks < (uint64_t)n ? ticks : (uint64_t)(n - 1)]++; }

double ticks_per_ns(void) {
    struct timespec a, b;
    uint64_t s, e;
    clock_gettime(CLOCK_MONOTONIC, &a);
    s = __rdtsc();
    do clock_gettime(CLOCK_MONOTONIC, &b); while ((b.tv_sec - a.tv_sec) * 1e9 + (b.tv_nsec - a.tv_nsec) < 5e7);
    e = __rdtsc();
    return (double)(e - s) / ((b.tv_sec - a.tv_sec) * 1e9 + (b.tv_nsec - a.tv_nsec));
}

void empty(int64_t n, int64_t *bucket, int64_t buckets) {
    for (int64_t i = 0; i < n; i++) { uint64_t t = begin(); __asm__ volatile("" ::: "memory"); note(bucket, buckets, end() - t); }
}

/* One timed call each. */
int64_t checks(check_t check, void *gate, int64_t n, int64_t m, const int64_t *account, const int64_t *instrument,
               const int64_t *lots, const int64_t *ticks, int64_t *bucket, int64_t buckets) {
    int64_t accepted = 0;
    for (int64_t i = 0, j = 0; i < n; i++, j = j + 1 == m ? 0 : j + 1) {
        uint64_t t = begin();
        int status = check(gate, account[j], instrument[j], lots[j], ticks[j]);
        note(bucket, buckets, end() - t);
        accepted += status == 0;
    }
    return accepted;
}

/* The same back to back: throughput, without the counter. */
int64_t stream(check_t check, void *gate, int64_t n, int64_t m, const int64_t *account, const int64_t *instrument,
               const int64_t *lots, const int64_t *ticks) {
    int64_t accepted = 0;
    for (int64_t i = 0, j = 0; i < n; i++, j = j + 1 == m ? 0 : j + 1)
        accepted += check(gate, account[j], instrument[j], lots[j], ticks[j]) == 0;
    return accepted;
}

#ifdef __AVX512F__
/* The bare kernel on the same rows: least over a state plus a rounded, clipped multiple of a row. */
double kernel(const double *state, const double *row, double q, double c, double magic, int64_t width) {
    __m512d least = _mm512_set1_pd(1e300), Q = _mm512_set1_pd(q), C = _mm512_set1_pd(c), M = _mm512_set1_pd(magic);
    for (int64_t r = 0; r < width; r += 8) {
        __m512d t = _mm512_add_pd(_mm512_mul_pd(Q, _mm512_loadu_pd(row + r)), _mm512_mul_pd(C, _mm512_loadu_pd(row + width + r)));
        t = _mm512_min_pd(_mm512_sub_pd(_mm512_add_pd(t, M), M), _mm512_setzero_pd());
        least = _mm512_min_pd(_mm512_add_pd(_mm512_loadu_pd(state + r), t), least);
    }
    return _mm512_reduce_min_pd(least);
}

double kernels(int64_t n, int64_t m, const double *states, int64_t stride, const double *rows, int64_t block,
               const int64_t *account, const int64_t *instrument, double magic, int64_t width) {
    double sum = 0;
    for (int64_t i = 0, j = 0; i < n; i++, j = j + 1 == m ? 0 : j + 1)
        sum += kernel(states + account[j] * stride, rows + instrument[j] * block, 3.0, 5.0, magic, width);
    return sum;
}

#endif

/* Cold floor: one dependent look-up of the account, then its lines and the row's lines read independently. */
double cold(int64_t n, int64_t m, const int64_t *index, const double *states, int64_t stride, int64_t lines,
            const double *rows, int64_t block, int64_t row_lines, const int64_t *account, const int64_t *instrument,
            int64_t *bucket, int64_t buckets) {
    double sum = 0;
    for (int64_t i = 0, j = 0; i < n; i++, j = j + 1 == m ? 0 : j + 1) {
        uint64_t t = begin();
        const double *s = states + index[account[j] * 8] * stride, *r = rows + instrument[j] * block;
        double x = 0;
        for (int64_t k = 0; k < lines; k++) x += s[8 * k];
        for (int64_t k = 0; k < row_lines; k++) x += r[8 * k];
        sum += x;
        __asm__ volatile("" :: "x"(x));
        note(bucket, buckets, end() - t);
    }
    return sum;
}

#define AHEAD 8

/* The same back to back, every line asked for some accounts ahead: throughput, without the counter. */
double cold_many(int64_t n, int64_t m, const int64_t *index, const double *states, int64_t stride, int64_t lines,
                 const double *rows, int64_t block, int64_t row_lines, const int64_t *account, const int64_t *instrument) {
    double sum = 0;
    for (int64_t i = 0, j = 0; i < n; i++, j = j + 1 == m ? 0 : j + 1) {
        int64_t far = j + 2 * AHEAD < m ? j + 2 * AHEAD : j, near = j + AHEAD < m ? j + AHEAD : j;
        _mm_prefetch((const char *)(index + account[far] * 8), _MM_HINT_T0);
        const double *s = states + index[account[near] * 8] * stride, *r = rows + instrument[near] * block;
        for (int64_t k = 0; k < lines; k++) _mm_prefetch((const char *)(s + 8 * k), _MM_HINT_T0);
        for (int64_t k = 0; k < row_lines; k++) _mm_prefetch((const char *)(r + 8 * k), _MM_HINT_T0);
        s = states + index[account[j] * 8] * stride, r = rows + instrument[j] * block;
        for (int64_t k = 0; k < lines; k++) sum += s[8 * k];
        for (int64_t k = 0; k < row_lines; k++) sum += r[8 * k];
    }
    return sum;
}

/* A mixed stream: events of twelve words, each timed, into a histogram of its kind. */
int64_t events(apply_t apply, void *gate, int64_t n, const int64_t *words, int64_t *bucket, int64_t buckets, int64_t *refused) {
    int64_t applied = 0;
    for (int64_t i = 0; i < n; i++) {
        const int64_t *e = words + 12 * i;
        uint64_t t = begin();
        int status = apply(gate, e);
        note(bucket + e[2] * buckets, buckets, end() - t);
        applied += status == 0;
        refused[e[2]] += status != 0;
    }
    return applied;
}
