/* Lanes: LANES doubles worked on together, 8, 4 or 2 by instruction set, 1 where the compiler knows no vectors.
 *
 * `lanes` takes + - * / and unary minus as a double does, with constants by lanes_all(). Comparisons give a
 * `lanes_mask`, which takes & | ~. lanes_fma rounds once where the processor has the instruction and twice where it
 * has not, so that levels differ in the last place of a sum; nothing here is contracted otherwise.
 */
#ifndef CROSSMARGIN_SIMD_H
#define CROSSMARGIN_SIMD_H

#include <math.h>
#include <stdint.h>
#include <string.h>

#if defined(CROSSMARGIN_PORTABLE) || !(defined(__GNUC__) || defined(__clang__))
#define LANES 1
#elif defined(__AVX512F__)
#define LANES 8
#elif defined(__AVX2__) && defined(__FMA__)
#define LANES 4
#else
#define LANES 2
#endif

#if defined(__GNUC__) || defined(__clang__)
#define LANES_INLINE static inline __attribute__((always_inline, unused))
#else
#define LANES_INLINE static inline
#endif

#if defined(__clang__)
#define LANES_UNROLL _Pragma("clang loop unroll(full)")
#elif defined(__GNUC__)
#define LANES_UNROLL _Pragma("GCC unroll 16")
#else
#define LANES_UNROLL
#endif

#if LANES > 1 && (defined(__x86_64__) || defined(__i386__))
#include <immintrin.h>
#define LANES_X86 LANES
#else
#define LANES_X86 0
#endif

/* ---- types, loads, stores ---------------------------------------------------------------------------------- */

#if LANES == 1
typedef double lanes;
typedef int64_t lanes_int;
typedef uint64_t lanes_uint; /* bits are computed without a sign, where overflow is defined */
typedef int64_t lanes_mask; /* 0 or -1 */
#else
typedef double lanes __attribute__((vector_size(8 * LANES)));
typedef int64_t lanes_int __attribute__((vector_size(8 * LANES)));
typedef uint64_t lanes_uint __attribute__((vector_size(8 * LANES)));
#if LANES == 8
typedef __mmask8 lanes_mask;
#else
typedef lanes_int lanes_mask; /* per lane 0 or -1 */
#endif
#endif

LANES_INLINE lanes lanes_load(const double *p) {
    lanes v;
    memcpy(&v, p, sizeof v);
    return v;
}

LANES_INLINE void lanes_store(double *p, lanes v) { memcpy(p, &v, sizeof v); }

LANES_INLINE lanes lanes_all(double x) {
#if LANES == 1
    return x;
#else
    return x - (lanes){0};
#endif
}

/* The first n of LANES doubles, 0 < n <= LANES; the others come from `rest`. */
LANES_INLINE lanes lanes_load_part(const double *p, int64_t n, lanes rest) {
#if LANES_X86 == 8
    return (lanes)_mm512_mask_loadu_pd((__m512d)rest, (__mmask8)((1u << n) - 1u), p);
#elif LANES_X86 == 4
    const __m256i held = _mm256_cmpgt_epi64(_mm256_set1_epi64x(n), _mm256_set_epi64x(3, 2, 1, 0));
    return (lanes)_mm256_blendv_pd((__m256d)rest, _mm256_maskload_pd(p, held), (__m256d)held);
#elif LANES == 1
    return *p;
#else
    for (int64_t k = 0; k < LANES; k++) rest[k] = k < n ? p[k] : rest[k]; /* no memcpy: n is not known */
    return rest;
#endif
}

LANES_INLINE void lanes_store_part(double *p, lanes v, int64_t n) {
#if LANES_X86 == 8
    _mm512_mask_storeu_pd(p, (__mmask8)((1u << n) - 1u), (__m512d)v);
#elif LANES == 1
    *p = v;
#else
    for (int64_t k = 0; k < LANES; k++)
        if (k < n) p[k] = v[k];
#endif
}

