# facewatchd: set up, run, test. `make help` lists the targets.
#
# Everything is installed into .venv; nothing outside this folder is touched.

PYTHON ?= python3
VENV ?= .venv
PHOTOS ?=
PEOPLE ?=
ARGS ?=
PYTEST_ARGS ?=
LOCK_ARGS ?=

BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check --no-input
# Build isolation would download a setuptools that no hash vouches for; the locked one is installed first instead.
INSTALL := $(PIP) install --require-hashes --no-build-isolation --use-pep517
# setuptools warns of every editable install
INSTALL_SELF := env PYTHONWARNINGS=ignore $(PIP) install --no-deps --no-build-isolation --use-pep517 --editable .
DEMO := demo-album
# One line a step, and all that the step said where it fails: $(STEP) 'what is done' command...
STEP := @step() { echo "$$1"; shift; said=$$(mktemp) || return; \
    if "$$@" >"$$said" 2>&1; then rm -f "$$said"; else status=$$?; cat "$$said" >&2; rm -f "$$said"; return $$status; fi; }; step

# Through the environment, because a folder's name may hold spaces and quotes.
export PHOTOS PEOPLE

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help run demo test lint smoke faults soak bench lock gpu clean

help:  ## list the targets
	@awk -F ':.*## ' '/^[a-z]+:.*## / {printf "make %-6s %s\n", $$1, $$2}' $(firstword $(MAKEFILE_LIST))
	@echo
	@echo 'Variables: PHOTOS, PEOPLE (folders), ARGS (more for "facewatchd run"), PYTEST_ARGS, PYTHON (3.11 or later), VENV'

ifneq ($(PHOTOS),)
run: $(VENV)/.installed  ## watch PHOTOS=folder, link people into PEOPLE=folder; without PHOTOS: a demo album
	$(BIN)/facewatchd run --photos "$$PHOTOS" $(if $(PEOPLE),--people "$$PEOPLE") $(ARGS)
else
run: demo
endif

demo: $(VENV)/.installed  ## make the demo album in ./demo-album and run on it
	$(STEP) 'Making an album of photos in $(DEMO)' $(BIN)/python -m facewatchd.demo $(DEMO)/photos
	@printf '%s\n' \
	    'photos: [$(DEMO)/photos]' \
	    'people: {dir: $(DEMO)/people}' \
	    'state: {dir: $(DEMO)/state}' \
	    'models: {pack: builtin, root: $(DEMO)/models}' >$(DEMO)/facewatchd.yaml
	@echo 'Look into $(CURDIR)/$(DEMO)/people: a folder per person appears within a minute or two. Ctrl-C ends.'
	$(BIN)/facewatchd run --config $(DEMO)/facewatchd.yaml $(ARGS)

# A worker per processor, four at most, as most tests wait for programs. They take whole files in order of the names, so
# that the many small ones of tests/unit come last and all workers end together. PYTEST_ARGS='-n 0' does without them.
test: lint  ## lint, check types, run the tests
	$(BIN)/python -m pytest -n auto --maxprocesses 4 --dist loadfile --no-loadscope-reorder $(PYTEST_ARGS)

lint: $(VENV)/.installed-dev  ## ruff and mypy
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy --strict

# Each in an environment of its own below $$TMPDIR. ARGS names some: "make smoke ARGS='python3.11 python3.13'".
smoke:  ## the demo and a few tests on every Python from 3.11 on that this machine has (two minutes each)
	tests/pythons $(ARGS)

# ARGS chooses: "make faults ARGS='--quick kills'". Both work on folders of their own below $$TMPDIR.
faults: $(VENV)/.installed-dev  ## disturb the real daemon in every way there is, print a table (half an hour)
	$(BIN)/python tests/faults $(ARGS)
	$(if $(ARGS),,$(BIN)/python -m pytest -q -m minutes)

# FACEWATCHD_SOAK chooses how many histories; they, and the examples of all other properties, are others every time.
soak: $(VENV)/.installed-dev  ## try other examples, and very many histories of the people tree (an hour)
	FACEWATCHD_SOAK=$${FACEWATCHD_SOAK:-2000} $(BIN)/python -m pytest -q \
	    tests/unit tests/system/test_store.py tests/system/test_tree_machine.py

