"""Lays the worst-fill forms of a surplus out as the arrays of ``_core.worst``.

A position of an instrument moves a linear form by ``lots P + cost K``; P and K stand side by side for every
instrument and alternative, and for every term and key that it touches. The fields are those of ``_core/worst.pxd``.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import numpy as np

from crossmargin._checks import Floats, Integers
from crossmargin.errors import PlanError
from crossmargin.margin.plan.binding import Binding
from crossmargin.margin.plan.layout import LINE, on_lines
from crossmargin.margin.plan.linear import Alternative, Linear, Path, Point, Term
from crossmargin.margin.plan.orders import WorstFill
from crossmargin.margin.plan.quantum import MAGIC, quantum
from crossmargin.margin.plan.zeros import zero_nodes

STRIDE, BASE = 2, 4  # of an alternative
FIELDS = {"alternatives": 11, "terms": 14, "touches": 3, "points": 8}


@dataclass(frozen=True)
class Ranges:
    """Up to which lots and open cost of an instrument, and with how many instruments, sums stay exact."""

    lots: Floats  # by instrument
    cost: Floats  # by instrument, atoms of the settlement asset
    slots: int  # instruments of an account
    money: float  # largest figure that balances give, quote currency


@dataclass
class Laid:
    """Arrays under construction."""

    figures: list[Floats] = field(default_factory=list)
    lists: list[int] = field(default_factory=list)
    size: int = 0
    state: int = 0

    def put(self, table: Floats) -> int:
        """Append figures on a line; where they start."""
        at = self.size
        flat = np.ascontiguousarray(table, dtype=np.float64).ravel()
        self.figures += [flat, np.zeros(-len(flat) % LINE)]
        self.size += len(flat) + -len(flat) % LINE
        return at

    def name(self, numbers: Sequence[int]) -> int:
        at = len(self.lists)
        self.lists += numbers
        return at

    def reserve(self, size: int) -> int:
        """Doubles of an account's state, on a line."""
        at = self.state
        self.state += size + -size % LINE
        return at


