"""The matchers and what stands with them: batch, slow and incremental evaluators agree, explanations sum."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from margin import cases
from margin.plan.lab import CODES, MATCHERS, N_ITEMS, Lab, book, outputs, same, slow
from reference import matching as twin

from crossmargin import Portfolio
from crossmargin.errors import InvalidInputError, PlanError
from crossmargin.margin.explanation import explain
from crossmargin.margin.plan import Builder
from crossmargin.margin.plan.incremental import Incremental
from crossmargin.margin.plan.matchers import Leg, spread_code
from crossmargin.margin.plan.quantum import Quanta
from crossmargin.margin.prepared import quantities

LEVELS = ("initial", "maintenance")


class Flat(Lab):
    """A charge that is a maximum, named by what each line adds; a table as a charge; no matcher."""

    def __init__(self):
        super().__init__()
        m, gain = self.m, self.position.sum("gain", by="region", rows="s")
        scan, least = -gain.worst(), abs(self.position.sum("least", by="each")).total("region")
        whole = m.max(scan, least)
        m.charges(whole.total(), {"scan": scan.total(), "minimum": (whole - scan).total()})
        m.charge("fixed", m.given("fixed"))
        paired = self.position.sum("paired", by="region", rows="s").at_worst(gain)
        m.charge("paired", paired.total())
        m.charge("rounding", self.cost.sum("cost", by="region").residual(3).total())
        m.charge("folded", abs(self.cost.sum("costs", by="region", rows="s").fold("u", "sum")).best().total())
        self.fixed |= {"s to u": lambda t: [[0, 1, 1, 0, 1]]}


class Matched(Flat):
    """The same with spreads of each region's buckets, and groups of each bucket's items."""

    def __init__(self):
        super().__init__()
        m, self.fixed = self.m, self.fixed | MATCHERS
        formed = self.position.sum(by="bucket").match("matching", "matched", to="region")
        grouped = self.position.sum(by="each").group("feature", "strategy", to="bucket")
        m.charge("spreads", (formed * m.given("rates", key="region", rows="matched")).best().total())
        m.charge("groups", (grouped * m.given("at", rows="bound")).best().total())
        m.output("formed", formed.total())
        m.output("grouped", grouped.total())
        self.fixed["at"] = lambda t: [[1.0, 0.0]]


PLANS = (Flat, Matched)


@pytest.mark.parametrize("plan", PLANS)
@cases.examples(20)
@given(seed=st.integers(0, 2**32 - 1))
def test_batch_equals_the_slow_evaluator(plan, seed):
    same(plan().bind(seed), book(seed, n=20))


@pytest.mark.parametrize("plan", PLANS)
@pytest.mark.parametrize("level", LEVELS)
def test_explanations_sum(plan, level):
    bound, books = plan().bind(3), book(3, n=30)
    for unit in range(len(books)):
        trace = slow(bound, books, unit)
        tree, whole = explain(trace, level, LEVELS), float(trace.output("requirement")[0])
        assert tree.value == pytest.approx(whole, rel=1e-12, abs=1e-9)
        assert sum(leaf.value for leaf in tree.leaves()) == pytest.approx(whole, rel=1e-12, abs=1e-9)
        for line in tree:
            assert not line.children or sum(c.value for c in line) == pytest.approx(
                line.value, rel=1e-12, abs=1e-9
            )


def test_a_table_may_be_a_charge():
    """It is required of every account, one that holds nothing too."""
    bound, books = Flat().bind(1), book(1)
    names = {part.name: part.node for part in bound.program.parts}
    fixed = float(bound.tables["fixed"][0, 0])
    empty = slow(bound, books, len(books) - 1)
    assert empty.values[names["fixed"]][0].tolist() == [fixed]
    assert outputs(bound, ["requirement"], books)["requirement"][-1].tolist() == [fixed]


def wanted(bound):
    return dict(bound.program.outputs) | {f"part {part.name}": part.node for part in bound.program.parts}


def incremental(bound, books, unit, quanta):
    made = Incremental(bound, wanted(bound), quanta)
    for name, (keys, amounts) in quantities(bound, Portfolio(books, unit)).items():
        for key, amount in zip(keys.tolist(), amounts.tolist(), strict=True):
            made.apply(name, key, amount)
    return made


@pytest.mark.parametrize("plan", PLANS)
def test_incremental_equals_the_batch_to_the_bit(plan):
    bound, books = plan().bind(7), book(7, n=20)
    quanta = Quanta.of(bound, 64.0)
    names = [name for name, _ in bound.program.outputs]
    batch = outputs(bound, names, books, quantum=quanta)
    for unit in range(len(books)):
        found = incremental(bound, books, unit, quanta).outputs()
        assert all((found[name] == batch[name][unit]).all() for name in names)


@pytest.mark.parametrize("plan", PLANS)
@cases.examples(15)
@given(seed=st.integers(0, 10**6), item=st.integers(0, N_ITEMS - 1), lots=st.integers(-9, 9))
def test_contemplating_is_applying_and_undoing_restores(plan, seed, item, lots):
    bound, books = plan().bind(seed), book(seed, n=4)
    account = incremental(bound, books, 0, Quanta.of(bound, 64.0))
    before, old, state = account.outputs(), account.quantity("position", item), account.state()
    would = account.contemplate("position", item, lots)
    assert account.state() == state
    account.apply("position", item, lots)
    assert all((account.outputs()[name] == would[name]).all() for name in would)
    account.apply("position", item, old)
    assert account.state() == state
    assert all((account.outputs()[name] == before[name]).all() for name in before)


def test_match_and_at_worst_by_their_definitions():
    """Region 0 holds buckets 0, 3 and 6 at places 0, 1, 2; its spreads are fractions."""
    bound, books = Matched().bind(2), book(2, n=30)
    found = outputs(bound, ["formed", "grouped"], books)
    assert (CODES[:, 3] == [0, 1, 2]).all()  # each way of counting has its region
    pair, turned = [(0, "A", 1), ((1, 2), "B", 2)], [((0, 1), "B", 0.5), (1, "A", 1)]
    listed = [([pair, turned], "fraction"), ([turned, pair], "whole"), ([pair], "rounded")]
    buckets = bound.maps["item", "bucket"]
    for unit in range(len(books)):
        keys, lots = quantities(bound, Portfolio(books, unit))["position"]
        delta = np.bincount(buckets[keys], weights=lots, minlength=7)
        total = np.zeros(2)
        for region, (spreads, counting) in enumerate(listed):
            places = {p: float(delta[region + 3 * p]) if region + 3 * p < 7 else 0.0 for p in range(3)}
            counts = twin.spreads(places, spreads, "whole" if counting == "rounded" else counting)[0]
            total += (counts + [0.0])[:2]
        assert found["formed"][unit, :2] == pytest.approx(total)
        assert found["grouped"][unit, 0] >= found["grouped"][unit, 1] - 1e-9


def test_ties_of_at_worst_go_to_the_first_row():
    lab = Lab()
    gain = lab.position.sum("gain", rows="s")
    lab.m.output("read", lab.position.sum("value", rows="s").at_worst(gain))
    lab.fixed |= {
        "gain": lambda t: np.tile([2, -1, 3, -1, 0], (len(t), 1)),
        "value": lambda t: np.tile(range(5), (len(t), 1)),
    }
    bound, books = lab.bind(), book(5)
    found = same(bound, books)["read"][:, 0]
    lots = [quantities(bound, Portfolio(books, unit))["position"][1].sum() for unit in range(len(books))]
    assert found.tolist() == [n * (1 if n > 0 else 2 if n < 0 else 0) for n in lots]


def test_lines_of_charges_do_not_change_the_whole():
    bound, books = Flat().bind(4), book(4)
    found = outputs(bound, ["requirement"], books)["requirement"][:, 0]
    for unit in range(len(books)):
        trace = slow(bound, books, unit)
        parts = sum(trace.values[part.node][0, 0] for part in bound.program.parts if part.side == "charge")
        assert found[unit] == pytest.approx(parts, rel=1e-12, abs=1e-9)


# ---- refusals --------------------------------------------------------------------------------


def test_plans_that_cannot_be_built():
    m = Builder()
    held = m.holding("position", source="position", axis="item")
    wide = held.sum("gain", by="bucket", rows="s")
    with pytest.raises(
        PlanError, match="match must read scalars of a key below 'account', had key 'bucket', rows 's'"
    ):
        wide.match("matching", "matched")
    with pytest.raises(PlanError, match="group must read scalars of a key below 'bucket'"):
        held.sum(by="bucket").group("feature", "strategy", to="bucket")
    with pytest.raises(PlanError, match="at_worst must read the rows of its gain, had 't' and 's'"):
        held.sum("other", by="bucket", rows="t").at_worst(wide)
    with pytest.raises(PlanError, match="residual must take tables or constants after its first argument"):
        held.sum().residual(held.sum("unit"))
    with pytest.raises(PlanError, match="how must be one of mean, least, most, sum, was 'product'"):
        wide.fold("u", "product")


@pytest.mark.parametrize(("spreads", "message"), [
    ([[]], "legs must be at least one, was 0 of spread 1"),
    ([[Leg(2, 1, (0,))]], "side must be one of"), ([[Leg(1, 0, (0,))]], "ratio must"),
    ([[Leg(1, 1, (3,))]], r"place must lie in \[0, 2\], was 3 of spread 1"),
    ([[Leg(1, 1, (0, 1)), Leg(1, 2, (1,))]], "legs of one side must not share a place, was 1 of spread 1"),
])  # fmt: skip
def test_spreads_that_cannot_be_written(spreads, message):
    with pytest.raises(InvalidInputError, match=message):
        spread_code(spreads, 3, "whole")
