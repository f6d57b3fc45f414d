# The two commands of README are `make run` and `make test`; everything else serves them.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin

.PHONY: run check test test-fast test-long chaos docs lock format clean

$(VENV)/.ready: requirements-dev.lock pyproject.toml hatch_build.py requirements.in
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --require-hashes -r requirements-dev.lock
	$(BIN)/pip install --quiet --no-deps --no-build-isolation -e .
	touch $@

run: $(VENV)/.ready
	$(BIN)/genesis run

check: $(VENV)/.ready
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-cache

test-fast: $(VENV)/.ready
	$(BIN)/pytest -q -m "not postgres and not stack and not long"

test: $(VENV)/.ready
	$(BIN)/pytest -q -m "not long"

test-long: $(VENV)/.ready
	$(BIN)/pytest -q -m long

# MINUTES, CLIENTS, SEED (of an earlier run), FAULTS (names or kinds, comma-separated; `python -m chaos --list`).
MINUTES ?= 10
CLIENTS ?= 10
FAULTS ?= all
chaos: $(VENV)/.ready
	$(BIN)/python -m chaos --minutes $(MINUTES) --clients $(CLIENTS) --faults "$(FAULTS)" $(if $(SEED),--seed $(SEED))

docs: $(VENV)/.ready
	$(BIN)/python docs/generate.py
	$(BIN)/python docs/samples/write.py

format: $(VENV)/.ready
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

lock: $(VENV)/.ready
	$(BIN)/uv pip compile --quiet --no-header --universal --python-version 3.11 --no-emit-index-url --no-emit-find-links --generate-hashes requirements.in -o requirements.lock
	$(BIN)/uv pip compile --quiet --no-header --universal --python-version 3.11 --no-emit-index-url --no-emit-find-links --generate-hashes requirements-dev.in -o requirements-dev.lock

clean:
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .hypothesis *.egg-info
