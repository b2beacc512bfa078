"""Without the library of an extra its adapter says which extra to install."""

import sys

import pytest

from crossmargin.errors import MissingExtraError


@pytest.mark.parametrize("module", ["nautilus", "nautilus_instruments", "nautilus_mirror", "nautilus_gate", "nautilus_balances"])
def test_nautilus_is_named(module, monkeypatch):
    for name in [n for n in sys.modules if n.startswith("crossmargin.interop.nautilus")]:
        monkeypatch.delitem(sys.modules, name)
    for name in [n for n in sys.modules if n.split(".")[0] == "nautilus_trader"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "nautilus_trader", None)
    with pytest.raises(MissingExtraError, match=r"pip install 'crossmargin\[nautilus\]'"):
        __import__(f"crossmargin.interop.{module}")


def test_the_package_itself_needs_none_of_them(monkeypatch):
    monkeypatch.delitem(sys.modules, "crossmargin.interop", raising=False)
    monkeypatch.setitem(sys.modules, "nautilus_trader", None)
    assert __import__("crossmargin.interop").interop.__doc__
