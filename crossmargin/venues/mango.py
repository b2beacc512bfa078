"""Mango v4 health: tokens at weights, perpetuals in their settle token, spot orders at the worse of two ends.

The venue publishes a surplus, health, at three levels: ``initial`` guards new risk, ``maintenance`` starts
liquidation, ``liquidation end`` stops it. Here equity is mark to market at oracle prices (balances, reserves
of spot orders, quote and base of perpetuals), the same at every level; the requirement is equity less health.
The line of spot orders is negative where an order pays back a borrow; the sum is not, with prudent weights.

Feeds: ``index`` and ``slow_price`` (the venue's stable price) of tokens, in quote currency, and of the
underlyings of perpetuals, in settle tokens, as the venue reads its oracles; ``deposits`` (with what resting
orders may bring) and ``borrows`` of tokens whose weights scale. A token whose oracle fails is an error, or skipped:
``mango_oracles``. Rules restated from mango-v4, programs/mango-v4/src/health/cache.rs, state/bank.rs.
"""

from collections.abc import Mapping
from typing import Any

from crossmargin import _checks as check
from crossmargin.instruments import Instrument, Instruments, Kind
from crossmargin.margin.doubts import Doubts
from crossmargin.margin.keys import Keys
from crossmargin.margin.method import Method
from crossmargin.margin.plan.builder import Builder, Held
from crossmargin.margin.plan.expression import Expression
from crossmargin.margin.plan.program import Program
from crossmargin.market import Market
from crossmargin.venues import mango_oracles as oracles
from crossmargin.venues import mango_tables as tables
from crossmargin.venues.mango_parameters import PerpetualRule, TokenRule, check_prudence

# Holdings and their feeds: of a perpetual, and of a spot market.
FILLS = {"base": "position", "cost": "cost", "buys": "buy", "sells": "sell"}
ORDERS = {"asks": "sell", "bids": "buy_at", "lowest ask": "low_sell", "highest bid": "high_buy"}
ROLES = ("base", "quote")  # a spot market reads two tokens: each role is an axis of its own


