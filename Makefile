# make run: the whole destination on this machine. make check: the quick checks. make test: every check.
#
#   PYTHON   the Python 3.11 or newer that the virtual environment is made of   (python3)
#   STACK    the stack that is deployed                                         (klaviyo-destination)
#   VENV     where the virtual environment is                                   (.venv)

PYTHON ?= python3
VENV ?= .venv
STACK ?= klaviyo-destination

BIN := $(VENV)/bin
INSTALLED := $(VENV)/.installed
COMMAND := $(BIN)/klaviyo-destination
REQUIREMENTS := src/requirements.txt requirements-dev.txt

export PYTHONPATH := src
# Whoever forbids it (images of Python do) has each of pytest's workers, and each process that a test
# starts, compile everything anew.
export PYTHONDONTWRITEBYTECODE :=

# Four workers more than there are processors, since some always wait for a browser, a process or a clock. The
# tests that measure time run after all others, with two more: they compute little, and a worker takes one at
# a time.
PROCESSORS := $(shell getconf _NPROCESSORS_ONLN)
more = $(shell expr $(PROCESSORS) + $(1))
PLUGINS := $(addprefix -p tests.suite.,order few_reports one_compiles)
PYTEST := $(BIN)/python -m pytest $(PLUGINS)
PARALLEL := $(PYTEST) -n $(call more,4) --dist loadfile --no-loadscope-reorder -m "not alone"
ALONE = $(PYTEST) -n $(call more,2) --dist load --maxschedchunk 1 -m alone $(shell grep -rl --include='test_*.py' 'mark\.alone' tests)

# A machine of CI that does other work too makes a clock late now and then. RETRY=1, as CI has it: what
# failed is tried once more, one test at a time, and has to pass then. Three failures there are the end.
# What passes then is added to $(FLAKY): it may depend on the tests before it.
FLAKY := $(VENV)/flaky
AGAIN := $(BIN)/python -m pytest --last-failed --last-failed-no-failures none --maxfail 3 -rp
again = $(1)$(if $(RETRY), --cache-clear || { [[ $$? == 1 ]] && $(AGAIN) | tee -a $(FLAKY); })

define LINT
$(BIN)/ruff format --check
$(BIN)/ruff check
endef

# Tests, and types and layers meanwhile.
beside = { $(BIN)/mypy && $(BIN)/lint-imports; } & others=$$!; \
  status=0; $(1) || status=$$?; wait $$others || status=$$?; exit $$status

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.PHONY: $(shell sed -nE 's/^([a-z-]+):.*## .*/\1/p' $(MAKEFILE_LIST))

help: ## Show this
	@sed -nE 's/^([a-z-]+):.*## (.*)/  make \1\t\2/p' $(MAKEFILE_LIST) | expand -t 24

install: $(COMMAND) ## Install the tools and the command line, .venv/bin/klaviyo-destination

deploy: $(COMMAND) ## Build and deploy to AWS (STACK=its name; parameters in stacks/<STACK>.yaml)
	@$(BIN)/python -m deploy $(STACK) $(if $(TEMPLATE),--template $(TEMPLATE)) $(if $(SAM_OPTIONS),--sam '$(SAM_OPTIONS)')

release: $(COMMAND) ## Make what a release consists of, in dist/: functions, template, SBOM, checksums
	@$(BIN)/python -m deploy.release

accounts: $(COMMAND) ## Stand in for AWS, Klaviyo and Segment, to try a deployment; needs a Python 3.13 (PYTHON313)
	@exec .ci/deploy tests.emulator.accounts

run: $(COMMAND) ## Run everything on this machine, until Ctrl-C (ONCE=1: until the samples are through)
	@exec $(BIN)/python -m local

check: $(COMMAND) ## Check format, lint, types and layers, and test mapping and client (half a minute)
	$(LINT)
	$(call beside,QUICK=1 $(PARALLEL) tests/operations tests/klaviyo_mapping tests/klaviyo_client)

test: $(COMMAND) ## Check format, lint, types and layers, and run every test (4 minutes on two cores)
	$(LINT)
	$(call beside,$(call again,$(PARALLEL) tests))
	$(call again,$(ALONE))

