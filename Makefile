# Every target says what it does; "make help" lists them. What is missing is fetched first: see tools/bootstrap.
SHELL := /bin/sh
.DEFAULT_GOAL := help
.PHONY: help install demo test test-openstack check bench format format-check lint types docs wheel clean
MAKEFLAGS += --no-print-directory

BIN := .venv/bin
TESTS ?=
say = @printf '==> %s\n'

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-15s %s\n", $$1, $$2 }' Makefile

install: ## make .venv with the product and all that its tests need
	$(say) "install: making .venv ready"
	@tools/bootstrap

demo: ## run the whole service on a simulated cloud and show what it does
	$(say) "demo: making .venv ready, then running the service on a simulated cloud"
	@tools/bootstrap --no-dev
	@$(BIN)/nfvigil demo $(DEMO)

test: ## run all tests, with coverage of lines and branches (TESTS=tests/store runs a part)
	$(say) "test: making .venv ready, then running the tests, three at a time, with coverage"
	@tools/bootstrap
	@$(BIN)/python -m pytest -n 3 --dist worksteal --cov --cov-branch --cov-report=term $(TESTS)

test-openstack: ## run tests/openstack against a real OpenStack on loopback, which ends with them (Debian 12)
	$(say) "test-openstack: making .venv ready, then starting OpenStack on loopback and running its tests"
	@tools/bootstrap
	@exec env NFVIGIL_TEST_OPENSTACK=1 tools/openstack_lab/lab run --fresh -- \
		$(BIN)/python -m pytest --durations=5 $(or $(TESTS),tests/openstack)

check: format-check lint types test docs ## all that CI checks of the source, in CI's order
	$(say) "check: all is well"

format: ## rewrite the source in the one format
	$(say) "format: rewriting the source with ruff"
	@tools/bootstrap
	@$(BIN)/ruff format
	@$(BIN)/ruff check --fix-only --quiet

format-check: ## is the source in the one format?
	$(say) "format-check: is everything formatted?"
	@tools/bootstrap
	@$(BIN)/ruff format --check

lint: ## look for mistakes with ruff
	$(say) "lint: looking for mistakes with ruff"
	@tools/bootstrap
	@$(BIN)/ruff check

types: ## check the types, strictly
	$(say) "types: checking with mypy --strict"
	@tools/bootstrap
	@$(BIN)/mypy

docs: ## check the documents: links, names and decisions
	$(say) "docs: checking links, names and decisions"
	@tools/bootstrap
	@$(BIN)/python -m pytest -q tests/test_docs_links.py

bench: ## measure, and write docs/performance.md
	$(say) "bench: measuring; this takes some minutes and wants a quiet machine"
	@tools/bootstrap
	@$(BIN)/python bench/all.py

wheel: ## build the wheel into dist/
	$(say) "wheel: building into dist/"
	@tools/bootstrap
	@$(BIN)/python -m pip wheel --quiet --disable-pip-version-check --no-deps --wheel-dir dist .

clean: ## remove .venv, caches and what was built
	$(say) "clean: removing .venv, caches and dist/"
	@rm -rf .venv .cache .pytest_cache .mypy_cache .ruff_cache .hypothesis dist .coverage .coverage.*
	@find src tests bench tools -name __pycache__ -type d -prune -exec rm -rf {} +
