"""Compares a method with its slow twin, figure by figure."""

import numpy as np
from margin import cases
from pytest import approx
from reference import margin as twin

LEVELS = ("initial", "maintenance")
RELATIVE, OF_GROSS = 1e-9, 1e-12  # the latter where large parts cancel


def agree(desk, method, prepared, portfolio):
    """Assert that every line and total of one account equals the twin's."""
    held = cases.holdings_of(portfolio)
    price = desk.world.price(portfolio.account.currency)
    want, slack = twin.margin(desk.world, method, *held), OF_GROSS * twin.gross(desk.world, *held) / price
    found = prepared.requirement(portfolio)
    same_lines(found.components, want.charges, price, slack)
    same_lines(found.equity, want.equity, price, slack)
    for level, name in enumerate(LEVELS):
        assert getattr(found, name) == near(want.required(level) / price, slack)
        assert getattr(found, f"equity_{name}") == near(want.owned(level) / price, slack)
    return found


def near(value, slack):
    return approx(value, rel=RELATIVE, abs=slack)


def same_lines(found, want, price, slack):
    assert set(found) == set(want)
    for name, pair in want.items():
        for level, value in zip(LEVELS, pair, strict=True):
            assert getattr(found[name], level) == near(value / price, slack), (name, level)


def agree_on_random(desk, method, n, seed, most=12, **only):
    """Assert agreement on n random accounts; returns how many had something to pay."""
    rng, paying = np.random.default_rng(seed), 0
    prepared = method.prepare(desk.instruments, desk.market)
    currencies = desk.currencies()
    for i in range(n):
        positions, balances = cases.draw_holdings(rng, desk, most)
        kept = {k: v for k, v in positions.items() if k not in only.get("without", ())}
        portfolio = cases.portfolio_of(desk, kept, balances, currencies[i % len(currencies)])
        paying += agree(desk, method, prepared, portfolio).initial > 0
    return paying
