"""The batch evaluator against the slow one: every operation, random programs, blocks, threads, empty axes."""

from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from margin import cases
from margin.plan.lab import INSTRUMENTS, LABELS, MATCHERS, N_ITEMS, ROWS, Lab, book, outputs, same, slow
from margin.plan.wild import Wild, symmetric

from crossmargin import Book, Portfolio
from crossmargin.errors import InvalidInputError, KernelError
from crossmargin.margin.plan import OPERATIONS, evaluate
from crossmargin.margin.plan.batch import BLOCK_ROWS, BLOCK_UNITS, run_feeds, sources_of
from crossmargin.margin.plan.binding import Binding
from crossmargin.margin.plan.builder import Builder
from crossmargin.margin.plan.layout import lay_out
from crossmargin.margin.prepared import quantities


class Everything(Lab):
    """One program in which every operation has its line: by key, by rows, with tables and constants."""

    def __init__(self):
        super().__init__()
        self.slots()
        self.arithmetic()
        self.choices()
        self.reductions()
        self.climbs()
        self.sizes()
        self.matchers()

    def line(self, name, x):
        """Publish a value of any key as a total of the account."""
        self.m.output(name, x if x.node.key == "account" else x.total())

    def slots(self):
        for held in (self.position, self.cost, self.balance):
            name, axis = held.holding.name, held.holding.axis
            self.line(f"{name} count", held.sum())
            self.line(f"{name} each", abs(held.sum(by="each")))
            self.line(f"{name} by region", abs(held.sum(f"{name} table", by="region", rows="s")))
            self.line(f"{name} by {axis}", abs(held.sum(f"{name} figure", by="each")))

    def pair(self):
        """Two tables' sums, the lots, and tables that fit them."""
        x, y = (self.position.sum(f"table {n}", by="bucket", rows="s") for n in (1, 2))
        q = self.position.sum(by="bucket")
        return x, y, q, self.m.given("keyed", key="bucket"), self.m.given("row", rows="s")

    def arithmetic(self):
        m, (x, y, q, keyed, row) = self.m, self.pair()
        self.line("add", x + y)
        self.line("sub", x - q)
        self.line("sub from a constant", 1 - x)
        self.line("scale by key", x * keyed)
        self.line("scale by row", x * row)
        self.line("product", x * q)
        self.line("quotient", x / (abs(y) + 1))
        self.line("quotient of nothing", q / q)
        self.line("free", x + (keyed * 2 - abs(keyed) + m.min(keyed, 1)))
        self.line("concat", m.concat("joined", x, y * row, q).worst())
        self.line("concat of two", abs(m.concat("pair", x, q)))
        for mode in ("trunc", "floor", "ceil", "nearest"):
            self.line(f"mul_div {mode}", q.mul_div(m.given("by", key="bucket"), 8, mode))

    def choices(self):
        m, (x, y, q, keyed, row) = self.m, self.pair()
        for name in ("neg", "abs", "positive", "short", "root"):
            self.line(name, m.combine(name, x))
        self.line("root of sizes", abs(x).root())
        self.line("min", m.min(x, y, 0))
        self.line("max", m.max(x, row, q))
        self.line("sided", x.sided(below=keyed, above=row))
        self.line("sided by constants", q.sided(below=2, above=0.5))
        self.line("pick", q.pick(neg=x, zero=row, pos=y))
        self.line("pick a table", x.pick(neg=keyed, zero=0, pos=1))
        self.line("round", x.round(3))
        self.line("round to a table", x.round(m.given("unit", key="bucket")))
        self.line("residual", x.residual(3))
        self.line("residual to a table", x.residual(m.given("unit", key="bucket")))
        self.fixed["unit"] = lambda t: np.abs(t) + 0.125

    def reductions(self):
        self.fixed |= {"k": lambda t: np.full_like(t, 2.0), "k in part": lambda t: np.full_like(t, 2.5)}
        self.fixed |= {
            "1st": np.ones_like,
            "s to u": lambda t: [[0, 1, 1, 0, 1]],
            "last": lambda t: np.full_like(t, 5.0),
        }
        x = self.position.sum("reduced", by="bucket", rows="s")
        for way in ("worst", "best"):
            self.line(way, getattr(x, way)())
            self.line(f"{way} of account", getattr(self.cost.sum("cost rows", rows="t"), way)())
            self.line(
                f"{way} of one", getattr(self.position.sum("single row", by="bucket", rows="single"), way)()
            )
            self.line(
                f"{way} of none", getattr(self.position.sum("no rows", by="bucket", rows="none"), way)()
            )
        for k in ("1st", "k", "last"):
            self.line(f"kth {k}", x.kth(k))
        for k in ("1st", "k", "k in part", "last"):
            self.line(f"tail_mean {k}", x.tail_mean(k))
        for how in ("mean", "least", "most", "sum"):
            self.line(f"fold {how}", abs(x.fold("u", how)))
        self.line("at worst", x.at_worst(self.position.sum("gain", by="bucket", rows="s")))
        self.line("at own worst", x.at_worst(x))

    def climbs(self):
        x = self.position.sum("climbing", by="each", rows="s")
        for way in ("total", "least", "most"):
            bucket = getattr(x, way)("bucket")
            self.line(f"{way} to bucket", abs(bucket))
            self.line(f"{way} to region", abs(getattr(bucket, way)("region")))
            self.line(f"{way} to account", getattr(bucket, way)())
            self.line(f"{way} across", getattr(x, way)("region"))
        region = self.balance.sum("from assets", by="region") + self.position.sum("from items", by="region")
        self.line("at children", self.m.max(region.at("bucket"), self.position.sum(by="bucket")))
        self.line("at assets", region.at("asset") * self.balance.sum(by="each"))
        self.line("at of account", x * self.position.sum("whole").at("item"))
        self.line("at of a table", x + self.m.given("of region", key="region").at("item"))

    def sizes(self):
        x = self.position.sum("sized", by="bucket")
        self.fixed["edges 1"] = self.fixed["edges 2"] = lambda t: np.cumsum(np.abs(t) + 0.125, axis=1)
        self.line("tiers by key", x.tiers("edges 1", "rates 1", key="bucket"))
        self.line("tiers for all", x.tiers("edges 2", "rates 2"))
        self.line("size rate", x.size_rate(0.25, self.m.given("slope", key="bucket"), 3))
        self.fixed |= {"rho": symmetric, "rho of items": symmetric}
        self.line("norm", x.norm("rho", "region"))
        self.line("norm to account", x.norm("rho"))
        self.line("norm with concord", x.norm("rho", concord=abs(self.position.sum("concord", by="bucket"))))
        inner = self.position.sum("inner", by="each").norm("rho of items", "bucket")
        self.line("nested norm", x.norm("rho", "region", diagonal=inner * inner))

    def matchers(self):
        self.fixed |= MATCHERS
        self.line("match", self.position.sum(by="bucket").match("matching", "matched", to="region"))
        self.line("group", self.position.sum(by="each").group("feature", "strategy", to="bucket"))