faults: $(COMMAND) ## Send 100,000 messages through everything that can fail, three times (12 minutes; 25 with LEDGER=on or failing)
	$(BIN)/python -m tests.faults $(if $(LEDGER),--ledger $(LEDGER))

bench: $(COMMAND) ## Measure speed, cold start, memory and size (2 minutes; BASE=a commit, FRESH=1: measure it anew; PEER=a folder)
	$(BIN)/python -m bench $(if $(BASE),--base $(BASE)) $(if $(FRESH),--fresh) $(if $(PEER),--peer $(PEER))

bench-memory: $(COMMAND) ## Measure each of Lambda's memory sizes (2 minutes)
	$(BIN)/python -m bench.scenarios.memory

bench-drain: $(COMMAND) ## Measure how fast a backlog of 200,000 events leaves (3 minutes)
	$(BIN)/python -m bench.scenarios.drain

bench-traffic: $(COMMAND) ## Count a shop's requests against Klaviyo's allowance (1 minute)
	$(BIN)/python -m bench.scenarios.traffic

bench-hang: $(COMMAND) ## Measure the webhook's answers while Klaviyo hangs (1 minute)
	$(BIN)/python -m bench.scenarios.hang

bench-slow: $(COMMAND) ## Measure the webhook's answers while Klaviyo takes 300 ms (8 minutes)
	$(BIN)/python -m bench.scenarios.slow

bench-backfill: $(COMMAND) ## Load 1,000,000 messages of an archive, killed twice (8 minutes)
	$(BIN)/python -m bench.scenarios.backfill

bench-ledger: $(COMMAND) ## Measure what the ledger costs a call of 1,000 identifies (2 minutes)
	$(BIN)/python -m bench.scenarios.ledger

soak: $(COMMAND) ## See whether 20,000 calls of 4 MB leave memory behind (1 hour)
	$(BIN)/python -m bench.scenarios.soak

format: $(COMMAND) ## Format the code, and fix what the linter can fix
	$(BIN)/ruff check --fix-only
	$(BIN)/ruff format

clean: ## Remove everything that make has made
	rm -rf .venv .venv-* .run .aws-sam dist bench/results
	rm -rf .hypothesis .import_linter_cache .mypy_cache .pytest_cache .ruff_cache
	find src preview cli installed local deploy tests bench \
	  \( -name __pycache__ -o -name node_modules \) -type d -prune -exec rm -rf {} +

# What pip is at, one line for each package.
STEPS := sed -nuE 's/^Collecting ([^ =]+)==([^ ]+).*/  \1 \2/p; s/^(Installing collected packages).*/  unpacking them all/p'

$(INSTALLED): $(REQUIREMENTS)
	@command -v $(PYTHON) >/dev/null || { \
	  echo "make: there is no $(PYTHON). Install Python 3.11 or newer (Debian: apt install python3 python3-venv)," >&2; \
	  echo "      or name one: make PYTHON=python3.12 $(MAKECMDGOALS)" >&2; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
	  echo "make: $(PYTHON) is $$($(PYTHON) --version 2>&1), and 3.11 or newer is needed." >&2; \
	  echo "      Name one: make PYTHON=python3.12 $(MAKECMDGOALS)" >&2; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || { \
	  echo "make: $(PYTHON) cannot make a virtual environment: ensurepip is missing." >&2; \
	  echo "      Debian and Ubuntu: apt install python3-venv" >&2; exit 1; }
	@echo "Installing $$(grep -c '^[^ #].*==' requirements-dev.txt) packages into $(VENV): once, and when the requirements change (a minute or two)"
	@$(PYTHON) -m venv --clear $(VENV)
	@$(BIN)/python -m pip install --disable-pip-version-check --require-hashes --requirement requirements-dev.txt | $(STEPS)
	@touch $@

# The command line, run from this very folder. Setuptools is the one of requirements-dev.txt.
$(COMMAND): $(INSTALLED) pyproject.toml setup.py
	@echo "Installing the command line, $(COMMAND)"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@touch $@
