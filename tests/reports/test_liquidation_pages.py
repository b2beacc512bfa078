"""Pages are one file that fetches nothing, their figures hold what the commands answer, and texts are never markup."""

import json
import re
import sys
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest

import crossmargin as cm
from crossmargin import cli
from crossmargin.reports import pages

SEEDS = Path(__file__).resolve().parents[2] / "seeds"
OPTIONS = SEEDS / "eth-options.json"


class Reader(HTMLParser):
    """Tags with their attributes, and the text of cells and paragraphs."""

    def __init__(self):
        super().__init__()
        self.tags, self.texts, self.inside = [], [], []

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        if tag not in {"meta", "link", "img"}:
            self.inside.append(tag)

    def handle_endtag(self, tag):
        assert self.inside.pop() == tag

    def handle_data(self, data):
        if self.inside and self.inside[-1] in {"p", "td", "th", "h1", "h2"}:
            self.texts.append(data)


def read(text):
    reader = Reader()
    reader.feed(text)
    assert not reader.inside
    return reader


def figures(text):
    """Traces of each figure by its id."""
    calls = re.finditer(r'Plotly\.newPlot\(\s*"([\w-]+)",\s*', text)
    return {call[1]: json.JSONDecoder().raw_decode(text[call.end() :])[0] for call in calls}


def fetches_nothing(reader):
    allowed = {"lang", "charset", "http-equiv", "content", "class", "id", "style", "type"}
    assert {name for _, attributes in reader.tags for name in attributes} <= allowed
    assert not {tag for tag, _ in reader.tags} & {"link", "img", "iframe", "object", "a", "base"}
    [policy] = [a["content"] for tag, a in reader.tags if "http-equiv" in a]
    assert policy.startswith("default-src 'none'; ")
    assert "http" not in policy


@pytest.fixture
def page(monkeypatch, capsys, tmp_path):
    """Run a command with a page and with data: the page's text and the data."""

    def made(*arguments):
        path = tmp_path / "page.html"
        monkeypatch.setattr(sys, "argv", ["crossmargin", *map(str, arguments), "--json", "--html", str(path)])
        with pytest.raises(SystemExit) as done:
            cli.main()
        assert not done.value.code
        assert [p.name for p in tmp_path.iterdir()] == ["page.html"]
        out, err = capsys.readouterr()
        assert err == ""
        return path.read_text(), json.loads(out)

    return made


def test_the_page_of_a_close_out(page):
    text, data = page("liquidate", OPTIONS, "--method", "isolated", "--shock", "ETH=0.3", "--penalty", "0.005")
    reader, found = read(text), figures(text)
    fetches_nothing(reader)
    assert list(found) == ["curves", "surface-1", "steps"]
    steps = data["close_out"]["steps"]
    assert found["steps"][0]["y"] == [steps[0]["surplus_before"], *(s["surplus_after"] for s in steps)]
    shades, zero, now = found["surface-1"]
    assert (zero["contours"], zero["z"]) == ({"type": "constraint", "operation": "=", "value": 0.0}, shades["z"])
    assert (now["x"], now["y"]) == ([0.0], [0.0])
    x, level = np.array(shades["x"]), shades["z"][shades["y"].index(0.0)]
    assert level == found["curves"][0]["y"]
    # where the level row crosses 0 lies the liquidation price
    [prices] = data["prices"]
    move = prices["liquidation"]["below"] / prices["index"] - 1
    [place] = np.flatnonzero(np.diff(np.sign(level)))
    assert x[place] <= move <= x[place + 1]
    assert np.interp(0.0, x, level) == pytest.approx(data["surplus_maintenance"], abs=1e-3)
    for step in steps:
        assert any(step["reason"] in cell for cell in reader.texts)
    assert any("a deposit of" in cell for cell in reader.texts)


