"""The rules of Drift v2 as expressions: what a plan builds from, each equation beside its line.

Units: base 1e-9, quote 1e-6, token atoms, ratios and weights 1e-4. A division rounds toward zero unless it says
"floor". Rules: drift-labs/protocol-v2 ``math/margin.rs``, ``math/spot_balance.rs``, ``state/perp_market.rs``,
``state/spot_market.rs``, ``state/user.rs``.
"""

from dataclasses import dataclass

from crossmargin.margin.plan.builder import Builder
from crossmargin.margin.plan.expression import Expression


def in_quote(m: Builder, amounts: Expression) -> Expression:
    """The account's sum of 1e-6 amounts, in quote currency."""
    return amounts.total() * m.given("atom")


def buffered(m: Builder, amounts: Expression) -> Expression:
    """``trunc(amount buffer)`` of each, summed: what a liquidation adds until it ends, 3.5."""
    return in_quote(m, amounts.mul_div(m.given("buffer"), m.given("ratio_one")))


# ---- perpetuals, 3.2 and 3.3 -------------------------------------------------------------------


@dataclass(frozen=True)
class Perpetuals:
    """Figures of each perpetual: base 1e-9, quote 1e-6, ratios and weights 1e-4."""

    worst: Expression  # base after the orders of the worse side
    liability: Expression  # its value, quote units
    notional: Expression  # the same in quote currency
    ratio: Expression
    requirement: Expression
    profit_weight: Expression
    counted: Expression  # unrealised profit as collateral


def perpetuals(m: Builder) -> Perpetuals:
    """Each position after its worse side of open orders, and its profit: 3.2, 3.3."""
    sources = {"position": "position", "cost": "cost", "perp bids": "buy", "perp asks": "sell"}
    lots, cost, *orders = (m.holding(name, source=source, axis="perp") for name, source in sources.items())
    base, bids, asks = (held.sum("lot_base", by="each") for held in (lots, *orders))
    worst, liability = worst_side(m, base + bids, base - asks)

    # A liability is owed in the quote token, at the higher of its two prices.
    higher = m.max(perp_levels(m, "quote"), perp_levels(m, "quote_average"))
    notional = liability.mul_div(higher, m.given("price_one"))
    ratio = perp_ratio(m, abs(worst))
    requirement = notional.mul_div(ratio, m.given("ratio_one"))

    profit = base.mul_div(perp(m, "oracle"), m.given("base_one")) - cost.sum(by="each")
    weight = profit_weight(m, profit)
    return Perpetuals(worst, liability, notional, ratio, requirement, weight, counted_profit(m, profit, weight))


def perp(m: Builder, name: str) -> Expression:
    return m.given(name, key="perp")


def perp_levels(m: Builder, name: str) -> Expression:
    """A table of perpetuals by level."""
    return m.given(name, key="perp", rows="level")


def worst_side(m: Builder, long: Expression, short: Expression) -> tuple[Expression, Expression]:
    """Position and liability after the bids or the asks filled: the larger liability; asks on ties."""
    bid, ask = liability_value(m, long), liability_value(m, short)
    return (bid - ask).pick(neg=short, zero=short, pos=long), m.max(ask, bid)


def liability_value(m: Builder, base: Expression) -> Expression:
    """``trunc(|base| price)``; a short prediction contract can lose ``1 - price``."""
    one = m.given("base_one")
    return m.max(base.mul_div(perp(m, "oracle"), one), (-base).mul_div(perp(m, "short_price"), one))


def perp_ratio(m: Builder, size: Expression) -> Expression:
    """Margin ratio of a position of a size: the market's, high leverage mode's, at least the user's."""
    addition = size_addition(m, size, perp(m, "ratio_imf"))
    ordinary = m.max(perp_levels(m, "ratio"), perp_levels(m, "ratio_remainder") + addition)
    leveraged = leveraged_ratio(m, perp_levels(m, "plain_remainder") + addition)
    ratio = perp_levels(m, "in_leverage_mode").pick(neg=ordinary, zero=ordinary, pos=leveraged)
    return m.max(ratio, perp_levels(m, "user_ratio")) * perp(m, "asks_margin")


def leveraged_ratio(m: Builder, raised: Expression) -> Expression:
    """High leverage mode, initial and fill: what size leaves of the lower ratio d under the ordinary one P.

    s = ``raised``, the ordinary ratio's premium without its bound: s > P is charged in full, s = P leaves d,
    s < P gives ``d + share of max(1, P - d)`` with ``share = 1 - (P - s) / floor(P / 5)``.
    """
    plain, lower, one = perp_levels(m, "plain"), perp_levels(m, "leveraged"), m.given("share_one")
    share = m.max(one - (plain - raised).mul_div(one, perp_levels(m, "plain_fifth")), 0)
    return (raised - plain).pick(neg=lower + relief_share(m, share), zero=lower, pos=raised)


def relief_share(m: Builder, share: Expression) -> Expression:
    """The share of ``max(1, P - d)``: its floor up to one half, above what the floor of the rest leaves."""
    relief, one = perp_levels(m, "leveraged_relief"), m.given("share_one")
    below, above = share.mul_div(relief, one, "floor"), relief - (one - share).mul_div(relief, one, "floor")
    return (share - m.given("share_half")).pick(neg=below, zero=below, pos=above)


