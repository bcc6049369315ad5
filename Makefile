# make help  says what follows here
# make run   installs into .venv and trains, validates and tests POEM on ml-100k
# make test  installs into .venv and runs lint, types and the whole test suite
# make docs  installs into .venv and builds the documentation site: build/docs/html/index.html
# make notebooks  runs the notebooks, and keeps what they showed; ARGS names some of them
# make wheel builds wheel and sdist into dist/, and runs the wheel from an empty folder
# make clean removes the environment and what the tools left behind; what was trained stays
# ARGS adds arguments: make run ARGS="--epochs=5", make test ARGS="-k fusion"
# PYTHON names another Python: make run PYTHON=/opt/python3.11/bin/python3

PYTHON ?= $(shell command -v python3.11 || command -v python3 || echo python3)
VENV ?= .venv
BIN := $(VENV)/bin

# what is run; RecBole 1.2.1 needs ray 2.6.3, and POEM dgl 1.1.3: neither has a wheel for Python 3.12
FITS = import sys; sys.exit(sys.version_info[:2] != (3, 11))

.PHONY: run test docs notebooks wheel clean help

run: $(VENV)/installed
	$(BIN)/python run_recbole_poem.py --model=POEM --dataset=ml-100k $(ARGS)

test: $(VENV)/installed
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest --numprocesses=2 --dist=loadfile $(ARGS)

docs: $(VENV)/installed
	PYTHONPATH=docs $(BIN)/python -m docsite build/docs $(ARGS)

notebooks: $(VENV)/installed
	PYTHONPATH=docs $(BIN)/python -m docsite.notebooks $(ARGS)

wheel: $(VENV)/installed
	$(BIN)/python -m pip install -c constraints.txt --editable ".[release]"
	PYTHON=$(BIN)/python .ci/wheel

help:
	@sed -n '/^$$/q; s/^# //p' Makefile

# what `make run` trains is kept; only the environment and what the tools left behind go
clean:
	rm -rf $(VENV) build dist *.egg-info .mypy_cache .pytest_cache .ruff_cache .hypothesis

$(VENV)/installed: setup.cfg setup.py pyproject.toml constraints.txt
	@$(BIN)/python -c '$(FITS)' 2>/dev/null || { $(ENVIRONMENT); }
	$(BIN)/python -m pip install -c constraints.txt --editable ".[test]"
	touch $@

# makes an environment with a Python that fits; uv brings one where this machine has none
define ENVIRONMENT
rm -rf $(VENV); \
if $(PYTHON) -c '$(FITS)' 2>/dev/null; then $(PYTHON) -m venv $(VENV); \
elif command -v uv >/dev/null; then \
	echo "$(PYTHON) does not fit: uv brings Python 3.11" >&2; uv venv --seed --python 3.11 $(VENV); \
else \
	found=$$($(PYTHON) --version 2>&1 | head -n 1); \
	echo "recbole_poem needs Python 3.11, and $(PYTHON) says '$$found': get it by uv" \
		"(pip install uv, then make again), by pyenv (pyenv install 3.11, then make" \
		"PYTHON=\$$(pyenv prefix 3.11)/bin/python) or by Docker (docker run --rm -it" \
		"-v \"\$$PWD\":/w -w /w python:3.11 make run)" >&2; \
	exit 1; \
fi
endef
