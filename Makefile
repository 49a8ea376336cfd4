# Every command a person needs. Works with GNU Make 3.81 (macOS) and later.

.DEFAULT_GOAL := help
SHELL := /bin/bash

VENV := .venv
BIN := $(VENV)/bin
UV := $(shell command -v uv 2>/dev/null)
# The first interpreter that is new enough; `make PYTHON=/path/to/python3 run` chooses another.
PYTHON ?= $(shell for name in python3 python3.14 python3.13 python3.12 python3.11; do \
	if $$name -c 'import sys; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1; then \
	command -v $$name; break; fi; done)
PYTEST_ARGUMENTS ?=
BENCH_ARGUMENTS ?=
# The peer that `bench` measures has an environment of its own: nothing of it gets into ours.
SNAPPASS := .venv-snappass
# One more than there are processors: many tests wait, for a clock, a page or a lock. Measured, another one gains nothing.
PROCESSES ?= $(shell expr $$(getconf _NPROCESSORS_ONLN) + 1)

# Scripts in a virtual environment name its place: after the folder was moved it is made anew.
ifneq ($(shell cat $(VENV)/.place 2>/dev/null),$(CURDIR))
.PHONY: $(VENV)/.place
endif

.PHONY: help
help: ## Show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-16s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

.PHONY: run
run: setup ## Start Sharelink on localhost:8000; nothing else is needed
	@exec $(BIN)/sharelink run

.PHONY: demo
demo: setup ## The same on a throw-away database filled with examples
	@exec $(BIN)/sharelink demo

.PHONY: setup
setup: $(VENV)/.runtime ## Make the environment that `run` and `demo` use
	@:

.PHONY: setup-dev
setup-dev: $(VENV)/.development ## Make the environment that `test` and `lint` use
	@:

# The tests start many servers: where Python is told to write no bytecode, each would compile the program anew, and each
# process of pytest all of the tests. What runs alone goes first and compiles them for all.
.PHONY: test
test: export PYTHONDONTWRITEBYTECODE :=
test: setup-dev system-packages lint ## Check everything, as CI does
	@$(BIN)/python -m compileall -q sharelink
	@# 5: what was asked for by PYTEST_ARGUMENTS is none of these.
	$(BIN)/python -m pytest -m 'alone and not soak' $(PYTEST_ARGUMENTS) || [ $$? -eq 5 ]
	$(BIN)/python -m pytest -n $(PROCESSES) --dist loadfile --no-loadscope-reorder -m 'not soak and not alone' $(PYTEST_ARGUMENTS)

.PHONY: soak
soak: setup-dev system-packages ## The long proofs, an hour and more: 10,000 races, kills, a fail-over, figures at the end
	$(BIN)/python -m pytest -m soak -n 2 --dist load tests/reliability tests/attacks tests/monitors tests/deploy $(PYTEST_ARGUMENTS)

.PHONY: bench
bench: setup-dev system-packages $(SNAPPASS)/.ready ## Measure speed beside SnapPass, 10 minutes; the machine should be quiet
	$(BIN)/python -m compileall -q sharelink
	$(BIN)/python -m bench $(BENCH_ARGUMENTS)

.PHONY: lint
lint: style types templates ## Read the code: style, types, templates, known weaknesses
	$(BIN)/bandit --quiet --configfile pyproject.toml --recursive sharelink wsgi.py
	$(BIN)/hadolint Dockerfile

.PHONY: style
style: setup-dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

.PHONY: types
types: setup-dev ## mypy --strict
	$(BIN)/mypy

.PHONY: templates
templates: setup-dev
	$(BIN)/djlint --lint --quiet templates

.PHONY: format
format: setup-dev ## Lay out Python the one way
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

.PHONY: wheel-check
wheel-check: setup-dev ## Install the wheel into an empty environment and fetch a page
	$(BIN)/python -m pytest tests/test_wheel.py

.PHONY: image-check
image-check: setup-dev ## Do the Dockerfile's steps in an empty Debian root and start what comes out (root, debootstrap)
	$(BIN)/python -m tests.tools.image_check

.PHONY: system-packages
system-packages: setup-dev ## Install Chromium, PostgreSQL and Redis for the tests where missing
	@$(BIN)/python -m tests.tools.system_packages

# Without --no-header and --no-annotate the files would tell where they were made.
LOCK = $(or $(UV),uv) pip compile --quiet --universal --python-version 3.11 --generate-hashes \
	--no-header --no-annotate --no-emit-index-url --no-emit-find-links

.PHONY: lock
lock: ## Pin the newest allowed versions with their hashes (needs uv)
	$(LOCK) --upgrade pyproject.toml --output-file requirements/runtime.txt
	$(LOCK) --upgrade pyproject.toml --extra sso --constraint requirements/runtime.txt --output-file requirements/sso.txt
	$(LOCK) --upgrade pyproject.toml --extra kms --constraint requirements/sso.txt --output-file requirements/kms.txt
	$(LOCK) --upgrade pyproject.toml --extra sso --extra kms --extra node --constraint requirements/sso.txt \
		--constraint requirements/kms.txt --output-file requirements/node.txt
	$(LOCK) --upgrade requirements/build.in --output-file requirements/build.txt
	$(LOCK) --upgrade pyproject.toml --extra sso --extra kms --extra node requirements/build.in --group dev \
		--constraint requirements/node.txt --constraint requirements/build.txt \
		--output-file requirements/dev.txt
	$(LOCK) --upgrade bench/snappass.in --output-file bench/snappass.txt
	@if grep -nE '://|file:' requirements/*.txt bench/*.txt; then \
		echo "A lock names a place that only this machine knows (above)."; exit 1; fi

.PHONY: clean
clean: ## Remove what can be made again; instance/ with its keys and database stays
	rm -rf $(VENV) $(SNAPPASS) build dist .mypy_cache .pytest_cache .ruff_cache .hypothesis test-results
	find sharelink tests bench -type d -name __pycache__ -prune -exec rm -rf {} +

ifeq ($(UV),)
# An environment that uv once made has no pip of its own.
ENSURE_PIP := $(BIN)/python -m pip --version >/dev/null 2>&1 || $(BIN)/python -m ensurepip >/dev/null
INSTALL := $(BIN)/python -m pip install --quiet --quiet --no-input --disable-pip-version-check
else
ENSURE_PIP := :
INSTALL := $(UV) pip install --quiet --compile-bytecode --python $(BIN)/python
endif

$(VENV)/.place:
ifneq ($(UV),)
	@$(UV) venv --quiet --clear --python "$(or $(PYTHON),>=3.11)" $(VENV)
else
	@if [ -z "$(PYTHON)" ]; then \
		echo "Sharelink needs Python 3.11 or later. Install it, or install uv, and run make again."; exit 1; fi
	@$(PYTHON) -m venv --clear $(VENV) || { \
		echo "Python's venv is missing: on Debian and Ubuntu, apt-get install python3-venv."; exit 1; }
endif
	@printf '%s\n' "$(CURDIR)" > $@

# The project itself is installed with the pinned build tools at hand, so that nothing else is fetched.
$(VENV)/.runtime: $(VENV)/.place requirements/runtime.txt requirements/build.txt pyproject.toml
	@echo "Preparing the environment in $(VENV): less than a minute ..."
	@$(ENSURE_PIP)
	@$(INSTALL) --require-hashes --requirement requirements/runtime.txt
	@$(INSTALL) --require-hashes --requirement requirements/build.txt
	@$(INSTALL) --no-deps --no-build-isolation --editable .
	@touch $@

$(VENV)/.development: $(VENV)/.runtime requirements/dev.txt
	@echo "Adding the tools for tests and checks ..."
	@$(INSTALL) --require-hashes --requirement requirements/dev.txt
	@touch $@

$(SNAPPASS)/.ready: $(VENV)/.place bench/snappass.txt
	@echo "Preparing SnapPass in $(SNAPPASS) ..."
	@$(BIN)/python -m venv --clear $(SNAPPASS)
	@$(SNAPPASS)/bin/python -m pip install --quiet --quiet --no-input --disable-pip-version-check --require-hashes --requirement bench/snappass.txt
	@touch $@
