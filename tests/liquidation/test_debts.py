"""What an account without positions owns pays what it owes: all of it where it can, for what it is worth."""

from fractions import Fraction

import numpy as np
from account.gate_desks import prepared
from hypothesis import given
from hypothesis import strategies as st

from crossmargin._core.events import Kind
from crossmargin._core.status import Status
from crossmargin.account import Capacity, RiskEngine
from crossmargin.liquidation.absorption import Backstop
from crossmargin.liquidation.cascade import Cascade, CascadeRules
from crossmargin.liquidation.crowd import Crowd, engine_of
from crossmargin.liquidation.debts import exchanges
from crossmargin.liquidation.holdings import EngineHoldings
from crossmargin.liquidation.impact import LinearImpact

ATOMS = st.lists(st.integers(-(10**12), 10**12), min_size=1, max_size=4)


@given(atoms=ATOMS, seed=st.integers(0, 99))
def test_no_more_is_sold_than_is_owed_and_nothing_owed_is_left(atoms, seed):
    price = np.random.default_rng(seed).uniform(1e-8, 1e-3, 4)
    asset, held = np.arange(len(atoms)), np.array(atoms)
    moves = exchanges(asset, held, price)
    after = dict(zip(asset.tolist(), atoms, strict=True))
    for item, change in moves:
        after[item] += change
    worth = [Fraction(n) * Fraction(float(price[i])) for i, n in enumerate(atoms)]
    owed, owned = -sum(min(w, 0) for w in worth), sum(max(w, 0) for w in worth)
    given_ = -sum(Fraction(change) * Fraction(float(price[i])) for i, change in moves if change < 0)
    got = sum(Fraction(change) * Fraction(float(price[i])) for i, change in moves if change > 0)
    slack = sum(Fraction(float(price[i])) for i in range(len(atoms))) + (owed + owned) / 10**12
    assert got <= given_ + slack  # an atom of each asset at most goes against the account, none for it
    assert given_ <= min(owed, owned) + slack
    assert all(n >= 0 for i, n in after.items() if atoms[i] >= 0)
    if owed and owned > owed + slack:
        assert all(-1 <= after[i] <= 0 for i, n in enumerate(atoms) if n < 0)  # one atom by the share's last bit
    if not owed or not owned:
        assert moves == []


def test_a_haircut_alone_leaves_an_account_its_worth():
    """It owns coins and owes dollars, is worth more than nothing and below its margin: the debt is paid, the rest stays."""
    base = prepared("scenario of coins")
    engine = RiskEngine(base, orders="none", capacity=Capacity(accounts=3, slots=20, orders=1))
    for name in ("a", "fund", "shortfall"):
        engine.open(name, "USD")
    assets, market = base.instruments.asset_index, base.market
    coin = "BTC"
    price = market.price(coin, base.instruments.asset(coin).underlying)
    engine.deposit(0, coin, "1")
    engine.deposit(1, "USD", "1000000")
    debt = round(0.98 * price * 100)
    assert engine.event(Kind.ADJUST, 0, 0, assets["USD"], -debt) == Status.OK
    assert engine.figures(0)["surplus_maintenance"] < 0
    holdings = EngineHoldings(engine)
    backstop = Backstop(engine, holdings, market, 1, 2)
    worth = backstop.worth(np.arange(2)).of_units
    found = backstop.absorb(np.array([0]))
    assert (found.accounts, found.from_fund, found.socialised) == (0, 0.0, 0.0)
    assert engine.figures(0)["surplus_maintenance"] > 0
    held = dict((asset, atoms) for account, asset, atoms in engine.balances() if account == 0)
    assert set(held) == {assets[coin]}
    assert np.abs(backstop.worth(np.arange(2)).of_units - worth).max() < 0.02  # within an atom of each
    assert not any(engine.imbalance().values())


def test_a_takeover_leaves_an_account_what_it_is_worth():
    """Hedged positions that free no margin, coins under a haircut, a debt: worth thousands, and below its margin."""
    base = prepared("scenario of coins")
    engine = RiskEngine(base, orders="none", capacity=Capacity(accounts=4, slots=20, orders=1))
    for name in ("a", "desk", "fund", "shortfall"):
        engine.open(name, "USD")
    market, assets = base.market, base.instruments.asset_index
    price = market.price("BTC", base.instruments.asset("BTC").underlying)
    engine.deposit(0, "BTC", "1")
    engine.deposit(2, "USD", "1000000")
    assert engine.event(Kind.ADJUST, 0, 0, assets["USD"], -round(0.97 * price * 100)) == Status.OK
    for name, lots in (("BTC-PERPETUAL", 100), ("BTC-28JUN24", -100)):
        row = engine.instrument(name)
        assert engine.event(Kind.BRING, 0, 0, row, lots, 0) == Status.OK
    holdings = EngineHoldings(engine)
    backstop = Backstop(engine, holdings, market, 2, 3)
    before = float(backstop.worth(np.array([0])).of_units[0])
    assert before > 1000
    assert engine.figures(0)["surplus_maintenance"] < 0
    found = backstop.absorb(np.array([0]))
    after = float(backstop.worth(np.array([0])).of_units[0])
    assert after > before - 50  # a tick of each position and an atom of each balance
    assert found.socialised == 0.0
    assert not any(engine.imbalance().values())


def test_a_cascade_with_coins_ends_and_no_fund_ends_below_nothing():
    base = prepared("scenario of coins")
    book = Crowd(accounts=300, positions=4, headroom=0.3, size=50_000.0).book(base, "USD")
    engine = engine_of(base, book, fund=1000.0, notional=1e8)
    made = Cascade(engine, {"BTC": 2e7, "ETH": 2e7}, fund=300, shortfall=301, rules=CascadeRules(impact=LinearImpact(), max_rounds=60))
    result = made.run({"BTC": -0.35})
    assert result.ended
    assert all(row.fund > -0.02 for row in result.rounds)
    assert result.total("socialised") > 0
    assert not any(engine.imbalance().values())
