"""The table as Markdown: where it ran, a line for each comparison, costs by size."""

from collections.abc import Iterable, Sequence

from harness import Line
from misses import MISSES, Miss
from size_rows import FLAT, LARGE, Steps

TITLE = """# Benchmarks

Written by `{command}`. Least of {rounds} rounds, all entries of a line in turn; one thread on one core, two on two;
BLAS on one thread. Figures of ours, peers and floors are compared before the clock runs, within the tolerances of each
case. Peers are vectorised and prepare outside the clock; floors are C loops built for the instruction level
in use, while NumPy and numba choose theirs.
A ratio after `<=` is ours over theirs, after `>=` theirs over ours; a target with two figures (AVX-512, AVX2) has none
at the baseline. "limit" is what the processor allows: a ratio to it is the share of it that is reached.
"""
HEAD = ("#", "work", "size", "threads", "item", "ours, ns", "beside", "which", "theirs, ns", "ratio", "target", "met")
LEFT = {"work", "size", "item", "beside", "which"}
MISSED = 2.0  # by which factor a target, or what is known of it, may be missed before the run fails


def figure(value: float | None) -> str:
    """Four digits, thousands parted."""
    if value is None:
        return "absent"
    return f"{value:,.0f}" if value >= 1000 else f"{value:.4g}"


def cells(line: Line, judged: bool) -> tuple[str, ...]:
    """A line of the table."""
    case = line.case
    ratio = "-" if line.ratio is None else f"{line.ratio:.2f}"
    target = "-" if line.target is None else f"{line.direction} {line.target:g}"
    theirs = "-" if line.kind == "gain" else figure(line.theirs)
    return (str(case.row), case.work, case.size, str(case.entries[0].threads), case.unit, figure(line.ours),
            line.kind, line.name, theirs, ratio, target, line.met if judged else "-")  # fmt: skip


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    """A Markdown table; columns of figures to the right."""
    rule = ["---" if name in LEFT else "--:" for name in head]
    return [f"| {' | '.join(row)} |" for row in (head, rule, *rows)]


def by_size(found: Sequence[Steps]) -> list[str]:
    """Costs by size: a line for each work and way."""
    head = ("#", "work", "which", *(f"{size:,}" for size in found[0].sizes), "most / least", "met")
    rows = [
        (str(steps.row), steps.work, name, *map(figure, costs), spread(steps, name), flat(steps, name))
        for steps in found for name, costs in steps.costs.items()
    ]  # fmt: skip
    return table(head, rows)


def spread(steps: Steps, name: str) -> str:
    value = steps.spread(name)
    return "-" if value is None else f"{value:.2f}"


def flat(steps: Steps, name: str) -> str:
    """Whether ours is flat over the large sizes, or no steeper than what shares the memory's part with it."""
    value, other = steps.spread(name), steps.spread(steps.beside) if steps.beside in steps.costs else None
    if value is None or name == steps.beside:
        return "-"
    if value <= FLAT:
        return "flat"
    return f"as {steps.beside}" if other is not None and value <= FLAT * other else "no"


def fixed(found: Sequence[Steps]) -> list[str]:
    """What a call costs whatever its size: the excess of the smallest size over the least cost an item."""
    lines = []
    for steps in found:
        for name, why in {"one thread": steps.why, "two threads": "the same, and the hand-over to threads"}.items():
            if name in steps.costs:
                excess = max(steps.costs[name][0] - min(steps.costs[name]), 0.0) * steps.first_items / 1000
                lines.append(f"- {steps.work}, {name}: a call of {steps.sizes[0]:,} takes {excess:,.1f} us more "
                             f"than its items at the least cost: {why}.")  # fmt: skip
    return lines


def document(
    place: Sequence[tuple[str, str]], lines: Sequence[Line], steps: Sequence[Steps], command: str, rounds: int,
    *, judged: bool,
) -> str:
    """The whole text; ``judged``: sizes are those of the targets."""
    text = [TITLE.format(command=command, rounds=rounds), *(f"- {name}: {value}" for name, value in place), ""]
    if lines:
        text += table(HEAD, (cells(line, judged) for line in lines))
    if steps:
        text += ["", "## 13: cost by size", "", f"Nanoseconds an item; from {LARGE:,} items on flat within {FLAT}, or "
                 "as steep as what reads the same memory.", "", *by_size(steps), "", *fixed(steps)]  # fmt: skip
    text += ["", *(missed(lines) if judged else ["Small sizes: all forms agree, no ratio is judged."])]
    return "\n".join(text) + "\n"


def missed(lines: Sequence[Line]) -> list[str]:
    """Counts of targets; what bounds each that is missed; those that fail the run."""
    judged = [line for line in lines if line.target is not None]
    kept, absent = (sum(line.met == word for line in judged) for word in ("yes", "absent"))
    below = [line for line in judged if line.met == "no"]
    text = [f"Targets: {len(judged)}, met {kept}, absent {absent}, missed {len(below)}.", ""]
    text += dict.fromkeys(f"- {place_of(line)}: {known(line).why}." for line in below)
    far_off = [place_of(line) for line in far(lines)]
    return [*text, "", f"Missed by more than twice, or than twice what is known: {len(far_off)}.", *far_off]


def place_of(line: Line) -> str:
    return f"{line.case.row}, {line.case.work}, beside {key_of(line)[2]}"


def key_of(line: Line) -> tuple[int, str, str]:
    return line.case.row, line.case.work, "gain" if line.kind == "gain" else line.name


def known(line: Line) -> Miss:
    """What is known of a target that is missed."""
    return MISSES.get(key_of(line), Miss(1.0, "not looked into"))


def far(lines: Sequence[Line]) -> list[Line]:
    """Lines that fail the run."""
    return [line for line in lines if line.miss > MISSED * known(line).factor]
