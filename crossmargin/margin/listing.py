"""The instruments and assets that a method can hold, out of a table that may list more.

What is left out has no key (-1), so that holding it is refused by name, and no price of it is read.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

import numpy as np

from crossmargin._checks import Integers
from crossmargin.instruments import Asset, Instrument, Instruments
from crossmargin.margin.keys import Keys


@dataclass(frozen=True)
class Listing:
    """``instruments``: a table of what is taken; ``rows`` and ``asset_rows``: its places in the whole table."""

    instruments: Instruments
    rows: Integers
    asset_rows: Integers
    sizes: tuple[int, int]

    @classmethod
    def of(
        cls, whole: Instruments, takes: Callable[[Instrument], bool], takes_asset: Callable[[Asset], bool]
    ) -> "Listing":
        """Take instruments and assets by a rule each; a settlement asset of what is taken comes along."""
        rows = [row for row, instrument in enumerate(whole) if takes(instrument)]
        settled = {whole.rows[row].settlement for row in rows}
        assets = [row for row, asset in enumerate(whole.assets) if takes_asset(asset) or asset.id in settled]
        table = Instruments.of([whole.rows[row] for row in rows], [whole.assets[row] for row in assets])
        sizes = (len(whole), len(whole.assets))
        return cls(table, np.array(rows, dtype=np.int64), np.array(assets, dtype=np.int64), sizes)

    def keys(self, holdings: Iterable[str], balances: Iterable[str] = ("balance",)) -> Keys:
        """Axes instrument and asset of what is taken, and the keys of these holdings' items."""
        labels = {
            "instrument": tuple(row.id for row in self.instruments),
            "asset": tuple(asset.id for asset in self.instruments.assets),
        }
        keys = Keys(labels, {}, {})
        keys.items |= dict.fromkeys(holdings, places(self.rows, self.sizes[0]))
        keys.items |= dict.fromkeys(balances, places(self.asset_rows, self.sizes[1]))
        return keys


def places(rows: Integers, size: int) -> Integers:
    """Key of each item of the whole table, -1 where it is left out."""
    found = np.full(size, -1, dtype=np.int64)
    found[rows] = np.arange(len(rows))
    return found
