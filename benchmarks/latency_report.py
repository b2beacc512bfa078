"""The latency table as Markdown: a row a measure, and beside it what it is held against."""

from collections.abc import Sequence
from dataclasses import dataclass

from latency_host import Spread
from report import table

HEAD = ("case", "work", "p50", "p99", "p99.9", "count", "each", "beside", "theirs", "ratio", "target", "met")
TITLE = """# Latency of the gate

Written by `{command}`. Times in ns.

A call is timed alone, between two serialised reads of the time-stamp counter, into a histogram of one bucket a tick: p50, p99,
p99.9 and count are of that, the counter's own cost included, which the first row has alone (an empty loop). The counter
of this machine moves in steps of about {tick:.0f} ns, so a quantile of tens of ns is coarse; "each" is therefore the same work
back to back, total time by calls, least of three. Back to back the processor overlaps a call with the next, alone it cannot:
a target of one call is held against the greater of "each" and the p50 less that of the empty loop, one of a
distribution against quantiles less the empty loop's. "theirs" is the floor or other work of the same run that "beside"
names; a ratio is ours over theirs.
That latency does not grow with what an account holds is claimed for (a) alone: between marks.
"""


@dataclass(frozen=True)
class Row:
    """One measure; ``within``: what the ratio may be, or the time itself where nothing stands beside it."""

    case: str
    work: str
    spread: Spread | None = None
    each: float | None = None
    beside: str = "-"
    theirs: float | None = None
    ratio: float | None = None
    within: float | None = None
    target: str = ""
    met: bool | None = None
    count: int | None = None

    @property
    def answer(self) -> str:
        """Whether the target is met; "-" where there is none or nothing to hold it against."""
        if self.met is not None:
            return "met" if self.met else "missed"
        if self.within is None:
            return "-"
        return "absent" if self.ratio is None else ("met" if self.ratio <= self.within else "missed")

    def cells(self, judged: bool) -> tuple[str, ...]:
        quantiles = [quantile(q, self.spread.most) for q in self.spread.quantiles] if self.spread else ["-"] * 3
        count = self.spread.count if self.spread else self.count
        target = self.target or (f"<= {self.within:g}" if self.within is not None else "-")
        return (self.case, self.work, *quantiles, "-" if count is None else f"{count:,}", figure(self.each),
                self.beside, figure(self.theirs), "-" if self.ratio is None else f"{self.ratio:.2f}", target,
                self.answer if judged else "-")  # fmt: skip


def figure(value: float | None) -> str:
    if value is None:
        return "-"
    return f"{value:,.0f}" if value >= 100 else f"{value:.1f}"


def quantile(value: float, most: float) -> str:
    return f">= {figure(most)}" if value >= most else figure(value)


def against(ours: float, theirs: float | None) -> float | None:
    return None if not theirs else ours / theirs


def document(
    place: Sequence[tuple[str, str]], rows: Sequence[Row], notes: Sequence[str], command: str, tick: float, agreed: int,
    *, judged: bool,
) -> str:  # fmt: skip
    """The whole page; ``judged``: counts are those of the targets."""
    lines = table(HEAD, (row.cells(judged) for row in rows))
    text = [TITLE.format(command=command, tick=tick), *(f"- {name}: {value}" for name, value in place), "", *lines, ""]
    text += [f"- {note}" for note in notes]
    text += ["", f"C, Python and `check_many` gave the same answer to all of {agreed:,} questions.", ""]
    if judged:
        answers = [row.answer for row in rows]
        counts = ", ".join(f"{word} {answers.count(word)}" for word in ("met", "missed", "absent"))
        text.append(f"Targets: {counts}.")
        text += [f"- missed: ({row.case}) {row.work}, beside {row.beside}" for row in rows if row.answer == "missed"]
    else:
        text.append("Small counts: all forms agree, no target is judged.")
    return "\n".join(text) + "\n"
