"""Regulations: SIMM is computed for each regulation on each side, and the largest of a side is the one that binds.

To collect, sensitivities count as given; to post they count with the opposite sign, under which curvature differs. A
row takes part in the regulations that it names; rows that name none take part in the one called "". Source: ISDA SIMM
2.5 with the collect and post columns of the risk interchange format.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Literal

from crossmargin.margin.sensitivity.crif import Crif
from crossmargin.margin.sensitivity.simm import Simm, SimmMargin

Side = Literal["collect", "post"]
SIGN = {"collect": 1.0, "post": -1.0}


@dataclass(frozen=True)
class Regulated:
    """Margins of one side by regulation; ``winner`` names the largest, the first on a tie."""

    side: Side
    margins: Mapping[str, SimmMargin]

    @property
    def winner(self) -> str:
        return max(self.margins, key=lambda name: self.margins[name].total, default="")

    @property
    def total(self) -> float:
        return self.margins[self.winner].total if self.margins else 0.0


def regulated(model: Simm, rows: Iterable[Crif], side: Side) -> Regulated:
    """Margins of one side, one a regulation."""
    by_name: dict[str, list[Crif]] = {}
    for row in rows:
        turned = replace(row, amount=SIGN[side] * row.amount) if row.risk_type.startswith("Risk_") else row
        for name in getattr(row, side) or ("",):
            by_name.setdefault(name, []).append(turned)
    return Regulated(side, {name: model.margin(held) for name, held in by_name.items()})
