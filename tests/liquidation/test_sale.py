"""A share of an account to a bidder: whole lots, atoms that stay, and nobody's profit or debt made by the sale."""

from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest
from account.gate_desks import prepared
from hypothesis import Phase as Stage
from hypothesis import given, settings
from hypothesis import strategies as st
from liquidation.test_holdings import N, engine_of

from crossmargin import Asset, Instrument, Instruments, InvalidInputError, Portfolio, Position
from crossmargin._core.events import Kind
from crossmargin._core.status import Status
from crossmargin.account import Capacity, RiskEngine
from crossmargin.account.engine import held_by
from crossmargin.errors import KernelError
from crossmargin.instruments import Kind as Contract
from crossmargin.instruments import Payoff
from crossmargin.liquidation.auction import MAINNET, Auction, Figures, Phase
from crossmargin.liquidation.holdings import EngineHoldings, apply
from crossmargin.liquidation.sale import (
    MOST_TICKS,
    Sale,
    account_figures,
    moved,
    nearest_ticks,
    part,
    pay_start_fee,
    portfolio_of,
    sell_share,
    trade_for,
)
from crossmargin.portfolio.portfolio import fill_cost

FUND, SHORTFALL = N - 2, N - 1
SOLVENT = Auction(terms=MAINNET, started_at=0, phase=Phase.SOLVENT)


def bid_of(share, price=0.0, *, reserved=0.0, payment=0.0, fund_pays=0.0):
    """A bid of so much, on top of what was reserved before it."""
    made = SOLVENT.sale(Figures(value=1.0, surplus_maintenance=-1.0, cash=0.0), share, 0.0, 0.0)
    return replace(made, price=price, reserved=reserved + price, payment=payment, fund_pays=fund_pays,
                   unpaid=payment - fund_pays)  # fmt: skip


def everything(engine):
    """All balances with the funding that is due, and positions, by account."""
    book = EngineHoldings(engine)(np.arange(len(engine.account_names)))
    held = [Portfolio(book, n) for n in range(len(book))]
    return [p.positions for p in held], [p.balances for p in held]


def sold(engine, account, bidder, bid):
    return sell_share(engine, account, bidder, bid, fund=FUND, shortfall=SHORTFALL)


shares = st.one_of(st.sampled_from([0.0, 1.0, 0.5, 1e-9, 1 - 2.0**-53]), st.floats(0, 1))


desks = st.sampled_from(["scenario of coins", "Deribit"])


@given(shares, st.integers(0, 9), st.integers(0, 9), st.floats(0, 1000), desks)
@settings(max_examples=40, phases=(Stage.explicit, Stage.generate))
def test_a_sale_moves_the_share_and_nothing_else(share, account, bidder, price, desk):
    """Of positions with profit and funding due, balances in several coins, and a bidder that holds things too."""
    if account == bidder:
        bidder = (account + 1) % 10
    engine = engine_of(desk, seed=account)
    before, external = everything(engine), tuple(engine.totals()[0])
    sale = sold(engine, account, bidder, bid_of(share, price))
    after = everything(engine)
    assert not any(engine.imbalance().values())
    assert tuple(engine.totals()[0]) == external
    currency = portfolio_of(engine, account).account.currency
    for name, held in before[0][account].items():
        lots = int(Fraction(share) * held.lots)
        left = after[0][account].get(name, Position(0))
        assert sale.positions[name].lots == lots
        assert left.lots == held.lots - lots
        assert left.open_cost == held.open_cost - sale.positions[name].open_cost  # nothing realised
        assert abs(lots) <= abs(held.lots) and (share < 1 or lots == held.lots)
    for name, atoms in before[1][account].items():
        gone = int(Fraction(share) * atoms)
        paid = sale.price if name == currency else 0
        assert after[1][account].get(name, 0) == atoms - gone + paid
    for other in set(range(N)) - {account, bidder}:
        assert after[0][other] == before[0][other]
        assert after[1][other] == before[1][other]


def money(engine, account):
    """Atoms by asset of balances less open costs: what an account's trades and transfers change."""
    held = portfolio_of(engine, account)
    found = dict(held.balances)
    for name, position in held.positions.items():
        asset = held.instruments.instrument(name).settlement
        found[asset] = found.get(asset, 0) - position.open_cost
    return found


