"""Margin methods the slow and obvious way: what ``crossmargin.margin`` is checked against.

Written from the equations of the docstrings in plain Python, without plans: parameters are read as data,
every option is revalued by a scalar Black-76, every sum is a loop over what is held. A pair (initial,
maintenance) stands for the two levels. Holdings are ``{instrument: (lots, cost in atoms)}`` and
``{asset: atoms}``.
"""

from dataclasses import dataclass, field
from functools import cache
from math import erfc, exp, log, sqrt

from crossmargin.instruments import YEAR_NS, expiry_key

LEVELS = ("initial", "maintenance")


def normal(x):
    return 0.5 * erfc(-x / sqrt(2.0))


def distance(F, K, v):
    return log(F / K) / v + v / 2


def black76(F, K, sigma, T, D, sign):
    """V = D sign (F Phi(sign d1) - K Phi(sign d2)); at the limits the discounted intrinsic value."""
    v = sigma * sqrt(T)
    if v == 0 or K == 0 or F == 0:
        return D * max(sign * (F - K), 0.0)
    d1 = distance(F, K, v)
    return D * sign * (F * normal(sign * d1) - K * normal(sign * (d1 - v)))


def black76_delta(F, K, sigma, T, D, sign):
    v = sigma * sqrt(T)
    return D * sign * normal(sign * distance(F, K, v))


@dataclass(frozen=True)
class Scenario:
    """A move and a volatility shock of every underlying, and the share of the outcome that counts."""

    move: float
    volatility: float
    weight: float
    ranges: tuple  # of (underlying, range); () moves all alike

    def of(self, underlying):
        ranges = dict(self.ranges)
        return self.move * (ranges.get(underlying, ranges.get("*")) if ranges else 1.0)


def scenarios_of(grid):
    ranges = tuple(grid.ranges.items())
    rows = [Scenario(move, shock, 1.0, ranges) for move in grid.moves for shock in grid.volatility]
    return rows + [Scenario(tail.move, tail.volatility, tail.weight, ()) for tail in grid.tails]


def term(grid, days):
    """t = (30 / max(days, floor))**p, p short up to 30 days and long beyond."""
    power = grid.short_power if days <= 30.0 else grid.long_power
    return (30.0 / max(days, grid.floor_days)) ** power


def shocked_volatility(grid, sigma, days, shock):
    change = shock * term(grid, days)
    moved = sigma * (1.0 + change) if grid.mode == "relative" else sigma + change
    return max(moved, grid.floor_up if shock > 0 else 0.0)


