"""Reads a calibration file in XML, as open-source-risk-engine ships them, into a `SimmCalibration`."""

import gzip
from collections.abc import Iterator
from pathlib import Path
from xml.etree import ElementTree as ET

from crossmargin import _checks as check
from crossmargin.errors import InvalidInputError
from crossmargin.margin.sensitivity.simm_calibration import (
    RESIDUAL,
    RISK_CLASSES,
    Bucketed,
    Exchange,
    Matrix,
    Rates,
    SimmCalibration,
)
from crossmargin.snapshot import read_file

Element = ET.Element
ROOT = "SIMMCalibrationData"


def read_simm_xml(path: str | Path, *, days: int = 10) -> SimmCalibration:
    """The calibration of one margin period of risk, from a file or a gzipped one, read by attributes."""
    data = read_file(path)
    try:
        text = (gzip.decompress(data) if Path(path).suffix == ".gz" else data).decode("utf-8")
    except (OSError, EOFError, UnicodeError) as error:
        raise InvalidInputError(f"calibration must be text, or gzipped text, was neither: {error}") from None
    return parse_simm_xml(text, days=days, source=Path(path).name)


def parse_simm_xml(text: str, *, days: int = 10, source: str = "") -> SimmCalibration:
    """The same from text."""
    check.one_of("days", days, (10, 1))
    try:
        root = ET.fromstring(text)  # noqa: S314  the user's own licensed file; no entity is expanded
    except ET.ParseError as error:
        raise InvalidInputError(f"calibration must be XML, was none: {error}") from None
    if root.tag != ROOT:
        raise InvalidInputError(f"calibration must have the root {ROOT}, had {root.tag!r}")
    reader = Reader(child(root, "SIMMCalibration"), str(days))
    return SimmCalibration(
        version=reader.version(), source=source, days=days, rates=reader.rates(),  # type: ignore[arg-type]
        credit_qualifying=reader.bucketed("CreditQualifying"),
        credit_non_qualifying=reader.bucketed("CreditNonQualifying"), equity=reader.bucketed("Equity"),
        commodity=reader.bucketed("Commodity"), fx=reader.exchange(), psi=reader.psi(),
    )  # fmt: skip


def child(parent: Element, path: str) -> Element:
    found = parent.find(path)
    if found is None:
        raise InvalidInputError(f"calibration must hold {path} in {parent.tag}, did not")
    return found


def number(element: Element) -> float:
    return float(element.text or "nan")


def matrix(elements: list[Element], names: list[str]) -> Matrix:
    """Off-diagonal entries by their labels, ones on the diagonal."""
    found = {(e.get("label1"), e.get("label2")): number(e) for e in elements}
    return [[1.0 if a == b else found[a, b] for b in names] for a in names]


