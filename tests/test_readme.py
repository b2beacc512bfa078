"""The README shows only what its own code prints."""

import io
import re
from contextlib import redirect_stdout
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
README = (ROOT / "README.md").read_text() + (ROOT / "docs" / "embedding.md").read_text()
BLOCKS = re.findall(r"```python\n(.*?)```\n+```text\n(.*?)```", README, flags=re.S)


@pytest.mark.parametrize(("code", "printed"), BLOCKS)
def test_python_of_the_readme_prints_what_it_shows(code, printed, monkeypatch):
    monkeypatch.chdir(ROOT)
    out = io.StringIO()
    with redirect_stdout(out):
        exec(compile(code, "README.md", "exec"), {})
    assert out.getvalue() == printed


def test_the_readme_shows_code_with_output():
    assert BLOCKS
