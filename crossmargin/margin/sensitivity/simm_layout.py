"""Rows of sensitivities laid out as factors, buckets and cells; the same layout serves any amounts."""

from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np

from crossmargin import _checks as check
from crossmargin._checks import Floats, Integers, refuse
from crossmargin.calibration import check_correlation
from crossmargin.calibration.correlation import least_eigenvalue
from crossmargin.margin.sensitivity.correlation import Correlation, Term
from crossmargin.margin.sensitivity.crif import PRODUCTS, Crif
from crossmargin.margin.sensitivity.simm_rules import CURVATURE, DELTA, Factor, Rule, is_apart

Texts = tuple[str, ...]


class Cell(NamedTuple):
    """One measure of one risk class of one product of one portfolio; residual buckets have cells of their own."""

    portfolio: str
    product: str
    risk_class: str
    measure: str
    apart: bool


class Numbered(dict[Hashable, int]):
    """Numbers keys from 0 as they come."""

    def of(self, key: Hashable) -> int:
        return self.setdefault(key, len(self))


@dataclass(frozen=True, eq=False)
class Layout:
    """Which row adds to which factor, times what; factors in buckets, buckets in cells, and their correlations."""

    row: Integers
    factor: Integers
    scale: Floats
    factors: Sequence[tuple[Cell, str, Texts]]
    buckets: Sequence[tuple[Cell, str]]
    cells: Sequence[Cell]
    weight: Floats
    bucket: Integers
    cell: Integers
    group: Integers
    threshold: Floats
    concordant: np.ndarray
    within: Correlation
    between: Correlation
    leader: Integers = field(repr=False)


def lay_out(rows: Sequence[Crif], rules: dict[str, Rule]) -> Layout:
    """Canonical keys of every row; factors that are never held do not exist."""
    by_type = {risk_type: (name, rule) for name, rule in rules.items() for risk_type in rule.types}
    factors, entries = Numbered(), []
    for number, row in enumerate(rows):
        if row.risk_type not in by_type:
            raise refuse("risk_type", f"be one of {', '.join(sorted(by_type))}", row.risk_type, f"at row {number}")
        check.one_of("product", row.product, PRODUCTS, f"at row {number}")
        risk_class, rule = by_type[row.risk_type]
        for place in rule.places(row):
            cell = Cell(row.portfolio, row.product, risk_class, place.measure, is_apart(place.bucket))
            entries.append((number, factors.of((cell, place.bucket, place.key)), place.scale))
    found = arranged(entries, list(factors), rules)  # type: ignore[arg-type]
    check_currencies(found, rules)
    return found


def check_currencies(layout: "Layout", rules: dict[str, Rule]) -> None:
    """Refuse correlations of held currencies that are not positive semi-definite: by groups they may be or not."""
    if least_eigenvalue(next(iter(rules["FX"].tables().values()))) >= 0.0:
        return
    for number, (cell, _) in enumerate(layout.buckets):
        if (cell.risk_class, cell.measure) == ("FX", DELTA):
            rows = np.flatnonzero(layout.bucket == number)
            whole = np.stack([layout.within.column(int(row), rows) for row in rows])
            check_correlation("correlation of the held currencies", whole)


def arranged(
    entries: list[tuple[int, int, float]], keys: list[tuple[Cell, str, Texts]], rules: dict[str, Rule]
) -> Layout:
    """Arrays of factors, buckets and cells from the keys."""
    buckets, cells, groups = Numbered(), Numbered(), Numbered()
    found = [rules[cell.risk_class].factor(cell.measure, bucket, key) for cell, bucket, key in keys]
    bucket = np.array([buckets.of((cell, name)) for cell, name, _ in keys], dtype=np.int64)
    cell = np.array([cells.of(key[0]) for key in buckets], dtype=np.int64)  # type: ignore[index]
    group = np.array([group_of(groups, key[0], f) for key, f in zip(keys, found, strict=True)], dtype=np.int64)
    threshold, leader = np.full(len(groups), np.inf), np.full(len(buckets), -1, dtype=np.int64)
    for number, factor in enumerate(found):
        if group[number] >= 0:
            threshold[group[number]] = factor.threshold
            if not factor.concordant:  # currencies: their concentration enters between buckets
                leader[bucket[number]] = group[number]
    numbers = np.array(entries, dtype=np.float64).reshape(-1, 3)
    return Layout(
        row=numbers[:, 0].astype(np.int64), factor=numbers[:, 1].astype(np.int64), scale=numbers[:, 2], factors=keys,
        buckets=list(buckets), cells=list(cells), weight=np.array([f.weight for f in found]), bucket=bucket, cell=cell,  # type: ignore[arg-type]
        group=group, threshold=threshold, concordant=np.array([f.concordant for f in found], dtype=bool),
        within=within(bucket, found, rules), between=between(list(buckets), cell, rules), leader=leader,  # type: ignore[arg-type]
    )  # fmt: skip


