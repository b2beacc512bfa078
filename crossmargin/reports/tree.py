"""An explanation as a tree on the terminal."""

from typing import TYPE_CHECKING

from crossmargin.margin import Explanation

if TYPE_CHECKING:
    from rich.text import Text
    from rich.tree import Tree


def tree(explanation: Explanation, *, most: int = 12) -> "Tree":
    """Every component with its ``most`` heaviest lines; the rest is summed in one, so nothing is lost."""
    from rich.tree import Tree

    made = Tree(line(explanation))
    for component in explanation:
        grow(made, component, most)
    return made


def grow(trunk: "Tree", node: Explanation, most: int) -> None:
    """Add a line and what it is made of."""
    branch = trunk.add(line(node))
    for child in shortened(node.children, most):
        grow(branch, child, most)


def shortened(children: tuple[Explanation, ...], most: int) -> tuple[Explanation, ...]:
    if len(children) <= most + 1:
        return children
    rest = children[most:]
    return (*children[:most], Explanation(f"{len(rest)} more", sum(child.value for child in rest)))


def line(node: Explanation) -> "Text":
    """Lay out one line of the tree; names and notes are text, never markup."""
    from rich.text import Text

    note = f"  {node.note}" if node.note else ""
    return Text.assemble(f"{node.name}  ", (f"{node.value:,.2f}", "bold"), (note, "dim"))
