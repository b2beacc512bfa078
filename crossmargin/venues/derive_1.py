"""Derive portfolio margin v1: one underlying, its perpetual, options and base asset, scenarios and contingencies.

The venue publishes a surplus at two levels; here equity is mark to market with cash, and the requirement is
equity less that surplus. Against v2: options undiscounted, a static discount on gains alone, no skew and no tails,
and the initial factor scales the static contingency too. Rules: Derive v2-core, PMRM and PMRMLib.
"""

from dataclasses import replace
from typing import Any

import numpy as np

from crossmargin import _checks as check
from crossmargin._checks import Floats
from crossmargin.errors import ImprudentParametersError
from crossmargin.instruments import Instruments, Kind
from crossmargin.margin.keys import Keys
from crossmargin.margin.method import Method, Parameters
from crossmargin.margin.plan.builder import Builder
from crossmargin.margin.plan.program import Program
from crossmargin.market import Market
from crossmargin.scenario.revalue import Options
from crossmargin.venues.derive_parameters import Scenario
from crossmargin.venues.derive_tables import Feeds, doubt, forwards, volatility_shock

DAY = 86_400.0


class Portfolio1(Parameters, frozen=True, kw_only=True):
    """Figures of PMRM v1; names as in the venue's contracts, rates as fractions, spots as multipliers."""

    scenarios: tuple[Scenario, ...]
    basis_spot_up: float
    basis_spot_down: float
    basis_add_factor: float
    basis_mult_factor: float
    peg_loss_threshold: float
    peg_loss_factor: float
    conf_threshold: float
    conf_margin: float
    base_percent: float
    perp_percent: float
    option_percent: float
    im_factor: float
    base_static_discount: float
    rate_mult_scale: float
    rate_add_scale: float
    vol_range_up: float
    vol_range_down: float
    short_term_power: float
    long_term_power: float
    dte_floor_seconds: float
    allow_imprudent: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        for name in self.__struct_fields__:
            if name not in {"scenarios", "allow_imprudent"}:
                check.number(name, getattr(self, name), low=0.0)
        if any(scenario.skew or scenario.dampening != 1.0 for scenario in self.scenarios):
            raise check.refuse("scenarios", "hold neither skews nor tails", self.scenarios)
        for rule, broken, message in (
            ("initial >= maintenance", self.im_factor < 1, f"im_factor must be >= 1, was {self.im_factor}"),
            ("discount on the losing side", self.base_static_discount > 1,
             f"base_static_discount must be <= 1, was {self.base_static_discount}"),
        ):  # fmt: skip
            if broken and rule not in self.allow_imprudent:
                raise ImprudentParametersError(rule, message)

    @property
    def dte_floor_days(self) -> float:
        return self.dte_floor_seconds / DAY


