"""Parameter sets of Binance futures and portfolio margin.

Brackets of USD-M: a schedule that holds the two brackets of the calculation example of the help centre (FAQ
b3c689c1f50a44cabb3a84e663b81d93) with their cumulative amounts, 16,300 and 135,365; its other brackets are inferred.
COIN-M: the first bracket of one observed position. The API answers live brackets to each account: they replace these.
"""

import msgspec

from crossmargin import _checks as check
from crossmargin.margin.brackets import Brackets
from crossmargin.margin.collateral import Haircut
from crossmargin.margin.method import Parameters

BTC_USDM = Brackets(
    edges=(0.0, 50e3, 250e3, 1e6, 5e6, 20e6, 50e6, 100e6, 200e6),
    maintenance=(0.004, 0.005, 0.01, 0.025, 0.05, 0.10, 0.125, 0.15, 0.25),
    leverage=(125.0, 100.0, 50.0, 20.0, 10.0, 5.0, 4.0, 3.0, 2.0),
)
ETH_USDM = Brackets(
    edges=(0.0, 10e3, 100e3, 500e3, 1e6, 2e6, 5e6, 10e6, 20e6),
    maintenance=(0.005, 0.0065, 0.01, 0.02, 0.05, 0.10, 0.125, 0.15, 0.25),
    leverage=(100.0, 75.0, 50.0, 25.0, 10.0, 5.0, 4.0, 3.0, 2.0),
)
USD_M = {"BTC": BTC_USDM, "ETH": ETH_USDM}
USD_M_SOURCE = "two brackets of FAQ b3c689c1f50a44cabb3a84e663b81d93, the others inferred"
COIN_M = {"ETH": Brackets(maintenance=(0.005,), leverage=(100.0,))}
COIN_M_SOURCE = "a position answered by the API (ccxt pull request 21174)"

LOAN_RATES = {3: 0.10, 5: 0.08, 10: 0.05}  # maintenance rate of a loan by leverage of the margin account


class States(Parameters, frozen=True, kw_only=True):
    """Ratios of adjusted equity to maintenance margin below which a programme acts, falling, each with its name."""

    names: tuple[str, ...] = ("reminder", "reduce-only", "liquidation", "loss claim")
    below: tuple[float, ...] = (1.5, 1.2, 1.05, 1.0)

    def __post_init__(self) -> None:
        ratios = check.floats("below", self.below, size=len(self.names))
        check.ascending("1 / below", 1.0 / ratios)


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
