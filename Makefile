# Ringwatch. `make help` lists the targets.
SHELL := /bin/bash
PYTHON ?= python3
BIN := .venv/bin
.DEFAULT_GOAL := help
.PHONY: help install demo demo-stack test test-fast fuzz check format lock bench faults train compose-env clean

help: ## list the targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F':.*## ' '{printf "  make %-12s %s\n", $$1, $$2}'

.venv/installed: requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' || \
	  { echo "Ringwatch needs Python 3.11 to 3.13; this is $$($(PYTHON) -V). Name another: make PYTHON=python3.12 $(MAKECMDGOALS)"; exit 2; }
	@echo "Installing into .venv (about 6 GB with torch, a few minutes the first time) …"
	@test -x $(BIN)/python || $(PYTHON) -m venv .venv || { echo "no venv: apt-get install python3-venv"; exit 2; }
	@$(BIN)/pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	@$(BIN)/pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@$(BIN)/ringwatch compile
	@touch $@

install: .venv/installed ## make .venv and install from the lock

demo: .venv/installed ## the whole path in one process; open the page it names
	@$(BIN)/ringwatch demo $(ARGS)

demo-stack: .venv/installed ## the same on real servers (installs and starts them)
	@$(BIN)/ringwatch demo-stack $(ARGS)

test: .venv/installed ## install what the tests need, run all of them, the real servers included
	@$(BIN)/ringwatch stack install --test-tools
	@$(BIN)/python -m pytest $(ARGS)

test-fast: .venv/installed ## the tests that need no server
	@$(BIN)/python -m pytest -m "not stack" $(ARGS)

fuzz: .venv/installed ## a million mutated records through decoder and mapping, figures as JSON
	@$(BIN)/python tests/fuzz/fuzz_run.py $(ARGS)

check: .venv/installed ## ruff, mypy --strict, import rules
	@$(BIN)/ruff check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports

format: .venv/installed ## put the code into shape
	@$(BIN)/ruff check --fix --quiet . ; $(BIN)/ruff format .

lock: .venv/installed ## pin the whole tree anew, with hashes
	@command -v uv >/dev/null || { echo "make lock needs uv: pip install uv"; exit 2; }
	@uv pip compile pyproject.toml --extra dev --universal --python-version 3.11 --generate-hashes \
	  --no-emit-index-url --no-emit-find-links --quiet -o requirements.lock

bench: .venv/installed ## latency of each stage on the real servers, as JSON
	@$(BIN)/ringwatch bench latency --json $(ARGS)

faults: .venv/installed ## each fault 20 times on real servers (hours; goes on where it was interrupted; ARGS=--fresh begins anew)
	@$(BIN)/ringwatch bench faults $(ARGS)

train: .venv/installed ## train, evaluate and ship the demo bank's model (an hour and a half)
	@$(BIN)/python -m deploy.demo.training $(ARGS)
	@test -n "$(ARGS)" || $(BIN)/python -m deploy.demo.reference

compose-env: ## .env with random passwords for docker compose
	@deploy/docker/make-env

clean: ## remove caches; .venv and downloads stay
	@rm -rf .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache build dist
	@find graph scoring -name "*.nb[ic]" -delete