class PortfolioMargin1(Method, frozen=True, kw_only=True, tag="derive_portfolio_1"):
    """Portfolio margin v1 of one underlying; ``base`` is its own coin as collateral, ``cash`` the stablecoin."""

    underlying: str
    cash: str
    base: str
    rules: Portfolio1

    def program(self) -> Program:
        m = Builder()
        options = m.holding("options", source="position", axis="option")
        premium = m.holding("premium", source="cost", axis="option")
        perp = m.holding("perpetual", source="position", axis="perpetual")
        perp_cost = m.holding("perpetual cost", source="cost", axis="perpetual")
        base = m.holding("base", source="balance", axis="base")
        cash = m.holding("cash", source="balance", axis="cash")

        # Scenarios: an expiry is repriced and, where it gains, discounted; expiries, perpetual and base net.
        mark = options.sum("mark", by="expiry")
        worth = options.sum("shocked", by="expiry", rows="regular")
        gain = (worth.sided(below=1, above=m.given("discount", key="expiry")) - mark).total()
        scenarios = gain + perp.sum("perp_move", rows="regular") + base.sum("base_move", rows="regular")

        # Basis contingency: the worse of two forward moves per expiry, never netted.
        moved = options.sum("forward_moved", by="expiry", rows="basis") - mark
        basis = (m.min(moved.worst(), 0) * m.given("basis_weight", key="expiry")).total()

        # Static contingency: on sizes; a put covers a call of its strike.
        perps, bases = abs(perp.sum("perp_size")), base.sum("base_size")
        naked = options.sum("option_size", by="strike").short().total()
        static = perps * m.given("perp_rate") + bases * m.given("base_rate") + naked * m.given("option_rate")

        # Confidence contingency: initial only.
        notional = abs(options.sum("option_size", by="each")).total("expiry")
        without, with_perp = ((notional * m.given(name, key="expiry")).total() for name in ("doubt", "doubt_with_perp"))
        confidence = perps * m.given("doubt_of_perp") + bases * m.given("doubt_of_base")
        confidence += perp.sum().pick(neg=with_perp, zero=without, pos=with_perp)

        m.equity("options", mark.total() - premium.sum("premium_atom"))
        m.equity("perpetual", perp.sum("perp_value") - perp_cost.sum("cost_atom"))
        m.equity("base", base.sum("base_value"))
        m.equity("cash", cash.sum("cash_atom"))
        factor = m.given("loss_factor", rows="level")
        m.charge("scan loss", -m.min(basis, scenarios.worst()) * factor)
        m.charge("static contingency", static * factor)
        m.charge("confidence contingency", confidence * m.given("initial_only", rows="level"))
        m.output("scenarios", scenarios)
        m.output("basis contingency", basis)
        m.output("static contingency", static)
        return m.build()

    def axes(self, instruments: Instruments) -> dict[str, Any]:
        """Options by strike and expiry; perpetual, base and cash stand beside them."""
        for row in instruments:
            check.one_of("underlying", row.underlying, (self.underlying,), f"of instrument {row.id!r}")
            check.one_of("kind", row.kind, (Kind.OPTION, Kind.PERPETUAL), f"of instrument {row.id!r}")
        known, keys = Keys.of(instruments), Keys({}, {}, {})
        option = instruments.select(Kind.OPTION)
        index = instruments.asset_index
        cash = check.known("cash", self.cash, index, "asset")
        for axis, source, rows in (
            ("option", "instrument", option), ("perpetual", "instrument", instruments.select(Kind.PERPETUAL)),
            ("base", "asset", [index[self.base]] if self.base in index else []), ("cash", "asset", [cash]),
        ):  # fmt: skip
            keys.pick(axis, known.labels[source], rows)
        keys.items |= {"options": keys.items["option"], "premium": keys.items["option"]}
        keys.items |= {"perpetual cost": keys.items["perpetual"]}
        keys.add("option", "strike", [known.labels["strike"][i] for i in known.maps["instrument", "strike"][option]])
        keys.add("strike", "expiry", [label.rpartition(":")[0] for label in keys.labels["strike"]])
        keys.rows["regular"] = tuple(f"spot x{s.spot:g} vol {s.direction}" for s in self.rules.scenarios)
        keys.rows["basis"] = ("forward up", "forward down")
        return keys.shape()

    def tables(self, instruments: Instruments, market: Market) -> dict[str, Any]:
        """Everything that a mark, a clock, a feed or a parameter decides."""
        names = self.axes(instruments)["labels"]
        feed = Feeds.of(instruments, market, self.underlying, self.cash, names["expiry"])
        return (
            option_tables(self.rules, feed)
            | expiry_tables(self.rules, feed)
            | size_tables(self.rules, feed, names["base"])
            | account_tables(self.rules, feed)
        )


def undiscounted(options: Options) -> Options:
    return replace(options, discount=np.ones(len(options)))


def option_tables(p: Portfolio1, feed: Feeds) -> dict[str, Any]:
    """Values of one lot at the mark, in every scenario, and after a forward move."""
    o, size = undiscounted(feed.options), feed.size[:, None]
    days = o.years * 365.0
    shocked = np.array([o.volatility * volatility_shock(p, days, s.direction) for s in p.scenarios])
    basis = forwards(o, np.array([p.basis_spot_up, p.basis_spot_down]))
    return {
        "mark": o.values(o.forward[:, None], o.volatility[:, None]) * size,
        "premium_atom": feed.instruments.atom[feed.instruments.settlement[o.row]].reshape(-1, 1),
        "option_size": feed.size,
        "shocked": o.values(forwards(o, np.array([s.spot for s in p.scenarios])), shocked.T) * size,
        "forward_moved": o.values(basis, np.repeat(o.volatility[:, None], 2, axis=1)) * size,
    }


