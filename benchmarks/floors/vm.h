/* Branch-free exp, log, normal distribution and Black-76 in plain C: a yardstick, no part of the package.
 * Compile with -O3 -fno-math-errno -fno-trapping-math; NaN, infinities and signed zeros stay IEEE. */
#ifndef VM_H
#define VM_H
#include <math.h>
#include <stdint.h>
#include <string.h>
#include "vm_coef.h"
#define VI static inline __attribute__((always_inline))
#ifdef __FMA__
#define FMA(a, b, c) __builtin_fma(a, b, c)
#else
#define FMA(a, b, c) ((a) * (b) + (c))
#endif

VI uint64_t d2u(double x) { uint64_t u; memcpy(&u, &x, 8); return u; }
VI double u2d(uint64_t u) { double x; memcpy(&x, &u, 8); return x; }

/* (exp(r) - 1 - r) / r^2, Estrin */
VI double vm_pexp(double x)
{
    double e0_0 = FMA(VM_EXP[1], x, VM_EXP[0]); double e0_1 = FMA(VM_EXP[3], x, VM_EXP[2]);
    double e0_2 = FMA(VM_EXP[5], x, VM_EXP[4]); double e0_3 = FMA(VM_EXP[7], x, VM_EXP[6]);
    double e0_4 = FMA(VM_EXP[9], x, VM_EXP[8]); double p_1 = x * x; double e1_0 = FMA(e0_1, p_1, e0_0);
    double e1_1 = FMA(e0_3, p_1, e0_2); double p_2 = p_1 * p_1; double e2_0 = FMA(e1_1, p_2, e1_0);
    double p_3 = p_2 * p_2; double e3_0 = FMA(e0_4, p_3, e2_0); return e3_0;
}

/* (log(1 + f) - f) / f^2, Estrin */
VI double vm_plog(double x)
{
    double e0_0 = FMA(VM_LOGP[1], x, VM_LOGP[0]); double e0_1 = FMA(VM_LOGP[3], x, VM_LOGP[2]);
    double e0_2 = FMA(VM_LOGP[5], x, VM_LOGP[4]); double e0_3 = FMA(VM_LOGP[7], x, VM_LOGP[6]);
    double e0_4 = FMA(VM_LOGP[9], x, VM_LOGP[8]); double e0_5 = FMA(VM_LOGP[11], x, VM_LOGP[10]);
    double e0_6 = FMA(VM_LOGP[13], x, VM_LOGP[12]); double e0_7 = FMA(VM_LOGP[15], x, VM_LOGP[14]);
    double e0_8 = FMA(VM_LOGP[17], x, VM_LOGP[16]); double e0_9 = FMA(VM_LOGP[19], x, VM_LOGP[18]);
    double e0_10 = VM_LOGP[20]; double p_1 = x * x; double e1_0 = FMA(e0_1, p_1, e0_0);
    double e1_1 = FMA(e0_3, p_1, e0_2); double e1_2 = FMA(e0_5, p_1, e0_4); double e1_3 = FMA(e0_7, p_1, e0_6);
    double e1_4 = FMA(e0_9, p_1, e0_8); double p_2 = p_1 * p_1; double e2_0 = FMA(e1_1, p_2, e1_0);
    double e2_1 = FMA(e1_3, p_2, e1_2); double e2_2 = FMA(e0_10, p_2, e1_4); double p_3 = p_2 * p_2;
    double e3_0 = FMA(e2_1, p_3, e2_0); double p_4 = p_3 * p_3; double e4_0 = FMA(e2_2, p_4, e3_0); return e4_0;
}

/* erfcx on its reduced argument, up to |d| = 10.2 */
VI double vm_perfcx(double x)
{
    double e0_0 = FMA(VM_ERFCX_N[1], x, VM_ERFCX_N[0]); double e0_1 = FMA(VM_ERFCX_N[3], x, VM_ERFCX_N[2]);
    double e0_2 = FMA(VM_ERFCX_N[5], x, VM_ERFCX_N[4]); double e0_3 = FMA(VM_ERFCX_N[7], x, VM_ERFCX_N[6]);
    double e0_4 = FMA(VM_ERFCX_N[9], x, VM_ERFCX_N[8]); double e0_5 = FMA(VM_ERFCX_N[11], x, VM_ERFCX_N[10]);
    double e0_6 = FMA(VM_ERFCX_N[13], x, VM_ERFCX_N[12]); double e0_7 = FMA(VM_ERFCX_N[15], x, VM_ERFCX_N[14]);
    double e0_8 = FMA(VM_ERFCX_N[17], x, VM_ERFCX_N[16]); double e0_9 = VM_ERFCX_N[18]; double p_1 = x * x;
    double e1_0 = FMA(e0_1, p_1, e0_0); double e1_1 = FMA(e0_3, p_1, e0_2); double e1_2 = FMA(e0_5, p_1, e0_4);
    double e1_3 = FMA(e0_7, p_1, e0_6); double e1_4 = FMA(e0_9, p_1, e0_8); double p_2 = p_1 * p_1;
    double e2_0 = FMA(e1_1, p_2, e1_0); double e2_1 = FMA(e1_3, p_2, e1_2); double p_3 = p_2 * p_2;
    double e3_0 = FMA(e2_1, p_3, e2_0); double p_4 = p_3 * p_3; double e4_0 = FMA(e1_4, p_4, e3_0); return e4_0;
}

