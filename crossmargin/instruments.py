"""What can be held: assets and instruments, in tables sorted by id.

Payoff per contract at price P with contract size z, in the settlement asset: linear ``z P``,
inverse ``-z / P`` (a long is short the coin value of its notional), quanto ``z P`` with z in the
settlement asset. Value of a position: ``lots * ticks * value_num / value_den`` atoms (inverse:
``-lots * value_num / (ticks * value_den)``), an exact integer ratio.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from fractions import Fraction
from functools import cached_property
from typing import Any

import numpy as np

from crossmargin import _checks as check
from crossmargin._checks import Floats, Integers

YEAR_NS = 365 * 86_400 * 10**9
MAX_DECIMALS = 9
NEVER = np.iinfo(np.int64).max
DECIMAL = re.compile(r"[+-]?([0-9]{1,400}(\.[0-9]{0,400})?|\.[0-9]{1,400})([eE][+-]?[0-9]{1,3})?")
FINER = re.compile(r"(?<=[.,][0-9]{6})[0-9]+")  # digits of a second beyond microseconds
LEAST, MOST = Fraction(1, 10**30), Fraction(10**30)  # of sizes, ticks and lots


class Kind(StrEnum):
    """What an instrument is."""

    SPOT = "spot"
    PERPETUAL = "perpetual"
    FUTURE = "future"
    OPTION = "option"


class Payoff(StrEnum):
    """How price becomes money."""

    LINEAR = "linear"
    INVERSE = "inverse"
    QUANTO = "quanto"


class Right(StrEnum):
    """Which side of the strike an option pays."""

    CALL = "call"
    PUT = "put"


def exact(name: str, value: object, place: str = "") -> Fraction:
    """Read a fraction, integer, decimal string or float (its shortest decimal form) exactly."""
    if isinstance(value, Fraction) or check.is_integer(value):
        return Fraction(value)  # type: ignore[call-overload]
    text = str(value)
    if not DECIMAL.fullmatch(text):
        raise check.refuse(name, "be a decimal number", value, place)
    return Fraction(text)


def time_ns(name: str, moment: str | datetime | int, place: str = "") -> int:
    """Nanoseconds since 1970 UTC of an ISO text with zone, an aware datetime, or nanoseconds."""
    if check.is_integer(moment):
        return check.integer(name, moment, place)  # type: ignore[arg-type]
    finer = 0
    if isinstance(moment, str):
        moment, finer = parsed(name, moment, place)
    if not isinstance(moment, datetime) or moment.utcoffset() is None:
        raise check.refuse(name, "carry a time zone", moment, place)
    since = moment - datetime(1970, 1, 1, tzinfo=UTC)
    nanoseconds = (since.days * 86_400 + since.seconds) * 10**9 + since.microseconds * 1_000 + finer
    return check.integer(name, nanoseconds, place)


def parsed(name: str, moment: str, place: str) -> tuple[datetime, int]:
    """Read an ISO text: the time to the microsecond, and the nanoseconds beyond it."""
    finer = FINER.search(moment)
    digits = finer[0] if finer else ""
    try:
        found = datetime.fromisoformat(FINER.sub("", moment, count=1))
    except ValueError:
        raise check.refuse(name, "be an ISO 8601 time", moment, place) from None
    if len(digits) > 3:
        raise check.refuse(name, "be given to the nanosecond at most", moment, place)
    return found, int(digits.ljust(3, "0")) if digits else 0


def time_text(nanoseconds: int) -> str:
    """ISO text in UTC, to the second, as files and reports print it."""
    return datetime.fromtimestamp(nanoseconds // 10**9, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


@dataclass(frozen=True, slots=True, kw_only=True)
class Asset:
    """Something that can be posted or settled in; one atom is ``10**-decimals``."""

    id: str
    decimals: int = 2
    underlying: str | None = None  # whose index moves its price; None: it does not move

    def __post_init__(self) -> None:
        check.text("asset id", self.id)
        where = f"of asset {self.id!r}"
        check.integer("decimals", self.decimals, where, low=0, high=MAX_DECIMALS)
        if self.underlying is not None:
            check.text("underlying", self.underlying, where)

    def atoms(self, amount: str | int | Fraction, name: str = "amount", place: str = "") -> int:
        """Turn a decimal amount into integer atoms; a finer amount is refused, never rounded."""
        value = exact(name, amount, place) * 10**self.decimals
        if value.denominator != 1:
            raise check.refuse(name, f"be a multiple of 1e-{self.decimals} {self.id}", amount, place)
        if not -(2**63) < value < 2**63:
            raise check.refuse(name, "fit 64 bits of atoms", amount, place)
        return int(value)


@dataclass(frozen=True, slots=True, kw_only=True)
class Instrument:
    """One contract specification.

    ``contract_size`` is units of the underlying (linear), quote (inverse) or settlement asset a
    point (quanto) per contract; ``tick`` and ``lot`` are the smallest price step and quantity.
    """

    id: str
    kind: Kind
    underlying: str
    settlement: str
    payoff: Payoff = Payoff.LINEAR
    contract_size: Fraction = Fraction(1)
    tick: Fraction = Fraction(1, 100)
    lot: Fraction = Fraction(1)
    strike: float | None = None
    right: Right | None = None
    expiry: int | None = None  # integer nanoseconds UTC

    def __post_init__(self) -> None:
        where = f"of instrument {self.id!r}"
        check.text("instrument id", self.id)
        check.text("underlying", self.underlying, where)
        check.text("settlement", self.settlement, where)
        for name, kind in (("kind", Kind), ("payoff", Payoff), ("right", Right)):
            if name != "right" or self.right is not None:
                value = check.one_of(name, getattr(self, name), tuple(kind), where)
                object.__setattr__(self, name, kind(value))
        self._check_sizes(where)
        self._check_terms(where)

    def _check_sizes(self, where: str) -> None:
        for name in ("contract_size", "tick", "lot"):
            value = exact(name, getattr(self, name), where)
            if not LEAST <= value <= MOST:
                raise check.refuse(name, "lie in [1e-30, 1e30]", value, where)
            object.__setattr__(self, name, value)
        if 10**60 % self.tick.denominator:
            raise check.refuse("tick", "be a decimal", self.tick, where)

    def _check_terms(self, where: str) -> None:
        option, dated = self.kind is Kind.OPTION, self.kind in {Kind.OPTION, Kind.FUTURE}
        for name, wanted in (("strike", option), ("right", option), ("expiry", dated)):
            if (getattr(self, name) is not None) != wanted:
                rule = f"be {'given' if wanted else 'absent'} for kind {self.kind}"
                raise check.refuse(name, rule, getattr(self, name), where)
        if option:
            strike = check.number("strike", self.strike, where, low=0.0)  # type: ignore[arg-type]
            object.__setattr__(self, "strike", strike)
        if dated:
            check.integer("expiry", self.expiry, where)  # type: ignore[arg-type]

    def value_ratio(self, decimals: int) -> Fraction:
        """Atoms of the settlement asset per lot and tick (inverse, options apart: lot over tick)."""
        per_lot = self.contract_size * self.lot * 10**decimals
        return per_lot / self.tick if self.costs_inversely else per_lot * self.tick

    @property
    def costs_inversely(self) -> bool:
        """Whether a lot costs ``-size / price`` coins; an inverse option, quoted in coins, costs ``size x price``."""
        return self.payoff is Payoff.INVERSE and self.strike is None


@dataclass(frozen=True)
class Instruments:
    """All instruments and assets of a venue or a file, as columns sorted by id.

    Iterating gives the instruments; ``index`` and ``asset_index`` give rows.
    """

    rows: tuple[Instrument, ...]
    assets: tuple[Asset, ...]
    index: dict[str, int] = field(repr=False)
    asset_index: dict[str, int] = field(repr=False)

    @classmethod
    def of(cls, instruments: Iterable[Instrument], assets: Iterable[Asset]) -> "Instruments":
        """Build the tables; ids must be unique and settlement assets known."""
        given, given_assets = list(instruments), list(assets)
        check.unique("instrument id", (row.id for row in given))
        check.unique("asset id", (row.id for row in given_assets))
        rows = tuple(sorted(given, key=lambda row: row.id))
        held = tuple(sorted(given_assets, key=lambda row: row.id))
        table = cls(rows, held, {r.id: i for i, r in enumerate(rows)}, {a.id: i for i, a in enumerate(held)})
        for row in rows:
            check.known("settlement", row.settlement, table.asset_index, "asset", f"of instrument {row.id!r}")
        return table

    def __len__(self) -> int:
        return len(self.rows)

    def __iter__(self) -> Iterator[Instrument]:
        return iter(self.rows)

    def asset(self, name: str) -> Asset:
        return self.assets[check.known("asset", name, self.asset_index, "asset")]

    def instrument(self, name: str) -> Instrument:
        return self.rows[check.known("instrument", name, self.index, "instrument")]

    def column(self, name: str) -> tuple[Any, ...]:
        """One field of every instrument, in row order."""
        return tuple(getattr(row, name) for row in self.rows)

    def select(self, *kinds: Kind) -> Integers:
        """Rows of the instruments of these kinds."""
        return np.array([i for i, row in enumerate(self.rows) if row.kind in kinds], dtype=np.int64)

    @cached_property
    def lot_size(self) -> Floats:
        """Contracts per lot, shape (n_instruments,)."""
        return np.array([float(row.lot) for row in self.rows])

    @cached_property
    def multiplier(self) -> Floats:
        """Contract size times lot: payoff units per lot, shape (n_instruments,)."""
        return np.array([float(row.contract_size * row.lot) for row in self.rows])

    @cached_property
    def atom(self) -> Floats:
        """Size of one atom of each asset, shape (n_assets,)."""
        return np.array([1.0 / 10**row.decimals for row in self.assets])

    @cached_property
    def settlement(self) -> Integers:
        """Row of the settlement asset of each instrument."""
        return np.array([self.asset_index[row.settlement] for row in self.rows], dtype=np.int64)

    @cached_property
    def expiry_keys(self) -> tuple[str, ...]:
        """``underlying@expiry`` of each instrument; undated ones stand under ``underlying@perpetual``."""
        return tuple(expiry_key(row.underlying, row.expiry) for row in self.rows)


def expiry_key(underlying: str, expiry: int | None) -> str:
    """Name an expiry of an underlying, the subject of forwards and rates."""
    return f"{underlying}@{'perpetual' if expiry is None else time_text(expiry)}"
