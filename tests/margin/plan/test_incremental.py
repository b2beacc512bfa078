"""The incremental evaluator: any history leads to the bits of a fresh build, in every method of the seeds."""

from functools import cache
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from crossmargin import load, margin
from crossmargin.errors import InvalidInputError, KernelError
from crossmargin.margin.plan.incremental import Incremental
from crossmargin.margin.plan.quantum import Quanta
from crossmargin.margin.prepared import quantities

SEEDS = Path(__file__).resolve().parents[3] / "seeds"
LOTS = {"position": 1e6, "cost": 1e12, "balance": 1e12}
CASES = [(seed, name) for seed in ("market-maker", "crypto") for name in ("isolated", "tiered", "portfolio")]


@cache
def case(seed, name):
    desk = load(SEEDS / f"{seed}.json")
    prepared = margin.load_method(desk.methods[name]).prepare(desk.instruments, desk.market)
    return desk, prepared, Quanta.of(prepared.bound, LOTS)


def fresh(seed, name):
    desk, prepared, quanta = case(seed, name)
    return prepared.incremental(desk.portfolio, quanta)


changes = st.lists(st.tuples(st.integers(0, 10**6), st.integers(-900, 900)), min_size=1, max_size=30)


@pytest.mark.parametrize(("seed", "name"), CASES)
def test_it_equals_the_batch_to_the_bit(seed, name):
    desk, prepared, quanta = case(seed, name)
    found = fresh(seed, name).outputs()
    batch = prepared.values(desk.portfolio.book, tuple(prepared.wanted), quantum=quanta)
    assert all((found[output] == batch[output][0]).all() for output in found)


@pytest.mark.parametrize(("seed", "name"), CASES)
@given(item=st.integers(0, 10**6), lots=st.integers(-900, 900))
def test_joined_nodes_give_the_bits_of_separate_ones(seed, name, item, lots):
    """With the surplus alone wanted, sums and products are joined into chains; with every output none is."""
    desk, prepared, quanta = case(seed, name)
    joined = Incremental(prepared.bound, {"surplus": prepared.wanted["surplus"]}, quanta)
    for holding, (keys, amounts) in quantities(prepared.bound, desk.portfolio).items():
        for key, amount in zip(keys.tolist(), amounts.tolist(), strict=True):
            joined.apply(holding, key, amount)
    item %= joined.bound.size("instrument")
    separate = fresh(seed, name).contemplate("position", item, lots)["surplus"]
    assert (joined.contemplate("position", item, lots)["surplus"] == separate).all()
    joined.apply("position", item, lots)
    assert (joined.outputs()["surplus"] == separate).all()


@pytest.mark.parametrize(("seed", "name"), CASES)
@given(history=changes)
def test_a_history_and_its_reverse_restore_every_bit(seed, name, history):
    account = fresh(seed, name)
    before, outputs, undo = account.state(), account.outputs(), []
    size = account.bound.size("instrument")
    for item, lots in history:
        undo.append((item % size, account.quantity("position", item % size)))
        account.apply("position", item % size, lots)
    for item, lots in reversed(undo):
        account.apply("position", item, lots)
    assert account.state() == before
    assert all((account.outputs()[name] == outputs[name]).all() for name in outputs)


@pytest.mark.parametrize(("seed", "name"), CASES)
@given(history=changes)
def test_state_does_not_depend_on_history(seed, name, history):
    desk, prepared, quanta = case(seed, name)
    wandered, direct = (prepared.incremental(desk.portfolio.holding(positions={}), quanta) for _ in range(2))
    size, final = wandered.bound.size("instrument"), {}
    for item, lots in history:
        wandered.apply("position", item % size, lots)
        final[item % size] = lots
    for item in sorted(final):
        direct.apply("position", item, final[item])
    assert wandered.state() == direct.state()


@pytest.mark.parametrize(("seed", "name"), CASES)
@given(item=st.integers(0, 10**6), lots=st.integers(-900, 900))
def test_contemplate_answers_what_apply_would_and_changes_nothing(seed, name, item, lots):
    account = fresh(seed, name)
    before = account.state()
    item %= account.bound.size("instrument")
    contemplated = account.contemplate("position", item, lots)
    assert account.state() == before
    account.apply("position", item, lots)
    applied = account.outputs()
    assert all((contemplated[output] == applied[output]).all() for output in applied)


@pytest.mark.parametrize(("seed", "name"), CASES)
def test_quanta_keep_figures_within_a_cent(seed, name):
    desk, prepared, _ = case(seed, name)
    found = fresh(seed, name).outputs()
    exact = prepared.values(desk.portfolio.book, ("requirement", "equity"))
    for output in exact:
        assert np.allclose(found[output], exact[output][0], rtol=0, atol=0.05)


def test_beyond_the_range_is_refused_and_changes_nothing():
    account = fresh("crypto", "portfolio")
    before = account.state()
    with pytest.raises(KernelError, match="RANGE"):
        account.apply("position", 0, 1e7)
    assert account.state() == before


def test_more_items_than_reserved_are_refused():
    desk, prepared, quanta = case("market-maker", "portfolio")
    with pytest.raises(KernelError, match="CAPACITY"):
        prepared.incremental(desk.portfolio, quanta, items=3)


def test_an_unknown_holding_or_item_is_named():
    account = fresh("crypto", "portfolio")
    with pytest.raises(InvalidInputError, match="holding must name a known holding of the plan, was 'options'"):
        account.apply("options", 0, 1)
    with pytest.raises(InvalidInputError, match=r"item must lie in \[0, 17\], was 99 of position"):
        account.apply("position", 99, 1)


@pytest.mark.parametrize(("seed", "name"), CASES)
def test_a_mark_replaces_tables_and_not_the_program(seed, name):
    desk, prepared, quanta = case(seed, name)
    underlying = desk.instruments.rows[0].underlying
    from crossmargin.scenario import moved_market

    market = moved_market(desk.instruments, desk.market, {underlying: 0.03})
    marked = prepared.remark(market)
    again = prepared.method.prepare(desk.instruments, market)
    assert marked.program.hash == prepared.program.hash == again.program.hash
    one, two = (p.values(desk.portfolio.book, tuple(p.wanted), quantum=quanta) for p in (marked, again))
    assert all((one[output] == two[output]).all() for output in one)
