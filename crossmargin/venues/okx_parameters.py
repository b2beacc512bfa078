"""Parameter sets of OKX portfolio margin, dated. Moves and rates are fractions, tiers quote currency.

What a source leaves open is a named figure: ``volatility`` (which of two shocks applies), ``depeg_in_maximum``
(whether MR9 enters the maximum with MR7), ``vega_rate`` and ``rate_move`` (MR3 and MR5, whose rules are not public: 0
charges nothing).
"""

from typing import Literal

import msgspec

from crossmargin import _checks as check
from crossmargin.errors import ImprudentParametersError
from crossmargin.margin.method import Parameters, check_choices
from crossmargin.venues.dated import LATEST, in_force

Slices = tuple[tuple[float, float], ...]  # (width, rate): marginal, the first from 0


def check_slices(name: str, slices: Slices, *, high: float = float("inf")) -> None:
    for width, rate in slices:
        check.positive(f"width of {name}", width)
        check.number(f"rate of {name}", rate, low=0.0, high=high)


class UnitRules(Parameters, frozen=True, kw_only=True):
    """One risk unit, an underlying: greatest moves of MR1 and MR6, rates of MR4 and MR7."""

    max_move: float
    extreme_move: float
    basis_minimum: float  # MR4: at least this share of a leg's cash delta
    basis_annualised: float  # and this share a year
    close_rate: float  # MR7: slippage and fee of closing, share of the cash delta

    def __post_init__(self) -> None:
        for name in self.__struct_fields__:
            check.fraction(name, getattr(self, name), "of unit rules")


class Rules(Parameters, frozen=True, kw_only=True):
    """Figures of one date; a unit that ``units`` does not name takes ``other``."""

    units: dict[str, UnitRules]
    other: UnitRules
    im_factor: float = 1.3
    borrow_mmr: float = 0.02
    borrow_imr: float = 0.10
    liquidation_fee: float = 0.001
    shock_days: tuple[float, float, float] = (0.0, 30.0, 60.0)
    shock_relative: tuple[float, float, float] = (0.50, 0.35, 0.25)
    shock_points: tuple[float, float, float] = (0.30, 0.25, 0.20)
    volatility: Literal["larger", "relative", "absolute"] = "larger"
    close_edges: tuple[float, ...]
    close_multipliers: tuple[float, ...]
    taker_fee: float = 0.0
    option_fee_cap: float = 0.125
    vega_rate: float = 0.0
    rate_move: float = 0.0
    depeg: Slices = ()
    depeg_in_maximum: bool = False
    spot: Literal["none", "hedge"] = "hedge"
    discount: dict[str, Slices] = msgspec.field(default_factory=dict)
    allow_imprudent: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        for name in (
            "borrow_mmr",
            "borrow_imr",
            "liquidation_fee",
            "taker_fee",
            "option_fee_cap",
            "vega_rate",
            "rate_move",
        ):
            check.number(name, getattr(self, name), "of rules", low=0.0)
        for name in ("shock_relative", "shock_points"):
            for figure in getattr(self, name):
                check.fraction(name, figure)
        check.ascending("shock_days", check.floats("shock_days", self.shock_days))
        check_tiers(self)
        check_choices(self, "of rules")
        check_slices("depeg", self.depeg, high=1.0)
        for asset, slices in self.discount.items():
            check_slices(f"discount of {asset!r}", slices, high=1.0)
        for rule, broken in (
            ("im_factor >= 1", self.im_factor < 1),
            ("borrow_imr >= borrow_mmr", self.borrow_imr < self.borrow_mmr),
        ):
            if broken and "initial >= maintenance" not in self.allow_imprudent:
                raise ImprudentParametersError(
                    "initial >= maintenance", f"{rule} in rules, was {self.im_factor}, {self.borrow_imr}"
                )

    def unit(self, underlying: str) -> UnitRules:
        return self.units.get(underlying, self.other)


