"""A small laboratory for plans: axes, maps and books over which any program can be bound and run.

All figures and quantities are small multiples of 1/8, so that sums are exact and a jump (a sign, a
rounding) falls the same way in every evaluator.
"""

from fractions import Fraction

import numpy as np

from crossmargin import Account, Asset, Book, Instrument, Instruments, Portfolio
from crossmargin.margin.plan import Binding, Builder, evaluate
from crossmargin.margin.plan.batch import run
from crossmargin.margin.plan.layout import lay_out
from crossmargin.margin.plan.matchers import BOUND, FEATURES, Leg, match_rows, padded_codes, spread_code
from crossmargin.margin.prepared import quanta_of, quantities

N_ITEMS = 24
ASSETS = tuple(Asset(id=name, decimals=0) for name in ("A", "B", "C", "USD"))
ITEMS = [
    Instrument(id=f"I{i:02}", kind="perpetual", underlying="U", settlement="USD", lot=Fraction(1))
    for i in range(N_ITEMS)
]
INSTRUMENTS = Instruments.of(ITEMS, ASSETS)
LABELS = {
    "item": tuple(row.id for row in INSTRUMENTS),
    "bucket": tuple(f"b{i}" for i in range(7)),
    "region": ("r0", "r1", "r2"),
    "asset": tuple(asset.id for asset in INSTRUMENTS.assets),
}
MAPS = {
    ("item", "bucket"): [(5 * i) % 7 for i in range(N_ITEMS)],
    ("bucket", "region"): [0, 1, 2, 0, 1, 2, 0],
    ("asset", "region"): [2, 0, 1, 0],
}
ITEMS_OF = {"position": range(N_ITEMS), "cost": range(N_ITEMS), "balance": range(len(ASSETS))}
PARENT = {"item": "bucket", "bucket": "region", "asset": "region", "region": "account"}
PAIR, TURNED = [Leg(1, 1, (0,)), Leg(-1, 2, (1, 2))], [Leg(-1, 0.5, (0, 1)), Leg(1, 1, (1,))]
CODES = padded_codes([  # one a region, of at most three buckets
    spread_code([PAIR, TURNED], 3, "fraction"), spread_code([TURNED, PAIR], 3, "whole"),
    spread_code([PAIR], 3, "rounded", rows=2),
])  # fmt: skip
ROWS = {
    "s": ("s0", "s1", "s2", "s3", "s4"),
    "t": ("t0", "t1", "t2"),
    "u": ("u0", "u1"),
    "single": ("x",),
    "none": (),
    "matched": match_rows(("1", "2"), ("a", "b", "c")),
    "matching code": tuple(map(str, range(CODES.shape[1]))),
    "feature": FEATURES,
    "strategy code": ("straddles", "exact"),
    "bound": BOUND,
}


def book(seed, n=40, most=10):
    """Random accounts; the last two hold nothing."""
    rng = np.random.default_rng(seed)
    positions, balances = [], []
    for unit in range(n - 2):
        for item in rng.choice(N_ITEMS, size=rng.integers(0, most + 1), replace=False).tolist():
            positions.append((unit, item, int(rng.integers(-8, 9)), int(rng.integers(-50, 50))))
        for asset in rng.choice(len(ASSETS), size=rng.integers(0, len(ASSETS) + 1), replace=False).tolist():
            balances.append((unit, asset, int(rng.integers(-8, 9))))
    accounts = [Account(id=f"a{i:03}", currency="USD") for i in range(n)]
    return Book.of(
        INSTRUMENTS,
        accounts,
        positions=table(("account", "instrument", "lots", "open_cost"), positions),
        balances=table(("account", "asset", "atoms"), balances),
    )


def table(names, rows):
    return {name: [row[i] for row in rows] for i, name in enumerate(names)}


def features(table):
    """Calls, puts and stock of a few strikes and expiries, prices and requirements >= 0."""
    found = np.abs(table)
    found[:, 0] = np.arange(len(table)) // 7 % 3
    found[:, 1:4] = 1, 0, 1  # units a lot, strike, size
    found[:, 2] = np.arange(len(table)) % 4
    found[:, 5] = np.arange(len(table)) % 3
    found[found[:, 0] == 2, 2:] = 0
    return found


MATCHERS = {  # what the tables of ``match("matching", ...)`` and ``group("feature", "strategy")`` hold
    "matching": lambda t: CODES,
    "matching place": lambda t: np.arange(len(t))[:, None] // 3,
    "feature": features,
    "strategy": lambda t: np.tile([1.0, 8.0], (len(t), 1)),
}


class Lab:
    """A builder with the three holdings, and random tables for whatever a program names."""

    def __init__(self):
        self.m = Builder()
        self.position = self.m.holding("position", source="position", axis="item")
        self.cost = self.m.holding("cost", source="cost", axis="item")
        self.balance = self.m.holding("balance", source="balance", axis="asset")
        self.fixed = {}  # figures that a table must have

    def finish(self):
        """Close the program; every plan has a charge and an equity."""
        self.m.charge("charge", self.position.sum())
        self.m.equity("equity", self.balance.sum())
        return self.m.build()

    def bind(self, seed=0, **changes):
        program = self.finish()
        rows = ROWS | {f"{edges} tier": ("0", "1", "2") for edges in self.fixed if edges.startswith("edges")}
        shape = {"labels": LABELS, "rows": rows, "maps": MAPS, "items": ITEMS_OF}
        return Binding.of(program, tables=self.tables(program, rows, seed), **shape | changes)

    def tables(self, program, rows, seed):
        rng = np.random.default_rng(seed)
        size = {axis: len(keys) for axis, keys in LABELS.items()} | {"account": 1}
        wide = (
            {name: len(labels) for name, labels in rows.items()}
            | {"one": 1}
            | {f"{a} pair": n for a, n in size.items()}
        )
        made = {
            name: rng.integers(-32, 33, (size[k], wide[r])) / 8 for name, (k, r) in program.tables.items()
        }
        for name, fill in self.fixed.items():
            if name in made:
                made[name] = fill(made[name])
        return made


def outputs(bound, names, book, **how):
    """Wanted outputs of every unit by the batch evaluator: name to (n_units, rows)."""
    nodes = dict(bound.program.outputs)
    quantum = how.pop("quantum", None)
    layout = lay_out(bound, None if quantum is None else quanta_of(bound, quantum))
    found = run(layout, book, [nodes[name] for name in names], **how)
    widths = np.cumsum([bound.n_rows(bound.program.nodes[nodes[name]]) for name in names])[:-1]
    return dict(zip(names, np.split(found, widths, axis=1), strict=True))


def slow(bound, book, unit):
    """Every node of one unit by the slow evaluator."""
    return evaluate(bound, quantities(bound, Portfolio(book, unit)))


def same(bound, book, names=None):
    """Assert that both evaluators agree on every output of every unit; returns the batch's."""
    wanted = names or [name for name, _ in bound.program.outputs]
    found = outputs(bound, wanted, book)
    for unit in range(len(book)):
        trace = slow(bound, book, unit)
        for name in wanted:
            expected = trace.output(name).astype(float)
            np.testing.assert_allclose(
                found[name][unit], expected, rtol=1e-12, atol=1e-9, err_msg=f"{name} of unit {unit}"
            )
    return found
