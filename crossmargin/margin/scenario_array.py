"""Scenario-array clearing margin, SPAN-style: a scan of sixteen scenarios, inter-month charge, credits, minimums.

Per combined commodity, with L_s the loss in scenario s:

    scan risk SR = max_s L_s (ties: the lowest number);   time risk = mean of L where the price does not move
    price risk = (L_a + L_a') / 2 - time risk,  volatility risk = (L_a - L_a') / 2   (a' moves volatility the other way)
    weighted price risk = max(price risk, 0) / |net delta|
    requirement = max(SR + inter-month charge + delivery charge - inter-commodity credit, short option minimum)

Net option value is part of the equity. Sources: CME advisory 10-409 and spread reports as clearing houses' guides
tell the method; parameters are the user's. SPAN is CME's trademark; this is not CME's program. Not built: credits by
tier deltas, scanning-based and super spreads, percent-of-risk spread rates, limit option value.
"""

from typing import Any

from crossmargin import _checks as check
from crossmargin.instruments import Instrument, Instruments, Payoff
from crossmargin.margin import scenario_array_tables as tables
from crossmargin.margin.keys import Keys
from crossmargin.margin.method import Method
from crossmargin.margin.plan.builder import Builder, Held
from crossmargin.margin.plan.expression import Expression
from crossmargin.margin.plan.matchers import match_rows
from crossmargin.margin.plan.program import Program
from crossmargin.margin.requirement import level_pair
from crossmargin.margin.scenario_array_parameters import Array, Commodity, Credit, Scan, sixteen
from crossmargin.market import Market