class Health(Method, frozen=True, kw_only=True, tag="mango"):
    """Health: tokens with a rule can be held, spot markets by orders alone, perpetuals by both.

    The base token of a spot market is the asset named like its underlying, the quote token its settlement.
    Buys reserve quote, sells base, and the best limit of a side tightens its conversion; a sell of unknown
    limit carries the flag ``NO_LIMIT``. Free amounts of an account are balances. ``skip_bad_oracles``: a deposit whose
    oracle fails counts as nothing, with every order of its markets, and only who owes it is refused.
    """

    tokens: tuple[TokenRule, ...]
    perpetuals: tuple[PerpetualRule, ...] = ()
    skip_bad_oracles: bool = False
    allow_imprudent: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        check.unique("token rule", (rule.asset for rule in self.tokens))
        check.unique("perpetual rule", (rule.instrument for rule in self.perpetuals))
        rules: tuple[TokenRule | PerpetualRule, ...] = self.tokens + self.perpetuals
        for rule in rules:
            check_prudence(rule, self.allow_imprudent)

    def program(self) -> Program:
        m = Builder()
        balances = m.holding("balances", source="balance", axis="token")
        price = m.given("price", key="token")

        # A balance and the perpetuals that settle in it are one amount: a loss uses up deposits unweighted.
        fills = {name: m.holding(name, source=source, axis="perpetual") for name, source in FILLS.items()}
        worth, counted = perpetual_profit(m, fills)
        amount = balances.sum("token_size", by="each") + counted.total("token")

        # What is owned counts for less than its price, what is owed for more.
        discount = amount.positive() * m.given("asset_discount", key="token", rows="level")
        premium = amount.short() * m.given("debt_premium", key="token", rows="level")

        # A resting spot order may end as base or as quote: each market counts at the worse of the two.
        reserved, as_base, as_quote = reserves(m)
        whole = amount + as_base.total("base").total("token") + as_quote.total("quote").total("token")
        orders = m.min(added_value(m, whole, as_base, "base"), added_value(m, whole, as_quote, "quote"))

        m.equity("balances", balances.sum("token_value"))
        m.equity("perpetuals", (worth.total("token") * price).total())
        m.equity("reserved in spot orders", reserved)
        m.charge("token weights", (discount + premium).total())
        m.charge("perpetual weights", ((worth - counted).total("token") * price).total())
        m.charge("spot orders", reserved - orders.total())

        # Above zero the venue refuses the account: it owes what no oracle values, or holds such a perpetual.
        owed = balances.sum("unvalued_size", by="each").short().total()
        m.output("unvalued", owed + unvalued_perpetuals(fills))
        return m.build()

    def axes(self, instruments: Instruments) -> dict[str, Any]:
        """Spot markets below the tokens in both roles, perpetuals below their settle token."""
        self.check_instruments(instruments)
        keys, known = Keys({}, {}, {}), Keys.of(instruments).labels
        ruled = [row for row, asset in enumerate(instruments.assets) if asset.id in self.rule_of_token]
        keys.pick("token", known["asset"], ruled)
        keys.pick("market", known["instrument"], instruments.select(Kind.SPOT).tolist())
        keys.pick("perpetual", known["instrument"], instruments.select(Kind.PERPETUAL).tolist())
        keys.items |= {"balances": keys.items["token"]}
        keys.items |= dict.fromkeys(ORDERS, keys.items["market"])
        keys.items |= dict.fromkeys(FILLS, keys.items["perpetual"])
        keys.labels |= dict.fromkeys(ROLES, keys.labels["token"])
        keys.rows["level"] = tables.LEVELS
        return keys.shape() | {"maps": maps_of(instruments, keys)}

    def tables(self, instruments: Instruments, market: Market) -> dict[str, Any]:
        """Everything that an oracle, a stable price, a pool total, a clock or a parameter decides."""
        shape = self.axes(instruments)
        names, maps = shape["labels"], shape["maps"]
        assets = [instruments.asset(name) for name in names["token"]]
        spots, perpetuals = (named(instruments, names[axis]) for axis in ("market", "perpetual"))
        skipped = oracles.skipped(self, instruments, market)
        valued = [name not in skipped.tokens for name in names["token"]]
        known = [name not in skipped.perpetuals for name in names["perpetual"]]
        prices = tables.Prices.of_tokens(market, assets, valued)
        token_rules = [self.rule_of_token[name] for name in names["token"]]
        perpetual_rules = [self.rule_of_perpetual[name] for name in names["perpetual"]]
        return (
            tables.token_tables(token_rules, assets, prices, market, valued)
            | tables.spot_tables(spots, prices, maps["market", "base"], maps["market", "quote"], valued)
            | tables.perpetual_tables(perpetual_rules, perpetuals, instruments, market, known)
        )

    def doubts(self, instruments: Instruments, market: Market) -> Doubts:
        """A debt in a token that is skipped, a perpetual without value."""
        skips = self.skip_bad_oracles
        return oracles.doubted(oracles.skipped(self, instruments, market)) if skips else Doubts()

    @property
    def rule_of_token(self) -> dict[str, TokenRule]:
        return {rule.asset: rule for rule in self.tokens}

    @property
    def rule_of_perpetual(self) -> dict[str, PerpetualRule]:
        return {rule.instrument: rule for rule in self.perpetuals}

    def check_instruments(self, instruments: Instruments) -> None:
        """Refuse what the venue cannot list: other kinds and payoffs, tokens or perpetuals without a rule."""
        for row in instruments:
            where = f"of instrument {row.id!r}"
            check.one_of("kind", row.kind, (Kind.SPOT, Kind.PERPETUAL), where)
            check.one_of("payoff", row.payoff, ("linear",), where)
            check.known("settlement", row.settlement, self.rule_of_token, "token rule", where)
            self.check_subject(row, instruments, where)

    def check_subject(self, row: Instrument, instruments: Instruments, where: str) -> None:
        if row.kind is Kind.PERPETUAL:
            check.known("perpetual", row.id, self.rule_of_perpetual, "perpetual rule", where)
        else:
            check.known("base token", row.underlying, self.rule_of_token, "token rule", where)
            check.known("base token", row.underlying, instruments.asset_index, "asset", where)


def named(instruments: Instruments, names: tuple[str, ...]) -> list[Instrument]:
    return [instruments.instrument(name) for name in names]


