# demo, test: all that a new user needs. check, e2e, bench: for those who change something. lab-up, lab-down: the lab.
.PHONY: demo test check e2e bench lab-up lab-down format lock clean
.DEFAULT_GOAL := help

CACHE := $(or $(TIDEBRIDGE_CACHE),$(or $(XDG_CACHE_HOME),$(HOME)/.cache)/tidebridge)
UV_VERSION := 0.13.9
UV := $(CACHE)/uv-$(UV_VERSION)/bin/uv
PYTHON ?= python3
BIN := .venv/bin

help:
	@sed -n 's/^# //p' Makefile | head -1; printf '  make %s\n' demo test check e2e bench lab-up lab-down

demo: .venv/.ready
	$(BIN)/tidebridge demo

test: .venv/.ready
	$(BIN)/pytest -q -m 'not lab'

check: .venv/.ready
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

e2e: .venv/.ready
	lab/e2e

bench: .venv/.ready
	$(BIN)/python -m benchmarks

lab-up:
	lab/build && lab/up

lab-down:
	lab/down

format: .venv/.ready
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

# The lock has hashes and no addresses: any index that has the same files will do.
lock: $(UV)
	$(UV) pip compile -q --universal --generate-hashes --no-emit-index-url --no-header --upgrade \
	    --group dev --extra postgresql pyproject.toml -o requirements.lock

.venv/.ready: requirements.lock pyproject.toml $(UV)
	$(UV) venv -q --allow-existing --python "$$($(PYTHON) -c 'import sys; print(sys.executable)')" .venv
	$(UV) pip sync -q --python $(BIN)/python --require-hashes requirements.lock
	$(UV) pip install -q --python $(BIN)/python --no-deps --no-build-isolation --editable .
	@touch $@

$(UV):
	@$(PYTHON) -c 'import sys; sys.exit("Python 3.11 or later is needed; name one with: make PYTHON=...") if sys.version_info < (3, 11) else None'
	$(PYTHON) -m venv $(CACHE)/uv-$(UV_VERSION)
	$(CACHE)/uv-$(UV_VERSION)/bin/pip install -q --disable-pip-version-check uv==$(UV_VERSION)

clean:
	rm -rf .venv .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis dist
