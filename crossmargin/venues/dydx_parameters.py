"""Parameters of dYdX v4: liquidity tiers, markets and equity tiers, in the venue's integers.

Units: rates in parts per million (``ONE`` is 100 %), money in quote quanta (1e-6 USDC). Tiers, atomic resolutions
and the clamp factor: dydxprotocol/v4-chain ``protocol/testing/genesis.sh`` (test networks), which states no
open-interest caps.
"""

from decimal import Decimal

from crossmargin import _checks as check
from crossmargin.instruments import exact
from crossmargin.margin.method import Parameters

ONE = 10**6
DATE = "genesis"
SOURCE = "dydxprotocol/v4-chain@012df2d protocol/testing/genesis.sh"


class LiquidityTier(Parameters, frozen=True, kw_only=True):
    """Margin rates of the markets of a tier.

    ``initial``: base rate; ``maintenance_fraction``: the part of it that is maintenance. Where the open interest
    passes ``lower_cap`` the initial rate grows, to 100 % at ``upper_cap`` (quote quanta; 0: it never does).
    """

    initial: int
    maintenance_fraction: int
    lower_cap: int = 0
    upper_cap: int = 0

    def __post_init__(self) -> None:
        check.integer("initial", self.initial, low=0, high=ONE)
        check.integer("maintenance_fraction", self.maintenance_fraction, low=0, high=ONE)
        check.integer("upper_cap", self.upper_cap, low=0, high=2**64 - 1)
        check.integer("lower_cap", self.lower_cap, low=0, high=self.upper_cap)


class PerpMarket(Parameters, frozen=True, kw_only=True):
    """A perpetual on ``underlying``: one base quantum is ``10**atomic_resolution`` coins.

    An ``isolated`` market has a collateral pool of its own: an account that holds it holds no other.
    ``price`` and ``open_interest`` (coins), where given, stand in for the market's observations: those are float64,
    the venue's integers may be longer.
    """

    underlying: str
    atomic_resolution: int
    tier: LiquidityTier
    isolated: bool = False
    price: Decimal | None = None
    open_interest: Decimal | None = None

    def __post_init__(self) -> None:
        where = f"of {check.text('underlying', self.underlying)!r}"
        check.integer("atomic_resolution", self.atomic_resolution, where, low=-30, high=30)
        for name in ("price", "open_interest"):
            given = getattr(self, name)
            if given is not None and exact(name, given, where) < 0:
                raise check.refuse(name, "be >= 0", given, where)


class EquityTier(Parameters, frozen=True, kw_only=True):
    """From an equity (quote quanta) on, the most stateful orders that an account may have."""

    equity: int
    orders: int

    def __post_init__(self) -> None:
        check.integer("equity", self.equity)
        check.integer("orders", self.orders, low=0)


LARGE_CAP = LiquidityTier(initial=50_000, maintenance_fraction=600_000)
MID_CAP = LiquidityTier(initial=100_000, maintenance_fraction=500_000)
LONG_TAIL = LiquidityTier(initial=200_000, maintenance_fraction=500_000)
SAFETY = LiquidityTier(initial=1_000_000, maintenance_fraction=200_000)

MARKETS = (
    PerpMarket(underlying="BTC", atomic_resolution=-10, tier=LARGE_CAP),
    PerpMarket(underlying="ETH", atomic_resolution=-9, tier=LARGE_CAP),
    PerpMarket(underlying="LINK", atomic_resolution=-6, tier=MID_CAP),
    PerpMarket(underlying="MATIC", atomic_resolution=-5, tier=MID_CAP),
    PerpMarket(underlying="CRV", atomic_resolution=-5, tier=MID_CAP),
    PerpMarket(underlying="SOL", atomic_resolution=-7, tier=MID_CAP),
    PerpMarket(underlying="ADA", atomic_resolution=-5, tier=MID_CAP),
    PerpMarket(underlying="AVAX", atomic_resolution=-7, tier=MID_CAP),
    PerpMarket(underlying="FIL", atomic_resolution=-6, tier=MID_CAP),
)

EQUITY_TIERS = tuple(
    EquityTier(equity=dollars * 10**6, orders=orders)
    for dollars, orders in ((20, 1), (100, 5), (1_000, 10), (10_000, 100), (100_000, 1_000))
)
CLAMP_FACTOR = 6_000_000  # of the funding rate: 600 %