def group_of(groups: Numbered, cell: Cell, factor: Factor) -> int:
    """Number of a concentration group, -1 where nothing concentrates."""
    concentrates = factor.concentration is not None and np.isfinite(factor.threshold) and cell.measure != CURVATURE
    return groups.of((cell, factor.concentration)) if concentrates else -1


def within(bucket: Integers, factors: list[Factor], rules: dict[str, Rule]) -> Correlation:
    """Three terms: the whole bucket, factors of one name, the factor itself."""
    n = len(factors)
    shapes = {name: table for rule in rules.values() for name, table in rule.tables().items()}
    names = Numbered()
    name = [-1 if f.name is None else names.of((b, f.name)) for b, f in zip(bucket, factors, strict=True)]
    own = [number if f.rho_own else -1 for number, f in enumerate(factors)]
    terms = (
        term(bucket, factors, shapes, lambda f: (f.table, f.rho)),
        term(np.array(name, dtype=np.int64), factors, shapes, lambda f: (f.table_name, f.rho_name)),
        term(np.array(own, dtype=np.int64), factors, {}, lambda f: ("", f.rho_own)),
    )
    return Correlation(n, tuple(found for found in terms if found is not None))


def term(
    group: Integers, factors: list[Factor], shapes: dict[str, Floats], of: Callable[[Factor], tuple[str, float]]
) -> Term | None:
    """One term; table and coefficient of a group are those of its factors."""
    n_groups = int(group.max(initial=-1)) + 1
    if not n_groups:
        return None
    places = {name: number for number, name in enumerate(shapes)}
    tables, coefficient = np.full(n_groups, -1, dtype=np.int64), np.zeros(n_groups)
    level = np.zeros(len(factors), dtype=np.int64)
    for number, factor in enumerate(factors):
        if group[number] >= 0:
            table, coefficient[group[number]] = of(factor)
            tables[group[number]] = places.get(table, -1)
            level[number] = factor.level if table else 0
    return Term(group, coefficient, level, tables, tuple(shapes.values()))


def between(buckets: list[tuple[Cell, str]], cell: Integers, rules: dict[str, Rule]) -> Correlation:
    """Gamma without its diagonal: one figure for currencies, a table for numbered buckets, squared for curvature."""
    shapes: dict[str, Floats] = {"none": np.zeros((1, 1))}
    for name, rule in rules.items():
        if isinstance(rule.gamma, np.ndarray):
            bare = rule.gamma - np.eye(len(rule.gamma))
            shapes |= {name: bare, f"{name} {CURVATURE}": bare**2}
    places = {name: number for number, name in enumerate(shapes)}
    n_cells = int(cell.max(initial=-1)) + 1
    tables, coefficient = np.zeros(n_cells, dtype=np.int64), np.ones(n_cells)
    level, own = np.zeros(len(buckets), dtype=np.int64), np.zeros(max(len(buckets), 1))
    for number, (place, name) in enumerate(buckets):
        rule, power = rules[place.risk_class], 2 if place.measure == CURVATURE else 1
        if isinstance(rule.gamma, float):
            tables[cell[number]], coefficient[cell[number]] = -1, rule.gamma**power
            own[number] = -(rule.gamma**power)
        elif name and not place.apart:
            tables[cell[number]] = places[place.risk_class + (f" {CURVATURE}" if power == 2 else "")]
            level[number] = rule.figures.buckets.index(name)
    if not buckets:
        return Correlation(0, ())
    diagonal = Term(np.arange(len(buckets)), own)
    return Correlation(len(buckets), (Term(cell, coefficient, level, tables, tuple(shapes.values())), diagonal))
