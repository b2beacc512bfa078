"""Turns rows of span.json and strategy_regt_cboe.json into instruments, market, portfolio and method."""

from fractions import Fraction
from math import exp

from crossmargin import Account, Asset, Instrument, Instruments, Market, Observation, Portfolio
from crossmargin.instruments import YEAR_NS
from crossmargin.margin.scenario_array import ScenarioArrayMargin
from crossmargin.margin.scenario_array_parameters import Array, Commodity, Scan, Spread, SpreadLeg, sixteen
from crossmargin.margin.strategy import Product, strategy_margin
from crossmargin.scenario.revalue import Options

AS_OF = 1_757_635_200 * 10**9  # 2025-09-12
DAY = 86_400 * 10**9
U = "U"
FOUR = (
    Scan(0.0, 1.0),
    Scan(0.0, -1.0),
    Scan(1.0, 1.0),
    Scan(1.0, -1.0),
)  # scenarios that a row does not describe
RIGHTS = {"C": "call", "P": "put"}


def seen(subject, field, value):
    return Observation(subject=subject, field=field, value=float(value))


def contract(name, kind, size=1, **terms):
    """An instrument of the one underlying, its contract size as the row prints it."""
    dated = {} if kind == "spot" else {"expiry": AS_OF + 90 * DAY}
    return Instrument(
        id=name, kind=kind, underlying=U, settlement="USD", contract_size=Fraction(str(size)),
        **(dated | terms),
    )  # fmt: skip


def account(instruments, observations, positions):
    """Portfolio and market of these instruments."""
    table = Instruments.of(instruments, [Asset(id="USD")])
    market = Market.of(observations, as_of=AS_OF, quote="USD")
    return Portfolio.of(table, account=Account(id="row", currency="USD"), positions=positions), market


# ---- span.json -------------------------------------------------------------------------------


def commodity(p):
    """Parameters of the one commodity, as the row names them."""
    ranges = {"price_scan_fraction": p["price_scan_range_pct"]} if "price_scan_range_pct" in p else {
        "price_scan_range": p.get("price_scan_range", 0.0)
    }  # fmt: skip
    return Commodity(
        **ranges, volatility_scan_range=p.get("vol_scan_range_relative", 0.0),
        series_spreads=spreads(p.get("series_spreads", [])), tier_spreads=spreads(p.get("tier_spreads", [])),
        tiers={name: (str(first), str(last)) for name, (first, last) in p.get("tiers", {}).items()},
        short_option_minimum=p.get("som_rate", p.get("short_option_minimum", 0.0)),
        short_option_count="gross" if p.get("som_method", "2").startswith("2") else "larger",
    )  # fmt: skip


def spreads(given):
    """Spreads in order of priority; a leg is a month or a tier and a side."""
    ordered = sorted(given, key=lambda spread: spread["priority"])
    return tuple(spread_of([(str(period), side) for period, side in s["legs"]], s["rate"]) for s in ordered)


def spread_of(legs, rate):
    return Spread(legs=tuple(SpreadLeg(period, side) for period, side in legs), rate=rate)


def scan_method(row, rules, arrays=None, scenarios=None, unit=1.0):
    p = row["params"]
    wanted = scenarios or sixteen(p.get("extreme_multiplier", 3.0), p.get("extreme_cover", 0.33))
    return ScenarioArrayMargin(
        name=row["name"], source=row["source"], commodities={U: rules}, arrays=arrays or {},
        scenarios=wanted, unit=unit,
    )  # fmt: skip


def span_account(row):
    """Method, portfolio and market of a row, by what its inputs give."""
    inputs = row["inputs"]
    makers = {"positions": given_arrays, "settlements": settled, "option": one_scenario, "right": modelled}
    maker = next((made for name, made in makers.items() if name in inputs), future)
    return maker(row)


def future(row):
    """One future whose array comes from the scan range: money of any price, or a share of the one given."""
    p, inputs = row["params"], row["inputs"]
    fraction, price = "price_scan_range_pct" in p, inputs.get("price", 1.0)
    made = contract("F", "future", p.get("contract_size", p.get("contract_value_factor", 1)))
    portfolio, market = account(
        [made], [seen("F", "mark", price), seen(U, "index", price)], {"F": inputs.get("qty", 1)}
    )
    return scan_method(row, commodity(p), unit=0.0 if fraction else 1.0), portfolio, market


