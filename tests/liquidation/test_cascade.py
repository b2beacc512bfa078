"""A cascade has no rule of its own: its first round is the sweep's, money stays, and seed and state decide all."""

from dataclasses import replace

import numpy as np
import pytest
from account.gate_desks import prepared as desk
from hypothesis import Phase, given, settings
from hypothesis import strategies as st
from liquidation.desks import METHODS, PRICES, prepared

from crossmargin.errors import InvalidInputError
from crossmargin.liquidation.cascade import Cascade, CascadeRules
from crossmargin.liquidation.crowd import Crowd, engine_of
from crossmargin.liquidation.impact import (
    Contagion, DepthImpact, LinearImpact, Liquidators, Liquidity, Oracle, SquareRootImpact,
)  # fmt: skip
from crossmargin.liquidation.ledger_deleveraging import BY_RETURN
from crossmargin.liquidation.trigger import Thresholds
from crossmargin.scenario.revalue import moved_market

N = 400
DEPTH = dict.fromkeys(PRICES, 1.5e7)
IMPACTS = [LinearImpact(), SquareRootImpact(coefficient=5.0), DepthImpact(distances=(0.01, 0.05), shares=(0.02, 0.1))]


def cascade(method="portfolio", *, seed=0, crowd=None, fund=50_000.0, depth=DEPTH, **rules):
    base = prepared(method)
    book = (crowd or Crowd(accounts=N, positions=3, headroom=0.3)).book(base, "USDC")
    engine = engine_of(base, book, fund=fund)
    return Cascade(engine, depth, fund=len(book), shortfall=len(book) + 1, rules=CascadeRules(**rules), seed=seed)


def below(base, book, shock):
    """Who a full sweep finds below maintenance after a move."""
    found = base.remark(moved_market(base.instruments, base.market, shock)).requirements(book)
    return np.flatnonzero(np.rint(found.surplus_maintenance / book.instruments.atom[book.currency]) < 0)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("shock", [{"BTC": -0.12}, {"BTC": 0.2, "ETH": -0.1}, {"SOL": -0.6}])
def test_the_first_round_is_the_full_sweep(method, shock):
    """No impact, no noise: exactly those whom the sweep names, and nobody after them."""
    made = cascade(method)
    book = made.holdings(np.arange(N))
    expected = below(made.engine.prepared, book, shock)
    result = made.run(shock)
    assert len(expected) > 3
    assert result.accounts.tolist() == expected.tolist()
    assert result.rounds[0].below == result.rounds[0].liquidated == len(expected)
    assert result.ended
    assert not len(below(made.engine.prepared, made.holdings(np.arange(N)), {}))


@pytest.mark.parametrize("impact", IMPACTS, ids=lambda impact: type(impact).__name__)
def test_forced_trades_make_more_of_them(impact):
    plain, rolling = cascade(), cascade(impact=impact)
    first, found = plain.run({"BTC": -0.15}), rolling.run({"BTC": -0.15})
    assert len(found.rounds) > len(first.rounds)
    assert len(found.accounts) > len(first.accounts)
    assert found.final["BTC"] < first.final["BTC"] == pytest.approx(0.85)
    assert found.ended


@given(seed=st.integers(0, 10), fall=st.floats(-0.5, 0.5), lag=st.integers(0, 2), delay=st.integers(0, 2))
@settings(max_examples=12, phases=(Phase.explicit, Phase.generate))
def test_money_stays_and_nobody_is_left_below(seed, fall, lag, delay):
    made = cascade(
        crowd=Crowd(accounts=200, positions=3, headroom=0.2, seed=seed), impact=LinearImpact(), contagion=Contagion(calm=0.2, stressed=0.8),
        oracle=Oracle(lag=lag), liquidators=Liquidators(delay=delay),
    )  # fmt: skip
    engine, before = made.engine, totals(made.engine)
    result = made.run({"BTC": fall})
    assert result.ended
    assert not any(engine.imbalance().values())
    assert totals(engine)[0] == before[0]  # nothing was deposited or withdrawn
    assert not len(below(engine.prepared, made.holdings(np.arange(200)), {}))
    covered = result.total("socialised")
    assert -balance(engine, made.shortfall) == pytest.approx(covered, abs=1e-6)


def totals(engine):
    return [row[0] for row in engine.totals()]


def balance(engine, account):
    return sum(atoms for holder, _, atoms in engine.balances() if holder == account) / 1e6


def test_what_is_short_is_borne_by_the_fund_and_then_by_all():
    """A crash through bankruptcy: with a larger fund less is socialised, never more; the deficit is the same."""
    found = {fund: cascade(fund=fund).run({"BTC": -0.9}) for fund in (0.0, 20_000.0, 10**7)}
    lost = [result.total("socialised") for result in found.values()]
    assert lost[0] > lost[1] > lost[2] == 0.0
    deficits = [result.total("socialised") + result.total("from_fund") for result in found.values()]
    assert deficits == pytest.approx([deficits[0]] * 3)


