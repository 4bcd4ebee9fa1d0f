# Everything starts here: `make demo` to see it work, `make test` to trust it. Nothing but Python 3.11+ is needed;
# uv is used when it is there.

PYTHON ?= python3
PYTEST_ARGS ?=
CHAOS_ARGS ?=
FAULTS_ARGS ?=
PARTS_ARGS ?=
SEEDS ?= 1000
SIMULATE_ARGS ?=
BENCH ?=
DOCS ?=
VENV := .venv
BIN := $(VENV)/bin
NPM := $(shell command -v npm 2>/dev/null)
UV := $(shell command -v uv 2>/dev/null)
RUN := $(VENV)/run.stamp
DEVELOP := $(VENV)/develop.stamp
WEB := web/node_modules/vendor.stamp
WEB_IF_NPM := $(if $(NPM),try-web)

# Set in some containers: each of the processes that `up` starts, and each restart, would compile all that it imports
# anew, for seconds. Unset, the first start leaves its bytecode for all that follow.
unexport PYTHONDONTWRITEBYTECODE

.DEFAULT_GOAL := help
.PHONY: help setup web try-web demo test test-browser coverage mutants simulate chaos faults parts check bench lock clean
.DELETE_ON_ERROR:

help: ## say what there is
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-12s %s\n", $$1, $$2}' Makefile

setup: $(RUN) $(WEB_IF_NPM) ## make .venv with what is needed to run, exactly as locked, and `make web` where npm is

web: $(WEB) ## fetch what the console and /docs load in browsers, exactly as locked (needs npm)

demo: $(RUN) $(WEB_IF_NPM) ## watch people go to recorded breakout rooms and come home (KEEP=1 stays up afterwards)
	@$(BIN)/python -m orchestrator.cli demo $(if $(filter-out 0,$(KEEP)),--keep)

test: $(DEVELOP) $(WEB_IF_NPM) ## the tests, against a real broker, real databases, real workers (PYTEST_ARGS="…")
	@$(BIN)/python -m pytest -n auto --maxprocesses 8 --ignore=tests/browser $(PYTEST_ARGS)

test-browser: $(DEVELOP) $(WEB_IF_NPM) ## those in a Chromium: pages with RealtimeKit's client and UI, the console
	@$(BIN)/python -m pytest $(PYTEST_ARGS) tests/browser

coverage: $(DEVELOP) ## all these tests, slower, and then the lines that none of them runs (PYTEST_ARGS="…")
	@$(BIN)/python -m coverage erase
	@$(BIN)/python -m coverage run -m pytest -n auto --maxprocesses 8 $(PYTEST_ARGS)
	@$(BIN)/python -m coverage combine --quiet
	@$(BIN)/python -m coverage report --include='orchestrator/services/*,orchestrator/store/*' --show-missing
	@echo "of all code: $$($(BIN)/python -m coverage report --format=total) %"

mutants: $(DEVELOP) ## change the heart in many small ways, and list the changes that no unit test notices (minutes)
	@rm -rf mutants
	@PYTEST_ADDOPTS="-k 'not postgresql'" $(BIN)/python -m mutmut run --max-children 2
	@$(BIN)/python -m mutmut results

simulate: $(DEVELOP) ## play lifecycles in one thread by a virtual clock, and shrink what fails (SEEDS=…, SIMULATE_ARGS="…")
	@$(BIN)/python -m tests.simulation --seeds $(SEEDS) $(SIMULATE_ARGS)

chaos: $(DEVELOP) ## kill each process at each point of a lifecycle, and look what is left (CHAOS_ARGS="…")
	@$(BIN)/python -m tests.chaos.sweep $(CHAOS_ARGS)
	@$(BIN)/python -m tests.chaos.sweep --tale 'there and back' $(CHAOS_ARGS)
	@$(BIN)/python -m tests.chaos.sweep --tale 'rounds and rooms' $(CHAOS_ARGS)

