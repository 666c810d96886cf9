# make demo | test | test-fast | bench | check | terms | pictures   (CONTRIBUTING.md)
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.complete
# What ruff's ASYNC rules lack: swallowed cancellation, awaits in finally, forgotten checkpoints of generators.
ASYNC_RULES := ASYNC102,ASYNC103,ASYNC104,ASYNC105,ASYNC119,ASYNC300

.PHONY: setup programs demo demo-stop test test-fast drill bench check terms pictures clean

# A virtual environment from the lock file; made again when the lock changes.
setup: $(STAMP)

$(STAMP): requirements-dev.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit("Python 3.11 or later is needed; this is " + sys.version.split()[0]) if sys.version_info < (3, 11) else 0'
	@$(PYTHON) -c 'import venv, ensurepip' 2>/dev/null || { echo "Python's venv module is missing: apt-get install python3-venv" >&2; exit 1; }
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@echo "[setup] installing the development environment (a minute, once)"
	@$(BIN)/pip install --quiet --disable-pip-version-check --require-hashes -r requirements-dev.lock
	@$(BIN)/pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $(STAMP)

# PostgreSQL's programs and Chromium: installed if we may, named if we may not.
programs:
	@sh tests/odoo/programs.sh

demo: setup programs
	@$(BIN)/python -m tests.demo $(if $(DETACH),--detach) $(if $(REAL),--real) $(if $(filter 0,$(SIMULATOR)),--no-simulator) $(if $(TRANSPORT),--transport $(TRANSPORT))

demo-stop: setup
	@$(BIN)/python -m tests.demo --stop

test: setup programs
	@$(BIN)/pytest $(ARGS)

test-fast: setup
	@MAILDESK_EXAMPLES=40 $(BIN)/pytest -m "not odoo and not browser and not long" $(ARGS)

# The long forms of tests: hours. PARTS="kills storm histories examples", MAILDESK_SEED=n.
drill: setup programs
	@$(BIN)/python -m tests.drill $(PARTS)

# Each target of the design, measured beside a peer: var/bench/latest.json. QUICK=1: smaller n, within ten minutes. PARTS="reading acting sending scrolling apply list search".
bench: setup programs
	@$(BIN)/python -m tests.bench $(PARTS)

check: setup
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .
	@git ls-files 'connector/*.py' 'tests/*.py' | xargs $(BIN)/flake8-async --enable=$(ASYNC_RULES)
	@$(BIN)/mypy
	@cd odoo_stub_module && ../$(BIN)/pylint --rcfile=pylintrc --score=n --disable=missing-readme,no-wizard-in-models,consider-merging-classes-inherited maildesk

# The addon's terms, exported by Odoo for its translators: i18n/maildesk.pot, and what is new into each .po.
terms: setup programs
	@$(BIN)/python -m tests.addon.terms

# The pictures that docs/screens.md shows, taken by the browser tests and made small. PICTURES=folder: out of a folder that has them already.
pictures: setup programs
	@$(BIN)/python -m tests.e2e.gallery $(if $(PICTURES),--taken $(PICTURES))

clean:
	rm -rf $(VENV) var .demo .mypy_cache .ruff_cache .pytest_cache .hypothesis
