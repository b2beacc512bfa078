"""A delta-gamma-vega requirement beside the quantile of full revaluation under draws of the same covariance.

The way from delta alone to the quantile, in money: what vega adds, what gamma adds in the normal approximation, what
the distribution of the second-order gain adds to it (skew), and what lies beyond second order (vanna, volga, higher
terms). The steps sum to the quantile.
"""

from dataclasses import dataclass
from statistics import NormalDist

import numpy as np

from crossmargin import _checks as check
from crossmargin._checks import Floats
from crossmargin.instruments import Instruments
from crossmargin.margin.collateral import Haircut
from crossmargin.margin.delta_gamma_vega import DeltaGammaVegaMargin, volatility_of
from crossmargin.market import Market
from crossmargin.portfolio import Portfolio
from crossmargin.scenario import ScenarioSet
from crossmargin.scenario.revalue import asset_moves, asset_prices, lot_values, marks, risk_array

BLOCK = 1000  # draws revalued at once
COVER = 0.95  # of the interval of the quantile


@dataclass(frozen=True, slots=True, kw_only=True)
class Revaluation:
    """Losses > 0 in the market's quote currency; ``low`` and ``high`` hold the quantile with 95 % confidence."""

    requirement: float
    quantile: float
    low: float
    high: float
    draws: int
    delta: float
    vega: float
    gamma: float
    skew: float
    beyond: float

    @property
    def steps(self) -> dict[str, float]:
        """From delta alone to the quantile; the steps sum to it."""
        return {
            "delta alone": self.delta, "vega": self.vega, "gamma, normal": self.gamma, "skew of gamma": self.skew,
            "beyond second order": self.beyond,
        }  # fmt: skip


@dataclass(frozen=True, eq=False)
class Exposure:
    """What an account has of each factor: ``linear`` and ``curve`` per deviation, and exposed collateral by asset."""

    linear: Floats
    curve: Floats
    lots: Floats
    assets: Floats


def revalue(
    portfolio: Portfolio, market: Market, method: DeltaGammaVegaMargin, *, draws: int = 10_000, seed: int = 1
) -> Revaluation:
    """Draw factors, revalue every position in full, and set the quantile of the loss beside the requirement.

    The requirement is that of initial margin before its factor. Draws are normal with the method's deviations and
    correlation; moves stop at -99 %, volatilities at 0.
    """
    check.integer("draws", draws, low=100)
    instruments, held = portfolio.instruments, exposure(portfolio, market, method)
    shocks = drawn(method, draws, seed)
    full: Floats = -gains(instruments, market, method, held, shocks)
    second: Floats = -(shocks @ held.linear + 0.5 * shocks**2 @ held.curve)
    z = NormalDist().inv_cdf(method.confidence)
    steps = approximations(method, held, z)
    quantile, quadratic = (float(np.quantile(losses, method.confidence)) for losses in (full, second))
    low, high = interval(full, method.confidence)
    return Revaluation(
        requirement=steps[2], quantile=quantile, low=low, high=high, draws=draws, delta=steps[0],
        vega=steps[1] - steps[0], gamma=steps[2] - steps[1], skew=quadratic - steps[2], beyond=quantile - quadratic,
    )  # fmt: skip


def approximations(method: DeltaGammaVegaMargin, held: Exposure, z: float) -> tuple[float, float, float]:
    """Normal loss of delta alone, of delta and vega, and of all three."""
    rho, n = method.matrix, len(method.factors)
    delta = np.concatenate([held.linear[:n], np.zeros(n)])
    alone, both = (float(np.sqrt(max(float(x @ rho @ x), 0.0))) for x in (delta, held.linear))
    bent = float(held.curve @ (rho * rho) @ held.curve)
    wide = float(np.sqrt(max(both**2 + 0.5 * bent, 0.0)))
    return z * alone, z * both, max(z * wide - 0.5 * float(held.curve.sum()), 0.0)