@pytest.fixture(scope="module")
def everything():
    return Everything().bind(5)


def test_the_program_holds_every_operation(everything):
    """Whoever adds an operation adds its line above."""
    assert {node.op for _, node in everything.program} == set(OPERATIONS)


def test_every_operation_agrees_with_the_slow_evaluator(everything):
    found = same(everything, book(1, n=60))
    for name, values in found.items():
        if "none" not in name and "nothing" not in name:
            assert np.ptp(values, axis=0).any(), f"{name} never changed"


def test_operations_equal_their_definitions(everything):
    """A few lines checked once more, against numpy on the held quantities alone."""
    books = book(6)
    names = ("position count", "position each", "worst of account", "quotient of nothing", "worst of none")
    found = outputs(everything, names, books)
    table = everything.tables["cost rows"]
    for unit in range(len(books)):
        rows = books.positions.rows(unit)
        lots, costs, item = (books.positions[name][rows] for name in ("lots", "open_cost", "instrument"))
        assert found["position count"][unit] == lots.sum()
        assert found["position each"][unit] == np.abs(lots).sum()
        assert found["worst of account"][unit] == (costs[:, None] * table[item]).sum(axis=0).min()
        assert not found["worst of none"][unit].any()


@cases.examples(60)
@given(seed=st.integers(0, 2**32 - 1))
def test_random_programs_agree_with_the_slow_evaluator(seed):
    bound = Wild(seed).bind(seed)
    found = same(bound, book(seed, n=12))
    assert all(np.isfinite(values).all() for values in found.values())


@cases.examples(20)
@given(seed=st.integers(0, 2**32 - 1))
def test_random_programs_give_equal_bits_in_any_company(seed):
    """Alone, among others and on several threads."""
    bound, books = Wild(seed).bind(seed), book(seed, n=150)
    names = [name for name, _ in bound.program.outputs]
    whole, shared = (outputs(bound, names, books, threads=threads) for threads in (1, 4))
    few = [outputs(bound, [name], books)[name] for name in names[:3]]
    assert all(whole[name].tobytes() == shared[name].tobytes() for name in names)
    assert all(whole[name].tobytes() == one.tobytes() for name, one in zip(names, few, strict=False))


