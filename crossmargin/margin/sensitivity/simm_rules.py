"""Rules of each risk class of the ISDA SIMM: where a row goes, what its factor weighs and correlates with.

A correlation within a bucket is the sum of three terms: over the whole bucket, over factors of one name or curve, and
the factor itself. Source: ISDA SIMM 2.5, paragraphs 4 to 13; canonical keys leave out labels that a risk type ignores.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from math import sqrt
from statistics import NormalDist
from typing import NamedTuple

import numpy as np

from crossmargin import _checks as check
from crossmargin._checks import Floats
from crossmargin.errors import InvalidInputError
from crossmargin.margin.sensitivity.crif import Crif
from crossmargin.margin.sensitivity.simm_calibration import RESIDUAL, Bucketed, Exchange, Rates, SimmCalibration, listed

DELTA, VEGA, CURVATURE, BASE = "delta", "vega", "curvature", "base correlation"
INFLATION, BASIS = "inflation", "basis"
VOLATILITY_INDEX = "12"  # equity bucket without curvature
DAYS = {"d": 1.0, "w": 7.0, "m": 365.0 / 12.0, "y": 365.0}


class Place(NamedTuple):
    """Where a row goes: a factor of a bucket of a measure, and what its amount is multiplied by."""

    measure: str
    bucket: str
    key: tuple[str, ...]
    scale: float = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Factor:
    """``weight``; the group whose size concentrates and its threshold in USD; the three terms of its correlation."""

    weight: float
    concentration: str | None = None
    threshold: float = float("inf")
    concordant: bool = True
    level: int = 0
    table: str = ""
    rho: float = 1.0
    name: str | None = None
    rho_name: float = 0.0
    table_name: str = ""
    rho_own: float = 0.0


def vega_places(row: Crif, days: int, bucket: str, key: tuple[str, ...], *, sigma: float = 1.0,
                history: float = 1.0) -> Iterator[Place]:  # fmt: skip
    """A vega row is a vega factor and a curvature factor: ``SF(t) sigma``, ``SF = 0.5 min(1, 14 days / t)``."""
    yield Place(VEGA, bucket, key, sigma * history)
    yield Place(CURVATURE, bucket, key, sigma * curvature_scale(row, days))


def curvature_scale(row: Crif, days: int) -> float:
    return 0.5 * min(1.0, 1.4 * days / days_of(row.label1, f"{row.risk_type} {row.qualifier}"))


def days_of(label: str, what: str) -> float:
    """Days of an expiry such as 2w, 6m or 10y; a year has 365."""
    count, unit = label[:-1], label[-1:].lower()
    if unit not in DAYS or not count.replace(".", "", 1).isdigit() or not float(count):
        raise InvalidInputError(f"label1 must be an expiry such as 2w, 6m or 10y, was {label!r} of {what}")
    return float(count) * DAYS[unit]


def volatility(weight: float, days: int) -> float:
    """``sigma = RW sqrt(365 / 14) / Phi^-1(0.99)``; 1.4 days in the one-day model."""
    return weight * sqrt(365.0 / (1.4 * days)) / NormalDist().inv_cdf(0.99)


class RatesRule:
    """Interest rates and inflation: a bucket a currency, tenors by sub-curve."""

    types = ("Risk_IRCurve", "Risk_IRVol", "Risk_Inflation", "Risk_InflationVol", "Risk_XCcyBasis")

    def __init__(self, calibration: SimmCalibration, currency: str) -> None:
        self.figures: Rates = calibration.rates
        self.days = calibration.days
        self.gamma = calibration.rates.gamma

    def places(self, row: Crif) -> Iterator[Place]:
        if row.risk_type == "Risk_IRCurve":
            check.one_of("label1", row.label1.lower(), self.figures.tenors, f"of {row.risk_type} {row.qualifier}")
            yield Place(DELTA, row.qualifier, (row.label1.lower(), row.label2))
        elif row.risk_type == "Risk_Inflation":
            yield Place(DELTA, row.qualifier, (INFLATION, ""))
        elif row.risk_type == "Risk_XCcyBasis":
            yield Place(DELTA, row.qualifier, (BASIS, ""))
        else:
            key = row.label1.lower() if row.risk_type == "Risk_IRVol" else INFLATION
            yield from vega_places(row, self.days, row.qualifier, (key, ""))

    def factor(self, measure: str, bucket: str, key: tuple[str, ...]) -> Factor:
        label, curve = key
        n = len(self.figures.tenors)
        special = {INFLATION: n, BASIS: n + 1}
        level = special[label] if label in special else self.figures.tenors.index(label)
        split = measure == DELTA and label not in special
        return Factor(
            weight=self.weight(measure, bucket, label), concentration=None if label == BASIS else bucket,
            threshold=self.threshold(measure, bucket), concordant=False, level=level, table=f"rates {measure}",
            name=curve if split else None, rho_name=1.0 - self.figures.rho_curve, table_name="tenors",
        )  # fmt: skip

    def weight(self, measure: str, bucket: str, label: str) -> float:
        if measure != DELTA:
            return self.figures.vega_weight if measure == VEGA else 1.0
        if label in (INFLATION, BASIS):
            return self.figures.inflation_weight if label == INFLATION else self.figures.basis_weight
        return self.figures.weight[listed(self.figures.group, bucket)][self.figures.tenors.index(label)]

    def threshold(self, measure: str, bucket: str) -> float:
        group = listed(self.figures.concentration_group, bucket)
        table = self.figures.delta_threshold if measure == DELTA else self.figures.vega_threshold
        return table[group] * 1e6

    def tables(self) -> dict[str, Floats]:
        """Delta between curves, vega, curvature (squared), and what factors of one curve have beyond that."""
        whole, n = self.figures.table(), len(self.figures.tenors)
        across = whole.copy()
        across[:n, :n] *= self.figures.rho_curve
        return {
            "rates delta": across, "rates vega": whole, "rates curvature": whole**2, "tenors": whole[:n, :n],
        }  # fmt: skip


class BucketedRule:
    """Credit, equity, commodity: a bucket as given, factors by name, in credit by tenor and group too."""

    def __init__(self, calibration: SimmCalibration, risk_class: str, types: tuple[str, ...]) -> None:
        self.figures: Bucketed = calibration.bucketed(risk_class)
        self.types, self.days, self.risk_class = types, calibration.days, risk_class
        self.credit = risk_class.startswith("Credit")
        self.gamma = np.array(self.figures.gamma)

    def places(self, row: Crif) -> Iterator[Place]:
        if row.risk_type == "Risk_BaseCorr":
            yield Place(BASE, "", (row.qualifier,))
            return
        check.known("bucket", row.bucket, self.figures.weight, "bucket", f"of {row.risk_type} {row.qualifier}")
        key = (row.qualifier, row.label1, row.label2) if self.credit else (row.qualifier,)
        if row.risk_type == self.types[0]:
            yield Place(DELTA, row.bucket, key)
            return
        sigma = 1.0 if self.credit else volatility(self.figures.weight[row.bucket], self.days)
        for place in vega_places(row, self.days, row.bucket, key, sigma=sigma, history=self.figures.history):
            if place.measure == VEGA or self.risk_class != "Equity" or row.bucket != VOLATILITY_INDEX:
                yield place

    def factor(self, measure: str, bucket: str, key: tuple[str, ...]) -> Factor:
        if measure == BASE:
            rho = self.figures.base_rho
            return Factor(weight=self.figures.base_weight, rho=rho, rho_own=1.0 - rho)
        power = 2 if measure == CURVATURE else 1
        rho, same = self.figures.rho[bucket] ** power, self.figures.rho_same[bucket] ** power
        threshold = self.figures.delta_threshold if measure == DELTA else self.figures.vega_threshold
        return Factor(
            weight=self.weight(measure, bucket), concentration=key[0], threshold=threshold[bucket] * 1e6,
            rho=rho, name=self.name(key), rho_name=same - rho, rho_own=1.0 - same,
        )  # fmt: skip

    def name(self, key: tuple[str, ...]) -> str:
        """What makes two factors of one name: the underlying group (label2) in non-qualifying credit."""
        return key[2] if self.risk_class == "CreditNonQualifying" else key[0]

    def weight(self, measure: str, bucket: str) -> float:
        if measure == CURVATURE:
            return 1.0
        return (self.figures.weight if measure == DELTA else self.figures.vega_weight)[bucket]

    def tables(self) -> dict[str, Floats]:
        return {}


class ExchangeRule:
    """FX: one bucket; currencies for delta, unordered pairs for vega and curvature."""

    types = ("Risk_FX", "Risk_FXVol")

    def __init__(self, calibration: SimmCalibration, currency: str) -> None:
        self.figures: Exchange = calibration.fx
        self.days, self.currency = calibration.days, currency
        self.gamma = 0.0

    def places(self, row: Crif) -> Iterator[Place]:
        if row.risk_type == "Risk_FX":
            if row.qualifier != self.currency:
                yield Place(DELTA, "", (row.qualifier,))
            return
        pair = sorted((row.qualifier[:3], row.qualifier[-3:]))
        groups = "|".join(listed(self.figures.group, name) for name in pair)
        sigma = volatility(self.figures.weight[groups], self.days)
        yield from vega_places(row, self.days, "", tuple(pair), sigma=sigma, history=self.figures.history)

    def factor(self, measure: str, bucket: str, key: tuple[str, ...]) -> Factor:
        if measure == DELTA:
            return self.currency_factor(key[0])
        rho = self.figures.vega_rho ** (2 if measure == CURVATURE else 1)
        weight = self.figures.vega_weight if measure == VEGA else 1.0
        category = pair_class(*(listed(self.figures.category, name) for name in key))
        threshold = self.figures.vega_threshold[category] * 1e6
        return Factor(weight=weight, concentration="".join(key), threshold=threshold, rho=rho, rho_own=1.0 - rho)

    def currency_factor(self, name: str) -> Factor:
        own, base = listed(self.figures.group, name), listed(self.figures.group, self.currency)
        level = self.groups().index(own)
        threshold = self.figures.delta_threshold[listed(self.figures.category, name)] * 1e6
        return Factor(
            weight=self.figures.weight[f"{own}|{base}"], concentration=name, threshold=threshold, level=level,
            table="exchange", rho_own=1.0 - self.figures.rho[f"{base}|{own}|{own}"],
        )  # fmt: skip

    def groups(self) -> list[str]:
        return sorted(set(self.figures.group.values()))

    def tables(self) -> dict[str, Floats]:
        base, groups = listed(self.figures.group, self.currency), self.groups()
        return {"exchange": np.array([[self.figures.rho[f"{base}|{a}|{b}"] for b in groups] for a in groups])}


def pair_class(first: str, second: str) -> str:
    """Threshold class of an unordered pair of categories: 11, 12, 13, 22, 23, 33 are 1 to 6."""
    order = ["11", "12", "13", "22", "23", "33"]
    return str(order.index("".join(sorted((first, second)))) + 1)


Rule = RatesRule | BucketedRule | ExchangeRule


def rules_of(calibration: SimmCalibration, currency: str) -> dict[str, Rule]:
    """The rule of each risk class, in the order of the classes."""
    return {
        "InterestRate": RatesRule(calibration, currency),
        "CreditQualifying": BucketedRule(calibration, "CreditQualifying",
                                         ("Risk_CreditQ", "Risk_CreditVol", "Risk_BaseCorr")),
        "CreditNonQualifying": BucketedRule(calibration, "CreditNonQualifying",
                                            ("Risk_CreditNonQ", "Risk_CreditVolNonQ")),
        "Equity": BucketedRule(calibration, "Equity", ("Risk_Equity", "Risk_EquityVol")),
        "Commodity": BucketedRule(calibration, "Commodity", ("Risk_Commodity", "Risk_CommodityVol")),
        "FX": ExchangeRule(calibration, currency),
    }  # fmt: skip


def is_apart(bucket: str) -> bool:
    """Residual buckets never meet others: their norm is added."""
    return bucket == RESIDUAL
