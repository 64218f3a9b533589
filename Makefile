# Every target works from a clean clone: each one makes .venv first when it is not there or out of date.
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:

VENV := .venv
READY := $(VENV)/.ready
PY := $(VENV)/bin/python
export PATH := $(CURDIR)/$(VENV)/bin:$(PATH)

# What is installed is decided by these files; a change to one of them makes `setup` run again.
RECIPE := pyproject.toml hatch_build.py package.json package-lock.json .npmrc ops/setup $(wildcard requirements/*.txt)

# `make run ARGS="--port 9000"`, `make test ARGS="-k custody"`, `make test ARGS=tests/unit`.
ARGS ?=
# Test processes at once. Each has its own PostgreSQL and S3 server.
JOBS ?= 2

CODE := api evidence ingest retention transcode hatch_build.py
QUICK := not slow and not faults and not bench
PYTEST := $(PY) -m pytest
# A file is one process's: what its tests share is made once. In the order of the folders, whose last are the quickest:
# by number of tests, one long test that stands alone in its file would begin when all else has ended.
SHARED := --dist loadfile --no-loadscope-reorder
# Where a target's tests are, unless ARGS names tests itself: pytest would run both.
among = $(if $(filter tests tests/% ./tests%,$(ARGS)),,$(1))

.PHONY: help
help: ## Say what can be made
	@awk 'BEGIN {FS = ":.*## "} /^[a-z0-9%-]+:.*## / {sub("%", "<name>", $$1); printf "  make %-14s %s\n", $$1, $$2}' $(firstword $(MAKEFILE_LIST))

$(READY): $(RECIPE)
	ops/setup $(VENV)
	touch $@

.PHONY: setup
setup: $(READY) ## Make .venv with everything in it and the `continuity` command
	@echo "Ready: $(VENV)/bin/continuity"

.PHONY: run
run: $(READY) ## Start everything on this machine, with demonstration footage (Ctrl-C stops it)
	exec continuity up $(ARGS)

.PHONY: lint
lint: $(READY) ## Style, types and import contracts
	ruff check .
	ruff format --check .
	mypy
	lint-imports

.PHONY: check
check: lint ## Everything that is checked without running the product: lint, then the house tests
	$(PYTEST) $(call among,tests/house) $(ARGS)

.PHONY: test
test: lint ## All checks, then every test that takes seconds
	@ops/browser-note
	$(PYTEST) -n $(JOBS) $(SHARED) --durations=20 -m "$(QUICK)" $(call among,tests) $(ARGS)

.PHONY: e2e
e2e: $(READY) ## The whole path through the real processes and a real browser
	@ops/browser-note
	$(PYTEST) -m "not faults and not bench" $(call among,tests/journeys) $(ARGS)

.PHONY: slow
slow: $(READY) ## Every test that takes minutes: whole sweeps of changed bytes, brief kills, real paces
	$(PYTEST) -m "slow and not faults and not bench" $(call among,tests) $(ARGS)

.PHONY: faults
faults: $(READY) ## Kill every process at random moments; table, and build/faults.json
	$(PYTEST) -m "faults" $(call among,tests) $(ARGS)

.PHONY: bench
bench: $(READY) ## All measurements; table, and build/bench/<name>.json
	$(PYTEST) -m "bench" $(call among,tests/benchmarks) $(ARGS)

bench-%: $(READY) ## One measurement by name, as in tests/benchmarks/test_<name>.py
	$(PYTEST) -m "bench" tests/benchmarks/test_$*.py $(ARGS)

.PHONY: hostile
hostile: $(READY) ## Every hostile file through the product, watched by strace; table, and build/hostile.json
	$(PY) -m tests.support.hostile $(ARGS)

.PHONY: quality
quality: $(READY) ## Measure a recipe again on this FFmpeg, and write its record (ARGS=playback-2)
	$(PY) -m tests.support.quality $(ARGS)

.PHONY: docs
docs: $(READY) ## Write the tables in docs/ again that are made from the code
	$(PY) -m tests.house.tables

.PHONY: format
format: $(READY) ## Set the code's layout right
	ruff check --fix .
	ruff format .

.PHONY: lock
lock: ## Choose the newest versions and write requirements/*.txt (needs uv)
	for each in agent server dev node build; do \
	  uv pip compile --upgrade --python-version 3.11 --universal --generate-hashes --no-header --no-annotate \
	    --quiet requirements/$$each.in --output-file requirements/$$each.txt; done

.PHONY: clean
clean: ## Remove what was built and cached; never data
	rm -rf build dist .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache *.egg-info
	find $(CODE) tests -name __pycache__ -type d -prune -exec rm -rf {} +

.PHONY: distclean
distclean: clean ## Also remove .venv, node_modules and the pages' assets; never data
	rm -rf $(VENV) node_modules api/static/vendor