def check_tiers(p: Rules) -> None:
    """Edges of MR7 ascend from 0, a multiplier each."""
    if not p.close_edges or p.close_edges[0] != 0 or len(p.close_multipliers) != len(p.close_edges):
        raise check.refuse("close_edges", "start at 0 and be as many as close_multipliers", p.close_edges)
    check.ascending("close_edges", check.floats("close_edges", p.close_edges))
    multipliers = check.floats("close_multipliers", p.close_multipliers)
    check.require_all("close_multipliers", "be >= 0", multipliers, multipliers >= 0)


def unit_rules(groups: dict[str, UnitRules], members: dict[str, str]) -> dict[str, UnitRules]:
    return {name: groups[group] for group, names in members.items() for name in names.split()}


MIDDLE = "LTC BCH EOS OKB DOT BSV LINK FIL ADA TRX UNI XRP"
DEPEG = ((1e6, 0.005), (4e6, 0.01))  # at or above a peg of 0.995; the rates of lower pegs are not known in full
STABLE = ((5e6, 1.0), (5e6, 0.975), (1e6, 0.95))  # of USDT; USDC's are not known: read as the same
WHOLE = ((1e12, 1.0),)  # of BTC; ETH read as the same
DISCOUNT = {"USDT": STABLE, "USDC": STABLE, "USD": WHOLE, "BTC": WHOLE, "ETH": WHOLE}


OLD_EDGES = (0, 10e3, 70e3, 170e3, 300e3, 470e3, 700e3)  # of MR7, until 2025-01-15


def rules_2025() -> Rules:
    """Moves of 2025-01-06, MR4 since January 2025, MR7 tiers of 2025-01-15."""
    major = UnitRules(max_move=0.12, extreme_move=0.24, basis_minimum=0.002, basis_annualised=0.05, close_rate=0.0045)
    middle = UnitRules(max_move=0.18, extreme_move=0.50, basis_minimum=0.008, basis_annualised=0.15, close_rate=0.007)
    other = msgspec.structs.replace(middle, max_move=0.25, basis_annualised=0.30)
    listed = msgspec.structs.replace(middle, extreme_move=0.36)  # by the list of MR6
    listed_other = msgspec.structs.replace(other, extreme_move=0.36)
    groups = {"major": major, "middle": middle, "listed": listed, "listed other": listed_other}
    members = {
        "major": "BTC ETH",
        "middle": MIDDLE,
        "listed": "XRP LTC BCH ADA",
        "listed other": "SOL DOGE PEPE BNB SHIB ORDI WLD",
    }
    return Rules(
        units=unit_rules(groups, members), other=other, discount=DISCOUNT, depeg=DEPEG,
        close_edges=(0, 250e3, 500e3, 1e6, 2e6, 3e6, 4e6), close_multipliers=(1, 2, 4, 6, 8, 10, 12),
    )  # fmt: skip


def rules_2024() -> Rules:
    """The announcement of 2024-05-31: wider moves, MR4 as one forward move a leg, MR7 tiers from 10,000 on."""
    new = rules_2025()
    moves = {0.12: 0.15, 0.18: 0.20, 0.25: 0.25}
    extremes = {0.24: 0.30, 0.36: 0.40, 0.50: 0.50}

    def older(unit: UnitRules) -> UnitRules:
        return msgspec.structs.replace(
            unit, max_move=moves[unit.max_move], extreme_move=extremes[unit.extreme_move], basis_minimum=0.006,
            basis_annualised=0.0,
        )  # fmt: skip

    return msgspec.structs.replace(
        new, units={name: older(unit) for name, unit in new.units.items()}, other=older(new.other),
        close_edges=OLD_EDGES,
    )  # fmt: skip


def rules_early_2025() -> Rules:
    """The nine days on which the moves of 2025-01-06 met the MR7 tiers of 2024."""
    return msgspec.structs.replace(rules_2025(), close_edges=OLD_EDGES)


SOURCE = "OKX announcements of 2024-05-31 and 2025-01-06; POST /api/v5/account/position-builder"
SETS = (("2024-05-31", rules_2024), ("2025-01-06", rules_early_2025), ("2025-01-15", rules_2025))


def parameters(as_of: str = LATEST) -> tuple[str, Rules]:
    """Date and figures of the set in force."""
    date, make = in_force("OKX portfolio margin", [(date, (date, make)) for date, make in SETS], as_of)
    return date, make()
