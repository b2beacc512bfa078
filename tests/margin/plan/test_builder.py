"""Builders: what they refuse, what a hash says, and a method of one's own."""

import inspect
import json
from pathlib import Path

import numpy as np
import pytest
from margin import cases
from reference.fills import filled_book

from crossmargin import Portfolio, load
from crossmargin.errors import PlanError
from crossmargin.margin import Method, ScenarioMargin, load_method
from crossmargin.margin.charges import index_notionals
from crossmargin.margin.keys import Keys
from crossmargin.margin.plan import OPERATIONS, Binding, Builder
from crossmargin.margin.plan.empty import check_empty
from crossmargin.margin.plan.quantum import Quanta

SEED = Path(__file__).resolve().parents[3] / "seeds" / "crypto.json"
METHODS = ("isolated", "portfolio", "tiered")


@pytest.fixture
def m():
    return Builder()


@pytest.fixture
def held(m):
    return m.holding("p", source="position", axis="item")


# ---------------------------------------------------------------- what is refused
def test_holding_names_are_unique(m, held):
    with pytest.raises(PlanError, match="holding name must be unique, was 'p'"):
        m.holding("p", source="balance", axis="asset")


def test_a_source_must_be_a_feed(m):
    with pytest.raises(PlanError, match="source must be one of position, .* was 'wishes'"):
        m.holding("w", source="wishes", axis="item")


def test_part_names_are_unique(m, held):
    m.charge("a", held.sum())
    with pytest.raises(PlanError, match="part name must be unique, was 'a'"):
        m.equity("a", held.sum())


@pytest.mark.parametrize("name", ["x", "equity", "requirement", "surplus"])
def test_output_names_are_unique(m, held, name):
    m.charge("a", held.sum())
    m.equity("b", held.sum())
    m.output(name, held.sum())
    with pytest.raises(PlanError, match=f"output name must be unique, was '{name}'"):
        m.output(name, held.sum()) if name == "x" else m.build()


@pytest.mark.parametrize("side", ["charge", "equity"])
def test_a_part_is_a_value_of_the_account(m, held, side):
    with pytest.raises(PlanError, match=f"{side} 'a' must be a value of the account, had key 'item'"):
        getattr(m, side)("a", held.sum(by="each"))


def test_a_table_may_be_a_part_of_the_account_alone(m):
    m.charge("a", m.given("fixed"))
    with pytest.raises(PlanError, match="charge 'b' must be a value of the account, had key 'item'"):
        m.charge("b", m.given("rate", key="item"))


@pytest.mark.parametrize("missing", ["charge", "equity"])
def test_a_plan_has_a_charge_and_an_equity(m, held, missing):
    getattr(m, "equity" if missing == "charge" else "charge")("a", held.sum())
    with pytest.raises(PlanError, match=f"plan must name at least one .*{missing}"):
        m.build()


@pytest.mark.parametrize("operation", ["add", "sub", "product", "quotient", "min", "max"])
def test_keys_do_not_mix(m, held, operation):
    with pytest.raises(PlanError, match=rf"{operation} must combine one key, had \['account', 'item'\]"):
        m.combine(operation, held.sum(by="each"), held.sum())


def test_a_table_of_another_key_does_not_fit(m, held):
    with pytest.raises(PlanError, match="scale must combine one key"):
        held.sum() * m.given("t", key="item")
    with pytest.raises(PlanError, match="must combine one key"):
        held.sum(by="bucket") + m.given("t", key="item")


@pytest.mark.parametrize("operation", ["add", "sub", "product", "min", "max"])
def test_rows_do_not_mix(m, held, operation):
    with pytest.raises(PlanError, match=rf"{operation} must combine one row axis, had \['s', 't'\]"):
        m.combine(operation, held.sum("a", rows="s"), held.sum("b", rows="t"))


def test_rows_of_a_table_do_not_mix(m, held):
    with pytest.raises(PlanError, match="one row axis"):
        held.sum("a", rows="s") * m.given("t", rows="t")


def test_a_table_keeps_one_shape(m):
    m.given("t", key="item")
    with pytest.raises(PlanError, match="table 't' must keep one shape"):
        m.given("t", key="item", rows="s")


