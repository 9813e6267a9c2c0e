# make run    train on handwritten digits, check the gradient, write report.html
# make test   lint, types and tests, in a .venv of their own
# make proof  compile the Coq development, read what it rests on, see that sabotages fail
# make bench  speed and memory beside PyTorch, JAX and scikit-learn

PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
PIP    := $(BIN)/python -m pip install --quiet --disable-pip-version-check
# One thread a library: tests run in parallel processes, and two thread pools in one process fight.
ONE_THREAD := OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 MKL_NUM_THREADS=1
# scikit-learn checks estimators with other array libraries only if SciPy was told of them before its import.
CHECKS := SCIPY_ARRAY_API=1

.PHONY: help run test lint proof bench reference clean

help:
	@sed -n 's/^# //p' Makefile | head -4

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "backproof needs Python 3.11 or newer; $(PYTHON) is `$(PYTHON) --version`. Try: make PYTHON=python3.12"; exit 1; }
	$(PYTHON) -m venv $(VENV)

$(VENV)/.run: $(BIN)/python pyproject.toml
	$(PIP) --editable '.[data,html]'
	@touch $@

# The oracles come first: their pins decide which build of PyTorch is installed.
$(VENV)/.test: $(BIN)/python pyproject.toml $(wildcard requirements/*.txt)
	$(PIP) --constraint requirements/constraints.txt --requirement requirements/oracles.txt
	$(PIP) --no-deps --requirement requirements/oracles-alone.txt
	$(PIP) --constraint requirements/constraints.txt --editable '.[data,scipy,plots,html,exact,test]'
	@touch $@ $(VENV)/.run

run: $(VENV)/.run
	$(BIN)/python -m backproof.cli.demo

lint: $(VENV)/.test
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

test: lint
	$(ONE_THREAD) $(CHECKS) $(BIN)/python -m pytest -n auto --dist worksteal

proof:
	@$(MAKE) --no-print-directory -C proof -j2 check

bench: $(VENV)/.test
	$(BIN)/python -m benchmarks

reference: $(VENV)/.test
	$(BIN)/python docs/make_reference.py
	$(BIN)/python docs/make_guide.py

clean:
	rm -rf $(VENV) build dist .pytest_cache .mypy_cache .ruff_cache .hypothesis
