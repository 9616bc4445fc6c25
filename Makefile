# One word runs everything; each target sets up what it needs and skips what is done.
PY := .venv/bin/python
# A container name in the environment makes Microsoft's worker believe that it runs in the cloud.
unexport CONTAINER_NAME
export PYTHONDONTWRITEBYTECODE :=
export PYTHONUTF8 := 1

.DEFAULT_GOAL := help
.PHONY: help setup demo test lint format serve score chaos mutants storm fuzz bench package kql lock clean

help: ## Show the targets
	@grep -E '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

setup: ## Find Python 3.13, make .venv, install the locked packages (skipped when done)
	@bash tools/setup.sh

demo: setup ## The whole job on one machine: events, rule, incident, function, verdict, comment
	@$(PY) -m simulator demo

serve: setup ## Local workspace and function host, left running for curl (Ctrl-C stops)
	@$(PY) -m simulator serve

test: setup ## The whole test suite, offline
	@$(PY) -m pytest -n auto --dist loadfile

lint: setup ## Style, types, and a scan of the templates
	@.venv/bin/ruff check .
	@.venv/bin/ruff format --check .
	@.venv/bin/mypy
	@bash tools/checkov/run.sh

format: setup ## Apply the formatter and the safe fixes
	@.venv/bin/ruff check --fix .
	@.venv/bin/ruff format .

score: setup ## Your own labelled cases: make score TENANT=tenant.json CASES=cases.jsonl
	@$(PY) -m simulator score --tenant $(TENANT) $(CASES)

SEED ?= 1
RUNS ?= 20000

chaos: setup ## The fault suite at length: make chaos SEED=7 RUNS=20000
	@$(PY) tools/chaos.py --seed $(SEED) --runs $(RUNS)

mutants: setup ## Plants each known mistake in a copy of the tree and expects the fault suite red
	@$(PY) tools/mutants.py --seed $(SEED)

storm: setup ## 500 incidents at once, faults, two workers, one killed again and again
	@$(PY) tools/storm.py --seed $(SEED)

fuzz: setup ## 100,000 random and mutated bodies against the intake
	@$(PY) tools/fuzz_bodies.py --seed $(SEED)

bench: setup ## How fast events are made, and what a triage, a rule, a scored case and a long text cost, as ratios
	@$(PY) bench/generation.py
	@$(PY) bench/triage.py
	@$(PY) bench/cold_start.py
	@$(PY) bench/rules.py
	@$(PY) bench/score.py
	@$(PY) bench/reading.py

package: setup ## The zip for Flex Consumption, and its size; with VENDOR=1 its packages are in it
	@$(PY) tools/package.py $(if $(VENDOR),--vendor)

kql: setup ## Every KQL text through Microsoft's own parser (needs Node; installs the pinned package)
	@cd tools && npm ci --silent --no-audit --no-fund
	@$(PY) -m pytest -q tests/test_rules.py tests/test_deploy.py

lock: setup ## Write both lock files anew from pyproject.toml (needs the network)
	@bash tools/lock.sh

clean: ## Remove what the targets made
	@rm -rf .venv .venv-uv out .pytest_cache .mypy_cache .ruff_cache .hypothesis
