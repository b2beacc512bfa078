"""Strategy margin: published figures, brute force over all groupings, and what holds beyond its reach."""

from decimal import ROUND_HALF_EVEN, Decimal

import msgspec
import numpy as np
import pytest
from margin.strategy_desk import (
    SIZE, brute, call, method, names_of, options_book, put, random_book, random_pair, required, scaled, stock,
    tables, underlying,
)  # fmt: skip

from crossmargin import Account, ImprudentParametersError, Instrument, InvalidInputError, Order, Portfolio
from crossmargin.margin.strategy import Product

ACCOUNTS = ("margin", "cash")

# ---- published figures -----------------------------------------------------------------------

CBOE = "Cboe margin manual's worked examples, tastyware/margin-estimator test.py"
# source, underlying, legs, requirement of a margin account and of a cash account
PUBLISHED = [
    (f"{CBOE}::test_short_call_leveraged", underlying(1050.3, "equity", 1.5), [call(1250.0, 2.0, -1, 0)],
     15954, 104830),
    (f"{CBOE}::test_call_calendar_spread_broad", underlying(433.35, "broad"),
     [call(425.0, 13.1, 1, 0), call(430.0, 12.2, -1, 30)], 9030, 43090),
    (f"{CBOE}::test_long_option_20_months", underlying(1290.0), [call(1325.0, 16.8, 1, 600)], 1260, 1680),
    (f"{CBOE}::test_covered_call_itm", underlying(95.0), [call(90.0, 7.0, -1, 0), stock(100, 92.38)],
     4619, 9238),
    (f"{CBOE}::test_short_put_itm", underlying(19.5), [put(20.0, 1.5, -1, 0)], 540, 1850),
    (f"{CBOE}::test_short_leveraged_itm", underlying(390.7, "equity", 3.0), [put(400.0, 15.5, -1, 0)],
     24992, 38450),
    (f"{CBOE}::test_short_broad", underlying(445.35, "broad"), [put(410.0, 0.1, -1, 0)], 4110, 40990),
    (f"{CBOE}::test_short_call_broad_itm", underlying(433.35, "broad"), [call(430.0, 8.7, -1, 0)],
     7370, 42130),
    (f"{CBOE}::test_put_credit_spread", underlying(433.35, "broad"),
     [put(425.0, 6.4, 1, 0), put(430.0, 7.8, -1, 0)], 360, 360),
    (f"{CBOE}::test_call_debit_calendar_spread", underlying(75.0),
     [call(70.0, 6.0, 1, 1), call(70.0, 5.0, -1, 0)], 100, 100),
    (f"{CBOE}::test_iron_butterfly", underlying(20.0),
     [put(16.0, 0.1, 1, 0), put(20.0, 0.2, -1, 0), call(24.0, 4.0, 1, 0), call(20.0, 7.0, -1, 0)], 90, 90),
    ("IB/Lean NakedPut, unit initial margin", underlying(410.0), [put(300.0, 0.02, -1, 0)], 3002, None),
]  # fmt: skip


@pytest.mark.parametrize(("source", "found", "legs", "margin", "cash"), PUBLISHED)
@pytest.mark.parametrize("exact", [8, 0])
def test_published_figures(source, found, legs, margin, cash, exact):
    assert required(legs, found, "margin", exact).initial == pytest.approx(margin, abs=1e-6), source
    if cash is not None:
        assert required(legs, found, "cash", exact).initial == pytest.approx(cash, abs=1e-6), source


def test_cents_round_half_to_even_in_decimal():
    """2 + 20 % of 1.5 x 1050.3 - 199.7 stays below 2 + 10 %: 159.545 a share, which rounds to 159.54."""
    assert Decimal("159.545").quantize(Decimal("0.01"), ROUND_HALF_EVEN) == Decimal("159.54")
    one = required([call(1250.0, 2.0, -7, 0)], underlying(1050.3, "equity", 1.5))
    assert one.initial == pytest.approx(7 * 15954, abs=1e-6)


# ---- brute force -----------------------------------------------------------------------------


