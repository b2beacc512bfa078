"""Derive portfolio margin v2: one underlying, its perpetual, options and collaterals, scenarios and charges.

The venue publishes a surplus at two levels; here equity is mark to market with cash, and the requirement is
equity less that surplus. Rules: Derive v2-core, PMRM_2 and PMRMLib_2; figures of a set: ``derive_parameters``.
"""

from typing import Any

from crossmargin import _checks as check
from crossmargin.instruments import Instruments, Kind
from crossmargin.margin.keys import Keys
from crossmargin.margin.method import Method
from crossmargin.margin.plan.builder import Builder
from crossmargin.margin.plan.expression import Expression
from crossmargin.margin.plan.program import Program
from crossmargin.market import Market
from crossmargin.venues import derive_tables as tables
from crossmargin.venues.derive_parameters import CollateralRule, Portfolio2


class PortfolioMargin2(Method, frozen=True, kw_only=True, tag="derive_portfolio_2"):
    """Portfolio margin v2 of one underlying; cash is the asset ``cash``, every other asset is collateral."""

    underlying: str
    cash: str
    rules: Portfolio2
    collateral: tuple[CollateralRule, ...] = ()

    def program(self) -> Program:
        m = Builder()
        options = m.holding("options", source="position", axis="option")
        perp = m.holding("perpetual", source="position", axis="perpetual")
        perp_cost = m.holding("perpetual cost", source="cost", axis="perpetual")
        premium = m.holding("premium", source="cost", axis="option")
        collateral = m.holding("collateral", source="balance", axis="collateral")
        cash = m.holding("cash", source="balance", axis="cash")

        # An expiry stands alone: reprice it, discount the sum by the side it falls on, compare with its mark.
        mark = options.sum("mark", by="expiry")
        short_side, long_side = m.given("discount_short", key="expiry"), m.given("discount_long", key="expiry")

        def gain(table: str, rows: str) -> Expression:
            return options.sum(table, by="expiry", rows=rows).sided(below=short_side, above=long_side) - mark

        # Scenarios. Regular ones net across expiries; a skew is a loss in every expiry, whichever way it moves.
        regular = (gain("shocked", "regular") * m.given("dampening", rows="regular")).total()
        regular += perp.sum("perp_move", rows="regular") + collateral.sum("cancelling_move", rows="regular")
        skew = (-abs(gain("skewed", "skew")) * m.given("skew_dampening", rows="skew")).total()
        scenarios = m.concat("scenario", regular, skew)

        # Basis: the worse of two forward moves per expiry, never netted, so that calendar spreads pay.
        moved = options.sum("forward_moved", by="expiry", rows="basis") - mark
        basis = (m.min(moved.worst(), 0) * m.given("basis_weight", key="expiry")).total()
        scan = m.min(basis, scenarios.worst())  # basis first: it keeps a tie

        # A put covers a call of its strike; no spread across strikes does.
        perps = abs(perp.sum("perp_size"))
        naked = options.sum("option_size", by="strike").short().total()

        # Doubt: what low oracle confidence adds, initial only. An expiry doubts the perpetual's feed if one is held.
        notional = abs(options.sum("option_size", by="each")).total("expiry")
        without, with_perp = ((notional * m.given(name, key="expiry")).total() for name in ("doubt", "doubt_with_perp"))
        doubt = perps * m.given("doubt_of_perp") + perp.sum().pick(neg=with_perp, zero=without, pos=with_perp)
        doubt += (abs(collateral.sum("value", by="each")) * m.given("doubt_of_collateral", key="collateral")).total()

        m.equity("options", mark.total() - premium.sum("premium_atom"))
        m.equity("perpetual", perp.sum("perp_value") - perp_cost.sum("cost_atom"))
        m.equity("collateral", collateral.sum("value"))
        m.equity("cash", cash.sum("cash_atom"))
        m.charge("scan loss", -scan * m.given("scan_factor", rows="level"))
        m.charge("perpetuals", perps * m.given("perp_charge", rows="level"))
        m.charge("naked shorts", naked * m.given("naked_charge", rows="level"))
        m.charge("collateral haircut", collateral.sum("haircut", rows="level"))
        m.charge("oracle confidence", doubt * m.given("initial_only", rows="level"))
        m.output("scenarios", scenarios)
        m.output("basis", basis)
        return m.build()

    def axes(self, instruments: Instruments) -> dict[str, Any]:
        """Options by strike and expiry; the perpetual, collaterals and cash stand beside them."""
        known = Keys.of(instruments)
        option, perp = instruments.select(Kind.OPTION), instruments.select(Kind.PERPETUAL)
        cash = [check.known("cash", self.cash, instruments.asset_index, "asset")]
        others = [row for row in range(len(instruments.assets)) if row not in cash]
        keys = Keys({}, {}, {})
        for axis, source, rows in (
            ("option", "instrument", option), ("perpetual", "instrument", perp),
            ("collateral", "asset", others), ("cash", "asset", cash),
        ):  # fmt: skip
            keys.pick(axis, known.labels[source], rows)
        keys.items |= {"options": keys.items["option"], "premium": keys.items["option"]}
        keys.items |= {"perpetual cost": keys.items["perpetual"]}
        strike = known.maps["instrument", "strike"][option]
        keys.add("option", "strike", [known.labels["strike"][i] for i in strike])
        keys.add("strike", "expiry", [label.rpartition(":")[0] for label in keys.labels["strike"]])
        keys.rows |= tables.row_labels(self.rules)
        return keys.shape()

    def tables(self, instruments: Instruments, market: Market) -> dict[str, Any]:
        """Everything that a mark, a clock, a feed or a parameter decides."""
        self.check_instruments(instruments)
        names = self.axes(instruments)["labels"]
        feed = tables.Feeds.of(instruments, market, self.underlying, self.cash, names["expiry"])
        return (
            tables.option_tables(self.rules, feed)
            | tables.expiry_tables(self.rules, feed)
            | tables.perpetual_tables(self.rules, feed)
            | tables.collateral_tables(self.rules, feed, self.collateral, names["collateral"])
            | tables.account_tables(self.rules, feed)
        )

    def check_instruments(self, instruments: Instruments) -> None:
        """One manager holds the options and perpetuals of one underlying."""
        for row in instruments:
            check.one_of("underlying", row.underlying, (self.underlying,), f"of instrument {row.id!r}")
            check.one_of("kind", row.kind, (Kind.OPTION, Kind.PERPETUAL), f"of instrument {row.id!r}")
        covered = {rule.asset for rule in self.collateral} | {self.cash}
        for asset in instruments.assets:
            check.one_of("asset", asset.id, tuple(sorted(covered)))
