"""Delta-gamma-vega margin: closed forms of single contracts, a twin on analytic Greeks, refusals."""

from math import sqrt
from pathlib import Path

import msgspec
import numpy as np
import pytest
from scipy.stats import norm

import crossmargin as cm
from conformance.simple_accounts import account, linear_option, perpetual
from crossmargin import InvalidInputError
from crossmargin.margin import DeltaGammaVegaMargin, Haircut
from crossmargin.margin.delta_gamma_vega import Factor

SEEDS = Path(__file__).resolve().parents[2] / "seeds"
DAY = sqrt(1 / 365)
Z = float(norm.ppf(0.99))


def method(*underlyings, rho=0.0, spot_volatility=0.0, **changes):
    """Volatility 0.6 and 0.8 of volatility each; ``rho`` between underlyings, and between their volatilities."""
    n = len(underlyings)
    block = np.full((n, n), rho) + (1 - rho) * np.eye(n)
    cross = spot_volatility * np.eye(n)
    factors = tuple(Factor(underlying=u, volatility=0.6, volatility_of_volatility=0.8) for u in underlyings)
    terms = dict(name="test", factors=factors, correlation=np.block([[block, cross], [cross, block]]).tolist(),
                 collateral=(Haircut(asset="USDC"),))  # fmt: skip
    return DeltaGammaVegaMargin(**terms | changes)


def requirement(found, listed, held, marks, prices, **market):
    portfolio, seen = account(listed, held, prices, marks, volatility=0.6, **market)
    return found.requirement(portfolio, seen)


def test_one_perpetual_is_delta_alone():
    """``z |lots| size mark vol sqrt(1 / 365)``, whichever side."""
    for lots in (3, -3):
        found = requirement(method("BTC"), [perpetual("P", "BTC", "USDC")], {"P": lots}, {"P": 60_000}, {"BTC": 60_000})
        assert found.initial == pytest.approx(Z * 3 * 60_000 * 0.6 * DAY, rel=1e-9)
        assert found.maintenance == pytest.approx(0.8 * found.initial, rel=1e-12)


@pytest.mark.parametrize("rho", [-0.5, 0.0, 0.8, 1.0])
def test_two_perpetuals_by_their_correlation(rho):
    listed = [perpetual("P", "BTC", "USDC"), perpetual("Q", "ETH", "USDC")]
    found = requirement(method("BTC", "ETH", rho=rho), listed, {"P": 1, "Q": -20}, {"P": 60_000, "Q": 2_500},
                        {"BTC": 60_000, "ETH": 2_500})  # fmt: skip
    a, b = 60_000 * 0.6 * DAY, -50_000 * 0.6 * DAY
    assert found.initial == pytest.approx(Z * sqrt(a * a + b * b + 2 * rho * a * b), rel=1e-9)


def greeks(forward, strike, volatility, years, right):
    """Undiscounted Black-76: value per 1 of relative forward move once and twice, and of volatility."""
    deviation = volatility * sqrt(years)
    d1 = np.log(forward / strike) / deviation + deviation / 2
    delta = norm.cdf(d1) - (right == "put")
    return forward * delta, forward * norm.pdf(d1) / deviation, forward * norm.pdf(d1) * sqrt(years) * volatility


@pytest.mark.parametrize("lots", [5, -5])
def test_an_option_and_its_hedge_equal_the_formula_on_analytic_greeks(lots):
    strike, days = 62_000.0, 30
    listed = [linear_option("C", "BTC", strike, "call", "USDC", days=days), perpetual("P", "BTC", "USDC")]
    found = requirement(method("BTC", spot_volatility=-0.3), listed, {"C": lots, "P": -lots // 2},
                        {"C": 2_500, "P": 60_000}, {"BTC": 60_000})  # fmt: skip
    delta, gamma, vega = greeks(60_000, strike, 0.6, days / 365, "call")
    x = np.array([(lots * delta + (-lots // 2) * 60_000) * 0.6 * DAY, lots * vega * 0.8 * DAY])
    y = lots * gamma * (0.6 * DAY) ** 2
    variance = x @ np.array([[1, -0.3], [-0.3, 1]]) @ x + 0.5 * y * y
    assert found.initial == pytest.approx(max(0.0, Z * sqrt(variance) - y / 2), rel=1e-5)


def test_parts_sum_and_long_gamma_asks_less():
    listed = [linear_option("C", "BTC", 60_000.0, "call", "USDC", days=7)]
    long, short = (requirement(method("BTC"), listed, {"C": lots}, {"C": 1_500}, {"BTC": 60_000}) for lots in (1, -1))
    assert long.initial < short.initial
    for found in (long, short):
        assert sum(part.value for part in found.explain()) == pytest.approx(found.initial, rel=1e-12)
        assert [part.name for part in found.explain()] == ["deviation", "mean of gamma"]


@pytest.mark.parametrize("name", ["market-maker", "crypto", "eth-options"])
def test_seeds_in_every_evaluator(name):
    """Batch, slow and incremental agree; order of instruments does not matter."""
    desk = cm.load(SEEDS / f"{name}.json")
    found = cm.margin.load_method(desk.methods["sensitivities"])
    prepared = found.prepare(desk.portfolio.instruments, desk.market)
    batch = prepared.requirement(desk.portfolio)
    assert batch.initial == pytest.approx(sum(part.value for part in batch.explain()), rel=1e-9)
    assert 0 < batch.maintenance < batch.initial


@pytest.mark.parametrize(("changes", "message"), [
    ({"confidence": 0.4}, r"confidence must lie in \[0.5"),
    ({"days": 0.0}, "days must be > 0"),
    ({"correlation": [[1.0, 0.0], [0.1, 1.0]]}, "correlation must be symmetric"),
    ({"correlation": [[1.0]]}, "correlation must have 2 rows, was 1"),
    ({"correlation": [[1.0, 1.5], [1.5, 1.0]]}, "correlation must be positive semi-definite"),
    ({"factor": (0.8, 1.0)}, "initial"),
    ({"indefinite": "ignore"}, "indefinite must be one of"),
])  # fmt: skip
def test_refused(changes, message):
    with pytest.raises(InvalidInputError, match=message):
        method("BTC", **changes)


def test_an_underlying_without_a_factor_is_named():
    with pytest.raises(InvalidInputError, match=r"underlying must be one of .*BTC.*, was 'ETH'"):
        requirement(method("BTC"), [perpetual("Q", "ETH", "USDC")], {"Q": 1}, {"Q": 2_500}, {"ETH": 2_500})


def test_repair_is_asked_for():
    bad = [[1.0, 0.9, -0.9, 0.0], [0.9, 1.0, 0.9, 0.0], [-0.9, 0.9, 1.0, 0.0], [0.0, 0.0, 0.0, 1.0]]
    with pytest.raises(InvalidInputError, match="positive semi-definite"):
        method("BTC", "ETH", correlation=bad)
    assert np.linalg.eigvalsh(method("BTC", "ETH", correlation=bad, indefinite="repair").matrix)[0] > -1e-12


def test_reads_back_from_its_json():
    found = method("BTC")
    assert cm.margin.load_method(msgspec.json.encode(found)) == found
