# `make` lists what there is. Everything is installed into .venv, nothing else on the machine changes, with one exception:
# where off-screen rendering does not work, the Mesa packages are installed with apt-get (it says so).

SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:

VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/pip --disable-pip-version-check
DEMO_ARGS ?=
TEST_ARGS ?=
# Which ROS 2, as an extra of setup.py: `ros` is Kilted, `ros-jazzy` Jazzy. Choose before the first set-up, or after `make clean`.
ROS_WHEELS ?= ros
UNIT := not system and not slow
# Most tests run on all cores; those that start processes and look at their timing run two at a time, or alone.
PARALLEL := -n auto --dist loadfile

# The first Python that the dependencies have wheels for.
PYTHON ?= $(shell for p in python3 python3.13 python3.12 python3.11 python3.10; do \
	$$p -c 'import sys; sys.exit(not (3, 10) <= sys.version_info < (3, 14))' 2>/dev/null && echo $$p && break; done)

# PyPI's torch for Linux needs several GB of CUDA libraries; the CPU build is enough here. With a GPU: make TORCH_BUILD=torch==2.13.0
TORCH := torch==2.13.0
TORCH_BUILD ?= $(if $(filter Linux,$(shell uname -s)),$(TORCH)+cpu,$(TORCH))
TORCH_CPU_INDEX ?= https://download.pytorch.org/whl/cpu

MESA := libegl1 libegl-mesa0 libgl1-mesa-dri libopengl0

# The wheels in .venv are a ROS 2 of their own: keep a sourced distribution out.
ifdef ROS_DISTRO
unexport PYTHONPATH AMENT_PREFIX_PATH CMAKE_PREFIX_PATH COLCON_PREFIX_PATH LD_LIBRARY_PATH ROS_DISTRO
endif

.PHONY: help
help:  ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-8s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

.PHONY: demo
demo: $(VENV)/.demo  ## run the simulated robot in a browser page (options: DEMO_ARGS="--headless --episodes 20")
	@$(BIN)/neon_control demo $(DEMO_ARGS)

.PHONY: test
# All three parts run whatever the others say; pytest's 5 says that TEST_ARGS chose none of its tests.
test: $(VENV)/.test  ## run all tests (options for pytest: TEST_ARGS="-k limits")
	@failed=0; report=""; \
		part() { \
			$(BIN)/python -m pytest -m "$$2" $${3:-} $(TEST_ARGS) && said=passed || { \
				said="FAILED ($$?)"; [[ $$said == "FAILED (5)" ]] && said="none chosen" || failed=1; }; \
			report+="tests $$1: $$said; "; }; \
		part "on all cores" "not system or patient" "$(PARALLEL)"; \
		part "of processes, two at a time" "system and not patient and not alone" "-n 2 --dist loadfile"; \
		part "whose timing bears nothing beside them" "alone"; \
		echo "$${report%; }"; exit $$failed

.PHONY: unit
unit: $(VENV)/.test  ## run the quick tests: no processes, no DDS
	$(BIN)/python -m pytest -m "$(UNIT)" $(PARALLEL) $(TEST_ARGS)

.PHONY: bench
bench: $(VENV)/.test  ## run the benchmarks
	$(BIN)/python -m pytest test/benchmarks -o addopts="" --import-mode=importlib --benchmark-only $(TEST_ARGS)

.PHONY: check
check: $(VENV)/.test  ## lint, types, and who may import what
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/lint-imports

.PHONY: docs
docs: $(VENV)/.test  ## write docs/parameters.md from the nodes' own descriptions
	$(BIN)/python docs/generate.py

# The installed copy, not the checkout, finds its robot file and URDF.
export CHECK_INSTALLED := from neon_control import load_robot; from neon_control.core.common import paths; loaded = load_robot("g1.yaml"); \
	print("installed copy works:", loaded.name, "from", paths.share_directory().relative_to("$(CURDIR)/install"))

# colcon is in the same environment, so that its pytest finds the dependencies; AMENT_PREFIX_PATH stands in for a sourced distribution.
# `make test` has run everything: here the tests of what ROS uses are enough to show that colcon builds, installs and tests.
.PHONY: html
html: $(VENV)/.docs  ## build the documentation, with pages made from docstrings, in docs/_build
	$(BIN)/python -m sphinx -W --keep-going -q docs docs/_build
	@echo "docs/_build/index.html"