faults: $(DEVELOP) ## let all that a lifecycle needs fail in every way, and look what is left (FAULTS_ARGS="…")
	@$(BIN)/python -m tests.chaos.faults $(FAULTS_ARGS)
	@$(BIN)/python -m tests.chaos.webhooks

parts: $(DEVELOP) ## let broker, database, clocks and processes fail, and measure how soon work goes on (PARTS_ARGS="…")
	@$(BIN)/python -m tests.chaos.parts $(PARTS_ARGS)

check: $(DEVELOP) ## lint, types, import rules, locks, migrations, compose.yaml
	@$(BIN)/python -m ruff check .
	@$(BIN)/python -m ruff format --check .
	@$(BIN)/python -m mypy
	@$(BIN)/lint-imports
	@$(BIN)/python -m tests.support.locks check
	@$(BIN)/python -m tests.support.migrations
	@$(BIN)/check-jsonschema --quiet --builtin-schema vendor.compose-spec compose.yaml

bench: $(DEVELOP) ## the figures against their bounds (BENCH="opening quota" for some of them, DOCS=1 writes the page)
	@$(BIN)/python -m tests.benchmarks $(BENCH) $(if $(filter-out 0,$(DOCS)),--docs)

lock: ## bring the locks in line with pyproject.toml (needs uv); delete them first for the newest of everything
	@test -n "$(UV)" || { echo "make lock needs uv on PATH" >&2; exit 1; }
	@$(PYTHON) -m tests.support.locks write "$(UV)"

clean: ## remove what setup and the tools made
	rm -rf $(VENV) *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache .coverage* .bench mutants

# A venv that works is kept; one that is half made or whose Python is gone is made anew. Where venv comes without
# ensurepip (Debian, Ubuntu), the Python outside brings its pip.
$(BIN)/python:
	@rm -rf $(VENV)
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "Python 3.11 or newer is needed: make PYTHON=/path/to/python3" >&2; exit 1; }
	@if [ -n "$(UV)" ]; then "$(UV)" venv --quiet --python "$$(command -v $(PYTHON))" $(VENV); \
		else $(PYTHON) -m venv --without-pip $(VENV); fi

$(RUN): requirements.lock pyproject.toml | $(BIN)/python
	$(call install,requirements.lock)
	@touch $@

$(DEVELOP): requirements-dev.lock pyproject.toml | $(BIN)/python
	$(call install,requirements-dev.lock)
	@touch $@ $(RUN)

# Without it the console shows a page that says what to do, and all else works.
try-web:
	@$(MAKE) --no-print-directory web || echo "npm could not fetch the console's libraries: try make web again" >&2

$(WEB): web/package-lock.json web/vendor.mjs
	@test -n "$(NPM)" || { echo "make web needs npm on PATH" >&2; exit 1; }
	@echo "installing web/package-lock.json into web/node_modules"
	@cd web && npm ci --ignore-scripts --silent && node vendor.mjs
	@touch $@

# The lock first, then this project itself, in place and from nothing but what the lock brought. Bytecode of
# all of it would take longer (24 s measured) than the first start does for the quarter that is ever imported (18 s).
define install
@echo "installing $(1) into $(VENV)"
@if [ -n "$(UV)" ]; then \
	"$(UV)" pip install --quiet --python $(BIN)/python --require-hashes -r $(1) && \
	"$(UV)" pip install --quiet --python $(BIN)/python --no-deps --no-build-isolation -e . ; \
elif $(PYTHON) -m pip --version >/dev/null 2>&1; then \
	$(PYTHON) -m pip --python $(BIN)/python install --quiet --disable-pip-version-check --no-compile --no-deps --require-hashes -r $(1) && \
	$(PYTHON) -m pip --python $(BIN)/python install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e . ; \
else \
	echo "$(PYTHON) has no pip (python3 -m pip) and there is no uv: install either" >&2; exit 1; \
fi
endef
