"""What a parameter set leaves out is read as zero and not computed; results stay those of the slow evaluator."""

import numpy as np
import pytest
from hypothesis import given, reject
from hypothesis import strategies as st

from crossmargin.errors import PlanError
from crossmargin.margin.plan.batch import run
from crossmargin.margin.plan.empty import check_empty
from crossmargin.margin.plan.layout import Column, lay_out
from crossmargin.margin.plan.zeros import zero_nodes
from margin import cases
from margin.plan.lab import Lab, book, same
from margin.plan.wild import Wild


def emptied(bound, seed):
    """The same program with about half of its coefficients and rates zero."""
    rng = np.random.default_rng(seed)
    coefficients = {node.name for _, node in bound.program if node.op == "slot" and node.name}
    tables = {name: table * rng.integers(0, 2) if name in coefficients or name.startswith("rates") else table
              for name, table in bound.tables.items()}  # fmt: skip
    return bound.remarked(tables)


@cases.examples(60)
@given(seed=st.integers(0, 2**32 - 1))
def test_random_programs_with_empty_tables_agree_with_the_slow_evaluator(seed):
    bound = emptied(Wild(seed).bind(seed), seed)
    same(bound, book(seed, n=12))


@cases.examples(60)
@given(seed=st.integers(0, 2**32 - 1))
def test_keys_that_only_zeros_would_read_change_nothing(seed):
    """Of a plan whose sums are 0 on an empty key, as every method's are."""
    bound, books = emptied(Wild(seed).bind(seed), seed), book(seed, n=30)
    try:
        check_empty(bound)
    except PlanError:
        reject()
    wanted = [number for _, number in bound.program.outputs]
    found = run(lay_out(bound, checked=True), books, wanted)
    np.testing.assert_allclose(found, run(lay_out(bound), books, wanted), rtol=1e-12, atol=1e-9)
    at = 0
    for number in wanted[:3]:  # alone: the same bits
        one = run(lay_out(bound, checked=True), books, [number])
        at += one.shape[1]
        assert one.tobytes() == found[:, at - one.shape[1] : at].tobytes()


@cases.examples(30)
@given(seed=st.integers(0, 2**32 - 1))
def test_a_node_said_to_be_zero_is_zero(seed):
    bound = emptied(Wild(seed).bind(seed), seed)
    layout, books = lay_out(bound), book(seed, n=40)
    object.__setattr__(layout, "zeros", frozenset())  # compute everything
    accounts = [n for n in zero_nodes(bound) if bound.program.nodes[n].key == "account"]
    for number in accounts:
        assert not run(layout, books, [number]).any(), number


@pytest.mark.parametrize("seed", range(20))
def test_some_nodes_are_zero_and_none_of_them_is_run(seed):
    bound = emptied(Wild(seed).bind(seed), seed)
    zeros = zero_nodes(bound)
    nodes = lay_out(bound).needs(64, tuple(n for _, n in bound.program.outputs)).nodes
    assert (nodes[sorted(zeros), Column.KEYS] == 1).all()


def test_empty_tables_do_make_zeros():
    assert sum(len(zero_nodes(emptied(Wild(seed).bind(seed), seed))) for seed in range(20)) > 50


def test_nothing_times_an_infinite_figure_is_not_zero():
    """A quotient of figures may be infinite: the product is no number, here as in the slow evaluator."""
    lab = Lab()
    lab.m.output("odd", lab.position.sum("t") * (lab.m.given("p") / lab.m.given("r")))
    bound = lab.bind()
    found = bound.remarked({**bound.tables, "t": bound.tables["t"] * 0, "p": [[1.0]], "r": [[0.0]]})
    assert not zero_nodes(found) & {n for n, node in found.program if node.op in {"scale", "product"}}


def test_a_remarked_method_is_checked_again(monkeypatch):
    """What is skipped rests on sums that are 0 on empty keys: another market's figures must keep that too."""
    desk = cases.desk("crypto")
    prepared = desk.prepared("portfolio")
    assert prepared.layout.checked
    assert prepared.remark(desk.market).layout.checked
    bound = prepared.method.bind(prepared.instruments, desk.market)
    assert not bound.remark(desk.market).layout.checked  # nobody checked it
    seen = []
    monkeypatch.setattr("crossmargin.margin.prepared.check_empty", seen.append)
    again = prepared.remark(desk.market)
    assert seen == [again.bound]
