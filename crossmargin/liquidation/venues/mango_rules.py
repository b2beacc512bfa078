"""What the close-out steps of Mango v4 work on: penalties, a token and a perpetual of an account, an insurance fund.

Amounts are whole tokens, prices quote currency a token, of a perpetual settle tokens a unit of base; health is the
plan's surplus in quote currency. All are float64, as the venue holds fractions of an atom; lots and the fund's atoms
are integers, rounded up where the venue rounds up. What goes to a ledger is rounded to its atoms there. Sources:
mango-v4, state/bank.rs (fees), health/cache.rs (effective balances, amounts to health zero); ``docs/venues.md``.
"""

from dataclasses import dataclass
from enum import StrEnum
from math import ceil, inf

from crossmargin import _checks as check
from crossmargin.margin.method import Parameters

NATIVE = 1e-6  # quote currency of the venue's smallest unit: health is read to a unit, not to 0
NOISE = 1e-12  # of a quotient: rounding of float64, not a part of a lot


class Limit(StrEnum):
    """What a step ended at."""

    HEALTH = "health"  # nothing is missing any more
    DEBT = "debt"  # what is owed is repaid
    COLLATERAL = "collateral"  # what may be taken is used up
    POSITION = "position"  # the position is closed
    CALLER = "caller"  # the most that the liquidator takes over
    SETTLE_LIMIT = "settle limit"  # the most profit that may be settled


class PenaltyRates(Parameters, frozen=True, kw_only=True):
    """Shares of what is closed out of a token or a perpetual that an account pays, fractions.

    To the ``liquidator`` and to the ``platform``; ``profit``, of perpetuals: the share of a settled profit that the
    liquidator keeps.
    """

    subject: str
    liquidator: float = 0.0
    platform: float = 0.0
    profit: float = 0.0

    def __post_init__(self) -> None:
        for name in ("liquidator", "platform", "profit"):
            check.fraction(f"{name} penalty", getattr(self, name), f"of {self.subject!r}")

    @property
    def total(self) -> float:
        return self.liquidator + self.platform


class Rules(Parameters, frozen=True, kw_only=True):
    """Penalties of tokens and of perpetuals, none for what is not named; ``native`` in quote currency."""

    tokens: tuple[PenaltyRates, ...] = ()
    perpetuals: tuple[PenaltyRates, ...] = ()
    native: float = NATIVE

    def __post_init__(self) -> None:
        check.unique("token penalty", (rule.subject for rule in self.tokens))
        check.unique("perpetual penalty", (rule.subject for rule in self.perpetuals))
        check.positive("native", self.native)

    def of_token(self, asset: str) -> PenaltyRates:
        return next((rule for rule in self.tokens if rule.subject == asset), NONE)

    def of_perpetual(self, instrument: str) -> PenaltyRates:
        return next((rule for rule in self.perpetuals if rule.subject == instrument), NONE)


NONE, DEFAULT = PenaltyRates(subject="none"), Rules()


@dataclass(frozen=True, slots=True, kw_only=True)
class Token:
    """A token of an account: its balance, negative where owed, and what a token counts for.

    ``effective``: balance and what counts of the perpetuals that settle in it; ``owned_value`` and ``owed_value``:
    weight times price of what is owned and of what is owed.
    """

    asset: str
    balance: float
    effective: float
    price: float
    owned_value: float
    owed_value: float
    penalty: PenaltyRates = NONE

    def __post_init__(self) -> None:
        where = f"of token {self.asset!r}"
        for name in ("balance", "effective"):
            check.number(name, getattr(self, name), where)
        for name in ("price", "owed_value"):
            check.positive(name, getattr(self, name), where)
        check.number("owned_value", self.owned_value, where, low=0.0)

    def value(self, amount: float) -> float:
        """Health of an amount: at the debt weight below 0, at the asset weight above."""
        return amount * (self.owed_value if amount < 0 else self.owned_value)

    def rise(self, amount: float, gain: float) -> float:
        """Least rise of an amount that adds ``gain`` to health; inf where what is owned counts for nothing."""
        owed = max(-amount, 0.0)
        if gain <= owed * self.owed_value:
            return max(gain, 0.0) / self.owed_value
        return owed + (gain - owed * self.owed_value) / self.owned_value if self.owned_value else inf

    def fall(self, amount: float, health: float) -> float:
        """Largest fall of an amount that takes no more than ``health``; it may turn what is owned into a debt."""
        owned = max(amount, 0.0)
        if health < 0:
            return 0.0
        if health < owned * self.owned_value:
            return health / self.owned_value
        return owned + (health - owned * self.owned_value) / self.owed_value


@dataclass(frozen=True, slots=True, kw_only=True)
class Perpetual:
    """A perpetual of an account without orders: signed lots and quote (the negative open cost), in settle tokens.

    ``size``: base a lot; ``long_value`` and ``short_value``: weight times price of base; ``profit_weight``: the
    share of a profit that counts.
    """

    instrument: str
    lots: int
    quote: float
    size: float
    price: float
    long_value: float
    short_value: float
    profit_weight: float
    penalty: PenaltyRates = NONE

    def __post_init__(self) -> None:
        where = f"of perpetual {self.instrument!r}"
        check.integer("lots", self.lots, where)
        check.number("quote", self.quote, where)
        for name in ("size", "price"):
            check.positive(name, getattr(self, name), where)
        for name in ("long_value", "short_value", "profit_weight"):
            check.number(name, getattr(self, name), where, low=0.0)

    @property
    def profit(self) -> float:
        """``u = quote + base x weighted price of its side``, settle tokens."""
        return self.quote + self.lots * self.size * (self.short_value if self.lots < 0 else self.long_value)

    def counted(self, profit: float) -> float:
        """A loss in full, a profit by its weight."""
        return profit * self.profit_weight if profit > 0 else profit


@dataclass(frozen=True, slots=True, kw_only=True)
class InsuranceFund:
    """What the fund holds, in atoms of its asset, and the ``price`` of an atom in quote currency.

    A market that the fund does not insure sees one of 0 atoms.
    """

    asset: str
    atoms: int
    price: float

    def __post_init__(self) -> None:
        check.integer("atoms", self.atoms, "of insurance fund", low=0)
        check.positive("price", self.price, "of insurance fund")

    def pays(self, worth: float) -> int:
        """Atoms for a worth in quote currency, rounded up, at most all: ``min(ceil(worth / price), atoms)``."""
        return self.atoms if worth >= self.atoms * self.price else min(whole(worth / self.price), self.atoms)

    def covers(self, atoms: int, worth: float, most: float) -> float:
        """Tokens worth ``worth`` each that atoms pay for, at most so many: ``min(atoms price / worth, most)``."""
        found = atoms * self.price / worth
        return most if found >= most * (1.0 - NOISE) else found


def whole(quotient: float) -> int:
    """The quotient rounded up; what exceeds a whole number by less than 1e-12 of it is no part of one more."""
    return ceil(quotient * (1.0 - NOISE))
