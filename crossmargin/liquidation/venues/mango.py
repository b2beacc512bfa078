"""Mango v4 liquidation: when it starts and ends, what may be closed out next, and what a step reads of the account.

Health is the plan's surplus, at maintenance and at LiquidationEnd; both lines and every amount come out of it and out
of the plan's tables, so that no second formula of health stands here. The steps themselves are in ``mango_tokens``,
``mango_perpetuals`` and ``mango_losses``; they move nothing, a driver applies them and reads the account again.
Rules: mango-v4, health/cache.rs (phases, amounts to health zero), state/mango_account.rs (being liquidated).
"""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple

from crossmargin import _checks as check
from crossmargin.liquidation.venues.mango_rules import DEFAULT, Perpetual, Rules, Token
from crossmargin.margin import Prepared
from crossmargin.portfolio import Portfolio, Position
from crossmargin.venues.mango import Health

END = "liquidation end"


class Step(StrEnum):
    """What a liquidation does, in the venue's order."""

    CANCEL = "cancel orders"
    TOKENS = "close out tokens"
    PERPETUAL = "close out a perpetual"
    PROFIT = "take over a profit"
    LOSS = "settle or cover a loss"
    DEBT = "cover a debt"


class Open(NamedTuple):
    """A step that the venue permits now, and what it is about: an instrument, the owed and the owned token, a token."""

    step: Step
    names: tuple[str, ...]


@dataclass(frozen=True)
class Standing:
    """An account as the steps of a liquidation read it, by the venue's plan; whole tokens and quote currency.

    Tokens and perpetuals can be read once no order rests: cancelling is the first step.
    """

    prepared: Prepared
    portfolio: Portfolio
    rules: Rules = DEFAULT

    def __post_init__(self) -> None:
        if not isinstance(self.prepared.method, Health):
            raise check.refuse("method", "be Mango health", self.prepared.method.method_name)

    def health(self, level: str = END) -> float:
        """Surplus at a level, quote currency."""
        found = self.prepared.values(self.portfolio.alone().book, ("surplus",))["surplus"]
        return float(found[0, self.row("level", level)])

    def in_liquidation(self, before: bool) -> bool:
        """Whether the account is being liquidated, given whether it was: entry and exit differ.

        It starts at maintenance health < 0 and lasts until LiquidationEnd health > -1 native unit.
        """
        return self.health() <= -self.rules.native if before else self.health("maintenance") < 0.0

    def token(self, asset: str, level: str = END) -> Token:
        """A token with the weights of a level; its effective balance counts the perpetuals that settle in it."""
        self.check_orders()
        row, column = self.row("token", asset), self.row("level", level)
        tables, balance = self.prepared.bound.tables, self.balance(asset)
        settling = (self.perpetual(name, level) for name in self.settling(asset))
        return Token(
            asset=asset,
            balance=balance,
            effective=balance + sum(held.counted(held.profit) for held in settling),
            price=float(tables["price"][row, 0]),
            owned_value=float(tables["asset_value"][row, column]),
            owed_value=float(tables["debt_value"][row, column]),
            penalty=self.rules.of_token(asset),
        )

    def perpetual(self, instrument: str, level: str = END) -> Perpetual:
        """A perpetual with the weights of a level; one that is not held has no lots and no quote."""
        self.check_orders()
        row, column = self.row("perpetual", instrument), self.row("level", level)
        tables = self.prepared.bound.tables
        held = self.portfolio.positions.get(instrument, Position(0))
        return Perpetual(
            instrument=instrument,
            lots=held.lots,
            quote=-held.open_cost * float(tables["cost_size"][row, 0]),
            size=float(tables["perpetual_size"][row, 0]),
            price=float(tables["perpetual_price"][row, 0]),
            long_value=float(tables["long_value"][row, column]),
            short_value=float(tables["short_value"][row, column]),
            profit_weight=float(tables["profit_weight"][row, column]),
            penalty=self.rules.of_perpetual(instrument),
        )

    def room(self, asset: str) -> float:
        """Tokens that the account can pay with its maintenance health without perpetuals still >= 0."""
        alone = Standing(self.prepared, self.portfolio.holding(positions={}), self.rules)
        token = alone.token(asset, "maintenance")
        return token.fall(token.balance, alone.health("maintenance"))

    def open_steps(self) -> tuple[Open, ...]:
        """Steps that the venue permits now, in its order: those of the first phase in which there are any.

        Orders are cancelled first. Then debts are repaid out of tokens, perpetuals closed and profits taken over. Once
        none of these is left, losses of perpetuals are settled and covered, and debts covered. A profit that counts for
        as much as taking it over pays (``1 - f <= w``) stays open: it is settled between accounts, by no step here.
        """
        phases = (self.cancelling, self.closing, self.covering)
        return next((found for phase in phases if (found := tuple(phase()))), ())

    def cancelling(self) -> Iterator[Open]:
        for name in dict.fromkeys(order.instrument for order in self.portfolio.orders):
            yield Open(Step.CANCEL, (name,))

    def closing(self) -> Iterator[Open]:
        tokens = [self.token(name) for name in self.held("token")]
        owned = [token.asset for token in tokens if min(token.balance, token.effective) >= self.atom(token.asset)]
        for debt in debts(tokens):
            yield from (Open(Step.TOKENS, (debt, name)) for name in owned)
        perpetuals = [self.perpetual(name) for name in self.held("perpetual")]
        yield from (Open(Step.PERPETUAL, (held.instrument,)) for held in perpetuals if held.lots)
        yield from (Open(Step.PROFIT, (held.instrument,)) for held in perpetuals if not held.lots and held.quote > 0)

    def covering(self) -> Iterator[Open]:
        perpetuals = [self.perpetual(name) for name in self.held("perpetual")]
        yield from (Open(Step.LOSS, (held.instrument,)) for held in perpetuals if held.quote < 0)
        yield from (Open(Step.DEBT, (name,)) for name in debts([self.token(name) for name in self.held("token")]))

    # ---- where things stand in the plan ---------------------------------------------------------------

    def row(self, axis: str, name: str) -> int:
        """Row of a token or perpetual among the plan's labels, column of a level."""
        bound = self.prepared.bound
        names = bound.rows[axis] if axis in bound.rows else bound.labels[axis]
        return int(check.known(axis, name, {label: row for row, label in enumerate(names)}, axis))

    def held(self, axis: str) -> tuple[str, ...]:
        """Tokens, or perpetuals, in the plan's order; those not held are no step's subject."""
        return self.prepared.bound.labels[axis]

    def settling(self, asset: str) -> list[str]:
        """Perpetuals that settle in a token."""
        instruments = self.prepared.instruments
        return [name for name in self.held("perpetual") if instruments.instrument(name).settlement == asset]

    def balance(self, asset: str) -> float:
        size = self.prepared.bound.tables["token_size"][self.row("token", asset), 0]
        return float(self.portfolio.balances.get(asset, 0) * size)

    def atom(self, asset: str) -> float:
        return 10.0 ** -self.prepared.instruments.asset(asset).decimals

    def check_orders(self) -> None:
        if self.portfolio.orders:
            raise check.refuse("orders", "be cancelled before a step", len(self.portfolio.orders))


def debts(tokens: list[Token]) -> list[str]:
    """Tokens that are owed, by the balance and with their perpetuals."""
    return [token.asset for token in tokens if max(token.balance, token.effective) < 0]