/* ---- arithmetic -------------------------------------------------------------------------------------------- */

LANES_INLINE lanes lanes_fma(lanes a, lanes b, lanes c) {
#if defined(LANES_UNFUSED)
    return a * b + c;
#elif LANES_X86 == 8
    return (lanes)_mm512_fmadd_pd((__m512d)a, (__m512d)b, (__m512d)c);
#elif LANES_X86 == 4
    return (lanes)_mm256_fmadd_pd((__m256d)a, (__m256d)b, (__m256d)c);
#else
    return a * b + c;
#endif
}

LANES_INLINE lanes lanes_sqrt(lanes x) {
#if LANES_X86 == 8
    return (lanes)_mm512_sqrt_pd((__m512d)x);
#elif LANES_X86 == 4
    return (lanes)_mm256_sqrt_pd((__m256d)x);
#elif LANES_X86 == 2
    return (lanes)_mm_sqrt_pd((__m128d)x);
#elif LANES == 1
    return sqrt(x);
#else
    lanes v;
    for (int k = 0; k < LANES; k++) v[k] = sqrt(x[k]);
    return v;
#endif
}

/* a b - p for p = a b rounded, exactly (Dekker 1971 where nothing fuses); NaN beyond 2^996 there. */
LANES_INLINE lanes lanes_product_low(lanes a, lanes b, lanes p) {
#if LANES_X86 == 8
    return (lanes)_mm512_fmsub_pd((__m512d)a, (__m512d)b, (__m512d)p);
#elif LANES_X86 == 4
    return (lanes)_mm256_fmsub_pd((__m256d)a, (__m256d)b, (__m256d)p);
#else
    const lanes split = lanes_all(134217729.0), sa = split * a, sb = split * b;
    const lanes ha = sa - (sa - a), hb = sb - (sb - b), la = a - ha, lb = b - hb;
    return ((ha * hb - p) + ha * lb + la * hb) + la * lb;
#endif
}

/* c[0] + c[1] x + ... + c[n - 1] x^(n - 1), n >= 2, in two chains. */
LANES_INLINE lanes lanes_polynomial(lanes x, const double *c, int64_t n) {
    const lanes square = x * x;
    lanes one = lanes_all(c[n - 1]), other = lanes_all(c[n - 2]);
    LANES_UNROLL
    for (int64_t k = n - 3; k > 0; k -= 2) {
        one = lanes_fma(one, square, lanes_all(c[k]));
        other = lanes_fma(other, square, lanes_all(c[k - 1]));
    }
    if (n % 2) return lanes_fma(other, x, lanes_fma(one, square, lanes_all(c[0])));
    return lanes_fma(one, x, other);
}

/* ---- masks ------------------------------------------------------------------------------------------------- */

