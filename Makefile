# Commands; each says what it does after "##". A fresh machine needs Python 3.11, git and make.
PYTHON ?= $(shell command -v python3.11 || command -v python3)
VENV   ?= .venv
BIN    := $(VENV)/bin
WAIT   ?= 1
ROWS   ?= 1000000
SEEDS  ?= 5000
TEST_SEEDS ?= 500
LINKS  ?= 100000
UV     := uv==0.13.9

.DEFAULT_GOAL := help
.PHONY: help install check lint types layers test test-quick test-clients test-socket simulate simulate-defects sim-extract sim-contacts bench-sandbox bench-extract bench-outbox bench-prepare bench-publish bench-match bench-reconcile demo fields wheel constraints clean

help: ## list the commands
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:[^#]*## /\t/' | expand -t 16

# uv installs in seconds what pip installs in minutes; where it cannot, pip does it.
define install
	$(BIN)/uv pip install --quiet --python $(BIN)/python -c constraints.txt -e '$(1)' \
	  || $(BIN)/python -m pip install --quiet -c constraints.txt -e '$(1)'
	@touch $@
endef

$(BIN)/python:
	$(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check '$(UV)' \
	  || $(BIN)/python -m pip install --quiet --disable-pip-version-check uv || true

$(VENV)/.runtime: $(BIN)/python pyproject.toml constraints.txt
	$(call install,.)

$(VENV)/.dev: $(BIN)/python pyproject.toml constraints.txt
	$(call install,.[dev])

install: $(VENV)/.dev ## create the environment with all that development needs

demo: $(VENV)/.runtime ## sandbox and Airflow, one whole sync, payments shown, a table; stays up (WAIT=0: ends with a status)
	@exec $(BIN)/sfxero demo --wait $(WAIT)

check: lint types layers ## everything static

lint: $(VENV)/.dev ## ruff: rules and format
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(VENV)/.dev ## mypy, strict
	$(BIN)/mypy

layers: $(VENV)/.dev ## one-way layers
	PYTHONPATH=plugins $(BIN)/lint-imports

test: $(VENV)/.dev ## every test; whole runs come last, two files of them at once
	$(BIN)/pytest -q -n 3 -m "not e2e" --ignore tests/simulation/test_defects.py
	@$(MAKE) --no-print-directory simulate SEEDS=$(TEST_SEEDS)
	@$(MAKE) --no-print-directory test-socket
	$(BIN)/pytest -q -m e2e -n 2 --dist loadfile

test-quick: $(VENV)/.dev ## unit and contract tests
	$(BIN)/pytest -q -m "not dag and not e2e and not clients and not simulation"

test-clients: $(VENV)/.dev ## clients that others wrote, unchanged, against the sandbox
	$(BIN)/pytest -q -m clients tests/clients

test-socket: $(VENV)/.dev ## the sandbox's own tests once more, over a socket
	SFXERO_SANDBOX_OVER=socket $(BIN)/pytest -q -n 2 tests/contract/sandbox/xero tests/contract/sandbox/salesforce

simulate: $(VENV)/.dev ## the whole sync on virtual time, by seeds (SEEDS=5000; SEED=123: one, told in full)
	PYTHONPATH=plugins:. $(BIN)/python -m tests.simulation $(if $(SEED),--seed $(SEED),--seeds $(SEEDS))

simulate-defects: $(VENV)/.dev ## that the simulation finds deliberate defects of our code; takes minutes
	$(BIN)/pytest -q -n 2 --dist worksteal tests/simulation/test_defects.py

bench-sandbox: $(VENV)/.dev ## what the sandbox costs: start, memory, calls, rows per second
	PYTHONPATH=plugins $(BIN)/python tests/benchmarks/bench_sandbox.py

sim-extract: $(VENV)/.dev ## random histories of an org, each read by several runs (SEEDS=5000)
	SFXERO_EXTRACT_SEEDS=$(SEEDS) $(BIN)/pytest -q -n 2 tests/contract/sync/test_extract_property.py

sim-contacts: $(VENV)/.dev ## storms on both sides: edits, then merges and archives, with faults (SEEDS=5000 of each)
	SFXERO_STORM_SEEDS=$(SEEDS) SFXERO_IDENTITY_SEEDS=$(SEEDS) \
	  $(BIN)/pytest -q -n 2 tests/contract/sync/test_contact_storms.py tests/contract/sync/test_identity_storms.py

bench-extract: $(VENV)/.dev ## rows per second and memory of an extract, beside the limit (ROWS=100000,1000000)
	PYTHONPATH=plugins $(BIN)/python tests/benchmarks/bench_extract.py --rows $(ROWS)

bench-prepare: $(VENV)/.dev ## rows per second and memory of check and prepare, beside the plain bound (ROWS=1000000)
	PYTHONPATH=plugins $(BIN)/python tests/benchmarks/bench_prepare.py --rows $(ROWS)

bench-outbox: $(VENV)/.dev ## entries per second through plan, claim and settle: 1, 4 and 8 processes, both stores
	PYTHONPATH=plugins $(BIN)/python tests/benchmarks/bench_outbox.py

bench-publish: $(VENV)/.dev ## four publishers at 60 calls a minute for five minutes, calls per 1,000, then 20 kills
	PYTHONPATH=plugins:. $(BIN)/python tests/benchmarks/bench_publish.py
	PYTHONPATH=plugins:. $(BIN)/python tests/benchmarks/bench_publish.py --kill

bench-match: $(VENV)/.dev ## 50,000 accounts against 50,000 contacts: time, memory, precision, recall
	PYTHONPATH=plugins:. $(BIN)/python tests/benchmarks/bench_match.py

bench-reconcile: $(VENV)/.dev ## calls, minutes and memory of comparing many links (LINKS=100000)
	PYTHONPATH=plugins:. $(BIN)/python tests/benchmarks/bench_reconcile.py --links $(LINKS)

fields: $(VENV)/.dev ## write docs/fields.md from the tests that show what becomes of each field
	PYTHONPATH=plugins:. $(BIN)/python -m tests.docs.field_table

wheel: $(VENV)/.dev ## build the wheel
	$(BIN)/python -m build --wheel --no-isolation

constraints: $(BIN)/python ## pin every package anew, as Airflow's own convention has it
	$(BIN)/uv pip compile pyproject.toml --extra dev --python-version 3.11 --upgrade --quiet \
	  --no-annotate --no-header --no-emit-index-url --output-file constraints.txt

clean: ## remove what the commands made
	rm -rf $(VENV) .demo .sandbox-ca tests/clients/node/node_modules build dist .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
