# Everything a newcomer types. Needs Python >= 3.11, make and a package registry.
#
#   make demo    a pipeline over real flights, then what it left behind
#   make test    the quick tests and the core tests
#   make test-slow    those that take longer: the wheel, races, large ledgers
#   make test-server  the tests against servers of other systems, started by the tests
#   make registries   ZenML, MLTE, Dioptra and a KFP-compatible server on loopback, until Ctrl-C
#   make lint    ruff, mypy, import-linter
#   make bench   the figures of docs/performance.md, in a few minutes
#   make bench-scale  those of a ledger of 1,000,000 versions, SQLite and PostgreSQL
#   make docs    the documentation, into site/
#   make clean   remove what the others made
#
# The first target to need it makes .venv: with uv when there is one, else with
# venv and pip. PYTHON=/path/to/python chooses the interpreter.

SHELL := /bin/sh
.DEFAULT_GOAL := test
.SUFFIXES:
.PHONY: demo test test-slow test-server registries lint bench bench-scale docs clean

VENV := .venv
BIN := $(VENV)/bin
# In processes beside each other; PYTEST_ARGS="-n 0" runs them in one.
PYTEST = $(BIN)/python -m pytest -n logical --maxprocesses 4 --dist loadfile
PYTEST_ARGS ?=

# A name on PATH may be a shim without an interpreter behind it, so each is run.
PYTHON ?= $(shell for name in python3.13 python3.12 python3.11 python3 python; do \
	if "$$name" -c 'import sys; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1; \
	then "$$name" -c 'import sys; print(sys.executable)'; break; fi; done)
# Without --group it is too old for the dependency groups of pyproject.toml.
UV := $(shell uv pip install --help 2>/dev/null | grep -q -e --group && echo uv)

# Another environment that happens to be active must not be installed into.
unexport VIRTUAL_ENV PYTHONPATH PYTHONHOME CONDA_PREFIX
# The tests start hundreds of processes: without compiled files each compiles all of pandas.
unexport PYTHONDONTWRITEBYTECODE

ifneq ($(UV),)
MAKE_VENV = uv venv --quiet --python "$(PYTHON)" $(VENV)
INSTALL = uv pip install --quiet --python $(BIN)/python
else
# pip learned --group in 25.1; the pip that comes with Python is often older.
PIP = $(BIN)/python -m pip --quiet --disable-pip-version-check
MAKE_VENV = "$(PYTHON)" -m venv $(VENV)
INSTALL = { $(PIP) --version >/dev/null 2>&1 || $(BIN)/python -m ensurepip; } && \
	$(PIP) install --upgrade "pip>=25.1" && $(PIP) install
endif

test: $(VENV)/.test
	$(PYTEST) -m "not slow and not server" $(PYTEST_ARGS)

test-slow: $(VENV)/.test
	$(PYTEST) -m "slow and not server" $(PYTEST_ARGS)

test-server: $(VENV)/.test
	$(PYTEST) -m server $(PYTEST_ARGS)

registries: $(VENV)/.test
	PATH="$(CURDIR)/$(BIN):$$PATH" $(BIN)/python tests/support/registries.py .registries

lint: $(VENV)/.test $(VENV)/.lint
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-cache

demo: $(VENV)/.demo
	@mkdir -p .demo
	cd .demo && ../$(BIN)/python ../examples/demo.py

bench: $(VENV)/.test
	$(BIN)/python benchmarks/run.py
	$(BIN)/python benchmarks/run.py --durability full W1 W2
	$(BIN)/python benchmarks/maps.py

bench-scale: $(VENV)/.test
	$(BIN)/python benchmarks/scale.py --database sqlite
	$(BIN)/python benchmarks/scale.py --database postgresql

docs: $(VENV)/.docs
	$(BIN)/python docs/generate.py --check
	$(BIN)/zensical build --clean --strict

clean:
	rm -rf $(VENV) site .cache .demo .registries .artifact_plugins .pytest_cache .mypy_cache .ruff_cache \
		.hypothesis dist build
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

$(BIN)/python:
	@test -n "$(PYTHON)" || { echo "no Python >= 3.11 found; set PYTHON=/path/to/python"; exit 1; }
	rm -rf $(VENV)
	$(MAKE_VENV)

# The tests need every extra; the stamps make a second call cost nothing.
$(VENV)/.test: pyproject.toml | $(BIN)/python
	$(INSTALL) --editable ".[all]" --group test
	@touch $@

$(VENV)/.lint: pyproject.toml | $(BIN)/python
	$(INSTALL) --editable ".[all]" --group lint
	@touch $@

$(VENV)/.docs: pyproject.toml | $(BIN)/python
	$(INSTALL) --editable ".[all]" --group docs
	@touch $@

$(VENV)/.demo: pyproject.toml | $(BIN)/python
	$(INSTALL) --editable ".[demo]"
	@touch $@