def maps_of(instruments: Instruments, keys: Keys) -> dict[tuple[str, str], list[int]]:
    """Perpetuals to their settle token; markets to a token in each role; roles to the tokens themselves."""
    row_of = {label: row for row, label in enumerate(keys.labels["token"])}
    markets, perpetuals = (named(instruments, keys.labels[axis]) for axis in ("market", "perpetual"))
    return {
        ("perpetual", "token"): [row_of[row.settlement] for row in perpetuals],
        ("market", "base"): [row_of[row.underlying] for row in markets],
        ("market", "quote"): [row_of[row.settlement] for row in markets],
    } | {(role, "token"): list(row_of.values()) for role in ROLES}


def perpetual_profit(m: Builder, held: Mapping[str, Held]) -> tuple[Expression, Expression]:
    """Value perpetuals in settle tokens: worth at the oracle, ``quote + base P``, and what counts of it.

    ``u x profit weight`` where u > 0, else u; ``u = quote + min(case(buys, P_high), case(-sells, P_low))``;
    ``case(o, P) = (base + o) x weighted price of its side - o P``.
    """
    base, buys, sells = (held[name].sum("perpetual_size", by="each") for name in ("base", "buys", "sells"))
    quote = -held["cost"].sum("cost_size", by="each")
    long_value, short_value, low, high, profit_weight = (
        m.given(name, key="perpetual", rows="level")
        for name in ("long_value", "short_value", "perpetual_low", "perpetual_high", "profit_weight")
    )

    # All buys fill at the higher price, or all sells at the lower one: the worse of the two counts.
    bought = (base + buys).sided(below=short_value, above=long_value) - buys * high
    sold = (base - sells).sided(below=short_value, above=long_value) + sells * low
    profit = quote + m.min(bought, sold)

    # A profit is trusted in part, a loss in full.
    counted = profit.sided(below=1, above=profit_weight)
    return quote + base * m.given("perpetual_price", key="perpetual"), counted


def unvalued_perpetuals(held: Mapping[str, Held]) -> Expression:
    """Lots, orders and cost held in perpetuals without value: above 0 where there is one."""
    base, quote, buys, sells = (held[name].sum("unvalued_perpetual", by="each") for name in FILLS)
    return (abs(base) + abs(quote) + buys + sells).total()


def reserves(m: Builder) -> tuple[Expression, Expression, Expression]:
    """Sum what spot orders reserve: worth at the oracle, and by market the amount as base, as quote alone.

    As base ``rb + rq / max(P_base,high / P_quote,low, highest bid)``, as quote ``rq + rb x min(P_base,low /
    P_quote,high, lowest ask)``; without a limit the prices stand alone.
    """
    held = {name: m.holding(name, source=source, axis="market") for name, source in ORDERS.items()}
    base, quote = held["asks"].sum("base_size", by="each"), held["bids"].sum("quote_size", by="each")
    ask, bid = (held[name].sum("tick", by="each") for name in ("lowest ask", "highest bid"))
    buying, per_quote, selling = (
        m.given(name, key="market", rows="level") for name in ("buying_price", "bought_per_quote", "selling_price")
    )

    # A conversion happens at prices against the account, or at its best limit where that gives less still.
    bought, sold = quote * per_quote, base * selling
    bought = (bid - buying).pick(neg=bought, zero=bought, pos=quote / m.max(buying, bid))
    sold = ask.pick(neg=sold, zero=sold, pos=m.min(sold, base * ask))
    worth = held["asks"].sum("base_value") + held["bids"].sum("quote_value")
    return worth, base + bought, quote + sold


def added_value(m: Builder, whole: Expression, reserve: Expression, role: str) -> Expression:
    """Add the reserve r of a market to a token, on top of the balance and of all other reserves.

    ``v(w) - v(w - r)``: v weighs an amount by its side, w is the token's amount with every reserve that may
    become it. So r counts at the asset weight where it is owned, at the debt weight where it pays back. Each
    of several markets of a token is the last: never too much, but there a deposit can lower health.
    """
    after = whole.at(role).at("market")
    debt, asset = (
        m.given(name, key="token", rows="level").at(role).at("market") for name in ("debt_value", "asset_value")
    )
    return after.sided(below=debt, above=asset) - (after - reserve).sided(below=debt, above=asset)
