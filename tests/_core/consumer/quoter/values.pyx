"""A loop without the interpreter over ``crossmargin._core.black``, and its status codes as numbers."""

from crossmargin._core.black cimport greeks_kernel, implied_volatility_kernel, value_kernel
from crossmargin._core.status cimport Status


def prices(
    const double[::1] F, const double[::1] K, const double[::1] sigma, const double[::1] T,
    const double[::1] D, const double[::1] sign, double[::1] out,
):
    """(status, index of the first element without a price)."""
    cdef Py_ssize_t n = F.shape[0], bad = -1
    cdef Status status
    with nogil:
        status = value_kernel(&F[0], &K[0], &sigma[0], &T[0], &D[0], &sign[0], n, &out[0], &bad)
    return <int>status, bad


def one_price(double F, double K, double sigma, double T, double D, double sign):
    """A single option, on the stack."""
    cdef double out = 0.0
    cdef Py_ssize_t bad = -1
    cdef Status status = value_kernel(&F, &K, &sigma, &T, &D, &sign, 1, &out, &bad)
    if status != Status.OK:
        raise ArithmeticError(<int>status)
    return out


def round_trip(double F, double K, double sigma, double T, double D, double sign):
    """Volatility of the price of a volatility, and the delta beside it."""
    cdef double price, delta, gamma, vega, theta, found = 0.0
    cdef Py_ssize_t bad = -1
    cdef Status status = greeks_kernel(
        &F, &K, &sigma, &T, &D, &sign, 1, &price, &delta, &gamma, &vega, &theta, &bad)
    if status == Status.OK:
        status = implied_volatility_kernel(&price, &F, &K, &T, &D, &sign, 1, &found, &bad)
    return <int>status, found, delta


def codes():
    """Status codes as this package was compiled with them."""
    return {"OK": <int>Status.OK, "DOMAIN": <int>Status.DOMAIN, "NOT_FINITE": <int>Status.NOT_FINITE}