@given(shares, st.floats(0, 500), st.floats(0, 500), st.floats(0, 1))
@settings(max_examples=20, phases=(Stage.explicit, Stage.generate))
def test_who_pays_whom(share, price, payment, covered):
    """Price to the account, payment from the fund, the rest of it from who owes what the fund cannot pay."""
    engine = engine_of()
    currency = portfolio_of(engine, 0).account.currency
    decimals = engine.instruments.asset(currency).decimals
    parties = (0, 1, FUND, SHORTFALL)
    before = {a: money(engine, a) for a in parties}
    sale = sold(engine, 0, 1, bid_of(share, price, payment=payment, fund_pays=payment * covered))
    after = {a: money(engine, a) for a in parties}
    gained = {a: after[a].get(currency, 0) - before[a].get(currency, 0) for a in parties}
    settled = {row.id for row in engine.instruments if row.settlement == currency}
    cost = sum(held.open_cost for name, held in sale.positions.items() if name in settled)
    share_of_cash = sale.balances.get(currency, 0) - cost
    assert gained[0] == sale.price - share_of_cash
    assert gained[1] == share_of_cash - sale.price + sale.from_fund + sale.unpaid
    assert gained[FUND] == -sale.from_fund
    assert gained[SHORTFALL] == -sale.unpaid
    assert abs(sale.price - Fraction(price) * 10**decimals) <= Fraction(1, 2)
    assert abs(sale.from_fund + sale.unpaid - Fraction(payment) * 10**decimals) <= Fraction(1, 2)


def test_what_earlier_bidders_paid_is_not_for_sale():
    engine = engine_of()
    held = portfolio_of(engine, 0)
    currency = held.account.currency
    unit = 10 ** held.instruments.asset(currency).decimals
    atoms = held.balances[currency]
    reserved = atoms / unit / 4
    first = Sale.of(held, bid_of(0.5, 10.0, reserved=reserved))
    kept = round(Fraction(bid_of(0.5, 10.0, reserved=reserved).reserved - 10.0) * unit)
    assert abs(kept - atoms / 4) <= 2
    assert first.balances[currency] == int(Fraction(1, 2) * (atoms - kept))
    debt = Sale.of(held, bid_of(1.0, reserved=2 * atoms / unit))
    assert debt.balances[currency] == atoms - round(Fraction(2 * atoms / unit) * unit) < 0  # the bidder takes debt over


def test_all_of_an_account_leaves_it_with_the_price():
    engine = engine_of()
    currency = portfolio_of(engine, 3).account.currency
    assert portfolio_of(engine, 3).positions
    sale = sold(engine, 3, 4, bid_of(1.0, 12.5))
    left = portfolio_of(engine, 3)
    assert left.positions == {}
    assert left.balances == {currency: sale.price}


def test_a_debt_passes_to_the_bidder():
    engine = engine_of()
    asset = engine.instruments.asset_index[portfolio_of(engine, 3).account.currency]
    owned = portfolio_of(engine, 3).balances[engine.instruments.assets[asset].id]
    assert engine.event(Kind.ADJUST, 0, 3, asset, -owned - 1001) == Status.OK
    sale = sold(engine, 3, 4, bid_of(0.5))
    name = engine.instruments.assets[asset].id
    assert sale.balances[name] == -500  # toward zero: the odd atom of debt stays
    assert portfolio_of(engine, 3).balances[name] == -501


def test_the_start_fee_reaches_the_fund():
    engine = engine_of()
    held = portfolio_of(engine, 0)
    currency = held.account.currency
    before, fund = held.balances[currency], portfolio_of(engine, FUND).balances.get(currency, 0)
    atoms = pay_start_fee(engine, 0, replace(SOLVENT, fee=1.25), fund=FUND)
    assert atoms == round(1.25 * 10 ** held.instruments.asset(currency).decimals)
    assert portfolio_of(engine, 0).balances[currency] == before - atoms
    assert portfolio_of(engine, FUND).balances[currency] == fund + atoms
    assert pay_start_fee(engine, 0, SOLVENT, fund=FUND) == 0


def test_figures_are_the_engines():
    engine = engine_of()
    held, found = portfolio_of(engine, 2, EngineHoldings(engine)), account_figures(engine, 2)
    asked = engine.prepared.requirement(held)
    assert found.value == pytest.approx(asked.equity_maintenance, rel=1e-9)
    assert found.surplus_maintenance == pytest.approx(asked.surplus_maintenance, rel=1e-9)
    assert found.cash == float(held.amounts[held.account.currency])


# ---- what is refused --------------------------------------------------------------------------


@pytest.mark.parametrize(("account", "bidder", "reason"), [
    (1, 1, "account must be unique"), (FUND, 1, "be no party of the sale"), (1, SHORTFALL, "be no party of the sale"),
])  # fmt: skip
def test_parties_of_a_sale_are_others_than_who_pays(account, bidder, reason):
    engine = engine_of()
    with pytest.raises(InvalidInputError, match=reason):
        sold(engine, account, bidder, bid_of(0.5))


