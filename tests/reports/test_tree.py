"""Explanations as trees: nothing is lost when lines are cut."""

import pytest
from rich.console import Console

from crossmargin.margin import Explanation
from crossmargin.reports import tree
from crossmargin.reports.tree import shortened
from strategies import desk, method_of


def printed(renderable):
    console = Console(width=200)
    with console.capture() as captured:
        console.print(renderable)
    return captured.get()


def leaves(n):
    return tuple(Explanation(f"leaf {i}", float(i)) for i in range(n))


@pytest.mark.parametrize("n", [0, 1, 3, 4, 5, 20])
def test_the_rest_is_summed_in_one_line(n):
    found = shortened(leaves(n), 3)
    assert sum(leaf.value for leaf in found) == sum(range(n))
    assert len(found) == min(n, 4)
    if n > 4:
        assert found[-1].name == f"{n - 3} more"


def test_a_tree_prints_components_leaves_and_notes():
    text = printed(tree(Explanation("whole", 3.0, (Explanation("part", 3.0, leaves(3), note="-10%"),))))
    assert text.splitlines()[0].split() == ["whole", "3.00"]
    assert "part  3.00  -10%" in text
    assert [line.split()[-1] for line in text.splitlines()[2:]] == ["0.00", "1.00", "2.00"]


@pytest.mark.parametrize("name", ["[/bold]", "[dim]", "[link=x]"])
def test_names_and_notes_are_text_and_never_markup(name):
    text = printed(tree(Explanation(name, 1.0, (Explanation(name, 1.0, note=name),))))
    assert text.count(name) == 3


def test_the_tree_of_an_account_sums_to_its_requirement():
    found = desk()
    explained = method_of().requirement(found.portfolio, found.market).explain()
    text = printed(tree(explained))
    assert f"initial requirement  {explained.value:,.2f}" in text
    for component in explained:
        assert component.name in text