/* exp of |y| <= 708, or NaN */
VI double vm_exp_core(double y)
{
    double kd = FMA(y, 0x1.71547652b82fep+0, 0x1.8p52);
    uint64_t ki = d2u(kd);
    kd -= 0x1.8p52;
    double r = FMA(kd, -0x1.62e42fee00000p-1, y); /* ln2 hi with trailing zeros: exact even without FMA */
    r = FMA(kd, -0x1.a39ef35793c76p-33, r);
    double q = FMA(r * r, vm_pexp(r), r), s = u2d((ki + 1023) << 52);
    return FMA(s, q, s);
}

/* log of x > 0 normal; x <= 0 is NaN, infinity and NaN propagate; no division */
VI double vm_log(double x)
{
    uint64_t u = d2u(x), t = u - 0x3fe6a09e667f3bcdULL; /* sqrt(1/2) */
    int64_t e = (int64_t)(t & 0xfff0000000000000ULL);
    double m = u2d(u - (uint64_t)e); /* [sqrt(.5), sqrt2) */
    /* the exponent as double without a conversion from int64, which AVX2 lacks */
    double k = u2d((((uint64_t)e >> 52) ^ 0x800) + 0x4330000000000000ULL) - (0x1p52 + 2048.0);
    double f = m - 1.0, l = FMA(f * f, vm_plog(f), f);
    double res = FMA(k, 0x1.62e42fee00000p-1, FMA(k, 0x1.a39ef35793c76p-33, l));
    res = x > 0.0 ? res : NAN;
    return x > 1.7976931348623157e308 ? x : res;
}

/* erfcx of z1, z2 >= 0 with one division */
VI void vm_erfcx2(double z1, double z2, double *r1, double *r2)
{
    double a1 = z1 + VM_ERFCX_A, a2 = z2 + VM_ERFCX_A, b1 = FMA(2.0, z1, 1.0), b2 = FMA(2.0, z2, 1.0);
    double A = a1 * a2, B = b1 * b2, inv = 1.0 / (A * B);
    double iA = inv * B, iB = inv * A; /* 1/(a1 a2), 1/(b1 b2) */
    double t1 = (z1 - VM_ERFCX_A) * (a2 * iA), t2 = (z2 - VM_ERFCX_A) * (a1 * iA);
    *r1 = vm_perfcx(t1) * (b2 * iB);
    *r2 = vm_perfcx(t2) * (b1 * iB);
}

/* Black-76, undiscounted: N(cp d1), N(cp d2), phi(d1); v = sigma sqrt(T), iv = 1 / v; |d| clamped at 10.2 */
VI void vm_b76(double iv, double v, double lfk, double cp, double *n1, double *n2, double *phi1)
{
    const double c = 10.2;
    double d1 = FMA(lfk, iv, 0.5 * v), d2 = d1 - v, x1 = cp * d1, x2 = cp * d2;
    double y1 = fabs(x1), y2 = fabs(x2);
    y1 = y1 > c ? c : y1;
    y2 = y2 > c ? c : y2;
    double e1 = vm_exp_core(-0.5 * y1 * y1), e2 = vm_exp_core(-0.5 * y2 * y2), r1, r2;
    vm_erfcx2(y1 * 0x1.6a09e667f3bcdp-1, y2 * 0x1.6a09e667f3bcdp-1, &r1, &r2);
    double q1 = 0.5 * e1 * r1, q2 = 0.5 * e2 * r2;
    *n1 = x1 > 0.0 ? 1.0 - q1 : q1;
    *n2 = x2 > 0.0 ? 1.0 - q2 : q2;
    *phi1 = e1 * 0.3989422804014327;
}
#endif
