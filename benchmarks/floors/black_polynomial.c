/* Black-76 by polynomials: prices, Greeks, revaluation over scenarios. Six input columns of n options. */
#include "vm.h"
#define IN const double *restrict
#define OUT double *restrict

void polynomial_price(IN F, IN K, IN S, IN T, IN D, IN cp, OUT out, long n)
{
    for (long i = 0; i < n; i++) {
        double v = S[i] * sqrt(T[i]), n1, n2, ph, r = 1.0 / (K[i] * v);
        vm_b76(K[i] * r, v, vm_log(F[i] * (v * r)), cp[i], &n1, &n2, &ph);
        out[i] = D[i] * cp[i] * (F[i] * n1 - K[i] * n2);
    }
}

void polynomial_greeks(IN F, IN K, IN S, IN T, IN D, IN cp, OUT out, OUT delta, OUT gamma, OUT vega, long n)
{
    for (long i = 0; i < n; i++) {
        double sq = sqrt(T[i]), v = S[i] * sq, w = K[i] * v, r = 1.0 / (w * F[i]), iv = K[i] * F[i] * r, n1, n2, ph;
        vm_b76(iv, v, vm_log(F[i] * (F[i] * v * r)), cp[i], &n1, &n2, &ph);
        out[i] = D[i] * cp[i] * (F[i] * n1 - K[i] * n2);
        delta[i] = D[i] * cp[i] * n1;
        gamma[i] = D[i] * ph * iv * (w * r);
        vega[i] = D[i] * F[i] * ph * sq;
    }
}

/* gain[j * m + i]: contracts are lanes; log(F/K), v = sigma sqrt(T) and 1 / v are prepared. A scenario is a factor of
 * the forward, its log, a factor of the volatility, its inverse. */
void polynomial_scenarios(IN F, IN K, IN lfk, IN v0, IN D, IN cp, IN base, IN iv0, const double *move,
                          const double *log_move, const double *vol, const double *inv_vol, long ns, OUT gain, long m)
{
    for (long j = 0; j < ns; j++) {
        double a = move[j], l = log_move[j], b = vol[j], ib = inv_vol[j];
        double *restrict o = gain + j * m;
        for (long i = 0; i < m; i++) {
            double n1, n2, ph, f = F[i] * a;
            vm_b76(iv0[i] * ib, v0[i] * b, lfk[i] + l, cp[i], &n1, &n2, &ph);
            o[i] = D[i] * cp[i] * (f * n1 - K[i] * n2) - base[i];
        }
    }
}
