"""OKX portfolio margin: risk units MR1 to MR7 and MR9, borrowing MR8, discounted equity.

    unit maintenance = max(max(MR1, MR2, MR6) + MR3 + MR4 + MR5, MR7) + MR9;   unit initial = im_factor * that
    maintenance = sum of units + MR8;   initial = sum of units + borrow IMR
    equity = discounted equity of each currency

A unit is one underlying with all its contracts and the spot that hedges them. Components say what each term adds, so
that they sum to the requirement; the outputs ``mr1`` .. ``mr9`` are the venue's figures. Source: the announcement of
2024-05-31, the API's position builder; rules of single figures: ``okx_tables``; what is open: ``okx_parameters``.
"""

from collections.abc import Callable
from typing import Any, TypeVar

from crossmargin.instruments import Instrument, Instruments, Kind, Payoff
from crossmargin.margin.listing import Listing
from crossmargin.margin.method import Method
from crossmargin.margin.plan.builder import Builder, Held
from crossmargin.margin.plan.expression import Expression
from crossmargin.margin.plan.program import Program
from crossmargin.market import Market
from crossmargin.venues import okx_tables as tables
from crossmargin.venues.dated import LATEST
from crossmargin.venues.okx_parameters import SOURCE, Rules, parameters

Figure = TypeVar("Figure", Expression, float)


def unit_margin(
    most: Callable[..., Figure],
    mr1: Figure,
    mr2: Figure,
    mr3: Figure,
    mr4: Figure,
    mr5: Figure,
    mr6: Figure,
    mr7: Figure,
) -> Figure:
    """``max(max(MR1, MR2, MR6) + MR3 + MR4 + MR5, MR7)``; ``most`` is the maximum of figures or of expressions."""
    return most(most(mr1, mr2, mr6) + mr3 + mr4 + mr5, mr7)


def borrow_margin(liability: Figure, rate: Figure) -> Figure:
    """MR8 and the borrow IMR: a rate of what is owed, in dollars."""
    return liability * rate


def initial_of(maintenance: Figure, factor: Figure) -> Figure:
    """Initial margin of units: a factor of their maintenance margin."""
    return maintenance * factor


def account_margin(units: Figure, borrowed: Figure) -> Figure:
    """Total of an account: its units and its borrowing."""
    return units + borrowed


def margin_ratio(equity: Figure, maintenance: Figure, fee: Figure) -> Figure:
    """``equity / (maintenance + fee)``; the venue liquidates at 1 and below."""
    return equity / (maintenance + fee)


class PortfolioMargin(Method, frozen=True, kw_only=True, tag="okx_portfolio"):
    """Portfolio margin of one account, all units in the quote currency."""

    rules: Rules

    def program(self) -> Program:
        m = Builder()
        positions = m.holding("position", source="position", axis="instrument")
        costs = m.holding("cost", source="cost", axis="instrument")
        balances = m.holding("balance", source="balance", axis="asset")
        used = spot_in_use(m, positions, balances)
        mr = unit_terms(m, positions, used)

        # MR9 stands beside the maximum, or within it if so read.
        within, beside = mr["mr9"] * m.given("depeg_within"), mr["mr9"] * m.given("depeg_beside")
        terms = {name: mr[name] for name in ("mr1", "mr2", "mr3", "mr4", "mr5", "mr6", "mr7")}
        unit = unit_margin(m.max, **terms | {"mr5": mr["mr5"] + within}) + beside
        factor = m.given("unit_factor", rows="level")
        lines = {name: line.total() * factor for name, line in additions(m, mr, unit).items()}
        m.charges(initial_of(unit.total(), factor), lines)

        # Equity of each currency, the value of its contracts included; what is negative is borrowed.
        equity = (
            balances.sum("unit_value", by="each") + positions.sum("value", by="asset") - costs.sum("cost", by="asset")
        )
        liability = equity.short().total()
        borrowed = borrow_margin(liability, m.given("borrow_rate", rows="level"))
        m.charge("mr8", borrowed)
        counted = equity.positive().tiers("discount_edges", "discount_rates", key="asset")
        adjusted = counted.total() - liability
        m.equity("adjusted equity", adjusted)

        for name, term in mr.items():
            m.output(name, term.total())
        mr8 = borrow_margin(liability, m.given("borrow_mmr"))
        m.output("mr8", mr8)
        m.output("unit_mmr", unit.total())
        fee = liquidation_fee(liability, m.given("liquidation_fee"))
        m.output("margin_ratio", margin_ratio(adjusted, account_margin(unit.total(), mr8), fee))
        m.output("mr1_scenarios", profit(m, positions, used, "mr1").total())
        return m.build()

    def listing(self, instruments: Instruments) -> Listing:
        return Listing.of(instruments, takes, lambda _: True)

    def axes(self, instruments: Instruments) -> dict[str, Any]:
        """Instruments by expiry and unit, assets by the unit whose coin they are."""
        listing = self.listing(instruments)
        taken, keys = listing.instruments, listing.keys(("position", "cost"))
        units, coins = taken.column("underlying"), [asset.underlying or NO_UNIT for asset in taken.assets]
        keys.labels["unit"] = tuple(sorted({*units, *coins}))
        keys.add("instrument", "expiry", taken.expiry_keys)
        keys.add("expiry", "unit", [name.rpartition("@")[0] for name in keys.labels["expiry"]])
        keys.add("asset", "unit", coins)
        keys.maps["instrument", "asset"] = taken.settlement
        keys.rows |= tables.row_labels(self.rules)
        return keys.shape()

    def tables(self, instruments: Instruments, market: Market) -> dict[str, Any]:
        """Everything that a mark, a clock or a parameter decides."""
        shape = self.axes(instruments)
        feed = tables.Feed.of(self.rules, self.listing(instruments).instruments, market)
        return (
            tables.instrument_tables(feed)
            | tables.unit_tables(feed, shape["labels"]["unit"])
            | tables.expiry_tables(feed, shape)
            | tables.asset_tables(feed)
            | tables.account_tables(self.rules)
        )


