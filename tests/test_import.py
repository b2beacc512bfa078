"""``import crossmargin`` is light: no heavy library, and under 0.2 s."""

import json
import subprocess
import sys

HEAVY = {"scipy", "pandas", "rich", "typer", "click", "matplotlib", "plotly", "pyarrow", "ray", "nautilus_trader"}
MEASURE = """
import json, sys, time
start = time.perf_counter(), time.process_time()
import crossmargin
seconds = time.perf_counter() - start[0], time.process_time() - start[1]
print(json.dumps([*seconds, sorted({name.partition(".")[0] for name in sys.modules})]))
"""


def measured():
    text = subprocess.run(
        [sys.executable, "-P", "-c", MEASURE], capture_output=True, text=True, check=True, timeout=60
    ).stdout
    return json.loads(text)


def test_importing_is_light_and_fast():
    """Best of five; processor time where the machine is busy with something else."""
    runs = [measured() for _ in range(5)]
    for _, _, modules in runs:
        assert "crossmargin" in modules
        assert HEAVY.isdisjoint(modules)
    wall, processor = (min(run[i] for run in runs) for i in range(2))
    print(f"import crossmargin: {1000 * wall:.0f} ms, {1000 * processor:.0f} ms of processor time")
    assert min(wall, processor) < 0.2
