"""dYdX v4 against a plain twin: 1,000 random accounts in exact integers and in float64, changes, orders, funding."""

from decimal import Decimal
from fractions import Fraction

import numpy as np
import pytest
from conformance.dydx_accounts import Case, largest_product
from reference import dydx as twin

from crossmargin import Account, Asset, Book, Instrument, Instruments, Market, Observation, Order, Portfolio
from crossmargin.instruments import Kind
from crossmargin.margin.plan.quantum import Quanta
from crossmargin.venues import dydx
from crossmargin.venues.dydx_parameters import LiquidityTier, PerpMarket
from crossmargin.venues.dydx_rules import Outcome, Risk, allowed_change, risk_order

COINS = ("A", "B", "C")
DESKS, ACCOUNTS = 40, 25
EXACT = 2**53
RATES = (0, 1, 10_000, 33_333, 50_000, 100_000, 200_000, 999_999, 1_000_000)


def magnitude(rng, most):
    """An integer of any size up to 10**most."""
    return int(rng.integers(1, 10**4)) * 10 ** int(rng.integers(0, max(most - 3, 1)))


def perp_of(rng, digits):
    """A market; its open interest lies below, between and above its caps."""
    resolution = int(rng.integers(-10, -4))
    price, exponent = magnitude(rng, digits), int(rng.integers(-9, -4))
    initial, fraction = (int(rng.choice(RATES)) for _ in range(2))
    interest = magnitude(rng, 12)
    seen = max(interest * price // 10 ** max(-(exponent + resolution + 6), 0), 1)
    caps = [(0, 0), (seen, 2 * seen), (seen // 2, 2 * seen), (seen // 3, seen // 2 + 1), (seen // 7, seen + 3)]
    lower, upper = caps[int(rng.integers(len(caps)))]
    upper = min(upper, 2**63 - 1)
    chosen = int(rng.choice([0, 0, 70_000, 400_000]))
    return twin.Perp(price, exponent, resolution, initial, fraction, min(lower, upper), upper, interest, chosen)


def decimal(value):
    return Decimal(value.numerator) / Decimal(value.denominator)


def instruments_of(perps, lots):
    listed = [
        Instrument(id=f"{coin}-USD", kind=Kind.PERPETUAL, underlying=coin, settlement="USDC", tick=Fraction(1, 10**12),
                   lot=Fraction(10) ** perp.resolution * lot)
        for coin, perp, lot in zip(COINS, perps, lots, strict=True)
    ]  # fmt: skip
    return Instruments.of(listed, [Asset(id="USDC", decimals=6)])


def desk_of(rng, digits=9):
    """A method, its instruments and market, and the markets as the twin reads them."""
    perps = [perp_of(rng, digits) for _ in COINS]
    lots = [int(rng.choice([1, 1, 1000])) for _ in COINS]
    markets, seen = [], []
    for coin, p in zip(COINS, perps, strict=True):
        tier = LiquidityTier(initial=p.initial, maintenance_fraction=p.fraction, lower_cap=p.lower, upper_cap=p.upper)
        price, interest = Fraction(p.price) * Fraction(10) ** p.exponent, p.interest * Fraction(10) ** p.resolution
        long = digits > 15
        markets.append(PerpMarket(underlying=coin, atomic_resolution=p.resolution, tier=tier,
                                  price=decimal(price) if long else None, open_interest=decimal(interest) if long else None))  # fmt: skip
        seen += [Observation(subject=coin, field="index", value=float(price)),
                 Observation(subject=f"{coin}-USD", field="open_interest", value=float(interest))]  # fmt: skip
    method = dydx.CrossMargin(name="random", quote="USDC", markets=tuple(markets), maker_fee=int(rng.integers(-200, 500)),
                              chosen_rates={c: p.chosen for c, p in zip(COINS, perps, strict=True) if p.chosen})  # fmt: skip
    return method, instruments_of(perps, lots), Market.of(seen, as_of=0, quote="USDC"), perps, lots


def holdings_of(rng, most):
    """Cash in quanta and signed lots, some of them none."""
    cash = int(rng.choice([-1, 1])) * magnitude(rng, 13)
    return cash, [int(rng.choice([-1, 0, 1])) * (magnitude(rng, most) + int(rng.integers(-1, 2))) for _ in COINS]


def book_of(instruments, accounts):
    rows = [(i, item, lots) for i, (_, held) in enumerate(accounts) for item, lots in enumerate(held) if lots]
    return Book.of(
        instruments, [Account(id=f"{i:03}", currency="USDC") for i in range(len(accounts))],
        positions={"account": [r[0] for r in rows], "instrument": [r[1] for r in rows], "lots": [r[2] for r in rows]},
        balances={"account": list(range(len(accounts))), "asset": [0] * len(accounts), "atoms": [c for c, _ in accounts]},
    )  # fmt: skip


def state_of(perps, lots, cash, held):
    return twin.account(cash, [(p, n * lot) for p, n, lot in zip(perps, held, lots, strict=True)])


def states(rng, digits=9, most=9):
    """Each account of a random desk: its case, what was found exactly, and the twin's."""
    method, instruments, market, perps, lots = desk_of(rng, digits)
    accounts = [holdings_of(rng, most) for _ in range(ACCOUNTS)]
    book, prepared = book_of(instruments, accounts), method.prepare(instruments, market)
    for unit, (cash, held) in enumerate(accounts):
        case = Case(method, Portfolio(book, unit), market)
        yield case, dydx.risk(prepared, case.portfolio), state_of(perps, lots, cash, held)


def triple(risk):
    return risk.net_collateral, risk.initial, risk.maintenance


@pytest.mark.parametrize("seed", range(DESKS))
def test_integers_equal_the_twin(seed):
    for _, found, expected in states(np.random.default_rng(seed)):
        assert triple(found) == expected


@pytest.mark.parametrize("seed", range(10))
def test_integers_of_any_size_equal_the_twin(seed):
    """Prices of 25 digits, beyond what an observation can hold."""
    for _, found, expected in states(np.random.default_rng(1000 + seed), digits=25, most=15):
        assert triple(found) == expected


def test_floats_are_the_integers_where_every_product_is_within_53_bits():
    """Batch over a whole book; beyond that to the precision of float64."""
    within = 0
    for seed in range(DESKS):
        found = list(states(np.random.default_rng(seed)))
        case = found[0][0]
        batch = case.prepared.requirements(case.portfolio.book)
        columns = (batch.equity_maintenance, batch.initial, batch.maintenance)
        for unit, (case, exact, _) in enumerate(found):
            floats = [column[unit] for column in columns]
            gross = sum(map(abs, triple(exact))) + abs(sum(case.portfolio.balances.values()))
            assert floats == pytest.approx([n / 1e6 for n in triple(exact)], rel=1e-13, abs=1e-15 * gross)
            if largest_product(case) <= EXACT and gross < 2**49:
                within += 1
                assert [round(value * 1e6) for value in floats] == list(triple(exact))
                assert Risk.of(case.prepared.requirement(case.portfolio)) == exact
    assert 300 < within < DESKS * ACCOUNTS  # both sides are met


def test_the_gates_accumulators_hold_the_same_integers():
    """Any history of positions, under quanta for sums up to 2^51 quanta: whole numbers stay whole."""
    rng, method = np.random.default_rng(9), dydx.cross_margin()
    listed = [
        Instrument(id=row.underlying, kind=Kind.PERPETUAL, underlying=row.underlying, settlement="USDC",
                   tick=Fraction(1, 100), lot=Fraction(1, 10_000))
        for row in method.markets
    ]  # fmt: skip
    instruments = Instruments.of(listed, [Asset(id="USDC", decimals=6)])
    seen = [Observation(subject=row.id, field="index", value=round(rng.uniform(1, 9e4), 5)) for row in listed]
    prepared = method.prepare(instruments, Market.of(seen, as_of=0, quote="USDC"))
    portfolio = Portfolio.of(instruments, balances={"USDC": 1000})
    account = prepared.incremental(portfolio, Quanta.of(prepared.bound, {"position": 1e5, "cost": 1e12, "balance": 1e12}))
    held = {}
    for _ in range(300):
        item, lots = int(rng.integers(len(listed))), int(rng.integers(-(10**5), 10**5))
        account.apply("position", item, lots)
        held[instruments.rows[item].id] = lots
        exact, found = dydx.risk(prepared, portfolio.holding(positions=held)), account.outputs()
        floats = (found["equity"][0], *found["requirement"])
        assert [round(value * 1e6) for value in floats] == list(triple(exact))


def test_divisions_in_floats_are_exact_up_to_the_last_bit():
    """Products next to 2^53 and quotients next to a whole number: the float ceiling and truncation never slip."""
    rng = np.random.default_rng(5)
    for _ in range(20_000):
        over = int(rng.integers(1, 10**6))
        product = min(over * int(rng.integers(1, EXACT // over)) + int(rng.integers(-1, 2)), EXACT)
        x = product * 1.0 / float(over)
        assert (int(np.trunc(x)), int(np.ceil(x))) == (product // over, -(-product // over))


def test_parts_sum_to_the_whole():
    for case, exact, _ in states(np.random.default_rng(3)):
        found = case.prepared.requirement(case.portfolio)
        for level, whole in (("initial", exact.initial), ("maintenance", exact.maintenance)):
            leaves = sum(leaf.value for leaf in found.explain(level).leaves())
            assert leaves == pytest.approx(whole / 1e6, rel=1e-9, abs=1e-9)


# ---- two states ------------------------------------------------------------------------------------


def random_states(n):
    """Small figures, so that ties and zeros are common."""
    rng = np.random.default_rng(11)
    for _ in range(n):
        net, margin = rng.integers(-6, 7, 2).tolist(), np.sort(rng.integers(0, 5, (2, 2)), axis=1).tolist()
        yield [(n, initial, maintenance) for n, (maintenance, initial) in zip(net, margin, strict=True)]


def risk_of(state):
    return Risk(net_collateral=state[0], initial=state[1], maintenance=state[2])


def test_allowed_changes_equal_the_twin():
    seen = set()
    for old, new in random_states(5_000):
        found = allowed_change(risk_of(old), risk_of(new))
        assert found == twin.change(old, new), (old, new)
        seen.add(found)
    assert seen == {Outcome.SUCCESS, Outcome.NEWLY_UNDERCOLLATERALIZED, Outcome.STILL_UNDERCOLLATERALIZED}


def test_the_order_of_risk_equals_the_twin_and_turns_with_its_arguments():
    for first, second in random_states(5_000):
        found = risk_order(risk_of(first), risk_of(second))
        assert found == -risk_order(risk_of(second), risk_of(first))
        if first[2] and second[2]:
            assert found == twin.riskier(first, second)


# ---- orders and funding ----------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(20))
def test_orders_equal_the_twin(seed):
    """Each order alone, filled at its limit with the fee, near the oracle's price."""
    rng = np.random.default_rng(100 + seed)
    method, instruments, market, perps, lots = desk_of(rng)
    cash, held = holdings_of(rng, 7)
    portfolio = Portfolio(book_of(instruments, [(cash, held)]), 0)
    before = state_of(perps, lots, cash, held)
    for number in range(20):
        item, sign = int(rng.integers(len(COINS))), int(rng.choice([-1, 1]))
        size = magnitude(rng, 7) if number % 2 or not held[item] else abs(held[item]) // 2 + 1
        limit = Fraction(int(rng.integers(900, 1100)), 1000) * perps[item].price * Fraction(10) ** perps[item].exponent
        order = Order(id=number, instrument=instruments.rows[item].id, side="buy" if sign > 0 else "sell", lots=size,
                      limit=str(decimal(limit)), flags=dydx.SHORT_TERM)  # fmt: skip
        unit = limit * Fraction(10) ** (perps[item].resolution + 6)
        paid, base = twin.filled(cash, held[item] * lots[item], sign, size * lots[item], unit, method.maker_fee)
        held_after = [(p, n * lot) for p, n, lot in zip(perps, held, lots, strict=True)]
        held_after[item] = (perps[item], base)
        after = twin.account(paid, held_after)
        found = dydx.risk(method.prepare(instruments, market), dydx.filled_at_limit(method, portfolio, order))
        assert triple(found) == after
        assert dydx.order_outcome(portfolio, order, market, method) == twin.change(before, after)


@pytest.mark.parametrize("seed", range(50))
def test_funding_equals_the_twin(seed):
    rng = np.random.default_rng(200 + seed)
    method, instruments, _, _, lots = desk_of(rng)
    cash, held = holdings_of(rng, 7)
    last, now = (rng.integers(-(10**9), 10**9, len(COINS)).tolist() for _ in range(2))
    book = Book.of(
        instruments, [Account(id="one", currency="USDC")], balances={"account": [0], "asset": [0], "atoms": [cash]},
        positions={"account": [0] * 3, "instrument": [0, 1, 2], "lots": held, "funding_index": last},
    )  # fmt: skip
    indices = {f"{coin}-USD": index for coin, index in zip(COINS, now, strict=True)}
    settled = dydx.settle_funding(method, Portfolio(book, 0), indices)
    expected = twin.settle(cash, [(n * lot, a, b) for n, lot, a, b in zip(held, lots, last, now, strict=True)])
    assert settled.balances == {"USDC": expected}
    assert settled.book.positions["funding_index"].tolist() == now
    assert dydx.settle_funding(method, settled, indices).balances == settled.balances
