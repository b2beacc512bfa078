"""Drift v2: cross margin over perpetuals and tokens, in the venue's own integers.

A requirement is held against weighted collateral at three levels: initial and fill, which read prices
strictly, and maintenance. Every figure is an integer (quote 1e-6, base 1e-9, ratios 1e-4) until the last step,
``atom``, states it in quote currency; each division is one ``mul_div`` whose rounding is the venue's. An
isolated position is a pocket with balances of its own. The rules as expressions: ``drift_rules``;
figures of a set: ``drift_parameters``; what prices and settings decide: ``drift_tables``.
"""

from itertools import chain
from typing import Any, ClassVar

import msgspec
import numpy as np

from crossmargin import _checks as check
from crossmargin.errors import ImprudentParametersError
from crossmargin.instruments import Instruments
from crossmargin.margin.doubts import Doubts
from crossmargin.margin.keys import Keys
from crossmargin.margin.method import Method
from crossmargin.margin.plan.builder import Builder
from crossmargin.margin.plan.program import Program
from crossmargin.market import Market
from crossmargin.venues import drift_tables as tables
from crossmargin.venues.drift_oracles import OracleRules, doubted
from crossmargin.venues.drift_parameters import ONE, PerpMarket, SpotMarket, UserSettings
from crossmargin.venues.drift_rules import buffered, in_quote, perpetuals, spot_tokens


class DriftMargin(Method, frozen=True, kw_only=True, tag="drift"):
    """Margin of one set of markets and one user's settings; ``quote`` settles the perpetuals, at full weight.

    ``order_charge`` per open order and ``profit_cap`` per position are quote 1e-6; ``buffer`` is the share,
    1e-4, by which an account must recover before its liquidation ends. ``oracles`` (default: no limits) refuses what
    an action may not value.
    """

    integers: ClassVar[bool] = True
    quote: str
    spot: tuple[SpotMarket, ...]
    perps: tuple[PerpMarket, ...]
    user: UserSettings = UserSettings()
    order_charge: int = 10_000
    profit_cap: int = 100_000_000
    buffer: int = 200
    oracles: OracleRules | None = None
    allow_imprudent: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        check.unique("spot market", (row.asset for row in self.spot))
        check.unique("perpetual market", (row.instrument for row in self.perps))
        quote = check.known("quote", self.quote, self.spot_of, "spot market")
        if (quote.initial_asset, quote.initial_liability, quote.imf, quote.scale_start) != (ONE, ONE, 0, 0):
            raise check.refuse("quote", "have weights of 1 at any size", self.quote)
        for instrument in self.user.positions:
            check.known("position ratio", instrument, self.perp_of, "perpetual market")
        for name in ("order_charge", "profit_cap", "buffer"):
            check.number(name, getattr(self, name), low=0)
        markets: tuple[SpotMarket | PerpMarket, ...] = (*self.spot, *self.perps)
        for rule, message in chain.from_iterable(row.imprudence() for row in markets):
            if rule not in self.allow_imprudent:
                raise ImprudentParametersError(rule, message)

    def doubts(self, instruments: Instruments, market: Market) -> Doubts:
        """What the action may not value: 3.8."""
        return Doubts() if self.oracles is None else doubted(self, self.oracles, instruments, market)

    def trusting(self) -> "DriftMargin":
        return msgspec.structs.replace(self, oracles=None)

    @property
    def parameters_name(self) -> str:
        allowed = f" allowing {', '.join(self.allow_imprudent)}" if self.allow_imprudent else ""
        return super().parameters_name + allowed

    @property
    def spot_of(self) -> dict[str, SpotMarket]:
        return {row.asset: row for row in self.spot}

    @property
    def perp_of(self) -> dict[str, PerpMarket]:
        return {row.instrument: row for row in self.perps}

    def program(self) -> Program:
        m = Builder()
        perps, tokens = perpetuals(m), spot_tokens(m)

        # A token counts as collateral or as debt; what its orders would pay or bring is booked beside it.
        collateral = m.equity("deposits", in_quote(m, tokens.weighted.positive()))
        collateral += m.equity("proceeds of spot orders", in_quote(m, tokens.order.positive()))
        collateral += m.equity("unrealised profit", in_quote(m, perps.counted))
        required = m.charge("perpetuals", in_quote(m, perps.requirement))
        required += m.charge("borrows", in_quote(m, tokens.weighted.short()))
        required += m.charge("cost of spot orders", in_quote(m, tokens.order.short()))

        # Every open order, of a token or a perpetual, costs the same.
        count = m.holding("orders", source="orders", axis="instrument").sum()
        required += m.charge("open orders", count * m.given("order_charge") * m.given("atom"))

        # To end a liquidation the account must hold a share more for liabilities, and for losses.
        more = buffered(m, perps.notional) + buffered(m, tokens.value.short()) + buffered(m, tokens.order.short())
        m.output("requirement_with_buffer", required + more)
        m.output("equity_with_buffer", collateral - buffered(m, perps.counted.short()))
        return m.build()

    def axes(self, instruments: Instruments) -> dict[str, Any]:
        """Perpetuals, tokens, and the pairs that trade a token against quote."""
        ids, assets = [row.id for row in instruments], [asset.id for asset in instruments.assets]
        keys, rows = Keys({}, {}, {}), tables.listed(instruments, self)
        for axis, names in (("perp", ids), ("token", assets), ("pair", ids), ("instrument", ids)):
            keys.pick(axis, names, rows.get(axis, range(len(names))))
        column = keys.labels["token"].index
        parents = [column(instruments.rows[i].underlying) for i in rows["pair"]]
        keys.maps["pair", "token"] = np.array(parents, dtype=np.int64)
        keys.items |= dict.fromkeys(("position", "cost", "perp bids", "perp asks"), keys.items["perp"])
        keys.items |= {"spot bids": keys.items["pair"], "spot asks": keys.items["pair"]}
        keys.items |= {"balance": keys.items["token"], "orders": keys.items["instrument"]}
        keys.rows["level"] = tables.LEVELS
        return keys.shape()

    def tables(self, instruments: Instruments, market: Market) -> dict[str, Any]:
        """Everything that a mark, a feed, a pool or a parameter decides; integers but for the last unit."""
        names = self.axes(instruments)["labels"]
        return (
            tables.perp_tables(self, instruments, market, names["perp"])
            | tables.token_tables(self, instruments, market, names["token"])
            | tables.order_tables(instruments, names["pair"])
            | tables.account_tables(self)
        )
