"""Vega: funding in the margin of a perpetual, capped futures; every published row of docs_examples."""

from fractions import Fraction

import pytest

from conformance.rows import agree, called, rows
from conformance.simple_accounts import account, future, perpetual
from crossmargin import Market, Observation, Order, Position
from crossmargin.venues import vega, vega_capped

BOUNDS = {"clamp_lower_bound": "lower", "clamp_upper_bound": "upper"}


def rules_of(params):
    """Bounds alone or as a pair, absent ones do not bind; the futures' margin is given, so that its rate is 1."""
    low, high = params.get("clamp", (None, None))
    bounds = {"lower": low, "upper": high} | {BOUNDS[name]: params[name] for name in BOUNDS if name in params}
    return vega.MarketRules(risk_long=1.0, risk_short=1.0, funding_factor=params["margin_funding_factor"],
                            interest=params.get("interest_rate", 0.0), years=params.get("delta_t", 0.0), **bounds)  # fmt: skip


@pytest.mark.parametrize("row", rows("docs_examples", called("vega_funding")))
def test_funding(row):
    p, m, expected, within = row["portfolio"], row["market"], row["expected"], row["tolerance"]["abs"]
    rules = rules_of(row["params"])
    agree(vega.funding_payment(rules, m["s_twap"], m["f_twap"]), expected["funding_payment"], tolerance=within)
    mark = p["futures_margin"] / abs(p["position"])
    portfolio, market = account([perpetual("P", "U", "USDT")], {"P": p["position"]}, {"U": mark}, {"P": mark}, currency="USDT")
    averages = [Observation(subject=s, field="average_price", value=float(v)) for s, v in (("U", m["s_twap"]), ("P", m["f_twap"]))]
    seen = Market.of([*market.seen.values(), *averages], as_of=market.as_of, quote=market.quote)
    found = vega.MarginCalculator(name="row", markets={"P": rules}).requirement(portfolio, seen)
    agree(found.components["position and orders"].maintenance, p["futures_margin"])
    agree(found.maintenance, expected["total_margin"], tolerance=within)


@pytest.mark.parametrize("row", rows("docs_examples", called("vega_capped")))
def test_capped_future(row):
    p, expected, within = row["portfolio"], row["expected"], row["tolerance"]["abs"]
    size, entry = p.get("position", 0), Fraction(str(p.get("entry", 0)))
    orders = [Order(id=n, instrument="F", side=o["side"], lots=o["size"], limit=str(o["price"])) for n, o in enumerate(p["orders"])]
    mark = row["params"]["max_price"] / 2
    held = {"F": Position(size, int(size * entry * 10**9))}
    portfolio, market = account([future("F", "U", "USDT", days=30)], held, {"U": mark}, {"F": mark}, currency="USDT", orders=orders)
    found = vega_capped.FullCollateral(name="row", maximum={"F": row["params"]["max_price"]}).requirement(portfolio, market)
    for name, value in (("order_margin", found.outputs["order_margin"][0]), ("total_margin", found.maintenance)):
        if name in expected:
            agree(value, expected[name], name, tolerance=within)
