"""Strategy margin, Reg T and the Cboe manual: the least requirement over all admissible groupings of a book.

Groups of one underlying: one contract alone; stock that covers an opposite option; a short call with a short put; a set
of options whose longs expire no earlier than its shorts and are as many on each side. A set costs

    - min(0, least payoff at expiry over its strikes and 0) + net price paid

A short alone costs ``max(P + pct l S - otm, P + 10 % l S)`` a share (put: at least ``P + 10 % l K``), rounded to cents
half to even. Few contracts are grouped exactly; more by pairs, whole sets of an expiry and merged pairs, with a lower
bound and the gap to it. Source: Cboe margin manual (pct 15 % broad index, 20 % otherwise).
"""

from decimal import ROUND_HALF_EVEN, Decimal
from typing import Any, Literal

import numpy as np

from crossmargin import _checks as check
from crossmargin._checks import Floats
from crossmargin.instruments import YEAR_NS, Instrument, Instruments, Kind, Payoff, Right
from crossmargin.margin.listing import Listing
from crossmargin.margin.method import Method, Parameters, check_choices
from crossmargin.margin.plan.builder import Builder
from crossmargin.margin.plan.expression import Expression
from crossmargin.margin.plan.matchers import BOUND, FEATURES
from crossmargin.margin.plan.program import Program
from crossmargin.margin.requirement import level_pair
from crossmargin.margin.scenario_array_tables import value_tables
from crossmargin.market import Market
from crossmargin.scenario.revalue import asset_prices, lot_values, marks

KINDS = {Right.CALL: 0.0, Right.PUT: 1.0, None: 2.0}
CENT = Decimal("0.01")


class Product(Parameters, frozen=True, kw_only=True):
    """What an underlying is, and the leverage factor of a leveraged fund."""

    kind: Literal["broad", "equity", "narrow", "volatility"] = "equity"
    leverage: float = 1.0

    def __post_init__(self) -> None:
        check_choices(self, "of product")
        check.positive("leverage", self.leverage, "of product")


