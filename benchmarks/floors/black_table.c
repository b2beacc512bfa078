/* Black-76 by a table of the normal distribution (gathers): prices, Greeks, revaluation over scenarios. */
#include "vt.h"
#define IN const double *restrict
#define OUT double *restrict

void table_price(IN F, IN K, IN S, IN T, IN D, IN cp, OUT out, long n)
{
    for (long i = 0; i < n; i++) {
        double v = S[i] * sqrt(T[i]), r = 1.0 / (K[i] * v), l = vm_log(F[i] * (v * r)), d1 = FMA(l, K[i] * r, 0.5 * v);
        double n1, n2, p1, p2;
        vt_ncdf(cp[i] * d1, &n1, &p1);
        vt_ncdf(cp[i] * (d1 - v), &n2, &p2);
        out[i] = D[i] * cp[i] * (F[i] * n1 - K[i] * n2);
    }
}

void table_greeks(IN F, IN K, IN S, IN T, IN D, IN cp, OUT out, OUT delta, OUT gamma, OUT vega, long n)
{
    for (long i = 0; i < n; i++) {
        double sq = sqrt(T[i]), v = S[i] * sq, w = K[i] * v, r = 1.0 / (w * F[i]), iv = K[i] * F[i] * r;
        double l = vm_log(F[i] * (F[i] * v * r)), d1 = FMA(l, iv, 0.5 * v), n1, n2, p1, p2;
        vt_ncdf(cp[i] * d1, &n1, &p1);
        vt_ncdf(cp[i] * (d1 - v), &n2, &p2);
        out[i] = D[i] * cp[i] * (F[i] * n1 - K[i] * n2);
        delta[i] = D[i] * cp[i] * n1;
        gamma[i] = D[i] * p1 * iv * (w * r);
        vega[i] = D[i] * F[i] * p1 * sq;
    }
}

/* As polynomial_scenarios. */
void table_scenarios(IN F, IN K, IN lfk, IN v0, IN D, IN cp, IN base, IN iv0, const double *move,
                     const double *log_move, const double *vol, const double *inv_vol, long ns, OUT gain, long m)
{
    for (long j = 0; j < ns; j++) {
        double a = move[j], l = log_move[j], b = vol[j], ib = inv_vol[j];
        double *restrict o = gain + j * m;
        for (long i = 0; i < m; i++) {
            double v = v0[i] * b, d1 = FMA(lfk[i] + l, iv0[i] * ib, 0.5 * v), n1, n2, p1, p2, f = F[i] * a;
            vt_ncdf(cp[i] * d1, &n1, &p1);
            vt_ncdf(cp[i] * (d1 - v), &n2, &p2);
            o[i] = D[i] * cp[i] * (f * n1 - K[i] * n2) - base[i];
        }
    }
}