def test_the_page_of_a_healthy_account_has_every_surface_and_no_close_out(page):
    text, data = page("liquidate", SEEDS / "crypto.json")
    reader, found = read(text), figures(text)
    fetches_nothing(reader)
    assert list(found) == ["curves", "surface-1", "surface-2", "surface-3"]
    assert [trace["name"] for trace in found["curves"]] == ["BTC and ETH", "BTC", "ETH"]
    assert len(found["surface-2"]) == 2  # nowhere 0: no line is drawn
    [eth] = [p for p in data["prices"] if p["underlying"] == "ETH"]
    assert max(found["surface-3"][0]["x"]) > eth["liquidation"]["above"] / eth["index"] - 1  # its axis reaches the price
    assert "Close-out" not in reader.texts
    assert any("healthy" in cell for cell in reader.texts)


def test_the_page_of_a_cascade_holds_every_round_of_every_method(page):
    arguments = ["--method", "isolated", "--method", "portfolio", "--accounts", "300", "--depth", "1e8", "--lag", "1"]
    text, data = page("cascade", OPTIONS, "--shock", "ETH=0.3", *arguments, "--fund", "20000")
    reader, found = read(text), figures(text)
    fetches_nothing(reader)
    assert list(found) == ["prices", "notional", "accounts", "fund", "socialised"]
    for number, (name, run) in enumerate(data["methods"].items()):
        for figure, field in (("notional", "notional"), ("accounts", "liquidated"), ("fund", "fund"), ("socialised", "socialised")):
            trace = found[figure][number]
            assert (trace["name"], trace["y"]) == (name, [row[field] for row in run["rounds"]])
        true, seen = (trace for trace in found["prices"] if trace["name"] == name)
        assert true["y"] == [row["factor"]["ETH"] for row in run["rounds"]]
        assert seen["y"] == [row["seen"]["ETH"] for row in run["rounds"]]
    assert any(cell.startswith("The accounts are made, not those of the file: 300 drawn with seed 0") for cell in reader.texts)


def test_the_same_page_again(page):
    arguments = ["cascade", OPTIONS, "--shock", "ETH=0.3", "--accounts", "50", "--rounds", "2"]
    assert page(*arguments)[0] == page(*arguments)[0]


def test_texts_are_never_markup():
    name = "<b>x</b></script><script>alert(1)</script>"
    trace = {"type": "scatter", "name": name, "x": [1], "y": [1]}
    text = pages.page(name, [pages.heading(name), pages.paragraph(name), pages.table(("", name), [(name, name)]),
                             pages.figure("f", [trace], title={"text": name})])  # fmt: skip
    reader = read(text)
    assert reader.texts.count(name) == 6  # title of the page, heading, paragraph, head, two cells
    assert "b" not in {tag for tag, _ in reader.tags}
    [found] = figures(text)["f"]
    assert found["name"] == name.replace("<", "&lt;").replace(">", "&gt;")


def test_a_page_without_its_library_names_the_extra(monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "plotly.graph_objects", None)
    for command in (["liquidate"], ["cascade", "--shock", "ETH=0.1"]):
        monkeypatch.setattr(sys, "argv", ["crossmargin", *command, str(OPTIONS), "--html", "page.html"])
        with pytest.raises(SystemExit) as done:
            cli.main()
        assert done.value.code == 2
        out, err = capsys.readouterr()
        assert (out, err) == ("", "crossmargin: plotly must be installed, was not: pip install 'crossmargin[report]'\n")
    with pytest.raises(cm.errors.MissingExtraError):
        pages.plotly("graph_objects")


def test_a_page_that_cannot_be_written_is_refused(monkeypatch, capsys, tmp_path):
    arguments = ["cascade", str(OPTIONS), "--shock", "ETH=0.1", "--accounts", "20", "--html", str(tmp_path)]
    monkeypatch.setattr(sys, "argv", ["crossmargin", *arguments])
    with pytest.raises(SystemExit):
        cli.main()
    out, err = capsys.readouterr()
    assert out == ""
    assert err == f"crossmargin: html must be a file that can be written, was '{tmp_path}' (Is a directory)\n"
