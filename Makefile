# Every target sets itself up: the environment lies in .venv, the stamp file says what it was made from.
# pip's own environment variables (PIP_INDEX_URL, PIP_FIND_LINKS, …) are honoured.
SHELL := /bin/bash
VENV ?= .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
PYTHON ?= $(shell for name in python3 python3.13 python3.12 python3.11; do \
  $$name -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$name && break; done)
# Work runs in single-thread processes side by side: faster on few cores than threads that wait for each other.
export OMP_NUM_THREADS ?= 1
export MKL_NUM_THREADS ?= 1
export OPENBLAS_NUM_THREADS ?= 1

.PHONY: report report-evening report-full plan claim test test-slow bench lint lab install clean

report: $(STAMP)  ## simulate a cohort if there is none, train what is missing, write reports/laptop
	$(BIN)/sacd report --profile laptop

report-evening: $(STAMP)  ## what laptop leaves out, on its cohort: an hour and a half more
	$(BIN)/sacd report --profile evening --cohort data/simulated-laptop --reference

report-full: $(STAMP)  ## the paper's settings: for a GPU
	$(BIN)/sacd report --profile paper

plan: $(STAMP)  ## what make report would train, and the minutes it would take
	$(BIN)/sacd report --profile laptop --plan

CLAIM_OPTIONS ?=

claim: $(STAMP)  ## stage B of the confirmation on fresh cohorts, once; CLAIM_OPTIONS="--seed 9100" repeats it on others
	$(BIN)/sacd claim --stage B $(CLAIM_OPTIONS)

test: $(STAMP)  ## all tests but the slow ones
	$(BIN)/python -m pytest -n 2 -m "not slow"

test-slow: $(STAMP)  ## the slow tests: one at a time, they start processes of their own
	$(BIN)/python -m pytest -m slow

bench: $(STAMP)  ## speed of simulator, models and objectives
	$(BIN)/python -m pytest benchmarks --benchmark-only

lint: $(STAMP)
	$(BIN)/ruff check .

LAB_OPTIONS ?=

lab: $(STAMP)  ## JupyterLab on the notebooks
	@test "$$(id -u)" != 0 || case '$(LAB_OPTIONS)' in *--allow-root*) ;; *) \
	  echo "JupyterLab does not run as root unless told to: make lab LAB_OPTIONS=--allow-root"; exit 1;; esac
	$(BIN)/sacd lab $(LAB_OPTIONS)

install: $(STAMP)

# Kernel and language stay in a notebook, papermill fails without them; what an execution leaves goes.
STRIPPED := metadata.papermill metadata.widgets cell.metadata.papermill cell.metadata.execution

$(STAMP): pyproject.toml constraints.txt
	@test -n "$(PYTHON)" || { echo "Python 3.11 or newer is needed; install it or say make PYTHON=/path/to/python3.11"; exit 1; }
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install -c constraints.txt -e '.[dev]'
	@if git rev-parse --git-dir >/dev/null 2>&1; then \
	  git config filter.nbstripout.clean '$(BIN)/nbstripout'; \
	  git config filter.nbstripout.smudge cat; \
	  git config filter.nbstripout.extrakeys '$(STRIPPED)'; \
	  git config diff.ipynb.textconv '$(BIN)/nbstripout -t'; \
	fi
	@touch $@

clean:  ## reports, caches and the environment; cohorts and runs under data/ stay
	rm -rf $(VENV) sacd.egg-info .pytest_cache .ruff_cache .benchmarks
	find reports -mindepth 1 -maxdepth 1 ! -name README.md ! -name reference -exec rm -rf {} +
	find . -name __pycache__ -prune -exec rm -rf {} +
