"""The worst fill of small programs, named and random, against every subset and many partial fills."""

from functools import cached_property
from itertools import product

import numpy as np
import pytest
from margin.plan.lab import ITEMS_OF, LABELS, MAPS, N_ITEMS, ROWS, Lab

from crossmargin.margin.plan import Binding, evaluate
from crossmargin.margin.plan.orders import Fill, WorstFill, touched

KIDS = {"bucket": ("item",), "region": ("bucket",), "account": ("item", "bucket", "region")}
LEVELLED = ROWS | {"level": ("initial", "maintenance")}


class Desk(Lab):
    """A laboratory whose costs may also be held by asset, with sources of random expressions."""

    def __init__(self, seed=0):
        super().__init__()
        self.rng, self.names = np.random.default_rng(seed), 0
        self.m.equity("cash", self.balance.sum("cash"))

    @cached_property
    def settled(self):
        return self.m.holding("settled", source="cost", axis="asset")

    def bound(self, seed, **given):
        program = self.m.build()
        rows = LEVELLED | {f"{name} tier": ("0", "1", "2") for name in self.fixed if name.startswith("edges")}
        items = ITEMS_OF | {"settled": [item % len(LABELS["asset"]) for item in range(N_ITEMS)]}
        tables = self.tables(program, rows, seed) | given
        return Binding.of(program, tables=tables, labels=LABELS, rows=rows, maps=MAPS, items=items)

    def one_of(self, *options):
        return options[int(self.rng.integers(len(options)))]

    def name(self, fill=None):
        self.names += 1
        if fill:
            self.fixed[f"t{self.names}"] = fill
        return f"t{self.names}"

    def leaf(self, key, rows):
        wide = (self.balance, self.settled) if key in {"region", "account"} else ()
        held = self.one_of(self.position, self.position, self.cost, *wide)
        return held.sum(self.name(), by="each" if key == "item" else key, rows=rows)

    def table(self, key, rows):
        fill = self.one_of(lambda t: np.abs(t) / 4, lambda t: -np.abs(t) / 4, lambda t: t / 4)
        return self.m.given(self.name(fill), key=self.one_of(key, "account"), rows=self.one_of(rows, "one"))

    def grown(self, key, rows, depth):
        """A random expression of this key and these rows."""
        if depth <= 0:
            return self.leaf(key, rows)

        def inner(*axes):
            return self.grown(key, self.one_of(*(axes or (rows,))), depth - 1)

        ways = [
            lambda: inner() + inner(rows, "one"),
            lambda: inner() - inner(rows, "one"),
            lambda: self.m.min(inner(), inner(rows, "one")),
            lambda: self.m.max(inner(), inner(rows, "one")),
            lambda: self.m.combine(self.one_of("abs", "positive", "short", "neg"), inner()),
            lambda: inner() * self.table(key, rows),
            lambda: inner().sided(below=self.table(key, "one"), above=self.table(key, "one")),
        ]
        if key != "item":
            ways += [lambda: self.grown(self.one_of(*KIDS[key]), rows, depth - 1).total(key)] * 4
        if rows == "one":
            ways += [lambda: inner("s", "t", "none", "level").worst()] * 4
            ways += [lambda: inner("s", "t", "level").best(), lambda: inner() / (abs(inner()) + 1)]
            ways += [lambda: self.joined(inner("s", "one"), inner("t", "one", "level"))] * 2
            ways += [lambda: self.tiered(inner(), key)]
        return self.one_of(*ways)()

    def joined(self, *parts):
        self.names += 1
        return self.m.concat(f"joined {self.names}", *parts).worst()

    def tiered(self, x, key):
        self.names += 1
        edges, rates = f"edges{self.names}", f"rates{self.names}"
        self.fixed[edges] = lambda t: np.cumsum(np.abs(t), axis=1) - np.abs(t[:, :1])
        self.fixed[rates] = self.one_of(lambda t: np.cumsum(np.abs(t) / 8, axis=1), lambda t: t)
        return x.tiers(edges, rates, key=key)


def drawn(rng, balances=4):
    """Quantities and fills of one account; some orders on items held, some on one item."""
    items = np.sort(rng.choice(N_ITEMS, rng.integers(0, 6), replace=False))
    settled, assets = np.arange(rng.integers(0, 5)), np.arange(balances)
    held = {"position": items, "cost": items, "settled": settled, "balance": assets}
    quantities = {name: (keys, rng.integers(-8, 9, len(keys)).astype(float)) for name, keys in held.items()}
    places = [*items.tolist(), *rng.integers(0, N_ITEMS, 3).tolist()]
    return quantities, [
        Fill(int(rng.choice(places)), *rng.integers(-12, 13, 2).astype(float)) for _ in range(rng.integers(1, 5))
    ]


def least(worst, quantities, orders, rng, partial=12):
    """Least surplus over every subset and random partial fills."""
    shares = [*product((0.0, 1.0), repeat=len(orders)), *rng.random((partial, len(orders))).tolist()]
    node, found = dict(worst.bound.program.outputs)["surplus"], []
    for share in shares:
        filled = {name: (keys, amounts.copy()) for name, (keys, amounts) in quantities.items()}
        for part, order in zip(share, orders, strict=True):
            for name, (item, amount) in order.items():
                keys, amounts = filled[name]
                amounts[keys == item] += part * amount
        value = evaluate(worst.bound, filled).values[node][0]
        found.append(value[worst.level if len(value) > 1 else 0])
    return min(found)


