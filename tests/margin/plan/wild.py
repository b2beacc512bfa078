"""Random programs over the laboratory: expressions grow from a pool, each by a random operation."""

import numpy as np

from margin.plan.lab import PARENT, Lab

CLIP, GRAIN = 4096, 2.0**-10
UNARY = ("neg", "abs", "positive", "short", "root")


class Wild(Lab):
    """A pool of expressions, kept small and on a grid so that evaluators may not drift apart."""

    def __init__(self, seed, size=30):
        super().__init__()
        self.rng = np.random.default_rng(seed)
        self.names = 0
        self.pool = [self.leaf() for _ in range(8)]
        for _ in range(size):
            self.pool.append(self.grown())
        self.publish()

    def name(self, fill=None):
        self.names += 1
        name = f"t{self.names}"
        if fill:
            self.fixed[name] = fill
        return name

    def one_of(self, options):
        return options[int(self.rng.integers(len(options)))]

    def leaf(self):
        held = self.one_of((self.position, self.position, self.cost, self.balance))
        axis = held.holding.axis
        by = self.one_of(("each", PARENT[axis], "region", "account"))
        if self.rng.random() < 0.2:
            return held.sum(by=by)
        return held.sum(self.name(), by=by, rows=self.one_of(("one", "s", "t", "single")))

    def given(self, x, rows=None):
        """A table that fits x."""
        key = self.one_of((x.node.key, "account"))
        return self.m.given(self.name(), key=key, rows=rows or self.one_of((x.node.rows, "one")))

    def partner(self, x):
        """Another expression of the same key whose rows fit, or a table."""
        fits = [y for y in self.pool if y.node.key == x.node.key and y.node.rows in {x.node.rows, "one"}]
        return self.one_of(fits) if self.rng.random() < 0.8 else self.given(x)

    def grown(self):
        x = self.one_of(self.pool)
        made = self.one_of(self.ways(x))(x)
        return self.tame(made)

    def tame(self, x):
        return self.m.max(self.m.min(x.round(GRAIN), CLIP), -CLIP)

    def ways(self, x):
        found = [
            self.unary,
            self.binary,
            self.binary,
            self.sided,
            self.pick,
            self.scaled,
            self.ratio,
            self.mul_div,
        ]
        if x.node.key != "account":
            found += [self.climb, self.climb, self.climb]
        else:
            found.append(lambda y: y.at(self.one_of(("item", "region", "asset"))))
        if x.node.rows != "one":
            found += [self.reduce, self.reduce, self.reduce, self.fold, self.concat]
        elif x.node.key in {"item", "bucket"}:
            found += [self.tiers, self.norm]
        return found

    def unary(self, x):
        return self.m.combine(self.one_of(UNARY), x)

    def binary(self, x):
        y = self.partner(x)
        return self.one_of(
            (lambda: x + y, lambda: x - y, lambda: x * y, lambda: self.m.min(x, y), lambda: self.m.max(x, y))
        )()

    def scaled(self, x):
        return x * self.given(x) + self.one_of((0, 1, -2)) * x

    def sided(self, x):
        return x.sided(below=self.given(x), above=self.one_of((1, self.given(x))))

    def pick(self, x):
        return x.pick(neg=self.partner(x), zero=self.one_of((0, x)), pos=self.partner(x))

    def ratio(self, x):
        return x / (abs(self.partner(x)) + 1)

    def mul_div(self, x):
        over = self.m.given(self.name(lambda t: np.abs(t) + 1))
        return x.mul_div(self.given(x, "one"), over, self.one_of(("trunc", "floor", "ceil", "nearest")))

    def climb(self, x):
        way = self.one_of(("total", "total", "least", "most"))
        return getattr(x, way)(self.one_of((PARENT[x.node.key], "account")))

    def reduce(self, x):
        way = self.one_of(("worst", "best", "kth", "tail_mean"))
        if way in {"worst", "best"}:
            return getattr(x, way)()
        n = {"s": 5, "t": 3, "u": 2, "single": 1}.get(x.node.rows, 3)
        k = float(self.rng.integers(1, n + 1)) if way == "kth" else float(self.rng.uniform(0.5, n))
        return getattr(x, way)(self.name(lambda t, k=k: np.full_like(t, k)))

    def fold(self, x):
        if x.node.rows not in {"s", "t"}:
            return x
        self.fixed[f"{x.node.rows} to u"] = lambda t: np.arange(t.size).reshape(t.shape) % 2
        return x.fold("u", self.one_of(("mean", "least", "most")))

    def concat(self, x):
        if x.node.rows not in {"s", "t", "single"}:
            return x
        return self.m.concat(f"{x.node.rows} joined", x, x + self.given(x)).worst()

    def tiers(self, x):
        self.names += 1
        edges, rates = f"edges{self.names}", f"rates{self.names}"
        self.fixed[edges] = lambda t: np.cumsum(np.abs(t) + 0.125, axis=1) - np.abs(t[:, :1]) - 0.125
        return x.tiers(edges, rates, key=x.node.key)

    def norm(self, x):
        return x.norm(self.name(symmetric), PARENT[x.node.key])

    def publish(self):
        """Every expression becomes a value of the account, and an output."""
        for number, x in enumerate(self.pool):
            lifted = x if x.node.key == "account" else x.total()
            if not lifted.node.free:
                self.m.output(f"x{number}", lifted)


def symmetric(table):
    return (table + table.T) / 16
