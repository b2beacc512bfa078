"""The slow twin of the gate's margin: worst fills term by term from the forms, in NumPy, with the engine's rounding.

The forms themselves are tested against all subsets of fills elsewhere; this follows how the gate keeps them: one
rounded term a position, one a side and limit of resting orders, one rounded least form a key.
"""

from itertools import product

import numpy as np

from crossmargin.margin.plan.batch import run_feeds, sources_of
from crossmargin.margin.plan.evaluate import evaluate
from crossmargin.margin.plan.orders import Fill
from crossmargin.margin.plan.worst import content_of
from crossmargin.margin.prepared import quantities


__all__ = ["Fill", "Twin", "quantities"]


def rounded(x, magic):
    return (x + magic) - magic


class Twin:
    """surplus_initial of one account at the worst fill of its orders."""

    def __init__(self, engine, portfolio, levels, pairs=()):
        """``levels``: (instrument row, lots, cost) of each side and limit; ``pairs``: two of them of which one may fill."""
        self.prepared = engine.prepared
        self.compiled = engine.source.compiled(self.prepared)
        self.layout = self.prepared.layout.rounded(engine.source.quanta(self.prepared))
        self.portfolio, self.terms = portfolio, [*((level,) for level in levels), *pairs]
        rows = self.prepared.instruments.index
        self.held = [(rows[name], float(p.lots), float(p.open_cost)) for name, p in portfolio.positions.items()]
        self.trace = evaluate(self.prepared.bound, quantities(self.prepared.bound, portfolio))

    def surplus(self):
        magics = {content_of(a): m for a, m in zip(self.compiled.kept_alternatives, self.compiled.alternative_magic, strict=False)}
        total = 0.0
        for part in self.compiled.worst.parts:
            kept = [self.compiled.kept(a) for a in part]
            total += min(self.alternative(a, magics[content_of(a)]) for a in kept)
        return total

    def alternative(self, a, magic):
        R = a.rows()
        rows = np.zeros(R) + rounded(a.linear.const[0], magic)
        rows = rows + rounded(sum((self.point(p) for p in a.linear.points), np.zeros(R)), magic)
        P, K = self.compiled.moved(a.linear, R, R)
        for item, lots, cost in self.held:
            rows = rows + rounded(lots * P[item] + cost * K[item], magic)
        for legs in self.terms:
            each = [rounded(lots * P[item] + cost * K[item], magic) for item, lots, cost in legs]
            rows = rows + np.minimum.reduce([np.zeros(R), *each])
        for term in a.terms:
            rows = rows + self.term(term)
        assert not a.opaque
        return rows.min()

    def point(self, point):
        """An account's node as the plan rounds it; a keyed one would need rounding here as well."""
        number = int(point.path.origin)
        node = self.prepared.program.nodes[number]
        assert node.key == "account"
        book = self.portfolio.book
        value = run_feeds(self.layout, sources_of(self.layout, book), 1, [number])[0]
        row = 0 if node.rows == "level" else point.row
        return (value if row is None or len(value) == 1 else value[row]) * point.factor[0]

    def term(self, term):
        number = self.compiled.term(term)
        magic, sum_magic = self.compiled.term_magic[number], self.compiled.sum_magic[number]
        R, total = term.rows(), np.zeros(term.rows())
        for key in range(self.prepared.bound.size(term.axis)):
            if not self.touches(term, key):
                continue
            forms = [np.maximum.reduce([self.keyed(x, term, key, magic, R) for x in form]) for form in term.forms]
            total = total + rounded(np.minimum.reduce(forms), sum_magic)
        return total

    def touches(self, term, key):
        items = {item for item, _, _ in (*self.held, *(leg for legs in self.terms for leg in legs))}
        paths = {p for form in term.forms for x in form for p in x.coefficient}
        return any(self.compiled.key_of(p, term.axis)[item] == key for p, item in product(paths, items))

    def keyed(self, form, term, key, magic, R):
        rows = np.zeros(R) + rounded(form.const[key] if len(form.const) > 1 else form.const[0], magic)
        assert not form.points
        for item, lots, cost in self.held:
            rows = rows + rounded(self.effect(form, term, key, item, lots, cost, R), magic)
        for legs in self.terms:
            each = [rounded(self.effect(form, term, key, item, lots, cost, R), magic) for item, lots, cost in legs]
            rows = rows + np.minimum.reduce([np.zeros(R), *each])
        return rows

    def effect(self, form, term, key, item, lots, cost, R):
        P, K = np.zeros(R), np.zeros(R)
        for path, c in form.coefficient.items():
            if self.compiled.key_of(path, term.axis)[item] == key:
                row = c[self.prepared.bound.items[str(path.origin)][item]]
                if self.compiled.sources[str(path.origin)] == "position":
                    P = P + row
                else:
                    K = K + row
        return lots * P + cost * K
