/* Vectors at the native width of the build. */
#ifndef LANES_H
#define LANES_H
#include <immintrin.h>
#include <math.h>
#include <stdint.h>
#if defined(__AVX512F__)
#define BYTES 64
#define LEAST(a, b) (lane)_mm512_min_pd((__m512d)(a), (__m512d)(b))
#elif defined(__AVX__)
#define BYTES 32
#define LEAST(a, b) (lane)_mm256_min_pd((__m256d)(a), (__m256d)(b))
#else
#define BYTES 16
#define LEAST(a, b) (lane)_mm_min_pd((__m128d)(a), (__m128d)(b))
#endif
#define WIDTH (BYTES / 8)
#define INLINE static inline __attribute__((always_inline))
typedef double lane __attribute__((vector_size(BYTES)));
typedef double loose __attribute__((vector_size(BYTES), aligned(8)));

INLINE double least_lane(lane m)
{
#if defined(__AVX512F__)
    return _mm512_reduce_min_pd((__m512d)m);
#else
    double r = m[0];
    for (int k = 1; k < WIDTH; k++) r = m[k] < r ? m[k] : r;
    return r;
#endif
}

INLINE double sum_lane(lane m)
{
    double r = m[0];
    for (int k = 1; k < WIDTH; k++) r += m[k];
    return r;
}
#endif
