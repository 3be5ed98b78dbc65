# The commands of users, developers and CI. `demo` and `test` do all the set-up they need in .venv;
# a stamp file remembers it, so the next run starts at once.

PY := .venv/bin/python
PLUGIN_FILES := $(wildcard plugins/*/pyproject.toml plugins/*/no-deps.txt examples/no-deps.txt)
SETUP_INPUTS := pyproject.toml constraints.txt tools/setup $(PLUGIN_FILES)
SOURCES := eqsets eqsets_demo $(wildcard eqsets_pytest.py) examples/experiments \
  $(wildcard plugins/*/src/* examples/third_party/*/src/*)
WORKERS ?= 2

export PIP_DISABLE_PIP_VERSION_CHECK := 1

.PHONY: help demo test test-quick check format-check lint words types scaffold imports docs bench results dist-test test-oldest mutants format setup clean

help:  ## list the commands
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "make %-13s %s\n", $$1, $$2}' Makefile

demo: .venv/.ready-demo  ## restore bursts of real photos (the main job)
	@.venv/bin/eqsets demo $(ARGS)

test: .venv/.ready-dev  ## run the whole test suite and all doctests; ARGS="-k name" picks some
	@$(PY) -m pytest -n $(WORKERS) $(ARGS)

test-quick: .venv/.ready-dev  ## run the tests that are not marked as slow: about two minutes on two cores
	@$(PY) -m pytest -n $(WORKERS) -m "not slow" $(ARGS)

check: format-check lint words types scaffold imports docs  ## format, lint, words, strict types, import rules, docs

format-check: .venv/.ready-dev
	@$(PY) -m ruff format --check .

lint: .venv/.ready-dev
	@$(PY) -m ruff check .

words: .venv/.ready-dev  ## check that names and prose use standard terms (tools/words.toml)
	@$(PY) tools/words.py

types: .venv/.ready-dev
	@$(PY) -m mypy $(SOURCES)

scaffold: .venv/.ready-dev  # what `eqsets new-plugin` writes: as others get it, not in house format
	@rm -rf build/scaffold && .venv/bin/eqsets new-plugin sample --directory build/scaffold --json >/dev/null
	@$(PY) -m ruff check --no-cache -q build/scaffold/* && $(PY) -m ruff format --check --no-cache -q build/scaffold/*
	@MYPYPATH=build/scaffold/eqsets-sample/src $(PY) -m mypy build/scaffold/eqsets-sample/src build/scaffold/eqsets-sample/tests

imports: .venv/.ready-dev
	@.venv/bin/lint-imports --no-logo

docs: .venv/.ready-dev  ## build the site into docs/_build/html; a warning is an error
	@$(PY) -m sphinx -q -W --keep-going -b html docs docs/_build/html
	@echo "docs: docs/_build/html/index.html"

bench: .venv/.ready-dev  ## measure speed and memory; writes a table and JSON
	@$(PY) -m benchmarks $(ARGS)

results: .venv/.ready-dev  ## write the measured rows in results/ as tables and plots into the docs
	@PYTHONPATH=examples $(PY) -m experiments.render $(ARGS)
	@PYTHONPATH=examples $(PY) -m digits.tables

dist-test:  ## build wheels, install them alone in a bare environment, and check what they provide
	@tools/dist_test $(ARGS)

test-oldest:  ## fast tests with the oldest version of each dependency (constraints-oldest.txt)
	@tools/test_oldest $(ARGS)

mutants: .venv/.ready-dev  ## plant faults and report what catches them; ARGS="--planted" or ARGS="eqsets --count 60"
	@$(PY) -m tools.mutants $(ARGS)

format: .venv/.ready-dev  ## rewrite the code in house format
	@$(PY) -m ruff check --fix-only .
	@$(PY) -m ruff format .

setup: .venv/.ready-dev  ## only the set-up, for developers

clean:  ## remove caches and what the commands write (.venv stays)
	rm -rf build dist out docs/_build .benchmarks .hypothesis .import_linter_cache .mypy_cache \
	  .pytest_cache .ruff_cache
	find . -name __pycache__ -not -path './.venv/*' -prune -exec rm -rf {} +

.venv/.ready-demo: $(SETUP_INPUTS)
	@tools/setup demo
	@touch $@

.venv/.ready-dev: $(SETUP_INPUTS)
	@tools/setup dev
	@touch $@ .venv/.ready-demo
