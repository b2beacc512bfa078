import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

def spreads(code: Floats, delta: Floats, out: Floats) -> int:
    """Form spreads of the deltas at the places of one parent, by priority; ``delta`` (places,) is used up.

    ``code``: rows of counts, places, spreads, counting (0 fractions, 1 whole, 2 whole of deltas rounded half to zero),
    then the spreads, each: number of legs, and a leg: side (+1, -1), ratio, number of places, places. ``out``: spreads
    formed of each kind, delta left at each place, delta used there (>= 0). Returns a ``Status``.
    """

def group(lots: Floats, feature: Floats, rule: Floats, out: Floats) -> int:
    """Least requirement of the contracts of one underlying over admissible groupings, and a lower bound of it.

    ``feature`` (n, 8): kind (0 call, 1 put, 2 stock), units per lot, strike, underlying per unit, price of a unit, expiry,
    requirement of a short and of a long unit alone. ``rule``: whether a short call and a short put may stand together, units
    up to which every partition is tried (at most 12). ``out``: requirement, lower bound. Returns a ``Status``.
    """