def given_arrays(row):
    """Positions with their arrays; money of one option in place of price times size."""
    held, rules = row["inputs"]["positions"], commodity(row["params"])
    if "spread_charge_rate" in row["inputs"]:
        legs = [(str(p["month"]), side) for p, side in zip(held, "AB", strict=True)]
        rules = commodity(row["params"] | {"series_spreads": [
            {"priority": 1, "legs": legs, "rate": row["inputs"]["spread_charge_rate"]}
        ]})  # fmt: skip
    arrays = {
        f"P{i}": Array(losses=tuple(p["array"]), month=str(p.get("month", ""))) for i, p in enumerate(held)
    }
    right = "put" if " put " in row["name"] else "call"
    made = [
        option(f"P{i}", right) if "option_value_each" in p else contract(f"P{i}", "future")
        for i, p in enumerate(held)
    ]
    marks = [seen(f"P{i}", "mark", p.get("option_value_each", 0.0)) for i, p in enumerate(held)]
    positions = {f"P{i}": p["qty"] for i, p in enumerate(held)}
    portfolio, market = account(made, [*marks, *unmodelled(made)], positions)
    scenarios = FOUR if len(held[0]["array"]) == len(FOUR) else None
    return scan_method(row, rules, arrays, scenarios), portfolio, market


def option(name, right, size=1, strike=1.0):
    return contract(name, "option", size, right=right, strike=strike)


def unmodelled(instruments):
    """What the model asks for although arrays are given: a forward above any range, no volatility."""
    options = [row for row in instruments if row.kind == "option"]
    keys = {
        row.id: key
        for row, key in zip(options, Instruments.of(options, [Asset(id="USD")]).expiry_keys, strict=True)
    }
    return [seen(key, "forward", 1e6) for key in sorted(set(keys.values()))] + [
        seen(n, "volatility", 0.0) for n in keys
    ]


def settled(row):
    """Options of three codes with settlement prices and no arrays: the values are asked for, not the risk."""
    inputs, size = row["inputs"], row["params"]["contract_value_factor"]
    made = [option(name, "call", size) for name in sorted(inputs["settlements"])]
    marks = [seen(name, "mark", price) for name, price in inputs["settlements"].items()]
    portfolio, market = account(made, [*marks, *unmodelled(made)], inputs["qty"])
    return scan_method(row, commodity(row["params"])), portfolio, market


def one_scenario(row):
    """This put's array is not public: it loses the given scan risk in the given scenario, 0 elsewhere."""
    inputs, p = row["inputs"], row["params"]
    given, put = inputs["active_scenario_given"], inputs["option"]
    each = inputs["scan_risk_given"] / inputs["qty"]
    losses = tuple(each if scenario == given else 0.0 for scenario in range(1, 17))
    made = [option("P0", RIGHTS[put["right"]], p["contract_value_factor"], put["strike"])]
    market = [seen("P0", "mark", put["settlement"]), *unmodelled(made)]
    portfolio, found = account(made, market, {"P0": inputs["qty"]})
    arrays = {"P0": Array(losses=losses, delta=put["composite_delta"])}
    return scan_method(row, commodity(p), arrays), portfolio, found


def modelled(row):
    """A Takasbank option: Black-Scholes at spot and rate, marked at its theoretical value."""
    p, inputs = row["params"], row["inputs"]
    made = contract(
        "P0", "option", p["contract_size"], right=RIGHTS[inputs["right"]], strike=p["strike"],
        expiry=AS_OF + round(p["T"] * YEAR_NS),
    )  # fmt: skip
    key = Instruments.of([made], [Asset(id="USD")]).expiry_keys[0]
    figures = [
        seen(U, "index", p["spot"]), seen(key, "forward", p["spot"] * exp(p["r"] * p["T"])),
        seen(key, "rate", p["r"]), seen("P0", "volatility", p["vol"]),
    ]  # fmt: skip
    portfolio, market = account([made], figures, {"P0": inputs["qty"]})
    price = Options.of(portfolio.instruments, market).model[0, 0]
    portfolio, market = account([made], [*figures, seen("P0", "mark", price)], {"P0": inputs["qty"]})
    return scan_method(row, commodity(p), unit=0.0), portfolio, market


# ---- strategy_regt_cboe.json -----------------------------------------------------------------


def strategy_account(row):
    """Portfolio and market of the legs, and the product of their underlying."""
    inputs, size = row["inputs"], row["params"]["contract_multiplier"]
    underlying = inputs["underlying"]
    named = {f"L{i}": leg for i, leg in enumerate(inputs["legs"])}
    figures = [
        seen(U, "index", underlying["price"]),
        *(seen(n, "mark", leg["price"]) for n, leg in named.items()),
    ]
    positions = {name: leg["quantity"] for name, leg in named.items()}
    portfolio, market = account([leg_of(n, leg, size) for n, leg in named.items()], figures, positions)
    return portfolio, market, Product(kind=underlying["kind"], leverage=float(underlying["leverage"]))


def leg_of(name, leg, size):
    if leg["type"] == "stock":
        return contract(name, "spot")
    expiry = AS_OF + leg.get("days_to_expiry", 0) * DAY
    return contract(name, "option", size, right=leg["type"], strike=leg["strike"], expiry=expiry)


def strategy_method(account_type, product):
    return strategy_margin(account_type, **{U: product})
