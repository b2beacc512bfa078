"""Parameter sets by date: the latest one that is not after a moment."""

from collections.abc import Sequence
from typing import TypeVar

from crossmargin import _checks as check

T = TypeVar("T")
LATEST = "9999"


def in_force(name: str, sets: Sequence[tuple[str, T]], as_of: str = LATEST) -> T:
    """Take the last of the sets, (ISO date or its beginning, value), whose date is not after ``as_of``.

    A date before the first set is refused: what was in force then is not known.
    """
    known = [value for date, value in sets if date <= check.text("as_of", as_of)]
    if not known:
        raise check.refuse("as_of", f"not be before {sets[0][0]}, the first set of {name}", as_of)
    return known[-1]
