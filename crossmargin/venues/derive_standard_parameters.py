"""Parameter sets of Derive's standard manager, as data with a source.

Names are those of the venue's contracts and of its published test file; rates are fractions of a price.
"""

from math import inf

import msgspec

from crossmargin import _checks as check

VERSION = "commit 7736900"  # of derivexyz/v2-core; the venue dates its sets by commit
SHARES = {"perp_conf_threshold", "option_conf_threshold", "base_conf_threshold", "oracle_contingency_factor"}


class StandardRules(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Figures of one market: an underlying with its perpetual, its options and its coin as collateral.

    ``perp_*`` of the perpetual's mark; ``*_spot`` and ``*_spot_req`` of the index, ``mm_put_mtm`` of the
    option's mark; ``unpaired_*`` of the forward. Confidences and their thresholds lie in [0, 1].
    """

    perp_im: float
    perp_mm: float
    max_spot_req: float
    min_spot_req: float
    mm_call_spot: float
    mm_put_spot: float
    mm_put_mtm: float
    unpaired_im_scale: float
    unpaired_mm_scale: float
    im_put_vs_mm_scale: float
    perp_conf_threshold: float
    option_conf_threshold: float
    base_conf_threshold: float
    oracle_contingency_factor: float
    base_margin_factor: float = 0.0  # the coin counts nothing unless a set says so
    base_im_scale: float = 1.0

    def __post_init__(self) -> None:
        for name in self.__struct_fields__:
            high = 1.0 if name in SHARES else inf
            check.number(name, getattr(self, name), "of standard rules", low=0.0, high=high)


class Depeg(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A stablecoin below ``threshold`` adds ``factor`` times its shortfall, of the index, to initial."""

    threshold: float
    factor: float

    def __post_init__(self) -> None:
        check.fraction("threshold", self.threshold, "of depeg")
        check.number("factor", self.factor, "of depeg", low=0.0)


def imprudence(market: str, p: StandardRules) -> list[tuple[str, str]]:
    """Rules of prudence that a market's figures break, each with its message."""
    unpaired_im, unpaired_mm = p.unpaired_im_scale, p.unpaired_mm_scale
    checks = (
        ("initial >= maintenance", "perp_im >= perp_mm", p.perp_im, p.perp_mm),
        ("initial >= maintenance", "min_spot_req >= mm_call_spot", p.min_spot_req, p.mm_call_spot),
        ("initial >= maintenance", "im_put_vs_mm_scale >= 1", p.im_put_vs_mm_scale, 1.0),
        ("initial >= maintenance", "unpaired_im_scale >= unpaired_mm_scale", unpaired_im, unpaired_mm),
        ("initial >= maintenance", "base_im_scale <= 1", 1.0, p.base_im_scale),
        ("haircut in [0, 1]", "base_margin_factor <= 1", 1.0, p.base_margin_factor),
        ("unpaired calls cost the forward", "unpaired scales >= 1", min(unpaired_im, unpaired_mm), 1.0),
    )
    broken = [(rule, law, f"was {high:g} against {low:g}") for rule, law, high, low in checks if high < low]
    return [(rule, f"{law} in market {market!r}, {was}") for rule, law, was in broken]


# The venue's own tests of the standard manager: param_set "srm" of derive_srm.json.
TEST = StandardRules(
    perp_im=0.065, perp_mm=0.05,
    max_spot_req=0.15, min_spot_req=0.1, mm_call_spot=0.075, mm_put_spot=0.075, mm_put_mtm=0.075,
    unpaired_im_scale=1.2, unpaired_mm_scale=1.1, im_put_vs_mm_scale=1.05,
    perp_conf_threshold=0.4, option_conf_threshold=0.4, base_conf_threshold=0.4,
    oracle_contingency_factor=0.4,
)  # fmt: skip
TEST_DEPEG = Depeg(threshold=0.98, factor=1.2)
TEST_SOURCE = "derivexyz/v2-core, test/risk-managers/unit-tests/StandardManager"

# Main net, scripts/config-mainnet.sol: the deployment script, not what the chain holds today.
MAINNET = StandardRules(
    perp_im=0.1, perp_mm=0.065,
    max_spot_req=0.15, min_spot_req=0.13, mm_call_spot=0.09, mm_put_spot=0.09, mm_put_mtm=0.09,
    unpaired_im_scale=1.2, unpaired_mm_scale=1.1, im_put_vs_mm_scale=1.05,
    perp_conf_threshold=0.55, option_conf_threshold=0.55, base_conf_threshold=0.55,
    oracle_contingency_factor=1.0,
)  # fmt: skip
MAINNET_DEPEG = Depeg(threshold=0.99, factor=2.0)
MAINNET_SOURCE = "derivexyz/v2-core, scripts/config-mainnet.sol; coins as collateral at commit 037ee3a"

# Margin factor of a market's coin, and what initial multiplies it by: the same script at commit 037ee3a.
MAINNET_COLLATERAL = {
    "BTC": (0.75, 0.93),
    "ETH": (0.8, 0.9375),
    "USDT": (0.98, 0.98),
    "WSTETH": (0.8, 0.9375),
}
MAINNET_MARKETS = {
    market: msgspec.structs.replace(MAINNET, base_margin_factor=factor, base_im_scale=scale)
    for market, (factor, scale) in MAINNET_COLLATERAL.items()
}