class Compiled:
    """The arrays of one bound program, for one level."""

    def __init__(self, bound: Binding, ranges: Ranges, n_instruments: int, uniform: float | None = None) -> None:
        self.bound, self.ranges, self.n_instruments, self.uniform = bound, ranges, n_instruments, uniform
        self.worst = WorstFill(bound, 0)
        self.zeros = zero_nodes(bound)
        self.laid = Laid()
        self.wanted: list[int] = []  # nodes that no fill moves
        self.opaque: list[tuple[int, float]] = []
        self.points: list[list[int]] = []
        self.unique: dict[bytes, int] = {}
        self.term_magic: list[float] = []
        self.sum_magic: list[float] = []
        self.kept_terms: list[Term] = []
        self.lay()

    @cached_property
    def sources(self) -> dict[str, str]:
        return {holding.name: holding.source for holding in self.bound.program.holdings}

    def lay(self) -> None:
        """Alternatives first: their figures lie side by side by instrument, from 0; equal ones are kept once."""
        found: dict[bytes, tuple[int, Alternative]] = {}
        for number, part in enumerate(self.worst.parts):
            for a in part:
                kept = self.kept(a)
                found.setdefault(b"%d " % number + content_of(kept), (number, kept))
        rows = list(found.values())
        tables = [np.concatenate(self.moved(a.linear, a.rows(), padded(a.rows())), axis=1) for _, a in rows]
        self.block = sum(table.shape[1] for table in tables)
        self.laid.put(np.concatenate(tables, axis=1))
        bits = [table.any(axis=1).astype(np.int64) << min(n, 62) for n, table in enumerate(tables)]
        self.moves = np.bitwise_or.reduce(bits)
        offsets = np.cumsum([0, *(table.shape[1] for table in tables)])[:-1].tolist()
        self.kept_alternatives = [a for _, a in rows]
        self.alternative_magic = [
            self.magic(self.largest(a.linear) + self.ranges.money + float(np.abs(a.linear.const).max()))
            for a in self.kept_alternatives
        ]
        numbered = enumerate(zip(rows, offsets, strict=True))
        self.alternatives = [self.alternative(n, *pair, at) for n, (pair, at) in numbered]
        self.lay_terms()
        self.lay_touches()

    def kept(self, a: Alternative) -> Alternative:
        """An alternative without what is 0 whatever is held."""
        opaque = tuple(share for share in a.opaque if share[0] not in self.zeros and share[1])
        return replace(a, terms=tuple(t for t in a.terms if not self.nothing(t)), opaque=opaque)

    def nothing(self, term: Term) -> bool:
        """Whether a term is 0 whatever is held, under these figures."""
        linears = [x for form in term.forms for x in form]
        factors = [c for x in linears for c in (x.const, *x.coefficient.values(), *(p.factor for p in x.points))]
        return not any(c.any() for c in factors)

    # ---- linear forms ----------------------------------------------------------------------

    def moved(self, form: Linear, rows: int, stride: int) -> tuple[Floats, Floats]:
        """P and K of every instrument, (instruments, stride); one row serves all rows."""
        P, K = np.zeros((self.n_instruments, stride)), np.zeros((self.n_instruments, stride))
        for path, coefficient in form.coefficient.items():
            items = self.bound.items[str(path.origin)]
            taken = np.flatnonzero(items >= 0)
            to = P if self.sources[str(path.origin)] == "position" else K
            to[taken, :rows] += coefficient[items[taken]]
        return P, K

    def largest(self, form: Linear) -> float:
        """What the instruments of an account can come to in a form, orders beside positions."""
        P, K = self.moved(form, form.rows(), form.rows())
        each = 2.0 * (np.abs(P).max(axis=1) * self.ranges.lots + np.abs(K).max(axis=1) * self.ranges.cost)
        return float(np.sort(each)[::-1][: self.ranges.slots].sum())

    def magic(self, size: float) -> float:
        return (quantum(2.0 * size) if self.uniform is None else self.uniform) * MAGIC

    def alternative(self, number: int, part: int, a: Alternative, table: int) -> list[int]:
        """One row of the table of alternatives."""
        stride = padded(a.rows())
        at = self.laid.reserve(stride)
        const = rounded(a.linear.const, self.alternative_magic[number])
        constant = self.laid.put(np.broadcast_to(const, (1, a.rows())))
        terms = [self.term(t) for t in a.terms]
        for point in a.linear.points:
            self.points.append(self.point(point, number, 0, a.rows(), a.rows()))
        opaque = [self.opaque_share(*share) for share in a.opaque]
        return [
            part, a.rows(), stride, at, 0, table, constant, self.laid.name(terms), len(terms),
            self.laid.name(opaque), len(opaque),
        ]  # fmt: skip

    def opaque_share(self, node: int, factor: float) -> int:
        """Place of an opaque node's share among all of them."""
        if (node, factor) not in self.opaque:
            self.opaque.append((node, factor))
        return self.opaque.index((node, factor))

    def point(self, point: Point, target: int, linear: int, rows: int, stride: int, axis: str = "") -> list[int]:
        """A node that no fill moves, in the linear form of an alternative, or of a term of an axis."""
        number = int(point.path.origin)
        node = self.bound.program.nodes[number]
        if number not in self.wanted:
            self.wanted.append(number)
        row = 0 if node.rows == "level" else point.row
        row = 0 if self.bound.n_rows(node) == 1 else (-1 if row is None else row)
        factor = np.broadcast_to(point.factor, (len(point.factor), rows))
        factor = np.pad(factor, ((0, 0), (0, stride - rows)))
        mapped = self.laid.name(self.worst.forms.along(point.path, axis).tolist()) if axis else -1
        wanted, at = self.wanted.index(number), self.laid.put(factor)
        return [int(bool(axis)), target, linear, wanted, at, len(factor), row, mapped]

    # ---- terms -----------------------------------------------------------------------------

    def term(self, term: Term) -> int:
        """Number of a term; equal ones are kept once."""
        key = content(term)
        if key not in self.unique:
            self.unique[key] = len(self.kept_terms)
            self.kept_terms.append(term)
        return self.unique[key]

    def lay_terms(self) -> None:
        """All sums side by side, then the keys of each term."""
        self.sums = self.laid.state
        sums = [self.laid.reserve(1 if reduced(t) else padded(t.rows())) for t in self.kept_terms]
        self.n_sums = self.laid.state - self.sums
        for row in self.alternatives:  # behind what a check reads
            row[BASE] = self.laid.reserve(row[STRIDE])
        self.term_rows = [self.term_row(n, t, at) for n, (t, at) in enumerate(zip(self.kept_terms, sums, strict=True))]

    def term_row(self, number: int, term: Term, at: int) -> list[int]:
        """One row of the table of terms."""
        linears, rows = [x for form in term.forms for x in form], term.rows()
        moved, fixed = max(map(self.largest, linears)), max(float(np.abs(x.const).max()) for x in linears)
        self.term_magic.append(self.magic(moved + fixed + self.ranges.money))
        self.sum_magic.append(self.magic(moved + fixed * self.ranges.slots + self.ranges.money))
        constant = self.constants(linears, rows, self.term_magic[-1], folded=reduced(term))
        starts = np.cumsum([0, *(len(form) for form in term.forms)])[:-1].tolist()
        forms = [n for start, form in zip(starts, term.forms, strict=True) for n in (start, len(form))]
        count, n_linears, stride = constant.shape
        for place, x in enumerate(linears):
            for point in x.points:
                self.points.append(self.point(point, number, place, rows, 1 if reduced(term) else stride, term.axis))
        width = 1 if reduced(term) else stride
        capacity, size = self.keys_held(term), padded(n_linears * stride + width + 1)
        return [
            len(linears) if reduced(term) else rows, stride, int(reduced(term)), width, at,
            self.laid.reserve(capacity // 2 + 2),
            self.laid.reserve(capacity * size), size, capacity, self.laid.name(forms), len(term.forms), n_linears,
            self.laid.put(constant), count,
        ]  # fmt: skip

    def constants(self, linears: Sequence[Linear], rows: int, magic: float, *, folded: bool) -> Floats:
        """Constants by key, linear form and row; of a reduced term by key and form, rows beyond never least."""
        count = max(len(x.const) for x in linears)
        if folded:
            found = np.full((count, 1, padded(len(linears))), np.inf)
            for place, x in enumerate(linears):
                found[:, 0, place] = rounded(x.const, magic)[:, 0]
            return found
        found = np.zeros((count, len(linears), padded(rows)))
        for place, x in enumerate(linears):
            found[:, place, :rows] = rounded(x.const, magic)
        return found

    def keys_held(self, term: Term) -> int:
        """Keys of an axis that an account may hold: those of its instruments, and of nodes that balances move."""
        linears = [x for form in term.forms for x in form]
        ways = len({path.route for x in linears for path in x.coefficient}) or 1
        fixed = {
            int(k) for x in linears for p in x.points for k in np.unique(self.worst.forms.along(p.path, term.axis))
        }
        return max(min(self.bound.size(term.axis), self.ranges.slots * ways + len(fixed)), 1)

    def lay_touches(self) -> None:
        """What each instrument moves in each term, key by key."""
        self.touches: list[list[int]] = []
        rows: list[list[list[int]]] = [[] for _ in range(self.n_instruments)]
        for number, term in enumerate(self.kept_terms):
            for instrument, key, table in self.touched(term):
                rows[instrument].append([number, key, self.laid.put(table)])
        self.touch_start = np.cumsum([0, *map(len, rows)]).astype(np.int64)
        self.touches = [touch for each in rows for touch in each]

    def touched(self, term: Term) -> list[tuple[int, int, Floats]]:
        """(instrument, key, figures (linear forms, P and K, stride)) of what is not all 0."""
        linears = [x for form in term.forms for x in form]
        paths = {path for x in linears for path in x.coefficient}
        keys = {path: self.key_of(path, term.axis) for path in paths}
        found = []
        for key_ways in sorted({tuple(keys[p].tolist()) for p in paths}):
            of_way = {p for p in paths if tuple(keys[p].tolist()) == key_ways}
            figures = self.figures([only(x, of_way) for x in linears], term)
            used = np.flatnonzero(figures.any(axis=(1, 2, 3)))
            found += [(int(i), int(key_ways[i]), figures[i]) for i in used]
        return merged(found)

    def figures(self, linears: Sequence[Linear], term: Term) -> Floats:
        """P and K of every instrument, (instruments, linear forms, 2, stride); a reduced term has one form of rows."""
        if not reduced(term):
            stride = padded(term.rows())
            return np.stack([np.stack(self.moved(x, term.rows(), stride), axis=1) for x in linears], axis=1)
        found = np.zeros((self.n_instruments, 1, 2, padded(len(linears))))
        for place, x in enumerate(linears):
            found[:, 0, 0, [place]], found[:, 0, 1, [place]] = self.moved(x, 1, 1)
        return found

    def key_of(self, path: Path, axis: str) -> Integers:
        """Key of an axis that each instrument lies under along a path, -1 where it does not."""
        items = self.bound.items[str(path.origin)]
        along = self.worst.forms.along(path, axis)
        return np.where(items >= 0, along[np.maximum(items, 0)] if len(along) else -1, -1)

    # ---- as arrays -------------------------------------------------------------------------

    def arrays(self) -> dict[str, Any]:
        """What ``_core.tables.Tables`` takes of them."""
        return {
            "alternatives": table("alternatives", self.alternatives),
            "keyed": table("terms", self.term_rows),
            "touches": table("touches", self.touches),
            "touch_start": self.touch_start,
            "moves": np.append(self.moves, 0),
            "points": table("points", self.points),
            "lists": np.array([*self.laid.lists, 0], dtype=np.int64),
            "figures": on_lines([*self.laid.figures, np.zeros(LINE)]),
            "alternative_magic": floats(self.alternative_magic),
            "term_magic": floats(self.term_magic),
            "sum_magic": floats(self.sum_magic),
            "sums": self.sums,
            "n_sums": self.n_sums,
            "block": self.block,
            "state": self.laid.state,
        }


def rounded(x: Floats, magic: float) -> Floats:
    """Constants are multiples of the quantum too, so that what is added and taken away is exact."""
    return (x + magic) - magic


def reduced(term: Term) -> bool:
    """One row, and no greatest in it: the forms are rows, and their least is what the key adds."""
    return term.rows() == 1 and all(len(form) == 1 for form in term.forms)


def padded(rows: int) -> int:
    """Rows in whole lines."""
    return rows + -rows % LINE


def only(form: Linear, paths: set[Path]) -> Linear:
    """The share of a form that some paths give; constants stay for its rows."""
    return Linear(form.const, {path: c for path, c in form.coefficient.items() if path in paths}, form.points)


def merged(found: list[tuple[int, int, Floats]]) -> list[tuple[int, int, Floats]]:
    """One entry an instrument and key: ways that lead to one key add up."""
    kept: dict[tuple[int, int], Floats] = {}
    for instrument, key, figures in found:
        kept[instrument, key] = kept[instrument, key] + figures if (instrument, key) in kept else figures
    return [(*pair, figures) for pair, figures in sorted(kept.items(), key=lambda item: item[0])]


def content(term: Term) -> bytes:
    """Equal for terms that compute the same."""
    pieces = [term.axis.encode()]
    for form in term.forms:
        pieces += [b"form %d" % len(form), *map(content_of_form, form)]
    return b"\0".join(pieces)


def content_of(a: Alternative) -> bytes:
    """The same of alternatives."""
    return b"\0".join([b"%d" % a.rows(), content_of_form(a.linear), *map(content, a.terms), repr(a.opaque).encode()])


def content_of_form(x: Linear) -> bytes:
    tables = [("", x.const), *sorted((str(path), c) for path, c in x.coefficient.items() if c.any())]
    tables += [(f"{p.path} {p.row}", p.factor) for p in x.points]
    return b"\0".join(f"{name} {c.shape}".encode() + np.ascontiguousarray(c).tobytes() for name, c in tables)


def nothing() -> dict[str, Any]:
    """The same where the engine keeps no worst fills."""
    empty = {name: table(name, []) for name in FIELDS}
    one = np.zeros(1, dtype=np.int64)
    return {
        "alternatives": empty["alternatives"], "keyed": empty["terms"], "touches": empty["touches"], "touch_start": one,
        "moves": one, "points": empty["points"], "lists": one, "figures": np.zeros(LINE), "sums": 0, "n_sums": 0,
        "alternative_magic": np.zeros(1), "term_magic": np.zeros(1), "sum_magic": np.zeros(1), "block": 0, "state": 0,
    }  # fmt: skip


def table(name: str, rows: Sequence[Sequence[int]]) -> Integers:
    """Rows of a table with one of zeros behind them, so that an empty table has an address."""
    width = FIELDS[name]
    if any(len(row) != width for row in rows):
        raise PlanError(f"{name} must have {width} fields")
    return np.array([*rows, [0] * width], dtype=np.int64)


def floats(values: Sequence[float]) -> Floats:
    return np.array([*values, 0.0])
