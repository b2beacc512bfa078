"""Three commodities for scenario-array margin, as parameters and in the twin's words, and random books."""

from dataclasses import dataclass
from functools import cache

import numpy as np
from reference import scenario_array as twin

from crossmargin import Account, Asset, Book, Instrument, Instruments, Market, Observation
from crossmargin.margin.scenario_array import ScenarioArrayMargin
from crossmargin.margin.scenario_array_parameters import (
    Array, Commodity, Credit, CreditLeg, Delivery, Spread, SpreadLeg, sixteen,
)  # fmt: skip

AS_OF = 1_757_635_200 * 10**9  # 2025-09-12
MONTHS = {
    "X": ("202509", "202510", "202512", "202603"),
    "Y": ("202509", "202511", "202512", "202602", "202606"),
    "Z": ("202510", "202511", "202512", "202601", "202603"),
}
RANGES = {"X": 1200.0, "Y": 3000.0, "Z": 790.0}
SIZES = {"X": 100, "Y": 10, "Z": 25}
RULES = ({"counting": "fraction", "weighted_price_risk": 1, "short_option_count": "gross"},
         {"counting": "whole", "weighted_price_risk": 2, "short_option_count": "larger"},
         {"counting": "rounded", "weighted_price_risk": 3, "short_option_count": "gross"})  # fmt: skip
TIERS = {"front": (0, 1), "back": (2, 9), "all": (0, 9)}
SERIES = [
    ([(0, "A", 1), (1, "B", 2), (2, "A", 1)], 120.0),
    ([(0, "A", 1), (1, "B", 1)], 250.0),
    ([(1, "A", 2), (2, "B", 1)], 300.0),
]
TIER_SPREADS = [([("back", "A", 1), ("back", "B", 1)], 90.0), ([("front", "A", 1), ("back", "B", 3)], 410.0),
                ([("all", "B", 1), ("all", "A", 1)], 35.0)]  # fmt: skip
CREDITS = [[("X", "A", 1, 0.75), ("Y", "B", 2, 0.5)], [("Y", "A", 1, 0.4), ("Z", "A", 3, 0.6)],
           [("X", "A", 2, 0.3), ("Y", "A", 1, 0.3), ("Z", "B", 1, 0.2)],
           [("Z", "A", 1, 0.5), ("X", "B", 1, 0.25)]]  # fmt: skip
SIDES = {"A": 1, "B": -1}


def expiry_of(month):
    return int(np.datetime64(f"{month[:4]}-{month[4:]}-15", "ns").astype(np.int64))


@dataclass(frozen=True)
class Desk:
    """A prepared method and what the twin reads of the same commodities and instruments."""

    method: ScenarioArrayMargin
    instruments: Instruments
    market: Market
    commodities: dict
    contracts: list

    @property
    def prepared(self):
        return self.method.prepare(self.instruments, self.market)

    def twin(self, lots):
        """The twin's figures of one account; lots by row."""
        held = [contract | {"qty": n} for contract, n in zip(self.contracts, lots, strict=True) if n]
        return twin.requirement(self.commodities, held)


@cache
def desk(turn=0, seed=11, settlement="USD"):
    """Rules stand with each commodity in turn; figures of options are given, dyadic where they are deltas."""
    rng = np.random.default_rng(seed)
    rules = {name: RULES[(turn + i) % 3] for i, name in enumerate(MONTHS)}
    contracts = [c for name in MONTHS for c in contracts_of(name, rng)]
    contracts.sort(key=lambda c: c["id"])
    instruments = Instruments.of(
        [instrument(c, settlement) for c in contracts], [Asset(id="USD"), Asset(id="EUR")]
    )
    method = ScenarioArrayMargin(
        name="three commodities", commodities={name: commodity(name, rules[name]) for name in MONTHS},
        arrays={c["id"]: Array(losses=tuple(c["array"]), delta=c["delta"], month=c["month"])
                for c in contracts if c["kind"] != "future"},
        credits=tuple(Credit(legs=tuple(CreditLeg(*leg) for leg in legs)) for legs in CREDITS),
        factor=(1.1, 1.0),
    )  # fmt: skip
    described = {name: described_commodity(name, rules[name]) for name in MONTHS}
    described["inter"] = [{"legs": [(n, SIDES[side], r, c) for n, side, r, c in legs]} for legs in CREDITS]
    return Desk(method, instruments, market_of(instruments, contracts), described, contracts)


