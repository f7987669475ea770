# Needs python3 (3.11 or later, with venv), make and git; the rest is set up in .venv, from the lock files only. With a C
# compiler and the headers of Python, `verify` is faster.
PYTHON ?= python3
UV ?= uv
ARGS ?=

VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check --quiet
KERNEL := ledger/verifying/kernel.pyx ledger/verifying/texts.pxi ledger/verifying/hashing.pxi
# What is tested a second time with all ledgers in PostgreSQL: commands, roles, unblinding, keys, views.
STORED := tests/test_application.py tests/test_reading.py tests/test_matrix.py tests/test_unblinding.py \
	tests/test_keys_of_a_ledger.py tests/projections
LOCKS := requirements.lock requirements-dev.lock
EXTRAS := --extra exports --extra pkcs11 --extra postgres --extra timestamps --extra xpt
COMPILE := $(UV) pip compile pyproject.toml --quiet --universal --generate-hashes --no-emit-index-url \
	--no-header --no-annotate

.DEFAULT_GOAL := help
.PHONY: help demo test check lock bench soak verifier clean

help: ## list these targets
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "make %-8s %s\n", $$1, $$2 }' Makefile

demo: $(VENV)/.runtime ## play the reference trial, verify it, tamper with a copy, serve its pages (ARGS="--no-serve --dir out")
	$(BIN)/trial-ledger demo $(ARGS)

test: $(VENV)/.dev ## run the tests, what records and reads in PostgreSQL too (ARGS="-k tree")
	$(BIN)/python -m pytest -n 2 $(ARGS)
	@[ -n "$(ARGS)" ] || { set -x; TRIAL_LEDGER_TEST_STORE=postgres $(BIN)/python -m pytest -n 2 $(STORED); }

check: $(VENV)/.dev ## lint, formatting, types, layers, lock files, documents
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	@! grep -n '://' $(LOCKS) || { echo 'error: the lock files name a host' >&2; exit 1; }
	@if [ -f tests/docs_check.py ]; then set -x; $(BIN)/python -m tests.docs_check; fi

lock: ## resolve both lock files anew (needs uv)
	@command -v $(UV) >/dev/null || { echo 'error: make lock needs uv; set UV to where it is' >&2; exit 1; }
	$(COMPILE) --upgrade $(EXTRAS) --group build -o requirements.lock
	$(COMPILE) --upgrade $(EXTRAS) --group build --group dev -c requirements.lock -o requirements-dev.lock
	@! grep -n '://' $(LOCKS) || { echo 'error: the lock files name a host' >&2; exit 1; }

bench: $(VENV)/.dev ## measure appends, verify and rebuild against the eventsourcing library
	$(BIN)/python -m tests.bench $(ARGS)

soak: $(VENV)/.dev ## the long batteries: crashes, stories in two worlds, killed witnesses, fuzzed evidence, many writers, a cluster, laws
	$(BIN)/python -m tests.crash.soak $(ARGS)
	$(BIN)/python -m tests.two_worlds.soak
	$(BIN)/python -m tests.witness_soak
	$(BIN)/python -m tests.fuzz
	$(BIN)/python -m tests.recording.soak
	$(BIN)/python -m tests.cluster.soak
	TRIAL_LEDGER_THOROUGH=1 $(BIN)/python -m pytest -n 2

verifier: $(VENV)/.runtime ## write the offline verifier in one file, dist/trial-ledger-verify.pyz
	@mkdir -p dist && rm -f dist/trial-ledger-verify.pyz
	@$(BIN)/trial-ledger export verifier -o dist/trial-ledger-verify.pyz

clean: ## remove .venv and whatever the tools left behind
	rm -rf $(VENV) build dist *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache
	rm -f ledger/verifying/kernel.c ledger/verifying/kernel.*.so
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# Each stamp is touched last, so that an interrupted set-up is done again.
$(VENV)/.created:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || \
		{ echo 'error: $(PYTHON) is missing or older than 3.11; set PYTHON, as in: make PYTHON=python3.12' >&2; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || \
		{ echo 'error: $(PYTHON) has no venv; on Debian and Ubuntu: apt install python3-venv' >&2; exit 1; }
	$(PYTHON) -m venv --clear $(VENV)
	@touch $@

$(VENV)/.runtime: requirements.lock pyproject.toml setup.py $(KERNEL) $(VENV)/.created
	$(PIP) install --require-hashes --only-binary :all: -r requirements.lock
	@rm -f ledger/verifying/kernel.*.so
	$(PIP) install --no-deps --no-build-isolation --no-index -e .
	@$(BIN)/python -c 'import ledger.verifying.kernel' 2>/dev/null || \
		echo 'no C compiler, or no headers of Python: verify runs at about half of its speed' >&2
	@touch $@

# The build backend is installed by now, so what comes as source only is built with that.
$(VENV)/.dev: requirements-dev.lock $(VENV)/.runtime
	$(PIP) install --require-hashes --no-build-isolation -r requirements-dev.lock
	@touch $@