#if LANES == 8
LANES_INLINE lanes_mask lanes_lt(lanes a, lanes b) { return _mm512_cmp_pd_mask((__m512d)a, (__m512d)b, _CMP_LT_OQ); }
LANES_INLINE lanes_mask lanes_le(lanes a, lanes b) { return _mm512_cmp_pd_mask((__m512d)a, (__m512d)b, _CMP_LE_OQ); }
LANES_INLINE lanes_mask lanes_eq(lanes a, lanes b) { return _mm512_cmp_pd_mask((__m512d)a, (__m512d)b, _CMP_EQ_OQ); }
LANES_INLINE lanes lanes_select(lanes_mask m, lanes yes, lanes no) {
    return (lanes)_mm512_mask_blend_pd(m, (__m512d)no, (__m512d)yes);
}
LANES_INLINE uint32_t lanes_bits(lanes_mask m) { return (uint32_t)m & 0xffu; }
#elif LANES == 1
LANES_INLINE lanes_mask lanes_lt(lanes a, lanes b) { return -(lanes_mask)(a < b); }
LANES_INLINE lanes_mask lanes_le(lanes a, lanes b) { return -(lanes_mask)(a <= b); }
LANES_INLINE lanes_mask lanes_eq(lanes a, lanes b) { return -(lanes_mask)(a == b); }
LANES_INLINE lanes lanes_select(lanes_mask m, lanes yes, lanes no) { return m ? yes : no; }
LANES_INLINE uint32_t lanes_bits(lanes_mask m) { return m != 0; }
#else
LANES_INLINE lanes_mask lanes_lt(lanes a, lanes b) { return a < b; }
LANES_INLINE lanes_mask lanes_le(lanes a, lanes b) { return a <= b; }
LANES_INLINE lanes_mask lanes_eq(lanes a, lanes b) { return a == b; }
LANES_INLINE lanes lanes_select(lanes_mask m, lanes yes, lanes no) {
#if LANES_X86 == 4
    return (lanes)_mm256_blendv_pd((__m256d)no, (__m256d)yes, (__m256d)m);
#else
    return (lanes)((m & (lanes_int)yes) | (~m & (lanes_int)no));
#endif
}
/* Bit k is set where lane k is. */
LANES_INLINE uint32_t lanes_bits(lanes_mask m) {
#if LANES_X86 == 4
    return (uint32_t)_mm256_movemask_pd((__m256d)m);
#elif LANES_X86 == 2
    return (uint32_t)_mm_movemask_pd((__m128d)m);
#else
    uint32_t bits = 0;
    for (int k = 0; k < LANES; k++) bits |= (uint32_t)(m[k] & 1) << k;
    return bits;
#endif
}
#endif

/* The first n lanes of v, the others of `rest`. */
LANES_INLINE lanes lanes_first(lanes v, int64_t n, lanes rest) {
#if LANES == 8
    return lanes_select((lanes_mask)((1u << n) - 1u), v, rest);
#elif LANES == 1
    return v;
#else
    lanes_int at;
    for (int64_t k = 0; k < LANES; k++) at[k] = k;
    return lanes_select(at < n - (lanes_int){0}, v, rest);
#endif
}

/* a where a < b, otherwise b: a NaN in a is passed over. */
LANES_INLINE lanes lanes_min(lanes a, lanes b) {
#if LANES_X86 == 8
    return (lanes)_mm512_min_pd((__m512d)a, (__m512d)b);
#elif LANES_X86 == 4
    return (lanes)_mm256_min_pd((__m256d)a, (__m256d)b);
#elif LANES_X86 == 2
    return (lanes)_mm_min_pd((__m128d)a, (__m128d)b);
#else
    return lanes_select(lanes_lt(a, b), a, b);
#endif
}

/* a where a > b, otherwise b. */
LANES_INLINE lanes lanes_max(lanes a, lanes b) {
#if LANES_X86 == 8
    return (lanes)_mm512_max_pd((__m512d)a, (__m512d)b);
#elif LANES_X86 == 4
    return (lanes)_mm256_max_pd((__m256d)a, (__m256d)b);
#elif LANES_X86 == 2
    return (lanes)_mm_max_pd((__m128d)a, (__m128d)b);
#else
    return lanes_select(lanes_lt(b, a), a, b);
#endif
}

LANES_INLINE lanes lanes_abs(lanes x) {
#if LANES == 1
    return fabs(x);
#else
    return (lanes)((lanes_int)x & INT64_MAX);
#endif
}

/* The least of all lanes; none may be NaN. */
LANES_INLINE double lanes_least(lanes v) {
#if LANES_X86 == 8
    return _mm512_reduce_min_pd((__m512d)v);
#elif LANES == 1
    return v;
#else
    double least = v[0];
    for (int k = 1; k < LANES; k++) least = v[k] < least ? v[k] : least;
    return least;
#endif
}

/* Place of the lowest bit that is set. */
LANES_INLINE int64_t lowest_bit(uint64_t bits) {
#if defined(__GNUC__) || defined(__clang__)
    return __builtin_ctzll(bits);
#else
    int64_t at = 0;
    while (!(bits >> at & 1u)) at++;
    return at;
#endif
}