def expiry_tables(p: Portfolio1, feed: Feeds) -> dict[str, Any]:
    confidence = feed.confidences()
    return {
        "discount": static_discount(p, feed.rates, feed.years),
        "basis_weight": p.basis_add_factor + p.basis_mult_factor * feed.years,
        "doubt": doubt(p, confidence) * feed.spot,
        "doubt_with_perp": doubt(p, np.minimum(confidence, feed.perpetual_confidence)) * feed.spot,
    }


def static_discount(p: Portfolio1, rate: Floats, years: Floats) -> Floats:
    """What a gain in the value of an expiry counts: ``base exp(-tau (r mult + add))``."""
    return p.base_static_discount * np.exp(-years * (rate * p.rate_mult_scale + p.rate_add_scale))


def size_tables(p: Portfolio1, feed: Feeds, base: tuple[str, ...]) -> dict[str, Any]:
    """One lot of the perpetual and one atom of the base: size, worth, move and doubt."""
    rows = feed.instruments.select(Kind.PERPETUAL)
    size, moves = feed.instruments.multiplier[rows], np.array([s.spot - 1.0 for s in p.scenarios])
    mark = feed.market.column("mark", [feed.instruments.rows[i].id for i in rows])
    atoms = feed.instruments.atom[[feed.instruments.settlement[i] for i in rows]] if len(rows) else np.zeros(0)
    base_size = np.array([float(feed.instruments.atom[feed.instruments.asset_index[name]]) for name in base])
    base_value = base_size * feed.spot / feed.stable
    of_perp = np.array(min(feed.spot_confidence, feed.perpetual_confidence))
    return {
        "perp_move": np.outer(size * mark, moves),
        "perp_size": size.reshape(-1, 1),
        "perp_value": (size * mark).reshape(-1, 1),
        "cost_atom": atoms.reshape(-1, 1),
        "base_move": np.outer(base_value, moves),
        "base_size": base_size.reshape(-1, 1),
        "base_value": base_value.reshape(-1, 1),
        "doubt_of_perp": doubt(p, of_perp) * feed.spot,
        "doubt_of_base": doubt(p, np.array(feed.spot_confidence)) * feed.spot,
    }


def account_tables(p: Portfolio1, feed: Feeds) -> dict[str, Any]:
    """Rates of the static contingency, and the factor of a loss; below the peg threshold the initial one grows."""
    peg = max(p.peg_loss_threshold - feed.stable, 0.0) * p.peg_loss_factor
    return {
        "perp_rate": p.perp_percent * feed.spot,
        "base_rate": p.base_percent * feed.spot,
        "option_rate": p.option_percent * feed.spot,
        "loss_factor": [p.im_factor + peg, 1.0],
        "initial_only": [1.0, 0.0],
        "cash_atom": feed.instruments.atom[feed.instruments.asset_index[feed.cash]],
    }


def grid(widest: float, *steps: float) -> tuple[Scenario, ...]:
    """The widest moves with volatility up alone, the others and none with every volatility."""
    inner = [1.0 + s for s in steps] + [1.0] + [1.0 - s for s in reversed(steps)]
    spots = [(1.0 + widest, "up"), *((s, d) for s in inner for d in ("up", "none", "down")), (1.0 - widest, "up")]
    return tuple(Scenario(spot, direction) for spot, direction in spots)  # type: ignore[arg-type]


# v2-core at commit 7736900, scripts/config-mainnet.sol: the deployment script, not what the chain holds.
MAINNET = Portfolio1(
    scenarios=grid(0.20, 0.15, 0.10, 0.05),
    basis_spot_up=1.05, basis_spot_down=0.95, basis_add_factor=1.0, basis_mult_factor=1.2,
    peg_loss_threshold=0.99, peg_loss_factor=4.0, conf_threshold=0.55, conf_margin=1.0,
    base_percent=0.03, perp_percent=0.03, option_percent=0.02, im_factor=1.25,
    base_static_discount=0.95, rate_mult_scale=1.0, rate_add_scale=0.12,
    vol_range_up=0.6, vol_range_down=0.3, short_term_power=0.3, long_term_power=0.13, dte_floor_seconds=DAY,
)  # fmt: skip