def contracts_of(name, rng):
    """A future of each month, and a call and a put of each but the last."""
    scenarios = [(s.move, s.volatility, s.weight) for s in sixteen()]
    for month in MONTHS[name]:
        array = twin.future_array(scenarios, RANGES[name])
        yield {"id": f"{name}F{month}", "commodity": name, "month": month, "kind": "future", "array": array,
               "delta": 1.0, "value": 0.0, "mark": 50.0}  # fmt: skip
    for month in MONTHS[name][:-1]:
        for kind in ("call", "put"):
            sign, mark = {"call": 1, "put": -1}[kind], float(rng.integers(1, 40)) / 4
            array = [sign * a // 2 + int(rng.integers(-200, 200)) for a in array]
            delta = sign * float(rng.integers(1, 16)) / 16
            yield {"id": f"{name}{kind}{month}", "commodity": name, "month": month, "kind": kind,
                   "array": array, "delta": delta, "value": mark * SIZES[name], "mark": mark}  # fmt: skip


def instrument(c, settlement):
    option = {} if c["kind"] == "future" else {"strike": 50.0, "right": c["kind"]}
    return Instrument(
        id=c["id"], kind="option" if option else "future", underlying=c["commodity"], settlement=settlement,
        contract_size=SIZES[c["commodity"]], expiry=expiry_of(c["month"]), **option,
    )  # fmt: skip


def market_of(instruments, contracts):
    found = [Observation(subject=c["id"], field="mark", value=c["mark"]) for c in contracts]
    found.append(Observation(subject="EUR", field="index", value=2.0))
    options = [row for row in instruments if row.kind == "option"]
    keys = {
        key for key, row in zip(instruments.expiry_keys, instruments, strict=True) if row.kind == "option"
    }
    found += [Observation(subject=key, field="forward", value=1e6) for key in sorted(keys)]
    found += [Observation(subject=row.id, field="volatility", value=0.0) for row in options]
    return Market.of(found, as_of=AS_OF, quote="USD")


def ratio(rule, r):
    """Rounded deltas are spread one to one, where whole spreads and fractions are the same."""
    return 1 if rule["counting"] == "rounded" else r


def commodity(name, rule):
    months, periods = MONTHS[name], tiers(name)
    series = [
        spread([(months[p], side, ratio(rule, r)) for p, side, r in legs], rate) for legs, rate in SERIES
    ]
    tier = [spread([(p, side, ratio(rule, r)) for p, side, r in legs], rate) for legs, rate in TIER_SPREADS]
    return Commodity(
        price_scan_range=RANGES[name], series_spreads=tuple(series), tiers=periods, tier_spreads=tuple(tier),
        delivery=(Delivery(month=months[0], spread_rate=17.0, outright_rate=45.0),),
        short_option_minimum=60.0, **rule,
    )  # fmt: skip


def tiers(name):
    months = MONTHS[name]
    return {
        tier: (months[first], months[min(last, len(months) - 1)]) for tier, (first, last) in TIERS.items()
    }


def spread(legs, rate):
    return Spread(legs=tuple(SpreadLeg(*leg) for leg in legs), rate=rate)


def described_commodity(name, rule):
    """The same commodity in the twin's words."""
    months = MONTHS[name]

    def legs_of(legs, period):
        return [(period(p), side, ratio(rule, r)) for p, side, r in legs]

    return rule | {
        "scenarios": [(s.move, s.volatility, s.weight) for s in sixteen()], "scan_range": RANGES[name],
        "series_spreads": [{"legs": legs_of(legs, lambda p: months[p]), "rate": r} for legs, r in SERIES],
        "tier_spreads": [{"legs": legs_of(legs, str), "rate": rate} for legs, rate in TIER_SPREADS],
        "tiers": tiers(name),
        "delivery": {months[0]: (17.0, 45.0)}, "short_option_minimum": 60.0,
    }  # fmt: skip


def random_lots(seed, n, count):
    """Lots of n accounts in ``count`` contracts, few and many; the first account holds nothing."""
    rng = np.random.default_rng(seed)
    lots = rng.integers(-9, 10, (n, count)) * (rng.random((n, count)) < rng.random((n, 1)))
    lots[0] = 0
    return lots


def book_of(instruments, lots, currency="USD"):
    """One account a row of lots."""
    owner, item = np.nonzero(lots)
    positions = {"account": owner, "instrument": item, "lots": lots[owner, item].astype(np.int64)}
    return Book.of(
        instruments, [Account(id=f"{i:05}", currency=currency) for i in range(len(lots))], positions=positions
    )