class StrategyMargin(Method, frozen=True, kw_only=True, tag="strategy"):
    """Stock and options, in a margin or a cash account; an underlying that ``products`` does not name is an equity.

    ``stock_long``, ``stock_short``: shares of the value, (initial, maintenance), a short's proceeds included.
    """

    products: dict[str, Product] = {}  # noqa: RUF012  msgspec copies it
    account: Literal["margin", "cash"] = "margin"
    broad: float = 0.15
    other: float = 0.20
    minimum: float = 0.10
    long_dated_days: float = 270.0
    long_dated_rate: float = 0.75
    stock_long: tuple[float, float] = (0.50, 0.25)
    stock_short: tuple[float, float] = (1.50, 1.30)
    round_lot: float = 100.0
    exact_contracts: int = 8

    def __post_init__(self) -> None:
        check_choices(self, f"of {self.name!r}")
        for name in ("broad", "other", "minimum", "long_dated_rate"):
            check.fraction(name, getattr(self, name), f"of {self.name!r}")
        for name in ("stock_long", "stock_short"):
            level_pair(name, getattr(self, name), f"of {self.name!r}")
        check.number("long_dated_days", self.long_dated_days, low=0.0)
        check.positive("round_lot", self.round_lot)
        check.integer("exact_contracts", self.exact_contracts, low=0, high=12)

    def program(self) -> Program:
        m = Builder()
        positions = m.holding("position", source="position", axis="instrument")
        costs = m.holding("cost", source="cost", axis="instrument")
        balances = m.holding("balance", source="balance", axis="asset")
        grouped = positions.sum(by="each").group("feature", "strategy", to="underlying")

        def row(name: str) -> Expression:
            return (grouped * m.given(f"at {name}", rows="bound")).fold("total", "sum").worst().total()

        requirement, lower = (row(name) for name in BOUND)
        stock = positions.sum("stock", by="each")
        long, short = m.given("stock_long", rows="level"), m.given("stock_short", rows="level")
        m.charge("options", requirement)
        m.charge("stock", (stock.positive() * long + stock.short() * short).total())
        m.equity("option value", positions.sum("option_value") - costs.sum("premium"))
        m.equity("stock value", positions.sum("stock") - costs.sum("future_cost"))
        m.equity("balances", balances.sum("unit_value"))
        m.output("lower bound", lower)
        m.output("gap", requirement - lower)
        return m.build()

    def listing(self, instruments: Instruments) -> Listing:
        return Listing.of(instruments, takes, lambda _: True)

    def axes(self, instruments: Instruments) -> dict[str, Any]:
        listing = self.listing(instruments)
        keys = listing.keys(("position", "cost"))
        keys.add("instrument", "underlying", listing.instruments.column("underlying"))
        keys.rows |= {"feature": FEATURES, "strategy code": ("straddles", "exact"), "bound": BOUND, "total": ("total",)}
        return keys.shape()

    def tables(self, instruments: Instruments, market: Market) -> dict[str, Any]:
        """Features of every contract, rates of stock, values."""
        instruments = self.listing(instruments).instruments
        mark, settled = marks(instruments, market), asset_prices(instruments, market)[instruments.settlement]
        stock = np.array([row.kind is Kind.SPOT for row in instruments])
        value = lot_values(instruments, mark) * settled
        cash = self.account == "cash"
        return {
            "feature": self.features(instruments, market, mark, settled),
            "strategy": np.tile(
                [float(not cash), float(self.exact_contracts)], (len({r.underlying for r in instruments}), 1)
            ),
            **{f"at {name}": [float(name == other) for other in BOUND] for name in BOUND},
            "bound to total": np.zeros(len(BOUND)),
            "stock": value * stock,
            "stock_long": (1.0, 1.0) if cash else self.stock_long,
            "stock_short": (1.0, 1.0) if cash else self.stock_short,
            **value_tables(instruments, market),
        }

    def features(self, instruments: Instruments, market: Market, mark: Floats, settled: Floats) -> Floats:
        rows = [self.feature(row, market, m) for row, m in zip(instruments, mark.tolist(), strict=True)]
        out = np.array(rows, dtype=np.float64).reshape(-1, len(FEATURES))
        money = [FEATURES.index(name) for name in ("premium", "naked", "owned", "size")]
        out[:, money] *= settled[:, None]
        return out

    def feature(self, row: Instrument, market: Market, mark: float) -> list[float]:
        """One contract, in the order of ``FEATURES``; stock covers, and is charged beside the groups."""
        size = float(row.contract_size)
        if row.kind is Kind.SPOT:
            return [KINDS[None], float(row.lot) * size / self.round_lot, 0.0, self.round_lot, 0.0, 0.0, 0.0, 0.0]
        product, index = self.products.get(row.underlying, Product()), market.value("index", row.underlying)
        call, strike = row.right is Right.CALL, float(row.strike or 0.0)
        years = ((row.expiry or 0) - market.as_of) / YEAR_NS
        alone = (
            self.cash_short(product, call, strike, index, mark)
            if self.account == "cash"
            else self.short(product, call, strike, index, mark)
        )
        premium = mark * size
        owned = premium * (
            self.long_dated_rate if self.account == "margin" and years * 365.0 > self.long_dated_days else 1.0
        )
        return [KINDS[row.right], float(row.lot), strike, size, premium, years, alone * size, owned]

    def short(self, product: Product, call: bool, strike: float, index: float, premium: float) -> float:
        """Requirement of one short option a share, rounded to cents in decimal arithmetic."""
        rate = self.broad if product.kind == "broad" else self.other
        s, k, p, lever = (Decimal(repr(x)) for x in (index, strike, premium, product.leverage))
        otm = max(k - s if call else s - k, Decimal(0))
        least = p + Decimal(repr(self.minimum)) * lever * (s if call else k)
        return float(max(p + Decimal(repr(rate)) * lever * s - otm, least).quantize(CENT, ROUND_HALF_EVEN))

    def cash_short(self, product: Product, call: bool, strike: float, index: float, premium: float) -> float:
        """Cash to be held for one short option a share: to buy the stock, or the strike for a put and a broad index."""
        return (index if call and product.kind != "broad" else strike) - premium


def takes(row: Instrument) -> bool:
    """Stock and options on it."""
    return row.kind in {Kind.SPOT, Kind.OPTION} and row.payoff is Payoff.LINEAR


def strategy_margin(account: Literal["margin", "cash"] = "margin", **products: Product) -> StrategyMargin:
    """The manual's figures; maintenance of stock by FINRA 4210(c)."""
    source = "Cboe margin manual; FINRA 4210(c)"
    return StrategyMargin(name=f"strategy margin, {account} account", source=source, account=account, products=products)
