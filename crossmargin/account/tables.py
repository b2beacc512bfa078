"""What an engine reads of a prepared method: compiled worst fills, the plan of one account, ranges and prices."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from crossmargin import _checks as check
from crossmargin._checks import Floats, Integers
from crossmargin._core import bounds, integers, single
from crossmargin._core.tables import Tables
from crossmargin.errors import MissingPriceError, PlanError
from crossmargin.instruments import Instrument, Instruments
from crossmargin.margin import Prepared
from crossmargin.margin.plan.batch import arrays_of, memory_of
from crossmargin.margin.plan.binding import Binding
from crossmargin.margin.plan.forms import Forms
from crossmargin.margin.plan.layout import LINE, Column, Layout
from crossmargin.margin.plan.matchers import greatest_alone, least_ratio
from crossmargin.margin.plan.quantum import Quanta
from crossmargin.margin.plan.worst import Compiled, Ranges, nothing
from crossmargin.market import Market
from crossmargin.portfolio.feeds import FEEDS
from crossmargin.portfolio.tables import MAX_LOTS

WANTED = ("equity", "requirement")
MOST = 2**31 - 1  # accounts, slots or orders


@dataclass(frozen=True, slots=True, kw_only=True)
class Capacity:
    """What an engine has room for: accounts and orders until it reserves more, the rest for good.

    ``notional``: the largest of one position, quote currency; beyond it sums are no longer exact and the account is
    valued unrounded.
    """

    accounts: int = 1024
    slots: int = 32  # instruments of an account
    orders: int = 65536
    journal: int = 65536  # events between two reads of the journal's thread; a power of two, 0: no journal
    notional: float = 1e8

    def __post_init__(self) -> None:
        for name in ("accounts", "slots", "orders"):
            check.integer(name, getattr(self, name), low=1, high=MOST)
        check.integer("journal", self.journal, low=0)
        if self.journal & (self.journal - 1):
            raise check.refuse("journal", "be a power of two", self.journal)
        check.positive("notional", self.notional)


def price_or_one(market: Market, asset: str, underlying: str | None) -> float:
    """Price of an asset, 1 where the market has none: it then counts nowhere."""
    try:
        return market.price(asset, underlying) or 1.0
    except MissingPriceError:
        return 1.0


def atom_prices(instruments: Instruments, market: Market) -> Floats:
    """Price of one atom of each asset, quote currency."""
    return np.array([price_or_one(market, a.id, a.underlying) * 10.0**-a.decimals for a in instruments.assets])


def lot_value(row: Instrument, market: Market) -> float:
    """Quote currency that one lot is about."""
    size = float(row.contract_size * row.lot)
    if row.costs_inversely:
        return size
    return size * abs(market.get("index", row.underlying, market.get("mark", row.id, 1.0)) or 1.0)


def ranges_of(instruments: Instruments, market: Market, capacity: Capacity) -> Ranges:
    """Lots and costs up to the largest notional."""
    atoms = atom_prices(instruments, market)
    values = np.array([lot_value(row, market) for row in instruments])
    return Ranges(
        lots=np.minimum(np.maximum(capacity.notional / values, 1.0), MAX_LOTS),
        cost=np.minimum(capacity.notional / atoms[instruments.settlement], 2.0**62) if len(instruments) else values,
        slots=capacity.slots,
        money=capacity.notional * capacity.slots,
    )


def quanta_of(bound: Binding, ranges: Ranges, instruments: Instruments, market: Market) -> Quanta:
    """Quanta of the plan for these ranges, item by item."""
    atoms = atom_prices(instruments, market)
    notional = ranges.money / ranges.slots
    ticks = np.array([float(row.tick) for row in instruments])
    price = np.array([market.get("mark", r.id, market.get("index", r.underlying, 1.0)) for r in instruments])
    most_ticks = np.maximum(np.abs(price) / ticks, 1.0) * FAR
    most = dict.fromkeys(FEEDS, ranges.lots) | {
        "cost": ranges.cost, "balance": np.minimum(ranges.money / atoms, 2.0**62), "buy_at": ranges.lots * most_ticks,
        "sell_at": ranges.lots * most_ticks, "high_buy": most_ticks, "low_sell": most_ticks,
        "orders": np.full(len(instruments), notional),
    }  # fmt: skip
    held = {h.name: by_key(bound, h.name, h.axis, most[h.source]) for h in bound.program.holdings}
    return Quanta.of(bound, held, ranges.slots)


FAR = 4.0  # limits up to so many times the mark keep sums of limits exact


def by_key(bound: Binding, holding: str, axis: str, most: Floats) -> Floats:
    """The largest amount of each key of a holding's axis, from those of the items that it takes."""
    found = np.ones(bound.size(axis))
    items = bound.items[holding]
    np.maximum.at(found, items[items >= 0], most[: len(items)][items >= 0])
    return found


