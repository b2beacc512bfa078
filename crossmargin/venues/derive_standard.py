"""Derive's standard manager: rule-based margin, many underlyings in one account, no netting across them.

The venue publishes a *surplus* at two levels. Here equity is mark to market with cash, and the requirement is
equity less that surplus; so an option that is owned requires its own mark, and a coin its haircut.

    surplus = cash + sum over underlyings (perpetual + options + coin + unrealised profit) - depeg contingency

The mark of an option is Black-76 on its forward, undiscounted. Figures are in units of the cash asset, which
the market's quote stands for. Resting orders never enter. Rules: derivexyz/v2-core, StandardManager; figures:
``derive_standard_parameters``; rules of single components and tables: ``derive_standard_tables``.
"""

from typing import Any

from crossmargin import _checks as check
from crossmargin.errors import ImprudentParametersError
from crossmargin.instruments import Instruments, Kind, Payoff
from crossmargin.margin.keys import Keys
from crossmargin.margin.method import Method
from crossmargin.margin.plan.builder import Builder
from crossmargin.margin.plan.program import Program
from crossmargin.market import Market
from crossmargin.venues import derive_standard_tables as tables
from crossmargin.venues.derive_standard_parameters import Depeg, StandardRules, imprudence

# Holdings whose items stand under an axis of another name.
HOLDINGS = {
    "options": "option",
    "premiums": "option",
    "perpetuals": "perpetual",
    "perpetual costs": "perpetual",
    "coins": "coin",
}


class StandardManager(Method, frozen=True, kw_only=True, tag="derive_standard"):
    """Standard margin over ``markets``, by underlying; ``cash`` is the settlement asset."""

    markets: dict[str, StandardRules]
    depeg: Depeg
    cash: str = "USDC"
    allow_imprudent: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        for market, rules in self.markets.items():
            for rule, message in imprudence(market, rules):
                if rule not in self.allow_imprudent:
                    raise ImprudentParametersError(rule, message)

    @property
    def parameters_name(self) -> str:
        """Name and date, and the rules of prudence that the set was allowed to break."""
        allowed = f" allowing {', '.join(self.allow_imprudent)}" if self.allow_imprudent else ""
        return super().parameters_name + allowed

    def program(self) -> Program:
        m = Builder()
        options = m.holding("options", source="position", axis="option")
        premiums = m.holding("premiums", source="cost", axis="option")
        perpetuals = m.holding("perpetuals", source="position", axis="perpetual")
        perpetual_costs = m.holding("perpetual costs", source="cost", axis="perpetual")
        coins = m.holding("coins", source="balance", axis="coin")
        cash = m.holding("cash", source="balance", axis="cash")

        # Mark to market. A premium that no balance has paid yet is owed.
        mark = options.sum("option_mark", by="expiry")
        m.equity("cash balance", cash.sum("cash_atom"))
        m.equity("option marks", mark.total() - premiums.sum("premium_atom"))
        m.equity("perpetual profit", perpetuals.sum("perpetual_mark") - perpetual_costs.sum("cost_atom"))
        m.equity("coin value", coins.sum("coin_price"))

        # A perpetual pays a rate of its mark, whichever its side.
        size = abs(perpetuals.sum(by="each"))
        m.charge("perpetuals", (size * m.given("perpetual_rate", key="perpetual", rows="level")).total())

        # Isolated: every short option pays alone; an option owned pays nothing and offsets nothing.
        short = options.sum(by="each").short()
        isolated = (short * m.given("isolated", key="option", rows="level")).total("expiry")

        # Greatest loss at settlement, over price 0 and the strikes held; calls sold net lose without bound.
        lots = options.sum(by="each")
        held = (abs(lots) * m.given("settles_at", key="option", rows="price")).total("expiry")
        payoff = m.min(options.sum("payoff", by="expiry", rows="price"), 0)
        unpaired = options.sum("calls", by="expiry").short() * m.given("unpaired", key="expiry", rows="level")
        loss = unpaired - held.pick(neg=0, zero=0, pos=payoff).worst()

        # An expiry stands alone and takes the smaller of the two.
        m.charge("options", (mark + m.min(isolated, loss)).total())

        # A coin counts less than its price; a debt of it counts in full.
        owned, coin_haircut = coins.sum(by="each"), m.given("coin_haircut", key="coin", rows="level")
        m.charge("coin haircut", (owned.positive() * coin_haircut).total())

        # Doubt, at initial only: low confidence in a feed that is read, and a stablecoin below its peg.
        perpetual_doubt = m.given("perpetual_doubt", key="perpetual", rows="level")
        option_doubt = m.given("option_doubt", key="option", rows="level")
        coin_doubt = m.given("coin_doubt", key="coin", rows="level")
        m.charge("perpetual oracle contingency", (size * perpetual_doubt).total())
        m.charge("option oracle contingency", (short * option_doubt).total())
        m.charge("coin oracle contingency", (abs(owned) * coin_doubt).total())
        perpetual_depeg = (size * m.given("perpetual_depeg", key="perpetual", rows="level")).total()
        option_depeg = (short * m.given("option_depeg", key="option", rows="level")).total()
        m.charge("depeg contingency", perpetual_depeg + option_depeg)

        m.output("isolated", isolated.total())
        m.output("loss at settlement", loss.total())
        return m.build()

    def axes(self, instruments: Instruments) -> dict[str, Any]:
        """Options by expiry, perpetuals, coins and cash; settlement prices lie along ``price``."""
        self.check_instruments(instruments)
        names, assets = [row.id for row in instruments], [asset.id for asset in instruments.assets]
        option, perpetual = instruments.select(Kind.OPTION), instruments.select(Kind.PERPETUAL)
        cash = [instruments.asset_index[self.cash]]
        coins = [row for row in range(len(assets)) if row not in cash]
        keys = Keys({}, {}, {})
        for axis, labels, rows in (
            ("option", names, option),
            ("perpetual", names, perpetual),
            ("coin", assets, coins),
            ("cash", assets, cash),
        ):
            keys.pick(axis, labels, list(rows))
        keys.items |= {holding: keys.items[axis] for holding, axis in HOLDINGS.items()}
        keys.add("option", "expiry", [instruments.expiry_keys[row] for row in option])
        n_prices = tables.settlement_prices(instruments).shape[1]
        keys.rows["price"] = tuple(f"settlement {row}" for row in range(n_prices))
        return keys.shape()

    def check_instruments(self, instruments: Instruments) -> None:
        """Options and perpetuals of known markets, settled in cash; every other asset is a market's coin."""
        check.known("cash", self.cash, instruments.asset_index, "asset")
        for row in instruments:
            where = f"of instrument {row.id!r}"
            check.known("underlying", row.underlying, self.markets, "market", where)
            check.one_of("kind", row.kind, (Kind.OPTION, Kind.PERPETUAL), where)
            check.one_of("payoff", row.payoff, (Payoff.LINEAR,), where)
            check.one_of("settlement", row.settlement, (self.cash,), where)
        for asset in instruments.assets:
            if asset.id != self.cash:
                check.known("underlying", asset.underlying, self.markets, "market", f"of asset {asset.id!r}")

    def tables(self, instruments: Instruments, market: Market) -> dict[str, Any]:
        """Everything that a mark, a clock, a feed or a parameter decides."""
        expiries = self.axes(instruments)["labels"]["expiry"]
        feed = tables.Feed(instruments, market, self.markets, self.depeg, self.cash)
        return (
            tables.option_tables(feed)
            | tables.payoff_tables(feed)
            | tables.expiry_tables(feed, expiries)
            | tables.perpetual_tables(feed)
            | tables.balance_tables(feed)
        )