bench: $(VENV)/.installed-dev  ## measure: watching 100,000 files, dating, taking in, grouping, assigning, the people tree, the loop
	$(BIN)/python benchmarks/bench_scan.py
	$(BIN)/python benchmarks/bench_dates.py
	$(BIN)/python benchmarks/bench_ingest.py
	$(BIN)/python benchmarks/bench_grouping.py
	$(BIN)/python benchmarks/bench_families.py
	$(BIN)/python benchmarks/bench_scale.py
	$(BIN)/python benchmarks/bench_tiles.py
	$(BIN)/python benchmarks/bench_close_ups.py
	$(BIN)/python benchmarks/bench_tree.py
	$(BIN)/python benchmarks/bench_assign.py
	$(BIN)/python benchmarks/bench_loop.py
	$(BIN)/python benchmarks/bench_workflows.py

# A lock holds the releases that the package index itself offers: what else this machine's pip is set up to look at
# (wheels of its own, a second index) must not get in. The locks are made on Python 3.11, the oldest that is supported:
# hashes of all wheels of a release are in them, so later Pythons and other processors find theirs. Should a package
# need something on a later Python only ("; python_version >= '3.12'"), installing there ends with 'all requirements
# must have their versions pinned': name that package in pyproject.toml's dependencies and make the locks anew.
# ("--unsafe-package none": pip and setuptools are locked like everything else.)
PIP_COMPILE = env -u PIP_FIND_LINKS -u PIP_EXTRA_INDEX_URL PIP_CONFIG_FILE=/dev/null CUSTOM_COMPILE_COMMAND='make lock' \
    $(BIN)/pip-compile --quiet --generate-hashes --unsafe-package none --strip-extras \
    --no-emit-index-url --no-emit-trusted-host --no-emit-find-links $(LOCK_ARGS)

lock: $(VENV)/.installed-dev  ## make the lock files anew from pyproject.toml (LOCK_ARGS=--upgrade: newest releases)
	@$(BIN)/python -c 'import sys; sys.exit(sys.version_info[:2] != (3, 11) and "Make the locks on Python 3.11.")'
	$(PIP_COMPILE) --only-build-deps --build-deps-for wheel -o requirements-build.lock pyproject.toml
	$(PIP_COMPILE) -c requirements-build.lock -o requirements.lock pyproject.toml
	$(PIP_COMPILE) -c requirements-build.lock -c requirements.lock --extra dev -o requirements-dev.lock pyproject.toml

# Both wheels own the same files, so the one installed last wins, and uninstalling either breaks the other. insightface
# asks for the CPU wheel by name: after an update of the locks this has to be done again (`facewatchd doctor` tells).
gpu: ORT_VERSION = $(shell sed -n 's/^onnxruntime==\([^ ]*\).*/\1/p' requirements.lock)
gpu: $(VENV)/.installed  ## use an NVIDIA card: put onnxruntime-gpu in the place of onnxruntime
	$(PIP) uninstall --yes onnxruntime
	$(PIP) install --force-reinstall --no-deps onnxruntime-gpu==$(ORT_VERSION)

clean:  ## remove the environment, the demo album and all caches
	rm -rf '$(VENV)' $(DEMO) build *.egg-info .hypothesis .mypy_cache .pytest_cache .ruff_cache
	find facewatchd tests -name __pycache__ -type d -prune -exec rm -rf {} +

$(BIN)/python:
	@command -v $(PYTHON) >/dev/null || { echo '$(PYTHON) is not there: install Python 3.11 or later, or say make PYTHON=...' >&2; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	    { echo "$$($(PYTHON) -V) is too old: facewatchd needs Python 3.11 or later; make PYTHON=python3.11 chooses one" >&2; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || \
	    { echo '$(PYTHON) cannot make environments: install python3-venv (Debian, Ubuntu: apt install python3-venv)' >&2; exit 1; }
	$(STEP) "Making an environment for $$($(PYTHON) -V) in $(VENV)" $(PYTHON) -m venv '$(VENV)'

# The stamps are written last: an install that fails half-way is taken up again by the next make.
$(VENV)/.installed: requirements.lock
$(VENV)/.installed-dev: requirements-dev.lock
$(VENV)/.installed $(VENV)/.installed-dev: requirements-build.lock pyproject.toml | $(BIN)/python
	$(STEP) 'Installing what building needs' $(PIP) install --require-hashes -r requirements-build.lock
	$(STEP) 'Installing what is locked in $(filter-out requirements-build.lock,$(filter %.lock,$^)) (a minute or two)' \
	    $(INSTALL) -r $(filter-out requirements-build.lock,$(filter %.lock,$^))
	$(STEP) 'Installing facewatchd' $(INSTALL_SELF)
	@$(BIN)/python -c 'from facewatchd.libraries import check; check()'
	@touch $@
