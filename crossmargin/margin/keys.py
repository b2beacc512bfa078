"""The key tree of a list of instruments: instrument to strike to expiry to underlying to group."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from crossmargin import _checks as check
from crossmargin._checks import Integers
from crossmargin.instruments import Instruments

NO_GROUP = "(cash)"  # group of assets that no underlying moves


@dataclass
class Keys:
    """Axis labels and child-to-parent maps; methods add axes of their own."""

    labels: dict[str, tuple[str, ...]]
    maps: dict[tuple[str, str], Integers]
    items: dict[str, Integers]
    rows: dict[str, tuple[str, ...]] = field(default_factory=dict)

    @classmethod
    def of(cls, instruments: Instruments) -> "Keys":
        """Axes instrument, asset, strike, expiry, underlying, with every item held under itself."""
        n, n_assets = len(instruments), len(instruments.assets)
        keys = cls({}, {}, {})
        keys.labels["instrument"] = tuple(row.id for row in instruments)
        keys.labels["asset"] = tuple(asset.id for asset in instruments.assets)
        keys.items = {"position": np.arange(n), "cost": np.arange(n), "balance": np.arange(n_assets)}
        keys.add_tree(instruments)
        keys.maps["instrument", "asset"] = instruments.settlement
        return keys

    def add_tree(self, instruments: Instruments) -> None:
        """Add strike, expiry and underlying above the axis instrument."""
        expiries = instruments.expiry_keys
        strikes = [
            f"{e}:{row.strike!r}" if row.strike is not None else e for e, row in zip(expiries, instruments, strict=True)
        ]
        self.add("instrument", "strike", strikes)
        of_strike = dict(zip(strikes, expiries, strict=True))
        self.add("strike", "expiry", [of_strike[strike] for strike in self.labels["strike"]])
        of_expiry = dict(zip(expiries, instruments.column("underlying"), strict=True))
        self.add("expiry", "underlying", [of_expiry[expiry] for expiry in self.labels["expiry"]])

    def add(self, child: str, parent: str, names: Iterable[str]) -> None:
        """Add a parent axis by the name of each child's parent; labels are sorted."""
        of_child = list(names)
        labels = tuple(sorted(set(of_child) | set(self.labels.get(parent, ()))))
        self.labels[parent] = labels
        index = {label: number for number, label in enumerate(labels)}
        self.maps[child, parent] = np.array([index[name] for name in of_child], dtype=np.int64)

    def pick(self, axis: str, names: Sequence[str], rows: Iterable[int]) -> None:
        """Add an axis of some items of a source; the others are not held under it (-1)."""
        chosen = [int(row) for row in rows]
        self.labels[axis] = tuple(names[row] for row in chosen)
        items = np.full(len(names), -1, dtype=np.int64)
        items[chosen] = np.arange(len(chosen))
        self.items[axis] = items

    def add_groups(self, instruments: Instruments, groups: Mapping[str, list[str]]) -> None:
        """Add the axis group over underlyings and over the assets that they move."""
        group_of = {underlying: name for name, members in groups.items() for underlying in members}
        taken = set(self.labels["underlying"]) | group_of.keys()
        for name in sorted(taken & groups.keys()):
            if group_of.get(name) != name:
                raise check.refuse("group", "not be the name of an underlying of another group", name)
        of_assets = [
            NO_GROUP if a.underlying is None else group_of.get(a.underlying, a.underlying) for a in instruments.assets
        ]
        of_underlyings = [group_of.get(u, u) for u in self.labels["underlying"]]
        self.labels["group"] = tuple(sorted({*of_assets, *of_underlyings}))
        self.add("asset", "group", of_assets)
        self.add("underlying", "group", of_underlyings)

    def shape(self) -> dict[str, Any]:
        """As ``Binding.of`` takes it."""
        return {"labels": self.labels, "rows": self.rows, "maps": self.maps, "items": self.items}
