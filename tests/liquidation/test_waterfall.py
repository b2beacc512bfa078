"""Who bears a deficit: cases by hand, shares against fractions, and the properties on a small ledger and the engine's."""

from collections import defaultdict
from dataclasses import replace
from fractions import Fraction
from itertools import accumulate
from math import ceil, floor

import pytest
from account.gate_desks import prepared
from hypothesis import given
from hypothesis import strategies as st

from crossmargin._core.events import Kind
from crossmargin._core.status import Status
from crossmargin.account import Capacity, RiskEngine
from crossmargin.account.engine import RATE
from crossmargin.errors import InvalidInputError
from crossmargin.liquidation import socialisation as shares
from crossmargin.liquidation.deleveraging import EXCLUDED, Counterparties, OpenPosition, by_rank, by_size
from crossmargin.liquidation.socialisation import Haircut, pro_rata
from crossmargin.liquidation.venues import bybit, paradex
from crossmargin.liquidation.waterfall import Bearer, Deficit, Loss, Trade, Transfer, Waterfall
from crossmargin.portfolio.portfolio import fill_cost
from strategies import INVERSE, LINEAR, USDC, instrument

FINE = instrument("FINE", "perpetual", settlement="USDC", lot=Fraction(1, 1000), tick=Fraction(3, 10**5))  # 0.03 atoms
LISTED = (LINEAR, FINE)
MARKS = {"LINEAR": 60_000, "FINE": 1_000_003}
ATOMS = st.integers(0, 2**62)
WEIGHTS = st.lists(st.one_of(st.integers(0, 6), st.integers(0, 2**62)), min_size=1, max_size=8)


def open_position(name, lots, weight=1):
    listed = {i.id: i for i in LISTED}[name]
    return OpenPosition(instrument=listed, decimals=USDC.decimals, lots=lots, ticks=MARKS[name], weight=weight)


def fund_of(atoms, allocation=by_rank):
    return Waterfall(fund=atoms, asset="USDC", allocation=allocation)


# ---- pro rata ---------------------------------------------------------------------------------


