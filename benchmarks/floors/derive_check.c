/* A hand-fused check of Derive portfolio margin v2: one option's quantity changes, is the surplus still there?
 * The floor that the interpreted plan is measured against. State as the plan keeps it; one account, two levels.
 * Rows: R regular scenarios, 2 skews, 2 forward moves. */
#include <math.h>
#include <stddef.h>
#include <stdint.h>

#define MOST_ROWS 64

typedef struct {
    const double *shocked, *skewed, *moved, *mark, *size;   /* per option: R, 2, 2, 1, 1 */
    const int64_t *expiry, *strike;                         /* per option */
    const double *below, *above, *weight, *doubt;           /* per expiry */
    const double *dampening, *skew_dampening;               /* R, 2 */
    const double *factor, *naked, *perp;                    /* per level */
    int64_t rows;
    double magic;
} Rule;

typedef struct {
    double *shocked, *skewed, *moved, *mark, *notional;     /* per expiry */
    double *strike;                                         /* contracts per strike */
    double *lots;                                           /* per option */
    double *regular, *skew;                                 /* sums over expiries, the perpetual's rows included */
    double basis, naked, notional_doubt, equity, perps, other[2];
} State;

static inline double rounded(double x, double magic) { return (x + magic) - magic; }

static inline double sided(double x, double below, double above) { return x * (x < 0.0 ? below : above); }

static inline double least(double a, double b) { return b < a ? b : a; }

/* surplus at both levels if option i were held in `lots` */
void fused_check(const Rule *p, const State *s, int64_t i, double lots, double *surplus)
{
    const int64_t R = p->rows, e = p->expiry[i];
    const double had = s->lots[i], m = p->magic, below = p->below[e], above = p->above[e];
    const double *row = p->shocked + i * R, *state = s->shocked + e * R;
    const double mark = s->mark[e], dmark = rounded(lots * p->mark[i], m) - rounded(had * p->mark[i], m);
    const double now = mark + dmark;
    double worst, scan;

    /* regular scenarios: the expiry before and after */
    double total[MOST_ROWS];
    for (int64_t r = 0; r < R; r++) {
        double old = state[r];
        double new = old - rounded(had * row[r], m) + rounded(lots * row[r], m);
        double gone = (sided(old, below, above) - mark) * p->dampening[r];
        double come = (sided(new, below, above) - now) * p->dampening[r];
        total[r] = s->regular[r] - rounded(gone, m) + rounded(come, m);
    }
    worst = total[0];
    for (int64_t r = 1; r < R; r++) worst = least(worst, total[r]);
    for (int64_t r = 0; r < 2; r++) {
        double old = s->skewed[e * 2 + r];
        double new = old - rounded(had * p->skewed[i * 2 + r], m) + rounded(lots * p->skewed[i * 2 + r], m);
        double gone = -fabs(sided(old, below, above) - mark) * p->skew_dampening[r];
        double come = -fabs(sided(new, below, above) - now) * p->skew_dampening[r];
        worst = least(worst, s->skew[r] - rounded(gone, m) + rounded(come, m));
    }
    /* basis: never netted over expiries */
    const double *moved = s->moved + e * 2, *mrow = p->moved + i * 2;
    double u = moved[0] - rounded(had * mrow[0], m) + rounded(lots * mrow[0], m) - now;
    double d = moved[1] - rounded(had * mrow[1], m) + rounded(lots * mrow[1], m) - now;
    double gone = least(least(moved[0] - mark, moved[1] - mark), 0.0) * p->weight[e];
    double come = least(least(u, d), 0.0) * p->weight[e];
    scan = least(s->basis - rounded(gone, m) + rounded(come, m), worst);
    /* charges */
    double size = p->size[i], at = s->strike[p->strike[i]];
    double then = at - rounded(had * size, m) + rounded(lots * size, m);
    double naked = s->naked - rounded(at < 0 ? -at : 0.0, m) + rounded(then < 0 ? -then : 0.0, m);
    double nominal = s->notional[e] - rounded(fabs(had * size), m) + rounded(fabs(lots * size), m);
    double doubt = s->notional_doubt - rounded(s->notional[e] * p->doubt[e], m) + rounded(nominal * p->doubt[e], m);
    double equity = s->equity - rounded(mark, m) + rounded(now, m);
    for (int l = 0; l < 2; l++)
        surplus[l] = equity + scan * p->factor[l] - s->perps * p->perp[l] - naked * p->naked[l] - s->other[l]
                     - (l == 0 ? doubt : 0.0);
}

void fused_check_many(const Rule *p, const State *s, int64_t n, const int64_t *i, const double *lots, double *out)
{
    for (int64_t k = 0; k < n; k++) fused_check(p, s, i[k], lots[k], out + 2 * k);
}
