"""Full revaluation beside the normal approximation."""

from dataclasses import replace
from pathlib import Path

import msgspec
import numpy as np
import pytest

import crossmargin as cm
from crossmargin.validation import revalue
from crossmargin.validation.revaluation import exposed, interval

SEEDS = Path(__file__).resolve().parents[2] / "seeds"
NAMES = ["market-maker", "crypto", "eth-options"]


def loaded(name):
    desk = cm.load(SEEDS / f"{name}.json")
    return desk, cm.margin.load_method(desk.methods["sensitivities"])


@pytest.mark.parametrize("name", NAMES)
def test_steps_lead_from_delta_to_the_quantile(name):
    desk, method = loaded(name)
    found = revalue(desk.portfolio, desk.market, method, draws=2_000)
    assert sum(found.steps.values()) == pytest.approx(found.quantile, rel=1e-12)
    assert found.delta + found.vega + found.gamma == pytest.approx(found.requirement, rel=1e-12)
    assert found.low <= found.quantile <= found.high


@pytest.mark.parametrize("name", NAMES)
def test_the_requirement_is_the_plans_own(name):
    """Sums over the account outside the plan give its initial margin, in the account's currency."""
    desk, method = loaded(name)
    found = revalue(desk.portfolio, desk.market, method, draws=100)
    asked = method.requirement(desk.portfolio, desk.market)
    rate = desk.market.value("index", "USDC") if desk.portfolio.account.currency == "USDC" else 1.0
    assert found.requirement == pytest.approx(asked.initial * rate / method.factor[0], rel=1e-9)
    assert exposed(desk.portfolio, desk.market, method).sum() <= asked.equity_initial * rate * (1 + 1e-9)


def test_without_options_the_approximation_is_the_quantile():
    """Linear contracts in dollars: the loss is normal, so that z deviations lie within the interval of the draws."""
    desk, method = loaded("eth-options")
    perpetual = {name: p for name, p in desk.portfolio.positions.items() if name.endswith("PERPETUAL")}
    book = desk.portfolio.holding(positions=perpetual)
    found = revalue(book, desk.market, method, draws=10_000)
    assert found.low <= found.requirement <= found.high
    assert found.gamma == pytest.approx(0.0, abs=1e-6 * found.requirement)
    assert found.beyond == pytest.approx(0.0, abs=1e-6 * found.requirement)


def test_draws_repeat_and_differ_by_seed():
    desk, method = loaded("eth-options")
    one, again, other = (revalue(desk.portfolio, desk.market, method, draws=500, seed=seed) for seed in (1, 1, 2))
    assert one == again
    assert one.quantile != other.quantile
    assert replace(one, quantile=other.quantile) != one


def test_the_second_order_is_a_limit():
    """With a hundredth of the deviation nothing beyond second order is left to speak of."""
    desk, method = loaded("eth-options")
    short = msgspec.structs.replace(method, days=1e-4)
    found = revalue(desk.portfolio, desk.market, short, draws=1_000)
    assert abs(found.beyond) < 0.01 * found.requirement


def test_interval_of_a_quantile_covers():
    """Of 200 samples of 500 uniform numbers, 95 % of the intervals hold 0.99 (at least 90 % are asked)."""
    rng = np.random.default_rng(1)
    held = [low <= 0.99 <= high for low, high in (interval(rng.random(500), 0.99) for _ in range(200))]
    assert np.mean(held) > 0.9


def test_few_draws_are_refused():
    desk, method = loaded("eth-options")
    with pytest.raises(cm.InvalidInputError, match="draws"):
        revalue(desk.portfolio, desk.market, method, draws=10)
