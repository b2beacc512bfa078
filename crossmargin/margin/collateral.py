"""Risk-adjusted collateral: haircuts by marginal size, concentration caps, debts at full price or above.

An amount a > 0 of an asset counts ``price * sum_j (a in tier j) (1 - haircut_j)``; beyond ``cap`` it
counts nothing. A debt counts ``price * a * (1 + debt_weight)``: a haircut never improves it. With
``in_scenario`` the counted value moves with its asset in every scenario (a delta of one).
"""

from typing import Any

import msgspec
import numpy as np

from crossmargin import _checks as check
from crossmargin.errors import ImprudentParametersError
from crossmargin.instruments import Asset, Instruments
from crossmargin.margin.plan.builder import Builder, Held
from crossmargin.margin.plan.expression import Expression
from crossmargin.margin.requirement import LEVELS
from crossmargin.market import Market
from crossmargin.scenario.revalue import asset_prices

FAR = 1e300  # a tier that nothing reaches


class Haircut(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Tiers of one asset: ``edges`` ascend from 0 in units of the asset, haircuts per tier and level."""

    asset: str
    initial: tuple[float, ...] = (0.0,)
    maintenance: tuple[float, ...] = (0.0,)
    edges: tuple[float, ...] = (0.0,)
    cap: float | None = None
    debt_weight: float = 0.0
    in_scenario: bool = True

    def __post_init__(self) -> None:
        where = f"of collateral {self.asset!r}"
        if not self.edges or self.edges[0] != 0.0:
            raise check.refuse("edges", "start at 0", self.edges, where)
        check.ascending(f"edges {where}", check.floats("edges", self.edges))
        for level in LEVELS:
            rates = getattr(self, level)
            if len(rates) != len(self.edges):
                raise check.refuse(f"{level} haircuts", f"have length {len(self.edges)}", len(rates), where)
            for rate in rates:
                check.fraction(f"{level} haircut", rate, where)
        for first, second in zip(self.initial, self.maintenance, strict=True):
            if first < second:
                message = f"haircuts must not rise from initial to maintenance, was {first} below {second} {where}"
                raise ImprudentParametersError("initial >= maintenance", message)
        check.number("debt_weight", self.debt_weight, where, low=0.0)
        if self.cap is not None:
            check.positive("cap", self.cap, where)


def collateral(m: Builder, balances: Held) -> dict[str, Expression]:
    """Counted value of each asset held, by level; names the equity line "collateral"."""
    return counted_amount(m, balances.sum("unit", by="each"))


def counted_amount(m: Builder, amount: Expression) -> dict[str, Expression]:
    """The same of any amount of each asset: what futures won and lost in it, and loans, may be netted before."""
    price = m.given("asset_price", key="asset")
    debt = amount.short() * m.given("debt_price", key="asset")
    counted = {
        level: amount.positive().tiers("collateral_edges", f"collateral_{level}", key="asset") * price - debt
        for level in LEVELS
    }
    m.equity("collateral", by_level(m, {level: value.total() for level, value in counted.items()}))
    return counted


def by_level(m: Builder, values: dict[str, Expression]) -> Expression:
    """Lay one value per level along the row axis ``level``."""
    lines = [value * m.given(f"at_{level}", rows="level") for level, value in values.items()]
    return lines[0] + lines[1]


def level_tables() -> dict[str, Any]:
    return {f"at_{level}": [float(level == other) for other in LEVELS] for level in LEVELS}


def collateral_tables(haircuts: tuple[Haircut, ...], instruments: Instruments, market: Market) -> dict[str, Any]:
    """Figures of ``collateral``; an asset without a haircut of its own counts nothing as collateral."""
    found = {h.asset: h for h in haircuts}
    check.unique("collateral asset", (h.asset for h in haircuts))
    for name in found:
        check.known("collateral asset", name, instruments.asset_index, "asset")
    rows = [found.get(asset.id, uncounted(asset)) for asset in instruments.assets]
    price = asset_prices(instruments, market)
    width = max(len(h.edges) for h in rows) + 1
    return level_tables() | {
        "unit": instruments.atom,
        "asset_price": price,
        "debt_price": price * np.array([1.0 + h.debt_weight for h in rows]),
        "collateral_edges": np.array([padded_edges(h, width) for h in rows]),
        "collateral_initial": np.array([weights(h, h.initial, width) for h in rows]),
        "collateral_maintenance": np.array([weights(h, h.maintenance, width) for h in rows]),
    }


def uncounted(asset: Asset) -> Haircut:
    return Haircut(asset=asset.id, initial=(1.0,), maintenance=(1.0,))


def padded_edges(haircut: Haircut, width: int) -> list[float]:
    """Edges with the cap among them, then unreachable ones."""
    cap = FAR if haircut.cap is None else haircut.cap
    edges = [edge for edge in haircut.edges if edge < cap] + [cap]
    return edges + [FAR] * (width - len(edges))


def weights(haircut: Haircut, rates: tuple[float, ...], width: int) -> list[float]:
    """Weight of each tier, 0 from the cap on."""
    kept = [
        1.0 - rate for edge, rate in zip(haircut.edges, rates, strict=True) if haircut.cap is None or edge < haircut.cap
    ]
    return kept + [0.0] * (width - len(kept))


def asset_scenarios(haircuts: tuple[Haircut, ...], instruments: Instruments, moves: Any) -> Any:
    """Relative moves of counted collateral, shape (n_assets, n_scenarios); 0 where it stays outside."""
    found = {h.asset: h.in_scenario for h in haircuts}
    inside = np.array([found.get(asset.id, True) for asset in instruments.assets])
    return moves * inside[:, None]