@pytest.mark.parametrize("account", ACCOUNTS)
def test_few_contracts_are_grouped_exactly(account):
    """Books of 1 to 8 contracts: 200 with stock and odd shares among them, 80 of options alone."""
    for seed in range(280):
        units = 1 + seed % 8
        legs, found = random_book(seed, units) if seed < 200 else options_book(seed, units, min(units, 6))
        now = required(legs, found, account)
        assert now.initial == pytest.approx(brute(legs, found, account), abs=1e-6), seed
        assert now.outputs["gap"][0] == 0


@pytest.mark.parametrize("account", ACCOUNTS)
def test_two_equal_books_are_grouped_exactly(account):
    """Up to eight contracts, two of each or more: a grouping across the two may cost less than twice one."""
    for seed in (*range(40), 89, 209, 629):
        legs, found = options_book(seed, 4, 4 - seed % 2 * (seed < 40), 1 + seed % 3)
        now = required(scaled(legs, 2), found, account)
        assert now.initial == pytest.approx(brute(scaled(legs, 2), found, account), abs=1e-6), seed
        assert now.outputs["gap"][0] == 0


def shares(quantiles):
    return ", ".join(f"{x:.3f}" for x in quantiles)


@pytest.mark.parametrize("account", ACCOUNTS)
def test_books_beyond_lie_between_bound_and_brute_force(account, capsys):
    """Nine contracts, by pairs and sets: requirement >= brute force >= lower bound; the gaps are printed."""
    above, below = [], []
    for seed in range(160):
        legs, found = random_book(seed, 9) if seed % 2 else options_book(seed, 9, 9, 1 + seed % 3)
        truth, now = brute(legs, found, account), required(legs, found, account, exact=0)
        lower = now.outputs["lower bound"][0] + now.components["stock"].initial
        assert now.initial >= truth - 1e-6, seed
        assert truth >= lower - 1e-6, seed
        assert now.outputs["gap"][0] == pytest.approx(now.initial - lower, abs=1e-6)
        scale = max(abs(truth), 100.0)
        above.append((now.initial - truth) / scale)
        below.append((truth - lower) / scale)
    exact, levels = np.mean(np.array(above) < 1e-9), (0.5, 0.9, 1.0)
    with capsys.disabled():
        print(f"\nstrategy margin, {account}, nine contracts by pairs and sets: {exact:.1%} optimal;"
              f" of the optimum, above it (median, 90 %, most) {shares(np.quantile(above, levels))};"
              f" bound below it {shares(np.quantile(below, levels))}")  # fmt: skip
    assert exact > 0.85


def test_larger_books_against_every_partition():
    """Twelve contracts: the kernel's own partitions, which the twin checks on fewer, are the measure."""
    for seed in range(40):
        legs, found = options_book(seed, 12, 9)
        truth, now = required(legs, found, exact=12), required(legs, found, exact=0)
        assert now.initial >= truth.initial - 1e-6
        assert truth.initial >= now.outputs["lower bound"][0] - 1e-6


# ---- what any book may rely on ---------------------------------------------------------------


@pytest.mark.parametrize("exact", [8, 0])
@pytest.mark.parametrize("lots", [1, 100])
def test_a_covered_book_costs_no_more_than_its_pairs(lots, exact):
    """Every short is covered by a long of its right that expires no earlier; contracts may meet and net."""
    for seed in range(60):
        rng = np.random.default_rng(seed)
        pairs, found = [random_pair(rng) for _ in range(rng.integers(1, 7))], underlying(50.0)
        account = ACCOUNTS[seed % 2]
        apart = sum(required(pair, found, account, exact=8).initial for pair in pairs)
        whole = required(scaled([leg for pair in pairs for leg in pair], lots), found, account, exact)
        assert whole.initial <= lots * apart + 1e-6 * lots, seed


@pytest.mark.parametrize("account", ACCOUNTS)
@pytest.mark.parametrize(
    "maker", [random_book, lambda seed, units: options_book(seed, units, units, 1 + seed % 3)]
)
def test_fifty_times_a_book_costs_at_most_fifty_times(maker, account):
    """Each of fifty copies could be grouped as one is."""
    dearer = {}
    for seed in range(100):
        legs, found = maker(seed, 1 + seed % 8)
        one, fifty = (required(scaled(legs, n), found, account).initial for n in (1, 50))
        if fifty > 50 * one + 1e-4:
            dearer[seed] = (fifty, 50 * one)
    assert not dearer


