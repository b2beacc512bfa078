"""Turns rows of derive_pmrm1.json into what the v2 adapter makes, with the base asset as a balance."""

from fractions import Fraction

from conformance import derive_accounts as v2
from crossmargin import Asset, Instruments, Market, Portfolio
from crossmargin.venues.derive_1 import Portfolio1, PortfolioMargin1
from crossmargin.venues.derive_parameters import Scenario

BASE = "BASE"


def as_v2(row: dict) -> dict:
    """The row in the form of the v2 files: its profit as one figure, volatilities by option."""
    p = row["portfolio"]
    options = [o | {"mark_vol": o["vol"]} for o in p["options"]]
    profit = {"perp_unrealised_pnl": p["perp_unrealised_pnl_plus_funding"], "perp_unrealised_funding": 0}
    return row | {"portfolio": p | profit | {"options": options, "collaterals": []}}


def instruments_of(row: dict) -> Instruments:
    table = v2.instruments_of(as_v2(row))
    return Instruments.of(table, [*table.assets, Asset(id=BASE, decimals=9, underlying=v2.UNDERLYING)])


def market_of(row: dict) -> Market:
    return v2.market_of(as_v2(row))


def portfolio_of(row: dict, instruments: Instruments) -> Portfolio:
    made = v2.portfolio_of(as_v2(row), instruments)
    base = v2.amount(Fraction(str(row["portfolio"]["base_position"])))
    return made.holding(balances=made.amounts | {BASE: base})


def method_of(file: dict, row: dict) -> PortfolioMargin1:
    scenarios = tuple(Scenario(*scenario) for scenario in file["scenario_grid"])
    rules = Portfolio1(scenarios=scenarios, **file["param_sets"][row["params"]["param_set"]])
    return PortfolioMargin1(
        name=row["params"]["param_set"], source=row["source"], underlying=v2.UNDERLYING, cash=v2.CASH, base=BASE,
        rules=rules,
    )  # fmt: skip
