/* Normal distribution and density by table: a = |x|, r the nearest node, d = a - r, |d| <= 1/128.
 * Phi(-a) = Phi(-r) - phi(r) I, I = int_0^d exp(-r s - s^2/2) ds, phi(a) = phi(r) exp(-r d - d^2/2); Taylor in d
 * by Hermite recurrences: c_0 = 1, c_1 = -r, c_{k+1} = (-r c_k - c_{k-1}) / (k + 1). */
#include "vm.h"
#include "vm_tab.h"

VI void vt_ncdf(double x, double *cdf, double *pdf)
{
    double a = fabs(x);
    a = a > 10.2 ? 10.2 : a;
    double kd = a * VT_INVH + 0x1.8p52;
    int64_t i = (int64_t)(d2u(kd) & 0x3ff);
    double r = (kd - 0x1.8p52) * VT_H, d = a - r;
    i = i < VT_N ? i : VT_N - 1; /* NaN leaves any index */
    double C = VTC[i], P = VTP[i], r2 = r * r;
    double c2 = FMA(0.5, r2, -0.5), c3 = r * FMA(-1.0 / 6, r2, 0.5), c4 = FMA(r2, FMA(1.0 / 24, r2, -0.25), 0.125);
    double c5 = r * FMA(r2, FMA(-1.0 / 120, r2, 1.0 / 12), -0.125);
    double c6 = FMA(r2, FMA(r2, FMA(1.0 / 720, r2, -1.0 / 48), 1.0 / 16), -1.0 / 48);
    double E = FMA(d, FMA(d, FMA(d, FMA(d, FMA(d, FMA(d, c6, c5), c4), c3), c2), -r), 1.0);
    double I = FMA(d, FMA(d, FMA(d, c6 * (1.0 / 7), c5 * (1.0 / 6)), c4 * 0.2), c3 * 0.25);
    I = d * FMA(d, FMA(d, FMA(d, I, c2 * (1.0 / 3)), -0.5 * r), 1.0);
    double q = FMA(-P, I, C);
    *pdf = P * E;
    *cdf = x > 0.0 ? 1.0 - q : q;
}
