# `make` prints this list. Every target sets up what it needs; nothing outside .venv/ and var/ is written.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
# Of `make loadtest`.
RATE ?= 20
SECONDS ?= 60
SHAPE ?= steady
PROCESSES ?= 1
# Of sentry-install: the release's archive, what of it runs, where it listens.
export SENTRY_TARBALL PROFILE SENTRY_BIND
# An inherited "do not write bytecode" would recompile every module at every start.
export PYTHONDONTWRITEBYTECODE :=

.DEFAULT_GOAL := help
.PHONY: help setup y0 rehearse up sentry-preflight sentry-install down loadtest whatif cost recommend test bench doctor \
  checklist monitors-check monitors-plan monitors-apply check lint format lock clean

help: ## print this list
	@grep -hE '^[a-z0-9-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-16s %s\n", $$1, $$2}'

setup: $(READY) ## the virtual environment, from the lock

$(READY): requirements.lock pyproject.toml scripts/setup.sh
	@sh scripts/setup.sh $(PYTHON) $(VENV)

y0: $(VENV)/.y0 ## the optional second opinion of ISL_Y0_CROSS_CHECK, into the same environment; half a minute

$(VENV)/.y0: requirements-y0.lock $(READY)
	@echo "y0: installing requirements-y0.lock into $(VENV) (half a minute)" >&2
	@$(BIN)/python -m pip install --disable-pip-version-check -q --require-hashes -r requirements-y0.lock
	@touch $@

rehearse: $(READY) ## the main job: engine, service, load, drills, verdict, report; SENTRY=self-hosted: on a Sentry that is there
	@$(BIN)/rehearse run $(if $(SENTRY),--sentry $(SENTRY)) $(ARGS)

up: $(READY) ## bring Sentry, service and sink up and leave them running; SENTRY=embedded|self-hosted: in containers
	@$(BIN)/rehearse up $(if $(SENTRY),--sentry $(SENTRY)) $(ARGS)

sentry-preflight: $(READY) ## can self-hosted Sentry run here? found against needed (PROFILE=errors-only needs less)
	@sh sentry-self-hosted/preflight $(ARGS)

sentry-install: $(READY) ## self-hosted Sentry: fetch, verify, install, bootstrap; tens of minutes, goes on where it broke off
	@sh sentry-self-hosted/install $(ARGS)

down: $(READY) ## stop what `make up` left running; DATA=1 removes its data too
	@$(BIN)/rehearse down $(if $(DATA),--data) $(ARGS)

loadtest: $(READY) ## Locust against what `make up` started: RATE=20 SECONDS=60 SHAPE=steady PROCESSES=1 UI=1 OVERHEAD=1
	@$(BIN)/rehearse loadtest --rate $(RATE) --seconds $(SECONDS) --shape $(SHAPE) --processes $(PROCESSES) $(if $(UI),--ui) $(if $(OVERHEAD),--overhead) $(ARGS)

whatif: $(READY) ## sample rates side by side: what they cost, what they page (ARGS="--traffic 5M/month --traces 0.1,1")
	@$(BIN)/rehearse whatif $(ARGS)

cost: $(READY) ## the monthly bill of the last run, by category, endpoint and span name
	@$(BIN)/rehearse cost $(ARGS)

recommend: $(READY) ## the cheapest sample rates that keep every alert's promises, to paste (ARGS="--budget 50")
	@$(BIN)/rehearse recommend $(ARGS)

test: $(READY) ## the whole test suite
	@$(BIN)/python -m pytest $(ARGS)

bench: $(READY) ## measure the engine and the service, some minutes; docs/performance.md has the figures
	@$(BIN)/python tests/bench/bench_parts.py
	@$(BIN)/python tests/bench/bench_ingest.py
	@$(BIN)/python tests/bench/bench_store.py
	@$(BIN)/python tests/bench/bench_service.py
	@$(BIN)/python tests/bench/bench_request.py
	@$(BIN)/python tests/bench/bench_cost.py

doctor: $(READY) ## why does nothing arrive? the troubleshooting list, run (SENTRY_*)
	@$(BIN)/rehearse doctor $(ARGS)

checklist: $(READY) ## the production checklist, each box ticked by doing it (SENTRY_*, or after `make up`)
	@$(BIN)/rehearse checklist $(ARGS)

monitors-check: $(READY) ## lint the rules of monitors and alerts and run their tests
	@$(BIN)/rehearse monitors check $(ARGS)

monitors-plan: $(READY) ## show the difference between the rules and a Sentry (SENTRY_URL, _AUTH_TOKEN, _ORG, _PROJECT)
	@$(BIN)/rehearse monitors plan

monitors-apply: $(READY) ## make that Sentry as the rules say
	@$(BIN)/rehearse monitors apply

check: lint test ## all that CI runs

lint: $(READY) ## format, lint, types, direction of imports
	@$(BIN)/ruff format --check . && $(BIN)/ruff check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports --no-cache

format: $(READY) ## rewrite the code as the formatter wants it
	@$(BIN)/ruff format . && $(BIN)/ruff check --fix .

COMPILE = uv pip compile pyproject.toml --universal --python-version 3.11 --generate-hashes \
  --no-emit-index-url --no-emit-find-links --no-header --upgrade -q
lock: ## resolve both locks again (needs uv); they hold hashes and no addresses
	$(COMPILE) --extra rehearsal --group dev -o requirements.lock
	mkdir -p var && $(COMPILE) --extra y0 -c requirements.lock -o var/y0.lock
	$(PYTHON) scripts/lock_part.py y0 <var/y0.lock >requirements-y0.lock

clean: ## stop what is up and remove what the stack and the set-up wrote
	@[ ! -e var/self-hosted/state.json ] || { echo "clean: a Sentry is installed; first: sentry-self-hosted/remove --data" >&2; exit 3; }
	@[ ! -x $(BIN)/rehearse ] || $(BIN)/rehearse down --data
	rm -rf var $(VENV)