def test_pro_rata_by_hand():
    assert pro_rata(10, [1, 1, 1]).tolist() == [4, 3, 3]  # equal remainders go by row
    assert pro_rata(7, [5, 3, 2]).tolist() == [4, 2, 1]  # 3.5, 2.1, 1.4
    assert pro_rata(10, [5, 0, 5]).tolist() == [5, 0, 5]
    assert pro_rata(0, [0, 0]).tolist() == [0, 0]
    assert pro_rata(0, []).tolist() == []
    assert pro_rata(0, [2**62] * 3).tolist() == [0, 0, 0]
    assert pro_rata(2**62 + 1, [2**62] * 3).tolist() == [(2**62 - 1) // 3 + 1] * 2 + [(2**62 - 1) // 3]
    assert not pro_rata(1, [1]).flags.writeable


def in_fractions(atoms, weights):
    """Floors, and the atoms that are left to the largest fractional parts, the first of equal ones first."""
    quotas = [Fraction(atoms * w, sum(weights)) for w in weights]
    found = [floor(q) for q in quotas]
    order = sorted(range(len(weights)), key=lambda row: (-(quotas[row] - found[row]), row))
    for row in order[: atoms - sum(found)]:
        found[row] += 1
    return found


@given(atoms=ATOMS, weights=WEIGHTS.filter(any))
def test_pro_rata_is_largest_remainder_in_fractions(atoms, weights):
    found = pro_rata(atoms, weights).tolist()
    assert found == in_fractions(atoms, weights)
    assert sum(found) == atoms
    assert all(abs(share - Fraction(atoms * w, sum(weights))) < 1 for share, w in zip(found, weights, strict=True))


@given(weights=WEIGHTS.filter(any), share=st.fractions(0, 1))
def test_nobody_pays_more_than_a_capacity(weights, share):
    atoms = min(floor(share * sum(weights)), 2**63 - 1)
    assert all(paid <= most for paid, most in zip(pro_rata(atoms, weights).tolist(), weights, strict=True))
    charged, left = shares.capped(min(sum(weights) + 5, 2**63 - 1), weights)
    assert sum(charged.tolist()) + left == min(sum(weights) + 5, 2**63 - 1)
    if sum(weights) < 2**62:
        assert (charged.tolist(), left) == (weights, 5)


def test_pro_rata_refuses():
    with pytest.raises(InvalidInputError, match="weights must have a sum > 0 to share 3 atoms, was 0"):
        pro_rata(3, [0, 0])
    with pytest.raises(InvalidInputError, match="weights must be >= 0, was -1 at row 1"):
        pro_rata(3, [1, -1])
    with pytest.raises(InvalidInputError, match="atoms must lie in .*, was -3"):
        pro_rata(-3, [1])
    with pytest.raises(InvalidInputError, match="weights must be 64-bit integers, was 0.5 at row 0"):
        pro_rata(3, [0.5])


# ---- by an index ------------------------------------------------------------------------------


def test_a_loss_by_the_funding_index_by_hand():
    """10 atoms over 3 lots, a unit of 4 an atom: ceil(40 / 3) = 14 a lot; 2 lots pay 7, 1 lot 3.5, so 4."""
    found = shares.by_funding_index(10, [2, 0, -1], unit=4)
    assert (found.change, found.paid.tolist(), found.rounding, found.unpaid) == (14, [7, 0, 4], 1, 0)
    down = shares.by_funding_index(10, [2, 0, -1], unit=4, round_up=False)  # 13 a lot: 6.5 and 3.25
    assert (down.change, down.paid.tolist(), down.rounding, down.unpaid) == (13, [6, 0, 3], 0, 1)
    assert shares.by_funding_index(10, [2, 0, -1], unit=4, step=5).change == 15
    assert shares.FUNDING_UNIT == RATE  # of the ledger
    nobody = shares.by_funding_index(10, [0, 0])
    assert (nobody.change, nobody.paid.tolist(), nobody.rounding, nobody.unpaid) == (0, [0, 0], 0, 10)


def test_a_loss_by_the_deposit_index_by_hand():
    """60 and 40 atoms at an index of 10; 33 are lost: a cut of ceil(3.3) = 4 leaves 36 and 24, and 7 of dust."""
    found = shares.by_deposit_index(33, [60, 40], index=10, scale=10)
    assert (found.cut, found.index, found.pool, found.covered) == (4, 6, 100, 33)
    assert (found.after.tolist(), found.paid.tolist(), found.dust, found.unpaid) == ([36, 24], [24, 16], 7, 0)
    more = shares.by_deposit_index(130, [60, 40], index=10, scale=10)
    assert (more.index, more.after.tolist(), more.unpaid, more.dust) == (0, [0, 0], 30, 0)
    empty = shares.by_deposit_index(5, [], index=10, scale=10)
    assert (empty.cut, empty.index, empty.pool, empty.unpaid, empty.dust) == (0, 10, 0, 5, 0)


LOTS = st.lists(st.one_of(st.integers(-20, 20), st.integers(-(2**53), 2**53)), max_size=6)


@given(loss=st.integers(0, 2**60), lots=LOTS, unit=st.sampled_from([1, 7, 2**32, 2**48, 10**12]), up=st.booleans(),
       step=st.sampled_from([1, 1000]))  # fmt: skip
def test_no_atom_of_a_funding_loss_is_lost(loss, lots, unit, up, step):
    found = shares.by_funding_index(loss, lots, unit=unit, step=step, round_up=up)
    assert sum(found.paid.tolist()) + found.unpaid == loss + found.rounding
    assert min(found.rounding, found.unpaid, found.change) >= 0
    assert found.rounding == 0 or up
    if any(lots):
        assert found.unpaid == 0 or not up
        exact = Fraction(loss * unit, sum(map(abs, lots)))
        assert abs(found.change - exact) < step
        for held, paid in zip(lots, found.paid.tolist(), strict=True):
            assert paid == (ceil if up else floor)(Fraction(abs(held) * found.change, unit))


@given(loss=st.integers(0, 2**60), balances=st.lists(st.integers(0, 2**50), max_size=6), index=st.integers(1, 10**11),
       scale=st.sampled_from([1, 10, 10**13]))  # fmt: skip
def test_no_atom_of_a_deposit_loss_is_lost(loss, balances, index, scale):
    balances = [b if b * index // scale < 2**60 else b % 100 for b in balances]
    found = shares.by_deposit_index(loss, balances, index=index, scale=scale)
    assert found.pool == sum(balances) * index // scale
    assert found.pool == found.covered + sum(found.after.tolist()) + found.dust
    assert loss == found.covered + found.unpaid
    assert min(found.dust, found.unpaid, found.index, *found.paid.tolist(), 0) >= 0
    before = [b * index // scale for b in balances]
    assert found.after.tolist() == [b * found.index // scale for b in balances]
    assert found.paid.tolist() == [b - a for b, a in zip(before, found.after.tolist(), strict=True)]
    if found.pool:
        assert found.cut == ceil(Fraction(index * found.covered, found.pool))


def test_an_index_refuses():
    with pytest.raises(InvalidInputError, match="unit must lie in .*, was 0"):
        shares.by_funding_index(1, [1], unit=0)
    with pytest.raises(InvalidInputError, match="loss must lie in .*, was -1"):
        shares.by_funding_index(-1, [1])
    with pytest.raises(InvalidInputError, match="lots must stay within"):
        shares.by_funding_index(1, [-(2**63)])
    with pytest.raises(InvalidInputError, match="balances must be >= 0, was -1 at row 0"):
        shares.by_deposit_index(1, [-1], index=1, scale=1)
    with pytest.raises(InvalidInputError, match="scale must lie in .*, was 0"):
        shares.by_deposit_index(1, [1], index=1, scale=0)


# ---- on withdrawals ---------------------------------------------------------------------------


def test_a_haircut_by_hand():
    """1 of 4 is charged; 7 pays 1.75, so 2."""
    cut = Haircut(shortfall=1, total=3)
    assert cut.factor == Fraction(1, 4)
    assert (cut.withdraw(7).to_user, cut.withdraw(7).to_fund) == (5, 2)
    assert Haircut(shortfall=0, total=0).factor == 0
    assert Haircut(shortfall=5, total=0).factor == 1
    assert shares.shortfall([5, -7, -2, 0], 4) == 5
    assert shares.shortfall([-7], 9) == 0
    assert paradex.bankruptcy(-3) == 3
    assert paradex.bankruptcy(3) == 0
    assert paradex.socialised_loss([-9, 4], [6, -2, 4], 1) == Haircut(shortfall=8, total=10)
    assert paradex.socialised_loss([-9, 4], [6, -2, 4], 1, total_with_fund=True) == Haircut(shortfall=8, total=11)
    assert paradex.socialised_loss([-9], [6], -3, total_with_fund=True) == Haircut(shortfall=12, total=6)
    assert paradex.taken_over(-5, 3) == -2


@given(lost=st.integers(0, 10**6), total=st.integers(0, 10**6), parts=st.lists(st.integers(0, 10**6), max_size=5))
def test_withdrawals_never_pay_more_than_the_shortfall(lost, total, parts):
    """Each is divided without loss and charged its factor, rounded up; together they leave the rest of the shortfall."""
    cut, charged, gone = Haircut(shortfall=lost, total=total), 0, 0
    for part in parts:
        taken = min(part, cut.total)
        found = cut.withdraw(taken)
        assert found.to_user + found.to_fund == taken
        assert found.to_fund == ceil(Fraction(taken * cut.shortfall, max(cut.total + cut.shortfall, 1)))
        cut, charged, gone = cut.after(taken), charged + found.to_fund, gone + taken
        assert (cut.shortfall, cut.total) == (lost - charged, total - gone)
        assert charged <= lost
    with pytest.raises(InvalidInputError, match="withdrawal must lie in"):
        cut.after(cut.total + 1)


# ---- the waterfall by hand --------------------------------------------------------------------


def test_the_parts_come_in_their_order():
    """100 of loss: 10 of the account, 25 of the fund, no counterparty, 65 of three holders by what they have."""
    borne = fund_of(25).bear(Deficit(account="x", atoms=100, available=10), holders={"c": 100, "a": 200, "b": 25, "x": 9})
    assert borne.loss == Loss(from_account=10, from_fund=25, deleveraged=0, socialised=65)
    assert borne.loss.total == 100
    assert borne.waterfall == fund_of(0)
    assert [(t.payer, t.payee, t.atoms, t.bearer) for t in borne.transfers] == [
        ("fund:USDC", "x", 25, Bearer.FUND),
        ("a", "x", 40, Bearer.SOCIALISED),
        ("b", "x", 5, Bearer.SOCIALISED),
        ("c", "x", 20, Bearer.SOCIALISED),
    ]
    assert {t.asset for t in borne.transfers} == {"USDC"}
    assert (borne.unpaid, borne.trades, borne.holders) == (0, (), {"a": 160, "b": 20, "c": 80})


def test_an_empty_fund_and_nobody_to_pay():
    borne = fund_of(0).bear(Deficit(account="x", atoms=7))
    assert borne.loss == Loss(from_account=0, from_fund=0, deleveraged=0, socialised=7)
    assert (borne.unpaid, borne.transfers, borne.waterfall.fund) == (7, (), 0)
    assert fund_of(0).bear(Deficit(account="x", atoms=7), holders={"a": 3}).unpaid == 4
    assert fund_of(0).bear(Deficit(account="x", atoms=7, available=9)).loss.from_account == 7


def test_a_limit_on_what_the_fund_pays():
    deficit = Deficit(account="x", atoms=100)
    borne = fund_of(80).bear(deficit, limit=30)
    assert (borne.loss.from_fund, borne.loss.socialised, borne.waterfall.fund) == (30, 70, 50)
    assert fund_of(20).bear(deficit, limit=30).loss.from_fund == 20
    assert fund_of(20).bear(deficit, limit=0).loss.from_fund == 0
    with pytest.raises(InvalidInputError, match="limit must lie in .*, was -1"):
        fund_of(20).bear(deficit, limit=-1)


def test_deleveraging_at_the_bankruptcy_price():
    """Long 10, 300,000 atoms short: 6 ticks of 5,000 atoms a lot; b ranks before a, and c is long."""
    others = {"LINEAR": Counterparties.of(["a", "b", "c"], [-8, -7, 4], [1.0, 2.0, 3.0])}
    deficit = Deficit(account="x", atoms=320_000, positions=(open_position("LINEAR", 10),))
    borne = fund_of(20_000).bear(deficit, counterparties=others)
    assert borne.loss == Loss(from_account=0, from_fund=20_000, deleveraged=300_000, socialised=0)
    assert borne.trades == (
        Trade(buyer="a", seller="x", instrument="LINEAR", lots=3, ticks=60_006),
        Trade(buyer="b", seller="x", instrument="LINEAR", lots=7, ticks=60_006),
    )
    assert borne.transfers == (Transfer(payer="fund:USDC", payee="x", asset="USDC", atoms=20_000, bearer=Bearer.FUND),)
    assert borne.counterparties["LINEAR"].lots.tolist() == [-5, 0, 4]


def test_what_the_tick_leaves_is_a_transfer():
    """Short 4, 50,003 atoms: 2.50015 ticks a lot, so 2; of what is left a owes 2,500 a lot, the odd 3 go 2 and 1."""
    others = {"LINEAR": Counterparties.of(["a", "b"], [3, 1])}
    deficit = Deficit(account="x", atoms=50_003, positions=(open_position("LINEAR", -4),))
    borne = fund_of(0).bear(deficit, counterparties=others)
    assert [(t.buyer, t.seller, t.lots, t.ticks) for t in borne.trades] == [("x", "a", 3, 59_998), ("x", "b", 1, 59_998)]
    assert [(t.payer, t.payee, t.atoms) for t in borne.transfers] == [("a", "x", 7_502), ("b", "x", 2_501)]
    assert borne.loss.deleveraged == 50_003


def test_lots_without_a_counterparty_leave_their_share():
    """6 of 10 lots are covered: 60 % of the loss is passed on, rounded down, and the holders bear the rest."""
    others = {"LINEAR": Counterparties.of(["a", "x"], [-6, -9])}
    deficit = Deficit(account="x", atoms=1_001, positions=(open_position("LINEAR", 10),))
    borne = fund_of(0).bear(deficit, counterparties=others, holders={"h": 500})
    assert borne.loss == Loss(from_account=0, from_fund=0, deleveraged=600, socialised=401)
    assert (borne.unpaid, borne.holders) == (0, {"h": 99})


def test_one_lot_and_each_bearer_in_turn():
    """Long 1, covered: all that the fund leaves goes to a; of two lots a half, and the holder pays the rest."""
    others = {"LINEAR": Counterparties.of(["a"], [-1])}
    borne = fund_of(1).bear(Deficit(account="x", atoms=10, positions=(open_position("LINEAR", 1),)), counterparties=others)
    assert [(t.buyer, t.seller) for t in borne.trades] == [("a", "x")]
    half = Deficit(account="x", atoms=10, positions=(open_position("LINEAR", 2),))
    borne = fund_of(1).bear(half, counterparties=others, holders={"h": 9})
    assert [(t.payer, t.atoms, t.bearer) for t in borne.transfers] == [
        ("fund:USDC", 1, Bearer.FUND), ("a", 4, Bearer.DELEVERAGING), ("h", 5, Bearer.SOCIALISED),
    ]  # fmt: skip


def test_a_loss_of_several_positions_by_their_weights():
    """Maintenance margins of 3 and 1: 300 and 100 atoms; the second is covered for a half."""
    others = {"LINEAR": Counterparties.of(["a"], [-9]), "FINE": Counterparties.of(["b"], [5])}
    fine = OpenPosition(instrument=FINE, decimals=6, lots=-10, ticks=MARKS["FINE"])
    assert fine.weight == 1
    held = (open_position("LINEAR", 9, weight=3), fine)
    borne = fund_of(0).bear(Deficit(account="x", atoms=400, positions=held), counterparties=others)
    assert (borne.loss.deleveraged, borne.loss.socialised) == (350, 50)
    assert [t.instrument for t in borne.trades] == ["FINE", "LINEAR"]
    assert fund_of(0).bear(Deficit(account="x", atoms=400, positions=held)).loss.socialised == 400


def test_the_price_of_dydx_at_which_a_short_of_one_coin_is_closed():
    """The chain's own example: short 1 BTC with 54,999 USD at a price of 55,000 is closed at 54,999."""
    coin = instrument("BTC-USD", "perpetual", settlement="USDC", lot=Fraction(1, 10**8), tick=Fraction(1, 10**5))
    held = OpenPosition(instrument=coin, decimals=6, lots=-(10**8), ticks=55_000 * 10**5)
    deficit = Deficit(account="carl", atoms=10**6, positions=(held,))
    borne = fund_of(0).bear(deficit, counterparties={"BTC-USD": Counterparties.of(["dave"], [10**8])})
    assert borne.trades == (Trade(buyer="carl", seller="dave", instrument="BTC-USD", lots=10**8, ticks=54_999 * 10**5),)
    assert borne.transfers == ()


def test_a_deficit_in_coins():
    """An inverse long: 0.2 BTC over 6,000 lots, the price 66,666 of 66,666.67, the rest from the counterparty."""
    held = OpenPosition(instrument=INVERSE, decimals=8, lots=6_000, ticks=60_000)
    others = {"INVERSE": Counterparties.of(["a"], [-6_000])}
    borne = Waterfall(fund=0, asset="BTC").bear(Deficit(account="x", atoms=20_000_000, positions=(held,)), counterparties=others)
    [trade], [transfer] = borne.trades, borne.transfers
    assert trade.ticks == 66_666
    brought = fill_cost(INVERSE, 8, 6_000, 66_666) - fill_cost(INVERSE, 8, 6_000, 60_000)
    assert (transfer.payer, transfer.atoms) == ("a", 20_000_000 - brought)
    assert 0 < transfer.atoms < 6_000


def test_what_is_refused():
    for atoms in (0, -5):
        with pytest.raises(InvalidInputError, match=f"deficit must be > 0, was {atoms} of 'x'"):
            Deficit(account="x", atoms=atoms)
    with pytest.raises(InvalidInputError, match="available must lie in .*, was -1 of 'x'"):
        Deficit(account="x", atoms=1, available=-1)
    with pytest.raises(InvalidInputError, match="positions of 'x' must be unique, was 'LINEAR' at row 1"):
        Deficit(account="x", atoms=1, positions=(open_position("LINEAR", 1), open_position("LINEAR", 2)))
    with pytest.raises(InvalidInputError, match="fund must lie in .*, was -1"):
        fund_of(-1)
    with pytest.raises(InvalidInputError, match="capacities must be >= 0, was -1 at row 0"):
        fund_of(0).bear(Deficit(account="x", atoms=1), holders={"a": -1})
    with pytest.raises(InvalidInputError, match="settlement must be one of USD, was 'USDC' of LINEAR"):
        Waterfall(fund=0, asset="USD").bear(Deficit(account="x", atoms=1, positions=(open_position("LINEAR", 1),)))
    with pytest.raises(InvalidInputError, match="account must be unique, was 'x' at row 1"):
        fund_of(0).bear_all([Deficit(account="x", atoms=1), Deficit(account="x", atoms=2)])


def test_a_fund_that_spares_a_counterparty_may_leave_it_out():
    """With ``backing`` the fund's property does not hold: 10 atoms behind 2 lots bear 5 a lot, 9 behind 1 lot bear 9."""
    deficits = [Deficit(account=name, atoms=atoms, positions=(open_position("LINEAR", 1),)) for name, atoms in (("x", 2), ("y", 6))]
    others = {"LINEAR": Counterparties.of(["a"], [-2], backing=[10])}
    lost = {fund: [b.loss.socialised for b in fund_of(fund).bear_all(deficits, counterparties=others)] for fund in (1, 2)}
    assert lost == {1: [0, 0], 2: [0, 6]}


# ---- Bybit ------------------------------------------------------------------------------------


def test_when_bybit_begins_and_ends():
    rules = bybit.DrawdownRules(threshold=100)
    assert rules == bybit.DrawdownRules(trigger=-0.3, stop="-0.25", threshold=100)
    at = {ratio: bybit.Pool(balance=1_000, largest=1_000, profit=-ratio, peak=0) for ratio in (301, 300, 299, 250, 249)}
    assert [bybit.deleverages(pool, rules) for pool in at.values()] == [True, True, False, False, False]
    assert [bybit.deleverages(pool, rules, active=True) for pool in at.values()] == [True, True, True, True, False]
    assert at[301].drawdown == Fraction(-301, 1000)
    assert bybit.Pool(balance=1, largest=8, profit=-1, peak=4).drawdown == Fraction(-5, 8)
    assert bybit.DrawdownRules().threshold == 0
    low = replace(at[301], balance=100)
    assert not bybit.deleverages(low, rules, active=True)  # the drawdown counts beyond the threshold alone
    assert bybit.deleverages(replace(low, balance=101), rules)
    for balance, on in ((1, False), (0, True), (-5, True)):
        assert bybit.deleverages(bybit.Pool(balance=balance, largest=1), rules) == on


def test_what_bybit_pays_and_what_it_passes_on():
    rules = bybit.DrawdownRules(threshold=100)
    assert bybit.fund_limit(bybit.Pool(balance=1_000, largest=1_001), rules) == 300  # 300.3
    assert bybit.fund_limit(bybit.Pool(balance=1_000, largest=1_001, profit=-40, peak=10), rules) == 250
    assert bybit.fund_limit(bybit.Pool(balance=1_000, largest=1_001, profit=-400), rules) == 0
    assert bybit.fund_limit(bybit.Pool(balance=200, largest=1_001), rules) == 200
    assert [bybit.fund_limit(bybit.Pool(balance=n, largest=1_001), rules) for n in (100, 0, -3)] == [100, 0, 0]


def test_bybit_refuses():
    with pytest.raises(InvalidInputError, match="trigger must be <= stop -1/4, was -1/5"):
        bybit.DrawdownRules(trigger="-0.2")
    with pytest.raises(InvalidInputError, match=r"stop must lie in \[-1, 0\], was 1"):
        bybit.DrawdownRules(stop=1)
    with pytest.raises(InvalidInputError, match=r"trigger must lie in \[-1, 0\], was -3/2"):
        bybit.DrawdownRules(trigger="-1.5")
    with pytest.raises(InvalidInputError, match="peak must be >= profit 3, was 0"):
        bybit.Pool(balance=1, largest=1, profit=3)
    with pytest.raises(InvalidInputError, match="largest must lie in .*, was 0"):
        bybit.Pool(balance=1, largest=0)


# ---- properties -------------------------------------------------------------------------------

NAMES = [f"c{n}" for n in range(6)]


@st.composite
def sides(draw):
    """Counterparties of both instruments, with scores."""
    found = {}
    for listed in LISTED:
        held = draw(st.lists(st.tuples(st.integers(-9, 9), st.sampled_from([EXCLUDED, 0.0, 1.0])), max_size=6))
        found[listed.id] = Counterparties.of(NAMES[: len(held)], [h for h, _ in held], [s for _, s in held])
    return found


@st.composite
def deficit_of(draw, account):
    chosen = draw(st.sampled_from([(), ("LINEAR",), ("FINE",), ("LINEAR", "FINE")]))
    size = st.integers(-12, 12).filter(bool)
    held = tuple(open_position(name, draw(size), draw(st.integers(1, 4))) for name in chosen)
    return Deficit(account=account, atoms=draw(st.integers(1, 10**6)), available=draw(st.integers(0, 5)), positions=held)


DEFICITS = st.integers(1, 4).flatmap(lambda n: st.tuples(*(deficit_of(f"d{i}") for i in range(n))))
HOLDERS = st.dictionaries(st.sampled_from([*NAMES, "h0", "h1"]), st.integers(0, 10**6), max_size=5)
ALLOCATIONS = st.sampled_from([by_rank, by_size])


class Ledger:
    """Cash and lots; a trade moves its cost, a transfer its atoms, and nothing else happens."""

    def __init__(self):
        self.cash, self.lots = defaultdict(int), defaultdict(int)

    def apply(self, borne):
        terms = {i.id: i for i in LISTED}
        for t in borne.trades:
            cost = fill_cost(terms[t.instrument], USDC.decimals, t.lots, t.ticks)
            self.cash[t.buyer] -= cost
            self.cash[t.seller] += cost
            self.lots[t.buyer, t.instrument] += t.lots
            self.lots[t.seller, t.instrument] -= t.lots
        for t in borne.transfers:
            self.cash[t.payer] -= t.atoms
            self.cash[t.payee] += t.atoms

    def equity(self, account):
        """Cash and what the account holds at the marks."""
        held = {name: lots for (owner, name), lots in self.lots.items() if owner == account}
        return self.cash[account] + sum(
            fill_cost(i, USDC.decimals, held.get(i.id, 0), MARKS[i.id]) for i in LISTED
        )


@given(fund=st.integers(0, 10**6), deficits=DEFICITS, others=sides(), holders=HOLDERS, allocation=ALLOCATIONS)
def test_every_atom_is_accounted_for(fund, deficits, others, holders, allocation):
    """On a ledger: each account ends where nobody has paid, each counterparty lost its part, the sum of cash is 0."""
    ledger, name = Ledger(), "fund:USDC"
    for d in deficits:
        for held in d.positions:
            ledger.lots[d.account, held.instrument.id] = held.lots
        ledger.cash[d.account] = -(d.atoms - min(d.atoms, d.available)) - ledger.equity(d.account)
    for listed, found in others.items():
        for account, lots in zip(found.account, found.lots.tolist(), strict=True):
            ledger.lots[account, listed] = lots
    ledger.cash[name] = fund
    start = sum(ledger.cash.values())
    equity = {account: ledger.equity(account) for account in NAMES}
    all_borne = fund_of(fund, allocation).bear_all(deficits, counterparties=others, holders=holders)
    for d, borne in zip(deficits, all_borne, strict=True):
        ledger.apply(borne)
        assert borne.loss.total == d.atoms
        assert min(borne.loss.from_account, borne.loss.from_fund, borne.loss.deleveraged, borne.loss.socialised) >= 0
        assert ledger.equity(d.account) == -borne.unpaid
        assert ledger.cash[name] == borne.waterfall.fund
        assert all(t.atoms > 0 for t in borne.transfers)
        assert all(t.lots > 0 for t in borne.trades)
    assert sum(ledger.cash.values()) == start
    for listed, found in all_borne[-1].counterparties.items():
        for account, lots in zip(found.account, found.lots.tolist(), strict=True):
            assert ledger.lots[account, listed] == lots
    given_up = sum(equity.values()) - sum(ledger.equity(account) for account in NAMES)
    charged = sum(t.atoms for b in all_borne for t in b.transfers if t.bearer == Bearer.SOCIALISED and t.payer in NAMES)
    n_trades = sum(len(b.trades) for b in all_borne)
    assert abs(given_up - charged - sum(b.loss.deleveraged for b in all_borne)) <= n_trades + len(NAMES)


@given(fund=st.integers(0, 10**6), more=st.integers(1, 10**6), deficits=DEFICITS, others=sides(), allocation=ALLOCATIONS)
def test_a_larger_fund_never_raises_the_socialised_loss(fund, more, deficits, others, allocation):
    def lost(atoms):
        return sum(b.loss.socialised for b in fund_of(atoms, allocation).bear_all(deficits, counterparties=others))

    assert lost(fund + more) <= lost(fund)


def plain(borne):
    """What can be compared of a result."""
    left = {name: (c.account, c.lots.tolist()) for name, c in borne.counterparties.items()}
    return borne.account, borne.loss, borne.waterfall, borne.trades, borne.transfers, borne.unpaid, left, borne.holders


@given(fund=st.integers(0, 10**6), deficits=DEFICITS, others=sides(), holders=HOLDERS, allocation=ALLOCATIONS, data=st.data())
def test_nothing_depends_on_where_accounts_are_stored(fund, deficits, others, holders, allocation, data):
    shuffled = {}
    for name in data.draw(st.permutations(sorted(others))):
        found = others[name]
        order = data.draw(st.permutations(range(len(found.account))))
        columns = [[c[row] for row in order] for c in (found.account, found.lots.tolist(), found.score.tolist())]
        shuffled[name] = Counterparties.of(*columns)
    mixed = [replace(d, positions=tuple(reversed(d.positions))) for d in data.draw(st.permutations(deficits))]
    kept = dict(data.draw(st.permutations(sorted(holders.items()))))
    waterfall = fund_of(fund, allocation)
    one = waterfall.bear_all(deficits, counterparties=others, holders=holders)
    other = waterfall.bear_all(mixed, counterparties=shuffled, holders=kept)
    assert list(map(plain, one)) == list(map(plain, other))


@given(fund=st.integers(0, 10**6), deficits=DEFICITS)
def test_a_sequence_is_one_deficit_after_the_other(fund, deficits):
    """Without counterparties and holders: the fund pays until it is empty, whatever falls due."""
    found = fund_of(fund).bear_all(deficits)
    owed = [d.atoms - min(d.atoms, d.available) for d in deficits]
    assert [b.waterfall.fund for b in found] == [max(0, fund - due) for due in accumulate(owed)]
    assert sum(b.loss.socialised for b in found) == max(0, sum(owed) - fund)


# ---- the engine's ledger ----------------------------------------------------------------------


def test_the_engines_ledger_takes_trades_and_transfers():
    """900 lots opened at the mark, 800 of them closed against two others: the account gains the deficit, to the atom."""
    base = prepared("Hyperliquid")
    listed = base.instruments.rows[0]
    asset = base.instruments.asset(listed.settlement)
    row, fund = base.instruments.asset_index[asset.id], f"fund:{asset.id}"
    engine = RiskEngine(base, orders="venue", capacity=Capacity(accounts=8, slots=8, orders=8))
    handles = {name: engine.open(name, asset.id) for name in ("holder", "x", "b", "a", fund)}
    ticks = round(base.market.value("mark", listed.id) / float(listed.tick))
    for name, lots in (("a", 300), ("b", 500), ("holder", 100)):
        assert engine.trade(handles["x"], 0, handles[name], 0, 0, lots, ticks) == Status.OK
    for name, atoms in (("holder", 10**9), (fund, 40_000)):
        assert engine.event(Kind.DEPOSIT, 0, handles[name], row, atoms) == Status.OK
    before = atoms_of(engine, row)
    held = OpenPosition(instrument=listed, decimals=asset.decimals, lots=900, ticks=ticks)
    borne = Waterfall(fund=40_000, asset=asset.id).bear(
        Deficit(account="x", atoms=1_234_567, positions=(held,)),
        counterparties={listed.id: Counterparties.of(["b", "a"], [-500, -300])}, holders={"holder": 10**9},
    )  # fmt: skip
    assert borne.loss == Loss(from_account=0, from_fund=40_000, deleveraged=1_061_837, socialised=132_730)
    for t in borne.trades:
        assert engine.trade(handles[t.buyer], 0, handles[t.seller], 0, 0, t.lots, t.ticks) == Status.OK
    for t in borne.transfers:
        assert engine.event(Kind.TRANSFER, 0, handles[t.payer], row, t.atoms, handles[t.payee], 1) == Status.OK
    after = atoms_of(engine, row)
    changes = {name: after[handle] - before[handle] for name, handle in handles.items()}
    assert changes == {"x": 1_234_567, fund: -40_000, "holder": -132_730, "a": -398_189, "b": -663_648}
    assert [lots for account, _, lots, *_ in engine.positions() if account == handles["x"] and lots] == [100]
    assert not any(engine.imbalance().values())


def atoms_of(engine, row):
    return defaultdict(int, {account: atoms for account, asset, atoms in engine.balances() if asset == row})
