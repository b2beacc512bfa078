"""Methods differ by whom they close and by what they ask for, and by nothing else."""

from dataclasses import fields

import numpy as np
import pytest
from liquidation.desks import METHODS, PRICES, instruments, market, prepared

from crossmargin.errors import InvalidInputError
from crossmargin.liquidation.cascade import Cascade, CascadeRules
from crossmargin.liquidation.comparison import compare_methods, gross, same_cash, same_usage
from crossmargin.liquidation.crowd import Crowd, engine_of
from crossmargin.liquidation.impact import LinearImpact, Oracle
from crossmargin.portfolio.tables import Table
from crossmargin.scenario.revalue import moved_market

N = 300
CROWD = Crowd(accounts=N, positions=3, headroom=0.3, size=300_000.0)  # so that tiers rise for some
DEPTH = dict.fromkeys(PRICES, 1.2e9)
RULES = CascadeRules(impact=LinearImpact())
VIEWS = {"same cash": same_cash, "same usage": same_usage}


@pytest.fixture(scope="module")
def methods():
    return {name: prepared(name) for name in METHODS}


@pytest.fixture(scope="module")
def books(methods):
    return {view: funded(methods, CROWD, "USDC") for view, funded in VIEWS.items()}


def initial(ready, book):
    return ready.requirements(book).initial


def cash(book):
    return book.balances["atoms"] / 1e6


def test_usage_is_the_same_under_each_method(methods, books):
    """Cash over initial margin is one plus the headroom drawn for that account, whatever the method."""
    usage = [cash(book) / initial(methods[name], book) for name, book in books["same usage"].items()]
    assert usage[0].min() >= 1.0
    assert usage[0].std() > 0.1
    for other in usage[1:]:
        assert other == pytest.approx(usage[0], rel=1e-4)  # opened at marks to the tick


def test_cash_is_the_largest_that_any_method_asks(books):
    one, *others = books["same cash"].values()
    assert all(other is one for other in others)
    rows = [cash(book) for book in books["same usage"].values()]
    assert cash(one).tolist() == [max(row) for row in zip(*rows, strict=True)]
    assert len({int(np.argmax(row)) for row in zip(*rows, strict=True)}) > 1  # no method is strictest for everybody


def test_with_the_same_cash_all_have_the_same_leverage_and_with_the_same_usage_they_have_not(methods, books):
    shock = {"BTC": -0.15}
    found = {view: compare_methods(methods, books[view], shock, depth=DEPTH, rules=RULES) for view in VIEWS}
    same = [row.leverage for row in found["same cash"].values()]
    assert same == pytest.approx([same[0]] * 3)
    usage = {name: row.leverage for name, row in found["same usage"].items()}
    assert usage["portfolio"] > max(usage["isolated"], usage["tiered"])
    assert min(usage.values()) > same[0]  # with the cash of the strictest, nobody has more


@pytest.mark.parametrize("view", VIEWS)
def test_the_first_round_closes_whom_each_method_s_own_sweep_names(methods, books, view):
    shock = {"BTC": -0.12, "SOL": 0.1}
    found = compare_methods(methods, books[view], shock, depth=DEPTH, rules=RULES)
    counts = []
    for name, ready in methods.items():
        fresh = ready.remark(moved_market(instruments(), market(), shock)).requirements(books[view][name])
        counts.append(int((np.rint(fresh.surplus_maintenance * 1e6) < 0).sum()))
        assert found[name].liquidated[0] == counts[-1]
        assert found[name].path["BTC"][0] == pytest.approx(0.88)
    assert len(set(counts)) == 3


def test_an_outcome_is_the_cascade_s_own(methods, books):
    """The same figures as a cascade that is built by hand, round by round, and its totals."""
    shock, oracle = {"BTC": -0.5}, CascadeRules(impact=LinearImpact(), oracle=Oracle(noise=0.02))
    book = books["same usage"]["portfolio"]
    made = Cascade(engine_of(methods["portfolio"], book, fund=6e5), DEPTH, fund=N, shortfall=N + 1, rules=oracle, seed=5)
    expected = made.run(shock)
    given = {"depth": DEPTH, "fund": 6e5, "rules": oracle, "seed": 5}
    row = compare_methods(methods, books["same usage"], shock, **given)["portfolio"]
    assert row.result.rounds == expected.rounds
    assert row.n_rounds == len(expected.rounds) > 1
    assert row.closed.tolist() == [r.notional for r in expected.rounds]
    assert row.taken_over == sum(r.taken_over for r in expected.rounds)
    assert row.share_liquidated == len(expected.accounts) / N
    assert 0 < row.insurance_used == sum(r.from_fund for r in expected.rounds)
    assert 0 < row.socialised == sum(r.socialised for r in expected.rounds)


def test_gross_adds_longs_and_shorts_at_the_index(methods, books):
    book, rows = books["same cash"]["tiered"], list(instruments())
    by_hand = dict.fromkeys(PRICES, 0.0)
    for item, lots in zip(book.positions["instrument"].tolist(), book.positions["lots"].tolist(), strict=True):
        by_hand[rows[item].underlying] += abs(lots) * float(rows[item].lot) * PRICES[rows[item].underlying]
    assert gross(methods["tiered"], book) == pytest.approx(by_hand)


def test_it_repeats_and_leaves_books_as_they_were(methods, books):
    before = {name: cash(book).copy() for name, book in books["same usage"].items()}
    one, two = (compare_methods(methods, books["same usage"], {"ETH": -0.2}, depth=DEPTH, rules=RULES) for _ in "ab")
    assert one["tiered"].result.rounds == two["tiered"].result.rounds
    assert all(cash(books["same usage"][name]).tolist() == row.tolist() for name, row in before.items())


def test_what_would_compare_more_than_methods_is_refused(methods, books):
    same = books["same cash"]
    with pytest.raises(InvalidInputError, match="books must be one for each method: isolated, tiered, portfolio"):
        compare_methods(methods, {"tiered": same["tiered"]}, {"BTC": -0.1}, depth=DEPTH)
    with pytest.raises(InvalidInputError, match="books must hold the same positions under all methods, .*'tiered'"):
        compare_methods(methods, {**same, "tiered": doubled(same["tiered"])}, {"BTC": -0.1}, depth=DEPTH)
    moved = {**methods, "tiered": methods["tiered"].remark(moved_market(instruments(), market(), {"BTC": 0.1}))}
    with pytest.raises(InvalidInputError, match="methods must be ready over the same market, .*'tiered'"):
        compare_methods(moved, same, {"BTC": -0.1}, depth=DEPTH)
    with pytest.raises(InvalidInputError, match="fund must be .* 0"):
        compare_methods(methods, same, {"BTC": -0.1}, depth=DEPTH, fund=-1.0)


def doubled(book):
    """Twice the lots."""
    table = book.positions
    twice = Table({**table.columns, "lots": 2 * table["lots"]}, table.start)
    return type(book)(**{f.name: getattr(book, f.name) for f in fields(book)} | {"positions": twice})