.PHONY: coverage
coverage: $(VENV)/.test  ## run the quick tests and show which lines they reach
	$(BIN)/python -m pytest -m "$(UNIT)" $(PARALLEL) --cov --cov-report=term:skip-covered $(TEST_ARGS)

.PHONY: colcon
colcon: export AMENT_PREFIX_PATH := $(CURDIR)/$(VENV)
colcon: $(VENV)/.colcon  ## build and test as a ROS 2 workspace does, with colcon from PyPI
	@type=$$($(BIN)/colcon list); echo "$$type"; \
		[[ "$$type" == *"(ros.ament_python)"* ]] || { echo "colcon does not take this for an ament_python package: is package.xml valid?" >&2; exit 1; }
	$(BIN)/colcon build --event-handlers console_direct+
	$(BIN)/colcon test --event-handlers console_direct+ --return-code-on-test-failure --pytest-args test/core test/nodes test/test_launch.py test/test_packaging.py -m "$(UNIT)"
	@result=$$($(BIN)/colcon test-result --verbose); echo "$$result"; \
		[[ "$$result" =~ Summary:\ [1-9][0-9]*\ tests ]] || { echo "colcon ran no test" >&2; exit 1; }
	@cd / && set +u && source "$(CURDIR)/install/setup.bash" && "$(CURDIR)/$(BIN)/python" -c "$$CHECK_INSTALLED"

.PHONY: clean
clean:  ## remove .venv and everything built, tested or cached here
	rm -rf $(VENV) build install log *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis .benchmarks .import_linter_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# --- set-up: each stamp is made anew when setup.py changes ---

$(BIN)/python:
	@[ -n "$(PYTHON)" ] || { echo "Python 3.10 to 3.13 is needed; found: $$(python3 --version 2>&1)" >&2; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || { echo "Python's venv module is missing"; $(call apt_install,python3-venv); }
	@echo "setting up $(VENV): about 2 GB, some minutes the first time"
	@$(PYTHON) -m venv $(VENV)

# First what pip is set up to use, then PyTorch's own index, then whatever build there is.
$(VENV)/.torch: $(BIN)/python
	@$(PIP) install --quiet "$(TORCH_BUILD)" 2>/dev/null \
		|| $(PIP) install --quiet --retries 0 --timeout 10 --no-deps --index-url $(TORCH_CPU_INDEX) "$(TORCH_BUILD)" 2>/dev/null \
		|| { echo "no CPU build of torch within reach; installing the default one"; $(PIP) install "$(TORCH)"; }
	@touch $@

$(VENV)/.demo: setup.py $(VENV)/.torch
	@echo "installing what the demo needs"
	@$(PIP) install --quiet -e ".[$(ROS_WHEELS),sim,unitree,train,replay]"
	@$(MAKE) --no-print-directory rendering
	@touch $@

$(VENV)/.test: setup.py $(VENV)/.demo
	@echo "installing what the tests need"
	@$(PIP) install --quiet -e ".[$(ROS_WHEELS),test]"
	@touch $@

$(VENV)/.docs: setup.py $(BIN)/python
	@echo "installing what the documentation needs"
	@$(PIP) install --quiet -e ".[docs]"
	@touch $@

$(VENV)/.colcon: setup.py $(VENV)/.test
	@echo "installing colcon"
	@$(PIP) install --quiet -e ".[$(ROS_WHEELS),test,colcon]"
	@touch $@

RENDER := MUJOCO_GL=egl $(BIN)/python -c 'import mujoco; mujoco.GLContext(64, 64).make_current()'

.PHONY: rendering
rendering:
ifeq ($(shell uname -s),Linux)
	@$(RENDER) 2>/dev/null || { echo "off-screen rendering (EGL) does not work yet"; $(call apt_install,$(MESA)); $(RENDER); }
endif

# $(call apt_install,packages): as root, or with sudo; otherwise print the command and stop.
define apt_install
	if ! command -v apt-get >/dev/null; then echo "please install the equivalent of: $(1)" >&2; exit 1; \
	elif [ "$$(id -u)" = 0 ]; then root=""; \
	elif command -v sudo >/dev/null; then root="sudo"; \
	else echo "please run as root: apt-get update && apt-get install -y $(1)" >&2; exit 1; fi; \
	echo "installing $(1) with apt-get"; \
	$$root apt-get update -qq && DEBIAN_FRONTEND=noninteractive $$root apt-get install -y -qq --no-install-recommends $(1) >/dev/null
endef
