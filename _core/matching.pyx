"""Discrete matchers: spreads formed by priority, and the cheapest grouping of contracts into strategies.

Spreads (clearing houses' inter-month and inter-commodity tables): deltas lie at numbered places; a spread
has legs, each a side, a ratio and the places that it may use in order. For each spread in turn the legs as
written and then reversed: ``n = min over legs of available / ratio``. Complexity: spreads x places of legs.

Strategies (Reg T, Cboe margin manual): the requirement is the least sum over admissible groups. Books of few
contracts try every partition, by subsets: 3^n. Beyond, pairs are the optimum of a transport problem
(successive best paths, types cubed a path), whole sets of one expiry are tried beside it and pairs that may
stand together are merged; a lower bound comes from the same pairs priced at one settlement price, where
a set's cost separates into its legs. A book that is several equal ones costs at most as many times one of them.
"""

from libc.math cimport ceil, fabs, floor, trunc
from libc.string cimport memset
from crossmargin._core.contracts cimport (
    Contracts, EXPIRY, FEATURES, KIND, MAX_TYPES, MAX_UNITS, STRIKE, UNITS, alone, covered, is_option, on_the_left,
    payoff, saved, set_cost,
)
from crossmargin._core.status cimport Status

# ---- spreads -------------------------------------------------------------------------------


cdef double available(const double* leg, const double* delta, double side) noexcept nogil:
    """Delta of a side that a leg may use: positive where the side is long, else negative."""
    cdef Py_ssize_t i, n = <Py_ssize_t>leg[2]
    cdef double found = 0.0, d
    for i in range(n):
        d = side * delta[<Py_ssize_t>leg[3 + i]]
        found += d if d > 0.0 else 0.0
    return found


cdef void consume(const double* leg, double* delta, double side, double amount) noexcept nogil:
    """Take an amount from the places of a leg, the first place first."""
    cdef Py_ssize_t i, place, n = <Py_ssize_t>leg[2]
    cdef double d, part
    for i in range(n):
        place = <Py_ssize_t>leg[3 + i]
        d = side * delta[place]
        part = amount if amount < d else d
        if part > 0.0:
            delta[place] -= side * part
            amount -= part


cdef double formed(const double* spread, double* delta, double turned, bint whole) noexcept nogil:
    """How many spreads the remaining deltas allow, in one orientation; takes what they use."""
    cdef Py_ssize_t n_legs = <Py_ssize_t>spread[0], _i
    cdef const double* leg = spread + 1
    cdef double n = -1.0, most
    for _i in range(n_legs):
        most = available(leg, delta, turned * leg[0]) / leg[1]
        n = most if n < 0.0 or most < n else n
        leg += 3 + <Py_ssize_t>leg[2]
    n = trunc(n) if whole else n
    if n <= 0.0:
        return 0.0
    leg = spread + 1
    for _i in range(n_legs):
        consume(leg, delta, turned * leg[0], n * leg[1])
        leg += 3 + <Py_ssize_t>leg[2]
    return n


cdef double half_to_zero(double x) noexcept nogil:
    """Nearest integer, a half towards zero."""
    return ceil(x - 0.5) if x > 0.0 else -ceil(-x - 0.5)


cdef Py_ssize_t spread_length(const double* spread) noexcept nogil:
    cdef Py_ssize_t at = 1, _i
    for _i in range(<Py_ssize_t>spread[0]):
        at += 3 + <Py_ssize_t>spread[at + 2]
    return at


cdef Status spreads_kernel(const double* code, double* delta, double* out) noexcept nogil:
    """Form spreads: counts, then remaining and used delta of every place.

    ``code``: rows of counts, places, spreads, counting (0 fractions, 1 whole, 2 whole of rounded deltas), then
    the spreads: number of legs, and a leg: side, ratio, number of places, places. ``delta`` is used up.
    """
    cdef Py_ssize_t n_counts = <Py_ssize_t>code[0], n_places = <Py_ssize_t>code[1], s, i
    cdef const double* spread = code + 4
    cdef double* left = out + n_counts
    cdef double* used = left + n_places
    memset(out, 0, n_counts * sizeof(double))
    for i in range(n_places):
        if code[3] == 2.0:
            delta[i] = half_to_zero(delta[i])
        used[i] = fabs(delta[i])
    for s in range(<Py_ssize_t>code[2]):
        out[s] = formed(spread, delta, 1.0, code[3] != 0.0)
        out[s] += formed(spread, delta, -1.0, code[3] != 0.0)
        spread += spread_length(spread)
    for i in range(n_places):
        left[i] = delta[i]
        used[i] -= fabs(delta[i])
    return Status.OK


# ---- strategies ----------------------------------------------------------------------------

