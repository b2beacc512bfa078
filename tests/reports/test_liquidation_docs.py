"""The examples of docs/liquidation.md print what the page shows."""

import io
import re
from contextlib import redirect_stdout
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs" / "liquidation.md").read_text()
BLOCKS = re.findall(r"^## ([\w -]+)\n.*?```python\n(.*?)```\n+```text\n(.*?)```", PAGE, flags=re.S | re.M)


@pytest.mark.parametrize(("code", "printed"), [block[1:] for block in BLOCKS], ids=[block[0] for block in BLOCKS])
def test_an_example_prints_what_the_page_shows(code, printed, monkeypatch):
    monkeypatch.chdir(ROOT)
    out = io.StringIO()
    with redirect_stdout(out):
        exec(compile(code, "liquidation.md", "exec"), {})
    assert out.getvalue() == printed


def test_every_part_has_its_example():
    names = re.findall(r"^## (.+)$", PAGE, flags=re.M)
    assert [block[0] for block in BLOCKS] == names
    assert [name.lower().replace(" ", "-") for name in names] == re.findall(r"\(#([\w-]+)\)", PAGE)
