"""How Paradex socialises a loss: withdrawals are charged while deficits exceed the insurance fund.

    bankruptcy           max(0, -account value)                     of an account, atoms
    exchange bankruptcy  E = max(0, sum of them - fund)
    factor               E / (T + E)                                of every withdrawal, to the fund

T is the sum of the users' balances; the page calls it the exchange's and its formula would count the fund among them
(20 % in its example), the example does not (25 %): ``total_with_fund`` is the other reading. The charge rounds up.
The fund takes a bankrupt account over, and bears it at the marks that follow.
Source: tradeparadex/paradex-docs ``risk-system/socialized-losses``; specs/exchanges.md 6.
"""

from collections.abc import Iterable

from crossmargin import _checks as check
from crossmargin.liquidation.socialisation import Haircut, shortfall


def bankruptcy(value: int) -> int:
    """What an account of this value lacks, atoms: 0 unless it is negative."""
    return max(0, -value)


def socialised_loss(
    values: Iterable[int], balances: Iterable[int], fund: int, *, total_with_fund: bool = False
) -> Haircut:
    """The charge on withdrawals: ``values`` of accounts at the mark, ``balances`` of the users, the ``fund``; atoms.

    A fund that owes more than it has is negative: its debt is part of E. Negative balances count as 0.
    """
    check.integer("fund", fund)
    total = sum(max(0, balance) for balance in balances) + (max(0, fund) if total_with_fund else 0)
    return Haircut(shortfall=shortfall(values, fund), total=total)


def taken_over(value: int, fund: int) -> int:
    """What the fund is worth with an account of this value in it; below 0 the exchange is short again."""
    return check.integer("fund", fund) + check.integer("value", value)
