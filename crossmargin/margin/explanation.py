"""The explanation tree: plain data, one node a line, children summing to their parent."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

from crossmargin.margin.plan.evaluate import Trace
from crossmargin.margin.plan.explain import Attribution, attribute
from crossmargin.margin.plan.program import Part


@dataclass(frozen=True, slots=True)
class Explanation:
    """``value`` of ``name`` and what it is made of; ``note`` tells the scenario that binds."""

    name: str
    value: float
    children: tuple["Explanation", ...] = ()
    note: str = ""
    worst_scenario: str | None = None

    def __iter__(self) -> Iterator["Explanation"]:
        return iter(self.children)

    def __str__(self) -> str:
        return "\n".join(lines(self))

    def with_part(self, part: "Explanation") -> "Explanation":
        """The same tree with one more component."""
        return replace(self, value=self.value + part.value, children=(*self.children, part))

    def leaves(self) -> Iterator["Explanation"]:
        """Every line without children."""
        if not self.children:
            yield self
        for child in self.children:
            yield from child.leaves()

    def plain(self) -> dict[str, Any]:
        """The tree as plain data for JSON."""
        found: dict[str, Any] = {"name": self.name, "value": self.value}
        if self.note:
            found["note"] = self.note
        if self.worst_scenario is not None:
            found["worst_scenario"] = self.worst_scenario
        if self.children:
            found["children"] = [child.plain() for child in self.children]
        return found


def lines(node: Explanation, depth: int = 0) -> Iterator[str]:
    note = f"  ({node.note})" if node.note else ""
    yield f"{'  ' * depth}{node.name:<{max(44 - 2 * depth, 1)}} {node.value:>18,.2f}{note}"
    for child in node.children:
        yield from lines(child, depth + 1)


def explain(trace: Trace, level: str, levels: tuple[str, ...], scale: float = 1.0) -> Explanation:
    """Explain the requirement at one level; ``scale`` converts into the account's currency."""
    row = levels.index(level)
    parts = [p for p in trace.bound.program.parts if p.side == "charge"]
    found = [(part, attribute(trace, part.node, row)) for part in parts]
    children = tuple(branch(part, value_of(trace, part, row), shares, scale) for part, shares in found)
    whole = sum(child.value for child in children)
    return Explanation(f"{level} requirement", whole, children, worst_scenario=binding(found))


def value_of(trace: Trace, part: Part, row: int) -> float:
    values = trace.values[part.node][0]
    return float(values[row if len(values) > 1 else 0])


def branch(part: Part, value: float, shares: Attribution, scale: float) -> Explanation:
    """One component: its items by size, then what could not be spread."""
    named = [*shares.items.items(), *shares.stops.items()]
    ordered = sorted(named, key=lambda pair: (-abs(pair[1]), pair[0]))
    leaves = tuple(Explanation(name, float(share) * scale) for name, share in ordered)
    return Explanation(part.name, value * scale, leaves, note="; ".join(notes(shares)))


def notes(shares: Attribution) -> Iterator[str]:
    """Which row bound for which key, the heaviest first; a key that loses nothing is left out."""
    heavy = sorted((entry for entry in shares.active if entry[2]), key=lambda entry: -abs(entry[2]))
    for key, row, _ in heavy[:4]:
        yield f"{key}: {row}" if key else row


def binding(found: list[tuple[Part, Attribution]]) -> str | None:
    """The row that carries the most of the requirement."""
    active = [entry for _, shares in found for entry in shares.active]
    return max(active, key=lambda entry: abs(entry[2]))[1] if active else None
