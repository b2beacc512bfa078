"""Risk arrays the slow and obvious way: one instrument and one scenario at a time, by the formulas.

Observations are read from a plain dict of (subject, field) to figure. A scenario is (move, volatility
shock, weight) by underlying. Gains are in quote currency, of one lot or one unit of an asset.
"""

from math import erf, exp, log, sqrt

from crossmargin.instruments import YEAR_NS, Kind, Payoff, Right, expiry_key


def normal(x):
    return (1 + erf(x / sqrt(2))) / 2


def black(F, K, sigma, T, D, sign):
    """Discounted Black-76 price."""
    v = sigma * sqrt(T)
    if v == 0 or F == 0 or K == 0:
        return D * max(sign * (F - K), 0.0)
    d1 = log(F / K) / v + v / 2
    return D * sign * (F * normal(sign * d1) - K * normal(sign * (d1 - v)))


def asset_price(figures, quote, asset):
    if asset.id == quote:
        return 1.0
    return figures.get((asset.id, "index"), figures.get((asset.underlying, "index")))


def asset_move(asset, moves):
    return 0.0 if asset.underlying is None else moves[asset.underlying]


def shocked_volatility(rule, sigma, days, shock):
    power = rule.short_power if days <= rule.reference_days else rule.long_power
    scaled = shock * (rule.reference_days / max(days, rule.floor_days)) ** power
    moved = sigma * (1 + scaled) if rule.mode == "relative" else sigma + scaled
    return max(moved, rule.floor_up if shock > 0 else 0.0)


def option_quote(row, figures, as_of, rule, move, shock):
    """Black-76 price in the unit of the mark: coin for an inverse option."""
    key = expiry_key(row.underlying, row.expiry)
    fixed = figures.get((key, "forward_fixed"), 0.0)
    F = fixed + (figures[key, "forward"] - fixed) * (1 + move)
    T = max(row.expiry - as_of, 0) / YEAR_NS
    D = exp(-figures.get((key, "rate"), 0.0) * T)
    sigma = shocked_volatility(rule, figures[row.id, "volatility"], T * 365, shock)
    price = black(F, row.strike, sigma, T, D, 1 if row.right is Right.CALL else -1)
    return price / F if row.payoff is Payoff.INVERSE else price


def mark(row, figures):
    if row.kind is Kind.SPOT:
        return figures.get((row.id, "mark"), figures[row.underlying, "index"])
    return figures[row.id, "mark"]


def shocked_mark(row, figures, as_of, rule, move, shock):
    if row.kind is not Kind.OPTION:
        return mark(row, figures) * (1 + move)
    now = option_quote(row, figures, as_of, rule, 0.0, 0.0)
    return mark(row, figures) + option_quote(row, figures, as_of, rule, move, shock) - now


def lot_value(row, price):
    """Value of one lot in the settlement asset."""
    size = float(row.contract_size) * float(row.lot)
    return -size / price if row.payoff is Payoff.INVERSE and row.kind is not Kind.OPTION else size * price


def lot_gain(row, assets, figures, as_of, rule, scenario, quote, conversion):
    """Profit of one lot at the shocked or the unshocked price of its settlement asset, or left in it."""
    moves, shocks, weight = scenario
    after = lot_value(
        row, shocked_mark(row, figures, as_of, rule, moves[row.underlying], shocks[row.underlying])
    )
    profit = after - lot_value(row, mark(row, figures))
    if conversion == "coin":
        return profit * weight
    settlement = assets[row.settlement]
    price = asset_price(figures, quote, settlement)
    if conversion == "shocked":
        price *= 1 + asset_move(settlement, moves)
    return profit * price * weight


def unit_gain(asset, figures, scenario, quote):
    moves, _, weight = scenario
    return asset_price(figures, quote, asset) * asset_move(asset, moves) * weight


def risk_array(instruments, figures, as_of, scenarios, rule, quote="USD", conversion="shocked"):
    """(lots, units): a list of rows, one figure a scenario."""
    assets = {asset.id: asset for asset in instruments.assets}
    lots = [
        [lot_gain(row, assets, figures, as_of, rule, s, quote, conversion) for s in scenarios]
        for row in instruments
    ]
    units = [[unit_gain(asset, figures, s, quote) for s in scenarios] for asset in instruments.assets]
    return lots, units
