"""Parameter sets of Deribit's portfolio margin engine (design of April 2024), dated, and a reader of the venue's own.

Field names are those that ``public/pme/get_params`` serves. Moves and rates are fractions, dampeners and
thresholds US dollars, ``m_inc`` per coin.
"""

from typing import Any, Literal

import msgspec

from crossmargin import _checks as check
from crossmargin.errors import ImprudentParametersError
from crossmargin.margin.method import Parameters, check_choices, decode
from crossmargin.venues.dated import LATEST, in_force

ORDER = "initial >= maintenance"


class General(Parameters, frozen=True, kw_only=True):
    """Shape of the grid, and maintenance as a share of the risk matrix."""

    mm_factor: float = 0.8
    buckets_count: int = 4
    vol_scenarios_count: int = 3

    def __post_init__(self) -> None:
        check.number("mm_factor", self.mm_factor, "of general", low=0.0)
        check.integer("buckets_count", self.buckets_count, "of general", low=1, high=100)
        check.integer("vol_scenarios_count", self.vol_scenarios_count, "of general", low=3, high=3)


class Currency(Parameters, frozen=True, kw_only=True):
    """Rules of one settlement currency."""

    max_offsetable_pnl: float
    annualised_move_risk: float
    extended_dampener: float
    min_annualised_move: float
    haircut: float
    equity_side_impact: Literal["both", "none", "long", "short"]
    pnl_offset: float
    correlation_set: bool

    def __post_init__(self) -> None:
        for name in ("max_offsetable_pnl", "annualised_move_risk", "extended_dampener", "min_annualised_move"):
            check.number(name, getattr(self, name), "of currency", low=0.0)
        for name in ("haircut", "pnl_offset"):
            check.fraction(name, getattr(self, name), "of currency")
        check_choices(self, "of currency")


class Pair(Parameters, frozen=True, kw_only=True):
    """Rules of one underlying against the dollar."""

    extended_table_factor: float
    m_inc: float
    min_volatility_for_shock_up: float
    max_delta_shock: float
    delta_total_liq_shock_threshold: float
    volatility_range_down: float
    volatility_range_up: float
    long_term_vega_power: float
    short_term_vega_power: float
    price_range: float

    def __post_init__(self) -> None:
        for name in self.__struct_fields__:
            check.number(name, getattr(self, name), "of currency pair", low=0.0)
        check.number("price_range", self.price_range, "of currency pair", low=0.0, high=1.0, strict=True)
        check.fraction("volatility_range_down", self.volatility_range_down, "of currency pair")


class Engine(Parameters, frozen=True, kw_only=True):
    """What the venue serves: general rules, settlement currencies (``btc``), currency pairs (``btc_usd``)."""

    general: General
    currency: dict[str, Currency]
    currency_pair: dict[str, Pair]
    allow_imprudent: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if self.general.mm_factor > 1 and ORDER not in self.allow_imprudent:
            raise ImprudentParametersError(ORDER, f"mm_factor must be at most 1, was {self.general.mm_factor}")


class Reported(Parameters, frozen=True, kw_only=True):
    """Amounts that the venue reports for one account and whose rule it does not publish, account currency."""

    open_orders_margin: float = 0.0
    mmp_margin: float = 0.0
    spot_margin: float = 0.0

    def __post_init__(self) -> None:
        for name in self.__struct_fields__:
            check.number(name, getattr(self, name), "of reported amounts", low=0.0)


class Readings(Parameters, frozen=True, kw_only=True):
    """Where the venue's pages are silent: the reading taken.

    ``volatility_floor``: what the floor of a shock up applies to. ``roll_growth``: how the annualised move
    grows with time, ``exp(a t) - 1`` or ``a t``. ``between_buckets``: buckets of one underlying each take their
    own worst, or meet one scenario together. ``option_delta``: net of the premium in coin, or Black-76's.
    """

    volatility_floor: Literal["shocked", "base"] = "shocked"
    roll_growth: Literal["exponential", "linear"] = "exponential"
    between_buckets: Literal["separate", "joint"] = "separate"
    option_delta: Literal["net of premium", "black"] = "net of premium"

    def __post_init__(self) -> None:
        check_choices(self, "of readings")


