"""How Drift v2 repays a borrowed token with a deposited one: how much, at which rate, and the insurance fee.

    liability = floor(floor(shortage scale 1e11 / (p (w_l - w_a m_a / m_l) - p insurance fee w_l)))
    asset     = floor(liability p_l m_a 10^d_a / (p_a m_l 10^d_l))

Weights w at maintenance (1e-4, ten times as fine inside), multipliers m_a = 1 + asset fee and m_l = 1 - liability fee
(1e-6), prices p (1e-6), decimals d; amounts in token atoms, shortage in quote 1e-6. Divisions floor unless they say
"up". Source: drift-labs/protocol-v2 ``math/liquidation.rs``.
"""

from dataclasses import dataclass

from crossmargin import _checks as check
from crossmargin.liquidation.venues.drift import DOLLAR, FEE_OF_RATIO, FEE_ONE
from crossmargin.venues.drift_parameters import ONE
from crossmargin.venues.drift_tables import PRICE_ONE, QUOTE_DECIMALS

FINER = 10  # weights in 1e-5


@dataclass(frozen=True, slots=True, kw_only=True)
class Side:
    """A token on one side of a transfer: price 1e-6, decimals, weight 1e-4 and multiplier 1e-6."""

    price: int
    decimals: int
    weight: int = ONE
    multiplier: int = FEE_ONE

    def __post_init__(self) -> None:
        for name in ("price", "decimals", "weight"):
            check.integer(name, getattr(self, name), low=0)
        check.integer("multiplier", self.multiplier, low=1)

    @property
    def one(self) -> int:
        """Atoms of a token."""
        return 10**self.decimals


def transfer_weight(asset: Side, liability: Side, finer: int) -> int:
    """``w_a m_a / m_l``: what the asset handed over for a unit of liability counted, in ``finer`` parts of 1e-4."""
    return asset.weight * finer * asset.multiplier // liability.multiplier


def liability_to_cover(shortage: int, asset: Side, liability: Side, insurance_fee: int) -> int | None:
    """Atoms of the liability whose repayment frees a shortage after the insurance fee, at least 1.

    Nothing where no amount does, the asset counting as much as the liability: then all of it is repaid.
    """
    gained = liability.weight * FINER - transfer_weight(asset, liability, FINER)
    charged = liability.price * insurance_fee // FEE_ONE * liability.weight * FINER
    freed = liability.price * gained - charged
    if gained <= 0 or freed <= 0:
        return None
    up, down = (10 ** max(sign * (liability.decimals - QUOTE_DECIMALS), 0) for sign in (1, -1))
    return max(shortage * up * PRICE_ONE * ONE * FINER // freed // down, 1)


def asset_for_liability(liability_amount: int, asset: Side, liability: Side, held: int) -> int:
    """Atoms of the asset handed over for a liability repaid; all that is held where that differs by less than $1."""
    worth = liability_amount * liability.price * asset.multiplier * asset.one
    found = worth // (asset.price * liability.multiplier * liability.one)
    return held if abs(held - found) * asset.price // asset.one < DOLLAR else found


def liability_for_asset(asset_amount: int, asset: Side, liability: Side) -> int:
    """Atoms of the liability that an asset handed over repays, up: the inverse of ``asset_for_liability``."""
    worth = asset_amount * asset.price * liability.multiplier * liability.one
    return -(-worth // (liability.price * asset.multiplier * asset.one))


def spot_insurance_fee(shortage: int, amount: int, asset: Side, liability: Side, max_fee: int) -> int:
    """``min(max, (w_l - w_a m_a / m_l - shortage / value) / w_l)``, 1e-6, at least 0, of a liability's amount.

    Each division floors in turn, the shortage by amount before price; without value or weight 0.
    """
    if amount == 0 or liability.price == 0 or liability.weight == 0:
        return 0
    used = shortage * FEE_ONE * liability.one // amount // liability.price
    weight = liability.weight * FEE_OF_RATIO
    return min(max_fee, max(weight - transfer_weight(asset, liability, FEE_OF_RATIO) - used, 0) * FEE_ONE // weight)