def check(bound, seed, balances=4):
    rng = np.random.default_rng(seed)
    quantities, fills = drawn(rng, balances)
    for level in (0, 1):
        worst = WorstFill(bound, level)
        orders = [worst.placed(fill) for fill in fills]
        found = worst.of(quantities, fills)
        truth = least(worst, touched(quantities, orders), orders, rng)
        slack = 1e-9 * max(abs(truth), 1) if np.isfinite(truth) else 0
        assert found.surplus <= truth + slack
        if found.quality == "exact":
            assert found.surplus >= truth - slack


def scans(m, d, rows):
    m.charge("a", -d.position.sum("gain", rows="s").worst())
    m.charge("b", -d.position.sum("loss", rows=rows).worst())
    m.floor("floor", d.position.sum("least"))


def by_region(d, rows="one", name="gain"):
    return d.position.sum(name, by="region", rows=rows)


NAMED = {
    "two scans under a floor": lambda m, d: scans(m, d, "s"),
    "two scans of other rows under a floor": lambda m, d: scans(m, d, "t"),
    "a worst times a row table": lambda m, d: m.charge(
        "a", -(d.position.sum("gain", rows="s").worst() * m.given("grow", rows="s")).worst()
    ),
    "a worst beside rows": lambda m, d: m.charge(
        "a", -(d.position.sum("gain", rows="s").worst() + d.position.sum("loss", rows="s")).worst()
    ),
    "best with rows that no order moves": lambda m, d: m.charge(
        "a", (d.position.sum("gain", rows="s") + d.balance.sum("kept", rows="s")).best()
    ),
    "worst of a key with rows that no order moves": lambda m, d: m.charge(
        "a", -(by_region(d, "s") + d.balance.sum("kept", by="region", rows="s")).worst().total()
    ),
    "worst over levels": lambda m, d: m.charge("a", -d.position.sum("gain", rows="level").worst()),
    "levels joined": lambda m, d: m.charge(
        "a", -d.joined(d.position.sum("gain", rows="level"), d.cost.sum("paid", rows="s"))
    ),
    "no rows": lambda m, d: m.charge("a", -d.position.sum("gain", rows="none").worst()),
    "a total over two steps": lambda m, d: m.charge(
        "a", abs(d.position.sum("gain", by="bucket").total("region")).total()
    ),
    "greatest of minima": lambda m, d: m.charge("a", by_region(d, "t").positive().worst().total()),
    "best of minima": lambda m, d: m.charge(
        "a", -m.min(by_region(d, "t"), by_region(d, "t", "loss")).best().total()
    ),
    "lots and cost under two keys": lambda m, d: m.charge(
        "a", abs(by_region(d) + d.settled.sum("paid", by="region")).total()
    ),
    "a norm whose diagonal alone moves": lambda m, d: m.charge(
        "a", d.balance.sum("kept", by="region").norm("zero", diagonal=abs(by_region(d)))
    ),
    "a norm whose concord alone moves": lambda m, d: m.charge(
        "a", d.balance.sum("kept", by="region").norm("one", concord=abs(by_region(d)))
    ),
    "a sum of quotients": lambda m, d: m.charge(
        "a", (by_region(d).positive() / (d.cost.sum("paid", by="region").positive())).total()
    ),
    "an integer division by what moves": lambda m, d: m.charge(
        "a", d.position.sum("gain").mul_div(1000, m.max(d.cost.sum("paid"), 1) - 2, "floor")
    ),
    "a fold that leaves a row empty": lambda m, d: m.charge(
        "a", -d.position.sum("gain", rows="s").fold("u", "mean").worst()
    ),
    "an order statistic of an axis without keys": lambda m, d: m.charge(
        "a", abs(d.position.sum("gain")) * d.balance.sum("kept", by="each", rows="s").kth("second").total()
    ),
}  # fmt: skip
GIVEN = {
    "grow": np.arange(1.0, 6.0)[None], "zero": np.zeros((3, 3)), "one": np.ones((3, 3)),
    "s to u": np.zeros((1, 5)), "second": 2.0,
}  # fmt: skip


@pytest.mark.parametrize("name", NAMED)
@pytest.mark.filterwarnings("ignore:divide by zero", "ignore:invalid value")  # the evaluator's own, by a zero divisor
def test_a_named_program_is_bounded(name):
    for seed in range(16):
        desk = Desk()
        NAMED[name](desk.m, desk)
        check(desk.bound(seed, **GIVEN), seed, balances=4 if seed % 2 else 0)


@pytest.mark.parametrize("first", range(0, 200, 50))
def test_random_programs_are_bounded(first):
    for seed in range(first, first + 50):
        desk = Desk(seed)
        for number in range(2):
            desk.m.charge(f"c{number}", desk.grown("account", desk.one_of("one", "level"), 1 + seed % 4))
        desk.m.floor("floor", desk.grown("account", "one", 2))
        check(desk.bound(seed), seed)
