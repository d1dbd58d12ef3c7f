# Two commands do all the set-up: `make demo` and `make test`.
# Both need Python 3.11 or newer with venv, and make; nothing else.

PYTHON ?= python3
VENV   ?= .venv
BIN    := $(VENV)/bin
OUT    ?= out

.PHONY: demo test check lint types install test-oldest bench clean

install: $(VENV)/installed

$(VENV)/installed: pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "mixtura needs Python 3.11 or newer; call make PYTHON=python3.11 ...")'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade "pip>=25.1"
	$(BIN)/python -m pip install --quiet --editable ".[all]" --group dev
	@touch $@

# The main job on the example data: 23,570 customers, from their orders to segments.
demo: install
	$(BIN)/mixtura segment examples/data/cdnow.csv.gz --rfm customer,date,amount --seed 0 -o $(OUT) --force

test: install
	$(BIN)/python -m pytest -n 2

# Style, floors and types.
check: lint types

lint: install
	$(BIN)/ruff check src tests benchmarks docs examples
	$(BIN)/ruff format --check src tests benchmarks docs/include.py docs/pictures examples
	$(BIN)/lint-imports

types: install
	$(BIN)/pyright --pythonpath $(BIN)/python

# The oldest versions that the bounds in pyproject.toml allow.
test-oldest: $(VENV)-oldest/installed
	$(VENV)-oldest/bin/python -m pytest -n 2 -m "not slow"

$(VENV)-oldest/installed: pyproject.toml
	$(PYTHON) -m venv $(VENV)-oldest
	$(VENV)-oldest/bin/python -m pip install --quiet --upgrade "pip>=25.1" uv
	VIRTUAL_ENV=$(VENV)-oldest $(VENV)-oldest/bin/uv pip install --quiet --resolution lowest-direct --editable ".[all]" --group test
	@touch $@

# Every number beside its bar, and a record in benchmarks/results; about two hours on two cores.
bench: install
	$(BIN)/python -m benchmarks

clean:
	rm -rf $(VENV) $(VENV)-oldest $(VENV)-peers out .pytest_cache .ruff_cache .hypothesis
