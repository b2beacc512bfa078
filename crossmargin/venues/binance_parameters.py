"""Parameter sets of Binance futures and portfolio margin.

COIN-M: the first bracket of one observed position. No schedule of USD-M is published whole, so that none is shipped:
the API answers live brackets to each account.
"""

import msgspec

from crossmargin import _checks as check
from crossmargin.margin.brackets import Brackets
from crossmargin.margin.collateral import Haircut
from crossmargin.margin.method import Parameters

COIN_M = {"ETH": Brackets(maintenance=(0.005,), leverage=(100.0,))}
COIN_M_SOURCE = "a position answered by the API (ccxt pull request 21174)"

LOAN_RATES = {3: 0.10, 5: 0.08, 10: 0.05}  # maintenance rate of a loan by leverage of the margin account


class States(Parameters, frozen=True, kw_only=True):
    """Ratios of adjusted equity to maintenance margin below which a programme acts, falling, each with its name."""

    names: tuple[str, ...] = ("reminder", "reduce-only", "liquidation", "loss claim")
    below: tuple[float, ...] = (1.5, 1.2, 1.05, 1.0)

    def __post_init__(self) -> None:
        ratios = check.floats("below", self.below, size=len(self.names))
        check.ascending("-below", -ratios)


class PoolRules(Parameters, frozen=True, kw_only=True):
    """Portfolio margin of one date.

    ``brackets`` by settlement asset and underlying; ``collateral``: marginal rates of assets, as haircuts; ``loans``:
    asset that stands for a debt to the asset owed; ``loan_rate`` its maintenance rate; ``initial`` and
    ``maintenance``: multiples of the maintenance margin below which nothing may be opened, and liquidation starts.
    """

    brackets: dict[str, dict[str, Brackets]]
    collateral: tuple[Haircut, ...]
    loans: dict[str, str] = msgspec.field(default_factory=dict)
    loan_rate: float = LOAN_RATES[3]
    initial: float = 1.2
    maintenance: float = 1.05
    states: States = States()

    def __post_init__(self) -> None:
        check.fraction("loan_rate", self.loan_rate, "of pool rules")
        check.number("maintenance", self.maintenance, "of pool rules", low=1.0)
        check.number("initial", self.initial, "of pool rules", low=self.maintenance)
        for name, asset in self.loans.items():
            check.text("asset owed", asset, f"of {name!r}")
