"""Figures of the ISDA SIMM, which its users load from a calibration file of their own; none are part of the package.

SIMM is (c) ISDA; its commercial use needs a licence. A calibration holds one margin period of risk: 10 days or 1 day.
"""

from typing import Literal

import msgspec
import numpy as np

from crossmargin import _checks as check
from crossmargin._checks import Floats
from crossmargin.calibration import check_correlation
from crossmargin.errors import InvalidInputError

Matrix = list[list[float]]
RISK_CLASSES = ("InterestRate", "CreditQualifying", "CreditNonQualifying", "Equity", "Commodity", "FX")
RESIDUAL, OTHER = "Residual", "Other"


class Rates(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Interest rates: groups of currencies by volatility and by concentration, tenors, sub-curves.

    Weights are per basis point, thresholds in USD millions per basis point (delta) or USD millions (vega).
    """

    tenors: list[str]
    group: dict[str, str]
    weight: dict[str, list[float]]
    inflation_weight: float
    basis_weight: float
    vega_weight: float
    history: float
    rho_tenor: Matrix
    rho_curve: float
    rho_inflation: float
    rho_basis: float
    gamma: float
    concentration_group: dict[str, str]
    delta_threshold: dict[str, float]
    vega_threshold: dict[str, float]

    def table(self) -> Floats:
        """Correlation of the tenors, inflation and cross-currency basis, whatever the curve, (tenors + 2)."""
        n = len(self.tenors)
        found = np.eye(n + 2)
        found[:n, :n] = self.rho_tenor
        found[n, :n] = found[:n, n] = self.rho_inflation
        found[n + 1, : n + 1] = found[: n + 1, n + 1] = self.rho_basis
        return found


class Bucketed(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Credit, equity or commodity: figures by bucket, "Residual" among them where there is one.

    ``rho``: of two factors of other names; ``rho_same``: of one name (1 where names have one factor each).
    """

    weight: dict[str, float]
    vega_weight: dict[str, float]
    history: float = 1.0
    rho: dict[str, float]
    rho_same: dict[str, float]
    buckets: list[str]
    gamma: Matrix
    delta_threshold: dict[str, float]
    vega_threshold: dict[str, float]
    base_weight: float = 0.0
    base_rho: float = 0.0


class Exchange(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """FX: weights by (group of the currency | group of the calculation currency), categories of concentration."""

    group: dict[str, str]
    weight: dict[str, float]
    vega_weight: float
    history: float
    rho: dict[str, float]
    vega_rho: float
    category: dict[str, str]
    delta_threshold: dict[str, float]
    vega_threshold: dict[str, float]


class SimmCalibration(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A version of the model for one margin period of risk.

    ``concentrated``: whether concentration factors apply (10 days) or are 1 (1 day); ``psi``: correlation of the risk
    classes in the order of ``RISK_CLASSES``.
    """

    version: str
    source: str
    days: Literal[10, 1]
    rates: Rates
    credit_qualifying: Bucketed
    credit_non_qualifying: Bucketed
    equity: Bucketed
    commodity: Bucketed
    fx: Exchange
    psi: Matrix

    def __post_init__(self) -> None:
        check.one_of("days", self.days, (10, 1))
        check_correlation("psi", np.array(self.psi))
        check_correlation("rates.rho_tenor", np.array(self.rates.rho_tenor))
        check_correlation("rates (tenors, inflation, basis)", self.rates.table())
        for name in ("rho_curve", "gamma"):
            check.fraction(name, getattr(self.rates, name), "of rates")
        check.fraction("vega_rho", self.fx.vega_rho, "of fx")
        for name in ("credit_qualifying", "credit_non_qualifying", "equity", "commodity"):
            check_buckets(name, getattr(self, name))

    @property
    def concentrated(self) -> bool:
        return self.days == 10

    def bucketed(self, risk_class: str) -> Bucketed:
        """Figures of credit, equity or commodity."""
        return {
            "CreditQualifying": self.credit_qualifying,
            "CreditNonQualifying": self.credit_non_qualifying,
            "Equity": self.equity,
            "Commodity": self.commodity,
        }[risk_class]


def check_buckets(name: str, found: Bucketed) -> None:
    """Every table has every bucket; gamma is a correlation matrix of them."""
    gamma = check_correlation(f"{name}.gamma", np.array(found.gamma))
    if len(gamma) != len(found.buckets):
        raise InvalidInputError(f"{name}.gamma must have a row a bucket, had {len(gamma)} for {len(found.buckets)}")
    for field in ("weight", "vega_weight", "rho", "rho_same", "delta_threshold", "vega_threshold"):
        for bucket in found.buckets:
            check.known(bucket, bucket, getattr(found, field), f"{name}.{field}")
    for bucket, rho in found.rho.items():  # a matrix of these is then positive semi-definite, however many factors
        check.number("rho_same", found.rho_same[bucket], f"of bucket {bucket!r} of {name}", low=0.0, high=1.0)
        check.number("rho", rho, f"of bucket {bucket!r} of {name}", low=0.0, high=found.rho_same[bucket])


def listed(table: dict[str, str], name: str) -> str:
    """The group of a currency, or that of the others."""
    return table.get(name, table[OTHER])