def single_of(layout: Layout, wanted: Sequence[int], rows: int) -> single.Single:
    """The plan over one account of at most so many rows of all feeds together."""
    capacity = (1 << (max(rows, 2) - 1).bit_length()) * layout.breadth
    needs = layout.needs(capacity, tuple(wanted))
    sources = [list(FEEDS).index(h.source) for h in layout.bound.program.holdings]
    return single.Single(
        *arrays_of(layout, needs), np.array([*sources, 0], dtype=np.int64), np.array(wanted, dtype=np.int64), capacity,
        *memory_of(layout, needs, capacity), np.zeros(len(layout.holding) + 1, dtype=np.int64),
    )  # fmt: skip


LARGEST = 2**63 - 1


def integral_of(prepared: Prepared, whole: single.Single, layout: Layout) -> integers.Integral:
    """The plan in integers, its tables where the floating ones lie; a figure beyond 64 bits may be compared alone."""
    bound = prepared.bound.exactly(prepared.method.tables(prepared.instruments, prepared.market))
    constants = np.zeros(len(layout.constants), dtype=np.int64)
    real: list[int] = []
    for number, node in bound.program:
        table = bound.folded[number] if node.free else bound.tables.get(node.name) if node.op == "slot" else None
        fraction = table is not None and any(value != int(value) for value in table.ravel().tolist())
        real.append(int(fraction or any(real[a] for a in node.args)))
        if table is not None and not fraction:
            at = int(layout.nodes[number, Column.OFFSET if node.free else Column.TABLE])
            write(constants, at, table, padded=not node.free)
    capacity = len(bound.program.holdings) * whole.capacity
    numbers = (np.zeros(n, dtype=np.int64) for n in (whole.scratch + 1, capacity + 1))
    return integers.Integral(whole, constants, np.array(real, dtype=np.int64), *numbers)


def write(constants: Integers, at: int, table: NDArray[Any], *, padded: bool) -> None:
    """Figures of a table by key, rows of a slot's table as far apart as its kernel reads them."""
    rows = table.shape[1] if table.ndim > 1 else 1
    stride = rows + (-rows % LINE if padded and rows >= LINE else 0)
    for key, figures in enumerate(table.reshape(-1, rows).tolist()):
        found = [max(-LARGEST, min(LARGEST, int(value))) for value in figures]
        constants[at + key * stride : at + key * stride + rows] = found


MOST_OPAQUE = 64


def interval_of(layout: Layout, opaque: Sequence[tuple[int, float]], rows: int) -> bounds.Interval:
    """Intervals of the nodes without linear forms, each with its factor in the surplus."""
    if len(opaque) > MOST_OPAQUE:
        raise PlanError(f"a surplus may have {MOST_OPAQUE} parts without linear forms, has {len(opaque)}")
    made = single_of(layout, [node for node, _ in opaque], rows)
    bound, size = layout.bound, made.scratch
    widest = max([bound.n_rows(node) for node in bound.program.nodes] + [1])
    weight, weights = matcher_weights(bound)
    return bounds.Interval(
        made, np.zeros(size), np.zeros(size), np.zeros(6 * widest), widest, np.zeros(len(bound.program.nodes)),
        np.array(Forms(bound, 0).moved, dtype=np.int64), weight, weights, np.array([factor for _, factor in opaque]),
    )  # fmt: skip


def matcher_weights(bound: Binding) -> tuple[Integers, Floats]:
    """Most that a unit of each child adds to a matcher or takes from it; where each matcher's lie."""
    start, found = np.zeros(len(bound.program.nodes), dtype=np.int64), [np.zeros(1)]
    for number, node in bound.program:
        if node.op not in {"match", "group"}:
            continue
        start[number] = sum(map(len, found))
        features, rule = (np.asarray(bound.folded[a], dtype=np.float64) for a in node.args[1:3])
        size = bound.size(bound.program.nodes[node.args[0]].key)
        if node.op == "group":
            found.append(np.broadcast_to(greatest_alone(features)[:, 0], size))
        else:
            found.append(np.full(size, 1.0 / min(least_ratio(row) for row in rule)))
    return start, np.concatenate(found)