@cases.examples(20)
@given(seed=st.integers(0, 2**32 - 1))
def test_a_quantum_coarser_than_no_figure_changes_nothing(seed):
    """Sums of multiples of 1/64 are exact already; each wanted value keeps its bits."""
    lab = Everything()
    bound, books = lab.bind(seed), book(seed, n=20)
    names = ["add", "worst", "total to region", "position by region", "least to region", "min", "at children"]
    plain, rounded = (outputs(bound, names, books, quantum=q) for q in (None, 2.0**-20))
    assert all(plain[name].tobytes() == rounded[name].tobytes() for name in names)


def test_a_quantum_rounds_each_term_to_nearest():
    lab = Lab()
    lab.m.output("x", lab.position.sum("t"))
    lab.fixed["t"] = lambda t: np.arange(t.size).reshape(t.shape) / 7
    bound, books = lab.bind(), book(4)
    found = outputs(bound, ["x"], books, quantum=0.25)["x"][:, 0]
    terms = np.rint(books.positions["lots"] * bound.tables["t"][books.positions["instrument"], 0] * 4) / 4
    assert found.tolist() == [terms[books.positions.rows(unit)].sum() for unit in range(len(books))]


@pytest.mark.parametrize(
    "n", [0, 1, 2, BLOCK_UNITS - 1, BLOCK_UNITS, BLOCK_UNITS + 1, 3 * BLOCK_UNITS + 1, 1000]
)
def test_books_of_any_size(everything, n):
    """Every prefix of a book has the figures of the whole."""
    names = ["add", "worst", "total to region", "nested norm", "at assets", "kth k"]
    books = book(7, n=max(n, 2)) if n else Book.of(INSTRUMENTS, [])
    found = outputs(everything, names, books)
    for name, values in found.items():
        assert len(values) == len(books)
        for unit in {0, len(books) // 2, len(books) - 1} if n else ():
            assert values[unit] == pytest.approx(
                slow(everything, books, unit).output(name).astype(float), rel=1e-12, abs=1e-9
            )


@pytest.mark.parametrize("n", [1, 63, 64, 65, 200])
def test_books_that_hold_nothing(everything, n):
    books = Book.of(INSTRUMENTS, [cases.Account(id=f"a{i}", currency="USD") for i in range(n)])
    names = [name for name, _ in everything.program.outputs]
    found = outputs(everything, names, books)
    assert all(len(values) == n and not values.any() for values in found.values())


def test_blocks_that_rows_fill_before_units(everything):
    """Each account has some 30 rows of three feeds: a block ends at its rows, not at 64 units."""
    books = book(8, n=400, most=N_ITEMS)
    rows = len(books.positions) * 2 + len(books.balances)
    assert rows > 2 * BLOCK_ROWS
    names = ["add", "total to region", "at children", "norm"]
    whole = outputs(everything, names, books)
    for unit in (0, 40, 41, 42, 43, 97):
        for name in names:
            assert whole[name][unit] == pytest.approx(
                slow(everything, books, unit).output(name).astype(float), rel=1e-12, abs=1e-9
            )


# ---------------------------------------------------------------- axes without keys or rows
@pytest.mark.parametrize("rows", ["none", "single", "s"])
def test_row_axes_of_any_width(rows):
    lab = Lab()
    x = lab.position.sum("t", by="bucket", rows=rows)
    lab.m.output("worst", x.worst().total())
    lab.m.output(
        "joined", lab.m.concat("joined", x, lab.position.sum("u", by="bucket", rows="t")).best().total()
    )
    lab.m.output("abs", abs(x).total().worst())
    found = same(lab.bind(3), book(9))
    assert found["joined"].any()
    assert found["worst"].any() == bool(ROWS[rows])


def test_an_axis_without_keys():
    """No asset is known to the plan, and nothing is held under it."""
    lab = Lab()
    lab.m.output("assets", abs(lab.balance.sum("t", by="each", rows="s")).total().worst())
    lab.m.output("items", lab.position.sum())
    nothing = {
        "labels": LABELS | {"asset": ()},
        "items": {"position": range(N_ITEMS), "cost": range(N_ITEMS), "balance": [-1] * 4},
    }
    lab.fixed["t"] = lambda t: np.zeros((0, 5))
    found = same(lab.bind(**nothing), book(10))
    assert not found["assets"].any()
    assert found["items"].any()


def test_wanted_values_may_be_tables(everything):
    lab = Lab()
    lab.m.output("rate", lab.m.given("rate", rows="s") * 2)
    lab.m.output("lots", lab.position.sum())
    bound = lab.bind(2)
    found = outputs(bound, ["rate", "lots"], book(11))
    assert (found["rate"] == 2 * bound.tables["rate"]).all()


# ---------------------------------------------------------------- ties and signs
def test_sums_run_in_the_order_of_the_book():
    """1e16 + 1 - 1e16 depends on its order; the book is sorted by instrument."""
    lab = Lab()
    lab.fixed["t"] = lambda t: np.resize([[1e16], [1.0], [-1e16]], t.shape)
    lab.m.output("x", lab.position.sum("t"))
    held = {"account": [0, 0, 0], "instrument": [2, 0, 1], "lots": [1, 1, 1]}
    books = Book.of(INSTRUMENTS, [cases.Account(id="a", currency="USD")], positions=held)
    assert outputs(lab.bind(), ["x"], books)["x"].tolist() == [[(1e16 + 1.0) - 1e16]]


def test_a_position_closed_to_zero_picks_zero():
    lab = Lab()
    lab.m.output("x", lab.position.sum().pick(neg=-1, zero=7, pos=1))
    held = {"account": [0, 0, 1, 2], "instrument": [0, 1, 0, 0], "lots": [3, -3, 3, -3]}
    accounts = [cases.Account(id=name, currency="USD") for name in "abc"]
    books = Book.of(INSTRUMENTS, accounts, positions=held)
    assert same(lab.bind(), books)["x"].ravel().tolist() == [7, 1, -1]


def test_a_quotient_by_zero_agrees():
    lab = Lab()
    lab.fixed["zero"] = np.zeros_like
    lab.m.output("x", (lab.position.sum("zero") - 1) / lab.position.sum("zero"))
    bound, books = lab.bind(), book(12)
    assert outputs(bound, ["x"], books)["x"][0] == slow(bound, books, 0).output("x")


# ---------------------------------------------------------------- exact figures
def exactly(bound):
    """The same figures as fractions: multiples of 1/8."""
    return bound.exactly(
        {name: [[Fraction(v) for v in row] for row in t.tolist()] for name, t in bound.tables.items()}
    )


def exact_equals_float(lab, seed):
    """Sums, products and minima of multiples of 1/8 are exact in floats; fractions must equal them."""
    bound, books = lab.bind(seed), book(seed, n=10)
    exact, names = exactly(bound), [name for name, _ in bound.program.outputs]
    found = outputs(bound, names, books)
    for unit in range(len(books)):
        trace = evaluate(exact, quantities(exact, Portfolio(books, unit), object))
        for name in names:
            assert [Fraction(v) for v in found[name][unit].tolist()] == trace.output(name).tolist()


def test_the_slow_evaluator_is_exact_on_fractions():
    lab = Lab()
    x, q = lab.position.sum("t", by="bucket", rows="s"), lab.position.sum(by="bucket")
    lab.fixed |= {"k": lambda t: np.full_like(t, 2.0), "edges 1": lambda t: np.cumsum(np.abs(t), axis=1) + 1}
    lab.m.output("sided", x.sided(below=lab.m.given("below", key="bucket"), above=0.5).total())
    lab.m.output("product", (x * q).total("region").worst().total())
    lab.m.output("chosen", lab.m.max(lab.m.min(x, q), -abs(x)).total())
    lab.m.output("kth", x.kth("k").total())
    lab.m.output("tiers", q.tiers("edges 1", "rates 1").total())
    lab.m.output("rounded", (q * lab.m.given("by")).round(3).total() + q.mul_div(7, 2, "floor").total())
    exact_equals_float(lab, 5)


@pytest.mark.parametrize("way", ["least", "most"])
def test_exact_extremes_do_not_warn(way):
    lab = Lab()
    lab.m.output("x", getattr(lab.position.sum("t", by="each"), way)())
    exact_equals_float(lab, 13)


# ---------------------------------------------------------------- what is refused
def test_what_the_plan_cannot_hold_is_refused_by_name():
    """Only the methods' own door checks: a plan that leaves items out must not drop them in silence."""
    desk = cases.desk("crypto")
    prepared = desk.prepared("portfolio")
    items = {**prepared.bound.items, "position": np.where(np.arange(18) == 4, -1, np.arange(18))}
    narrow = replace(prepared, bound=replace(prepared.bound, items=items))
    name = desk.instruments.rows[4].id
    with pytest.raises(InvalidInputError, match=f"position must be .* the method can hold, was '{name}'"):
        narrow.requirements(cases.book_of(desk, [({name: (1, 0)}, {})]))
    assert len(narrow.requirements(cases.book_of(desk, [({"BTC-PERPETUAL": (1, 0)}, {})]))) == 1


def test_a_book_over_other_instruments_is_refused():
    desk = cases.desk("crypto")
    rows = desk.instruments.rows
    others = type(desk.instruments).of(
        [*rows[1:], cases.strategies.instrument("ZZZ", "perpetual", settlement="USD")],
        desk.instruments.assets,
    )
    foreign = Book.of(
        others,
        [cases.Account(id="a", currency="USD")],
        positions={"account": [0], "instrument": [0], "lots": [1]},
    )
    with pytest.raises(InvalidInputError):
        desk.prepared("portfolio").requirements(foreign)


@pytest.mark.parametrize("quantum", [float("nan"), -1.0, 0.3, 0.0, 1e30])
def test_a_quantum_is_a_power_of_two(quantum):
    desk = cases.desk("crypto")
    with pytest.raises(InvalidInputError, match="quantum"):
        desk.prepared("portfolio").requirements(cases.random_book(desk, 3, 1), quantum=quantum)


def test_sums_beyond_the_range_of_a_quantum_are_refused():
    desk = cases.desk("crypto")
    held = cases.book_of(desk, [({"BTC-USDC-PERPETUAL": (2**40, 0)}, {})])
    with pytest.raises((ArithmeticError, InvalidInputError)):
        desk.prepared("portfolio").requirements(held, quantum=2.0**-20)


def test_layouts_share_scratch_memory(everything):
    """Values that are no longer read give their place back."""
    layout = lay_out(everything)
    scratch = layout.needs(64, (0,)).scratch
    computed = [node for _, node in everything.program if not node.free]
    assert scratch < 64 * sum(everything.n_rows(node) for node in computed) / 2


def test_an_axis_with_several_ways_to_it():
    """One position under two keys of one axis: memory is reserved for both, and less is refused, never overrun."""
    m = Builder()
    held = m.holding("position", source="position", axis="instrument")
    both = held.sum("left", by="near").total("factor") + held.sum("right", by="far").total("factor")
    m.charge("charge", (both * both).total())
    m.equity("equity", held.sum("left", by="near").total())
    labels = {"instrument": ("A",), "near": ("n",), "far": ("f",), "factor": ("x", "y", "z")}
    maps = {("instrument", "near"): [0], ("instrument", "far"): [0], ("near", "factor"): [1], ("far", "factor"): [2]}
    bound = Binding.of(m.build(), labels=labels, rows={}, maps={k: np.array(v) for k, v in maps.items()},
                       items={"position": np.array([0])}, tables={"left": [3.0], "right": [5.0]})  # fmt: skip
    feed = (np.array([0, 1]), np.array([0]), np.array([2]))
    layout, charge = lay_out(bound), [dict(bound.program.outputs)["requirement"]]
    assert layout.breadth == 2
    assert run_feeds(layout, (feed,), 1, charge).ravel().tolist() == [36.0 + 100.0]
    narrow = lay_out(bound)
    narrow.__dict__["breadth"] = 1
    with pytest.raises(KernelError, match="CAPACITY"):
        run_feeds(narrow, (feed,), 1, charge)


@pytest.mark.parametrize(("column", "figure"), [("item", 10**12), ("item", -1), ("start", 10**6), ("start", -3)])
def test_columns_that_changed_after_they_were_checked_are_refused(everything, column, figure):
    """A book may stand on memory that others write to: a row that names no item answers UNKNOWN, and reads nothing."""
    layout, books = lay_out(everything), book(4, n=5)
    feeds = [tuple(np.array(part) for part in feed) for feed in sources_of(layout, books)]
    wanted = [number for _, number in everything.program.outputs]
    run_feeds(layout, tuple(feeds), len(books), wanted)
    for feed in feeds:
        if len(feed[1]):
            feed[0 if column == "start" else 1][1] = figure
    with pytest.raises(KernelError, match="UNKNOWN"):
        run_feeds(layout, tuple(feeds), len(books), wanted)
