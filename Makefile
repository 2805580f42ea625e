# make            what there is to make
# make PYTHON=... with another Python (3.11 or later)

PYTHON ?= $(shell for p in python3.13 python3.12 python3.11 python3; do \
	$$p -c 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$p && break; done)
BIN := .venv/bin
READY := .venv/.ready
ONLY ?=

.DEFAULT_GOAL := help
.PHONY: help setup packages demo test test-unit lint bench clean

help:           ## this list
	@sed -n 's/^\([a-z-]*\):[^#]*## /  make \1\t/p' Makefile | expand -t 20

setup: $(READY) ## a virtual environment in .venv with pytrust and its test tools

$(READY): pyproject.toml
	@test -n "$(PYTHON)" || { echo "error: no Python 3.11 or later with venv" >&2; \
		echo "hint: apt-get install python3-venv, or make PYTHON=/path/to/python" >&2; exit 1; }
	@$(BIN)/python -m pip --version >/dev/null 2>&1 || $(PYTHON) -m venv --clear .venv
	@$(BIN)/python -m pip install -q 'pip>=25.1'
	@$(BIN)/python -m pip install -q -e . --group dev
	@touch $@

packages:
	@scripts/install-packages

demo: packages  ## the whole story on a private Docker engine and registry (root)
	@$(MAKE) --no-print-directory setup
	@$(BIN)/python -m tests.rig.demo

test: packages  ## everything; end-to-end tests need root
	@$(MAKE) --no-print-directory lint
	$(BIN)/python -m pytest
	scripts/test-wheel

test-unit: setup ## what needs nothing but Python
	$(BIN)/python -m pytest tests/unit $(wildcard tests/contract)

lint: setup     ## ruff, mypy, import-linter
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

bench:          ## benchmarks beside the real peers, one JSON object a line (ONLY=proxy for some)
	@scripts/install-packages --bench
	@$(MAKE) --no-print-directory setup
	@$(BIN)/python -m bench $(ONLY)

clean:          ## remove caches and build results
	rm -rf build dist .coverage* .hypothesis .import_linter_cache .mypy_cache .pytest_cache .ruff_cache
	find . -path ./.venv -prune -o -name __pycache__ -type d -exec rm -rf {} +
