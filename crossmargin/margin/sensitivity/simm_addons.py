"""Add-ons of the ISDA SIMM: fixed amounts, factors on notionals, multipliers of product classes.

    add-on = sum fixed + sum over products of factor sum |notional| + sum_p (multiplier_p - 1) SIMM_p

A factor (in percent) without a notional, or a notional without a factor, adds nothing. Source: ISDA SIMM 2.5,
paragraph 14.
"""

from collections.abc import Iterable, Sequence

import numpy as np

from crossmargin import _checks as check
from crossmargin._checks import Floats
from crossmargin.margin.sensitivity.crif import PRODUCTS, Crif

FACTOR, NOTIONAL = "Param_AddOnNotionalFactor", "Notional"
FIXED, MULTIPLIER = "Param_AddOnFixedAmount", "Param_ProductClassMultiplier"
ADD_ONS = (FACTOR, NOTIONAL, FIXED, MULTIPLIER)


def add_ons(rows: Iterable[Crif], portfolios: Sequence[str], products: Floats) -> Floats:
    """Add-on of each portfolio; ``products`` (portfolios, products) are the margins that multipliers act on."""
    held = list(rows)
    return np.array(
        [
            fixed(of) + notional(of) + float((multipliers(of) - 1.0) @ products[number])
            for number, name in enumerate(portfolios)
            for of in [[row for row in held if row.portfolio == name]]
        ]
    )


def fixed(rows: Sequence[Crif]) -> float:
    return sum(row.amount for row in rows if row.risk_type == FIXED)


def notional(rows: Sequence[Crif]) -> float:
    """``sum over products of factor / 100 sum |notional|``."""
    factors = {row.qualifier: row.amount for row in rows if row.risk_type == FACTOR}
    return sum(
        factors.get(row.qualifier, 0.0) / 100.0 * abs(row.amount) for row in rows if row.risk_type == NOTIONAL
    )


def multipliers(rows: Sequence[Crif]) -> Floats:
    """Multiplier of each product class, at least 1."""
    found = np.ones(len(PRODUCTS))
    for row in rows:
        if row.risk_type == MULTIPLIER:
            place = PRODUCTS.index(check.one_of("product", row.qualifier, PRODUCTS, f"of {MULTIPLIER}"))
            found[place] = check.number(f"{MULTIPLIER} of {row.qualifier}", row.amount, low=1.0)
    return found