/* ---- bits of doubles ---------------------------------------------------------------------------------------- */

LANES_INLINE uint64_t double_bits(double x) {
    uint64_t i;
    memcpy(&i, &x, sizeof i);
    return i;
}

LANES_INLINE lanes_uint lanes_as_bits(lanes x) {
    lanes_uint i;
    memcpy(&i, &x, sizeof i);
    return i;
}

LANES_INLINE lanes lanes_of_bits(lanes_uint i) {
    lanes x;
    memcpy(&x, &i, sizeof x);
    return x;
}

/* 2^k for whole k of -1022 to 1023, given as k + 1.5 * 2^52. */
LANES_INLINE lanes lanes_power_of_two(lanes k) { return lanes_of_bits((lanes_as_bits(k) + 1023u) << 52); }

/* x = m 2^k with m of [sqrt(1/2), sqrt(2)), for normal x > 0; returns m. */
LANES_INLINE lanes lanes_mantissa(lanes x, lanes *k) {
    const lanes_uint bits = lanes_as_bits(x), above = bits - 0x3fe6a09e667f3bcdu;
    const lanes_uint exponent = above & ~(above - above + 0x000fffffffffffffu);
    /* the exponent as a double without a conversion, which AVX2 has not: its 12 bits above 2^52, less their bias */
    *k = lanes_of_bits(((above >> 52) ^ 0x800u) + 0x4330000000000000u) - (0x1p52 + 2048.0);
    return lanes_of_bits(bits - exponent);
}

/* ---- rows of lanes: `width` of them, a constant at most 16, the last with `rest` doubles ---------------------- */

LANES_INLINE void lanes_row_load(lanes *to, int64_t width, const double *p, int64_t rest) {
    LANES_UNROLL
    for (int64_t k = 0; k < width - 1; k++) to[k] = lanes_load(p + k * LANES);
    to[width - 1] = lanes_load_part(p + (width - 1) * LANES, rest, lanes_all(0.0));
}

LANES_INLINE void lanes_row_store(double *p, const lanes *from, int64_t width, int64_t rest) {
    LANES_UNROLL
    for (int64_t k = 0; k < width - 1; k++) lanes_store(p + k * LANES, from[k]);
    lanes_store_part(p + (width - 1) * LANES, from[width - 1], rest);
}

LANES_INLINE void lanes_row_zero(lanes *to, int64_t width) {
    LANES_UNROLL
    for (int64_t k = 0; k < width; k++) to[k] = lanes_all(0.0);
}

/* to += q * row */
LANES_INLINE void lanes_row_fma(lanes *to, int64_t width, lanes q, const double *p, int64_t rest) {
    LANES_UNROLL
    for (int64_t k = 0; k < width - 1; k++) to[k] = lanes_fma(q, lanes_load(p + k * LANES), to[k]);
    to[width - 1] = lanes_fma(q, lanes_load_part(p + (width - 1) * LANES, rest, lanes_all(0.0)), to[width - 1]);
}

/* The least of a row that holds a number (infinity if none does) and its first place. */
LANES_INLINE double lanes_row_least(const lanes *row, int64_t width, int64_t rest, int64_t *place) {
    const lanes none = lanes_all((double)INFINITY), last = lanes_first(row[width - 1], rest, none);
    lanes least = lanes_min(last, none);
    uint64_t at[2] = {0, 0}; /* a bit for each double: no branch goes astray */
    LANES_UNROLL
    for (int64_t k = 0; k < width - 1; k++) least = lanes_min(row[k], least);
    least = lanes_all(lanes_least(least));
    LANES_UNROLL
    for (int64_t k = 0; k < width; k++) {
        const uint64_t bits = lanes_bits(lanes_eq(k < width - 1 ? row[k] : last, least));
        at[k * LANES / 64] |= bits << (k * LANES % 64);
    }
    *place = at[0] ? lowest_bit(at[0]) : (at[1] ? 64 + lowest_bit(at[1]) : 0);
    return lanes_least(least);
}

#endif
