# Every command a developer or a newcomer needs. `make help` lists them.
SHELL := /bin/bash
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready

# Nothing outside the checkout is touched, caches included.
export UV_CACHE_DIR := $(CURDIR)/$(VENV)/cache

.DEFAULT_GOAL := help
.PHONY: help setup run up test lint unit bench chaos docs format constraints clean

help:  ## List the commands
	@grep -hE '^[a-z0-9]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 14

setup: $(READY)  ## Make .venv with everything pinned

$(READY): pyproject.toml constraints.txt
	$(PYTHON) -c 'import sys; sys.exit("Python 3.10 to 3.13 is needed, this is " + sys.version.split()[0]) if not (3, 10) <= sys.version_info[:2] <= (3, 13) else None'
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --no-cache-dir --disable-pip-version-check --constraint constraints.txt uv
	$(BIN)/uv pip install --quiet --system-certs --python $(BIN)/python --constraint constraints.txt --group dev --editable .
	touch $(READY)

run: setup  ## The main job on the sandbox with a real Airflow, then the account; ends 0 if every event is accounted for
	$(BIN)/python -m audit_provider.sandbox.demo run

up: setup  ## The same set-up, left running; prints the UI's address
	$(BIN)/python -m audit_provider.sandbox.demo up

test: lint unit  ## Lint, types, layers and the whole test suite

lint: setup
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-cache
	$(BIN)/bandit --quiet --recursive --configfile pyproject.toml audit_provider

unit: setup
	$(BIN)/python -m pytest

bench: setup  ## Speed as ratios to a plain loop; fails if a bound is broken
	$(BIN)/python -m benchmarks

chaos: setup  ## Kill, cut, fill and freeze everything, a real Airflow included; ends 0 if nothing is lost
	$(BIN)/python -m tests.chaos --long

docs: setup  ## Write the pages that are made from the code
	$(BIN)/python docs/generate.py

format: setup  ## Put the code into its form
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

constraints: setup  ## Resolve constraints.txt anew
	$(BIN)/uv pip compile --quiet --universal --no-header --no-annotate --no-emit-index-url --python-version 3.10 \
		--group dev pyproject.toml --output-file constraints.txt
	echo "uv==$$($(BIN)/uv --version | cut -d' ' -f2)" >> constraints.txt

clean:  ## Remove what the commands made
	rm -rf $(VENV) .run .hypothesis .mypy_cache .ruff_cache .pytest_cache dist