class Reader:
    """Figures of one calibration for one margin period of risk."""

    def __init__(self, root: Element, days: str) -> None:
        self.root, self.days = root, days

    def version(self) -> str:
        names = [name.text or "" for name in child(self.root, "VersionNames")]
        return next(name for name in reversed(names) if name != "latest")

    def weights(self, name: str, kind: str) -> Iterator[Element]:
        """Children of the weights of this period, or the bare figure."""
        for group in child(self.root, f"{name}/RiskWeights").iter(kind):
            if group.get("mporDays") == self.days:
                yield from (list(group) or [group])

    def one(self, name: str, kind: str, default: float | None = None) -> float:
        found = [number(element) for element in self.weights(name, kind)]
        if len(found) != 1 and default is None:
            held = f"for {self.days} days, held {len(found)}"
            raise InvalidInputError(f"calibration must hold one {kind} of {name} {held}")
        return found[0] if found else float(default or 0.0)

    def correlations(self, name: str, kind: str) -> list[Element]:
        group = self.root.find(f"{name}/Correlations/{kind}")
        return [] if group is None else list(group)

    def rho(self, name: str, kind: str) -> float:
        return number(child(self.root, f"{name}/Correlations/{kind}"))

    def groups(self, name: str, part: str) -> dict[str, str]:
        lists = child(self.root, f"{name}/{part}/CurrencyLists")
        return {element.text or "": element.get("bucket", "") for element in lists}

    def thresholds(self, name: str, kind: str, buckets: list[str] = []) -> dict[str, float]:  # noqa: B006  read alone
        """By bucket; one figure without a bucket serves all."""
        found = {e.get("bucket"): number(e) for e in child(self.root, f"{name}/ConcentrationThresholds/{kind}")}
        if not found:
            found = {None: number(child(self.root, f"{name}/ConcentrationThresholds/{kind}"))}
        return dict.fromkeys(buckets, found[None]) if None in found else {str(b): value for b, value in found.items()}

    def rates(self) -> Rates:
        name = "InterestRate"
        weights: dict[str, dict[str, float]] = {}
        for element in self.weights(name, "Delta"):
            weights.setdefault(element.get("bucket", ""), {})[element.get("label1", "")] = number(element)
        tenors = list(next(iter(weights.values())))
        return Rates(
            tenors=tenors, group=self.groups(name, "RiskWeights"),
            weight={group: [row[tenor] for tenor in tenors] for group, row in weights.items()},
            inflation_weight=self.one(name, "Inflation"), basis_weight=self.one(name, "XCcyBasis"),
            vega_weight=self.one(name, "Vega"), history=self.one(name, "HistoricalVolatilityRatio"),
            rho_tenor=matrix(self.correlations(name, "IntraBucket"), tenors), rho_curve=self.rho(name, "SubCurves"),
            rho_inflation=self.rho(name, "Inflation"), rho_basis=self.rho(name, "XCcyBasis"),
            gamma=self.rho(name, "Outer"), concentration_group=self.groups(name, "ConcentrationThresholds"),
            delta_threshold=self.thresholds(name, "Delta"), vega_threshold=self.thresholds(name, "Vega"),
        )  # fmt: skip

    def bucketed(self, name: str) -> Bucketed:
        weight = {e.get("bucket", ""): number(e) for e in self.weights(name, "Delta")}
        known, base = list(weight), "BaseCorrelation"
        vega = {e.get("bucket"): number(e) for e in self.weights(name, "Vega")}
        rho, same = self.names(name, known)
        numbered = [bucket for bucket in known if bucket != RESIDUAL]
        has_base = self.root.find(f"{name}/Correlations/{base}") is not None
        return Bucketed(
            weight=weight, vega_weight={bucket: vega.get(bucket, vega.get(None, 0.0)) for bucket in known},
            history=self.one(name, "HistoricalVolatilityRatio", 1.0), rho=rho, rho_same=same, buckets=numbered,
            gamma=matrix(self.correlations(name, "InterBucket"), numbered),
            delta_threshold=self.thresholds(name, "Delta", known), vega_threshold=self.thresholds(name, "Vega", known),
            base_weight=self.one(name, base, 0.0), base_rho=self.rho(name, base) if has_base else 0.0,
        )  # fmt: skip

    def names(self, name: str, known: list[str]) -> tuple[dict[str, float], dict[str, float]]:
        """Correlation of other names and of one name, by bucket."""
        found = self.correlations(name, "IntraBucket")
        if not name.startswith("Credit"):
            return {e.get("bucket", ""): number(e) for e in found}, dict.fromkeys(known, 1.0)
        by = {(e.get("label1"), e.get("label2")): number(e) for e in found}
        kind = {bucket: "residual" if bucket == RESIDUAL else "aggregate" for bucket in known}
        return {b: by[k, "different"] for b, k in kind.items()}, {b: by[k, "same"] for b, k in kind.items()}

    def exchange(self) -> Exchange:
        name = "FX"
        rho = {"|".join((e.get("bucket", ""), e.get("label1", ""), e.get("label2", ""))): number(e)
               for e in self.correlations(name, "IntraBucket")}  # fmt: skip
        return Exchange(
            group=self.groups(name, "RiskWeights"),
            weight={f"{e.get('label1')}|{e.get('label2')}": number(e) for e in self.weights(name, "Delta")},
            vega_weight=self.one(name, "Vega"), history=self.one(name, "HistoricalVolatilityRatio"), rho=rho,
            vega_rho=self.rho(name, "Volatility"), category=self.groups(name, "ConcentrationThresholds"),
            delta_threshold=self.thresholds(name, "Delta"), vega_threshold=self.thresholds(name, "Vega"),
        )  # fmt: skip

    def psi(self) -> Matrix:
        return matrix(list(child(self.root, "RiskClassCorrelations")), list(RISK_CLASSES))
