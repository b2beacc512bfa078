"""``import crossmargin`` is light: no heavy library, and under 0.2 s."""

import json
import subprocess
import sys

HEAVY = {"scipy", "pandas", "rich", "typer", "click", "matplotlib", "plotly", "pyarrow", "ray"}
MEASURE = """
import json, sys, time
start = time.perf_counter()
import crossmargin
seconds = time.perf_counter() - start
print(json.dumps([seconds, sorted({name.partition(".")[0] for name in sys.modules})]))
"""


def measured():
    text = subprocess.run([sys.executable, "-P", "-c", MEASURE], capture_output=True, text=True, check=True, timeout=60).stdout
    return json.loads(text)


def test_importing_is_light_and_fast():
    runs = [measured() for _ in range(5)]
    for _, modules in runs:
        assert "crossmargin" in modules
        assert HEAVY.isdisjoint(modules)
    best = min(seconds for seconds, _ in runs)
    print(f"import crossmargin: {1000 * best:.0f} ms")
    assert best < 0.2
