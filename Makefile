# A fresh machine needs Python 3.11 or newer and make; everything else goes into .venv.
#
#   make demo    narrates the sample chapters through HTTP and says where the sound is
#   make serve   the service on http://127.0.0.1:8080 (PORT=... for another port)
#   make test    all tests
#   make check   formatting, lint, types, then all tests
#   make bench   the figures the README quotes
#   make clean   removes what these targets made, .venv included
#
# What is installed is remembered in .venv: nothing is installed twice until a requirements file changes.

PORT ?= 8080
VENV ?= .venv
# The first interpreter that is new enough; PYTHON=/path/to/python chooses another.
PYTHON ?= $(shell for python in python3 python3.11 python3.12 python3.13 python3.14; do \
	"$$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1 && { echo "$$python"; break; }; done)

# Tests that run at the same time; each file's stay together, in order. TEST_WORKERS=0 runs one after the other.
TEST_WORKERS ?= 2

BIN := $(VENV)/bin
PYTEST := $(VENV)/bin/python -m pytest --numprocesses $(TEST_WORKERS) --dist loadfile
PIP := $(BIN)/python -m pip --disable-pip-version-check --quiet
MADE := $(VENV)/.made
SERVE := $(VENV)/.serve
TEST := $(VENV)/.test

.PHONY: demo serve test check lint bench clean
.DEFAULT_GOAL := demo

demo: $(SERVE)
	@$(BIN)/python -m samples.demo --out demo-output

serve: $(SERVE)
	$(BIN)/tanoshi serve --port $(PORT)

test: $(TEST)
	$(PYTEST)

lint: $(TEST)
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy

# One after the other even under make -j: the tests' closing line comes last.
check: lint
	$(PYTEST)

bench: $(TEST)
	$(BIN)/python benchmarks/reading.py samples/ja
	$(BIN)/python benchmarks/reading.py samples/en
	$(BIN)/python benchmarks/window.py
	$(BIN)/python benchmarks/http_api.py
	$(BIN)/python benchmarks/faults.py
	$(BIN)/python benchmarks/cast.py --chapters 24
	$(BIN)/python benchmarks/speech.py

clean:
	rm -rf $(VENV) demo-output build *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis
	find backend tests samples benchmarks -name __pycache__ -type d -prune -exec rm -rf {} +

$(MADE):
	@test -n "$(PYTHON)" || { echo "Python 3.11 or newer is needed; none was found. PYTHON=/path/to/python names one."; exit 1; }
	@echo "Making $(VENV) with $(PYTHON) ..."
	@$(PYTHON) -m venv $(VENV)
	@touch $@

$(SERVE): backend/requirements.txt pyproject.toml | $(MADE)
	@echo "Installing what the service needs ..."
	@$(PIP) install -r backend/requirements.txt
	@$(PIP) install --no-deps --editable .
	@touch $@

$(TEST): requirements-dev.txt $(SERVE)
	@echo "Installing what the tests need ..."
	@$(PIP) install -r requirements-dev.txt
	@touch $@
