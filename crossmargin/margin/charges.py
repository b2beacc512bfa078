"""Charges beside the scan: each a named piece that methods put into their plan.

All are >= 0 and add to the requirement. Figures are in the quote currency; rates in fractions.
"""

from typing import Any

import msgspec
import numpy as np

from crossmargin import _checks as check
from crossmargin._checks import Floats
from crossmargin.instruments import Instrument, Instruments, Kind, Payoff
from crossmargin.margin.plan.builder import Builder, Held
from crossmargin.margin.plan.expression import Expression
from crossmargin.margin.requirement import level_pair
from crossmargin.market import Market
from crossmargin.scenario.revalue import asset_prices, dollar_deltas


class Charges(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Rates (initial, maintenance) of the additions to a scan.

    ``short_option``: minimum per short option, fraction of index per contract (scenario-array margin's
    short option minimum). ``basis``: fraction of the dollar delta that only offsets across expiries of
    one underlying. ``size_edges``, ``size_rates``: marginal rates on the net dollar delta of an
    underlying beyond each edge (concentration). ``minimum``: least requirement per contract held,
    fraction of index.
    """

    short_option: tuple[float, float] = (0.0, 0.0)
    basis: tuple[float, float] = (0.0, 0.0)
    minimum: tuple[float, float] = (0.0, 0.0)
    size_edges: tuple[float, ...] = (0.0,)
    size_rates: tuple[float, ...] = (0.0,)

    def __post_init__(self) -> None:
        for name in ("short_option", "basis", "minimum"):
            level_pair(name, getattr(self, name), "of charges")
        if not self.size_edges or self.size_edges[0] < 0 or len(self.size_rates) != len(self.size_edges):
            raise check.refuse("size_edges", "be >= 0 and as many as size_rates", self.size_edges)
        check.ascending("size_edges", check.floats("size_edges", self.size_edges))
        rates = check.floats("size_rates", self.size_rates)
        check.require_all("size_rates", "be >= 0", rates, rates >= 0)
        check.ascending("size_rates", rates)


def basis_charge(m: Builder, positions: Held) -> Expression:
    """Long and short delta of different expiries net in the scan; what only nets so is charged.

    ``rate * min(sum of long, sum of short dollar deltas over expiries)`` per underlying.
    """
    delta = positions.sum("dollar_delta", by="expiry")
    both = m.min(delta.positive().total("underlying"), delta.short().total("underlying"))
    return both.total() * m.given("basis_rate", rows="level")


def size_charge(m: Builder, positions: Held) -> Expression:
    """Marginal rates on the net dollar delta of each underlying."""
    delta = positions.sum("dollar_delta", by="underlying")
    return delta.tiers("size_edges", "size_rates").total()


def short_minimum(m: Builder, positions: Held) -> Expression:
    """What short options cost at least, by group and level."""
    shorts = positions.sum("option_notional", by="each").short().total()
    return shorts * m.given("short_rate", rows="level")


def contract_minimum(m: Builder, positions: Held) -> Expression:
    """Least requirement of everything held, gross."""
    gross = abs(positions.sum("index_notional", by="each")).total()
    return gross * m.given("minimum_rate", rows="level")


def charge_tables(charges: Charges, instruments: Instruments, market: Market) -> dict[str, Any]:
    notional = index_notionals(instruments, market)
    option = np.array([row.kind is Kind.OPTION for row in instruments], dtype=np.float64)
    return {
        "dollar_delta": dollar_deltas(instruments, market),
        "index_notional": notional,
        "option_notional": notional * option,
        "basis_rate": charges.basis,
        "short_rate": charges.short_option,
        "minimum_rate": charges.minimum,
        "size_edges": charges.size_edges,
        "size_rates": charges.size_rates,
    }


def index_notionals(instruments: Instruments, market: Market) -> Floats:
    """Quote value of one lot at the index: contract size times index (inverse: the size itself; quanto:
    times the price of the settlement asset, in which its points are paid).
    """
    index = np.array([market.value("index", row.underlying) for row in instruments])
    settled = asset_prices(instruments, market)[instruments.settlement]
    scale = [payoff_scale(row, i, s) for row, i, s in zip(instruments, index, settled, strict=True)]
    return np.asarray(instruments.multiplier * np.array(scale))


def payoff_scale(row: Instrument, index: float, settled: float) -> float:
    """What one unit of a contract's size is worth at the index, quote currency."""
    if row.payoff is Payoff.INVERSE and row.kind is not Kind.OPTION:
        return 1.0
    return index * settled if row.payoff is Payoff.QUANTO else index
