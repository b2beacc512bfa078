"""Every function of a venue that an adapter calls is one that the venue's own plan, tables or check calls."""

import ast
import importlib
import inspect
import sys
from pathlib import Path

import msgspec
import pytest

from conformance.drift_accounts import NANO
from conformance.drift_accounts import simple as drift_account
from conformance.dydx_accounts import PERP
from conformance.dydx_accounts import account as dydx_account
from conformance.paradex_accounts import cross_account
from conformance.simple_accounts import account, future, linear_option, perpetual
from crossmargin import Market, Observation, Order, Portfolio
from crossmargin.venues import bybit, dederi, deribit, dydx, okx, paradex, superseded, vega
from crossmargin.venues.drift import DriftMargin
from crossmargin.venues.dydx_parameters import LiquidityTier
from venues import derive_standard_desk

HERE = Path(__file__).parent
MAKERS = {  # what makes or reads a method rather than rules a figure
    "portfolio_margin", "standard_margin", "option_margin", "strategy_margin", "cross_margin", "blog_copy", "deribit", "parameters",
    "load_parameters", "rules_2024", "rules_2025", "worst_case_bucket", "order_accepted", "opposite_orders", "sixteen",
    "with_surface", "load_method", "usd_margin", "coin_margin", "liquidation_price", "bankruptcy_price", "account_state",
    "borrow_health", "borrow_liquidation", "table_of", "haircut", "multi_collateral",
}  # fmt: skip


def desk():
    """Contracts that every crypto plan can hold."""
    listed = [perpetual("P", "BTC", "USDC"), future("F", "BTC", "USDC", days=40),
              linear_option("C", "BTC", 60_000.0, "call", "USDC", days=20)]  # fmt: skip
    held, marks = {"P": 1, "F": -1, "C": 2}, {"P": 60_000, "F": 61_000, "C": 2_000}
    return account(listed, held, {"BTC": 60_000}, marks, volatility=0.6)


def run_method(method):
    portfolio, market = desk()
    known = method.listing(portfolio.instruments).instruments
    held = {name: p for name, p in portfolio.positions.items() if name in known.index}
    method.requirement(portfolio.holding(positions=held), market)


def check_order():
    method, portfolio, market = cross_account(position=10, mark=98, imf=0.1, collateral=100, entry=100)
    rules = msgspec.structs.replace(method.rules, limits={"P": 1000.0})
    limited = msgspec.structs.replace(method, rules=rules)
    paradex.order_accepted(portfolio, Order(id=1, instrument="P", side="sell", lots=5, limit="98"), market, limited)


def drift_desk():
    """A position and a token, from the method to its figures in integers."""
    case = drift_account([], kind=DriftMargin, positions=[(0, 10 * NANO, 0)])
    case.prepared.exact(Portfolio(case.book, case.book.unit("row")))


def standard_desk():
    """An option of each right, short; USDC below its peg."""
    held = {"ETH-892800-1500-C": -1, "ETH-892800-1500-P": -1}
    derive_standard_desk.run(held, feeds={("USDC", "peg"): (0.9, 0.9)})


def dydx_desk():
    """An account below initial margin reduces by an order; then funding comes."""
    tier = LiquidityTier(initial=500_000, maintenance_fraction=500_000, lower_cap=1, upper_cap=10**9)
    case = dydx_account(base=1_000_000, tier=tier, interest=10**6, balance=-800_000)
    order = Order(id=1, instrument=PERP, side="sell", lots=500_000, limit="1", flags=dydx.SHORT_TERM)
    dydx.order_outcome(case.portfolio, order, case.market, case.method)
    dydx.funding_rate(case.method, "BTC", 10**9)
    dydx.settle_funding(case.method, case.portfolio, {PERP: 1})


def vega_desk():
    """A perpetual whose funding is a part of its margin."""
    rules = vega.MarketRules(risk_long=0.1, risk_short=0.1, funding_factor=0.5)
    portfolio, market = account([perpetual("P", "BTC", "USDC")], {"P": 1}, {"BTC": 60_000}, {"P": 60_000})
    seen = [*market.seen.values(), *(Observation(subject=s, field="average_price", value=60_000.0) for s in ("BTC", "P"))]
    vega.MarginCalculator(name="desk", markets={"P": rules}).requirement(portfolio, Market.of(seen, as_of=market.as_of))


RUNS = {
    "dydx": dydx_desk,
    "dydx_rules": dydx_desk,
    "derive_standard_tables": standard_desk,
    "drift_rules": drift_desk,
    "deribit_tables": lambda: run_method(deribit.portfolio_margin()),
    "superseded": lambda: run_method(superseded.deribit()),
    "dederi": lambda: run_method(dederi.portfolio_margin()),
    "okx": lambda: run_method(okx.portfolio_margin()),
    "okx_tables": lambda: run_method(okx.portfolio_margin()),
    "bybit": lambda: run_method(bybit.portfolio_margin()),
    "paradex": check_order,
    "vega": vega_desk,
}


def called_functions():
    """(module, function) of crossmargin.venues that the adapters and conformance tests use by name."""
    found = set()
    for path in sorted(HERE.glob("*.py")):
        tree = ast.parse(path.read_text())
        names, modules = imported(tree)
        for node in ast.walk(tree):
            if isinstance(node, ast.Name) and node.id in names:
                found.add(names[node.id])
            if isinstance(node, ast.Attribute):
                found |= attribute(node, modules)
    return {pair for pair in found if is_rule(*pair)}


def imported(tree):
    names, modules = {}, {}
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("crossmargin.venues"):
            for alias in node.names:
                if node.module == "crossmargin.venues":
                    modules[alias.asname or alias.name] = alias.name
                else:
                    names[alias.asname or alias.name] = (node.module.rpartition(".")[2], alias.name)
    return names, modules


def attribute(node, modules):
    """``okx.borrow_margin`` or ``okx.tables.liquidation_fee_rate``."""
    owner = node.value
    if isinstance(owner, ast.Name) and owner.id in modules:
        return {(modules[owner.id], node.attr)}
    nested = isinstance(owner, ast.Attribute) and isinstance(owner.value, ast.Name) and owner.value.id in modules
    return {(f"{modules[owner.value.id]}_{owner.attr}", node.attr)} if nested else set()


def is_rule(module, name):
    try:
        thing = getattr(importlib.import_module(f"crossmargin.venues.{module}"), name, None)
    except ImportError:
        return False
    return inspect.isfunction(thing) and name not in MAKERS


def reached(run):
    """Code objects that run while a method is made, prepared and asked."""
    seen = set()
    sys.setprofile(lambda frame, event, _: seen.add(frame.f_code) if event == "call" else None)
    try:
        run()
    finally:
        sys.setprofile(None)
    return seen


@pytest.mark.parametrize(("module", "name"), sorted(pair for pair in called_functions() if pair[0] in RUNS))
def test_a_rule_that_an_adapter_calls_is_the_plans_own(module, name):
    function = getattr(importlib.import_module(f"crossmargin.venues.{module}"), name)
    assert function.__code__ in reached(RUNS[module]), f"{module}.{name} is called by an adapter and by no plan"


def test_every_rule_has_a_run():
    assert not {module for module, _ in called_functions()} - RUNS.keys()
    assert len(called_functions()) >= 14