def exposure(portfolio: Portfolio, market: Market, method: DeltaGammaVegaMargin) -> Exposure:
    """Sums over the account, in the order of the method's factors."""
    instruments, tables = portfolio.instruments, method.tables(portfolio.instruments, market)
    positions = portfolio.positions
    lots = np.array([positions[row.id].lots if row.id in positions else 0.0 for row in instruments], dtype=np.float64)
    assets = exposed(portfolio, market, method)
    linear, curve = dict.fromkeys(method.names, 0.0), dict.fromkeys(method.names, 0.0)
    for row, count, d, mean, v in zip(instruments, lots, tables["delta"], tables["mean"], tables["vega"], strict=True):
        linear[row.underlying] += count * d
        linear[volatility_of(row.underlying)] += count * v
        curve[row.underlying] += count * 2.0 * mean
    for asset, money, per in zip(instruments.assets, assets, tables["asset_delta"], strict=True):
        if asset.underlying:
            linear[asset.underlying] += money * per
    return Exposure(np.array(list(linear.values())), np.array(list(curve.values())), lots, assets)


def exposed(portfolio: Portfolio, market: Market, method: DeltaGammaVegaMargin) -> Floats:
    """Counted collateral at initial and unrealised profit by settlement asset, quote currency."""
    instruments, price = portfolio.instruments, asset_prices(portfolio.instruments, market)
    cuts = {cut.asset: cut for cut in method.collateral}
    found = np.zeros(len(price))
    for number, asset in enumerate(instruments.assets):
        amount = portfolio.balances.get(asset.id, 0) / 10.0**asset.decimals
        found[number] = price[number] * counted(cuts.get(asset.id), amount)
    values = lot_values(instruments, marks(instruments, market))
    for number, row in enumerate(instruments):
        if row.id in portfolio.positions:
            position, at = portfolio.positions[row.id], instruments.settlement[number]
            profit = position.lots * values[number] - position.open_cost * instruments.atom[at]
            found[at] += price[at] * profit
    return found


def counted(cut: Haircut | None, amount: float) -> float:
    """Units of an asset that count at initial margin: marginal tiers up to the cap, debts at full price or above."""
    if amount < 0:
        return amount * (1.0 + (cut.debt_weight if cut else 0.0))
    if cut is None:
        return 0.0
    top = amount if cut.cap is None else min(amount, cut.cap)
    ends = (*cut.edges[1:], float("inf"))
    tiers = zip(cut.edges, ends, cut.initial, strict=True)
    return sum(max(min(top, end) - edge, 0.0) * (1.0 - rate) for edge, end, rate in tiers)


def drawn(method: DeltaGammaVegaMargin, draws: int, seed: int) -> Floats:
    """Normal factors in deviations, (draws, factors), with the method's correlation."""
    values, vectors = np.linalg.eigh(method.matrix)
    root = vectors * np.sqrt(np.maximum(values, 0.0))
    return np.asarray(np.random.default_rng(seed).standard_normal((draws, len(root))) @ root.T)


def gains(
    instruments: Instruments, market: Market, method: DeltaGammaVegaMargin, held: Exposure, shocks: Floats
) -> Floats:
    """Gain of the account in each draw, revalued in full."""
    size, n = np.array(list(method.deviations.values())), len(method.factors)
    moves, found = shocks * size, []
    inside = np.array([next((c.in_scenario for c in method.collateral if c.asset == a.id), True)
                       for a in instruments.assets])  # fmt: skip
    for first in range(0, len(shocks), BLOCK):
        part = moves[first : first + BLOCK]
        scenarios = ScenarioSet.of(
            "draws", move=np.maximum(part[:, :n], -0.99), volatility=part[:, n:],
            underlyings=[f.underlying for f in method.factors],
            labels=[f"draw {first + row}" for row in range(len(part))],
        )  # fmt: skip
        array = risk_array(instruments, market, scenarios)
        found.append(held.lots @ array.lots + (held.assets * inside) @ asset_moves(instruments, scenarios))
    return np.concatenate(found)


def interval(losses: Floats, confidence: float) -> tuple[float, float]:
    """Order statistics that hold the quantile with 95 % confidence: binomial ranks, no assumption on the tail."""
    from scipy.stats import binom

    ordered, n = np.sort(losses), len(losses)
    low, high = binom.ppf([(1 - COVER) / 2, (1 + COVER) / 2], n, confidence).astype(int)
    return float(ordered[max(low - 1, 0)]), float(ordered[min(high, n - 1)])
