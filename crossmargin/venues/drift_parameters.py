"""Parameters of Drift v2: its markets and the settings of a user, in the venue's integers.

Units: ratios and weights 1e-4 (``ONE`` is 100 %), size factors (imf) 1e-6, prices and quote amounts 1e-6,
base amounts 1e-9. Source: drift-labs/protocol-v2, ``state/perp_market.rs``, ``state/spot_market.rs``,
``state/user.rs``.
"""

from collections.abc import Iterator
from typing import Literal

import msgspec

from crossmargin import _checks as check
from crossmargin.margin.method import Parameters, check_choices

ONE = 10_000  # a ratio or weight of 100 %
ORDERED = "initial >= maintenance"
HAIRCUT = "haircut in [0, 1]"
DEBT = "debt at full price or above"

Tier = Literal["a", "b", "c", "speculative", "highly speculative", "isolated"]

Broken = Iterator[tuple[str, str]]  # rule of prudence, message


class SpotMarket(Parameters, frozen=True, kw_only=True):
    """Weights of a token: what a deposit counts, what a borrow costs; 1e-4.

    ``imf`` grows them with size; with ``scale_start`` (quote, 1e-6; 0: never) the initial asset weight
    falls once the pool's deposits are worth more. ``tier`` and ``stable`` say how its oracle is trusted.
    """

    asset: str
    initial_asset: int = ONE
    maintenance_asset: int = ONE
    initial_liability: int = ONE
    maintenance_liability: int = ONE
    imf: int = 0
    scale_start: int = 0
    tier: Tier = "a"
    stable: bool = False

    def __post_init__(self) -> None:
        check_choices(self, f"of {self.asset!r}")
        not_negative(self, self.asset)

    def imprudence(self) -> Broken:
        """Rules of prudence that this market breaks."""
        if self.initial_asset > self.maintenance_asset:
            yield ORDERED, f"initial asset weight must be <= maintenance one{self.was(self.initial_asset)}"
        if (highest := max(self.initial_asset, self.maintenance_asset)) > ONE:
            yield HAIRCUT, f"asset weight must be <= {ONE}{self.was(highest)}"
        if self.initial_liability < self.maintenance_liability:
            yield ORDERED, f"initial liability weight must be >= maintenance one{self.was(self.initial_liability)}"
        if (lowest := min(self.initial_liability, self.maintenance_liability)) < ONE:
            yield DEBT, f"liability weight must be >= {ONE}{self.was(lowest)}"

    def was(self, value: int) -> str:
        return f", was {value} of {self.asset!r}"


class PerpMarket(Parameters, frozen=True, kw_only=True):
    """Margin ratios of a perpetual, 1e-4, its size factor, and what unrealised profit counts.

    ``leveraged_*``: ratios of high leverage mode, 0 where the market has none. ``profit_*``: weights of a
    gain; ``max_imbalance`` (quote, 1e-6; 0: none) scales the initial one down while the market owes its
    users more, ``net_profit``. A prediction contract pays 0 to 1. In settlement the market stands at
    ``settled_at`` (1e-6) and asks no margin. ``tier`` says how its oracle is trusted.
    """

    instrument: str
    initial: int
    maintenance: int
    imf: int = 0
    leveraged_initial: int = 0
    leveraged_maintenance: int = 0
    profit_initial: int = ONE
    profit_maintenance: int = ONE
    profit_imf: int = 0
    max_imbalance: int = 0
    net_profit: int = 0
    contract: Literal["perpetual", "prediction"] = "perpetual"
    settled_at: int | None = None
    tier: Tier = "a"

    def __post_init__(self) -> None:
        check_choices(self, f"of {self.instrument!r}")
        not_negative(self, self.instrument, skip={"net_profit"})

    @property
    def has_leverage_mode(self) -> bool:
        return self.leveraged_initial > 0 and self.leveraged_maintenance > 0

    def imprudence(self) -> Broken:
        """Rules of prudence that this market breaks."""
        where = f"of {self.instrument!r}"
        if self.initial < self.maintenance:
            yield ORDERED, f"initial ratio must be >= maintenance ratio, was {self.initial} {where}"
        if self.leveraged_initial < self.leveraged_maintenance:
            yield ORDERED, f"leveraged initial ratio must be >= maintenance, was {self.leveraged_initial} {where}"
        if self.profit_initial > self.profit_maintenance:
            yield ORDERED, f"initial profit weight must be <= maintenance one, was {self.profit_initial} {where}"
        if (highest := max(self.profit_initial, self.profit_maintenance)) > ONE:
            yield HAIRCUT, f"profit weight must be <= {ONE}, was {highest} {where}"


class UserSettings(Parameters, frozen=True, kw_only=True):
    """What a user chose: a least margin ratio of the account and of positions (initial), 1e-4, and the mode.

    ``override`` is a least ratio at every level, which a caller of the venue's calculation may set.
    """

    ratio: int = 0
    positions: dict[str, int] = msgspec.field(default_factory=dict)
    override: int = 0
    high_leverage: bool = False

    def __post_init__(self) -> None:
        not_negative(self, "user settings")
        for instrument, ratio in self.positions.items():
            check.number("position ratio", ratio, f"of {instrument!r}", low=0)


def not_negative(record: Parameters, of: str, skip: frozenset[str] | set[str] = frozenset()) -> None:
    """Refuse a negative figure, by its name."""
    for name in record.__struct_fields__:
        value = getattr(record, name)
        if isinstance(value, int) and name not in skip:
            check.number(name, int(value), f"of {of!r}", low=0)