def test_a_table_of_slots_keeps_one_shape(m, held):
    held.sum("t", rows="s")
    with pytest.raises(PlanError, match="table 't' must keep one shape"):
        held.sum("t")


def test_a_table_is_of_slots_or_given(m, held):
    m.given("t")
    with pytest.raises(PlanError, match="table 't' must keep one shape"):
        held.sum("t")


def test_an_output_is_a_value_of_the_account(m, held):
    with pytest.raises(PlanError, match="output 'x' must be a value of the account"):
        m.output("x", held.sum("t", by="each"))


def test_a_sum_is_zero_where_nothing_is_held(m, held):
    m.equity("b", held.sum())
    m.charge("a", (held.sum(by="each") + 1).total())
    labels, items = {"item": ("x", "y")}, {"p": [0, 1]}
    bound = Binding.of(m.build(), labels=labels, rows={}, maps={}, items=items, tables={})
    with pytest.raises(PlanError, match="must be 0 on an empty key, was 1.0 at 'x'"):
        check_empty(bound)


@pytest.mark.parametrize("value", ["a", float("nan")])
def test_a_constant_is_a_number(m, held, value):
    with pytest.raises(PlanError):
        held.sum() + value


def test_builders_do_not_mix(m, held):
    other = Builder().holding("p", source="position", axis="item")
    with pytest.raises(PlanError, match="one builder"):
        held.sum() + other.sum()


@pytest.mark.parametrize("operation", ["sided", "round"])
def test_slopes_and_units_are_tables(m, held, operation):
    x = held.sum()
    with pytest.raises(PlanError, match=f"{operation} must take tables or constants"):
        x.sided(below=x, above=1) if operation == "sided" else x.round(x)


def test_tiers_read_one_row(m, held):
    with pytest.raises(PlanError, match="tiers must read one row, had rows 's'"):
        held.sum("a", rows="s").tiers("edges", "rates")


@pytest.mark.parametrize("operation", ["total", "least", "most"])
def test_a_climb_leads_upwards(m, held, operation):
    with pytest.raises(PlanError, match=f"{operation} must climb from a key to its parent"):
        getattr(held.sum(), operation)()
    with pytest.raises(PlanError, match="went from 'bucket' to 'bucket'"):
        getattr(held.sum(by="bucket"), operation)("bucket")
    with pytest.raises(PlanError, match=f"{operation} must climb"):
        getattr(m.given("t", key="item"), operation)()


def test_a_join_has_one_key(m, held):
    with pytest.raises(PlanError, match=r"concat must join one key, had \['account', 'item'\]"):
        m.concat("j", held.sum("a", rows="s"), held.sum("b", by="each", rows="s"))


def test_modes_and_ways_are_known(m, held):
    with pytest.raises(PlanError, match="mode must be one of .* was 'up'"):
        held.sum().mul_div(1, 1, "up")
    with pytest.raises(PlanError, match="how must be one of .* was 'median'"):
        held.sum("a", rows="s").fold("u", "median")


def test_a_norm_reads_scalars_of_a_key(m, held):
    with pytest.raises(PlanError, match="norm must read scalars"):
        held.sum("a", by="each", rows="s").norm("rho")
    with pytest.raises(PlanError, match="norm must read scalars"):
        held.sum().norm("rho")


# ---------------------------------------------------------------- what is built
def test_equal_expressions_are_one_node(m, held):
    assert held.sum("a").number == held.sum("a").number
    assert (held.sum("a") + 1).number == (held.sum("a") + 1).number
    assert (held.sum("a") + 1).number != (1 + held.sum("a")).number


def test_a_product_with_a_table_is_a_scale(m, held):
    x, t = held.sum(), m.given("t")
    assert [(y.node.op, y.node.args) for y in (x * t, t * x)] == [("scale", (x.number, t.number))] * 2
    assert (x * x).node.op == "product"


def test_what_reads_no_holding_is_free(m, held):
    assert (m.given("a") * 2 + 1).node.free
    assert not (held.sum() * m.given("a")).node.free