class World:
    """Instruments and market, priced one by one."""

    def __init__(self, instruments, market):
        self.instruments, self.market = instruments, market
        self.row = {row.id: row for row in instruments}
        self.asset = {asset.id: asset for asset in instruments.assets}
        self.gain = cache(self.gain)
        self.delta = cache(self.delta)

    def price(self, name):
        asset = self.asset[name]
        if name == self.market.quote:
            return 1.0
        own = self.market.has("index", name) or asset.underlying is None
        return self.market.value("index", name if own else asset.underlying)

    def amount(self, name, atoms):
        return atoms / 10 ** self.asset[name].decimals

    def index(self, row):
        return self.market.value("index", row.underlying)

    def mark(self, row):
        if row.kind == "spot" and not self.market.has("mark", row.id):
            return self.index(row)
        return self.market.value("mark", row.id)

    def inverted(self, row):
        return row.payoff == "inverse" and row.kind != "option"

    def size(self, row):
        return float(row.contract_size * row.lot)

    def lot_value(self, row, price):
        """Settlement asset: m P, or -m / P where inverted."""
        return -self.size(row) / price if self.inverted(row) else self.size(row) * price

    def value(self, row):
        """One lot at its mark, quote currency."""
        return self.lot_value(row, self.mark(row)) * self.price(row.settlement)

    def notional(self, row):
        """One lot at the index, quote currency."""
        if self.inverted(row):
            return self.size(row)
        coin = self.price(row.settlement) if row.payoff == "quanto" else 1.0
        return self.size(row) * self.index(row) * coin

    def terms(self, row):
        """(F, K, sigma, T, D, sign) of an option, and the fixed part of its forward."""
        key = expiry_key(row.underlying, row.expiry)
        years = max(row.expiry - self.market.as_of, 0) / YEAR_NS
        discount = exp(-self.market.get("rate", key, 0.0) * years)
        sign = 1.0 if row.right == "call" else -1.0
        sigma = self.market.value("volatility", row.id)
        forward = self.market.value("forward", key)
        return (forward, row.strike, sigma, years, discount, sign), self.market.get("forward_fixed", key, 0.0)

    def quote(self, row, F, sigma, terms):
        """Model price in the unit of the mark."""
        _, K, _, T, D, sign = terms
        value = black76(F, K, sigma, T, D, sign)
        return value / F if row.payoff == "inverse" else value

    def shocked(self, row, scenario, grid):
        """Price in a scenario: an option keeps its distance from the model."""
        move = scenario.of(row.underlying)
        if row.kind != "option":
            return self.mark(row) * (1.0 + move)
        terms, fixed = self.terms(row)
        F, _, sigma, T, _, _ = terms
        moved = F + (F - fixed) * move
        bumped = shocked_volatility(grid, sigma, T * 365.0, scenario.volatility)
        return self.mark(row) + self.quote(row, moved, bumped, terms) - self.quote(row, F, sigma, terms)

    def coin_move(self, name, scenario):
        underlying = self.asset[name].underlying
        return 0.0 if underlying is None else scenario.of(underlying)

    def gain(self, name, scenario, rule):
        """Gain of one lot: profit in the settlement asset at that asset's shocked price, weighted."""
        row, grid = self.row[name], rule.grid
        change = self.lot_value(row, self.shocked(row, scenario, grid)) - self.lot_value(row, self.mark(row))
        coin = self.price(row.settlement) * (1.0 + self.coin_move(row.settlement, scenario))
        return change * coin * scenario.weight

    def delta(self, name):
        """Quote-currency change of one lot per unit relative move of its underlying."""
        row = self.row[name]
        coin = self.price(row.settlement)
        if row.kind != "option":
            return abs(self.lot_value(row, self.mark(row))) * coin if self.mark(row) > 0 else self.value(row)
        terms, fixed = self.terms(row)
        F = terms[0]
        slope = black76_delta(*terms)
        if row.payoff == "inverse":
            slope = slope / F - black76(*terms) / F**2
        return slope * (F - fixed) * self.size(row) * coin


class Rule:
    """A grid that can be a key of a cache."""

    def __init__(self, grid):
        self.grid = grid


@dataclass
class Figures:
    """Lines of the requirement and of the equity: name to (initial, maintenance), quote currency."""

    charges: dict = field(default_factory=dict)
    equity: dict = field(default_factory=dict)

    def required(self, level):
        return sum(pair[level] for pair in self.charges.values())

    def owned(self, level):
        return sum(pair[level] for pair in self.equity.values())


# ---------------------------------------------------------------- collateral and equity
def counted_amount(amount, haircut, level):
    """Units that count: each tier at its weight, nothing beyond the cap."""
    rates = getattr(haircut, LEVELS[level])
    ends = [*haircut.edges[1:], float("inf")]
    cap = float("inf") if haircut.cap is None else haircut.cap
    total = 0.0
    for low, high, rate in zip(haircut.edges, ends, rates, strict=True):
        total += max(min(amount, high, cap) - low, 0.0) * (1.0 - rate)
    return total


def counted(world, haircuts, name, atoms, level):
    """Quote value of a balance as collateral; a debt at full price and its weight."""
    price, amount = world.price(name), world.amount(name, atoms)
    haircut = haircuts.get(name)
    if amount < 0:
        return amount * price * (1.0 + (haircut.debt_weight if haircut else 0.0))
    return counted_amount(amount, haircut, level) * price if haircut else 0.0


def by_asset(world, method, balances, level):
    haircuts = {h.asset: h for h in method.collateral}
    return {name: counted(world, haircuts, name, atoms, level) for name, atoms in balances.items()}


def profit(world, name, lots, cost):
    row = world.row[name]
    return lots * world.value(row) - world.amount(row.settlement, cost) * world.price(row.settlement)


def equity_lines(world, method, positions, balances):
    unrealised = sum(profit(world, name, *held) for name, held in positions.items())
    collateral = tuple(sum(by_asset(world, method, balances, level).values()) for level in (0, 1))
    return {"positions": (unrealised, unrealised), "collateral": collateral}


