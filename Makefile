# make help lists the targets.

PYTHON     ?= python3
CONFIG     ?= config/nightbell.yaml
PREFIX     ?= /opt/nightbell
BINDIR     ?= /usr/local/bin
SYSCONFDIR ?= /etc
UNITDIR    ?= /etc/systemd/system
DESTDIR    ?=
# More arguments, for instance: make test ARGS='tests/alerting -k oncall'
ARGS       ?=

BIN     := .venv/bin
SOURCES := probes alerting config monitor tests bench

export PYTHON PREFIX BINDIR SYSCONFDIR UNITDIR DESTDIR

.DEFAULT_GOAL := help
.PHONY: help run test faults check format lock wheel wheel-test install uninstall bench bench-idle clean

help: ## Show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-11s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

run: ## Start the daemon here, in the foreground (CONFIG=… names another file)
	@scripts/venv run
	@exec $(BIN)/nightbell -c $(CONFIG) run

test: ## Run the tests (ARGS=… goes to pytest)
	@scripts/venv dev
	@scripts/test-tools
	@scripts/test $(ARGS)

faults: ## Kill, fill, cut and hang it for an hour; the figures go to out/faults.md (ARGS='-j 2 -k storm' picks some)
	@scripts/venv dev
	@scripts/test-tools
	@scripts/faults $(ARGS)

check: ## Lint, formatting, types and the direction of imports
	@scripts/venv dev
	$(BIN)/ruff check $(SOURCES)
	$(BIN)/ruff format --check $(SOURCES)
	$(BIN)/mypy
	$(BIN)/lint-imports

format: ## Format the code and mend what the linter can
	@scripts/venv dev
	$(BIN)/ruff check --fix-only $(SOURCES)
	$(BIN)/ruff format $(SOURCES)

lock: ## Resolve the dependencies of pyproject.toml anew, with hashes
	@scripts/lock

wheel: ## Build the wheel into dist/
	@scripts/venv run
	@rm -rf dist
	@$(BIN)/python -m build --wheel --no-isolation --outdir dist . >/dev/null
	@ls dist/*.whl

wheel-test: wheel ## Install the wheel outside the tree and run the fast tests against it
	@scripts/test-tools
	@scripts/wheel-test dist/*.whl $(ARGS)

install: ## Install below PREFIX with unit, user and configuration (DESTDIR=… stages it)
	@scripts/install install

uninstall: ## Remove what install put there; configuration and state stay
	@scripts/install uninstall

bench: ## Measure it beside others for 40 minutes and write docs/performance.md (ARGS=--quick; ARGS='checks tls' picks)
	@scripts/venv run
	@scripts/test-tools bench
	@$(BIN)/python bench/run.py $(ARGS)

bench-idle: ## Measure start, memory and CPU of an idle daemon
	@scripts/venv run
	@$(BIN)/python bench/idle.py --config $(CONFIG) $(ARGS)

clean: ## Remove everything that was made here (not state/)
	rm -rf .venv .tools dist out .mypy_cache .ruff_cache .import_linter_cache .hypothesis
	find $(SOURCES) -name __pycache__ -type d -prune -exec rm -rf {} +