# A transport problem over the types: pairs of a left and a right one, and what each pair saves.
cdef struct Transport:
    double saving[MAX_TYPES][MAX_TYPES]
    double flow[MAX_TYPES][MAX_TYPES]
    double free[MAX_TYPES]
    double gain[MAX_TYPES]
    Py_ssize_t before[MAX_TYPES]


cdef double best_path(const Contracts* c, Transport* t, Py_ssize_t* last) noexcept nogil:
    """Most that one more pair, with others re-paired on the way, would save; its end, or -1."""
    cdef Py_ssize_t i, j
    cdef bint grew = True
    cdef double best = 1e-9
    for i in range(c.n):
        t.gain[i] = 0.0 if on_the_left(c, i) and t.free[i] > 0.0 else -1e300
        t.before[i] = -1
    while grew:
        grew = False
        for i in range(c.n):
            if t.gain[i] <= -1e299 or not on_the_left(c, i):
                continue
            for j in range(c.n):
                if t.saving[i][j] > 0.0 and t.gain[i] + t.saving[i][j] > t.gain[j] + 1e-9:
                    t.gain[j], t.before[j], grew = t.gain[i] + t.saving[i][j], i, True
        for j in range(c.n):
            if t.gain[j] <= -1e299 or on_the_left(c, j):
                continue
            for i in range(c.n):
                if t.flow[i][j] > 0.0 and t.gain[j] - t.saving[i][j] > t.gain[i] + 1e-9:
                    t.gain[i], t.before[i], grew = t.gain[j] - t.saving[i][j], j, True
    last[0] = -1
    for j in range(c.n):
        if not on_the_left(c, j) and t.free[j] > 0.0 and t.gain[j] > best:
            best, last[0] = t.gain[j], j
    return best


cdef double augment(const Contracts* c, Transport* t, Py_ssize_t last) noexcept nogil:
    """Move as much as the path allows; returns the units moved."""
    cdef Py_ssize_t j = last, i
    cdef double amount = t.free[last]
    while True:
        i = t.before[j]
        if t.before[i] < 0:
            break
        amount = min(amount, t.flow[i][t.before[i]])
        j = t.before[i]
    amount = min(amount, t.free[i])
    j = last
    t.free[last] -= amount
    t.free[i] -= amount
    while True:
        i = t.before[j]
        t.flow[i][j] += amount
        if t.before[i] < 0:
            return amount
        j = t.before[i]
        t.flow[i][j] -= amount


cdef double pairs(const Contracts* c, const double* count, Transport* t) noexcept nogil:
    """Least requirement of these counts in pairs and singles."""
    cdef Py_ssize_t i, j, last
    cdef double total = 0.0, gain
    for i in range(c.n):
        t.free[i] = count[i]
        total += count[i] * alone(c, i)
        for j in range(c.n):
            t.flow[i][j] = 0.0
            t.saving[i][j] = saved(c, i, j) if on_the_left(c, i) and not on_the_left(c, j) else 0.0
    while True:
        gain = best_path(c, t, &last)
        if last < 0:
            return total
        total -= gain * augment(c, t, last)


cdef inline bint in_spread(const Contracts* c, Py_ssize_t i, Py_ssize_t j) noexcept nogil:
    return c.feature[i][KIND] == c.feature[j][KIND]


cdef double merged(const Contracts* c, Transport* t) noexcept nogil:
    """What is saved by letting pairs stand together with each other and with free longs that outlive them."""
    cdef Py_ssize_t e, i, j
    cdef double k[MAX_TYPES]
    cdef double apart, found, saving = 0.0, expiry
    for e in range(c.n):
        expiry = c.feature[e][EXPIRY]
        apart = 0.0
        for i in range(c.n):
            k[i] = 0.0
            if is_option(c.feature[i]) and c.side[i] > 0.0 and c.feature[i][EXPIRY] >= expiry:
                k[i] = t.free[i]
                apart += t.free[i] * alone(c, i)
        for i in range(c.n):
            for j in range(c.n):
                if t.flow[i][j] > 0.0 and in_spread(c, i, j) and spans(c, i, j, expiry):
                    k[i] += t.flow[i][j]
                    k[j] += t.flow[i][j]
                    apart += t.flow[i][j] * (alone(c, i) + alone(c, j) - t.saving[i][j])
        if not covered(c, k):
            continue
        found = apart - set_cost(c, k)
        if found > 1e-9:
            saving += found
            take(c, t, k, expiry)
    return saving


cdef bint spans(const Contracts* c, Py_ssize_t i, Py_ssize_t j, double expiry) noexcept nogil:
    """Whether a pair's short expires no later, and its long no earlier, than a moment."""
    cdef Py_ssize_t sold = i if c.side[i] < 0.0 else j
    cdef Py_ssize_t held = j if c.side[i] < 0.0 else i
    return c.feature[sold][EXPIRY] <= expiry <= c.feature[held][EXPIRY]