# ---------------------------------------------------------------- scans
def reduced(method, gains):
    """The worst gain, or the mean of the worst share of scenarios (the last one in part)."""
    if method.tail == 0:
        return min(gains)
    k = max(method.tail * len(gains), 1.0)
    total, left = 0.0, k
    for gain in sorted(gains):
        total += gain * min(left, 1.0)
        left = max(left - 1.0, 0.0)
    return total / k


def group_of(method, underlying):
    named = [name for name, members in method.groups.items() if underlying in members]
    return named[0] if named else underlying


def exposures(world, method, positions, balances, level):
    """What of each asset moves with it: counted collateral and unrealised profit."""
    outside = {h.asset for h in method.collateral if not h.in_scenario}
    found = by_asset(world, method, balances, level)
    for name, held in positions.items():
        settlement = world.row[name].settlement
        found[settlement] = found.get(settlement, 0.0) + profit(world, name, *held)
    return {name: value for name, value in found.items() if name not in outside}


def group_gains(world, method, positions, balances, level):
    """G_gs by group, a list over the scenarios."""
    rule, rows = rule_of(method), scenarios_of(method.scenarios)
    found = {}
    for name, (lots, _) in positions.items():
        line = found.setdefault(group_of(method, world.row[name].underlying), [0.0] * len(rows))
        for s, scenario in enumerate(rows):
            line[s] += lots * world.gain(name, scenario, rule)
    for name, value in exposures(world, method, positions, balances, level).items():
        underlying = world.asset[name].underlying
        if underlying is not None:
            line = found.setdefault(group_of(method, underlying), [0.0] * len(rows))
            for s, scenario in enumerate(rows):
                line[s] += value * scenario.of(underlying) * scenario.weight
    return found


RULES = {}


def rule_of(method):
    """One cache key a grid."""
    return RULES.setdefault(repr(method.scenarios), Rule(method.scenarios))


def scan_loss(world, method, positions, balances, level):
    gains = group_gains(world, method, positions, balances, level)
    if not gains:
        return 0.0
    if method.between_groups == "sum":
        return sum(-min(0.0, reduced(method, line)) for line in gains.values())
    rate = {group: method.offsets.get(group, 0.0) for group in gains}
    carried = [[g * rate[group] if g > 0 else g for g in line] for group, line in gains.items()]
    return -min(0.0, reduced(method, [sum(column) for column in zip(*carried, strict=True)]))


def lone_loss(world, method, name, lots):
    rule = rule_of(method)
    gains = [lots * world.gain(name, scenario, rule) for scenario in scenarios_of(method.scenarios)]
    return -min(0.0, reduced(method, gains))


# ---------------------------------------------------------------- charges
def sums(pairs):
    found = {}
    for key, value in pairs:
        found[key] = found.get(key, 0.0) + value
    return found


def basis(world, positions):
    """min(long, short) dollar delta over the expiries of each underlying."""
    rows = [(world.row[name], lots * world.delta(name)) for name, (lots, _) in positions.items()]
    expiries = sums(((row.underlying, row.expiry), delta) for row, delta in rows)
    long = sums((u, max(d, 0.0)) for (u, _), d in expiries.items())
    short = sums((u, max(-d, 0.0)) for (u, _), d in expiries.items())
    return sum(min(long[u], short[u]) for u in long)


def marginal(size, edges, rates):
    """Each slice of the size at its own rate; below the first edge nothing."""
    ends = [*edges[1:], float("inf")]
    return sum(
        rate * max(min(size, end) - edge, 0.0) for edge, end, rate in zip(edges, ends, rates, strict=True)
    )


def size_charge(world, charges, positions):
    deltas = sums(
        (world.row[name].underlying, lots * world.delta(name)) for name, (lots, _) in positions.items()
    )
    return sum(marginal(abs(d), charges.size_edges, charges.size_rates) for d in deltas.values())


def short_notional(world, positions):
    rows = [(world.row[name], lots) for name, (lots, _) in positions.items()]
    return sum(max(-lots, 0) * world.notional(row) for row, lots in rows if row.kind == "option")


def gross_notional(world, positions):
    return sum(abs(lots) * world.notional(world.row[name]) for name, (lots, _) in positions.items())


def add_minimums(found, world, charges, positions):
    """What the lines before them fall short of each minimum."""
    for name, amount, rates in (
        ("short option minimum", short_notional(world, positions), charges.short_option),
        ("minimum", gross_notional(world, positions), charges.minimum),
    ):
        before = [found.required(level) for level in (0, 1)]
        found.charges[name] = tuple(max(amount * rates[level] - before[level], 0.0) for level in (0, 1))