def profit_weight(m: Builder, profit: Expression) -> Expression:
    """What a gain counts: the market's weight, less with its size at initial and fill; a loss counts in full."""
    size = profit.positive() * m.given("profit_size")
    return m.min(perp_levels(m, "profit_weight"), size_discount(m, size, perp_levels(m, "profit_imf")))


def counted_profit(m: Builder, profit: Expression, weight: Expression) -> Expression:
    """Gain times weight less loss, at the quote price that makes it least; initial counts a gain up to a cap."""
    weighted = profit.positive().mul_div(weight, m.given("ratio_one")) - profit.short()
    now, average = (perp_levels(m, name) for name in ("quote", "quote_average"))
    quoted = m.min(*(weighted.mul_div(price, m.given("price_one")) for price in (now, average)))
    return m.min(quoted, m.given("profit_cap", rows="level"))


# ---- size, 3.1 -----------------------------------------------------------------------------------


def root_of_size(m: Builder, size: Expression) -> Expression:
    """``g = floor(sqrt(10 size + 1))``, size in 1e-9."""
    return (size * m.given("root_scale") + 1).root().mul_div(1, 1, "floor")


def size_addition(m: Builder, size: Expression, imf: Expression) -> Expression:
    """``floor(g imf / 1e7)``: what size adds to four fifths of a ratio or liability weight."""
    return root_of_size(m, size).mul_div(imf, m.given("premium_divisor"), "floor")


def size_discount(m: Builder, size: Expression, imf: Expression) -> Expression:
    """``floor(1.1e10 / (1e6 + floor(g imf / 1e5)))``: the most that an asset of this size weighs."""
    growth = root_of_size(m, size).mul_div(imf, m.given("discount_divisor"), "floor")
    return m.given("discount_top").mul_div(1, m.given("imf_one") + growth, "floor")


# ---- tokens, 3.4 ---------------------------------------------------------------------------------


@dataclass(frozen=True)
class Tokens:
    """A token after the orders of one side filled: atoms, quote 1e-6, weights 1e-4."""

    amount: Expression
    order: Expression  # what the orders bring (> 0) or pay (< 0)
    value: Expression  # of the amount, before weights
    weight: Expression
    weighted: Expression

    @property
    def contribution(self) -> Expression:
        """What the side leaves of free collateral."""
        return self.weighted + self.order


def spot_tokens(m: Builder) -> Tokens:
    """Each token after its worse side of open orders; then the user's own weights."""
    held = m.holding("balance", source="balance", axis="token").sum(by="each")
    bids, asks = (
        m.holding(name, source=source, axis="pair").sum("order_atoms", by="token")
        for name, source in (("spot bids", "buy"), ("spot asks", "sell"))
    )
    bought, sold = filled(m, held, bids), filled(m, held, -asks)
    worse = lower_side(bought, sold)
    return user_weighted(m, worse)


def token_levels(m: Builder, name: str) -> Expression:
    """A table of tokens by level."""
    return m.given(name, key="token", rows="level")


def filled(m: Builder, held: Expression, opened: Expression) -> Tokens:
    """One side filled: the ordered part at the higher price, what is held at the lower value of the two.

    ``order = floor(-opened max(price, average))``, ``value = strict value - order``; values round down.
    """
    one, price, average = m.given("token_one", key="token"), token_levels(m, "price"), token_levels(m, "average")
    order = (-opened).mul_div(m.max(price, average), one, "floor")
    value = m.min(held.mul_div(price, one, "floor"), held.mul_div(average, one, "floor")) - order
    weight = token_weight(m, value, abs(held + opened))
    return Tokens(held + opened, order, value, weight, value.mul_div(weight, m.given("ratio_one")))


def token_weight(m: Builder, value: Expression, atoms: Expression) -> Expression:
    """Asset weight of a value >= 0, liability weight of a debt, both of this size."""
    one, imf = m.given("token_one", key="token"), m.given("token_imf", key="token")
    size = atoms.mul_div(m.given("base_one"), one)
    asset = m.min(token_levels(m, "asset_weight"), size_discount(m, size, imf))
    premium = token_levels(m, "liability_remainder") + size_addition(m, size, imf)
    debt = m.max(token_levels(m, "liability"), premium)
    return value.pick(neg=debt, zero=asset, pos=asset)


def lower_side(bought: Tokens, sold: Tokens) -> Tokens:
    """The side that leaves less free collateral; sold on ties."""
    gap = bought.contribution - sold.contribution

    def of_side(name: str) -> Expression:
        sale = getattr(sold, name)
        return gap.pick(neg=getattr(bought, name), zero=sale, pos=sale)

    return Tokens(*(of_side(name) for name in ("amount", "order", "value", "weight", "weighted")))


def user_weighted(m: Builder, side: Tokens) -> Tokens:
    """The user's ratio raises the weight of a debt and caps that of an asset, once the side is known."""
    asset = m.min(side.weight, token_levels(m, "user_asset"))
    weight = side.value.pick(neg=m.max(side.weight, token_levels(m, "user_liability")), zero=asset, pos=asset)
    return Tokens(side.amount, side.order, side.value, weight, side.value.mul_div(weight, m.given("ratio_one")))