class ScenarioArrayMargin(Method, frozen=True, kw_only=True, tag="scenario_array"):
    """``commodities`` by underlying; ``arrays`` by instrument replace those that are computed from the ranges.

    ``unit`` rounds every figure of a computed array to the nearest multiple, 0 not at all; ``factor`` multiplies the
    requirement by level (a speculator's initial margin above its maintenance).
    """

    commodities: dict[str, Commodity]
    arrays: dict[str, Array] = {}  # noqa: RUF012  msgspec copies it
    credits: tuple[Credit, ...] = ()
    scenarios: tuple[Scan, ...] = sixteen()
    unit: float = 1.0
    factor: tuple[float, float] = (1.0, 1.0)

    def __post_init__(self) -> None:
        level_pair("factor", self.factor, f"of {self.name!r}")
        check.number("unit", self.unit, f"of {self.name!r}", low=0.0)
        for name, array in self.arrays.items():
            if len(array.losses) != len(self.scenarios):
                raise check.refuse("losses", f"have length {len(self.scenarios)}", len(array.losses), f"of {name!r}")
        for credit in self.credits:
            for leg in credit.legs:
                check.known("commodity", leg.commodity, self.commodities, "commodity", "of credit")

    def program(self) -> Program:
        m = Builder()
        positions = m.holding("position", source="position", axis="instrument")
        costs = m.holding("cost", source="cost", axis="instrument")
        balances = m.holding("balance", source="balance", axis="asset")
        gain = positions.sum("gain", by="commodity", rows="scenario")
        scan = -gain.worst()

        # Price risk is read in the scenario that binds, as the mean of both volatilities of its price move.
        paired = positions.sum("paired_gain", by="commodity", rows="scenario").at_worst(gain)
        time = positions.sum("time_gain", by="commodity")
        price_risk = (time - paired).positive()
        month = positions.sum("delta", by="month")
        net = month.total("commodity")

        # Inter-month spreads use up month deltas by priority; a spot month pays for what was used and what is left.
        formed = abs(month.match("spread", "spread match", to="commodity"))
        intra = summed(formed * m.given("spread_rate", key="commodity", rows="spread match"))
        delivery = summed(formed * m.given("delivery_rate", key="commodity", rows="spread match"))
        credit = inter_commodity_credit(m, net, weighted_price_risk(m, price_risk, net))
        minimum = short_option_minimum(m, positions)

        factor = m.given("level_factor", rows="level")
        before = scan + intra + delivery - credit
        whole = m.max(before, minimum)
        lines = {"scan risk": scan, "inter-month charge": intra, "delivery charge": delivery,
                 "inter-commodity credit": -credit, "short option minimum": whole - before}  # fmt: skip
        m.charges(whole.total() * factor, {name: line.total() * factor for name, line in lines.items()})

        option_value = positions.sum("option_value")
        m.equity("net option value", option_value)
        m.equity("futures", positions.sum("future_value") - costs.sum("future_cost"))
        m.equity("premiums", -costs.sum("premium"))
        m.equity("balances", balances.sum("unit_value"))
        m.output("scenarios", gain.total())
        m.output("time risk", -time.total())
        m.output("volatility risk", (scan + paired).total())
        m.output("price risk", (time - paired).total())
        m.output("net delta", net.total())
        m.output("minimum", minimum.total())
        m.output("total_requirement", whole.total() - option_value)
        return m.build()

    def axes(self, instruments: Instruments) -> dict[str, Any]:
        """Instruments by contract month and commodity."""
        for row in instruments:
            check.known("underlying", row.underlying, self.commodities, "commodity", f"of instrument {row.id!r}")
            check.one_of("payoff", row.payoff, (Payoff.LINEAR,), f"of instrument {row.id!r}")
        keys = Keys.of(instruments)
        keys.add("instrument", "month", [f"{row.underlying}:{self.month(row)}" for row in instruments])
        keys.add("month", "commodity", [name.rpartition(":")[0] for name in keys.labels["month"]])
        months = tables.months_of(keys.labels)
        widest = max((len(found) for found in months.values()), default=0)
        counts = max((len(c.series_spreads) + len(c.tier_spreads) for c in self.commodities.values()), default=0)
        names = keys.labels["commodity"]
        keys.rows |= {
            "scenario": tuple(tables.scan_label(i, scan) for i, scan in enumerate(self.scenarios)),
            "spread match": match_rows(
                [f"spread {i + 1}" for i in range(counts)], [f"month {i + 1}" for i in range(widest)]
            ),
            "credit match": match_rows([f"credit {i + 1}" for i in range(len(self.credits))], names),
            "total": ("total",),
        }
        codes = tables.codes(self, names, months, counts, widest)
        keys.rows |= {f"{rule} code": tuple(map(str, range(table.shape[1]))) for rule, table in codes.items()}
        return keys.shape()

    def month(self, row: Instrument) -> str:
        """Contract month: as the array says, else of the expiry."""
        array = self.arrays.get(row.id)
        return array.month if array and array.month else tables.month_of(row.expiry)

    def tables(self, instruments: Instruments, market: Market) -> dict[str, Any]:
        """Arrays, deltas, spreads, rates and values."""
        shape = self.axes(instruments)
        return (
            tables.instrument_tables(self, instruments, market)
            | tables.spread_tables(self, instruments, market, shape)
            | tables.commodity_tables(self, instruments, market, shape["labels"]["commodity"])
            | tables.value_tables(instruments, market)
            | {"level_factor": self.factor}
        )


def summed(rows: Expression) -> Expression:
    """Sum over the rows of a match."""
    return rows.fold("total", "sum").worst()


def weighted_price_risk(m: Builder, price_risk: Expression, net: Expression) -> Expression:
    """Price risk per net delta, by the commodity's method between a floor and a cap."""
    each = price_risk / abs(net)
    guarded = net.pick(neg=each, zero=0, pos=each)
    floor, cap = m.given("price_risk_floor", key="commodity"), m.given("price_risk_cap", key="commodity")
    return m.max(m.min(guarded, cap), floor)


def inter_commodity_credit(m: Builder, net: Expression, price_risk: Expression) -> Expression:
    """Spreads over the commodities' net deltas, whole ones, by priority; each leg is credited its share of its risk."""
    formed = net.match("credit", "credit match").at("commodity")
    return price_risk * summed(formed * m.given("credit_weight", key="commodity", rows="credit match"))


def short_option_minimum(m: Builder, positions: Held) -> Expression:
    """A rate for every short option, calls and puts together or the larger of the two counts."""
    calls, puts = (positions.sum(name, by="each").short().total("commodity") for name in ("call", "put"))
    gross, larger = (m.given(f"minimum_{name}", key="commodity") for name in ("gross", "larger"))
    return (calls + puts) * gross + m.max(calls, puts) * larger