def load_parameters(data: bytes) -> Engine:
    """Read what ``public/pme/get_params`` serves, with or without its envelope; unknown fields are refused."""
    try:
        raw: Any = msgspec.json.decode(data)
    except msgspec.DecodeError as error:
        raise check.refuse("parameters", "be JSON", data[:60]) from error
    while isinstance(raw, dict) and (raw.keys() & {"result", "model_params"}):
        raw = raw.get("result", raw.get("model_params"))
    found: Engine = decode(msgspec.json.encode(raw), Engine)
    return found


GENERAL = General(mm_factor=0.8, buckets_count=4, vol_scenarios_count=3)

# What the API's documentation shows, example response of private/pme/simulate, timestamp of 2024-06-17.
BTC_2024 = Currency(
    max_offsetable_pnl=0, annualised_move_risk=0.075, extended_dampener=100_000, min_annualised_move=0.01, haircut=0,
    equity_side_impact="both", pnl_offset=0, correlation_set=False,
)  # fmt: skip
USD_2024 = msgspec.structs.replace(
    BTC_2024, annualised_move_risk=0.1, extended_dampener=25_000, equity_side_impact="none"
)
BTC_USD_2024 = Pair(
    extended_table_factor=1, m_inc=0.00005, min_volatility_for_shock_up=0.5, max_delta_shock=0.1,
    delta_total_liq_shock_threshold=20_000_000, volatility_range_down=0.25, volatility_range_up=0.5,
    long_term_vega_power=0.13, short_term_vega_power=0.3, price_range=0.16,
)  # fmt: skip

# A production response of February 2026, published by a third party.
ETH_2026 = Currency(
    max_offsetable_pnl=20_000_000, annualised_move_risk=0.05, extended_dampener=200_000, min_annualised_move=0.005,
    haircut=0, equity_side_impact="both", pnl_offset=0.6, correlation_set=False,
)  # fmt: skip
USD_2026 = msgspec.structs.replace(USD_2024, max_offsetable_pnl=1_000_000, pnl_offset=0.4)
ETH_USD_2026 = msgspec.structs.replace(BTC_USD_2024, m_inc=0.000004, volatility_range_up=0.4, price_range=0.18)

# September 2026 by a third party; what it does not name stands as in 2024.
BTC_2026 = msgspec.structs.replace(BTC_2024, extended_dampener=200_000, min_annualised_move=0.005)
BTC_USD_2026 = msgspec.structs.replace(BTC_USD_2024, price_range=0.14, volatility_range_up=0.4)

SOURCE = "docs.deribit.com private/pme/simulate (2024-06); captured responses (2026)"
SETS = (
    ("2024-06", Engine(
        general=GENERAL, currency={"btc": BTC_2024, "usd": USD_2024}, currency_pair={"btc_usd": BTC_USD_2024},
    )),
    ("2026-02", Engine(
        general=GENERAL, currency={"btc": BTC_2024, "eth": ETH_2026, "usd": USD_2026},
        currency_pair={"btc_usd": BTC_USD_2024, "eth_usd": ETH_USD_2026},
    )),
    ("2026-09", Engine(
        general=GENERAL, currency={"btc": BTC_2026, "eth": ETH_2026, "usd": USD_2026},
        currency_pair={"btc_usd": BTC_USD_2026, "eth_usd": ETH_USD_2026},
    )),
)  # fmt: skip


def parameters(as_of: str = LATEST) -> tuple[str, Engine]:
    """Date and figures of the set in force."""
    return in_force("Deribit portfolio margin", [(date, (date, engine)) for date, engine in SETS], as_of)