@dataclass(frozen=True)
class Source:
    """How tables are made for an engine: once for every mark, of the same shapes."""

    capacity: Capacity
    orders: str
    quantum: float | None

    def quanta(self, prepared: Prepared) -> Quanta:
        """Quanta of the plan: the batch evaluator at these gives the engine's equity and requirement to the bit."""
        if self.quantum is not None:
            return Quanta.uniform(prepared.bound, self.quantum)
        ranges = ranges_of(prepared.instruments, prepared.market, self.capacity)
        return quanta_of(prepared.bound, ranges, prepared.instruments, prepared.market)

    def compiled(self, prepared: Prepared) -> Compiled:
        """The worst fills of the initial surplus."""
        ranges = ranges_of(prepared.instruments, prepared.market, self.capacity)
        return Compiled(prepared.bound, ranges, len(prepared.instruments), self.quantum)

    def of(self, prepared: Prepared) -> Tables:
        """The tables of a prepared method."""
        instruments, market, bound = prepared.instruments, prepared.market, prepared.bound
        ranges = ranges_of(instruments, market, self.capacity)
        layout = prepared.layout.rounded(self.quanta(prepared))
        rows = 8 * self.capacity.slots + len(instruments.assets) + 2
        whole = single_of(layout, [prepared.wanted[name] for name in WANTED], rows)
        plain = np.zeros(len(bound.program.nodes))
        integral = integral_of(prepared, whole, layout) if prepared.method.integers else None
        if self.orders != "worst_fill":
            free, atom = np.full(len(instruments) + 1, np.inf), half_atoms(instruments, market)
            open_range: dict[str, Any] = {"plain": plain, "most_lots": free, "most_cost": free, "atom": atom}
            kept: dict[str, Any] = {"whole": whole, "fixed": None, "opaque": None, "integral": integral}
            return Tables(**nothing(), **kept, **open_range, **doubted(prepared))
        compiled = self.compiled(prepared)
        return Tables(
            **compiled.arrays(),
            whole=whole,
            fixed=single_of(layout, compiled.wanted, rows) if compiled.wanted else None,
            opaque=interval_of(prepared.layout, compiled.opaque, rows) if compiled.opaque else None,
            integral=integral,
            plain=plain,
            most_lots=np.append(ranges.lots, 0.0),
            most_cost=np.append(ranges.cost, 0.0),
            atom=half_atoms(instruments, market),
            **doubted(prepared),
        )


def doubted(prepared: Prepared) -> dict[str, Any]:
    """What no account can be valued with while oracles are in doubt."""
    instruments = prepared.instruments
    found = prepared.method.doubts(instruments, prepared.market)
    return {
        "doubted_instruments": np.append(found.of_instruments(instruments), 0),
        "doubted_assets": np.append(found.of_assets(instruments), 0),
    }


def half_atoms(instruments: Instruments, market: Market) -> Floats:
    """Half an atom of each asset, quote currency: a surplus of no less than minus that rounds to 0 or more."""
    return 0.5 * atom_prices(instruments, market)


def bits_of(instruments: Instruments) -> tuple[Integers, Integers]:
    """A bit for what moves each instrument and each asset, shared from the 64th name on."""
    names = sorted({row.underlying for row in instruments} | {a.underlying or a.id for a in instruments.assets})
    bit = {name: number % 64 for number, name in enumerate(names)}
    of_rows = [bit[row.underlying] for row in instruments]
    of_assets = [bit[a.underlying or a.id] for a in instruments.assets]
    return np.array(of_rows, dtype=np.int64), np.array(of_assets, dtype=np.int64)


def moved_bits(old: Binding, new: Binding, bits: Mapping[str, Integers]) -> int:
    """Bits of what new tables move; all of them where a table of the account changed.

    ``bits``: of each source item, by the kind of item ("instrument", "asset").
    """
    found = 0
    for name, (key, _) in old.program.tables.items():
        before, after = old.tables[name], new.tables[name]
        if before is after or np.array_equal(before, after):
            continue
        changed = np.flatnonzero((before != after).any(axis=1))
        found |= keyed_bits(new, key, changed, bits)
    return found


ALL_BITS = 2**64 - 1


def keyed_bits(bound: Binding, key: str, changed: Integers, bits: Mapping[str, Integers]) -> int:
    """Bits of the items under some keys of an axis; all of them where no items lie under it."""
    found, reached = 0, False
    for holding in bound.program.holdings:
        up = climb(bound, holding.axis, key)
        if up is None:
            continue
        reached = True
        items = bound.items[holding.name]
        of = bits["asset" if holding.source == "balance" else "instrument"]
        rows = np.flatnonzero((items >= 0) & np.isin(up[np.maximum(items, 0)], changed))
        found |= sum(1 << int(b) for b in np.unique(of[rows]))
    return found if reached else ALL_BITS


def climb(bound: Binding, axis: str, key: str) -> Integers | None:
    """Key of each item of an axis on another one, None where it does not lead there."""
    if axis == key:
        return np.arange(bound.size(axis))
    for (child, parent), up in bound.maps.items():
        if child == axis:
            above = climb(bound, parent, key)
            if above is not None:
                return np.asarray(above[up])
    return None