NO_UNIT = "(currency)"  # unit of assets that are no unit's coin


def takes(row: Instrument) -> bool:
    """Perpetuals, futures and options, linear or settled in their own coin."""
    coin = row.payoff is Payoff.INVERSE and row.settlement == row.underlying
    return row.kind is not Kind.SPOT and (coin or row.payoff is Payoff.LINEAR)


def liquidation_fee(liability: Figure, rate: Figure) -> Figure:
    """Fee in the margin ratio's denominator: a rate of what is owed."""
    return liability * rate


def spot_in_use(m: Builder, positions: Held, balances: Held) -> Expression:
    """Spot that offsets the delta of a unit's contracts, at the index: the smaller of both, if they are opposite."""
    coins, delta = balances.sum("coin", by="unit"), positions.sum("index_delta", by="unit")
    long, short = m.min(coins.positive(), delta.short()), m.min(coins.short(), delta.positive())
    return (long - short) * m.given("spot_counts")


def profit(m: Builder, positions: Held, used: Expression, name: str) -> Expression:
    """Profit of a unit in every scenario of MR1 or MR6, with the spot in use."""
    return positions.sum(f"{name}_profit", by="unit", rows=name) + used * m.given(f"{name}_move", key="unit", rows=name)


def unit_terms(m: Builder, positions: Held, used: Expression) -> dict[str, Expression]:
    """MR1 to MR7 and MR9 of each unit."""
    lots = positions.sum(by="each")
    close = lots.positive() * m.given("close_long", key="instrument") + lots.short() * m.given(
        "close_short", key="instrument"
    )
    legs = (abs(positions.sum("cash_delta", by="expiry")) * m.given("basis_rate", key="expiry")).total("unit")
    return {
        "mr1": -m.min(profit(m, positions, used, "mr1").worst(), 0),
        "mr2": positions.sum("day_gain", by="unit").short(),
        "mr3": abs(positions.sum("vega", by="expiry")).total("unit") * m.given("vega_rate"),
        "mr4": legs + abs(used) * m.given("spot_basis", key="unit"),
        "mr5": abs(positions.sum("rho", by="expiry")).total("unit") * m.given("rate_move"),
        "mr6": -m.min(profit(m, positions, used, "mr6").worst(), 0) * m.given("extreme_share"),
        "mr7": close.total("unit").tiers("close_edges", "close_multipliers"),
        "mr9": hedged_across(m, positions, used).tiers("depeg_edges", "depeg_rates"),
    }


def hedged_across(m: Builder, positions: Held, spot: Expression) -> Expression:
    """Cash delta that is hedged in another quote currency: USDT with USD, then USDT with USDC, then USDC with USD."""
    left = {name: positions.sum(f"{name}_delta", by="unit") for name in ("usdt", "usdc", "usd")}
    left["usd"] += spot
    size = None
    for one, other in (("usdt", "usd"), ("usdt", "usdc"), ("usdc", "usd")):
        down = m.min(left[one].positive(), left[other].short())  # one long, the other short
        up = m.min(left[one].short(), left[other].positive())
        left[one], left[other] = left[one] - down + up, left[other] + down - up
        size = down + up if size is None else size + down + up
    assert size is not None
    return size


def additions(m: Builder, mr: dict[str, Expression], unit: Expression) -> dict[str, Expression]:
    """What each term adds to a unit's margin, in the order of the formula; the lines sum to it."""
    first = m.max(mr["mr1"], mr["mr2"])
    stress = m.max(first, mr["mr6"])
    before = stress + mr["mr3"] + mr["mr4"] + mr["mr5"] + mr["mr9"]
    kept = {name: mr[name] for name in ("mr3", "mr4", "mr5")}
    return {
        "mr1": mr["mr1"],
        "mr2": first - mr["mr1"],
        "mr6": stress - first,
        **kept,
        "mr9": mr["mr9"],
        "mr7": unit - before,
    }


def portfolio_margin(as_of: str = LATEST) -> PortfolioMargin:
    """Portfolio margin with the parameter set in force."""
    date, rules = parameters(as_of)
    return PortfolioMargin(name="OKX portfolio margin", date=date, source=SOURCE, rules=rules)
