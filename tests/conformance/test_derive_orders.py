"""Worst fills of Derive portfolio margin v2 on the published accounts, against every subset and partial fills."""

import numpy as np
import pytest
from reference.fills import checked_ratio, filled_book

from conformance.derive_accounts import instruments_of, market_of, method_of, portfolio_of
from conformance.rows import load
from crossmargin import ImprudentParametersError
from crossmargin.margin.plan.orders import Fill, WorstFill
from crossmargin.margin.prepared import quantities

FILE = load("derive_pmrm2")
ROWS = [row for row in FILE["vectors"] if len(row["portfolio"]["options"]) >= 2]
TRIALS, ORDERS = 60, 7


def prudent_case(rng):
    """A published account whose parameters pass prudence."""
    while True:
        row = ROWS[rng.integers(len(ROWS))]
        try:
            method = method_of(FILE, row)
        except ImprudentParametersError:
            continue
        instruments = instruments_of(row)
        return method.prepare(instruments, market_of(row)), portfolio_of(row, instruments)


def random_fill(rng, prepared, portfolio):
    """An order of up to a few contracts or half of what is held, near the value of a lot."""
    row = int(rng.integers(len(prepared.instruments)))
    instrument = prepared.instruments.rows[row]
    held = abs(portfolio.positions[instrument.id].lots * float(instrument.lot))
    lots = round(rng.choice([-1, 1]) * rng.uniform(0.2, 3) * max(1.0, held / 2) / float(instrument.lot))
    kind, table = ("options", "mark") if instrument.kind == "option" else ("perpetual", "perp_value")
    value = float(prepared.bound.tables[table][prepared.bound.items[kind][row], 0])
    return Fill(row, float(lots), float(round(lots * value * (1 + 0.02 * rng.normal()) * 1e9)))


def ratios(level):
    """Charge of the bound over the greatest of all fills, one a trial."""
    rng, found = np.random.default_rng(11), []
    for _ in range(TRIALS):
        prepared, portfolio = prudent_case(rng)
        fills = [random_fill(rng, prepared, portfolio) for _ in range(ORDERS)]
        requirements = prepared.requirements(filled_book(portfolio, fills))
        surplus = (requirements.surplus_initial, requirements.surplus_maintenance)[level]
        bound = WorstFill(prepared.bound, level).of(quantities(prepared.bound, portfolio), fills)
        found.append(checked_ratio(surplus, bound, 1e-6 * max(abs(surplus[0]), 1.0)))
    return np.array([ratio for ratio in found if np.isfinite(ratio)])


@pytest.mark.skipif(not ROWS, reason="derive_pmrm2.json is not in CROSSMARGIN_VECTORS")
@pytest.mark.parametrize(("level", "name"), [(0, "initial"), (1, "maintenance")])
def test_the_charge_is_never_too_small_and_seldom_much_too_large(level, name, capsys):
    found = ratios(level)
    median, high = np.percentile(found, [50, 95])
    with capsys.disabled():
        print(f"\nDerive {name}: median {median:.3f}, 95th percentile {high:.3f}, greatest {found.max():.3f}")
    assert median <= 1.01
    assert high <= (1.1 if name == "maintenance" else 1.25)
