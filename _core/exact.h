/* Integer money: one product-and-quotient with a 128-bit intermediate, and checked sums.
 *
 * exact_mul_div writes a * b * num / den, rounded by mode, and answers 0; 1 where a product leaves 128 bits, the quotient
 * leaves 64, or den is 0. EXACT_PORTABLE takes the twin for compilers without a 128-bit integer; both give the same figures.
 */
#ifndef CROSSMARGIN_EXACT_H
#define CROSSMARGIN_EXACT_H

#include <stdint.h>

enum { EXACT_TRUNC = 0, EXACT_FLOOR = 1, EXACT_CEIL = 2, EXACT_EVEN = 3 };

/* Whether the size of a truncated quotient grows by one: what is left of the division against its divisor. */
static inline int exact_grows(int mode, int negative, int odd, int some_left, int against_half) {
    switch (mode) {
        case EXACT_FLOOR: return negative && some_left;
        case EXACT_CEIL: return !negative && some_left;
        case EXACT_EVEN: return against_half > 0 || (against_half == 0 && odd);
        default: return 0;
    }
}

static inline uint64_t exact_size(int64_t x) { return x < 0 ? 0u - (uint64_t)x : (uint64_t)x; }

/* A size and a sign as a signed figure. */
static inline int exact_signed(uint64_t size, int negative, int64_t *out) {
    if (size > (uint64_t)INT64_MAX) return 1;
    *out = negative ? -(int64_t)size : (int64_t)size;
    return 0;
}

#if defined(__SIZEOF_INT128__) && !defined(EXACT_PORTABLE)

static inline int exact_divide(uint64_t a, uint64_t b, uint64_t num, uint64_t den, int mode, int negative, uint64_t *out) {
    unsigned __int128 product = (unsigned __int128)a * b, whole, left;
    if (num != 1 && __builtin_mul_overflow(product, (unsigned __int128)num, &product)) return 1;
    if (den == 1) {
        if (product >> 64) return 1;
        *out = (uint64_t)product;
        return 0;
    }
    if (!(product >> 64)) { /* nearly always: one short division */
        whole = (uint64_t)product / den;
    } else {
        whole = product / den;
        if (whole >> 64) return 1;
    }
    left = product - whole * den;
    *out = (uint64_t)whole;
    if (exact_grows(mode, negative, (int)(*out & 1), left != 0, left > den - left ? 1 : (left == den - left ? 0 : -1))) {
        if (*out == UINT64_MAX) return 1;
        *out += 1;
    }
    return 0;
}

#else

/* 64 x 64 to 128 bits by halves. */
static inline void exact_multiply(uint64_t a, uint64_t b, uint64_t *high, uint64_t *low) {
    uint64_t a0 = a & 0xffffffffu, a1 = a >> 32, b0 = b & 0xffffffffu, b1 = b >> 32;
    uint64_t p00 = a0 * b0, p01 = a0 * b1, p10 = a1 * b0, middle = (p00 >> 32) + (p01 & 0xffffffffu) + (p10 & 0xffffffffu);
    *low = (p00 & 0xffffffffu) | (middle << 32);
    *high = a1 * b1 + (p01 >> 32) + (p10 >> 32) + (middle >> 32);
}

static inline int exact_divide(uint64_t a, uint64_t b, uint64_t num, uint64_t den, int mode, int negative, uint64_t *out) {
    uint64_t high, low, carried, top, left = 0, whole = 0;
    int bit, overflow = 0;
    exact_multiply(a, b, &high, &low);
    exact_multiply(low, num, &carried, &low);
    exact_multiply(high, num, &top, &high);
    if (top || high + carried < high) return 1;
    high += carried;
    for (bit = 127; bit >= 0; bit--) { /* one bit of the quotient at a time */
        int out_of_range = (int)(left >> 63);
        left = (left << 1) | ((bit >= 64 ? high >> (bit - 64) : low >> bit) & 1u);
        overflow |= (int)(whole >> 63);
        whole <<= 1;
        if (out_of_range || left >= den) { left -= den; whole |= 1u; }
    }
    if (overflow) return 1;
    *out = whole;
    if (exact_grows(mode, negative, (int)(whole & 1), left != 0, left > den - left ? 1 : (left == den - left ? 0 : -1))) {
        if (*out == UINT64_MAX) return 1;
        *out += 1;
    }
    return 0;
}

#endif

static inline int exact_mul_div(int64_t a, int64_t b, int64_t num, int64_t den, int mode, int64_t *out) {
    int negative = (a < 0) ^ (b < 0) ^ (num < 0) ^ (den < 0);
    uint64_t size;
    if (den == 0) return 1;
    if (a == 0 || b == 0 || num == 0) { *out = 0; return 0; }
    if (exact_divide(exact_size(a), exact_size(b), exact_size(num), exact_size(den), mode, negative, &size)) return 1;
    return exact_signed(size, negative, out);
}

/* a + b, or 1 beyond 64 bits. */
static inline int exact_add(int64_t a, int64_t b, int64_t *out) {
    if ((b > 0 && a > INT64_MAX - b) || (b < 0 && a < INT64_MIN - b)) return 1;
    *out = a + b;
    return 0;
}

#endif