def test_what_the_fund_cannot_pay_is_passed_on_to_those_who_won():
    """Deleveraging takes winners' positions at the bankruptcy price: less is socialised, and money stays."""
    left, passed = cascade(fund=1000.0), cascade(fund=1000.0, ranking=BY_RETURN)
    before = {a: sum(abs(q) for _, q in rows) for a, rows in held_lots(passed).items()}
    socialised, found = left.run({"BTC": -0.9}), passed.run({"BTC": -0.9})
    assert found.total("deleveraged") > 0
    assert found.total("socialised") < socialised.total("socialised")
    engine = passed.engine
    assert not any(engine.imbalance().values())
    assert not len(below(engine.prepared, passed.holdings(np.arange(N)), {}))
    after = {a: sum(abs(q) for _, q in rows) for a, rows in held_lots(passed).items()}
    lost = {a for a in before if after.get(a, 0) < before[a]}
    assert lost > set(found.accounts.tolist()) & lost  # accounts that nobody liquidated gave positions up


def held_lots(run):
    book = run.holdings(np.arange(N))
    owner = np.repeat(np.arange(N), np.diff(book.positions.start)).tolist()
    found = {}
    for account, item, lots in zip(owner, book.positions["instrument"].tolist(), book.positions["lots"].tolist(), strict=True):
        found.setdefault(account, []).append((item, lots))
    return found


def test_seeds_repeat_it():
    rules = {"impact": LinearImpact(), "oracle": Oracle(noise=0.02)}
    one, again, other = (cascade(seed=seed, **rules).run({"BTC": -0.15}) for seed in (3, 3, 4))
    assert one.rounds == again.rounds
    assert one.rounds != other.rounds


def test_where_accounts_are_stored_does_not_matter():
    base, random = prepared(), np.random.default_rng(9)
    book = Crowd(accounts=N, positions=3, headroom=0.3).book(base, "USDC")
    made = []
    for rows in (np.arange(N), random.permutation(N)):  # the account of each handle
        engine = engine_of(base, shuffled(book, rows), fund=1e5)
        run = Cascade(engine, DEPTH, fund=N, shortfall=N + 1, rules=CascadeRules(impact=LinearImpact()))
        result = run.run({"BTC": -0.15})
        handles = np.argsort(rows).tolist()
        made.append((result.rounds, sorted(rows[result.accounts].tolist()), [held(run, h) for h in handles]))
    assert made[0] == made[1]


def shuffled(book, rows):
    """The same accounts at other places."""
    table = [np.concatenate([np.arange(t.start[r], t.start[r + 1]) for r in rows]) for t in (book.positions, book.balances)]
    counts = [np.diff(t.start)[rows] for t in (book.positions, book.balances)]
    starts = [np.concatenate([[0], np.cumsum(c)]) for c in counts]
    cut = [
        type(t)({name: column[order] for name, column in t.columns.items()}, start)
        for t, order, start in zip((book.positions, book.balances), table, starts, strict=True)
    ]
    return replace(book, positions=cut[0], balances=cut[1])


def held(run, account):
    book = run.holdings(np.array([account]))
    return [*zip(book.positions["instrument"].tolist(), book.positions["lots"].tolist(), strict=True), *book.balances["atoms"].tolist()]


def test_liquidators_take_no_more_than_they_can():
    slow = cascade(liquidators=Liquidators(capacity=100_000.0)).run({"BTC": -0.2})
    fast = cascade().run({"BTC": -0.2})
    assert len(slow.rounds) > len(fast.rounds)
    assert slow.ended
    sizes = [row.notional for row in slow.rounds if row.liquidated > 1]
    assert sizes
    assert max(sizes) <= 100_000.0


def test_a_delay_and_a_lagging_oracle_come_late():
    plain = cascade().run({"BTC": -0.15})
    late = cascade(liquidators=Liquidators(delay=2)).run({"BTC": -0.15})
    blind = cascade(oracle=Oracle(lag=1)).run({"BTC": -0.15})
    assert [row.liquidated for row in late.rounds[:3]] == [0, 0, plain.rounds[0].liquidated]
    assert blind.rounds[0].below == 0
    assert blind.rounds[1].below == plain.rounds[0].below
    assert blind.rounds[0].seen["BTC"] == 1.0


def test_a_noisy_oracle_that_lags_ends():
    quiet = cascade(crowd=Crowd(accounts=50, positions=2, headroom=5.0), oracle=Oracle(lag=1, noise=0.001), max_rounds=50)
    assert quiet.run({"BTC": -0.01}).ended


def test_nobody_sells_below_nothing_in_a_market_without_depth():
    made = cascade(impact=LinearImpact(), depth=dict.fromkeys(PRICES, 20_000.0), max_rounds=40)
    result = made.run({"BTC": -0.15})
    assert result.total("notional") > 0
    assert not any(made.engine.imbalance().values())
    assert (made.market.slip(np.array([-1e9, 1e9, 0.0])) >= -0.95).all()