# ---------------------------------------------------------------- methods
def scenario_margin(world, method, positions, balances):
    found = Figures(equity=equity_lines(world, method, positions, balances))
    charges = method.charges
    scans = [scan_loss(world, method, positions, balances, level) for level in (0, 1)]
    found.charges["scan loss"] = tuple(scans[level] * method.factor[level] for level in (0, 1))
    found.charges["basis across expiries"] = tuple(basis(world, positions) * rate for rate in charges.basis)
    found.charges["size"] = (size_charge(world, charges, positions),) * 2
    add_minimums(found, world, charges, positions)
    return found


def isolated_margin(world, method, positions, balances):
    found = Figures(equity=equity_lines(world, method, positions, balances))
    loss = sum(lone_loss(world, method, name, lots) for name, (lots, _) in positions.items())
    found.charges["scan loss"] = tuple(loss * factor for factor in method.factor)
    add_minimums(found, world, method.charges, positions)
    return found


def deduction_form(notional, edges, rates):
    """r_i N - d_i in the tier of N, with d_i = d_{i-1} + e_i (r_i - r_{i-1})."""
    deduction, before, charge = 0.0, 0.0, 0.0
    for edge, rate in zip(edges, rates, strict=True):
        deduction += edge * (rate - before)
        before = rate
        if notional > edge:
            charge = rate * notional - deduction
    return charge


def scheduled(schedule, notional, units, level):
    kind = schedule.__struct_config__.tag
    if kind == "tiers":
        return deduction_form(notional, schedule.edges, getattr(schedule, LEVELS[level]))
    size = units if kind == "linear" else sqrt(units)
    return notional * min(schedule.base[level] + schedule.slope[level] * size, 1.0)


def linear_charges(world, method, positions, level):
    """Charges on the net size of each market, by kind of schedule."""
    field_name = "id" if method.net_by == "instrument" else "underlying"
    rows = [(world.row[name], lots) for name, (lots, _) in positions.items()]
    rows = [(getattr(row, field_name), row, lots) for row, lots in rows if row.kind != "option"]
    notional = sums((market, lots * world.notional(row)) for market, row, lots in rows)
    index = {market: world.index(row) for market, row, _ in rows}
    found = {schedule.__struct_config__.tag: 0.0 for schedule in method.schedules.values()}
    for market, net in notional.items():
        schedule = method.schedules[market]
        charge = scheduled(schedule, abs(net), abs(net) / index[market], level)
        found[schedule.__struct_config__.tag] += charge
    return found


def short_option(world, method, row, level):
    """index max(floor, rate - out-of-the-money share) + mark, a lot."""
    index = world.index(row)
    away = row.strike - index if row.right == "call" else index - row.strike
    rate = max(method.options.floor[level], method.options.rate[level] - max(away, 0.0) / index)
    return rate * world.notional(row) + world.value(row)


def option_charges(world, method, positions, level):
    rows = [(world.row[name], lots) for name, (lots, _) in positions.items()]
    rows = [(row, lots) for row, lots in rows if row.kind == "option"]
    short = sum(-lots * short_option(world, method, row, level) for row, lots in rows if lots < 0)
    long = sum(lots * world.value(row) for row, lots in rows if lots > 0)
    return {"short options": short, "long options": long}


def tiered_margin(world, method, positions, balances):
    found = Figures(equity=equity_lines(world, method, positions, balances))
    lines = [
        linear_charges(world, method, positions, k) | option_charges(world, method, positions, k)
        for k in (0, 1)
    ]
    found.charges = {name: (lines[0][name], lines[1][name]) for name in lines[0]}
    return found


METHODS = {"scenario": scenario_margin, "isolated": isolated_margin, "tiered": tiered_margin}


def margin(world, method, positions, balances):
    """Figures of any method by its name."""
    return METHODS[method.method_name](world, method, positions, balances)


def gross(world, positions, balances):
    """Scale of rounding: everything held, at its value and notional, without netting."""
    held = sum(
        abs(lots) * (world.notional(world.row[n]) + abs(world.value(world.row[n])))
        for n, (lots, _) in positions.items()
    )
    owned = sum(abs(world.amount(name, atoms)) * world.price(name) for name, atoms in balances.items())
    return held + owned