def test_a_bidder_without_room_is_refused_before_anything_moves():
    base = prepared("scenario of coins")
    engine = RiskEngine(base, orders="none", capacity=Capacity(accounts=4, slots=2, orders=4))
    for name in ("account", "bidder", "fund", "shortfall"):
        engine.open(name)
    items = np.flatnonzero(held_by(base, "none")["position"])[:3].tolist()
    for account, some in ((0, items[:2]), (1, items[2:])):
        for item in some:
            assert engine.event(Kind.BRING, 0, account, item, 10, 0) == Status.OK
    before = everything(engine)
    with pytest.raises(InvalidInputError, match="instruments of the bidder must be at most 2, was 3"):
        sell_share(engine, 0, 1, bid_of(0.5, 3.0), fund=2, shortfall=3)
    assert everything(engine) == before
    assert engine.event(Kind.REST, 0, 2, 7, items[2], 1, 10, 0) == Status.OK  # an order takes room as a position does
    with pytest.raises(InvalidInputError, match="instruments of the bidder must be at most 2, was 3"):
        sell_share(engine, 0, 2, bid_of(0.5, 3.0), fund=1, shortfall=3)
    assert everything(engine) == before
    sale = sell_share(engine, 0, 1, bid_of(0.01, 3.0), fund=2, shortfall=3)  # no whole lot of it: no room needed
    assert not any(held.lots for held in sale.positions.values())
    assert everything(engine)[0] == before[0]
    sell_share(engine, 0, 3, bid_of(0.5), fund=1, shortfall=2)  # room for both, and for no more
    assert len(portfolio_of(engine, 3).positions) == 2


def test_an_account_that_was_never_opened_is_refused():
    with pytest.raises(KernelError, match="UNKNOWN"):
        sold(engine_of(), 0, N + 1, bid_of(0.5))


# ---- trades that bring what they should ----------------------------------------------------------


def terms(payoff=Payoff.LINEAR, tick="0.5", lot="0.001"):
    return Instrument(id="X", kind=Contract.PERPETUAL, underlying="U", settlement="USD", payoff=payoff,
                      tick=Fraction(tick), lot=Fraction(lot), contract_size=Fraction(10))  # fmt: skip


@given(st.integers(-(10**6), 10**6).filter(bool), st.integers(-(10**9), 10**9), st.integers(-(10**12), 10**12))
def test_a_trade_brings_exactly_what_was_said(lots, ticks, received):
    """Whatever the price: the ledger's cost of the trade and the transfer add up to it."""
    instruments = Instruments.of([terms()], [Asset(id="USD", decimals=4)])
    run = trade_for(instruments, 5, 6, "X", lots, ticks, received)
    gained = -fill_cost(terms(), 4, lots, ticks)
    for row in run[1:].tolist():
        assert row[2] == Kind.TRANSFER
        assert {row[3], row[6]} == {5, 6}
        gained += row[5] if row[6] == 5 else -row[5]
        assert row[7] == 1  # unjudged
    assert gained == received
    assert run[0, 2] == Kind.TRADE
    assert (run[0, 3], run[0, 5]) == ((5, 6) if lots > 0 else (6, 5))


@given(st.integers(-(10**6), 10**6).filter(bool), st.integers(-(10**12), 10**12))
def test_the_nearest_tick_is_the_nearest(lots, cost):
    ticks = nearest_ticks(terms(), 4, lots, cost)
    off = [abs(lots * t * terms().value_ratio(4) - cost) for t in (ticks - 1, ticks, ticks + 1)]
    assert off[1] == min(off)


@given(st.integers(1, 10**6), st.integers(1, 10**9))
def test_an_inverse_contract_is_handed_over_near_its_price(lots, ticks):
    row = terms(Payoff.INVERSE)
    found = nearest_ticks(row, 8, lots, fill_cost(row, 8, lots, ticks))
    cost = abs(fill_cost(row, 8, lots, ticks))
    assert 1 <= found <= MOST_TICKS
    if cost:  # half an atom of cost is that share of the price, and half a tick
        assert abs(found - ticks) <= ticks * (0.5 / cost + 1e-9) * ticks / min(found, ticks) + 0.5


def test_an_inverse_contract_that_cost_nothing_has_a_price():
    row = terms(Payoff.INVERSE)
    assert nearest_ticks(row, 8, 5, 0) == MOST_TICKS
    assert nearest_ticks(row, 8, 5, 10**9) == 1  # a cost of the wrong sign: the transfer makes up for it


def test_the_share_of_a_position_is_what_the_ledger_releases():
    assert part(Position(-7, 100), Fraction(1, 2)) == Position(-3, 42)
    assert part(Position(7, -100), Fraction(99, 100)) == Position(6, -85)
    assert part(Position(7, -100), Fraction(1)) == Position(7, -100)
    assert part(Position(0, 5), Fraction(1, 2)) == Position(0, 0)


def test_moved_goes_either_way():
    engine = engine_of()
    assert apply(engine, moved(0, 1, 0, 0)) == 0
    before = [portfolio_of(engine, a).balances for a in (0, 1)]
    apply(engine, moved(0, 1, 0, -5))
    name = engine.instruments.assets[0].id
    assert portfolio_of(engine, 0).balances[name] == before[0][name] + 5
    assert portfolio_of(engine, 1).balances[name] == before[1][name] - 5
