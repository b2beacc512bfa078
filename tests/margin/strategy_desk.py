"""Books of one underlying for strategy margin, as accounts and as the twin's legs."""

from fractions import Fraction
from functools import cache

import numpy as np
from reference import strategies as twin

from crossmargin import Account, Asset, Instrument, Instruments, Market, Observation, Portfolio
from crossmargin.margin.strategy import Product, StrategyMargin

DAY = 86_400 * 10**9
AS_OF = 1_757_635_200 * 10**9
SIZE = 100
KINDS = ("equity", "broad", "narrow", "volatility")
RULES = {"margin": {"stock_long": 0.50, "stock_short": 1.50}, "cash": {"stock_long": 1, "stock_short": 1}}
SHARED = {"multiplier": SIZE, "long_dated_days": 270, "long_dated_rate": 0.75, "minimum": 0.10,
          "percent": {"broad": 0.15}}  # fmt: skip


def stock(quantity, price=50.0):
    return {"type": "stock", "quantity": quantity, "price": price}


def call(strike, price, quantity, days=30):
    return {"type": "call", "strike": strike, "price": price, "quantity": quantity, "days": days}


def put(strike, price, quantity, days=30):
    return call(strike, price, quantity, days) | {"type": "put"}


def underlying(price=50.0, kind="equity", leverage=1.0):
    return {"price": price, "kind": kind, "leverage": leverage}


def instrument(name, leg):
    option = leg["type"] != "stock"
    terms = (
        {"strike": leg["strike"], "right": leg["type"], "expiry": AS_OF + leg["days"] * DAY} if option else {}
    )
    return Instrument(
        id=name, kind="option" if option else "spot", underlying="U", settlement="USD",
        contract_size=Fraction(SIZE if option else 1), **terms,
    )  # fmt: skip


@cache
def method(account="margin", kind="equity", leverage=1.0, exact=8):
    return StrategyMargin(
        name="test",
        account=account,
        products={"U": Product(kind=kind, leverage=leverage)},
        exact_contracts=exact,
    )


def names_of(legs):
    return [f"L{i:02}" for i in range(len(legs))]


def tables(legs, found, names=None):
    """Instruments and market of legs; ``names`` decides their order."""
    named = dict(zip(names or names_of(legs), legs, strict=True))
    table = Instruments.of([instrument(name, leg) for name, leg in named.items()], [Asset(id="USD")])
    seen = [Observation(subject=name, field="mark", value=leg["price"]) for name, leg in named.items()]
    seen.append(Observation(subject="U", field="index", value=found["price"]))
    return table, Market.of(seen, as_of=AS_OF, quote="USD")


def required(legs, found, account="margin", exact=8, names=None):
    """Requirement of the product."""
    table, market = tables(legs, found, names)
    positions = dict(zip(names or names_of(legs), (leg["quantity"] for leg in legs), strict=True))
    portfolio = Portfolio.of(table, account=Account(id="a", currency="USD"), positions=positions)
    return method(account, found["kind"], found["leverage"], exact).requirement(portfolio, market)


def brute(legs, found, account="margin"):
    """The cheapest of all partitions, by the twin."""
    rules = SHARED | RULES[account] | {"account": account}
    return twin.margin([leg for leg in legs if leg["quantity"]], found, rules)["requirement"]


def cents(x):
    return round(float(x), 2)


def random_legs(rng, n_legs, strikes=4):
    """Contracts of an underlying near 50: calls, puts, three expiries, perhaps stock; dear and cheap."""
    legs, known = [], set()
    while len(legs) < n_legs:
        kind = ("call", "put", "call", "put", "stock")[rng.integers(5)]
        terms = (kind, 45.0 + 2.5 * rng.integers(strikes), int((20, 60, 300)[rng.integers(3)]))
        terms = terms if kind != "stock" else ("stock", 0.0, 0)
        if terms in known:
            continue
        known.add(terms)
        legs.append(leg_of(rng, *terms))
    return legs


def leg_of(rng, kind, strike, days):
    if kind == "stock":
        return stock(0, cents(rng.uniform(45, 55)))
    intrinsic = max(50 - strike if kind == "call" else strike - 50, 0)
    return call(float(strike), cents(intrinsic * rng.uniform(0.8, 1.1) + rng.uniform(0.05, 4)), 0, days) | {
        "type": kind
    }


def with_units(rng, legs, units):
    """Spread a number of units over the legs, each long or short; stock in hundreds and some odd shares."""
    counts = rng.multinomial(units, np.full(len(legs), 1 / len(legs)))
    found = []
    for leg, count in zip(legs, counts.tolist(), strict=True):
        sign = 1 if rng.random() < 0.5 else -1
        odd = int(rng.integers(0, SIZE)) if leg["type"] == "stock" and rng.random() < 0.5 else 0
        quantity = count * SIZE + odd if leg["type"] == "stock" else count
        found.append(leg | {"quantity": sign * quantity})
    return found


def random_book(seed, units, most_legs=6):
    """Legs and underlying of one random book."""
    rng = np.random.default_rng(seed)
    found = underlying(cents(rng.uniform(47, 53)), str(rng.choice(KINDS)), float(rng.choice([1.0, 1.0, 2.0])))
    legs = random_legs(rng, int(rng.integers(2, most_legs + 1)))
    return with_units(rng, legs, units), found


def options_book(seed, units, n_legs, expiries=3):
    """A book of options alone, of many strikes, no leg empty: sets of more than two contracts pay."""
    rng = np.random.default_rng(seed)
    found = underlying(cents(rng.uniform(47, 53)), str(rng.choice(KINDS)), float(rng.choice([1.0, 2.0])))
    legs, known = [], set()
    while len(legs) < n_legs:
        terms = (
            ("call", "put")[rng.integers(2)],
            40 + 2.5 * rng.integers(8),
            int((20, 60, 300)[rng.integers(expiries)]),
        )
        if terms not in known:
            known.add(terms)
            legs.append(leg_of(rng, *terms))
    counts = rng.multinomial(units - n_legs, np.full(n_legs, 1 / n_legs)) + 1
    signs = np.where(rng.random(n_legs) < 0.5, 1, -1)
    return [leg | {"quantity": int(n)} for leg, n in zip(legs, counts * signs, strict=True)], found


def random_pair(rng):
    """A short option and a long one of its right that expires no earlier."""
    kind, days = ("call", "put")[rng.integers(2)], sorted(rng.choice([20, 60, 300], 2).tolist())
    strikes = (40 + 2.5 * rng.integers(8, size=2)).tolist()
    return [leg_of(rng, kind, k, d) | {"quantity": n} for k, d, n in zip(strikes, days, (-1, 1), strict=True)]


def scaled(legs, by):
    return [leg | {"quantity": leg["quantity"] * by} for leg in legs]
