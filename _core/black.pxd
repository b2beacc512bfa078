# Black-76 on columns: C interface. Equations, units and domains are in black.pyx.
#
# All figures are float64; arrays hold n elements; `bad` receives the index of the first element
# that could not be answered, or -1. Such an element is NaN in every output, the others are computed,
# and the status is that of the first bad one: NOT_FINITE, DOMAIN, RANGE or NO_ROOT.
from crossmargin._core.status cimport Status

# Discounted prices.
cdef Status value_kernel(
    const double* F,      # forward, >= 0, in the quote currency
    const double* K,      # strike, >= 0
    const double* sigma,  # volatility per square root of a year, >= 0
    const double* T,      # years to expiry, >= 0
    const double* D,      # discount factor, > 0
    const double* sign,   # +1 call, -1 put
    Py_ssize_t n,
    double* out,
    Py_ssize_t* bad,
) noexcept nogil

# Price, delta, gamma, vega, theta.
cdef Status greeks_kernel(
    const double* F, const double* K, const double* sigma, const double* T, const double* D,
    const double* sign, Py_ssize_t n,
    double* value, double* delta, double* gamma, double* vega, double* theta,
    Py_ssize_t* bad,
) noexcept nogil

# Volatility from the discounted price of the option out of the money: the primary form.
cdef Status implied_from_time_value_kernel(
    const double* time_value, const double* F, const double* K, const double* T, const double* D,
    Py_ssize_t n, double* out, Py_ssize_t* bad,
) noexcept nogil

# Volatility from a discounted price of either side.
cdef Status implied_volatility_kernel(
    const double* price, const double* F, const double* K, const double* T, const double* D,
    const double* sign, Py_ssize_t n, double* out, Py_ssize_t* bad,
) noexcept nogil

# Prices of n options over `scenarios` shocked forwards and volatilities, row-major (n, scenarios).
cdef Status revalue_kernel(
    const double* K, const double* T, const double* D, const double* sign,
    const double* forward, const double* volatility,
    Py_ssize_t n, Py_ssize_t scenarios, double* out, Py_ssize_t* bad,
) noexcept nogil
