# Contracts of one underlying, and what they require alone, in pairs and as a set.
cdef enum:
    MAX_TYPES = 128     # distinct contracts of one underlying that strategies may be formed of
    MAX_UNITS = 12      # contracts up to which every grouping is tried

# Fields of a contract for ``group_kernel``; money is of one unit (one contract, one round lot of stock).
cdef enum:
    KIND = 0       # 0 call, 1 put, 2 stock
    UNITS = 1      # units per lot
    STRIKE = 2
    SIZE = 3       # underlying per unit
    PREMIUM = 4    # price paid or received
    EXPIRY = 5     # any number that ascends with time
    NAKED = 6      # requirement of one short alone
    OWNED = 7      # requirement of one long alone
    FEATURES = 8

# The contracts of one underlying: types with counts, by sign; capacity MAX_TYPES.
cdef struct Contracts:
    Py_ssize_t n
    const double* feature[MAX_TYPES]
    double side[MAX_TYPES]       # +1 long, -1 short
    double count[MAX_TYPES]      # whole units
    bint straddles               # whether a short call and a short put may stand together
    double price                 # settlement price of the lower bound; < 0: the requirement itself


cdef inline bint is_option(const double* f) noexcept nogil:
    return f[KIND] < 2.0


cdef inline double payoff(const double* f, double price) noexcept nogil:
    """Of one long unit of an option at settlement."""
    cdef double value = price - f[STRIKE] if f[KIND] == 0.0 else f[STRIKE] - price
    return f[SIZE] * value if value > 0.0 else 0.0


cdef inline double set_cost(const Contracts* c, const double* k) noexcept nogil:
    """Greatest loss over the strikes and 0, plus the net price paid, of k[i] units of each type."""
    cdef Py_ssize_t i, j
    cdef double cost = 0.0, least = 0.0, value, price
    for i in range(c.n):
        cost += k[i] * c.side[i] * c.feature[i][PREMIUM]
    for j in range(-1, c.n):
        if j >= 0 and k[j] == 0.0:
            continue
        price = 0.0 if j < 0 else c.feature[j][STRIKE]
        value = 0.0
        for i in range(c.n):
            if k[i] != 0.0:
                value += k[i] * c.side[i] * payoff(c.feature[i], price)
        least = value if value < least else least
    return cost - least


cdef inline bint covered(const Contracts* c, const double* k) noexcept nogil:
    """Whether k units may stand as one set: options, longs that outlive the shorts and are as many on each side."""
    cdef Py_ssize_t i
    cdef double calls = 0.0, puts = 0.0, first_long = 1e300, last_short = -1e300, expiry
    for i in range(c.n):
        if k[i] == 0.0:
            continue
        if not is_option(c.feature[i]):
            return False
        expiry = c.feature[i][EXPIRY]
        if c.side[i] > 0.0:
            first_long = expiry if expiry < first_long else first_long
        else:
            last_short = expiry if expiry > last_short else last_short
        if c.feature[i][KIND] == 0.0:
            calls += k[i] * c.side[i]
        else:
            puts += k[i] * c.side[i]
    return calls >= 0.0 and puts >= 0.0 and last_short > -1e300 and first_long >= last_short


cdef inline double alone(const Contracts* c, Py_ssize_t i) noexcept nogil:
    """Requirement of one unit by itself; at a settlement price no more than its share of any set."""
    cdef const double* f = c.feature[i]
    cdef double owned = f[OWNED], share
    if c.side[i] < 0.0:
        return f[NAKED]
    if c.price >= 0.0 and is_option(f):
        share = f[PREMIUM] - payoff(f, c.price)
        owned = share if share < owned else owned
    return owned


cdef inline double straddle(const Contracts* c, Py_ssize_t i, Py_ssize_t j) noexcept nogil:
    """Short call and short put: the greater requirement and the other's price; of equal ones the dearer."""
    cdef const double* f = c.feature[i]
    cdef const double* g = c.feature[j]
    if f[NAKED] == g[NAKED]:
        return f[NAKED] + max(f[PREMIUM], g[PREMIUM])
    return f[NAKED] + g[PREMIUM] if f[NAKED] > g[NAKED] else g[NAKED] + f[PREMIUM]


cdef inline double spread_pair(const Contracts* c, Py_ssize_t short, Py_ssize_t long) noexcept nogil:
    """A short and the long that covers it, at the worst strike or at the one settlement price."""
    cdef const double* sold = c.feature[short]
    cdef const double* held = c.feature[long]
    cdef double cost = held[PREMIUM] - sold[PREMIUM], worst = 0.0, value
    cdef double at[3]
    cdef Py_ssize_t i
    if c.price >= 0.0:
        return cost - payoff(held, c.price) + payoff(sold, c.price)
    at[0], at[1], at[2] = 0.0, sold[STRIKE], held[STRIKE]
    for i in range(3):
        value = payoff(held, at[i]) - payoff(sold, at[i])
        worst = value if value < worst else worst
    return cost - worst


cdef inline bint on_the_left(const Contracts* c, Py_ssize_t i) noexcept nogil:
    """Short calls, long puts and short stock pair with short puts, long calls and long stock."""
    cdef double kind = c.feature[i][KIND]
    return c.side[i] < 0.0 if kind != 1.0 else c.side[i] > 0.0


cdef inline double saved(const Contracts* c, Py_ssize_t i, Py_ssize_t j) noexcept nogil:
    """What pairing a left type with a right one saves a unit; 0 or less where they may not pair."""
    cdef const double* f = c.feature[i]
    cdef const double* g = c.feature[j]
    cdef double together
    if f[KIND] == 0.0 and g[KIND] == 0.0:  # short call, long call
        if g[EXPIRY] < f[EXPIRY]:
            return 0.0
        together = spread_pair(c, i, j)
    elif f[KIND] == 1.0 and g[KIND] == 1.0:  # long put, short put
        if f[EXPIRY] < g[EXPIRY]:
            return 0.0
        together = spread_pair(c, j, i)
    elif f[KIND] == 0.0 and g[KIND] == 1.0:
        if not c.straddles:
            return 0.0
        together = straddle(c, i, j)
    elif (f[KIND] == 0.0 and g[KIND] == 2.0) or (f[KIND] == 2.0 and g[KIND] == 1.0):
        together = f[NAKED] if f[KIND] == 2.0 else g[OWNED]  # stock's own
    else:
        return 0.0
    return alone(c, i) + alone(c, j) - together
