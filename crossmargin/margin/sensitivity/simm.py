"""The structure of the ISDA SIMM on a calibration that its user loads.

    WS = RW s CR,  K_b = sqrt(max(0, sum rho f WS WS)),  S_b = clip(sum WS, -K_b, K_b)
    margin = sqrt(sum K_b^2 + sum gamma g S_b S_c) + K_residual
    curvature = max(0, sum CVR + lambda sqrt(sum K_b^2 + sum gamma^2 S_b S_c)),  theta = min(sum CVR / sum |CVR|, 0)
    lambda = (Phi^-1(0.995)^2 - 1) (1 + theta) - theta
    product = sqrt(sum psi IM_r IM_s),  IM = delta + vega + curvature + base correlation,  SIMM = sum of products

Amounts and results are in the calculation currency. Source: ISDA SIMM 2.5, paragraphs 1 to 13; SIMM is (c) ISDA, and a
licence is needed for its commercial use.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from statistics import NormalDist

import numpy as np

from crossmargin import _checks as check
from crossmargin._checks import Floats
from crossmargin.margin.explanation import Explanation
from crossmargin.margin.sensitivity.crif import PRODUCTS, Crif
from crossmargin.margin.sensitivity.nested import Nested, Norm, divided, summed
from crossmargin.margin.sensitivity.simm_addons import ADD_ONS, add_ons
from crossmargin.margin.sensitivity.simm_calibration import RISK_CLASSES, SimmCalibration
from crossmargin.margin.sensitivity.simm_layout import Layout, lay_out
from crossmargin.margin.sensitivity.simm_rules import BASE, CURVATURE, DELTA, VEGA, rules_of

MEASURES = (DELTA, VEGA, CURVATURE, BASE)
TAIL = NormalDist().inv_cdf(0.995) ** 2 - 1.0


@dataclass(frozen=True)
class Simm:
    """``currency``: the calculation currency, whose own FX delta is no risk."""

    calibration: SimmCalibration
    currency: str = "USD"

    def prepare(self, rows: Iterable[Crif]) -> "PreparedSimm":
        """Lay rows out once; margins of any amounts of the same rows follow."""
        given = tuple(rows)
        added = tuple(row for row in given if row.risk_type in ADD_ONS)
        held = tuple(row for row in given if row.risk_type not in ADD_ONS)
        names = tuple(dict.fromkeys(row.portfolio for row in given))
        layout = lay_out(held, rules_of(self.calibration, self.currency))
        return PreparedSimm(self.calibration, held, added, names, layout)

    def margin(self, rows: Iterable[Crif]) -> "SimmMargin":
        return self.prepare(rows).margin()


@dataclass(frozen=True, eq=False)
class PreparedSimm:
    """Rows laid out as factors, buckets and cells; portfolios of any number side by side."""

    calibration: SimmCalibration
    rows: tuple[Crif, ...]
    added: tuple[Crif, ...]
    portfolios: tuple[str, ...]
    layout: Layout

    def margin(self, amounts: Sequence[float] | None = None) -> "SimmMargin":
        """The margin of the rows, or of other amounts in the places of the sensitivities."""
        given = [row.amount for row in self.rows] if amounts is None else amounts
        values = check.floats("amounts", given, size=len(self.rows))
        layout = self.layout
        net = summed(values[layout.row] * layout.scale, layout.factor, len(layout.factors))
        size = self.concentration(net)
        factor = np.concatenate([size, [1.0]])[layout.group]
        x = net * layout.weight * factor
        norms = Norm.of(x, layout.within, layout.bucket, len(layout.buckets),
                        concordance=np.where(layout.concordant, factor, 1.0))  # fmt: skip
        between = np.concatenate([size, [1.0]])[layout.leader]
        nested = Nested.of(norms, layout.between, layout.cell, len(layout.cells), concordance=between)
        return SimmMargin(self.calibration, self.portfolios, self.added, layout, nested)

    def concentration(self, net: Floats) -> Floats:
        """``max(1, sqrt(|sum of net amounts| / T))`` of each group; 1 in the one-day model."""
        layout, n = self.layout, len(self.layout.threshold)
        if not self.calibration.concentrated:
            return np.ones(n)
        inside = layout.group >= 0
        total = summed(net[inside], layout.group[inside], n)
        return np.maximum(1.0, np.sqrt(np.abs(total) / layout.threshold))


@dataclass(frozen=True, eq=False)
class SimmMargin:
    """Margins of every cell, class and product; ``explain`` attributes them to factors; ``added``: rows of add-ons."""

    calibration: SimmCalibration
    portfolios: tuple[str, ...]
    added: tuple[Crif, ...]
    layout: Layout
    nested: Nested

    @cached_property
    def multiple(self) -> tuple[Floats, Floats]:
        """Of each cell: sum of curvature added to the norm, and what the norm is multiplied by."""
        x, cell = self.nested.buckets.x, self.layout.cell[self.layout.bucket]
        plain, gross = summed(x, cell, self.nested.n), summed(np.abs(x), cell, self.nested.n)
        theta = np.minimum(divided(plain, gross), 0.0)
        curved = np.array([c.measure == CURVATURE for c in self.layout.cells], dtype=bool)
        stretch = np.where(curved, TAIL * (1.0 + theta) - theta, 1.0)
        return np.where(curved, plain, 0.0), stretch

    @cached_property
    def scale(self) -> Floats:
        """Rates curvature is divided by the squared historical volatility ratio; curvature below 0 is 0."""
        added, stretch = self.multiple
        history = self.calibration.rates.history**-2
        rates = [c.measure == CURVATURE and c.risk_class == "InterestRate" for c in self.layout.cells]
        return np.where(added + stretch * self.nested.value > 0.0, np.where(rates, history, 1.0), 0.0)

    @cached_property
    def cells(self) -> Floats:
        """Margin of each cell."""
        added, stretch = self.multiple
        return (added + stretch * self.nested.value) * self.scale

    @cached_property
    def places(self) -> tuple[np.ndarray, ...]:
        """Portfolio, product, risk class and measure of each cell."""
        cells = self.layout.cells
        names = (self.portfolios, PRODUCTS, RISK_CLASSES, MEASURES)
        return tuple(
            np.array([names[n].index(cell[n]) for cell in cells], dtype=np.int64) for n in range(4)
        )

    @cached_property
    def table(self) -> Floats:
        """Margin by portfolio, product, risk class and measure, residual buckets added."""
        found = np.zeros((len(self.portfolios), len(PRODUCTS), len(RISK_CLASSES), len(MEASURES)))
        np.add.at(found, self.places, self.cells)
        return found

    def products(self, measures: Sequence[str] = MEASURES) -> Floats:
        """Margin of each portfolio and product, (portfolios, products); of some measures alone where asked."""
        chosen = [MEASURES.index(check.one_of("measure", m, MEASURES)) for m in measures]
        classes = self.table[..., chosen].sum(axis=-1)
        return np.asarray(np.sqrt(np.maximum(np.einsum("ijk,kl,ijl->ij", classes, self.psi, classes), 0.0)))

    @property
    def psi(self) -> Floats:
        return np.array(self.calibration.psi)

    @cached_property
    def add_ons(self) -> Floats:
        """Add-on of each portfolio."""
        return add_ons(self.added, self.portfolios, self.products())

    @cached_property
    def totals(self) -> Floats:
        """Margin of each portfolio: its products and its add-on."""
        return np.asarray(self.products().sum(axis=1) + self.add_ons)

    @property
    def total(self) -> float:
        """Margin of the one portfolio, or of all of them added."""
        return float(self.totals.sum())

    @cached_property
    def shares(self) -> Floats:
        """Euler contributions of the factors to the whole, concentration and theta held fixed; they sum to it."""
        classes, products = self.table.sum(axis=-1), self.products()
        pull = np.einsum("ijk,kl->ijl", classes, self.psi)
        weight = divided(pull, np.repeat(products[..., None], len(RISK_CLASSES), axis=2))
        through = weight[self.places[:3]] * self.scale
        cell = self.layout.cell[self.layout.bucket]
        _, stretch = self.multiple
        curved = stretch_mask(self.layout)
        own = np.where(curved[cell], self.nested.buckets.x, 0.0) + stretch[cell] * self.nested.shares
        return through[cell] * own

    def explain(self, portfolio: str = "") -> Explanation:
        """Products, risk classes, measures and factors by their contributions."""
        check.one_of("portfolio", portfolio, self.portfolios)
        leaves = [
            (cell[1:4], f"{bucket} {' '.join(filter(None, key))}".strip(), float(share))
            for (cell, bucket, key), share in zip(self.layout.factors, self.shares, strict=True)
            if cell.portfolio == portfolio
        ]
        found = grown("SIMM", leaves, 0)
        added = float(self.add_ons[self.portfolios.index(portfolio)])
        return found.with_part(Explanation("add-on", added)) if added else found


def stretch_mask(layout: Layout) -> np.ndarray:
    return np.array([cell.measure == CURVATURE for cell in layout.cells], dtype=bool)


def grown(name: str, leaves: Sequence[tuple[tuple[str, ...], str, float]], depth: int) -> Explanation:
    """A tree of contributions: every level sums its children."""
    if depth == 3:
        children = [Explanation(label, share) for _, label, share in leaves]
    else:
        names = dict.fromkeys(path[depth] for path, _, _ in leaves)
        children = [grown(n, [leaf for leaf in leaves if leaf[0][depth] == n], depth + 1) for n in names]
    ordered = tuple(sorted(children, key=lambda child: -abs(child.value)))
    return Explanation(name, sum(child.value for child in ordered), ordered)