@pytest.mark.parametrize("units", [8, 9, 14])
@pytest.mark.parametrize("account", ACCOUNTS)
def test_the_order_of_instruments_does_not_matter(account, units):
    other = {}
    for seed in range(60):
        legs, found = random_book(seed, units) if seed % 2 else options_book(seed, units, 8)
        names = np.random.default_rng(seed).permutation(names_of(legs)).tolist()
        one, two = required(legs, found, account), required(legs, found, account, names=names)
        if abs(one.initial - two.initial) > 1e-6:
            other[seed] = (one.initial, two.initial)
    assert not other


@pytest.mark.parametrize("exact", [8, 0])
@pytest.mark.parametrize("account", ACCOUNTS)
def test_long_and_short_of_one_contract_net(account, exact):
    """Sold out by an order there is nothing; two listings of the same terms cost nothing either."""
    found, legs = underlying(50.0), [call(50.0, 2.0, 3), put(45.0, 1.0, -2), stock(100)]
    table, market = tables(legs, found)
    held = Portfolio.of(
        table,
        account=Account(id="a", currency="USD"),
        positions={n: leg["quantity"] for n, leg in zip(names_of(legs), legs, strict=True)},
    )
    closing = [("L00", "sell", 3, "2"), ("L01", "buy", 2, "1"), ("L02", "sell", 100, "50")]
    orders = [Order(id=i, instrument=name, side=side, lots=lots, limit=limit)
              for i, (name, side, lots, limit) in enumerate(closing)]  # fmt: skip
    assert method(account, exact=exact).requirement(held.filled(orders), market).initial == 0
    assert required(
        [call(50.0, 2.0, 3), call(50.0, 2.0, -3)], found, account, exact
    ).initial == pytest.approx(0, abs=1e-9)


@pytest.mark.parametrize("account", ACCOUNTS)
def test_explanations_sum_and_the_slow_evaluator_agrees(account):
    for seed in range(30):
        legs, found = random_book(seed, 7 + seed % 4)
        table, market = tables(legs, found)
        held = {n: leg["quantity"] for n, leg in zip(names_of(legs), legs, strict=True)}
        portfolio = Portfolio.of(table, account=Account(id="a", currency="USD"), positions=held)
        prepared = method(account, found["kind"], found["leverage"]).prepare(table, market)
        now, trace = prepared.requirement(portfolio), prepared.trace(portfolio)
        for name, _ in prepared.program.outputs:
            assert now.outputs[name] == pytest.approx(trace.output(name).tolist(), rel=1e-12, abs=1e-9)
        for level in ("initial", "maintenance"):
            tree = now.explain(level)
            assert sum(leaf.value for leaf in tree.leaves()) == pytest.approx(
                getattr(now, level), rel=1e-12, abs=1e-8
            )


# ---- parameters ------------------------------------------------------------------------------

REFUSED = [
    ({"broad": 1.5}, "broad must"), ({"minimum": -0.1}, "minimum must"),
    ({"round_lot": 0.0}, "round_lot must"),
    ({"long_dated_days": -1.0}, "long_dated_days must"), ({"stock_long": (0.5,)}, "must have two figures"),
    ({"exact_contracts": 13}, r"exact_contracts must lie in \[0, 12\], was 13"),
]  # fmt: skip


@pytest.mark.parametrize(("changes", "message"), REFUSED)
def test_bad_parameters_are_refused(changes, message):
    with pytest.raises(InvalidInputError, match=message):
        msgspec.structs.replace(method(), **changes)


def test_other_refusals():
    with pytest.raises(InvalidInputError, match="leverage must be > 0, was 0"):
        Product(leverage=0.0)
    with pytest.raises(
        ImprudentParametersError, match="stock_long must not rise from initial to maintenance"
    ):
        msgspec.structs.replace(method(), stock_long=(0.25, 0.50))


def test_what_is_neither_stock_nor_option_cannot_be_held():
    table, market = tables([call(50.0, 2.0, 1)], underlying())
    future = Instrument(
        id="F", kind="future", underlying="U", settlement="USD", contract_size=SIZE, expiry=market.as_of
    )
    wider = type(table).of([*table, future], table.assets)
    portfolio = Portfolio.of(wider, account=Account(id="a", currency="USD"), positions={"F": 1})
    with pytest.raises(InvalidInputError, match="position must be .* the method can hold, was 'F'"):
        method().requirement(portfolio, market)
