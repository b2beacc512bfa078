# Black-76 on columns of float64. Equations, limits and methods are in ``black.pyx``.
#
# Arguments: forward ``F``, strike ``K``, ``sigma`` a square root of a year, years ``T``, discount factor
# ``D``, ``sign`` +1.0 call and -1.0 put; contiguous float64 arrays, shape (n,) unless said otherwise. The
# arrays after them are written. Every function answers ``(status, index)``: the index of the first
# element without an answer (it is NaN in every output, the others are computed), or -1.

from numpy import float64
from numpy.typing import NDArray

from crossmargin._core.status import Status

# Discounted prices in the unit of ``F``.
def value(
    F: NDArray[float64],
    K: NDArray[float64],
    sigma: NDArray[float64],
    T: NDArray[float64],
    D: NDArray[float64],
    sign: NDArray[float64],
    out: NDArray[float64],
) -> tuple[Status, int]: ...

# Prices; delta and gamma a unit of forward; vega a 1.00 of sigma; theta a year, rate held.
def greeks(
    F: NDArray[float64],
    K: NDArray[float64],
    sigma: NDArray[float64],
    T: NDArray[float64],
    D: NDArray[float64],
    sign: NDArray[float64],
    value: NDArray[float64],
    delta: NDArray[float64],
    gamma: NDArray[float64],
    vega: NDArray[float64],
    theta: NDArray[float64],
) -> tuple[Status, int]: ...

# Volatilities of discounted prices, reduced by their discounted intrinsic value first.
def implied_volatility(
    price: NDArray[float64],
    F: NDArray[float64],
    K: NDArray[float64],
    T: NDArray[float64],
    D: NDArray[float64],
    sign: NDArray[float64],
    out: NDArray[float64],
) -> tuple[Status, int]: ...

# Volatilities of discounted time values: what the option out of the money costs.
def implied_from_time_value(
    time_value: NDArray[float64],
    F: NDArray[float64],
    K: NDArray[float64],
    T: NDArray[float64],
    D: NDArray[float64],
    out: NDArray[float64],
) -> tuple[Status, int]: ...

# Prices under shocked ``forward`` and ``volatility``, all three (n, scenarios), row by row.
def revalue(
    K: NDArray[float64],
    T: NDArray[float64],
    D: NDArray[float64],
    sign: NDArray[float64],
    forward: NDArray[float64],
    volatility: NDArray[float64],
    out: NDArray[float64],
) -> tuple[Status, int]: ...
