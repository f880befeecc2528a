# Every command a developer or a newcomer needs. `make help` lists them.
SHELL := /bin/bash
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
SERVICE := splunk
READY := $(VENV)/.ready

# All of it lands in the checkout, caches included. Only tests that root runs install Chromium, PostgreSQL and Redis.
export UV_CACHE_DIR := $(CURDIR)/$(VENV)/cache
# The servers that `make real` fetches, of which `make test` needs two.
export AUDIT_REAL_CACHE ?= $(CURDIR)/.cache/real
# Bytecode is kept, or each process of Airflow compiles all that it imports: seconds, many times over.
export PYTHONDONTWRITEBYTECODE :=

.DEFAULT_GOAL := help
.PHONY: help setup run up stop start env test lint unit unit-fast bench chaos real docs dist test-matrix changelog format constraints clean

help:  ## List the commands
	@grep -hE '^[a-z0-9-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 14

setup: $(READY)  ## Make .venv with everything pinned

$(READY): pyproject.toml constraints.txt
	$(PYTHON) -c 'import sys; sys.exit("Python 3.10 to 3.13 is needed, this is " + sys.version.split()[0]) if not (3, 10) <= sys.version_info[:2] <= (3, 13) else None'
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --no-cache-dir --disable-pip-version-check --constraint constraints.txt uv
	$(BIN)/uv pip install --quiet --compile-bytecode --system-certs --python $(BIN)/python --constraint constraints.txt --group dev --editable .
	touch $(READY)

run: setup  ## The main job on the sandbox with a real Airflow, then the account; ends 0 if every event is accounted for
	$(BIN)/python -m audit_provider.sandbox.demo run

up: setup  ## The same set-up, left running; prints the UI's address
	$(BIN)/python -m audit_provider.sandbox.demo up

stop: setup  ## Stop a stand-in of `make up`, such as SERVICE=splunk
	$(BIN)/python -m audit_provider.sandbox.demo stop "$(SERVICE)"

start: setup  ## Start it again, with all that it held
	$(BIN)/python -m audit_provider.sandbox.demo start "$(SERVICE)"

env:  ## Write .env with new secrets for docker-compose.yaml; PROFILES=sandbox adds the stand-ins
	$(PYTHON) deploy/make_env.py --profiles "$(PROFILES)"

test: lint unit  ## Lint, types, layers and the whole test suite

lint: setup  ## Style, types, import layers, and a look for unsafe code
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-cache
	$(BIN)/bandit --quiet --recursive --configfile pyproject.toml audit_provider

# In the order of tests/conftest.py, which spreads the files that wait for servers among those that compute.
unit: setup  ## The test suite alone; one part: .venv/bin/python -m pytest tests/core
	$(BIN)/python -m pytest --numprocesses 4 --dist loadfile --no-loadscope-reorder --durations 15 --durations-min 5

# Some of its tests wait for sockets, so there are more workers than processors; each costs seconds of imports.
unit-fast: setup  ## The core's tests that are quick: no Airflow is started, and two processors answer in 90 seconds
	$(BIN)/python -m pytest tests/core -m 'not slow and not e2e and not real' --numprocesses 5 --dist worksteal

bench: setup  ## Speed as ratios to a plain loop; fails if a bound is broken
	$(BIN)/python -m benchmarks
	$(BIN)/python -m benchmarks.quiet

chaos: setup  ## Kill, cut, fill and freeze everything, a real Airflow and Celery included; ends 0 if nothing is lost
	$(BIN)/python -m tests.chaos --long
	AUDIT_FUZZ_EXAMPLES=200 $(BIN)/python -m pytest tests/fuzz/histories/test_histories.py tests/core/test_identity.py \
		tests/core/sources/reading --timeout 3600

real: setup  ## Ship to real servers, fetched by their packages' names, and compare; ends 0 if all that is delivered is held
	$(BIN)/python -m tests.real
	$(BIN)/python -m pytest -m real tests/real

docs: setup  ## Write the pages that are made from the code, and build the site into site/; a warning is an error
	$(BIN)/python docs/generate.py
	$(BIN)/mkdocs build --clean --strict

dist: setup  ## Build the wheel and the sdist into dist/, without the network
	rm -rf dist
	$(BIN)/uv build --quiet --offline --no-build-isolation --python $(BIN)/python --out-dir dist
	ls dist/*.whl dist/*.tar.gz

test-matrix: setup  ## The suite on the lowest and the newest Airflow, and on every Python that is found here
	$(BIN)/python -m tests.matrix

changelog: setup  ## Turn changes/ into a section of CHANGELOG.md: make changelog VERSION=0.2.0
	$(BIN)/towncrier build --yes --version $(VERSION)

format: setup  ## Put the code into its form
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

constraints: setup  ## Resolve constraints.txt and those of the matrix anew
	$(BIN)/uv pip compile --quiet --universal --no-header --no-annotate --no-emit-index-url --python-version 3.10 \
		--group dev pyproject.toml --output-file constraints.txt
	echo "uv==$$($(BIN)/uv --version | cut -d' ' -f2)" >> constraints.txt
	$(BIN)/python -m tests.matrix --resolve

clean:  ## Remove what the commands made
	rm -rf $(VENV) .run .cache .hypothesis .mypy_cache .ruff_cache .pytest_cache .import_linter_cache dist site tests/chaos/results
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