def test_codes_and_names_of_operations_are_unique():
    assert len({operation.code for operation in OPERATIONS.values()}) == len(OPERATIONS)
    assert all(operation.explain in {"leaf", "pass", "stop"} for operation in OPERATIONS.values())


def test_fan_out_is_told(m, held):
    m.charge("a", (held.sum(by="bucket").at("item") * held.sum(by="each")).total())
    m.equity("b", held.sum())
    assert [line.partition(": ")[2] for line in m.build().fan_out()] == ["bucket read by every held item"]


# ---------------------------------------------------------------- the hash
@pytest.mark.parametrize("method", METHODS)
def test_the_hash_knows_no_instruments_and_no_market(method):
    desks = [cases.desk("crypto"), cases.desk("crypto")]
    prices = {key: seen.value * 1.01 for key, seen in desks[1].market.seen.items() if key[1] == "mark"}
    moved = desks[1].market.replacing(prices)
    part = type(desks[1].instruments).of(desks[1].instruments.rows[:4], desks[1].instruments.assets)
    chosen = desks[0].method(method)
    hashes = {
        chosen.prepare(i, market).program.hash
        for i, market in (
            (desks[0].instruments, desks[0].market),
            (desks[0].instruments, moved),
            (part, moved),
        )
    }
    assert len(hashes) == 1


FIGURES = {
    "factor": [3.0, 0.1],
    "scenarios": {"moves": [-0.01, 0.02], "volatility": [0.0]},
    "collateral": [{"asset": "USD", "initial": [0.5], "maintenance": [0.1]}],
    "groups": {"x": ["BTC"]},
    "charges": {
        "short_option": [1, 1],
        "basis": [1, 1],
        "minimum": [1, 1],
        "size_edges": [1, 2, 3],
        "size_rates": [1, 2, 3],
    },
    "name": "another",
    "date": "1999-01-01",
}


@pytest.mark.parametrize("field", FIGURES)
def test_no_figure_enters_the_hash(field):
    raw = cases.desk("crypto").methods["portfolio"]
    one, other = (load_method(json.dumps(r).encode()).program() for r in (raw, raw | {field: FIGURES[field]}))
    assert one.hash == other.hash
    assert one == other


def test_offsets_and_tails_enter_as_rules_not_as_figures():
    raw = cases.desk("crypto").methods["portfolio"] | {"between_groups": "joint"}
    hashes = [
        load_method(json.dumps(raw | change).encode()).program().hash
        for change in ({"tail": 0.1}, {"tail": 0.2}, {"tail": 0.1, "offsets": {"majors": 0.5}}, {"tail": 0.0})
    ]
    assert len(set(hashes[:3])) == 1
    assert hashes[3] != hashes[0]


def test_different_rules_have_different_hashes():
    raw = cases.desk("crypto").methods
    portfolio = raw["portfolio"]
    rules = [
        raw["isolated"],
        raw["tiered"],
        portfolio,
        portfolio | {"tail": 0.1},
        portfolio | {"between_groups": "joint"},
        portfolio | {"between_groups": "joint", "tail": 0.1},
    ]
    assert len({load_method(json.dumps(rule).encode()).program().hash for rule in rules}) == len(rules)


def test_constants_of_a_program_are_structural():
    """Figures of a rule are tables: only 0 and 1 stand in the methods' own programs."""
    for name in METHODS:
        program = cases.desk("crypto").method(name).program()
        assert {node.value for _, node in program if node.op == "const"} <= {0.0, 1.0}


def test_a_hash_is_stable_between_builds():
    assert len({cases.desk("zoo").method("portfolio").program().hash for _ in range(3)}) == 1


