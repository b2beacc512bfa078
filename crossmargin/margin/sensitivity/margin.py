"""A margin from sensitivities: netted by factor, weighted, correlated in buckets, buckets correlated in classes.

    WS_k = RW_k sum s,  K_b = sqrt(max(0, sum_kl rho_kl WS_k WS_l)),  T = sqrt(max(0, sum K_b^2 + sum gamma_bc S_b S_c))

The margin is the largest of its scenarios over the sum of the classes. Sources of the form: MAR21.4 (standardised
approach), ISDA SIMM 2.5; which figures, the calibration says.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np

from crossmargin import _checks as check
from crossmargin._checks import Floats, Integers
from crossmargin.calibration import check_correlation
from crossmargin.margin.explanation import Explanation
from crossmargin.margin.sensitivity.calibration import Calibration, RiskClass, Scenario, figure
from crossmargin.margin.sensitivity.correlation import Correlation, Table, Term
from crossmargin.margin.sensitivity.nested import Nested, Norm, summed


@dataclass(frozen=True, slots=True, kw_only=True)
class Sensitivity:
    """``amount``: value change per unit of the factor, in the calculation currency.

    Two rows are of one factor if class, bucket and labels are equal.
    """

    risk_class: str
    bucket: str
    labels: Mapping[str, str] = field(default_factory=dict)
    amount: float

    @property
    def key(self) -> tuple[str, tuple[tuple[str, str], ...]]:
        return self.bucket, tuple(sorted(self.labels.items()))


@dataclass(frozen=True, eq=False)
class ClassMargin:
    """One class in one scenario; ``keys``: bucket and labels of each factor."""

    keys: tuple[tuple[str, tuple[tuple[str, str], ...]], ...]
    buckets: tuple[str, ...]
    nested: Nested

    @property
    def value(self) -> float:
        return float(self.nested.value[0])

    def explain(self, name: str) -> Explanation:
        """Buckets and factors by their Euler contributions, which sum to the class."""
        shares, bucket = self.nested.shares, self.nested.buckets.parent
        children = [
            Explanation(
                of,
                float(shares[bucket == number].sum()),
                tuple(
                    Explanation(" ".join(v for _, v in labels) or of, float(share))
                    for (_, labels), share, b in zip(self.keys, shares, bucket, strict=True)
                    if b == number
                ),
            )
            for number, of in enumerate(self.buckets)
        ]
        return Explanation(name, sum(child.value for child in children), tuple(children))


@dataclass(frozen=True, eq=False)
class SensitivityResult:
    """Classes by scenario; ``margin`` is the largest total, the first scenario on a tie."""

    scenarios: Mapping[str, Mapping[str, ClassMargin]]

    @cached_property
    def totals(self) -> dict[str, float]:
        return {name: sum(found.value for found in classes.values()) for name, classes in self.scenarios.items()}

    @cached_property
    def scenario(self) -> str:
        return max(self.totals, key=lambda name: self.totals[name])

    @property
    def margin(self) -> float:
        return self.totals[self.scenario]

    @property
    def classes(self) -> Mapping[str, ClassMargin]:
        return self.scenarios[self.scenario]

    def explain(self) -> Explanation:
        """Classes, buckets and factors; the parts sum to the margin."""
        children = tuple(found.explain(name) for name, found in self.classes.items())
        return Explanation("sensitivity margin", self.margin, children, note=self.scenario)


@dataclass(frozen=True)
class SensitivityMargin:
    """The margin of sensitivities under a calibration."""

    calibration: Calibration

    def margin(self, rows: Iterable[Sensitivity]) -> SensitivityResult:
        """Net, weigh and correlate; a class, bucket or label that the calibration does not know is refused by name."""
        by_class: dict[str, list[Sensitivity]] = {}
        for number, row in enumerate(rows):
            check.known("risk_class", row.risk_class, self.calibration.classes, "class", f"at row {number}")
            check.number("amount", row.amount, f"at row {number}")
            by_class.setdefault(row.risk_class, []).append(row)
        return SensitivityResult(
            {
                scenario.name: {name: self.of_class(name, held, scenario) for name, held in by_class.items()}
                for scenario in self.calibration.scenarios
            }
        )

    def of_class(self, name: str, rows: list[Sensitivity], scenario: Scenario) -> ClassMargin:
        rules, keys = self.calibration.classes[name], tuple(dict.fromkeys(row.key for row in rows))
        place = {key: number for number, key in enumerate(keys)}
        net = summed(np.array([r.amount for r in rows]), np.array([place[r.key] for r in rows]), len(keys))
        buckets = tuple(dict.fromkeys(bucket for bucket, _ in keys))
        parent = np.array([buckets.index(bucket) for bucket, _ in keys], dtype=np.int64)
        x = net * np.array([weight(name, rules, *key) for key in keys])
        within = self.within(name, rules, keys, parent, scenario, x)
        norm = Norm.of(x, within, parent, len(buckets), masked=rules.masked)
        between = bare(self.between(name, rules, buckets, scenario))
        whole = np.zeros(len(buckets), dtype=np.int64)
        return ClassMargin(
            keys, buckets, Nested.of(norm, between, whole, 1, clip=rules.clip, masked=rules.masked)
        )

    def within(
        self, name: str, rules: RiskClass, keys: tuple[tuple[str, tuple[tuple[str, str], ...]], ...], parent: Integers,
        scenario: Scenario, x: Floats,
    ) -> Correlation:  # fmt: skip
        """Blocks of the buckets: the product of the sides in the scenario, or the signs where sizes add up."""
        terms: list[Term] = []
        for number in range(int(parent.max()) + 1):
            rows = np.flatnonzero(parent == number)
            labels = [dict(keys[row][1]) for row in rows]
            matrix = self.block(name, rules, keys[rows[0]][0], labels, scenario, np.sign(x[rows]))
            codes, group = np.zeros(len(parent), dtype=np.int64), np.full(len(parent), -1, dtype=np.int64)
            codes[rows], group[rows] = np.arange(len(rows)), 0
            terms += Correlation.product([Table(codes, matrix)], group).terms
        return Correlation(len(parent), tuple(terms))

    def block(
        self, name: str, rules: RiskClass, bucket: str, labels: list[dict[str, str]], scenario: Scenario, signs: Floats
    ) -> Floats:
        if bucket in rules.absolute:  # sum |x| is the norm under the correlation of the signs
            return np.outer(signs, signs)
        found = np.ones((len(labels), len(labels)))
        for side in rules.sides:
            found = found * side.between(name, bucket, [row.get(side.label, "") for row in labels])
        return self.sound(f"{name} in bucket {bucket}", found, rules, scenario)

    def between(self, name: str, rules: RiskClass, buckets: tuple[str, ...], scenario: Scenario) -> Floats:
        found = np.array([[gamma(name, rules, a, b) for b in buckets] for a in buckets])
        return self.sound(f"gamma of {name}", found, rules, scenario)

    def sound(self, name: str, found: Floats, rules: RiskClass, scenario: Scenario) -> Floats:
        """Scenario and power off the diagonal, and the check of what comes out."""
        moved = scenario.of(found) ** rules.power
        np.fill_diagonal(moved, 1.0)
        return check_correlation(f"correlation of {name}", moved, indefinite=self.calibration.indefinite)


def weight(name: str, rules: RiskClass, bucket: str, labels: tuple[tuple[str, str], ...]) -> float:
    label = dict(labels).get(rules.weight_label, "")
    return figure(f"weight of {name}", rules.weight, f"{bucket}/{label}", bucket)


def gamma(name: str, rules: RiskClass, a: str, b: str) -> float:
    return 1.0 if a == b else figure(f"gamma of {name}", rules.gamma, f"{a}/{b}", f"{b}/{a}")


def bare(matrix: Floats) -> Correlation:
    """Correlation of buckets without its diagonal, which their norms replace."""
    return Correlation.product([Table(np.arange(len(matrix)), matrix - np.eye(len(matrix)))])
