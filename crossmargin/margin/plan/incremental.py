"""The face of the incremental evaluator: one account, changed item by item, exactly reversible.

A plan in which a change stays on the item's path to the account runs in ``_core.increment``. Where
it fans out (``at``, ``least``, ``most``, ``norm``, the matchers) the account is recomputed by the batch
evaluator over what it holds: the same bits, at the cost of a batch of one.
"""

from collections.abc import Mapping, Sequence

import numpy as np

from crossmargin import _checks as check
from crossmargin._checks import Floats
from crossmargin._core import increment
from crossmargin._core.status import Status
from crossmargin.errors import raise_for_status
from crossmargin.margin.plan.batch import run_feeds
from crossmargin.margin.plan.binding import Binding
from crossmargin.margin.plan.layout import Layout, lay_out
from crossmargin.margin.plan.plumbing import Plumbing, whole
from crossmargin.margin.plan.program import ACCOUNT
from crossmargin.margin.plan.quantum import Quanta

FANS_OUT = {"at", "least", "most", "norm", "match", "group"}


class Incremental:
    """One account of a plan: ``apply`` a change, ``contemplate`` it, read outputs by name.

    Quantities are absolute: ``apply("position", item, lots)`` sets what is held, so that applying the old
    quantity again un-applies to the bit. Items are keys of the holding's axis.
    """

    def __init__(self, bound: Binding, wanted: Mapping[str, int], quanta: Quanta, *, items: int = 64) -> None:
        self.bound, self.wanted = bound, dict(wanted)
        self.numbers = {h.name: row for row, h in enumerate(bound.program.holdings)}
        for name, most in quanta.lots.items():
            rule = f"of {name}: sums are exact within what the quanta were chosen for"
            check.positive("largest lots", float(np.max(most)), rule)
        self.layout = lay_out(bound, quanta)
        self.recomputed = any(node.op in FANS_OUT and not node.free for _, node in bound.program)
        nodes = list(self.wanted.values())
        widths = [bound.n_rows(bound.program.nodes[n]) for n in nodes]
        self.cuts, self.out = np.cumsum(widths)[:-1], np.zeros(sum(widths))
        if self.recomputed:
            self.account: Recomputed | increment.Account = Recomputed(self.layout, nodes, quanta)
        else:
            engine = Plumbing(bound, self.layout, nodes).engine(quanta)
            room = [1 if a == ACCOUNT else max(min(items, bound.size(a)), 1) for a in bound.program.axes]
            self.account = increment.Account(engine, whole(room))

    def apply(self, holding: str, item: int, lots: float) -> None:
        """Set the quantity of an item."""
        raise_for_status(self.account.apply(*self.place(holding, item), lots), f"change of {holding}")

    def quantity(self, holding: str, item: int) -> float:
        return self.account.quantity(*self.place(holding, item))

    def outputs(self) -> dict[str, Floats]:
        """Outputs and parts by name, at the present state."""
        raise_for_status(self.account.values(self.out), "outputs")
        return self.named()

    def contemplate(self, holding: str, item: int, lots: float) -> dict[str, Floats]:
        """Outputs as if the quantity of an item were ``lots``; nothing changes."""
        raise_for_status(self.account.contemplate(*self.place(holding, item), lots, self.out), f"change of {holding}")
        return self.named()

    def state(self) -> dict[tuple[int, int], bytes]:
        """Every sum and quantity that is not zero, as bytes."""
        return self.account.state()

    def place(self, holding: str, item: int) -> tuple[int, int]:
        number = check.known("holding", holding, self.numbers, "holding of the plan")
        size = self.bound.size(self.bound.program.holdings[number].axis)
        return number, int(check.number("item", item, f"of {holding}", low=0, high=size - 1))

    def named(self) -> dict[str, Floats]:
        return dict(zip(self.wanted, (v.copy() for v in np.split(self.out, self.cuts)), strict=True))


class Recomputed:
    """An account whose outputs are recomputed from what it holds, by the batch evaluator."""

    def __init__(self, layout: Layout, wanted: Sequence[int], quanta: Quanta) -> None:
        self.layout, self.wanted = layout, list(wanted)
        self.most = [quanta.lots[h.name] for h in layout.bound.program.holdings]
        self.held: list[dict[int, int]] = [{} for _ in layout.bound.program.holdings]

    def apply(self, holding: int, item: int, lots: float) -> int:
        if abs(lots) > self.most[holding]:
            return int(Status.RANGE)
        self.held[holding][item] = int(lots)
        if not lots:
            del self.held[holding][item]
        return 0

    def quantity(self, holding: int, item: int) -> float:
        return float(self.held[holding].get(item, 0))

    def values(self, out: Floats) -> int:
        feeds = []
        for held in self.held:
            rows = sorted(held.items())
            start = np.array([0, len(rows)], dtype=np.int64)
            feeds.append((start, whole([r[0] for r in rows])[: len(rows)], whole([r[1] for r in rows])[: len(rows)]))
        out[:] = run_feeds(self.layout, tuple(feeds), 1, self.wanted, by_key=True)[0]
        return 0

    def contemplate(self, holding: int, item: int, lots: float, out: Floats) -> int:
        old = self.quantity(holding, item)
        status = self.apply(holding, item, lots)
        if status == 0:
            self.values(out)
            self.apply(holding, item, old)
        return status

    def state(self) -> dict[tuple[int, int], bytes]:
        return {
            (h, item): lots.to_bytes(8, "little", signed=True)
            for h, held in enumerate(self.held)
            for item, lots in held.items()
        }
