# make run   installs into .venv and trains, validates and tests POEM on ml-100k
# make test  installs into .venv and runs lint, types and the whole test suite
# ARGS adds arguments: make run ARGS="--epochs=5", make test ARGS="-k fusion"

PYTHON ?= $(shell command -v python3.11 || command -v python3)
VENV ?= .venv
BIN := $(VENV)/bin

.PHONY: run test clean

run: $(VENV)/installed
	$(BIN)/python run_recbole_poem.py --model=POEM --dataset=ml-100k $(ARGS)

test: $(VENV)/installed
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/python -m pytest $(ARGS)

# what `make run` trains is kept; only the environment and what the tools left behind go
clean:
	rm -rf $(VENV) build dist *.egg-info .mypy_cache .pytest_cache .ruff_cache .hypothesis

$(VENV)/installed: setup.cfg pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install -c constraints.txt --editable ".[test]"
	touch $@
