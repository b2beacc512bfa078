"""A calibration of a sensitivity margin, as a file that its user supplies (JSON, one object)."""

from pathlib import Path
from typing import Literal

import msgspec
import numpy as np

from crossmargin import _checks as check
from crossmargin._checks import Floats
from crossmargin.calibration import Indefinite, check_correlation
from crossmargin.errors import InvalidInputError
from crossmargin.snapshot import read_file

ANY = "*"  # a weight or a figure of every bucket that is not named


class Side(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What two factors of one bucket share by one label; 1 where their labels are equal.

    ``rho``: by bucket, "*" for the others; or ``names`` and a ``matrix`` between them. The correlation of two factors
    is the product of its sides.
    """

    label: str
    rho: dict[str, float] = {}
    names: list[str] = []
    matrix: list[list[float]] = []

    def between(self, name: str, bucket: str, labels: list[str]) -> Floats:
        """(n, n) of factors by their labels."""
        if self.names:
            places = [self.names.index(check.one_of(self.label, label, self.names, f"of {name}")) for label in labels]
            return np.array(self.matrix)[np.ix_(places, places)]
        rho = figure(f"rho of {name} {self.label}", self.rho, bucket)
        return np.where(np.array(labels)[:, None] == np.array(labels), 1.0, rho)


class RiskClass(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One class of one measure: ``K_b`` of its buckets, then all of them.

    ``weight``: by "bucket/label" of ``weight_label``, by bucket, or "*". ``absolute``: buckets whose norm is the sum of
    the sizes. ``gamma``: by "bucket/bucket" in either order, or "*" of any two. ``clip``: see `Nested`. ``power``: 2
    squares every correlation (curvature), ``masked`` leaves out the pairs of which both are negative.
    """

    weight: dict[str, float]
    weight_label: str = ""
    sides: list[Side] = []
    absolute: list[str] = []
    gamma: dict[str, float] = {}
    clip: Literal["always", "where negative"] = "where negative"
    power: Literal[1, 2] = 1
    masked: bool = False


class Scenario(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Every correlation r becomes ``times r`` within [-1, 1], or ``max(2 r - 1, floor r)`` where ``floor`` is given."""

    name: str
    times: float = 1.0
    floor: float | None = None

    def of(self, r: Floats) -> Floats:
        """Off the diagonal; the diagonal is for the caller to restore."""
        return np.clip(self.times * r, -1.0, 1.0) if self.floor is None else np.maximum(2.0 * r - 1.0, self.floor * r)


class Calibration(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """``classes`` by name; the margin adds them up in each of ``scenarios`` and takes the largest.

    ``indefinite``: what becomes of correlations of held factors that are not positive semi-definite
    (`calibration.check_correlation`).
    """

    name: str
    date: str
    source: str
    classes: dict[str, RiskClass]
    scenarios: list[Scenario] = msgspec.field(default_factory=lambda: [Scenario(name="given")])
    indefinite: Indefinite = "refuse"

    def __post_init__(self) -> None:
        for name, found in self.classes.items():
            for side in found.sides:
                if side.names:
                    check_correlation(f"{name} {side.label}", np.array(side.matrix), indefinite="keep")


def load_calibration(path: str | Path) -> Calibration:
    """Read a file; an unknown field or a wrong type is refused with its place."""
    try:
        return msgspec.json.decode(read_file(path), type=Calibration)
    except msgspec.DecodeError as error:
        raise InvalidInputError(f"calibration must be a Calibration, was not: {error}") from None


def figure(name: str, table: dict[str, float], *keys: str) -> float:
    """The first of the keys that is there, or the figure of any."""
    for key in (*keys, ANY):
        if key in table:
            return table[key]
    raise InvalidInputError(f"{name} must have a figure for {keys[0]!r} or {ANY!r}, had {', '.join(table) or 'none'}")