cdef void take(const Contracts* c, Transport* t, const double* k, double expiry) noexcept nogil:
    """Remove a merged set's free longs and pairs."""
    cdef Py_ssize_t i, j
    for i in range(c.n):
        if is_option(c.feature[i]) and c.side[i] > 0.0 and c.feature[i][EXPIRY] >= expiry:
            t.free[i] = 0.0
        for j in range(c.n):
            if t.flow[i][j] > 0.0 and in_spread(c, i, j) and spans(c, i, j, expiry):
                t.flow[i][j] = 0.0


cdef bint first_of_expiry(const Contracts* c, Py_ssize_t e) noexcept nogil:
    cdef Py_ssize_t i
    for i in range(e):
        if c.feature[i][EXPIRY] == c.feature[e][EXPIRY]:
            return False
    return is_option(c.feature[e])


cdef double in_sets(const Contracts* c, Transport* t) noexcept nogil:
    """Least requirement found with pairs, whole sets of one expiry, and merged pairs."""
    cdef Py_ssize_t e, i
    cdef double k[MAX_TYPES]
    cdef double rest[MAX_TYPES]
    cdef double fixed = 0.0, best, found, cost
    for i in range(c.n):
        rest[i] = c.count[i]
    best = pairs(c, rest, t)
    best -= merged(c, t)
    for e in range(c.n):
        if not first_of_expiry(c, e):
            continue
        for i in range(c.n):
            k[i] = rest[i] if is_option(c.feature[i]) and c.feature[i][EXPIRY] == c.feature[e][EXPIRY] else 0.0
        if not covered(c, k):
            continue
        cost = set_cost(c, k)
        for i in range(c.n):
            rest[i] -= k[i]
        found = fixed + cost + pairs(c, rest, t)
        found -= merged(c, t)
        if found < best:
            best, fixed = found, fixed + cost
        else:
            for i in range(c.n):
                rest[i] += k[i]
    return best


cdef double lower_bound(Contracts* c, Transport* t) noexcept nogil:
    """Pairs priced at one settlement price, the greatest of a few: no grouping costs less."""
    cdef Py_ssize_t i, j
    cdef double best, found, worst = 0.0, value, price = 0.0, top = 0.0
    for j in range(c.n):
        if is_option(c.feature[j]):
            value = 0.0
            top = c.feature[j][STRIKE] if c.feature[j][STRIKE] > top else top
            for i in range(c.n):
                if is_option(c.feature[i]):
                    value += c.count[i] * c.side[i] * payoff(c.feature[i], c.feature[j][STRIKE])
            if value < worst:
                worst, price = value, c.feature[j][STRIKE]
    c.price = 0.0
    best = pairs(c, c.count, t)
    c.price = price
    found = pairs(c, c.count, t)
    best = found if found > best else best
    c.price = top
    found = pairs(c, c.count, t)
    c.price = -1.0
    return found if found > best else best


cdef double group_cost(const Contracts* c, const Py_ssize_t* unit, Py_ssize_t n, Py_ssize_t mask) noexcept nogil:
    """Requirement of a subset of units as one group; huge where it is not admissible."""
    cdef double k[MAX_TYPES]
    cdef Py_ssize_t i, size = 0, first = -1, second = -1
    memset(k, 0, c.n * sizeof(double))
    for i in range(n):
        if mask >> i & 1:
            k[unit[i]] += 1.0
            size += 1
            second = first if second < 0 else second
            first = unit[i]
    if size == 1:
        return alone(c, first)
    if covered(c, k):
        return set_cost(c, k)
    if size == 2 and on_the_left(c, first) != on_the_left(c, second):
        if not on_the_left(c, first):
            first, second = second, first
        if saved(c, first, second) != 0.0:
            return alone(c, first) + alone(c, second) - saved(c, first, second)
    return 1e300


cdef double every_partition(const Contracts* c) noexcept nogil:
    """Least requirement over all partitions of the units into admissible groups."""
    cdef Py_ssize_t unit[MAX_UNITS]
    cdef double cost[1 << MAX_UNITS]
    cdef double best[1 << MAX_UNITS]
    cdef Py_ssize_t n = 0, i, _u, mask, sub, low
    for i in range(c.n):
        for _u in range(<Py_ssize_t>c.count[i]):
            unit[n] = i
            n += 1
    best[0] = 0.0
    for mask in range(1, 1 << n):
        cost[mask] = group_cost(c, unit, n, mask)
    for mask in range(1, 1 << n):
        low = mask & -mask
        best[mask] = 1e300
        sub = mask
        while sub:  # groups that hold the lowest unit
            if sub & low and cost[sub] + best[mask ^ sub] < best[mask]:
                best[mask] = cost[sub] + best[mask ^ sub]
            sub = (sub - 1) & mask
    return best[(1 << n) - 1]


