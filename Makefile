# Homeport: `make help` lists what a newcomer needs; everything lands in ignored folders of the project.
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DELETE_ON_ERROR:
.DEFAULT_GOAL := help
MAKEFLAGS += --no-print-directory

STACK ?= staging
SYSTEM ?=
NAME ?= noop
SEEDS ?= 10
PYTHON ?= python3
BIN := .venv/bin
HOMEPORT := $(BIN)/homeport
SHELL_SCRIPTS = $(shell git ls-files | xargs grep -lE '^\#!.*\b(ba)?sh\b' 2>/dev/null)

##@ Start
.PHONY: help demo setup toolchain
help: ## Show this list
	@awk 'BEGIN {FS = ":.*## "} /^##@/ {printf "\n%s\n", substr($$0, 5)} \
	  /^[a-z -]+:.*## / {printf "  make %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

demo: setup toolchain ## From nothing to an HTTPS URL: local cloud, `pulumi up`, smoke test [STACK= SYSTEM=]
	@$(HOMEPORT) demo --stack $(STACK) $(if $(SYSTEM),--system $(SYSTEM))

setup: .venv/.complete ## Make .venv from requirements.lock

toolchain: ## Provide `pulumi` and its plugins: the official CLI, or a build from Go modules
	@toolchain/build

##@ Work with a stack (thin over pulumi) [STACK=staging SYSTEM=]
.PHONY: preview up destroy
preview: ## What would change; with neither STACK nor SYSTEM: all stacks of all systems, as their first `up`
up destroy: ## The Pulumi operation on STACK
preview up destroy: setup toolchain
	@$(HOMEPORT) $@ $(WHICH) $(ARGS)
preview: WHICH = $(if $(findstring filefile,$(origin STACK)$(origin SYSTEM)),--all,$(ONE))
up destroy: WHICH = $(ONE)
ONE = --stack $(STACK) $(if $(SYSTEM),--system $(SYSTEM))

##@ Local cloud
.PHONY: cloud-up cloud-down cloud-status
cloud-up cloud-down cloud-status: setup ## Start, remove or show the local cloud
	@$(HOMEPORT) cloud $(@:cloud-%=%)

##@ Check
.PHONY: check lint packages test bench
check: setup lint ## Lint, types and the fast tests: no Docker, no engine, no network
	@# The slower tests can at least be read.
	@found=$$($(BIN)/pytest tests/processes tests/engine tests/e2e --collect-only -qq 2>&1) || { echo "$$found"; exit 1; }
	@$(BIN)/pytest tests/unit tests/stacks -n 3 --dist worksteal -q --seeds $(SEEDS)

packages:
	@tests/packages

lint: setup
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/mypy __main__.py bench
	@$(BIN)/mypy smoke.py
	@for program in systems/*/__main__.py; do $(BIN)/mypy $$program; done
	@MYPYPATH=testbed/apps/ledger/src $(BIN)/mypy testbed/apps/ledger/src/ledger
	@MYPYPATH=testbed/apps/odoo-standin/src $(BIN)/mypy testbed/apps/odoo-standin/src/odoo_standin
	@MYPYPATH=testbed/apps/signer/src $(BIN)/mypy testbed/apps/signer/src/signer
	@$(BIN)/mypy testbed/apps/website/website.py
	@MYPYPATH=testbed/apps/platform-standin/src $(BIN)/mypy testbed/apps/platform-standin/src/standin
	@$(BIN)/shellcheck $(SHELL_SCRIPTS)
	@$(BIN)/yamllint -s .

ifeq ($(SYSTEM),)
test: SEEDS = 200
test: packages check toolchain ## Everything, or one of systems/ alone: check, tools, engine, local cloud [SYSTEM=]
	@$(BIN)/pytest tests/processes -n 3 --dist worksteal -q
	@toolchain/test
	@$(BIN)/pytest tests/engine -n 2 --dist loadfile -q --durations=10
	@# Its images are built once, outside of any test's time.
	@$(HOMEPORT) cloud up --name images && $(HOMEPORT) cloud down --name images
	@$(BIN)/pytest tests/e2e -n 2 --no-loadscope-reorder -q --durations=25
else
test: packages setup toolchain
	@$(BIN)/pytest tests/stacks/systems/test_$(subst -,_,$(SYSTEM)).py -n 3 -q
	@$(BIN)/pytest tests/e2e/systems/test_$(subst -,_,$(SYSTEM)).py -q --durations=25
endif

bench: setup toolchain ## Measure a claim: NAME=noop|cold|deploy|previews|proxy-upgrade|scale|tenants [ARGS=]; writes bench/results/NAME.json
	@$(BIN)/python -m bench.$(subst -,_,$(NAME)) $(ARGS)

##@ Keep
.PHONY: lock format docs snapshots clean
lock: .tools/.uv ## Write requirements.lock anew from pyproject.toml
	@$(UV) pip compile --quiet --upgrade pyproject.toml --group dev --universal --generate-hashes \
	  --python-version 3.11 --no-header --output-file requirements.lock

format: setup ## Format and fix what can be fixed
	@$(BIN)/ruff check --fix . && $(BIN)/ruff format .

docs: setup ## Write the generated documentation anew
	@$(BIN)/python -m components.config > docs/configuration.md
	@$(BIN)/python -m components.config systems.isis.config:IsisConfig > systems/isis/docs/configuration.md
	@$(BIN)/python -m components.config systems.dms.config:DmsConfig > systems/dms/docs/configuration.md
	@$(BIN)/python -m components.config systems.crm.config:CrmConfig > systems/crm/docs/configuration.md
	@$(BIN)/python -m components.config systems.command_center.config:CommandCenterConfig \
	  > systems/command_center/docs/configuration.md
	@$(BIN)/python -m components.config systems.odoo.config:OdooConfig > systems/odoo/docs/configuration.md
	@$(BIN)/python -m bench.deploy.page > docs/deploys.md

snapshots: setup ## Accept the present resources of both stacks as the expected ones
	@$(BIN)/pytest tests/stacks -q --update-snapshots

clean: ## Remove what was made here; the local cloud must be down
	@rm -rf .venv .tools .toolchain .mypy_cache .pytest_cache .ruff_cache

# uv comes from PATH, or from PyPI into the project.
UV := $(or $(shell command -v uv),.tools/bin/uv)

.tools/.uv: toolchain/uv.lock
	@command -v uv >/dev/null || { $(PYTHON) -m venv .tools && \
	  .tools/bin/pip install --quiet --require-hashes -r toolchain/uv.lock; }
	@mkdir -p .tools && touch $@

APPS = testbed/apps/ledger testbed/apps/odoo-standin
.venv/.complete: requirements.lock pyproject.toml $(APPS:=/pyproject.toml) | .tools/.uv
	@$(PYTHON) -c 'import sys; sys.exit("Python 3.11 or newer is needed, this is " + sys.version.split()[0] \
	  + ": install one and say make PYTHON=python3.x") if sys.version_info < (3, 11) else None'
	@echo "environment: .venv from requirements.lock (about 15 s)"
	@$(UV) venv --quiet --allow-existing --python $(PYTHON) .venv
	@$(UV) pip sync --quiet --require-hashes --compile-bytecode --python .venv/bin/python requirements.lock
	@$(UV) pip install --quiet --no-deps --python .venv/bin/python -e . $(APPS:%=-e %)
	@# Even where Python may write no bytecode itself, every `pulumi up` starts with some: a second less.
	@.venv/bin/python -m compileall -q components homeport
	@touch $@