def test_whoever_deleveraging_leaves_below_is_closed_too():
    for seed in range(6):
        made = cascade(crowd=Crowd(accounts=120, positions=3, headroom=0.2, seed=seed), fund=0.0, ranking=BY_RETURN)
        result = made.run({"BTC": -0.7, "ETH": 0.4})
        assert result.ended
        assert not len(below(made.engine.prepared, made.holdings(np.arange(120)), {}))


def test_an_exit_line_above_the_entry_line_closes_more():
    near, far = (cascade(thresholds=Thresholds(exit=exit_)).run({"BTC": -0.15}) for exit_ in (0.0, 1.0))
    assert far.accounts.tolist() == near.accounts.tolist()
    assert far.total("notional") > near.total("notional")


def test_penalties_beyond_what_they_free_end_in_takeover():
    """A penalty above the margin rate: no share helps, so whole accounts go to the fund."""
    result = cascade(penalty=0.5).run({"BTC": -0.15})
    assert result.total("taken_over") > 0
    assert result.total("notional") == 0.0


def test_options_and_coins_take_part():
    """Options revalued at every round's prices, balances in coin, inverse contracts."""
    base = desk("scenario of coins")
    book = Crowd(accounts=100, positions=4, headroom=0.3, size=50_000.0).book(base, "USD")
    engine = engine_of(base, book, fund=10**6, notional=1e8)
    made = Cascade(engine, {"BTC": 2e7}, fund=100, shortfall=101, rules=CascadeRules(impact=LinearImpact()))
    result = made.run({"BTC": -0.25})
    assert result.ended
    assert len(result.accounts) > 5
    assert not any(engine.imbalance().values())


def test_liquidity_shrinks_as_volatility_rises():
    deep = cascade(impact=LinearImpact(), liquidity=Liquidity(exponent=0.0)).run({"BTC": -0.15})
    thin = cascade(impact=LinearImpact(), liquidity=Liquidity(exponent=1.0)).run({"BTC": -0.15})
    assert thin.final["BTC"] < deep.final["BTC"]


@pytest.mark.parametrize("fall", [-0.15, -0.3])
def test_the_shock_itself_thins_the_market_that_the_first_round_meets(fall):
    """The first forced trades move the price by their net notional over the depth after the shock, worked out here."""
    calm, memory = 0.01, 0.8
    deep = dict.fromkeys(PRICES, 4e8)
    made = cascade(impact=LinearImpact(), liquidity=Liquidity(calm=calm, memory=memory, least=0.0), depth=deep)
    everybody = np.arange(N + 1)  # and the fund, to which whole accounts go without a trade
    amounts, rounds = [units(made, everybody)], []
    made.run({"BTC": fall}, step=lambda row: amounts.append(units(made, everybody)) or rounds.append(row))
    traded = (amounts[1] - amounts[0]) * PRICES["BTC"] * (1.0 + fall)
    depth = deep["BTC"] * (1.0 + fall) * calm / np.sqrt(memory * calm**2 + (1.0 - memory) * fall**2)
    assert abs(traded) > 1e4
    assert rounds[0].factor["BTC"] == pytest.approx(1.0 + fall)
    assert rounds[1].factor["BTC"] / rounds[0].factor["BTC"] - 1.0 == pytest.approx(traded / depth, rel=1e-9)


def units(run, accounts, underlying="BTC"):
    """What accounts hold of an underlying together, in units of it."""
    table, rows = run.holdings(accounts).positions, list(run.engine.instruments)
    each = [float(row.lot) if row.underlying == underlying else 0.0 for row in rows]
    return float((table["lots"] * np.array(each)[table["instrument"]]).sum())


def test_volatility_falls_back_to_calm_and_no_further():
    market, volatility = Liquidity(calm=0.01, memory=0.5), np.array([0.04])
    path = [float((volatility := market.after(volatility, np.zeros(1)))[0]) for _ in range(60)]
    assert path[0] == pytest.approx(np.sqrt(0.5 * 0.04**2 + 0.5 * 0.01**2))
    assert path == sorted(path, reverse=True)
    assert path[-1] == pytest.approx(0.01)


def test_contagion_takes_the_others_along():
    alone = cascade(impact=LinearImpact()).run({"BTC": -0.15})
    together = cascade(impact=LinearImpact(), contagion=Contagion(calm=0.5, stressed=0.9)).run({"BTC": -0.15})
    assert together.final["SOL"] < alone.final["SOL"]


@pytest.mark.parametrize(("shock", "message"), [
    ({"DOGE": -0.1}, "shock must name underlyings with a depth: BTC, ETH, SOL, was 'DOGE'"),
    ({"BTC": float("nan")}, "shock must be finite"), ({"BTC": -1.5}, "shock must be .* -1"), ({"BTC": -1.0}, "shock must be .* -1"),
])  # fmt: skip
def test_a_shock_that_means_nothing_is_refused(shock, message):
    with pytest.raises(InvalidInputError, match=message):
        cascade().run(shock)
