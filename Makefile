# Two commands do everything: `make up` and `make test`. Whatever they need they install, or say what is missing.

PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
CARGO  := cargo
SOURCES := pyproject.toml $(shell find core -name target -prune -o \( -name '*.rs' -o -name 'Cargo.*' \) -print)
# TAPs need python-pytun, which is built here where Python's headers are.
HEADERS := $(shell $(PYTHON) -c 'import os, sysconfig; print(*filter(os.path.exists, [sysconfig.get_path("include") + "/Python.h"]))')
EXTRAS  := dev$(if $(HEADERS),$(shell echo ,)tap)
CONFIG ?= configs/cluster.toml
# A shared machine may stand still for longer than any test waits. What failed is run once more; what fails twice, fails.
AGAIN  := echo "once more, what failed:" && $(BIN)/python -m pytest --last-failed --last-failed-no-failures=none

.PHONY: help build up down test lint bench fuzz docs docker install-units clean

help:
	@echo "make up      build everything and start $(CONFIG); then: $(BIN)/vkd ssh a"
	@echo "make down    stop what runs and leave nothing behind"
	@echo "make test    build everything and run the tests"
	@echo "make lint    formatters, linters, type checks"
	@echo "make bench   measure side by side with QEMU, native code and User Mode Linux"
	@echo "make fuzz    compare random programs, translated and interpreted, with QEMU (SECONDS=600)"
	@echo "make docs    regenerate the reference pages"
	@echo "make install-units   install the systemd units: the user's, or as root the machine's (UNITS_ARGS='--bin DIR')"
	@echo "make docker  make the image for docker/compose.yaml: three hosts in containers"

build: $(VENV)/.built

# An editable install: Python is used from the tree, the native module is rebuilt when its sources change.
$(VENV)/.built: $(SOURCES)
	@$(PYTHON) scripts/hostdeps.py run
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@echo "building (the first time takes a few minutes)"
	@$(BIN)/pip install --quiet --disable-pip-version-check --editable '.[$(EXTRAS)]'
	@touch $@

up: build
	$(BIN)/vkd up $(CONFIG)

down: build
	$(BIN)/vkd down --all

test: build
	@$(PYTHON) scripts/hostdeps.py run test
	$(CARGO) test --manifest-path core/Cargo.toml --quiet
	$(BIN)/python -m pytest $(PYTEST_ARGS) || { test $$? -eq 1 && $(AGAIN); }

lint: build
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(CARGO) fmt --manifest-path core/Cargo.toml --all --check
	$(CARGO) clippy --manifest-path core/Cargo.toml --workspace --all-targets --quiet -- -D warnings

bench: build
	@$(PYTHON) scripts/hostdeps.py run test bench
	$(BIN)/python -m bench $(BENCH_ARGS)

SECONDS ?= 600
fuzz: build
	@$(PYTHON) scripts/hostdeps.py run test
	$(BIN)/python -m tests.isa.fuzz --seconds $(SECONDS)

docs: build
	$(BIN)/python -m vkd.config.reference
	$(BIN)/python -m vkd.cli.reference

# Builds nothing: as root it must not leave files in the tree.
install-units:
	@$(PYTHON) scripts/units.py $(UNITS_ARGS)

docker: build
	@$(PYTHON) scripts/hostdeps.py run docker
	@$(BIN)/python docker/build.py $(DOCKER_ARGS)

clean:
	rm -rf $(VENV) core/target vkd/_native*.so
