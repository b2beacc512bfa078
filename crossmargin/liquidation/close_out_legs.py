"""One position in a close-out: the trade that closes lots of it, to the atom as the ledger books it."""

from dataclasses import dataclass
from fractions import Fraction
from math import ceil

from crossmargin.instruments import Asset, Instrument, exact
from crossmargin.liquidation.close_out_costs import Costs, closing_ticks
from crossmargin.liquidation.close_out_steps import ClosingTrade
from crossmargin.liquidation.worth import closing_mark
from crossmargin.margin import Prepared
from crossmargin.portfolio import Portfolio, Position
from crossmargin.portfolio.portfolio import fill_cost


@dataclass(frozen=True, slots=True, kw_only=True)
class Leg:
    """One position and the price at which it is closed; ``price`` is account currency per atom of ``asset``.

    Lots closed are counted > 0 toward zero. A negative number is the same line continued beyond what is held: a probe
    of slopes, never a trade.
    """

    row: int
    asset_row: int
    instrument: Instrument
    asset: Asset
    held: Position
    ticks: int
    fee_rate: Fraction
    mark_value: Fraction  # of one lot, atoms
    price: float

    @property
    def side(self) -> int:
        return 1 if self.held.lots > 0 else -1

    def cost(self, closed: int) -> int:
        """Atoms paid for the trade that closes these lots, as the ledger rounds them."""
        return fill_cost(self.instrument, self.asset.decimals, -self.side * closed, self.ticks)

    def fee(self, closed: int) -> int:
        return mirrored(ceil(self.fee_rate * abs(self.cost(closed))), closed)

    def released(self, closed: int) -> int:
        """Share of the open cost that leaves with the lots, rounded toward zero, as in the ledger."""
        return int(Fraction(self.held.open_cost * closed, abs(self.held.lots)))

    def loss(self, closed: int) -> Fraction:
        """What the trade loses against the mark, atoms, the fee apart."""
        return self.cost(closed) + self.side * closed * self.mark_value

    def trade(self, closed: int) -> ClosingTrade:
        return ClosingTrade(
            instrument=self.instrument.id, lots=-self.side * closed, ticks=self.ticks, asset=self.asset.id,
            cost=self.cost(closed), fee=self.fee(closed),
        )  # fmt: skip


def mirrored(atoms: int, sign: int) -> int:
    return atoms if sign >= 0 else -atoms


def legs_of(prepared: Prepared, portfolio: Portfolio, costs: Costs) -> tuple[Leg, ...]:
    """Positions with lots, in the order of instruments, whatever order they are stored in."""
    held = sorted(portfolio.positions.items())
    return tuple(leg_of(prepared, portfolio, costs, name, position) for name, position in held if position.lots)


def leg_of(prepared: Prepared, portfolio: Portfolio, costs: Costs, name: str, held: Position) -> Leg:
    instruments = prepared.instruments
    row = instruments.index[name]
    instrument, asset_row = instruments.rows[row], int(instruments.settlement[row])
    asset = instruments.assets[asset_row]
    mark = closing_mark(instrument, prepared.market)
    shift, fee_rate = costs.of(instruments, name)
    ratio, ticks = instrument.value_ratio(asset.decimals), exact("mark", mark) / instrument.tick
    return Leg(
        row=row, asset_row=asset_row, instrument=instrument, asset=asset, held=held, fee_rate=fee_rate,
        ticks=closing_ticks(instrument, mark, shift, sells=held.lots > 0),
        mark_value=-ratio / ticks if instrument.costs_inversely else ratio * ticks,
        price=price_of(prepared, portfolio, asset),
    )  # fmt: skip


def price_of(prepared: Prepared, portfolio: Portfolio, asset: Asset) -> float:
    """Account currency per atom of an asset."""
    price = prepared.market.price(asset.id, asset.underlying)
    currency = float(prepared.currency_prices(portfolio.book)[portfolio.unit])
    return price / currency * 10.0**-asset.decimals