# ---------------------------------------------------------------- a method of one's own
class NetNotional(Method, frozen=True, kw_only=True, tag="net_notional"):
    """A rate of the net notional of each underlying, and a floor for what is held gross."""

    rate: tuple[float, float] = (0.1, 0.05)
    floor: float = 0.02

    def program(self):
        m = Builder()
        positions = m.holding("position", source="position", axis="instrument")
        balances = m.holding("balance", source="balance", axis="asset")
        m.equity("cash", balances.sum("unit"))
        net = abs(positions.sum("notional", by="underlying")).total() * m.given("rate", rows="level")
        gross = abs(positions.sum("notional", by="each")).total() * m.given("floor")
        m.charge("net notional", m.max(net, gross))
        return m.build()

    def axes(self, instruments):
        return Keys.of(instruments).shape()

    def tables(self, instruments, market):
        notional = index_notionals(instruments, market)
        return {"unit": instruments.atom, "notional": notional, "rate": self.rate, "floor": self.floor}


def test_a_method_of_ones_own_is_short():
    assert len(inspect.getsource(NetNotional).splitlines()) < 30
    assert issubclass(NetNotional, Method)
    assert not issubclass(NetNotional, ScenarioMargin)


def test_a_method_of_ones_own_runs_in_both_evaluators_and_explains():
    desk = cases.desk("zoo")
    prepared = NetNotional(name="own").prepare(desk.instruments, desk.market)
    held = cases.plain_portfolio(desk.instruments, {"SPOT": 3000, "LINEAR": -100}, {"USD": "9000"})
    found = prepared.requirement(held)
    assert (found.initial, found.maintenance) == pytest.approx((6_000, 3_000))
    assert (found.equity_initial, found.method, found.parameters) == (9_000, "net_notional", "own")
    assert prepared.trace(held).output("requirement") == pytest.approx([6_000, 3_000])
    tree = found.explain()
    assert {leaf.name: leaf.value for leaf in tree.leaves()} == pytest.approx(
        {"SPOT": 9_000, "LINEAR": -3_000}
    )


def test_the_floor_of_a_method_of_ones_own_binds():
    desk = cases.desk("zoo")
    prepared = NetNotional(name="own").prepare(desk.instruments, desk.market)
    held = cases.plain_portfolio(desk.instruments, {"SPOT": 1000, "LINEAR": -100})
    assert prepared.requirement(held).initial == pytest.approx(0.02 * 60_000)
    assert sum(leaf.value for leaf in prepared.explain(held).leaves()) == pytest.approx(1_200)


def test_a_method_of_ones_own_in_batch():
    desk = cases.desk("crypto")
    prepared = NetNotional(name="own").prepare(desk.instruments, desk.market)
    book = cases.random_book(desk, 30, 8)
    found = prepared.requirements(book, threads=2)
    slow = np.array([prepared.trace(Portfolio(book, unit)).output("requirement") for unit in range(30)])
    assert found.initial == pytest.approx(slow[:, 0], rel=1e-12)
    assert found.maintenance == pytest.approx(slow[:, 1], rel=1e-12)


def test_a_method_of_ones_own_changes_item_by_item():
    desk = load(SEED)
    prepared = NetNotional(name="own").prepare(desk.instruments, desk.market)
    quanta = Quanta.of(prepared.bound, 1e12)
    account = prepared.incremental(desk.portfolio, quanta)
    before = account.state()
    batch = prepared.values(desk.portfolio.book, tuple(prepared.wanted), quantum=quanta)
    assert all((value == batch[name][0]).all() for name, value in account.outputs().items())
    old = account.quantity("position", 3)
    account.apply("position", 3, old + 7)
    account.apply("position", 3, old)
    assert account.state() == before


def test_a_method_of_ones_own_bounds_its_orders():
    desk = load(SEED)
    prepared = NetNotional(name="own").prepare(desk.instruments, desk.market)
    fills = [prepared.fill(order) for order in desk.portfolio.orders]
    surplus = prepared.requirements(filled_book(desk.portfolio, fills)).surplus_initial
    found = prepared.requirement(desk.portfolio, orders="worst_fill")
    truth = surplus[0] - surplus.min()
    assert found.components["orders"].initial >= truth - 1e-6
    assert found.components["orders"].initial <= 1.5 * truth


def test_a_method_without_a_plan_says_so():
    class Planless(Method, frozen=True, kw_only=True, tag="planless"):
        pass

    with pytest.raises(TypeError, match="Planless"):
        Planless(name="x").program()