cdef double gather(Contracts* c, const double* lots, const double** feature, Py_ssize_t n) noexcept nogil:
    """Types with whole units; returns what parts of units require, each alone."""
    cdef Py_ssize_t i
    cdef double units, rest = 0.0
    c.n = 0
    for i in range(n):
        units = fabs(lots[i]) * feature[i][UNITS]
        if units == 0.0:
            continue
        c.feature[c.n], c.side[c.n] = feature[i], (1.0 if lots[i] > 0.0 else -1.0)
        c.count[c.n] = floor(units + 1e-9)
        rest += max(units - c.count[c.n], 0.0) * alone(c, c.n) if units - c.count[c.n] > 1e-9 else 0.0
        if c.count[c.n] > 0.0:
            settle(c)
            c.n += 1
    return rest


cdef void settle(Contracts* c) noexcept nogil:
    """Move the newest type to its place by side and features, so that the order of the book does not matter."""
    cdef Py_ssize_t i = c.n
    while i > 0 and before(c, i, i - 1):
        c.feature[i], c.feature[i - 1] = c.feature[i - 1], c.feature[i]
        c.side[i], c.side[i - 1] = c.side[i - 1], c.side[i]
        c.count[i], c.count[i - 1] = c.count[i - 1], c.count[i]
        i -= 1


cdef bint before(const Contracts* c, Py_ssize_t i, Py_ssize_t j) noexcept nogil:
    cdef Py_ssize_t f
    if c.side[i] != c.side[j]:
        return c.side[i] < c.side[j]
    for f in range(FEATURES):
        if c.feature[i][f] != c.feature[j][f]:
            return c.feature[i][f] < c.feature[j][f]
    return False


cdef double common_divisor(const Contracts* c) noexcept nogil:
    """Greatest number of equal books that these counts are."""
    cdef double g = 0.0, a, b
    cdef Py_ssize_t i
    for i in range(c.n):
        a, b = g, c.count[i]
        while b > 0.0:
            a, b = b, a - b * floor(a / b)
        g = a
    return g if g > 0.0 else 1.0


cdef double times(Contracts* c, double factor) noexcept nogil:
    """Multiply the counts; returns the units there are then."""
    cdef double units = 0.0
    cdef Py_ssize_t i
    for i in range(c.n):
        c.count[i] = floor(c.count[i] * factor + 0.5)
        units += c.count[i]
    return units


cdef Status group_kernel(
    const double* lots, const double** feature, Py_ssize_t n, const double* rule, double* out
) noexcept nogil:
    """Least requirement of the contracts of one underlying, and a lower bound of it.

    ``rule``: whether straddles are known, units up to which every partition is tried.
    """
    cdef Contracts c
    cdef Transport t
    cdef double rest, most, equal, found
    if n > MAX_TYPES:
        return Status.CAPACITY
    c.straddles, c.price = rule[0] != 0.0, -1.0
    rest = gather(&c, lots, feature, n)
    most = min(rule[1], <double>MAX_UNITS)
    if times(&c, 1.0) <= most:
        out[0] = every_partition(&c)
        out[1] = out[0]
    else:
        out[0] = in_sets(&c, &t)
        equal = common_divisor(&c)
        if times(&c, 1.0 / equal) <= most:  # as many times the cheapest grouping of one of the equal books
            found = equal * every_partition(&c)
            out[0] = found if found < out[0] else out[0]
        times(&c, equal)
        out[1] = lower_bound(&c, &t)
        out[1] = out[1] if out[1] < out[0] else out[0]
    out[0] += rest
    out[1] += rest
    return Status.OK


# ---- faces ---------------------------------------------------------------------------------

def spreads(const double[::1] code not None, double[::1] delta not None, double[::1] out not None):
    """Form spreads; see ``matching.pyi``."""
    if code.shape[0] < 4 or delta.shape[0] != code[1] or out.shape[0] != code[0] + 2 * code[1]:
        return Status.SHAPE
    if delta.shape[0] == 0:
        return Status.OK
    with nogil:
        status = spreads_kernel(&code[0], &delta[0], &out[0])
    return status


def group(
    const double[::1] lots not None, const double[:, ::1] feature not None, const double[::1] rule not None,
    double[::1] out not None,
):
    """Least requirement of the contracts of one underlying; see ``matching.pyi``."""
    cdef const double* row[MAX_TYPES]
    cdef Py_ssize_t i, n = lots.shape[0]
    cdef Status status
    if feature.shape[0] != n or feature.shape[1] != FEATURES or rule.shape[0] != 2 or out.shape[0] != 2:
        return Status.SHAPE
    if n > MAX_TYPES:
        return Status.CAPACITY
    for i in range(n):
        row[i] = &feature[i, 0]
    with nogil:
        status = group_kernel(&lots[0] if n else NULL, row, n, &rule[0], &out[0])
    return status
