# Two commands: `make run` shows the example, `make test` proves the package.
VENV ?= .venv
PYTHON ?= python3
BIN := $(VENV)/bin
SEED ?= seeds/market-maker.json
export PIP_DISABLE_PIP_VERSION_CHECK := 1

.PHONY: run test bench check clean

run: $(VENV)/.run
	$(BIN)/crossmargin margin $(SEED)

# The benchmarks are short and assert that the compiled results agree; their figures are printed, not judged.
test: $(VENV)/.test
	$(BIN)/python benchmarks/plan_check.py 4000 200
	$(BIN)/python benchmarks/venues.py 3 200 1000
	$(BIN)/python benchmarks/cascade.py 5000
	$(BIN)/pytest

PEERS := numba lbriv open-source-risk-engine

# Everything that is installed follows from these files.
SOURCES := $(wildcard _core/* crossmargin/*.py crossmargin/*/*.py crossmargin/*/*/*.py) pyproject.toml setup.py

$(VENV)/bin/pip:
	@sh ./doctor.sh $(PYTHON)
	$(PYTHON) -m venv $(VENV)

$(VENV)/.run: $(VENV)/bin/pip $(SOURCES)
	$(BIN)/pip install --quiet ".[cli]"
	@touch $@

$(VENV)/.test: $(VENV)/bin/pip $(SOURCES)
	$(BIN)/pip install --quiet ".[test]"
	@touch $@ $(VENV)/.run

# Full sizes beside peers and C floors, some minutes alone on the machine; writes docs/benchmarks.md. A peer that cannot be
# installed is absent from the table.
bench: $(VENV)/.bench
	$(BIN)/python benchmarks/table.py

$(VENV)/.bench: $(VENV)/bin/pip $(SOURCES)
	$(BIN)/pip install --quiet .
	$(BIN)/pip install --quiet ".[bench]" || for peer in $(PEERS); do $(BIN)/pip install --quiet $$peer || true; done
	@touch $@

# Everything, sanitizers and long fuzzing included; writes docs/checks.md.
check: $(VENV)/.test
	$(BIN)/pip install --quiet ".[test,lint]"
	$(BIN)/python -P tests/check.py

clean:
	rm -rf $(VENV) build *.egg-info
